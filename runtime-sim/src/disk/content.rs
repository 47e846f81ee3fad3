//! The bytes of a file as pages that copies share until one of them writes.

use bytes::{Bytes, BytesMut};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The bytes of a page.
pub(crate) const PAGE_BYTES: u64 = 4096;
/// The bytes of a sector: what a disk writes wholly or not at all.
pub(crate) const SECTOR_BYTES: u64 = 512;

/// A page up to the last byte that was written to it; the rest of it is zeros. Most files are much smaller than a page.
type Page = Vec<u8>;

/// The bytes of a file, sparse. What was never written reads as zeros. Nothing but zeros lies beyond the length.
#[derive(Clone, Debug, Default)]
pub(crate) struct Content {
    pages: BTreeMap<u64, Arc<Page>>,
    length: u64,
}

impl Content {
    pub(crate) const fn length(&self) -> u64 {
        self.length
    }

    /// The bytes that the pages take on the disk: holes take none.
    pub(crate) fn allocated_bytes(&self) -> u64 {
        self.pages.len() as u64 * PAGE_BYTES
    }

    /// How many bytes more the disk has to give for a write.
    pub(crate) fn new_bytes(&self, position: u64, length: u64) -> u64 {
        if length == 0 {
            return 0;
        }
        let (first, last) = (position / PAGE_BYTES, (position + length - 1) / PAGE_BYTES);
        let present = self.pages.range(first..=last).count() as u64;
        (last - first + 1 - present) * PAGE_BYTES
    }

    /// Writes `bytes` from `position` on, extending the file where needed.
    pub(crate) fn write(&mut self, position: u64, bytes: &[u8]) {
        let mut at = position;
        let mut rest = bytes;
        while !rest.is_empty() {
            let within = (at % PAGE_BYTES) as usize;
            let count = rest.len().min(PAGE_BYTES as usize - within);
            let (head, tail) = rest.split_at(count);
            let page = Arc::make_mut(self.pages.entry(at / PAGE_BYTES).or_default());
            if page.len() < within + count {
                // What is appended is not filled with zeros before.
                page.resize(within.max(page.len()), 0);
                let overwritten = page.len() - within;
                page[within..].copy_from_slice(&head[..overwritten]);
                page.extend_from_slice(&head[overwritten..]);
            } else {
                page[within..within + count].copy_from_slice(head);
            }
            at += count as u64;
            rest = tail;
        }
        self.length = self.length.max(at);
    }

    /// Up to `length` bytes from `position` on; fewer where the file ends.
    pub(crate) fn read(&self, position: u64, length: u64) -> Bytes {
        let end = position.saturating_add(length).min(self.length);
        let mut bytes = BytesMut::with_capacity(end.saturating_sub(position) as usize);
        let mut at = position;
        while at < end {
            let within = (at % PAGE_BYTES) as usize;
            let count = (PAGE_BYTES as usize - within).min((end - at) as usize);
            let page = self.pages.get(&(at / PAGE_BYTES)).map_or(&[][..], |page| page.as_slice());
            let written = page.get(within..).map_or(&[][..], |rest| &rest[..rest.len().min(count)]);
            bytes.extend_from_slice(written);
            bytes.resize(bytes.len() + count - written.len(), 0);
            at += count as u64;
        }
        bytes.freeze()
    }

    /// Cuts or extends the file. What is cut off is gone: extending again brings zeros.
    pub(crate) fn set_length(&mut self, length: u64) {
        if length < self.length {
            let whole = length.div_ceil(PAGE_BYTES);
            self.pages.split_off(&whole);
            let within = (length % PAGE_BYTES) as usize;
            if within > 0
                && let Some(page) = self.pages.get_mut(&(length / PAGE_BYTES))
            {
                Arc::make_mut(page).truncate(within);
            }
        }
        self.length = length;
    }

    /// Turns one bit.
    pub(crate) fn flip_bit(&mut self, position: u64, bit: u8) {
        if position < self.length
            && let Some(page) = self.pages.get_mut(&(position / PAGE_BYTES))
        {
            let (page, within) = (Arc::make_mut(page), (position % PAGE_BYTES) as usize);
            page.resize(page.len().max(within + 1), 0);
            page[within] ^= 1 << (bit % 8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_cross_pages_and_holes_read_as_zeros() {
        let mut content = Content::default();
        content.write(PAGE_BYTES - 2, b"abcd");
        assert_eq!(content.length(), PAGE_BYTES + 2);
        assert_eq!(&content.read(PAGE_BYTES - 4, 100)[..], b"\0\0abcd");
        content.write(10 * PAGE_BYTES, b"x");
        assert_eq!(content.allocated_bytes(), 3 * PAGE_BYTES);
        assert_eq!(content.new_bytes(0, 3 * PAGE_BYTES), PAGE_BYTES);
        assert_eq!(&content.read(5 * PAGE_BYTES, 3)[..], b"\0\0\0");
        assert!(content.read(11 * PAGE_BYTES, 3).is_empty());
    }

    #[test]
    fn what_was_cut_off_does_not_come_back() {
        let mut content = Content::default();
        content.write(0, &[7; 9000]);
        content.set_length(4100);
        content.set_length(9000);
        assert_eq!(content.read(4099, 3)[..], [7, 0, 0]);
        assert_eq!(content.read(8999, 3)[..], [0]);
    }

    #[test]
    fn copies_share_pages_until_one_writes() {
        let mut content = Content::default();
        content.write(0, &[1; 8192]);
        let copy = content.clone();
        content.write(0, b"z");
        assert_eq!(copy.read(0, 1)[..], [1]);
        assert_eq!(content.read(0, 1)[..], *b"z");
        assert!(Arc::ptr_eq(&copy.pages[&1], &content.pages[&1]));
    }
}
