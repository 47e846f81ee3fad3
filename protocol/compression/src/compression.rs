//! The codecs by Kafka's numbers and names, and their levels.

use std::fmt;
use std::str::FromStr;

/// How the records of a batch are compressed: the lowest three bits of the batch's attributes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CompressionType {
    /// Not compressed.
    #[default]
    None = 0,
    /// RFC 1952.
    Gzip = 1,
    /// Snappy blocks, in the framing of snappy-java or bare.
    Snappy = 2,
    /// The LZ4 frame format with independent blocks.
    Lz4 = 3,
    /// RFC 8878.
    Zstd = 4,
}

/// A compression type that Kafka does not define.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown compression type {0}")]
pub struct UnknownCompressionType(pub String);

impl CompressionType {
    /// All types, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// The type with this number in a batch's attributes, if there is one.
    pub const fn from_id(id: u8) -> Option<Self> {
        match id {
            0 => Some(Self::None),
            1 => Some(Self::Gzip),
            2 => Some(Self::Snappy),
            3 => Some(Self::Lz4),
            4 => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The type's number in a batch's attributes.
    pub const fn id(self) -> u8 {
        self as u8
    }

    /// The type's name in `compression.type`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

impl fmt::Display for CompressionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for CompressionType {
    type Err = UnknownCompressionType;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|each| each.name() == name).ok_or_else(|| UnknownCompressionType(name.to_owned()))
    }
}

/// A level outside of what `compression.<codec>.level` allows (KIP-390).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{compression_type} has no compression level {level}")]
pub struct LevelOutOfRange {
    /// The codec.
    pub compression_type: CompressionType,
    /// The level that was asked for.
    pub level: i32,
}

/// A codec together with how hard it tries: what a topic's `compression.type` and `compression.<codec>.level` say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Compression {
    compression_type: CompressionType,
    level: i32,
}

impl Compression {
    /// No compression.
    pub const NONE: Self = Self::new(CompressionType::None);

    /// `compression_type` at the level that Kafka uses by default.
    pub const fn new(compression_type: CompressionType) -> Self {
        let level = match compression_type {
            CompressionType::None | CompressionType::Snappy => 0,
            CompressionType::Gzip => -1,
            CompressionType::Lz4 => 9,
            CompressionType::Zstd => 3,
        };
        Self { compression_type, level }
    }

    /// `compression_type` at `level`, which must be one that Kafka's `compression.<codec>.level` accepts: gzip -1
    /// and 1 to 9, lz4 1 to 17, zstd -131072 to 22. Types without levels ignore it.
    ///
    /// LZ4 has one effort here whatever the level: the dense variant of the format exists only in C, and its readers
    /// cannot tell the difference.
    pub fn with_level(compression_type: CompressionType, level: i32) -> Result<Self, LevelOutOfRange> {
        let fits = match compression_type {
            CompressionType::None | CompressionType::Snappy => return Ok(Self::new(compression_type)),
            CompressionType::Gzip => level == -1 || (1..=9).contains(&level),
            CompressionType::Lz4 => (1..=17).contains(&level),
            CompressionType::Zstd => (-131_072..=22).contains(&level),
        };
        if fits { Ok(Self { compression_type, level }) } else { Err(LevelOutOfRange { compression_type, level }) }
    }

    /// The codec.
    pub const fn compression_type(self) -> CompressionType {
        self.compression_type
    }

    /// The level; without meaning for types that have none.
    pub const fn level(self) -> i32 {
        self.level
    }
}

impl From<CompressionType> for Compression {
    fn from(compression_type: CompressionType) -> Self {
        Self::new(compression_type)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_kafkas() {
        for each in CompressionType::ALL {
            assert_eq!(CompressionType::from_id(each.id()), Some(each));
            assert_eq!(each.name().parse(), Ok(each));
        }
        assert_eq!(CompressionType::from_id(5), None);
        assert_eq!("lzma".parse::<CompressionType>(), Err(UnknownCompressionType("lzma".to_owned())));
    }

    #[test]
    fn levels_have_kafkas_bounds() {
        for (compression_type, inside, outside) in [
            (CompressionType::Gzip, [-1, 9], [0, 10]),
            (CompressionType::Lz4, [1, 17], [0, 18]),
            (CompressionType::Zstd, [-131_072, 22], [-131_073, 23]),
        ] {
            for level in inside {
                assert_eq!(Compression::with_level(compression_type, level).map(Compression::level), Ok(level));
            }
            for level in outside {
                assert_eq!(
                    Compression::with_level(compression_type, level),
                    Err(LevelOutOfRange { compression_type, level })
                );
            }
            let default = Compression::new(compression_type);
            assert_eq!(Compression::with_level(compression_type, default.level()), Ok(default));
        }
    }
}
