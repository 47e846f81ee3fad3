//! Reading from a frame, within a budget.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::str::Utf8Chunk;

use crate::varint::{self, VarintError};
use crate::{DecodeError, DecodeErrorKind, Element, Records, STRING_LENGTH_MAX, TagReader, Uuid, Versions};

/// How many bytes of memory one byte of a frame may cost.
///
/// The dearest elements that legitimate frames carry are short strings (two bytes that become a 24-byte `Cow`);
/// messages of empty strings and empty arrays alone would cost more, and nobody has a use for them.
pub const BUDGET_FACTOR: usize = 16;

/// What a frame may cost beside that. The rest of the 4 KiB is for the error and its path.
const BUDGET_BASE: usize = 3 * 1024;

/// Reads the primitives of the wire format from the front of a frame.
///
/// Which of the two encodings of lengths is read (fixed, or compact in flexible versions) is part of its state, set
/// by [`Message::decode`](crate::Message::decode). After an error a decoder stands at an unspecified place.
#[derive(Clone, Debug)]
pub struct Decoder<'a> {
    pub(crate) input: &'a [u8],
    budget: usize,
    /// The elements that arrays may still have, all together.
    elements: usize,
    flexible: bool,
}

impl<'a> Decoder<'a> {
    /// A decoder of all of `frame`, with the budget of a frame of that length.
    pub fn new(frame: &'a [u8]) -> Self {
        let budget = frame.len().saturating_mul(BUDGET_FACTOR).saturating_add(BUDGET_BASE);
        Self { input: frame, budget, elements: usize::MAX, flexible: false }
    }

    /// Takes no more than `elements` elements of arrays, all arrays together: what answers them may cost more than reading.
    #[must_use]
    pub fn with_elements_max(self, elements: usize) -> Self {
        Self { elements, ..self }
    }

