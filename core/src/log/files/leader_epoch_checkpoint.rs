//! `leader-epoch-checkpoint`: where each leader epoch of a partition began (KIP-101).
//!
//! ```text
//! 0                  version
//! 2                  number of entries
//! 3 0                leader epoch, start offset
//! 5 1204
//! ```

use super::{FileError, push, text};
use crate::ids::{LeaderEpoch, Offset};
use alloc::{string::String, vec::Vec};

/// The file's name in a partition's directory.
pub const NAME: &str = "leader-epoch-checkpoint";

/// A leader epoch and the offset of the first record that its leader appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEntry {
    /// The epoch.
    pub epoch: LeaderEpoch,
    /// Where it begins; it ends where the next one begins.
    pub start_offset: Offset,
}

/// The entries in the file's order, which may be any: a reader assigns them one after the other.
pub fn decode(bytes: &[u8]) -> Result<Vec<EpochEntry>, FileError> {
    let mut entries = Vec::new();
    text::decode(
        bytes,
        "a leader epoch and a start offset",
        |fields| {
            let epoch: i32 = fields.next()?.parse().ok()?;
            let start_offset: i64 = fields.next()?.parse().ok()?;
            let possible = epoch >= 0 && start_offset >= 0;
            possible.then_some(EpochEntry { epoch: LeaderEpoch(epoch), start_offset: Offset(start_offset) })
        },
        |entry| entries.push(entry),
    )?;
    Ok(entries)
}

/// The file with these entries.
#[must_use]
pub fn encode(entries: &[EpochEntry]) -> String {
    let mut text = text::start(entries.len());
    for entry in entries {
        push(&mut text, format_args!("{} {}\n", entry.epoch, entry.start_offset));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::files::FileErrorKind;

    #[test]
    fn round_trip() {
        let text = "0\n2\n3 0\n5 1204\n";
        let entries = decode(text.as_bytes()).unwrap();
        assert_eq!(entries[1], EpochEntry { epoch: LeaderEpoch(5), start_offset: Offset(1204) });
        assert_eq!(encode(&entries), text);
        assert_eq!(decode(b"").unwrap(), []);
        assert_eq!(encode(&[]), "0\n0\n");
    }

    #[test]
    fn damage_is_placed() {
        let error = |bytes: &[u8]| decode(bytes).unwrap_err();
        assert_eq!(error(b"1\n0\n"), FileError { position: 0, kind: FileErrorKind::Version(1) });
        assert_eq!(error(b"0\n1\n3 0 1\n").position, 4);
        assert_eq!(error(b"0\n1\n-3 0\n").position, 4);
        assert_eq!(
            error(b"0\n2\n3 0\n"),
            FileError { position: 2, kind: FileErrorKind::Count { announced: 2, found: 1 } }
        );
        assert_eq!(error(b"0\n\xff").kind, FileErrorKind::NotUtf8);
    }
}
