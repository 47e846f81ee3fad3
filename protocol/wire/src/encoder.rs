//! Writing a frame as a list of parts.

use alloc::vec::Vec;
use bytes::Bytes;

use crate::{
    Element, EncodeError, EncodeErrorKind, Message, Parts, Records, STRING_LENGTH_MAX, TagWriter, UnknownTags, Uuid,
    Versions, varint,
};

/// The bytes that a frame's buffer begins with: most answers fit, and a buffer that grows to them is moved five times.
const FRAME_BYTES_FIRST: usize = 128;

/// Writes the primitives of the wire format into one buffer, and remembers where bulk data belongs in it.
///
/// Single writes return nothing: the first failure is kept and [`Message::encode`](crate::Message::encode) returns
/// it, with all that the message wrote taken back. That keeps the generated code straight-line.
#[derive(Debug, Default)]
pub struct Encoder {
    pub(crate) buffer: Vec<u8>,
    /// Bulk data and the position in `buffer` that each lies at, ascending.
    splices: Vec<(usize, Bytes)>,
    spliced: usize,
    flexible: bool,
    failure: Option<(EncodeErrorKind, &'static str)>,
}

/// Where a message started, to take it back to.
#[derive(Clone, Copy)]
pub(crate) struct Checkpoint {
    buffer: usize,
    splices: usize,
    spliced: usize,
}

impl Encoder {
    /// An empty encoder.
    pub fn new() -> Self {
        Self::default()
    }

    /// An encoder of a frame, which starts with its length: see [`Encoder::finish_frame`].
    pub fn for_frame() -> Self {
        let mut buffer = Vec::with_capacity(FRAME_BYTES_FIRST);
        buffer.extend_from_slice(&[0; 4]);
        Self { buffer, ..Self::default() }
    }

