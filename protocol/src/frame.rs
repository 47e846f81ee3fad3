//! Frames: the header that each request and response begins with.
//!
//! On the wire a frame is four bytes of length, then the header, then the body; here frames come without their length.

use alloc::borrow::Cow;
use grete_messages::ApiKey;
use grete_messages::request_header::RequestHeader as Header;
use grete_messages::response_header::ResponseHeader;
use grete_wire::{DecodeError, Decoder, EncodeError, Encoder, Message};

/// The header of a request.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestHeader<'a> {
    /// The API.
    pub api: ApiKey,
    /// Its version, which may be one that is not defined.
    pub version: i16,
    /// What the response repeats.
    pub correlation_id: i32,
    /// What the client calls itself.
    pub client_id: Option<Cow<'a, str>>,
    /// The bytes of the header: where in the frame the body begins.
    pub length: usize,
}

/// Why a frame's header cannot be read.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FrameError {
    /// It ends before its API key and version do.
    #[error("a frame of {0} bytes has no header")]
    Short(usize),
    /// There is no such API.
    #[error("there is no API with key {0}")]
    UnknownKey(i16),
    /// The header is not what its API and version say.
    #[error(transparent)]
    Malformed(#[from] DecodeError),
}

impl<'a> RequestHeader<'a> {
    /// Reads the header of a request's frame.
    ///
    /// A version that is not defined is read by the header that its successors would have, as brokers do: the answer to
    /// ApiVersions says which there are.
    pub fn decode(frame: &'a [u8]) -> Result<Self, FrameError> {
        let Some(&[k0, k1, v0, v1]) = frame.first_chunk() else { return Err(FrameError::Short(frame.len())) };
        let key = i16::from_be_bytes([k0, k1]);
        let api = ApiKey::from_key(key).ok_or(FrameError::UnknownKey(key))?;
        let version = i16::from_be_bytes([v0, v1]);
        let mut decoder = Decoder::new(frame);
        let header = Header::decode(&mut decoder, api.request_header_version(version))?;
        Ok(Self {
            api,
            version,
            correlation_id: header.correlation_id,
            client_id: header.client_id,
            length: frame.len() - decoder.remaining().len(),
        })
    }
}

/// Writes the header of a request.
///
/// # Errors
/// Where the client's name is too long.
pub fn encode_request_header(
    encoder: &mut Encoder,
    api: ApiKey,
    version: i16,
    correlation_id: i32,
    client_id: Option<&str>,
) -> Result<(), EncodeError> {
    let header = Header {
        request_api_key: api.key(),
        request_api_version: version,
        correlation_id,
        client_id: client_id.map(Cow::Borrowed),
        ..Default::default()
    };
    header.encode(encoder, api.request_header_version(version))
}

/// Writes the header of a response.
///
/// # Errors
/// None that can happen: a number always fits.
pub fn encode_response_header(
    encoder: &mut Encoder,
    api: ApiKey,
    version: i16,
    correlation_id: i32,
) -> Result<(), EncodeError> {
    let header = ResponseHeader { correlation_id, ..Default::default() };
    header.encode(encoder, api.response_header_version(version))
}

/// Reads the header of a response; gives the correlation id and the length of the header.
///
/// # Errors
/// What is wrong with it.
pub fn decode_response_header(frame: &[u8], api: ApiKey, version: i16) -> Result<(i32, usize), DecodeError> {
    let mut decoder = Decoder::new(frame);
    let header = ResponseHeader::decode(&mut decoder, api.response_header_version(version))?;
    Ok((header.correlation_id, frame.len() - decoder.remaining().len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_back_in_each_of_their_versions() {
        for (api, version) in [(ApiKey::Produce, 3), (ApiKey::Produce, 9), (ApiKey::ApiVersions, 99)] {
            let mut encoder = Encoder::new();
            encode_request_header(&mut encoder, api, version, 7, Some("me")).unwrap();
            let mut frame = encoder.finish().to_contiguous();
            let length = frame.len();
            frame.extend([1, 2, 3]);
            let header = RequestHeader::decode(&frame).unwrap();
            assert_eq!((header.api, header.version, header.correlation_id), (api, version, 7));
            assert_eq!((header.client_id.as_deref(), header.length), (Some("me"), length));
            let mut encoder = Encoder::new();
            encode_response_header(&mut encoder, api, version, 7).unwrap();
            let frame = encoder.finish().to_contiguous();
            assert_eq!(decode_response_header(&frame, api, version).unwrap(), (7, frame.len()));
        }
    }

    #[test]
    fn what_is_no_header_is_told_apart() {
        assert_eq!(RequestHeader::decode(&[0, 0, 0]), Err(FrameError::Short(3)));
        assert_eq!(RequestHeader::decode(&[0x7f, 0xff, 0, 0]), Err(FrameError::UnknownKey(i16::MAX)));
        assert!(matches!(RequestHeader::decode(&[0, 0, 0, 9, 0, 0]), Err(FrameError::Malformed(_))));
    }
}
