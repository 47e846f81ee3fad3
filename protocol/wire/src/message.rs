//! What all messages have in common.

use core::fmt;

use crate::{DecodeError, Decoder, EncodeError, Encoder};

/// The versions from `min` to `max`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The oldest.
    pub min: i16,
    /// The newest.
    pub max: i16,
}

impl Versions {
    /// Whether `version` is one of them.
    pub const fn contains(self, version: i16) -> bool {
        self.min <= version && version <= self.max
    }

    /// All of them, oldest first.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = i16> {
        self.min..=self.max
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.min, self.max)
    }
}

/// A request, response, header or record, as Kafka defines it, borrowing from the frame it was decoded from.
pub trait Message<'a>: Sized {
    /// Its name in Kafka's definitions.
    const NAME: &'static str;
    /// The versions that are defined.
    const VERSIONS: Versions;
    /// The first version with compact lengths and tagged fields (KIP-482), if any has them.
    const FLEXIBLE_FROM: Option<i16>;

    /// Reads the fields; [`Message::decode`] is what checks the version first.
    fn read(decoder: &mut Decoder<'a>, version: i16) -> Result<Self, DecodeError>;

    /// Writes the fields; [`Message::encode`] is what checks the version and reports failures.
    fn write(&self, encoder: &mut Encoder, version: i16);

    /// Reads the message from the front of what `decoder` has left.
    fn decode(decoder: &mut Decoder<'a>, version: i16) -> Result<Self, DecodeError> {
        decoder
            .begin(Self::VERSIONS, Self::FLEXIBLE_FROM, version)
            .and_then(|()| Self::read(decoder, version))
            .map_err(|error| error.in_message(Self::NAME, version))
    }

    /// Reads a message that fills all of `bytes`.
    fn decode_exact(bytes: &'a [u8], version: i16) -> Result<Self, DecodeError> {
        let mut decoder = Decoder::new(bytes);
        let message = Self::decode(&mut decoder, version)?;
        decoder.finish().map_err(|error| error.in_message(Self::NAME, version))?;
        Ok(message)
    }

    /// Writes the message. After an error the encoder is as it was before.
    fn encode(&self, encoder: &mut Encoder, version: i16) -> Result<(), EncodeError> {
        let checkpoint = encoder.begin(Self::VERSIONS, Self::FLEXIBLE_FROM, version);
        self.write(encoder, version);
        encoder.end(checkpoint).map_err(|(kind, field)| EncodeError { kind, message: Self::NAME, version, field })
    }
}
