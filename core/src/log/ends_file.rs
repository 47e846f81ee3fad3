//! `grete-flushed-<shard>`: how far the logs in a directory are known to be durable. This file is Grete's own.
//!
//! ```text
//! 0   8 bytes  "GRETEND2"
//! 8   frames, one behind the other:
//! +0  u32      length of the body
//! +4  u32      CRC-32C of the body
//! +8  body:
//!     u8       1 = these are all entries, what came before does not count; 2 = these changed
//!     i32      the epoch since which only Grete has written to the directory, as `quorum-state` has it
//!     u32      number of entries, each of 80 bytes and its producers:
//!     16 bytes   topic id
//!     i32        partition
//!     i64        log start offset
//!     i64        flushed end: all records before it are durable
//!     i64        base offset of the segment in which it lies
//!     u64        its position in that segment's file; all ones for a log that another broker has left and that is damaged,
//!                so that it was not taken over: then the ends are what that broker's files said, and nothing else counts
//!     i64        greatest time of the segment's first batch, or -1
//!     i64        greatest time in the segment, or -1
//!     i64        last offset of the batch that has it, or -1
//!     u32        length of what follows: a producer snapshot as Kafka has it, of all producers (1) or of those that
//!                changed (2), but for this: a producer has an entry for each batch that it may repeat, oldest first,
//!                and one without a batch where a marker came later
//! ```
//! Big-endian. The first frame has all entries. A frame that is cut short or whose checksum does not fit ends the file:
//! it was being written when the power went, and says nothing that was acknowledged. The digit is the format's version.

use super::files::crc32c;
use super::files::producer_snapshot::{self, ProducerEntry};
use crate::ids::{FilePosition, LeaderEpoch, Offset, PartitionIndex, ProducerId, Timestamp, TopicId, TopicPartition};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

const MAGIC: &[u8; 8] = b"GRETEND2";
/// What the files of all versions begin with.
const MAGIC_ANY: &[u8] = b"GRETEND";
const ALL: u8 = 1;
const CHANGES: u8 = 2;

/// What is known of a log that is durable up to a flushed end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EndEntry {
    pub(super) partition: TopicPartition,
    pub(super) log_start: Offset,
    pub(super) flushed_end: Offset,
    /// The base of the segment in which the flushed end lies.
    pub(super) segment: Offset,
    /// Where it lies in that segment's file.
    pub(super) position: FilePosition,
    /// The greatest time of that segment's first batch.
    pub(super) first_timestamp: Option<Timestamp>,
    /// The greatest time in that segment, and the last offset of the batch that has it.
    pub(super) max_timestamp: Option<(Timestamp, Offset)>,
    /// The producers of the log as of the flushed end: all of them, or those that changed since the entry before.
    pub(super) producers: Vec<ProducerEntry>,
}

/// What a file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FlushedEnds {
    /// The epoch since which only Grete has written to the directory. Where that is not so any more, the entries say nothing.
    pub(super) since: LeaderEpoch,
    pub(super) entries: BTreeMap<TopicPartition, EndEntry>,
}

/// Why a file says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EndsError {
    /// It is of a version that is not known yet.
    Newer,
    /// It is damaged, or of a version from before the first release.
    Unreadable,
}

/// The position of a log that was not taken over from another broker.
const FOREIGN: FilePosition = FilePosition(u64::MAX);

impl EndEntry {
    /// The entry of a log that was not taken over, with what its broker's files say of it.
    pub(super) fn foreign(partition: TopicPartition, flushed_end: Offset, log_start: Offset) -> Self {
        Self {
            partition,
            log_start,
            flushed_end: flushed_end.max(log_start),
            segment: Offset::ZERO,
            position: FOREIGN,
            first_timestamp: None,
            max_timestamp: None,
            producers: Vec::new(),
        }
    }

    /// Whether the log was not taken over from another broker.
    pub(super) fn is_foreign(&self) -> bool {
        self.position == FOREIGN
    }
}

/// A file with these entries and no others.
pub(super) fn encode_whole(since: LeaderEpoch, entries: &[EndEntry]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    frame(ALL, since, entries, &mut bytes);
    bytes
}

