//! What the tests do with a message whose type is known only by its name.

use grete_definitions::Definition;
use grete_protocol::wire::{BUDGET_FACTOR, DecodeError, Decoder, EncodeError, Encoder, Message, Versions};
use std::collections::BTreeMap;
use std::path::Path;

/// What came of decoding, and, where that went well, of encoding again.
type Repeated = Result<Result<Vec<u8>, EncodeError>, DecodeError>;

/// A message's codec behind function pointers.
#[derive(Clone, Copy)]
pub(crate) struct Codec {
    pub(crate) name: &'static str,
    pub(crate) versions: Versions,
    pub(crate) flexible_from: Option<i16>,
    /// Decodes all of the bytes and throws the message away; returns how much of the budget it took.
    pub(crate) decode: fn(&[u8], i16) -> Result<usize, DecodeError>,
    /// Decodes all of the bytes and encodes the message again.
    pub(crate) repeat: fn(&[u8], i16) -> Repeated,
    /// Encodes the default of the message.
    pub(crate) encode_default: fn(i16) -> Result<Vec<u8>, EncodeError>,
}

fn decode<'a, M: Message<'a>>(bytes: &'a [u8], version: i16) -> Result<usize, DecodeError> {
    let mut decoder = Decoder::new(bytes);
    let budget = decoder.budget();
    M::decode(&mut decoder, version)?;
    let used = budget - decoder.budget();
    decoder.finish()?;
    Ok(used)
}

fn repeat<'a, M: Message<'a>>(bytes: &'a [u8], version: i16) -> Repeated {
    M::decode_exact(bytes, version).map(|message| encode(&message, version))
}

fn encode<'a, M: Message<'a>>(message: &M, version: i16) -> Result<Vec<u8>, EncodeError> {
    let mut encoder = Encoder::new();
    message.encode(&mut encoder, version)?;
    Ok(encoder.finish().to_contiguous())
}

macro_rules! codecs {
    ($($folder:ident::$module:ident::$name:ident)*) => {
        [$({
            use grete_protocol::messages::$folder::$module::$name;
            Codec {
                name: $name::NAME,
                versions: $name::VERSIONS,
                flexible_from: $name::FLEXIBLE_FROM,
                decode: |bytes, version| decode::<$name>(bytes, version),
                repeat: |bytes, version| repeat::<$name>(bytes, version),
                encode_default: |version| encode(&$name::default(), version),
            }
        }),*]
    };
}

/// All messages, with their definitions.
pub(crate) fn messages() -> Vec<(Definition, Codec)> {
    let codecs = grete_messages::for_each_message!(codecs);
    let mut codecs: BTreeMap<&str, Codec> = codecs.into_iter().map(|codec| (codec.name, codec)).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("messages");
    let definitions = grete_definitions::load(&root).unwrap();
    let pairs: Vec<_> = definitions
        .into_iter()
        .map(|definition| {
            let codec = codecs.remove(definition.name.as_str()).unwrap_or_else(|| panic!("no {}", definition.name));
            (definition, codec)
        })
        .collect();
    assert!(codecs.is_empty());
    pairs
}

/// What decoding `length` bytes may allocate at most.
pub(crate) fn allowed(length: usize) -> usize {
    BUDGET_FACTOR * length + 4096
}
