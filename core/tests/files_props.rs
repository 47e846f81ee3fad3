//! Properties of the codecs: what is encoded decodes to the same, arbitrary bytes are an answer or an error, lookups are
//! what a list says, and leader epochs are what the epochs of all records say.

use grete_core::ids::{FilePosition, LeaderEpoch, NodeId, Offset, PartitionIndex, ProducerEpoch, ProducerId};
use grete_core::ids::{Timestamp, TopicId};
use grete_core::log::epochs::LeaderEpochs;
use grete_core::log::files::leader_epoch_checkpoint::{self, EpochEntry};
use grete_core::log::files::meta_properties::MetaProperties;
use grete_core::log::files::offset_checkpoint::{self, Entry};
use grete_core::log::files::offset_index::{self, OffsetIndex, OffsetPosition};
use grete_core::log::files::partition_dir::{DirKind, PartitionDir};
use grete_core::log::files::producer_snapshot::{self, ProducerEntry};
use grete_core::log::files::properties::Properties;
use grete_core::log::files::quorum_state::{QuorumState, Version, Vote};
use grete_core::log::files::segment_name::SegmentName;
use grete_core::log::files::snapshot_name::SnapshotName;
use grete_core::log::files::time_index::{self, TimeIndex, TimestampOffset};
use grete_core::log::files::txn_index::{AbortedTxn, TxnIndex};
use grete_core::log::files::{clean_shutdown, partition_metadata, topic_name};
use grete_protocol::wire::Uuid;
use proptest::prelude::*;

/// Numbers at the edges of their range more often than chance has them.
fn edgy<T: Copy + std::fmt::Debug + Arbitrary + 'static>(edges: &'static [T]) -> BoxedStrategy<T> {
    prop_oneof![proptest::sample::select(edges), any::<T>()].boxed()
}

fn producer_entry() -> impl Strategy<Value = ProducerEntry> {
    let long = || edgy(&[-1_i64, 0, i64::MAX]);
    let int = || edgy(&[-1_i32, 0, i32::MAX]);
    let first = proptest::option::of(0..=i64::MAX);
    (long(), any::<i16>(), int(), long(), int(), long(), int(), first).prop_map(
        |(producer, epoch, last_sequence, last_offset, offset_delta, timestamp, coordinator_epoch, first)| {
            ProducerEntry {
                producer: ProducerId(producer),
                epoch: ProducerEpoch(epoch),
                last_sequence,
                last_offset: Offset(last_offset),
                offset_delta,
                timestamp: Timestamp(timestamp),
                coordinator_epoch,
                current_txn_first_offset: first.map(Offset),
            }
        },
    )
}

