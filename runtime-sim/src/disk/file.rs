//! A file with its unsynced changes.
//!
//! Invariants:
//! 1. `current` is `durable` with all `pending` changes made in order, where no sync has lied.
//! 2. What a power loss leaves of a sector is its durable state or the state after some of the pending writes to it, in
//!    order; different sectors are independent of each other.
//! 3. Lengths survive in order: a length is left only together with all earlier changes of the length. A cut that is
//!    left has removed what it cut off.

use super::content::{Content, SECTOR_BYTES};
use super::survival::{Losses, Survival};
use bytes::Bytes;
use std::collections::BTreeMap;

/// What a file holds for its readers, and what a power loss may leave of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct FileData {
    current: Content,
    durable: Content,
    pending: Vec<Pending>,
}

#[derive(Clone, Debug)]
struct Pending {
    change: Change,
    /// A sync that should have made this durable failed: no later one will (the page counts as clean).
    lost: bool,
}

#[derive(Clone, Debug)]
enum Change {
    Write { position: u64, bytes: Bytes },
    Length(u64),
}

impl FileData {
    /// A file all of whose bytes are durable.
    pub(crate) fn durable(content: Content) -> Self {
        Self { current: content.clone(), durable: content, pending: Vec::new() }
    }

    pub(crate) const fn current(&self) -> &Content {
        &self.current
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.pending.is_empty()
    }

    pub(crate) fn write(&mut self, position: u64, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        self.current.write(position, &bytes);
        self.pending.push(Pending { change: Change::Write { position, bytes }, lost: false });
    }

    pub(crate) fn set_length(&mut self, length: u64) {
        if length != self.current.length() {
            self.current.set_length(length);
            self.pending.push(Pending { change: Change::Length(length), lost: false });
        }
    }

    /// Makes durable what no earlier sync has lost.
    pub(crate) fn sync(&mut self) {
        let durable = &mut self.durable;
        self.pending.retain(|pending| {
            if !pending.lost {
                match &pending.change {
                    Change::Write { position, bytes } => durable.write(*position, bytes),
                    Change::Length(length) => durable.set_length(*length),
                }
            }
            pending.lost
        });
    }

    /// A sync that failed: what it was to make durable counts as written and is not.
    pub(crate) fn lose_pending(&mut self) {
        self.pending.iter_mut().for_each(|pending| pending.lost = true);
    }

    /// Turns one bit on the disk, for good.
    pub(crate) fn rot(&mut self, position: u64, bit: u8) {
        self.current.flip_bit(position, bit);
        self.durable.flip_bit(position, bit);
    }

    /// What is there after a power loss. `file` addresses the draws.
    pub(crate) fn after_power_loss(&self, file: u64, survival: &Survival, losses: &mut Losses) -> Content {
        if self.pending.is_empty() {
            return self.durable.clone();
        }
        let (mut lost, mut left, mut reordered) = (0, 0, false);
        let (length, changes_settled) = self.surviving_length(file, survival);
        let mut content = self.durable.clone();
        for (sector, changes) in self.pending_by_sector() {
            // Invariant 3: a cut that is left is left in each sector that it touched.
            let settled =
                changes.iter().rposition(|&at| at < changes_settled && self.is_cut(at)).map_or(0, |at| at + 1);
            let kept = settled.max(survival.sector(file, sector, changes.len()));
            for &at in changes.iter().take(kept) {
                self.change_sector(&mut content, sector, at);
            }
            let whole = kept == changes.len();
            reordered |= whole && lost > 0;
            if whole { left += 1 } else { lost += 1 }
        }
        content.set_length(length);
        losses.add(Losses {
            sectors_lost: lost,
            sectors_kept: left,
            files_torn: u64::from(lost > 0 && left > 0),
            lengths_lost: u64::from(length != self.current.length()),
            files_reordered: u64::from(reordered),
            ..Losses::default()
        });
        content
    }

    /// The length that is left, and the number of pending changes that it comes after.
    fn surviving_length(&self, file: u64, survival: &Survival) -> (u64, usize) {
        let mut length = self.durable.length();
        let mut steps = Vec::new();
        for (at, pending) in self.pending.iter().enumerate() {
            match &pending.change {
                Change::Write { position, bytes } => {
                    let end = position + bytes.len() as u64;
                    // The file grows as the write proceeds: it may stop at any sector.
                    let mut boundary = (length.max(*position) / SECTOR_BYTES + 1) * SECTOR_BYTES;
                    while boundary < end {
                        steps.push((boundary, at));
                        boundary += SECTOR_BYTES;
                    }
                    if end > length {
                        steps.push((end, at + 1));
                        length = end;
                    }
                }
                Change::Length(cut) => {
                    steps.push((*cut, at + 1));
                    length = *cut;
                }
            }
        }
        match survival.length(file, steps.len()) {
            0 => (self.durable.length(), 0),
            kept => steps[kept - 1],
        }
    }

