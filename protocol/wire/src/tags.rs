//! Tagged fields (KIP-482): what ends each struct of a flexible version.
//!
//! ```text
//! uvarint count, then count times: uvarint tag (ascending), uvarint size, size bytes
//! ```

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::{DecodeError, DecodeErrorKind, Decoder, EncodeErrorKind, Encoder, varint};

/// Tagged fields that this release does not know, kept so that they come back out.
///
/// Owned and in their wire form: messages stay one pointer larger, free of a lifetime where nothing else borrows,
/// and unknown tags cost no more memory than frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnknownTags(Option<Box<RawTags>>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct RawTags {
    /// Tag, size and bytes of each field, with minimal varints.
    bytes: Vec<u8>,
    tag_last: u32,
}

impl UnknownTags {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Tags and their bytes, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[u8])> {
        let mut rest = self.raw();
        core::iter::from_fn(move || take_field(&mut rest))
    }

    /// Adds a field. False, and nothing added, if its tag is not above all others or it is 2^31 bytes or longer.
    #[must_use]
    pub fn push(&mut self, tag: u32, data: &[u8]) -> bool {
        if i32::try_from(data.len()).is_err() || self.0.as_deref().is_some_and(|raw| tag <= raw.tag_last) {
            return false;
        }
        self.append(tag, data, 0);
        true
    }

    /// Adds a field, reserving `capacity` bytes if it is the first.
    fn append(&mut self, tag: u32, data: &[u8], capacity: usize) {
        let raw =
            self.0.get_or_insert_with(|| Box::new(RawTags { bytes: Vec::with_capacity(capacity), tag_last: tag }));
        raw.tag_last = tag;
        varint::put_u32(&mut raw.bytes, tag);
        varint::put_u32(&mut raw.bytes, data.len() as u32);
        raw.bytes.extend_from_slice(data);
    }

    fn raw(&self) -> &[u8] {
        self.0.as_deref().map_or(&[], |raw| &raw.bytes)
    }
}

/// Takes a field from the front of a section. A section that was checked ends where its last field does.
fn take_field<'a>(rest: &mut &'a [u8]) -> Option<(u32, &'a [u8])> {
    let tag = varint::take_u32(rest).ok()?;
    let size = varint::take_u32(rest).ok()?;
    let (data, after) = rest.split_at_checked(usize::try_from(size).ok()?)?;
    *rest = after;
    Some((tag, data))
}

/// Reads a section of tagged fields. While a field is read, its decoder sees no more than that field's bytes.
#[derive(Debug)]
pub struct TagReader<'a> {
    left: u32,
    previous: Option<u32>,
    /// What follows the field being read.
    rest: &'a [u8],
}

impl<'a> TagReader<'a> {
    pub(crate) fn begin(decoder: &mut Decoder<'a>) -> Result<Self, DecodeError> {
        let left = if decoder.is_flexible() { decoder.uvarint("tagged fields")? } else { 0 };
        // Nothing is reserved by this count; each tag is checked when its turn comes.
        Ok(Self { left, previous: None, rest: &[] })
    }

    /// Ends the field before, if any, and starts the next one.
    pub fn next(&mut self, decoder: &mut Decoder<'a>) -> Result<Option<u32>, DecodeError> {
        if self.previous.is_some() {
            if !decoder.input.is_empty() {
                let kind = DecodeErrorKind::TagNotConsumed(decoder.input.len());
                return Err(DecodeError::at(kind, "tagged fields"));
            }
            decoder.input = self.rest;
        }
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        let tag = decoder.uvarint("tagged fields")?;
        if let Some(previous) = self.previous.filter(|&previous| tag <= previous) {
            return Err(DecodeError::at(DecodeErrorKind::TagOrder { tag, previous }, "tagged fields"));
        }
        let size = decoder.uvarint("tagged fields")?;
        let data = decoder.slice("tagged fields", usize::try_from(size).unwrap_or(usize::MAX))?;
        self.rest = decoder.input;
        self.previous = Some(tag);
        decoder.input = data;
        Ok(Some(tag))
    }

