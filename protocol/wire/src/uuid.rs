//! Kafka's UUIDs: ids of topics, directories, members and clusters.

use core::fmt;
use core::str::FromStr;

/// A 128-bit id, written as 22 characters of URL-safe base64 without padding, as Kafka writes it.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub [u8; 16]);

/// Text that is not a UUID in Kafka's base64 form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a UUID: 22 characters of URL-safe base64 are expected")]
pub struct ParseUuidError;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const TEXT_LENGTH: usize = 22;

impl Uuid {
    /// The id that stands for "none".
    pub const ZERO: Self = Self([0; 16]);
    /// The topic id of the cluster metadata log.
    pub const METADATA_TOPIC: Self = Self::from_halves(0, 1);

    /// The id of which `high` are the first eight bytes and `low` the others, each big-endian.
    pub const fn from_halves(high: u64, low: u64) -> Self {
        Self((((high as u128) << 64) | low as u128).to_be_bytes())
    }

    /// Whether this is [`Uuid::ZERO`].
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // 22 characters are 132 bits: four zero bits follow the id.
        let value = u128::from_be_bytes(self.0);
        for index in 0..TEXT_LENGTH {
            let shift = 122_i32 - 6 * index as i32;
            let bits = if shift >= 0 { value >> shift } else { value << -shift } as usize & 0x3f;
            f.write_str(core::str::from_utf8(ALPHABET.get(bits..=bits).unwrap_or_default()).unwrap_or_default())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uuid({self})")
    }
}

impl FromStr for Uuid {
    type Err = ParseUuidError;

    fn from_str(text: &str) -> Result<Self, ParseUuidError> {
        if text.len() != TEXT_LENGTH {
            return Err(ParseUuidError);
        }
        let mut value = 0_u128;
        for (index, character) in text.bytes().enumerate() {
            let bits = ALPHABET.iter().position(|&known| known == character).ok_or(ParseUuidError)? as u128;
            // The last character has two bits of the id; Java's decoder ignores the other four, and so do we.
            value = if index + 1 < TEXT_LENGTH { value << 6 | bits } else { value << 2 | bits >> 4 };
        }
        Ok(Self(value.to_be_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn text_is_kafkas() {
        assert_eq!(Uuid::ZERO.to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(Uuid::METADATA_TOPIC.to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
        assert_eq!(Uuid::from_halves(0x0123_4567_89ab_cdef, u64::MAX).to_string(), "ASNFZ4mrze___________w");
    }

    #[test]
    fn text_comes_back() {
        for shift in 0..128 {
            let id = Uuid((0x9e37_79b9_7f4a_7c15_u128 << 61).rotate_left(shift).to_be_bytes());
            assert_eq!(id.to_string().parse(), Ok(id));
        }
    }

    #[test]
    fn other_text_is_refused() {
        for text in
            ["", "AAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAA+", "äAAAAAAAAAAAAAAAAAAAA"]
        {
            assert_eq!(text.parse::<Uuid>(), Err(ParseUuidError), "{text}");
        }
    }
}
