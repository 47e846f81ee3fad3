//! What a Fetch answer holds of one partition: batches, whose CRC is checked, and their records.

use crate::history::Value;
use bytes::{Buf, Bytes};
use kafka_protocol::records::RecordBatchDecoder;

/// The checker that holds a broker to it that what it serves passes its CRC, and is what the protocol says.
pub const SERVED_BYTES: &str = "served-bytes";

/// The length of a batch before its records, and what of it stands before the field of its length ends.
const HEADER_BYTES: usize = 61;
const LENGTH_END: usize = 12;
const LAST_OFFSET_DELTA: usize = 23;
const RECORD_COUNT: usize = 57;
/// The bytes of the smallest record.
const RECORD_BYTES_MIN: usize = 7;

/// What a consumer takes from the batches of one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Read {
    /// Offsets and values from the position on.
    pub(super) records: Vec<(i64, Value)>,
    /// The offset after the last batch: where to go on.
    pub(super) next: i64,
    /// What cannot be read, in one line each.
    pub(super) damage: Vec<String>,
}

/// Reads what came for a consumer that stands at `position`.
///
/// A batch may begin before the position: its earlier records are passed over, as are control batches. A batch may be cut
/// off at the end, which a broker may do where others came before it. What cannot be read is passed over, too: the
/// application that meets it would seek past it.
pub(super) fn read(mut bytes: Bytes, position: i64) -> Read {
    let mut read = Read { next: position, ..Read::default() };
    let mut is_first = true;
    while bytes.has_remaining() {
        let Some(batch) = split_batch(&mut bytes) else {
            if is_first || bytes.len() >= HEADER_BYTES && length(&bytes).is_none() {
                read.damage.push(format!("{} bytes at offset {} that are no batch", bytes.len(), read.next));
            }
            break;
        };
        is_first = false;
        read_batch(batch, position, &mut read);
    }
    read
}

fn read_batch(batch: Bytes, position: i64, read: &mut Read) {
    let field = |at: usize| batch.get(at..at + 4).and_then(|field| field.try_into().ok()).map(i32::from_be_bytes);
    let base = batch.first_chunk::<8>().map_or(0, |base| i64::from_be_bytes(*base));
    let last = base.saturating_add(i64::from(field(LAST_OFFSET_DELTA).unwrap_or(0).max(0)));
    // The codec reserves room by the count before it has read anything.
    let count = field(RECORD_COUNT).and_then(|count| usize::try_from(count).ok()).unwrap_or(usize::MAX);
    let is_plain = batch.get(22).is_some_and(|attributes| attributes & 7 == 0);
    if is_plain && count > batch.len() / RECORD_BYTES_MIN {
        read.damage.push(format!("a batch at offset {base} with {count} records in {} bytes", batch.len()));
    } else {
        match RecordBatchDecoder::decode(&mut batch.clone()) {
            Err(error) => read.damage.push(format!("a batch at offset {base}: {error}")),
            Ok(set) => {
                for record in set.records.iter().filter(|record| !record.control && record.offset >= position) {
                    read.records.push((record.offset, Value::of(record.value.as_deref().unwrap_or_default())));
                }
            }
        }
    }
    read.next = read.next.max(last.saturating_add(1));
}

/// Takes a batch off the front; none where it is not all there.
fn split_batch(bytes: &mut Bytes) -> Option<Bytes> {
    let end = LENGTH_END.checked_add(length(bytes)?)?;
    (end <= bytes.len()).then(|| bytes.split_to(end))
}

/// The length that a batch tells; none where no batch has it.
fn length(bytes: &Bytes) -> Option<usize> {
    let length = i32::from_be_bytes(*bytes.get(8..LENGTH_END)?.first_chunk()?);
    usize::try_from(length).ok().filter(|length| LENGTH_END + length >= HEADER_BYTES)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::client::operations::{Producer, batch};

    /// A batch of records with these values that begins at an offset.
    pub(in crate::actor::consumer) fn at(base: i64, values: &[u64]) -> Bytes {
        let values: Vec<Bytes> = values.iter().map(|value| Bytes::copy_from_slice(&value.to_be_bytes())).collect();
        let mut bytes = batch(&values, 0, Producer::NONE).to_vec();
        // The offset lies outside of what the CRC covers.
        bytes[..8].copy_from_slice(&base.to_be_bytes());
        bytes.into()
    }

    fn join(parts: &[Bytes]) -> Bytes {
        parts.concat().into()
    }

    #[test]
    fn records_before_the_position_are_passed_over() {
        let read = read(join(&[at(4, &[40, 50, 60]), at(7, &[70])]), 5);
        assert_eq!(read.records, [(5, Value(50)), (6, Value(60)), (7, Value(70))]);
        assert_eq!((read.next, read.damage.len()), (8, 0));
    }

    #[test]
    fn a_batch_that_is_cut_off_comes_again() {
        let whole = at(0, &[1, 2]);
        let cut = at(2, &[3, 4]);
        for length in 0..cut.len() {
            let read = read(join(&[whole.clone(), cut.slice(..length)]), 0);
            assert_eq!((read.next, read.damage.len()), (2, 0), "cut at {length}");
        }
        assert_eq!(read(cut.slice(..30), 2).damage.len(), 1, "the first one is whole");
    }

    #[test]
    fn each_byte_that_is_turned_is_seen_or_outside_of_the_checksum() {
        let whole = at(3, &[1, 2]);
        for place in 12..whole.len() {
            let mut bytes = whole.to_vec();
            bytes[place] ^= 4;
            let read = read(bytes.into(), 3);
            // The leader epoch stands in 12 to 16.
            assert_eq!(read.damage.is_empty(), (12..16).contains(&place), "{place}");
        }
    }

    #[test]
    fn what_cannot_be_read_hides_nothing_of_the_rest() {
        let mut bad = at(0, &[1, 2]).to_vec();
        *bad.last_mut().expect("there are bytes") ^= 1;
        let read = read(join(&[bad.into(), at(2, &[3])]), 0);
        assert_eq!((read.records, read.next, read.damage.len()), (vec![(2, Value(3))], 3, 1));
    }
}