    /// Keeps the field being read among those not known.
    pub fn keep(&self, decoder: &mut Decoder<'a>, unknown: &mut UnknownTags) -> Result<(), DecodeError> {
        let Some(tag) = self.previous else { return Ok(()) };
        let data = decoder.slice("tagged fields", decoder.input.len())?;
        let mut capacity = 0;
        if unknown.is_empty() {
            capacity = field_size(tag, data).saturating_add(self.size_left());
            decoder.charge("tagged fields", capacity.saturating_add(size_of::<RawTags>()))?;
        }
        unknown.append(tag, data, capacity);
        Ok(())
    }

    /// Reads all that is left as unknown fields.
    pub fn keep_all(mut self, decoder: &mut Decoder<'a>) -> Result<UnknownTags, DecodeError> {
        let mut unknown = UnknownTags::default();
        while self.next(decoder)?.is_some() {
            self.keep(decoder, &mut unknown)?;
        }
        Ok(unknown)
    }

    /// The bytes of all fields that follow the current one, as [`RawTags`] holds them. Stops at the first fault, as
    /// reading will.
    fn size_left(&self) -> usize {
        let mut rest = self.rest;
        let mut size = 0_usize;
        for _ in 0..self.left {
            let Some((tag, data)) = take_field(&mut rest) else { break };
            size = size.saturating_add(field_size(tag, data));
        }
        size
    }
}

fn field_size(tag: u32, data: &[u8]) -> usize {
    varint::len_u32(tag) + varint::len_u32(data.len() as u32) + data.len()
}

/// Writes a section of tagged fields, putting unknown ones between the message's own so that all tags ascend.
#[derive(Debug)]
pub struct TagWriter<'e> {
    encoder: &'e mut Encoder,
    /// The unknown fields not yet written.
    unknown: &'e [u8],
    /// Where the number of fields is to be written; one byte is kept free.
    count_position: usize,
    count: u32,
    /// Where the size of the field being written is to be written; one byte is kept free.
    size_position: Option<usize>,
}

impl<'e> TagWriter<'e> {
    pub(crate) fn begin(encoder: &'e mut Encoder, unknown: &'e UnknownTags) -> Self {
        let count_position = encoder.buffer.len();
        if encoder.is_flexible() {
            encoder.buffer.push(0);
        } else if !unknown.is_empty() {
            encoder.fail(EncodeErrorKind::UnsupportedTags, "unknown_tags");
        }
        Self { encoder, unknown: unknown.raw(), count_position, count: 0, size_position: None }
    }

    /// Starts the field `tag`; what the encoder is given until the next field, or the end, is its value.
    pub fn field(&mut self, tag: u32) -> &mut Encoder {
        self.close();
        self.write_unknown(Some(tag));
        self.encoder.uvarint(tag);
        self.size_position = Some(self.encoder.buffer.len());
        self.encoder.buffer.push(0);
        self.count += 1;
        self.encoder
    }

    /// Ends the section.
    pub fn end(mut self) {
        self.close();
        if !self.encoder.is_flexible() {
            return;
        }
        self.write_unknown(None);
        replace_byte(self.encoder, self.count_position, self.count);
    }

    /// Sets the size of the field being written.
    fn close(&mut self) {
        let Some(position) = self.size_position.take() else { return };
        let size = self.encoder.buffer.len().saturating_sub(position + 1);
        match i32::try_from(size) {
            Ok(size) => replace_byte(self.encoder, position, size.unsigned_abs()),
            Err(_) => self.encoder.fail(EncodeErrorKind::TooLong(size), "tagged fields"),
        }
    }

    /// Writes the unknown fields with tags below `end`.
    fn write_unknown(&mut self, end: Option<u32>) {
        let mut rest = self.unknown;
        while let Some((tag, data)) = take_field(&mut rest) {
            match end {
                Some(end) if tag == end => self.encoder.fail(EncodeErrorKind::TagOrder(tag), "unknown_tags"),
                Some(end) if tag > end => return,
                _ => {}
            }
            self.encoder.uvarint(tag);
            self.encoder.uvarint(data.len() as u32);
            self.encoder.put(data);
            self.unknown = rest;
            self.count += 1;
        }
    }
}

/// Puts a varint where one byte was kept free for it; nearly always one byte is enough.
fn replace_byte(encoder: &mut Encoder, position: usize, value: u32) {
    match encoder.buffer.get_mut(position) {
        Some(byte) if value < 0x80 => *byte = value as u8,
        _ => {
            let mut bytes = Vec::with_capacity(5);
            varint::put_u32(&mut bytes, value);
            encoder.buffer.splice(position..=position, bytes);
        }
    }
}
