//! The log as an image: records applied in their order, and metadata transactions as a whole (KIP-868).
//!
//! Invariant: what stands between the begin and the end of a transaction is seen at its end, or never.

use super::image::MetadataImage;
use super::replay::ReplayError;
use alloc::string::ToString;
use grete_protocol::messages::MetadataRecord;

/// The fold of a log's records.
#[derive(Clone, Debug)]
pub struct Fold {
    image: MetadataImage,
    /// The image before the transaction that is open.
    before: Option<MetadataImage>,
}

impl Fold {
    /// Goes on from an image.
    #[must_use]
    pub fn new(image: MetadataImage) -> Self {
        Self { image, before: None }
    }

    /// Applies the record at `offset`.
    ///
    /// # Errors
    /// Where the record contradicts those before it.
    pub fn replay(&mut self, offset: i64, record: &MetadataRecord<'_>) -> Result<(), ReplayError> {
        let contradiction = |text: &str| ReplayError(text.to_string());
        match record {
            MetadataRecord::BeginTransaction(_) if self.before.is_some() => {
                return Err(contradiction("a transaction begins within another"));
            }
            MetadataRecord::BeginTransaction(_) => self.before = Some(self.image.clone()),
            MetadataRecord::EndTransaction(_) => {
                self.before.take().ok_or_else(|| contradiction("a transaction ends that has not begun"))?;
            }
            MetadataRecord::AbortTransaction(_) => {
                let end = self.image.end;
                self.image =
                    self.before.take().ok_or_else(|| contradiction("a transaction is aborted that has not begun"))?;
                self.image.end = end;
            }
            _ => self.image.replay(offset, record)?,
        }
        Ok(())
    }

    /// Says where the records so far end.
    pub fn set_end(&mut self, end: crate::ids::Offset) {
        self.image.end = end;
    }

    /// The image of all records, and whether a transaction is left open. What an open one has said is not in it: whoever
    /// writes on has to abort it first.
    #[must_use]
    pub fn finish(self) -> (MetadataImage, bool) {
        let end = self.image.end;
        match self.before {
            None => (self.image, false),
            Some(before) => (MetadataImage { end, ..before }, true),
        }
    }
}
