//! One record of a batch, in place.

use grete_wire::varint::{self, VarintError};

/// Why the bytes of a record are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// A number is not one.
    #[error("a record is malformed: {0}")]
    Varint(#[from] VarintError),
    /// The record, or a field of it, is longer than what holds it.
    #[error("a record, or a field of it, is longer than what holds it")]
    Truncated,
    /// A length is negative where only -1 (null) or not even that may stand.
    #[error("a record has a length of {0}")]
    Length(i32),
    /// The headers count is negative, or more than the record has bytes for.
    #[error("a record counts {0} headers")]
    HeadersCount(i32),
    /// The record's length says more than its fields fill.
    #[error("a record is {0} bytes longer than its fields")]
    Trailing(usize),
}

/// A record, its fields where they lie in the batch.
///
/// Key and value are only delimited, never read: walking over records touches lengths and headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordView<'a> {
    /// Unused, 0 from all known producers.
    pub attributes: i8,
    /// Milliseconds after the batch's base timestamp.
    pub timestamp_delta: i64,
    /// Offsets after the batch's base offset.
    pub offset_delta: i32,
    /// The key; absent is not the same as empty.
    pub key: Option<&'a [u8]>,
    /// The value; absent is a tombstone.
    pub value: Option<&'a [u8]>,
    headers: Headers<'a>,
    size_bytes: usize,
}

/// A header of a record. Keys may come more than once, and need not be UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// The key, never absent.
    pub key: &'a [u8],
    /// The value.
    pub value: Option<&'a [u8]>,
}

/// A record's headers, in their order, duplicates kept. They were checked when the record was parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headers<'a> {
    rest: &'a [u8],
    count: i32,
}

impl<'a> RecordView<'a> {
    /// Takes a record from the front of `input`, which moves behind it. Everything is checked, headers included.
    pub fn take(input: &mut &'a [u8]) -> Result<Self, RecordError> {
        let mut rest = *input;
        let bytes = varint::take_i32(&mut rest)?;
        let bytes = usize::try_from(bytes).map_err(|_| RecordError::Length(bytes))?;
        let (mut body, rest) = rest.split_at_checked(bytes).ok_or(RecordError::Truncated)?;
        let size_bytes = input.len() - rest.len();
        let record = Self::parse(&mut body, size_bytes)?;
        *input = rest;
        Ok(record)
    }

    fn parse(body: &mut &'a [u8], size_bytes: usize) -> Result<Self, RecordError> {
        let (&attributes, rest) = body.split_first().ok_or(RecordError::Truncated)?;
        *body = rest;
        let timestamp_delta = varint::take_i64(body)?;
        let offset_delta = varint::take_i32(body)?;
        let key = take_nullable(body)?;
        let value = take_nullable(body)?;
        let count = varint::take_i32(body)?;
        // A header takes two bytes at least, so that a count beyond that is refused before any work.
        if usize::try_from(count).is_ok_and(|count| count <= body.len() / 2) {
            let headers = Headers { rest: body, count };
            for _ in 0..count {
                take_header(body)?;
            }
            if !body.is_empty() {
                return Err(RecordError::Trailing(body.len()));
            }
            let attributes = attributes as i8;
            return Ok(Self { attributes, timestamp_delta, offset_delta, key, value, headers, size_bytes });
        }
        Err(RecordError::HeadersCount(count))
    }

    /// The headers.
    pub fn headers(&self) -> Headers<'a> {
        self.headers
    }

    /// Bytes of the record in the batch, its length field included.
    pub fn size_bytes(&self) -> usize {
        self.size_bytes
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = Header<'a>;

    fn next(&mut self) -> Option<Header<'a>> {
        if self.count == 0 {
            return None;
        }
        self.count -= 1;
        Some(take_header(&mut self.rest).expect("the headers were checked when the record was parsed"))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.count as usize, Some(self.count as usize))
    }
}

impl ExactSizeIterator for Headers<'_> {}

fn take_header<'a>(input: &mut &'a [u8]) -> Result<Header<'a>, RecordError> {
    let length = varint::take_i32(input)?;
    let key = take_bytes(input, length)?;
    let value = take_nullable(input)?;
    Ok(Header { key, value })
}

fn take_nullable<'a>(input: &mut &'a [u8]) -> Result<Option<&'a [u8]>, RecordError> {
    match varint::take_i32(input)? {
        -1 => Ok(None),
        length => take_bytes(input, length).map(Some),
    }
}

fn take_bytes<'a>(input: &mut &'a [u8], length: i32) -> Result<&'a [u8], RecordError> {
    let length = usize::try_from(length).map_err(|_| RecordError::Length(length))?;
    let (bytes, rest) = input.split_at_checked(length).ok_or(RecordError::Truncated)?;
    *input = rest;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// Attributes 0, timestamp delta 3, offset delta 1, key "k", null value, headers a=x, a=null.
    const BODY: [u8; 13] = [0, 6, 2, 2, b'k', 1, 4, 2, b'a', 2, b'x', 2, b'a'];

    fn record(body: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        varint::put_i32(&mut bytes, body.len() as i32);
        bytes.extend_from_slice(body);
        bytes
    }

    #[test]
    fn fields_and_duplicate_headers_come_as_they_lie() {
        let mut body = BODY.to_vec();
        body.push(1);
        let bytes = record(&body);
        let mut rest = &bytes[..];
        let view = RecordView::take(&mut rest).unwrap();
        assert!(rest.is_empty());
        assert_eq!((view.attributes, view.timestamp_delta, view.offset_delta), (0, 3, 1));
        assert_eq!((view.key, view.value), (Some(&b"k"[..]), None));
        assert_eq!(view.size_bytes(), bytes.len());
        assert_eq!(view.headers().len(), 2);
        let headers: Vec<_> = view.headers().collect();
        assert_eq!(headers, [Header { key: b"a", value: Some(b"x") }, Header { key: b"a", value: None }]);
    }

    #[test]
    fn what_is_no_record_is_refused_with_the_reason() {
        let take = |body: &[u8]| RecordView::take(&mut &record(body)[..]).map(|view| view.size_bytes());
        assert_eq!(take(&BODY), Err(RecordError::Varint(VarintError::Truncated)));
        assert_eq!(take(&[]), Err(RecordError::Truncated));
        assert_eq!(take(&[0, 0, 0, 3, 1, 0]), Err(RecordError::Length(-2)));
        assert_eq!(take(&[0, 0, 0, 6, b'k', 1]), Err(RecordError::Truncated));
        assert_eq!(take(&[0, 0, 0, 1, 1, 1]), Err(RecordError::HeadersCount(-1)));
        assert_eq!(take(&[0, 0, 0, 1, 1, 2, 1, 1]), Err(RecordError::Length(-1)), "a header's key is never null");
        assert_eq!(take(&[0, 0, 0, 1, 1, 0, 9]), Err(RecordError::Trailing(1)));
        // 2^31 - 1 headers in a few bytes.
        assert_eq!(
            take(&[0, 0, 0, 1, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0, 0]),
            Err(RecordError::HeadersCount(i32::MAX))
        );
        assert_eq!(RecordView::take(&mut &[1][..]), Err(RecordError::Length(-1)));
        assert_eq!(RecordView::take(&mut &[40, 0, 0][..]), Err(RecordError::Truncated));
    }
}
