//! How records of the metadata log stand in the values of a batch's records.
//!
//! ```text
//! uvarint frame version (1), uvarint type, uvarint version, the record's fields
//! ```
//!
//! Kafka's `AbstractApiMessageSerde`; the log of remote segments has the same frame.

use grete_messages::MetadataRecord;
use grete_wire::{DecodeError, DecodeErrorKind, Decoder, EncodeError, Encoder};

/// The only version of the frame.
const FRAME_VERSION: u32 = 1;

/// Reads a metadata record, which has to fill all of `value`; returns its version as well.
///
/// # Errors
/// What is wrong with the record; an unknown type is [`DecodeErrorKind::UnknownKey`], or
/// [`DecodeErrorKind::VarintOverflow`] if it is none that there could be.
pub fn decode_metadata_record(value: &[u8]) -> Result<(MetadataRecord<'_>, i16), DecodeError> {
    let mut decoder = Decoder::new(value);
    let frame = decoder.uvarint("frame_version")?;
    if frame != FRAME_VERSION {
        return Err(DecodeError::new(DecodeErrorKind::UnknownFrameVersion(frame)));
    }
    let key = short(decoder.uvarint("api_key")?)?;
    let version = short(decoder.uvarint("version")?)?;
    let record = MetadataRecord::decode(key, version, &mut decoder)?
        .ok_or_else(|| DecodeError::new(DecodeErrorKind::UnknownKey(key)))?;
    decoder.finish()?;
    Ok((record, version))
}

/// Writes a metadata record in a version, with its frame.
///
/// # Errors
/// Where the version cannot express it. The frame is then left half written.
pub fn encode_metadata_record(
    encoder: &mut Encoder,
    record: &MetadataRecord<'_>,
    version: i16,
) -> Result<(), EncodeError> {
    encoder.uvarint(FRAME_VERSION);
    encoder.uvarint(u32::from(record.key().unsigned_abs()));
    encoder.uvarint(u32::from(version.unsigned_abs()));
    record.encode(encoder, version)
}

/// Types and versions are unsigned varints on the wire and 16-bit integers to Kafka.
fn short(value: u32) -> Result<i16, DecodeError> {
    i16::try_from(value).map_err(|_| DecodeError::new(DecodeErrorKind::VarintOverflow))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use grete_messages::metadata::feature_level_record::FeatureLevelRecord;

    /// metadata.version at level 30, as Kafka 4.3 writes it first of all.
    const FEATURE: &[u8] = b"\x01\x0c\x00\x11metadata.version\x00\x1e\x00";

    #[test]
    fn a_record_of_kafkas_comes_back() {
        let (record, version) = decode_metadata_record(FEATURE).unwrap();
        let level = FeatureLevelRecord { name: "metadata.version".into(), feature_level: 30, ..Default::default() };
        assert_eq!((&record, version), (&MetadataRecord::FeatureLevel(level), 0));
        let mut encoder = Encoder::new();
        encode_metadata_record(&mut encoder, &record, version).unwrap();
        assert_eq!(encoder.finish().to_contiguous(), FEATURE);
    }

    #[test]
    fn what_is_no_record_is_told_apart() {
        let kind = |bytes: &[u8]| decode_metadata_record(bytes).unwrap_err().kind();
        assert_eq!(kind(&[0, 12, 0]), DecodeErrorKind::UnknownFrameVersion(0));
        assert_eq!(kind(&[1, 99, 0]), DecodeErrorKind::UnknownKey(99));
        assert_eq!(kind(&[1, 12, 9]), DecodeErrorKind::UnknownVersion(9));
        // A type of 2^16 + 12 is not 12.
        assert_eq!(kind(&[1, 0x8c, 0x80, 0x04, 0]), DecodeErrorKind::VarintOverflow);
        let mut longer = Vec::from(FEATURE);
        longer.push(0);
        assert_eq!(kind(&longer), DecodeErrorKind::TrailingBytes(1));
        assert!(matches!(kind(&FEATURE[..9]), DecodeErrorKind::Truncated { .. }));
    }
}
