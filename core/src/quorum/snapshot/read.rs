//! Reading the newest snapshot that is whole. One that is not is reported, and an older one taken.

use super::super::records::read_metadata_batch;
use super::file_of;
use crate::effect::{Effects, IoOp, Level};
use crate::event::{IoOutput, IoResult};
use crate::ids::FilePosition;
use crate::limits::{LOAD_BYTES_MAX, SNAPSHOT_READ_BATCH_BYTES_MAX};
use crate::log::files::snapshot_name::SnapshotId;
use crate::metadata::{Fold, MetadataImage};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use grete_protocol::records::{BatchView, ControlRecordType};

/// The base offset and the length that each batch begins with.
const BATCH_PREFIX_BYTES: usize = 12;

/// The search for a snapshot to begin with.
#[derive(Clone, Debug)]
pub struct SnapshotReader {
    /// The snapshots that were not tried yet, the newest last, with their length in bytes.
    candidates: Vec<(SnapshotId, u64)>,
    damaged: Vec<SnapshotId>,
    empty: MetadataImage,
    reading: Option<Reading>,
}

#[derive(Clone, Debug)]
struct Reading {
    id: SnapshotId,
    length: u64,
    position: u64,
    /// The beginning of a batch whose end is not read yet.
    rest: Vec<u8>,
    fold: Fold,
    part: Part,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Head,
    Records,
    End,
}

/// How the search goes on.
#[derive(Debug)]
pub enum SnapshotOutcome {
    /// With this operation.
    Ask(IoOp),
    /// This is the one, and what it says. These newer ones are damaged.
    Loaded(Option<SnapshotId>, Box<MetadataImage>, Vec<SnapshotId>),
}

impl SnapshotReader {
    pub(super) fn new(candidates: Vec<(SnapshotId, u64)>, empty: MetadataImage) -> Self {
        Self { candidates, damaged: Vec::new(), empty, reading: None }
    }

    /// Goes on, at the start and after each completion.
    pub fn advance(&mut self, completed: Option<IoResult>, effects: &mut Effects) -> SnapshotOutcome {
        if let Some(result) = completed
            && let Some(reading) = &mut self.reading
        {
            let taken = match result {
                Ok(IoOutput::Read(bytes)) => reading.take(&bytes),
                Ok(IoOutput::Done | IoOutput::Space { .. }) => Err("it was not read".to_string()),
                Err(error) => Err(error.message.to_string()),
            };
            if let Err(reason) = taken {
                let id = reading.id;
                let file = file_of(id);
                let text = format!("The metadata snapshot {} cannot be used: {reason}.", file.path);
                effects.notice(Level::Error, text);
                self.damaged.push(id);
                self.reading = None;
            }
        }
        if let Some(reading) = self.reading.take_if(|reading| reading.position == reading.length) {
            let (mut image, _) = reading.fold.finish();
            image.end = reading.id.end_offset;
            image.epoch = reading.id.epoch.0;
            return SnapshotOutcome::Loaded(Some(reading.id), Box::new(image), core::mem::take(&mut self.damaged));
        }
        if self.reading.is_none() {
            let Some((id, length)) = self.candidates.pop() else {
                return SnapshotOutcome::Loaded(None, Box::new(self.empty.clone()), core::mem::take(&mut self.damaged));
            };
            let fold = Fold::new(self.empty.clone());
            self.reading = Some(Reading { id, length, position: 0, rest: Vec::new(), fold, part: Part::Head });
        }
        let reading = self.reading.as_ref().expect("one is being read");
        SnapshotOutcome::Ask(IoOp::Read {
            file: file_of(reading.id),
            position: FilePosition(reading.position),
            length: LOAD_BYTES_MAX,
        })
    }
}

impl Reading {
    /// Takes the next bytes of the file; says what is wrong with them.
    fn take(&mut self, bytes: &[u8]) -> Result<(), String> {
        if bytes.is_empty() {
            return Err(if self.length == 0 { "it is empty".into() } else { "it is shorter than it was".into() });
        }
        self.position += bytes.len() as u64;
        // It was listed when the node started, and nobody writes to it.
        if self.position > self.length {
            return Err("it is longer than it was".into());
        }
        self.rest.extend_from_slice(bytes);
        let mut rest = core::mem::take(&mut self.rest);
        let mut from = 0;
        while let Some(batch) = whole_batch(rest.get(from..).unwrap_or_default())? {
            from += batch.len();
            self.batch(batch)?;
        }
        rest.drain(..from);
        self.rest = rest;
        let ends = self.position == self.length;
        if ends && !(self.rest.is_empty() && self.part == Part::End) {
            return Err("its end is missing".into());
        }
        Ok(())
    }

    fn batch(&mut self, bytes: &[u8]) -> Result<(), String> {
        let batch = BatchView::parse(bytes).map_err(|error| error.to_string())?;
        batch.check_crc().map_err(|error| error.to_string())?;
        let is_control = batch.header().attributes.is_control();
        match (self.part, is_control) {
            (Part::Head, true) => {
                has_control(&batch, ControlRecordType::SnapshotHeader)?;
                self.part = Part::Records;
            }
            (Part::Head, false) => return Err("it does not begin with a header".into()),
            (Part::Records, true) => {
                has_control(&batch, ControlRecordType::SnapshotFooter)?;
                self.part = Part::End;
            }
            (Part::Records, false) => {
                let (fold, offset) = (&mut self.fold, self.id.end_offset.0 - 1);
                read_metadata_batch(bytes, |_, record| fold.replay(offset, record).map_err(|e| e.to_string()))?;
            }
            (Part::End, _) => return Err("something follows its footer".into()),
        }
        Ok(())
    }
}

/// The batch that the bytes begin with, if all of it is there.
fn whole_batch(bytes: &[u8]) -> Result<Option<&[u8]>, String> {
    let Some((prefix, _)) = bytes.split_first_chunk::<BATCH_PREFIX_BYTES>() else { return Ok(None) };
    let [_, _, _, _, _, _, _, _, length @ ..] = *prefix;
    let length = usize::try_from(i32::from_be_bytes(length)).map_err(|_| "a batch has a negative length")?;
    if length > SNAPSHOT_READ_BATCH_BYTES_MAX {
        return Err(format!("a batch has {length} bytes"));
    }
    Ok(bytes.get(..BATCH_PREFIX_BYTES + length))
}

/// Whether a control batch begins with a record of this type.
fn has_control(batch: &BatchView<'_>, wanted: ControlRecordType) -> Result<(), String> {
    let mut records = batch.records().map_err(|error| error.to_string())?;
    let first = records.next().ok_or("a control batch is empty")?.map_err(|error| error.to_string())?;
    let found = ControlRecordType::from_key(first.key.unwrap_or_default()).map_err(|error| error.to_string())?;
    if found == wanted { Ok(()) } else { Err(format!("{wanted:?} is expected and {found:?} found")) }
}