    /// The bytes not yet read.
    pub fn remaining(&self) -> &'a [u8] {
        self.input
    }

    /// How much memory decoding may still reserve, in bytes.
    pub fn budget(&self) -> usize {
        self.budget
    }

    /// Whether the message being read is in a flexible version (KIP-482).
    pub fn is_flexible(&self) -> bool {
        self.flexible
    }

    /// Ends the frame: bytes that were not read are an error.
    pub fn finish(self) -> Result<(), DecodeError> {
        if self.input.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::new(DecodeErrorKind::TrailingBytes(self.input.len())))
        }
    }

    /// Starts a message: checks its version and sets the encoding of lengths.
    pub(crate) fn begin(
        &mut self,
        versions: Versions,
        flexible_from: Option<i16>,
        version: i16,
    ) -> Result<(), DecodeError> {
        if !versions.contains(version) {
            return Err(DecodeError::new(DecodeErrorKind::UnknownVersion(version)));
        }
        self.flexible = flexible_from.is_some_and(|first| version >= first);
        Ok(())
    }

    #[inline]
    fn array_of_bytes<const N: usize>(&mut self, name: &'static str) -> Result<[u8; N], DecodeError> {
        let Some((head, rest)) = self.input.split_first_chunk::<N>() else {
            return Err(self.truncated(name, N));
        };
        self.input = rest;
        Ok(*head)
    }

    /// Reads a byte as a boolean; as in Kafka everything but 0 is true.
    #[inline]
    pub fn bool(&mut self, name: &'static str) -> Result<bool, DecodeError> {
        Ok(self.i8(name)? != 0)
    }

    /// Reads a signed byte.
    #[inline]
    pub fn i8(&mut self, name: &'static str) -> Result<i8, DecodeError> {
        self.array_of_bytes(name).map(i8::from_be_bytes)
    }

    /// Reads a 16-bit integer.
    #[inline]
    pub fn i16(&mut self, name: &'static str) -> Result<i16, DecodeError> {
        self.array_of_bytes(name).map(i16::from_be_bytes)
    }

    /// Reads an unsigned 16-bit integer.
    #[inline]
    pub fn u16(&mut self, name: &'static str) -> Result<u16, DecodeError> {
        self.array_of_bytes(name).map(u16::from_be_bytes)
    }

    /// Reads a 32-bit integer.
    #[inline]
    pub fn i32(&mut self, name: &'static str) -> Result<i32, DecodeError> {
        self.array_of_bytes(name).map(i32::from_be_bytes)
    }

    /// Reads an unsigned 32-bit integer.
    #[inline]
    pub fn u32(&mut self, name: &'static str) -> Result<u32, DecodeError> {
        self.array_of_bytes(name).map(u32::from_be_bytes)
    }

    /// Reads a 64-bit integer.
    #[inline]
    pub fn i64(&mut self, name: &'static str) -> Result<i64, DecodeError> {
        self.array_of_bytes(name).map(i64::from_be_bytes)
    }

    /// Reads a double.
    #[inline]
    pub fn f64(&mut self, name: &'static str) -> Result<f64, DecodeError> {
        self.array_of_bytes(name).map(f64::from_be_bytes)
    }

    /// Reads a UUID.
    #[inline]
    pub fn uuid(&mut self, name: &'static str) -> Result<Uuid, DecodeError> {
        self.array_of_bytes(name).map(Uuid)
    }

    /// Reads an unsigned varint of at most 32 bits.
    pub fn uvarint(&mut self, name: &'static str) -> Result<u32, DecodeError> {
        match varint::take_u32(&mut self.input) {
            Ok(value) => Ok(value),
            Err(VarintError::Truncated) => Err(self.truncated(name, 1)),
            Err(VarintError::Overflow) => Err(DecodeError::at(DecodeErrorKind::VarintOverflow, name)),
        }
    }

    /// Reads a string.
    pub fn string(&mut self, name: &'static str) -> Result<Cow<'a, str>, DecodeError> {
        self.nullable_string(name)?.ok_or_else(|| not_null(name))
    }

    /// Reads a string or null.
    pub fn nullable_string(&mut self, name: &'static str) -> Result<Option<Cow<'a, str>>, DecodeError> {
        let length = if self.flexible { self.compact_length(name)? } else { self.length_i16(name)? };
        self.text(name, length)
    }

    /// Reads a string or null whose length is fixed even in flexible versions (`"flexibleVersions": "none"`).
    pub fn nullable_string_inflexible(&mut self, name: &'static str) -> Result<Option<Cow<'a, str>>, DecodeError> {
        let length = self.length_i16(name)?;
        self.text(name, length)
    }

    fn text(&mut self, name: &'static str, length: Option<usize>) -> Result<Option<Cow<'a, str>>, DecodeError> {
        let Some(length) = length else { return Ok(None) };
        if length > STRING_LENGTH_MAX {
            return Err(DecodeError::at(DecodeErrorKind::StringTooLong(length), name));
        }
        let bytes = self.slice(name, length)?;
        match core::str::from_utf8(bytes) {
            Ok(text) => Ok(Some(Cow::Borrowed(text))),
            Err(_) => self.replaced(name, bytes).map(Some),
        }
    }

    /// As Kafka does, reads U+FFFD for whatever is not UTF-8: names in other encodings, which clients may have, are then
    /// names as well.
    #[cold]
    fn replaced(&mut self, name: &'static str, bytes: &'a [u8]) -> Result<Cow<'a, str>, DecodeError> {
        let length = bytes.utf8_chunks().map(|chunk| chunk.valid().len() + replacement(&chunk).len()).sum();
        // Paid before it is reserved, and reserved at once: text that grows would hold its old memory beside the new.
        self.charge(name, length)?;
        // A longer one could not be written again.
        if length > STRING_LENGTH_MAX {
            return Err(DecodeError::at(DecodeErrorKind::StringTooLong(length), name));
        }
        let mut text = String::with_capacity(length);
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            text.push_str(replacement(&chunk));
        }
        Ok(Cow::Owned(text))
    }

    /// Reads a byte string.
    pub fn bytes(&mut self, name: &'static str) -> Result<Cow<'a, [u8]>, DecodeError> {
        self.nullable_bytes(name)?.ok_or_else(|| not_null(name))
    }

    /// Reads a byte string or null.
    pub fn nullable_bytes(&mut self, name: &'static str) -> Result<Option<Cow<'a, [u8]>>, DecodeError> {
        Ok(self.nullable_slice(name)?.map(Cow::Borrowed))
    }

    /// Reads record batches, unexamined.
    pub fn records(&mut self, name: &'static str) -> Result<Records<'a>, DecodeError> {
        self.nullable_records(name)?.ok_or_else(|| not_null(name))
    }

    /// Reads record batches or null, unexamined.
    pub fn nullable_records(&mut self, name: &'static str) -> Result<Option<Records<'a>>, DecodeError> {
        Ok(self.nullable_slice(name)?.map(Records::Borrowed))
    }

    fn nullable_slice(&mut self, name: &'static str) -> Result<Option<&'a [u8]>, DecodeError> {
        match self.length_i32(name)? {
            Some(length) => self.slice(name, length).map(Some),
            None => Ok(None),
        }
    }

    /// Takes the next `length` bytes.
    pub fn slice(&mut self, name: &'static str, length: usize) -> Result<&'a [u8], DecodeError> {
        let Some((head, rest)) = self.input.split_at_checked(length) else {
            return Err(self.truncated(name, length));
        };
        self.input = rest;
        Ok(head)
    }

    /// Reads an array.
    pub fn array<T: Element<'a>>(&mut self, name: &'static str, version: i16) -> Result<Vec<T>, DecodeError> {
        self.nullable_array(name, version)?.ok_or_else(|| not_null(name))
    }

    /// Reads an array or null.
    pub fn nullable_array<T: Element<'a>>(
        &mut self,
        name: &'static str,
        version: i16,
    ) -> Result<Option<Vec<T>>, DecodeError> {
        let size_min = T::size_min(version, self.flexible);
        let Some(count) = self.count(name, size_min, size_of::<T>())? else { return Ok(None) };
        let mut elements = Vec::with_capacity(count);
        for index in 0..count {
            match T::read(self, version) {
                Ok(element) => elements.push(element),
                Err(error) => return Err(error.within(name, Some(index))),
            }
        }
        Ok(Some(elements))
    }

    /// Reads a count of elements and pays for their memory, before any is reserved.
    fn count(&mut self, name: &'static str, size_min: usize, size_of: usize) -> Result<Option<usize>, DecodeError> {
        let Some(count) = self.length_i32(name)? else { return Ok(None) };
        let remaining = self.input.len();
        if count.saturating_mul(size_min.max(1)) > remaining {
            return Err(DecodeError::at(DecodeErrorKind::CountTooLarge { count, size_min, remaining }, name));
        }
        match self.elements.checked_sub(count) {
            Some(left) => self.elements = left,
            None => {
                let kind = DecodeErrorKind::TooManyElements { count, left: self.elements };
                return Err(DecodeError::at(kind, name));
            }
        }
        self.charge(name, count.saturating_mul(size_of))?;
        Ok(Some(count))
    }

    /// Takes `needed` bytes of memory from the budget.
    pub(crate) fn charge(&mut self, name: &'static str, needed: usize) -> Result<(), DecodeError> {
        match self.budget.checked_sub(needed) {
            Some(left) => self.budget = left,
            None => return Err(DecodeError::at(DecodeErrorKind::OverBudget { needed, left: self.budget }, name)),
        }
        Ok(())
    }

    /// Reads a struct.
    pub fn nested<T: Element<'a>>(&mut self, name: &'static str, version: i16) -> Result<T, DecodeError> {
        T::read(self, version).map_err(|error| error.within(name, None))
    }

    /// Reads a struct or null: a byte below 0 is null (KIP-893).
    pub fn nullable_nested<T: Element<'a>>(
        &mut self,
        name: &'static str,
        version: i16,
    ) -> Result<Option<T>, DecodeError> {
        if self.i8(name)? < 0 { Ok(None) } else { self.nested(name, version).map(Some) }
    }

    /// Reads a tagged struct or null. Kafka writes null as the byte 0 and nothing else here, unlike elsewhere.
    pub fn nullable_nested_tagged<T: Element<'a>>(
        &mut self,
        name: &'static str,
        version: i16,
    ) -> Result<Option<T>, DecodeError> {
        if self.input == [0] {
            self.input = &[];
            return Ok(None);
        }
        self.nullable_nested(name, version)
    }

    /// Starts the section of tagged fields that ends each struct of a flexible version; elsewhere it is empty.
    pub fn tags(&mut self) -> Result<TagReader<'a>, DecodeError> {
        TagReader::begin(self)
    }

    /// A length as a varint, one larger than it is, 0 for null.
    fn compact_length(&mut self, name: &'static str) -> Result<Option<usize>, DecodeError> {
        Ok(self.uvarint(name)?.checked_sub(1).map(widen))
    }

    fn length_i16(&mut self, name: &'static str) -> Result<Option<usize>, DecodeError> {
        let length = self.i16(name)?;
        Ok(length_or_null(i32::from(length)))
    }

    /// The length of byte strings, record batches and arrays: 32 bits, or a varint in flexible versions.
    fn length_i32(&mut self, name: &'static str) -> Result<Option<usize>, DecodeError> {
        if self.flexible {
            return self.compact_length(name);
        }
        let length = self.i32(name)?;
        Ok(length_or_null(length))
    }

    #[cold]
    #[inline(never)]
    fn truncated(&self, name: &'static str, needed: usize) -> DecodeError {
        DecodeError::at(DecodeErrorKind::Truncated { needed, remaining: self.input.len() }, name)
    }
}

/// As in Kafka, any length below zero is null.
fn length_or_null(length: i32) -> Option<usize> {
    u32::try_from(length).ok().map(widen)
}

fn widen(length: u32) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

#[cold]
fn not_null(name: &'static str) -> DecodeError {
    DecodeError::at(DecodeErrorKind::NullNotAllowed, name)
}

/// What stands for the part of `chunk` that is not UTF-8, if it has one.
fn replacement(chunk: &Utf8Chunk<'_>) -> &'static str {
    if chunk.invalid().is_empty() { "" } else { "\u{fffd}" }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An element that takes a byte of a frame and much memory.
    #[derive(Debug)]
    struct Dear(#[expect(dead_code, reason = "its size is what counts")] [u8; 1000]);

    impl<'a> Element<'a> for Dear {
        fn size_min(_version: i16, _flexible: bool) -> usize {
            1
        }

        fn read(decoder: &mut Decoder<'a>, _version: i16) -> Result<Self, DecodeError> {
            decoder.i8("dear").map(|_| Self([0; 1000]))
        }

        fn write(&self, encoder: &mut crate::Encoder, _version: i16) {
            encoder.i8(0);
        }
    }

    #[test]
    fn a_short_frame_may_cost_a_little_and_no_more() {
        let array = |count: u8| {
            let mut frame = alloc::vec![0, 0, 0, count];
            frame.resize(4 + usize::from(count), 0);
            Decoder::new(&frame).array::<Dear>("dear", 0).map(|elements| elements.len()).map_err(|error| error.kind())
        };
        assert_eq!(array(3), Ok(3), "3 KiB beside 16 bytes for each byte");
        assert_eq!(array(4), Err(DecodeErrorKind::OverBudget { needed: 4000, left: 3 * 1024 + 8 * 16 }));
    }

    #[test]
    fn arrays_have_no_more_elements_together_than_are_taken() {
        let frame = [0, 0, 0, 2, 1, 2, 0, 0, 0, 1, 3];
        let read = |elements| {
            let mut decoder = Decoder::new(&frame).with_elements_max(elements);
            let first = decoder.array::<i8>("first", 0)?;
            Ok::<_, DecodeError>((first, decoder.array::<i8>("second", 0)?))
        };
        assert_eq!(read(3).map_err(|error| error.kind()), Ok((alloc::vec![1, 2], alloc::vec![3])));
        let error = read(2).map_err(|error| error.kind());
        assert_eq!(error, Err(DecodeErrorKind::TooManyElements { count: 1, left: 0 }));
    }
}