    /// The bytes written so far, spliced ones included.
    pub fn len(&self) -> usize {
        self.buffer.len() + self.spliced
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All that was written, in order. Bulk data are parts of their own, the rest are slices of one buffer.
    pub fn finish(self) -> Parts {
        if self.splices.is_empty() {
            return Parts::from_iter([Bytes::from(self.buffer)]);
        }
        let buffer = Bytes::from(self.buffer);
        let mut parts = Vec::with_capacity(2 * self.splices.len() + 1);
        let mut start = 0;
        for (position, data) in self.splices {
            parts.push(buffer.slice(start..position));
            parts.push(data);
            start = position;
        }
        parts.push(buffer.slice(start..));
        parts.into_iter().collect()
    }

    /// Like [`Encoder::finish`], for an encoder made by [`Encoder::for_frame`]: sets the length in front.
    pub fn finish_frame(mut self) -> Result<Parts, EncodeError> {
        let length = self.len().saturating_sub(4);
        match (i32::try_from(length), self.buffer.first_chunk_mut::<4>()) {
            (Ok(value), Some(prefix)) => *prefix = value.to_be_bytes(),
            _ => {
                let kind = EncodeErrorKind::TooLong(length);
                return Err(EncodeError { kind, message: "frame", version: 0, field: "length" });
            }
        }
        Ok(self.finish())
    }

    pub(crate) fn begin(&mut self, versions: Versions, flexible_from: Option<i16>, version: i16) -> Checkpoint {
        self.failure = None;
        self.flexible = flexible_from.is_some_and(|first| version >= first);
        if !versions.contains(version) {
            self.fail(EncodeErrorKind::UnknownVersion, "");
        }
        Checkpoint { buffer: self.buffer.len(), splices: self.splices.len(), spliced: self.spliced }
    }

    /// The first failure since `begin`; if there is one, all written since `checkpoint` is gone.
    pub(crate) fn end(&mut self, checkpoint: Checkpoint) -> Result<(), (EncodeErrorKind, &'static str)> {
        match self.failure.take() {
            None => Ok(()),
            Some(failure) => {
                self.buffer.truncate(checkpoint.buffer);
                self.splices.truncate(checkpoint.splices);
                self.spliced = checkpoint.spliced;
                Err(failure)
            }
        }
    }

    /// Whether the message being written is in a flexible version (KIP-482).
    pub fn is_flexible(&self) -> bool {
        self.flexible
    }

    #[cold]
    pub(crate) fn fail(&mut self, kind: EncodeErrorKind, name: &'static str) {
        self.failure.get_or_insert((kind, name));
    }

    /// Fails because the version has no field `name`.
    #[cold]
    pub fn unsupported(&mut self, name: &'static str) {
        self.fail(EncodeErrorKind::UnsupportedField, name);
    }

    /// Writes a boolean.
    pub fn bool(&mut self, value: bool) {
        self.buffer.push(u8::from(value));
    }

    /// Writes a signed byte.
    pub fn i8(&mut self, value: i8) {
        self.put(&value.to_be_bytes());
    }

    /// Writes a 16-bit integer.
    pub fn i16(&mut self, value: i16) {
        self.put(&value.to_be_bytes());
    }

    /// Writes an unsigned 16-bit integer.
    pub fn u16(&mut self, value: u16) {
        self.put(&value.to_be_bytes());
    }

    /// Writes a 32-bit integer.
    pub fn i32(&mut self, value: i32) {
        self.put(&value.to_be_bytes());
    }

    /// Writes an unsigned 32-bit integer.
    pub fn u32(&mut self, value: u32) {
        self.put(&value.to_be_bytes());
    }

    /// Writes a 64-bit integer.
    pub fn i64(&mut self, value: i64) {
        self.put(&value.to_be_bytes());
    }

    /// Writes a double.
    pub fn f64(&mut self, value: f64) {
        self.put(&value.to_be_bytes());
    }

    /// Writes a UUID.
    pub fn uuid(&mut self, value: Uuid) {
        self.put(&value.0);
    }

    /// Writes an unsigned varint.
    pub fn uvarint(&mut self, value: u32) {
        varint::put_u32(&mut self.buffer, value);
    }

    /// Writes bytes as they are.
    pub fn put(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Writes a string.
    pub fn string(&mut self, name: &'static str, value: &str) {
        self.nullable_string(name, Some(value));
    }

    /// Writes a string or null.
    pub fn nullable_string(&mut self, name: &'static str, value: Option<&str>) {
        if self.flexible {
            self.text_length(name, value);
            self.compact_length(name, value.map(str::len));
            self.put(value.unwrap_or_default().as_bytes());
        } else {
            self.nullable_string_inflexible(name, value);
        }
    }

    /// Writes a string or null whose length is fixed even in flexible versions (`"flexibleVersions": "none"`).
    pub fn nullable_string_inflexible(&mut self, name: &'static str, value: Option<&str>) {
        self.text_length(name, value);
        self.i16(value.map_or(-1, |text| text.len() as i16));
        self.put(value.unwrap_or_default().as_bytes());
    }

    fn text_length(&mut self, name: &'static str, value: Option<&str>) {
        if let Some(length) = value.map(str::len).filter(|&length| length > STRING_LENGTH_MAX) {
            self.fail(EncodeErrorKind::TooLong(length), name);
        }
    }

    /// Writes a string in a version that allows no null.
    pub fn required_string(&mut self, name: &'static str, value: Option<&str>) {
        self.require(name, value.is_some());
        self.nullable_string(name, value);
    }

    /// Writes a byte string.
    pub fn bytes(&mut self, name: &'static str, value: &[u8]) {
        self.nullable_bytes(name, Some(value));
    }

    /// Writes a byte string or null.
    pub fn nullable_bytes(&mut self, name: &'static str, value: Option<&[u8]>) {
        self.length_i32(name, value.map(<[u8]>::len));
        self.put(value.unwrap_or_default());
    }

    /// Writes a byte string in a version that allows no null.
    pub fn required_bytes(&mut self, name: &'static str, value: Option<&[u8]>) {
        self.require(name, value.is_some());
        self.nullable_bytes(name, value);
    }

    /// Writes record batches.
    pub fn records(&mut self, name: &'static str, value: &Records<'_>) {
        self.nullable_records(name, Some(value));
    }

    /// Writes record batches or null. [`Records::Parts`] are not copied but spliced in.
    pub fn nullable_records(&mut self, name: &'static str, value: Option<&Records<'_>>) {
        self.length_i32(name, value.map(Records::len));
        match value {
            None => {}
            Some(Records::Borrowed(data)) => self.put(data),
            Some(Records::Parts(parts)) => {
                for part in parts.iter().filter(|part| !part.is_empty()) {
                    self.spliced += part.len();
                    self.splices.push((self.buffer.len(), part.clone()));
                }
            }
        }
    }

    /// Writes record batches in a version that allows no null.
    pub fn required_records(&mut self, name: &'static str, value: Option<&Records<'_>>) {
        self.require(name, value.is_some());
        self.nullable_records(name, value);
    }

    /// Writes what stands for an `M`, by fields that `write` writes one by one: for messages whose parts all together would
    /// hold many times what they are written as. After an error the encoder is as it was before.
    pub fn message<'a, M: Message<'a>>(
        &mut self,
        version: i16,
        write: impl FnOnce(&mut Self),
    ) -> Result<(), EncodeError> {
        let checkpoint = self.begin(M::VERSIONS, M::FLEXIBLE_FROM, version);
        write(self);
        self.end(checkpoint).map_err(|(kind, field)| EncodeError { kind, message: M::NAME, version, field })
    }

    /// Writes the length of an array whose elements follow.
    pub fn array_length(&mut self, name: &'static str, length: usize) {
        self.length_i32(name, Some(length));
    }

    /// Writes an array.
    pub fn array<'a, T: Element<'a>>(&mut self, name: &'static str, value: &[T], version: i16) {
        self.nullable_array(name, Some(value), version);
    }

    /// Writes an array or null.
    pub fn nullable_array<'a, T: Element<'a>>(&mut self, name: &'static str, value: Option<&[T]>, version: i16) {
        self.length_i32(name, value.map(<[T]>::len));
        for element in value.unwrap_or_default() {
            element.write(self, version);
        }
    }

    /// Writes an array in a version that allows no null.
    pub fn required_array<'a, T: Element<'a>>(&mut self, name: &'static str, value: Option<&[T]>, version: i16) {
        self.require(name, value.is_some());
        self.nullable_array(name, value, version);
    }

    /// Writes a struct or null, a byte in front of it (KIP-893).
    pub fn nullable_nested<'a, T: Element<'a>>(&mut self, value: Option<&T>, version: i16) {
        self.i8(if value.is_some() { 1 } else { -1 });
        if let Some(value) = value {
            value.write(self, version);
        }
    }

    /// Writes a tagged struct or null; null is the byte 0 here, unlike elsewhere.
    pub fn nullable_nested_tagged<'a, T: Element<'a>>(&mut self, value: Option<&T>, version: i16) {
        self.i8(i8::from(value.is_some()));
        if let Some(value) = value {
            value.write(self, version);
        }
    }

    /// Writes a struct in a version that allows no null.
    pub fn required_nested<'a, T: Element<'a>>(&mut self, name: &'static str, value: Option<&T>, version: i16) {
        match value {
            Some(value) => value.write(self, version),
            None => self.fail(EncodeErrorKind::NullNotAllowed, name),
        }
    }

    /// Ends a struct that has no tagged fields of its own.
    pub fn unknown_tags(&mut self, unknown: &UnknownTags) {
        self.tags(unknown).end();
    }

    /// Starts the section of tagged fields that ends each struct of a flexible version.
    pub fn tags<'e>(&'e mut self, unknown: &'e UnknownTags) -> TagWriter<'e> {
        TagWriter::begin(self, unknown)
    }

    fn require(&mut self, name: &'static str, present: bool) {
        if !present {
            self.fail(EncodeErrorKind::NullNotAllowed, name);
        }
    }

    /// A length as a varint, one larger than it is, 0 for null.
    fn compact_length(&mut self, name: &'static str, length: Option<usize>) {
        // Kafka's lengths are Java integers, and one more must fit as well.
        let limit = i32::MAX as usize - 1;
        if let Some(length) = length.filter(|&length| length > limit) {
            self.fail(EncodeErrorKind::TooLong(length), name);
        }
        self.uvarint(length.map_or(0, |length| length.min(limit) as u32 + 1));
    }

    fn length_i32(&mut self, name: &'static str, length: Option<usize>) {
        if self.flexible {
            return self.compact_length(name, length);
        }
        let value = length.map_or(Ok(-1), i32::try_from);
        if value.is_err() {
            self.fail(EncodeErrorKind::TooLong(length.unwrap_or_default()), name);
        }
        self.i32(value.unwrap_or(-1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spliced_in_counts() {
        let mut encoder = Encoder::new();
        assert!(encoder.is_empty());
        let (none, some) = (Records::Parts(Vec::new()), Records::from(Bytes::from_static(b"batches")));
        assert!(none.is_empty() && !some.is_empty());
        encoder.records("records", &some);
        assert_eq!((encoder.len(), encoder.is_empty()), (4 + 7, false));
        assert_eq!(encoder.finish().to_contiguous(), b"\0\0\0\x07batches"[..]);
    }

    #[test]
    fn lengths_are_javas_integers() {
        let largest = i32::MAX as usize;
        let mut encoder = Encoder::new();
        encoder.length_i32("fixed", Some(largest));
        assert_eq!(encoder.failure, None);
        encoder.length_i32("fixed", Some(largest + 1));
        assert_eq!(encoder.failure.take(), Some((EncodeErrorKind::TooLong(largest + 1), "fixed")));
        // One larger than it is, and 0 for null.
        encoder.compact_length("compact", Some(largest - 1));
        assert_eq!(encoder.failure, None);
        encoder.compact_length("compact", Some(largest));
        assert_eq!(encoder.failure, Some((EncodeErrorKind::TooLong(largest), "compact")));
    }
}