/// Growing pairs: steps of both columns, the second at least `least`.
fn growing(least: u32) -> impl Strategy<Value = Vec<(u32, u32)>> {
    prop::collection::vec((1..1000_u32, least..100_000), 0..60).prop_map(|steps| {
        let sum = |at: &mut (u32, u32), step: (u32, u32)| {
            *at = (at.0 + step.0, at.1 + step.1);
            Some(*at)
        };
        steps.into_iter().scan((0, 0), sum).collect()
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_an_answer_or_an_error(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        base in edgy(&[0_i64, i64::MAX, -1]),
    ) {
        decode_all(&bytes, Offset(base));
    }

    #[test]
    fn arbitrary_text_is_an_answer_or_an_error(text in "[-0-9 :=a-z\\\\\n\r\t{}\\[\\]\",#.]{0,200}") {
        decode_all(text.as_bytes(), Offset(0));
        let name = SegmentName::parse(&text);
        prop_assert!(name.is_none_or(|name| name.format() == text));
        let dir = PartitionDir::parse(&text);
        prop_assert!(dir.is_none_or(|dir| dir.format() == text));
        let snapshot = SnapshotName::parse(&text);
        prop_assert!(snapshot.is_none_or(|name| SnapshotName::parse(&name.format()) == Some(name)));
    }

    #[test]
    fn producer_snapshots_round_trip(entries in prop::collection::vec(producer_entry(), 0..20)) {
        let bytes = producer_snapshot::encode(entries.iter().copied());
        prop_assert_eq!(producer_snapshot::decode(&bytes), Ok(entries));
    }

    #[test]
    fn checkpoints_round_trip(
        epochs in prop::collection::vec((0..=i32::MAX, 0..=i64::MAX), 0..20),
        offsets in prop::collection::vec(("[a-zA-Z0-9_-]{1,249}", 0..=i32::MAX, 0..=i64::MAX), 0..20),
    ) {
        let entry = |(epoch, start)| EpochEntry { epoch: LeaderEpoch(epoch), start_offset: Offset(start) };
        let epochs: Vec<_> = epochs.into_iter().map(entry).collect();
        prop_assert_eq!(leader_epoch_checkpoint::decode(leader_epoch_checkpoint::encode(&epochs).as_bytes()), Ok(epochs));
        let entries: Vec<_> = offsets
            .iter()
            .map(|(topic, partition, offset)| Entry {
                topic,
                partition: PartitionIndex(*partition),
                offset: Offset(*offset),
            })
            .collect();
        let text = offset_checkpoint::encode(entries.iter().copied());
        prop_assert_eq!(offset_checkpoint::decode(text.as_bytes()), Ok(entries));
    }

    #[test]
    fn directories_round_trip(topic in "[a-zA-Z0-9._-]{1,249}", partition in 0..=i32::MAX, unique: u128, kind in 0..4) {
        prop_assume!(topic_name::validate(&topic).is_ok());
        let kind = match kind {
            0 => DirKind::Live,
            1 => DirKind::Delete(unique),
            2 => DirKind::Future(unique),
            _ => DirKind::Stray(unique),
        };
        let dir = PartitionDir { topic: &topic, partition: PartitionIndex(partition), kind };
        let name = dir.format();
        let parsed = PartitionDir::parse(&name).unwrap();
        prop_assert_eq!((parsed.partition, parsed.kind), (dir.partition, dir.kind));
        prop_assert!(topic.starts_with(parsed.topic));
        prop_assert!(parsed.topic == topic || name.len() == 255);
    }

    #[test]
    fn java_properties_round_trip(pairs in prop::collection::vec(("\\PC{0,20}", any::<String>()), 0..8)) {
        let mut properties = Properties::default();
        properties.comment(" first");
        for (key, value) in &pairs {
            properties.set(key, value.clone());
        }
        let text = properties.encode();
        let decoded = Properties::decode(text.as_bytes()).unwrap();
        prop_assert_eq!(decoded.encode(), text);
        for (key, _) in &pairs {
            prop_assert_eq!(decoded.get(key), properties.get(key));
        }
    }

    #[test]
    fn the_directorys_own_files_round_trip(
        cluster_id: String,
        node in 0..=i32::MAX,
        epoch in 0..=i32::MAX,
        broker_epoch in 0..=i64::MAX,
        directory in 100_u128..,
        leader in proptest::option::of(0..=i32::MAX),
        candidate in proptest::option::of(0..=i32::MAX),
        voters in proptest::option::of(prop::collection::vec(any::<i32>().prop_map(NodeId), 0..5)),
        applied_offset: i64,
    ) {
        let directory = Uuid(directory.to_be_bytes());
        let text = MetaProperties::new(cluster_id.clone(), NodeId(node), directory).encode();
        let meta = MetaProperties::decode(text.as_bytes()).unwrap();
        prop_assert_eq!((&meta.cluster_id, meta.node_id, meta.directory_id), (&cluster_id, NodeId(node), Some(directory)));
        prop_assert_eq!(meta.encode(), text);

        let shutdown = clean_shutdown::decode(clean_shutdown::encode(broker_epoch).as_bytes()).unwrap();
        prop_assert_eq!(shutdown.broker_epoch, Some(broker_epoch));
        let topic = TopicId(directory.0);
        prop_assert_eq!(partition_metadata::decode(partition_metadata::encode(topic).as_bytes()), Ok(topic));

        for version in [Version::V0 { cluster_id: cluster_id.clone(), applied_offset, voters }, Version::V1] {
            let in_v1 = Some(directory).filter(|_| version == Version::V1);
            let state = QuorumState {
                leader_epoch: LeaderEpoch(epoch),
                leader: leader.map(NodeId),
                voted: candidate.map(|candidate| Vote { candidate: NodeId(candidate), directory: in_v1 }),
                grete_since: leader.map(LeaderEpoch),
                version,
            };
            prop_assert_eq!(QuorumState::decode(state.encode().as_bytes()), Ok(state));
        }
    }

    #[test]
    fn offset_lookups_are_what_a_list_says(columns in growing(1), base in edgy(&[0_i64, 1 << 40]), target in 0..70_000_i64) {
        let base = Offset(base.clamp(0, i64::MAX >> 1));
        let entry = |&(offset, position): &(u32, u32)| OffsetPosition {
            offset: base.plus(offset.into()),
            position: FilePosition(position.into()),
        };
        let entries: Vec<_> = columns.iter().map(entry).collect();
        let mut bytes: Vec<u8> = entries.iter().flat_map(|entry| entry.encode(base).unwrap()).collect();
        let target = base.plus(target);
        let index = OffsetIndex::decode(&bytes, base).unwrap();
        prop_assert!(index.iter().eq(entries.iter().copied()));
        prop_assert_eq!(index.lookup(target), entries.iter().rfind(|entry| entry.offset <= target).copied());
        let kept = entries.iter().filter(|entry| entry.offset < target).count() * offset_index::ENTRY_BYTES;
        prop_assert_eq!(index.truncated_bytes(target), kept);
        let used = bytes.len();
        bytes.resize(used + 800, 0);
        prop_assert_eq!(offset_index::used_bytes(&bytes), used);
    }

    #[test]
    fn time_lookups_are_what_a_list_says(columns in growing(0), target in -1..70_000_i64, end in 0..100_000_i64) {
        let entry = |&(time, offset): &(u32, u32)| TimestampOffset {
            timestamp: Timestamp(time.into()),
            offset: Offset(7).plus(offset.into()),
        };
        let entries: Vec<_> = columns.iter().map(entry).collect();
        let bytes: Vec<u8> = entries.iter().flat_map(|entry| entry.encode(Offset(7)).unwrap()).collect();
        let index = TimeIndex::decode(&bytes, Offset(7)).unwrap();
        prop_assert!(index.iter().eq(entries.iter().copied()));
        let target = Timestamp(target);
        prop_assert_eq!(index.lookup(target), entries.iter().rfind(|entry| entry.timestamp <= target).copied());
        let kept = entries.iter().filter(|entry| entry.offset < Offset(end)).count() * time_index::ENTRY_BYTES;
        prop_assert_eq!(index.truncated_bytes(Offset(end)), kept);
    }

    #[test]
    fn aborted_transactions_are_found_as_in_a_list(
        spans in prop::collection::vec((1..20_i64, 0..50_i64), 0..30),
        from in 0..1200_i64,
        length in 1..200_i64,
    ) {
        // Markers grow; each transaction is of a producer of its own and begins some offsets before its marker. The last
        // stable offset is the first offset of those that are still open, as a log would have it. An offset has one record: markers
        // are even, what transactions begin with is odd.
        let mut marker = 0;
        let mut all: Vec<AbortedTxn> = Vec::new();
        for (number, (step, back)) in spans.into_iter().enumerate() {
            marker += 2 * step;
            all.push(AbortedTxn {
                producer: ProducerId(number as i64),
                first_offset: Offset((marker - 2 * back - 1).max(0)),
                last_offset: Offset(marker),
                last_stable_offset: Offset(marker + 1),
            });
        }
        for at in 0..all.len() {
            let marker = all[at].last_offset;
            let open = all[at + 1..].iter().map(|txn| txn.first_offset).filter(|first| *first < marker).min();
            all[at].last_stable_offset = open.unwrap_or(marker.plus(1));
        }
        let bytes: Vec<u8> = all.iter().flat_map(|txn| txn.encode()).collect();
        let index = TxnIndex::decode(&bytes, Offset(0)).unwrap();
        prop_assert!(index.iter().eq(all.iter().copied()));
        let (from, end) = (Offset(from), Offset(from + length));
        let concerned = all.iter().filter(|txn| txn.last_offset >= from && txn.first_offset < end).copied();
        prop_assert!(index.overlapping(from, end).eq(concerned));
    }

    #[test]
    fn leader_epochs_are_those_of_the_records(steps in prop::collection::vec(epoch_step(), 1..60)) {
        // The epoch of each record, and the offset of the first one.
        let mut records: Vec<i32> = Vec::new();
        let mut start = 0_i64;
        let mut epoch = 0;
        let mut known = LeaderEpochs::default();
        for step in steps {
            let end = start + records.len() as i64;
            match step {
                EpochStep::Append { bump, count } => {
                    epoch += bump;
                    known.assign(LeaderEpoch(epoch), Offset(end));
                    records.extend(std::iter::repeat_n(epoch, count));
                }
                EpochStep::Cut { back } => {
                    records.truncate(records.len().saturating_sub(back));
                    known.truncate_from_end(Offset(start + records.len() as i64));
                }
                EpochStep::Drop { count } => {
                    let count = count.min(records.len());
                    records.drain(..count);
                    start += count as i64;
                    known.truncate_from_start(Offset(start));
                }
                EpochStep::Restore => {
                    let text = leader_epoch_checkpoint::encode(known.entries());
                    let restored = LeaderEpochs::restore(leader_epoch_checkpoint::decode(text.as_bytes()).unwrap());
                    prop_assert_eq!(&restored, &known);
                }
            }
            known.check_invariants();
            let end = start + records.len() as i64;
            for (offset, &epoch) in (start..).zip(&records) {
                prop_assert_eq!(known.epoch_for_offset(Offset(offset)), Some(LeaderEpoch(epoch)));
            }
            for asked in -1..=epoch + 1 {
                let Some(answer) = known.end_offset_for(LeaderEpoch(asked), Offset(end)) else { continue };
                // Records of later epochs begin at the answer; none before it is of one.
                let above = records.iter().position(|&epoch| epoch > asked).map_or(end, |at| start + at as i64);
                prop_assert_eq!(answer.end_offset, Offset(above), "epoch {}", asked);
                prop_assert!(answer.epoch <= LeaderEpoch(asked));
            }
        }
    }
}

#[derive(Clone, Debug)]
enum EpochStep {
    Append { bump: i32, count: usize },
    Cut { back: usize },
    Drop { count: usize },
    Restore,
}

fn epoch_step() -> impl Strategy<Value = EpochStep> {
    prop_oneof![
        4 => (0..3_i32, 0..4_usize).prop_map(|(bump, count)| EpochStep::Append { bump, count }),
        1 => (0..5_usize).prop_map(|back| EpochStep::Cut { back }),
        1 => (0..5_usize).prop_map(|count| EpochStep::Drop { count }),
        1 => Just(EpochStep::Restore),
    ]
}

/// Lets every decoder have a go at the bytes, and uses what comes out.
fn decode_all(bytes: &[u8], base: Offset) {
    let index = OffsetIndex::trusted(bytes, base);
    assert!(index.lookup(Offset(i64::MAX)).is_none_or(|entry| entry.position.0 <= u64::from(u32::MAX)));
    assert!(index.truncated_bytes(Offset(5)) <= bytes.len());
    if let Ok(index) = OffsetIndex::decode(bytes, base) {
        assert_eq!(index.iter().len() * offset_index::ENTRY_BYTES, bytes.len());
    }
    assert!(offset_index::used_bytes(bytes) <= bytes.len());
    assert!(time_index::used_bytes(bytes) <= bytes.len());
    let index = TimeIndex::trusted(bytes, base);
    assert!(index.truncated_bytes(Offset(5)) <= bytes.len());
    if let Ok(index) = TimeIndex::decode(bytes, base) {
        assert_eq!(index.iter().len() * time_index::ENTRY_BYTES, bytes.len());
    }
    let index = TxnIndex::trusted(bytes);
    assert!(index.overlapping(Offset(0), Offset(i64::MAX)).count() <= bytes.len() / 34);
    assert!(TxnIndex::decode(bytes, base).is_ok() || !bytes.is_empty());
    assert!(producer_snapshot::decode(bytes).is_err(), "a checksum does not fit by chance");
    if let Ok(entries) = leader_epoch_checkpoint::decode(bytes) {
        LeaderEpochs::restore(entries).check_invariants();
    }
    if let Ok(entries) = offset_checkpoint::decode(bytes) {
        assert!(entries.len() <= bytes.len());
    }
    if let Ok(properties) = Properties::decode(bytes) {
        assert_eq!(Properties::decode(properties.encode().as_bytes()).unwrap().encode(), properties.encode());
    }
    assert!(MetaProperties::decode(bytes).is_err());
    assert!(QuorumState::decode(bytes).is_err());
    assert!(partition_metadata::decode(bytes).is_err());
    assert!(clean_shutdown::decode(bytes).is_ok() == bytes.is_empty() || bytes.starts_with(b"{"));
}
