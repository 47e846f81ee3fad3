//! What this codec and that of the crate `kafka-protocol` make of the same bytes.

use crate::codecs::{Body, CODECS};
use crate::theirs::{Theirs, theirs};
use std::collections::BTreeMap;

/// The codec of the crate.
pub struct Agreement {
    theirs: BTreeMap<&'static str, Theirs>,
}

impl Agreement {
    /// Both codecs.
    #[expect(clippy::new_without_default, reason = "a table, not a value")]
    pub fn new() -> Self {
        Self { theirs: theirs() }
    }

    /// Says how the two differ about what this codec takes; nothing where they agree or where it is known why not.
    ///
    /// Only what this codec takes is shown to the other, which reserves whatever a count announces.
    pub fn difference(&self, body: &Body<'_>) -> Option<String> {
        let ours = CODECS.get(body.name.as_str()).filter(|ours| ours.versions.contains(body.version))?;
        let theirs = self.theirs.get(body.name.as_str()).filter(|theirs| theirs.versions.contains(body.version))?;
        if KNOWN_TO_DIFFER.contains(&body.name.as_str()) || may_have_large_tag(body.bytes) {
            return None;
        }
        let canonical = (ours.repeat)(body.bytes, body.version).ok()?.expect("what decodes can be encoded");
        match (theirs.repeat)(&canonical, body.version) {
            Ok(again) if again == canonical => None,
            Ok(again) => Some(format!("{canonical:02x?} comes back as {again:02x?}")),
            // They refuse a tag that only other versions know, as Kafka does.
            Err(error) if error.contains("Tag") => None,
            Err(error) => Some(format!("{canonical:02x?} is refused: {error}")),
        }
    }
}

/// The crate takes a field of these for the version of what is inside.
const KNOWN_TO_DIFFER: [&str; 2] = ["LeaderChangeMessage", "VotersRecord"];

/// Whether a varint of 2^31 or more may be among the bytes: the crate drops tags of that size.
fn may_have_large_tag(bytes: &[u8]) -> bool {
    bytes.windows(5).any(|window| window[..4].iter().all(|byte| byte & 0x80 != 0) && window[4] >= 0x08)
}
