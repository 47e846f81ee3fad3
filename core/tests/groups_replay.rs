//! Loading groups from whatever an offsets partition may hold: any records in any order, tombstones of what is not there,
//! any prefix, and bytes that are no records at all.

use bytes::Bytes;
use grete_core::coordinator::{Replay, Ticket};
use grete_core::group::names::{GenerationId, GroupId, ProtocolName};
use grete_core::group::records::{CommittedOffset, GroupMetadata, MemberRecord, Record};
use grete_core::group::{GroupCoordinator, GroupOutput, GroupSettings, Recorded, Topics, codec};
use grete_core::ids::{LeaderEpoch, Offset, PartitionIndex, Timestamp, TopicId};
use grete_core::rng::Seed;
use grete_core::time::{Instant, Now};
use grete_protocol::records::{BatchBuilder, BatchOptions};
use proptest::prelude::*;
use std::sync::Arc;

fn group() -> impl Strategy<Value = GroupId> {
    prop_oneof!["", "[gh]"].prop_map(|name: String| name.into())
}

fn offset() -> impl Strategy<Value = CommittedOffset> {
    let expire = prop_oneof![Just(None), any::<i64>().prop_filter("-1 is none", |at| *at != -1).prop_map(Some)];
    (any::<i64>(), any::<i32>(), "[a-z]{0,3}", any::<i64>(), expire).prop_map(
        |(offset, epoch, metadata, at, expire)| {
            let expires = expire.is_some();
            CommittedOffset {
                offset: Offset(offset),
                leader_epoch: LeaderEpoch(if expires { -1 } else { epoch }),
                metadata: metadata.as_str().into(),
                commit_timestamp: Timestamp(at),
                expire_timestamp: expire.map(Timestamp),
                topic_id: if expires { TopicId::ZERO } else { TopicId([1; 16]) },
            }
        },
    )
}

/// Few names, so that members and instances come twice and leaders are not there.
fn member() -> impl Strategy<Value = MemberRecord> {
    let metadata = prop::collection::vec(any::<u8>(), 0..12).prop_map(Bytes::from);
    ("[a-c]", prop::option::of("[ij]"), any::<i32>(), -10..100_000i32, metadata.clone(), metadata).prop_map(
        |(member, instance, rebalance_timeout_ms, session_timeout_ms, subscription, assignment)| MemberRecord {
            member: member.as_str().into(),
            instance: instance.as_deref().map(Into::into),
            client_id: "c".into(),
            client_host: "/::1".into(),
            // -1 stands for the session timeout.
            rebalance_timeout_ms: if rebalance_timeout_ms == -1 { session_timeout_ms } else { rebalance_timeout_ms },
            session_timeout_ms,
            subscription,
            assignment,
        },
    )
}

fn metadata() -> impl Strategy<Value = GroupMetadata> {
    let protocol = prop::option::of("(range|)");
    let members = prop::collection::vec(member(), 0..4);
    (prop::option::of("(consumer|connect)"), any::<i32>(), protocol, prop::option::of("[a-d]"), any::<i64>(), members)
        .prop_map(|(protocol_type, generation, protocol_name, leader, since, members)| GroupMetadata {
            protocol_type: protocol_type.as_deref().map(Into::into),
            generation: GenerationId(generation),
            protocol_name: protocol_name.as_deref().map(ProtocolName::from),
            leader: leader.as_deref().map(Into::into),
            current_state_timestamp: Timestamp(since),
            members,
        })
}

fn record() -> impl Strategy<Value = Record> {
    let of_offset =
        (group(), "[tu]", 0..3i32, prop::option::of(offset())).prop_map(|(group, topic, partition, value)| {
            Record::Offset { group, topic: topic.as_str().into(), partition: PartitionIndex(partition), value }
        });
    let of_group = (group(), prop::option::of(metadata().prop_map(Arc::new)))
        .prop_map(|(group, value)| Record::Group { group, value });
    prop_oneof![of_offset, of_group]
}

fn coordinator() -> GroupCoordinator {
    let hour = 60 * 60 * 1_000;
    let settings = GroupSettings { offsets_retention_check_interval_ms: hour, ..GroupSettings::default() };
    GroupCoordinator::loading(Arc::new(settings), Seed(1))
}

fn now(ms: u64) -> Now {
    Now { instant: Instant(ms * 1_000), wall: Timestamp(ms as i64) }
}

/// Lets a loaded coordinator live until all that is recorded has expired: members fail, offsets go, groups end.
fn live_on(coordinator: &mut GroupCoordinator) {
    let week = 8 * 24 * 60 * 60 * 1_000;
    for _ in 0..10_000 {
        let Some(due) = coordinator.next_deadline().filter(|due| due.0 <= week * 1_000) else { return };
        // Were something due again and again at once, the end of the week would not come.

        let now = now(due.0 / 1_000);
        coordinator.on_timer(now);
        while let Some(output) = coordinator.pop() {
            if let GroupOutput::Append { token, .. } = output {
                coordinator.appended(now, token);
                coordinator.committed(now, token);
            }
        }
    }
    panic!("the coordinator does not come to rest");
}

proptest! {
    #[test]
    fn any_records_load_at_any_prefix(records in prop::collection::vec(record(), 1..30), cut in 0usize..30) {
        let records = &records[..cut.min(records.len())];
        let mut fold = Recorded::default();
        let mut loaded = coordinator();
        for record in records {
            fold.replay(record);
            let (batch, count) = codec::batch(std::slice::from_ref(record), Timestamp(0), 1 << 20);
            prop_assert_eq!(count, 1);
            prop_assert!(loaded.load(&batch).is_ok());
        }
        loaded.loaded(now(0));
        prop_assert_eq!(loaded.committed_view(), Some(&fold), "what is read is what was written");
        loaded.check_invariants();
        loaded.describe_groups(Ticket(1), &["", "g", "h"], 6);
        for group in ["", "g", "h"] {
            loaded.fetch_offsets(Ticket(2), group, None, false, true, &Topics::default());
        }
        live_on(&mut loaded);
        loaded.check_invariants();
    }

    #[test]
    fn bytes_that_are_no_records_are_an_error_or_passed_over(
        kind in prop_oneof![0..4i16, any::<i16>()],
        key in prop::collection::vec(any::<u8>(), 0..20),
        value in prop::option::of(prop::collection::vec(any::<u8>(), 0..60)),
    ) {
        let mut builder = BatchBuilder::new(BatchOptions::default());
        let key = [&kind.to_be_bytes()[..], &key].concat();
        builder.try_append(0, Some(&key), value.as_deref(), [].into_iter()).expect("it fits");
        let mut loaded = coordinator();
        if loaded.load(&builder.build()).is_ok() {
            loaded.loaded(now(0));
            prop_assert!(loaded.is_active());
            loaded.check_invariants();
        } else {
            loaded.loaded(now(0));
            prop_assert!(!loaded.is_active(), "a partition that cannot be read is not served");
        }
    }
}
