//! Our codecs of all messages, by their names, and the frames that inputs are made of.

use grete_protocol::ApiKey;
use grete_protocol::frame::{RequestHeader, decode_response_header};
use grete_protocol::wire::{BUDGET_FACTOR, DecodeError, Decoder, EncodeError, Encoder, Message, Versions};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A message's codec behind function pointers.
#[derive(Clone, Copy)]
pub struct Codec {
    /// The versions that there are.
    pub versions: Versions,
    /// Decodes the message at the front of the bytes; gives how many bytes it took.
    pub decode: fn(&[u8], i16) -> Result<usize, DecodeError>,
    /// Decodes the message that fills the bytes and encodes it again.
    pub repeat: fn(&[u8], i16) -> Result<Result<Vec<u8>, EncodeError>, DecodeError>,
}

fn decode<'a, M: Message<'a>>(bytes: &'a [u8], version: i16) -> Result<usize, DecodeError> {
    let mut decoder = Decoder::new(bytes);
    M::decode(&mut decoder, version)?;
    Ok(bytes.len() - decoder.remaining().len())
}

fn repeat<'a, M: Message<'a>>(bytes: &'a [u8], version: i16) -> Result<Result<Vec<u8>, EncodeError>, DecodeError> {
    M::decode_exact(bytes, version).map(|message| {
        let mut encoder = Encoder::new();
        message.encode(&mut encoder, version)?;
        Ok(encoder.finish().to_contiguous())
    })
}

macro_rules! codecs {
    ($($folder:ident::$module:ident::$name:ident)*) => {
        BTreeMap::from([$({
            use grete_protocol::messages::$folder::$module::$name;
            let codec = Codec {
                versions: $name::VERSIONS,
                decode: |bytes, version| decode::<$name>(bytes, version),
                repeat: |bytes, version| repeat::<$name>(bytes, version),
            };
            ($name::NAME, codec)
        }),*])
    };
}

/// All codecs by the names of the messages.
pub static CODECS: LazyLock<BTreeMap<&'static str, Codec>> =
    LazyLock::new(|| grete_messages::for_each_message!(codecs));

/// What an input is: a message of a version, with its bytes.
pub struct Body<'a> {
    /// The message's name.
    pub name: String,
    /// Its version, which may be none of its versions.
    pub version: i16,
    /// What stands where the message should.
    pub bytes: &'a [u8],
}

/// Inputs begin with what they are: a request's frame, or a response's behind the key and version that it answers, or any
/// message by its place in the order of names and its version.
pub const REQUEST: u8 = 0;
/// A response.
pub const RESPONSE: u8 = 1;

/// Reads an input as a message; `None` where its frame has no header that can be read.
pub fn body(input: &[u8]) -> Option<Body<'_>> {
    let (&what, rest) = input.split_first()?;
    match what {
        REQUEST => {
            let header = RequestHeader::decode(rest).ok()?;
            let bytes = rest.get(header.length..)?;
            Some(Body { name: format!("{}Request", header.api), version: header.version, bytes })
        }
        RESPONSE => {
            let (&[k0, k1, v0, v1], frame) = rest.split_first_chunk()?;
            let api = ApiKey::from_key(i16::from_be_bytes([k0, k1]))?;
            let version = i16::from_be_bytes([v0, v1]);
            let (_, length) = decode_response_header(frame, api, version).ok()?;
            Some(Body { name: format!("{api}Response"), version, bytes: frame.get(length..)? })
        }
        _ => {
            let (&[n0, n1, v0, v1], bytes) = rest.split_first_chunk()?;
            let place = usize::from(u16::from_be_bytes([n0, n1]));
            let name = CODECS.keys().nth(place)?;
            Some(Body { name: (*name).to_owned(), version: i16::from_be_bytes([v0, v1]), bytes })
        }
    }
}

/// What decoding `length` bytes may allocate at most.
pub const fn allowed(length: usize) -> usize {
    BUDGET_FACTOR * length + 4096
}
