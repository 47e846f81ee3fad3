//! Scanning batches behind the flushed end: pure functions over pieces of a file.

use crate::ids::{LeaderEpoch, Offset};
use crate::log::header::{self, BatchHeader, HEADER_BYTES};

/// What comes next in a file of batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A whole batch that is right.
    Batch(BatchHeader),
    /// The piece ends within it, and the file does not: so many bytes have to be read from where it begins.
    Needs(usize),
    /// Nothing that continues the log.
    Invalid,
}

/// What has been scanned, as far as the next batch has to fit to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    /// The offset that it has.
    pub(super) offset: Offset,
    /// Where it may have a later one, since it was compacted: what it ends at or before then. Nothing protects the offset of
    /// a batch where the one before does not tell it.
    pub(super) gap_until: Option<Offset>,
    /// The epoch that it has at least.
    pub(super) epoch: LeaderEpoch,
}

/// Looks at the batch at the start of `piece`, with `file_left` bytes from there to the end of the file.
pub(super) fn next_batch(piece: &[u8], file_left: u64, expected: Expected) -> Next {
    if piece.len() < HEADER_BYTES {
        let whole = piece.len() as u64 >= file_left;
        return if whole { Next::Invalid } else { Next::Needs(HEADER_BYTES) };
    }
    let Some(header) = BatchHeader::parse(piece) else { return Next::Invalid };
    let behind_gap = |until: Offset| header.base_offset > expected.offset && header.last_offset() < until;
    let follows = header.base_offset == expected.offset || expected.gap_until.is_some_and(behind_gap);
    if header.bytes as u64 > file_left || !follows || header.leader_epoch < expected.epoch {
        return Next::Invalid;
    }
    match piece.get(..header.bytes) {
        None => Next::Needs(header.bytes),
        Some(batch) if header::checksum_fits(batch) => Next::Batch(header),
        Some(_) => Next::Invalid,
    }
}

/// What lies behind the end of a log that was cut, and would have been records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stranded {
    pub(super) batches: u64,
    pub(super) bytes: u64,
}

/// Looks for whole batches of later offsets anywhere in a piece of a file, but for those that are longer than it. `checked`
/// counts the bytes whose checksum was to be computed: beyond `checked_max` none is, and nothing more is found, so that no
/// content makes this cost more. Returns how much of the piece is done with.
pub(super) fn find_stranded(
    piece: &[u8],
    is_end: bool,
    from: Offset,
    checked: &mut u64,
    checked_max: u64,
    stranded: &mut Stranded,
) -> usize {
    let mut at = 0;
    while let Some(rest) = piece.get(at..).filter(|rest| rest.len() >= HEADER_BYTES) {
        let plausible = BatchHeader::parse(rest).filter(|header| {
            let ahead = header.base_offset.0.saturating_sub(from.0);
            (0..i64::from(i32::MAX)).contains(&ahead)
        });
        let Some(header) = plausible else {
            at += 1;
            continue;
        };
        match rest.get(..header.bytes) {
            Some(batch) => {
                *checked += batch.len() as u64;
                if *checked <= checked_max && header::checksum_fits(batch) {
                    stranded.batches += 1;
                    stranded.bytes += batch.len() as u64;
                    at += batch.len();
                } else {
                    at += 1;
                }
            }
            // It may lie across two pieces; where it fills more than one, it is no batch worth looking for.
            None if at > 0 && !is_end => return at,
            None => at += 1,
        }
    }
    if is_end { piece.len() } else { at.max(1).min(piece.len()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::tests::BatchSpec;
    use alloc::vec::Vec;

    fn expected(offset: i64) -> Expected {
        Expected { offset: Offset(offset), gap_until: None, epoch: LeaderEpoch(-1) }
    }

    #[test]
    fn a_batch_has_to_be_whole_right_and_next() {
        let batch = BatchSpec::new(2, 40).build();
        let left = batch.len() as u64;
        let Next::Batch(header) = next_batch(&batch, left, expected(0)) else { panic!("it is right") };
        assert_eq!((header.bytes, header.end()), (101, Offset(2)));
        assert_eq!(next_batch(&batch, left, expected(1)), Next::Invalid);
        assert_eq!(next_batch(&batch, left, Expected { epoch: LeaderEpoch(0), ..expected(0) }), Next::Invalid);
        for (from, until, fits) in [(-1, None, false), (-1, Some(2), true), (-1, Some(1), false), (1, Some(9), false)] {
            let expected = Expected { gap_until: until.map(Offset), ..expected(from) };
            let next = next_batch(&batch, left, expected);
            assert_eq!(matches!(next, Next::Batch(_)), fits, "a gap from {from} until {until:?}");
        }
        assert_eq!(next_batch(&batch[..100], left, expected(0)), Next::Needs(101));
        assert_eq!(next_batch(&batch[..100], 100, expected(0)), Next::Invalid, "the file ends within it");
        assert_eq!(next_batch(&batch[..50], left, expected(0)), Next::Needs(61));
        assert_eq!(next_batch(&batch[..50], 50, expected(0)), Next::Invalid);
        for byte in 0..batch.len() {
            let mut rotten = batch.to_vec();
            rotten[byte] ^= 0x80;
            let epoch = (12..16).contains(&byte);
            let next = next_batch(&rotten, left, Expected { epoch: LeaderEpoch(i32::MIN), ..expected(0) });
            assert_eq!(matches!(next, Next::Batch(_)), epoch, "byte {byte}: only the epoch is not protected");
        }
    }

    #[test]
    fn stranded_batches_are_found_at_any_place_and_the_work_is_bounded() {
        let batch = BatchSpec::new(1, 40).build();
        let mut bytes: Vec<u8> = alloc::vec![0; 77];
        bytes.extend_from_slice(&batch);
        bytes.extend_from_slice(&[2; 33]);
        bytes.extend_from_slice(&batch);
        let mut stranded = Stranded::default();
        let mut checked = 0;
        assert_eq!(find_stranded(&bytes, true, Offset(0), &mut checked, 1000, &mut stranded), bytes.len());
        assert_eq!(stranded, Stranded { batches: 2, bytes: 202 });
        let mut stranded = Stranded::default();
        let done = find_stranded(&bytes[..150], false, Offset(0), &mut checked, 1000, &mut stranded);
        assert_eq!((done, stranded.batches), (77, 0), "the next piece begins with it");
        let mut stranded = Stranded::default();
        find_stranded(&bytes, true, Offset(0), &mut 0, 150, &mut stranded);
        assert_eq!(stranded.batches, 1, "no more than is allowed is checked");
        find_stranded(&bytes, true, Offset(1), &mut 0, 1000, &mut stranded);
        assert_eq!(stranded.batches, 1, "older offsets are not looked for");
    }
}