    /// Which pending changes touch each sector, in order.
    fn pending_by_sector(&self) -> BTreeMap<u64, Vec<usize>> {
        let mut sectors: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        let mut length = self.durable.length();
        for (at, pending) in self.pending.iter().enumerate() {
            let (start, end) = match &pending.change {
                Change::Write { position, bytes } => (*position, position + bytes.len() as u64),
                Change::Length(cut) => (*cut, length.max(*cut)),
            };
            length = match &pending.change {
                Change::Write { .. } => length.max(end),
                Change::Length(cut) => *cut,
            };
            for sector in start / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES) {
                sectors.entry(sector).or_default().push(at);
            }
        }
        sectors
    }

    fn is_cut(&self, at: usize) -> bool {
        matches!(self.pending[at].change, Change::Length(_))
    }

    /// Makes the part of a pending change that falls into a sector.
    fn change_sector(&self, content: &mut Content, sector: u64, at: usize) {
        let (sector_start, sector_end) = (sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES);
        match &self.pending[at].change {
            Change::Write { position, bytes } => {
                let start = sector_start.max(*position);
                let end = sector_end.min(position + bytes.len() as u64);
                content.write(start, &bytes[(start - position) as usize..(end - position) as usize]);
            }
            Change::Length(cut) => {
                let start = sector_start.max(*cut);
                let end = sector_end.min(content.length());
                if start < end {
                    content.write(start, &vec![0; (end - start) as usize]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::survival::Profile;
    use crate::draw::WorldSeed;
    use std::collections::BTreeSet;

    fn survivors(file: &FileData) -> BTreeSet<Vec<u8>> {
        let drawn = (0..400).map(|seed| (seed, Profile::Drawn { per_million: 500_000 }));
        let fixed = Profile::ALL.into_iter().map(|profile| (0, profile));
        drawn
            .chain(fixed)
            .map(|(seed, profile)| {
                let content =
                    file.after_power_loss(1, &Survival { seed: WorldSeed(seed), profile }, &mut Losses::default());
                content.read(0, content.length()).to_vec()
            })
            .collect()
    }

    #[test]
    fn what_was_synced_survives_and_nothing_else_must() {
        let mut file = FileData::default();
        file.write(0, Bytes::from_static(b"one"));
        file.sync();
        file.write(3, Bytes::from_static(b"two"));
        // The sector and the length survive each on its own.
        let expected = [&b"one"[..], b"onetwo", b"one\0\0\0"].map(<[u8]>::to_vec);
        assert_eq!(survivors(&file), BTreeSet::from(expected));
        file.sync();
        assert_eq!(survivors(&file), BTreeSet::from([b"onetwo".to_vec()]));
    }

    #[test]
    fn sectors_are_torn_and_reordered() {
        let mut file = FileData::default();
        file.write(0, Bytes::from(vec![1; 1024]));
        file.sync();
        file.write(0, Bytes::from(vec![2; 1024]));
        file.write(512, Bytes::from(vec![3; 512]));
        let seen: BTreeSet<(u8, u8)> = survivors(&file).iter().map(|bytes| (bytes[0], bytes[512])).collect();
        assert_eq!(seen, BTreeSet::from([(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3)]));
    }

    #[test]
    fn a_write_may_stop_at_any_sector() {
        let mut file = FileData::default();
        file.write(100, Bytes::from(vec![1; 1400]));
        let lengths: BTreeSet<usize> = survivors(&file).iter().map(Vec::len).collect();
        assert_eq!(lengths, BTreeSet::from([0, 512, 1024, 1500]));
    }

    #[test]
    fn a_cut_that_is_left_has_removed_what_it_cut_off() {
        let mut file = FileData::default();
        file.write(0, Bytes::from_static(b"abcdef"));
        file.sync();
        file.set_length(2);
        file.write(4, Bytes::from_static(b"XY"));
        for bytes in survivors(&file) {
            let known: [&[u8]; 7] = [b"abcdef", b"ab", b"ab\0\0XY", b"ab\0\0\0\0", b"ab\0\0ef", b"abcdXY", b"ab"];
            assert!(known.contains(&&bytes[..]), "{bytes:?}");
            // The length after the cut and the write was left: then the cut was too.
            assert_ne!(bytes, b"ab\0\0ef");
        }
    }

    #[test]
    fn a_failed_sync_is_not_made_good_by_the_next_one() {
        let mut file = FileData::default();
        file.write(0, Bytes::from_static(b"lost"));
        file.lose_pending();
        file.sync();
        let survival = Survival { seed: WorldSeed(0), profile: Profile::Nothing };
        assert_eq!(file.after_power_loss(1, &survival, &mut Losses::default()).length(), 0);
        assert_eq!(&file.current().read(0, 10)[..], b"lost");
    }
}