/// What to append to a file so that these entries take the place of those that it has for the same logs.
pub(super) fn encode_changes(since: LeaderEpoch, entries: &[EndEntry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame(CHANGES, since, entries, &mut bytes);
    bytes
}

fn frame(kind: u8, since: LeaderEpoch, entries: &[EndEntry], bytes: &mut Vec<u8>) {
    let mut body = alloc::vec![kind];
    body.extend_from_slice(&since.0.to_be_bytes());
    body.extend_from_slice(&(entries.len() as u32).to_be_bytes());
    entries.iter().for_each(|entry| entry.encode(&mut body));
    bytes.extend_from_slice(&(body.len() as u32).to_be_bytes());
    bytes.extend_from_slice(&crc32c(&body).to_be_bytes());
    bytes.extend_from_slice(&body);
}

/// What a file says up to the first frame that is not whole.
pub(super) fn decode(bytes: &[u8]) -> Result<FlushedEnds, EndsError> {
    let Some(mut rest) = bytes.strip_prefix(MAGIC) else {
        let version = bytes.strip_prefix(MAGIC_ANY).and_then(|rest| rest.first());
        let newer = version.is_some_and(|version| MAGIC.last().is_some_and(|known| version > known));
        return Err(if newer { EndsError::Newer } else { EndsError::Unreadable });
    };
    let mut ends: Option<FlushedEnds> = None;
    while let Some((kind, since, changed)) = decode_frame(&mut rest) {
        let mut all = ends.take().map(|ends| ends.entries).unwrap_or_default();
        match kind {
            FrameKind::All => all.clear(),
            FrameKind::Changes => {}
        }
        for mut entry in changed {
            if let Some(before) = all.remove(&entry.partition) {
                entry.producers = merged(before.producers, entry.producers);
            }
            all.insert(entry.partition, entry);
        }
        ends = Some(FlushedEnds { since, entries: all });
    }
    ends.ok_or(EndsError::Unreadable)
}

enum FrameKind {
    All,
    Changes,
}

fn decode_frame(rest: &mut &[u8]) -> Option<(FrameKind, LeaderEpoch, Vec<EndEntry>)> {
    let length = u32::from_be_bytes(take(rest)?);
    let checksum = u32::from_be_bytes(take(rest)?);
    let (mut body, behind) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    if crc32c(body) != checksum {
        return None;
    }
    let kind = match take(&mut body)? {
        [ALL] => FrameKind::All,
        [CHANGES] => FrameKind::Changes,
        _ => return None,
    };
    let since = LeaderEpoch(i32::from_be_bytes(take(&mut body)?));
    let count = u32::from_be_bytes(take(&mut body)?);
    let mut entries = Vec::new();
    for _ in 0..count {
        entries.push(EndEntry::decode(&mut body)?);
    }
    *rest = behind;
    body.is_empty().then_some((kind, since, entries))
}

/// What is known of producers, with what has changed: all that is said of one takes the place of what was.
fn merged(before: Vec<ProducerEntry>, changed: Vec<ProducerEntry>) -> Vec<ProducerEntry> {
    let news: BTreeSet<ProducerId> = changed.iter().map(|entry| entry.producer).collect();
    let mut all: Vec<ProducerEntry> = before.into_iter().filter(|entry| !news.contains(&entry.producer)).collect();
    all.extend(changed);
    all
}

impl EndEntry {
    fn encode(&self, body: &mut Vec<u8>) {
        body.extend_from_slice(&self.partition.topic.0);
        body.extend_from_slice(&self.partition.partition.0.to_be_bytes());
        body.extend_from_slice(&self.log_start.0.to_be_bytes());
        body.extend_from_slice(&self.flushed_end.0.to_be_bytes());
        body.extend_from_slice(&self.segment.0.to_be_bytes());
        body.extend_from_slice(&self.position.0.to_be_bytes());
        body.extend_from_slice(&self.first_timestamp.map_or(-1, |time| time.0).to_be_bytes());
        let (time, offset) = self.max_timestamp.unwrap_or((Timestamp(-1), Offset(-1)));
        body.extend_from_slice(&time.0.to_be_bytes());
        body.extend_from_slice(&offset.0.to_be_bytes());
        if self.producers.is_empty() {
            body.extend_from_slice(&[0; 4]);
            return;
        }
        let producers = producer_snapshot::encode(self.producers.iter().copied());
        body.extend_from_slice(&(producers.len() as u32).to_be_bytes());
        body.extend_from_slice(&producers);
    }

    fn decode(body: &mut &[u8]) -> Option<Self> {
        let partition =
            TopicPartition { topic: TopicId(take(body)?), partition: PartitionIndex(i32::from_be_bytes(take(body)?)) };
        let [log_start, flushed_end, segment] = [0; 3].map(|_| take(body).map(i64::from_be_bytes));
        let position = u64::from_be_bytes(take(body)?);
        let [first, max, max_offset] = [0; 3].map(|_| take(body).map(i64::from_be_bytes));
        let length = u32::from_be_bytes(take(body)?);
        let (producers, behind) = body.split_at_checked(usize::try_from(length).ok()?)?;
        *body = behind;
        let producers = if length == 0 { Vec::new() } else { producer_snapshot::decode(producers).ok()? };
        let (log_start, flushed_end, segment) = (log_start?, flushed_end?, segment?);
        let possible = (0..=flushed_end).contains(&log_start) && (0..=flushed_end).contains(&segment);
        possible.then_some(Self {
            partition,
            log_start: Offset(log_start),
            flushed_end: Offset(flushed_end),
            segment: Offset(segment),
            position: FilePosition(position),
            first_timestamp: first.filter(|&time| time >= 0).map(Timestamp),
            max_timestamp: max
                .filter(|&time| time >= 0)
                .zip(max_offset)
                .map(|(time, offset)| (Timestamp(time), Offset(offset))),
            producers,
        })
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (field, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(*field)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ProducerEpoch;

    const SINCE: LeaderEpoch = LeaderEpoch(4);

    fn entry(partition: i32, flushed_end: i64, producers: &[i64]) -> EndEntry {
        let producer = |&id: &i64| ProducerEntry {
            producer: ProducerId(id),
            epoch: ProducerEpoch(0),
            last_sequence: 3,
            last_offset: Offset(flushed_end - 1),
            offset_delta: 0,
            timestamp: Timestamp(7),
            coordinator_epoch: -1,
            current_txn_first_offset: None,
        };
        EndEntry {
            partition: TopicPartition { topic: TopicId([1; 16]), partition: PartitionIndex(partition) },
            log_start: Offset(2),
            flushed_end: Offset(flushed_end),
            segment: Offset(1),
            position: FilePosition(900),
            first_timestamp: Some(Timestamp(5)),
            max_timestamp: Some((Timestamp(6), Offset(flushed_end - 1))),
            producers: producers.iter().map(producer).collect(),
        }
    }

    fn ends(bytes: &[u8]) -> Vec<(i64, Vec<i64>)> {
        let entries = decode(bytes).map(|ends| ends.entries).unwrap_or_default();
        let producers = |entry: &EndEntry| entry.producers.iter().map(|producer| producer.producer.0).collect();
        entries.values().map(|entry| (entry.flushed_end.0, producers(entry))).collect()
    }

    #[test]
    fn changes_take_the_place_of_what_was_there() {
        let mut bytes = encode_whole(SINCE, &[entry(0, 10, &[1, 2]), entry(1, 20, &[])]);
        bytes.extend(encode_changes(SINCE, &[entry(0, 15, &[2, 3]), entry(2, 30, &[])]));
        assert_eq!(ends(&bytes), [(15, alloc::vec![1, 2, 3]), (20, alloc::vec![]), (30, alloc::vec![])]);
        let one = decode(&encode_whole(SINCE, &[entry(4, 9, &[1])])).expect("a whole file");
        assert_eq!((one.since, one.entries.into_values().next()), (SINCE, Some(entry(4, 9, &[1]))));
        bytes.extend(encode_whole(SINCE, &[entry(7, 70, &[])])[MAGIC.len()..].iter());
        assert_eq!(ends(&bytes), [(70, alloc::vec![])], "all entries are all");
    }

    #[test]
    fn versions_are_told_apart() {
        let mut bytes = encode_whole(SINCE, &[]);
        for (version, error) in [(b'1', EndsError::Unreadable), (b'3', EndsError::Newer), (b'9', EndsError::Newer)] {
            bytes[7] = version;
            assert_eq!(decode(&bytes), Err(error));
        }
        assert_eq!(decode(b"GRETEND"), Err(EndsError::Unreadable));
        assert_eq!(decode(b"something"), Err(EndsError::Unreadable));
    }

    #[test]
    fn a_torn_frame_ends_the_file() {
        let whole = encode_whole(SINCE, &[entry(0, 10, &[1])]);
        let changes = encode_changes(SINCE, &[entry(0, 15, &[1])]);
        let file = [&whole[..], &changes].concat();
        for length in 0..file.len() {
            let expected = if length < whole.len() { Err(EndsError::Unreadable) } else { Ok(10) };
            let found = decode(&file[..length]).map(|ends| ends.entries.values().next().unwrap().flushed_end.0);
            assert_eq!(found, expected, "{length} bytes are left");
        }
        for byte in whole.len()..file.len() {
            let mut rotten = file.clone();
            rotten[byte] ^= 0x10;
            assert_eq!(ends(&rotten)[0].0, 10, "byte {byte}");
        }
    }
}
