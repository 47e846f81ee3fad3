//! Kafka's variable-length integers: base-128 groups, least significant first; signed ones in zig-zag.
//!
//! Sources: `ByteUtils` in Kafka's clients, and the Protocol Buffers encoding guide that it follows. Non-minimal
//! encodings are accepted, as Kafka accepts them, as long as the value fits the type.

/// A varint ended early or does not fit its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VarintError {
    /// The input ended inside the varint.
    #[error("the input ends inside a varint")]
    Truncated,
    /// More groups, or higher bits, than the type holds.
    #[error("a varint is larger than its type")]
    Overflow,
}

/// Takes an unsigned varint of at most 32 bits from the front of `input`.
#[inline]
pub fn take_u32(input: &mut &[u8]) -> Result<u32, VarintError> {
    let value = take(input, 5)?;
    u32::try_from(value).map_err(|_| VarintError::Overflow)
}

/// Takes a zig-zag varint of at most 32 bits from the front of `input`.
#[inline]
pub fn take_i32(input: &mut &[u8]) -> Result<i32, VarintError> {
    let value = take_u32(input)?;
    Ok((value >> 1) as i32 ^ -((value & 1) as i32))
}

/// Takes a zig-zag varint of at most 64 bits from the front of `input`.
#[inline]
pub fn take_i64(input: &mut &[u8]) -> Result<i64, VarintError> {
    let value = take(input, 10)?;
    Ok((value >> 1) as i64 ^ -((value & 1) as i64))
}

/// Writes `value` as an unsigned varint to the end of `out`.
#[inline]
pub fn put_u32(out: &mut alloc::vec::Vec<u8>, value: u32) {
    put(out, u64::from(value));
}

/// Writes `value` as a zig-zag varint to the end of `out`.
#[inline]
pub fn put_i32(out: &mut alloc::vec::Vec<u8>, value: i32) {
    put(out, u64::from(((value << 1) ^ (value >> 31)) as u32));
}

/// Writes `value` as a zig-zag varint to the end of `out`.
#[inline]
pub fn put_i64(out: &mut alloc::vec::Vec<u8>, value: i64) {
    put(out, ((value << 1) ^ (value >> 63)) as u64);
}

/// The number of bytes that [`put_u32`] writes for `value`.
pub fn len_u32(value: u32) -> usize {
    len(u64::from(value))
}

/// The number of bytes that [`put_i32`] writes for `value`.
#[inline]
pub fn len_i32(value: i32) -> usize {
    len(u64::from(((value << 1) ^ (value >> 31)) as u32))
}

/// The number of bytes that [`put_i64`] writes for `value`.
#[inline]
pub fn len_i64(value: i64) -> usize {
    len(((value << 1) ^ (value >> 63)) as u64)
}

#[inline]
fn take(input: &mut &[u8], groups_max: u32) -> Result<u64, VarintError> {
    let mut value = 0_u64;
    for group in 0..groups_max {
        let (&byte, rest) = input.split_first().ok_or(VarintError::Truncated)?;
        *input = rest;
        let bits = u64::from(byte & 0x7f);
        // The tenth group of a 64-bit varint has room for one bit.
        if group == 9 && bits > 1 {
            return Err(VarintError::Overflow);
        }
        value |= bits << (7 * group);
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(VarintError::Overflow)
}

#[inline]
fn put(out: &mut alloc::vec::Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[inline]
fn len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn values_come_back_in_the_length_announced() {
        for shift in 0..64 {
            for value in [1_i64 << shift, (1_i64 << shift).wrapping_neg(), (1_i64 << shift).wrapping_sub(1)] {
                let mut out = Vec::new();
                put_i64(&mut out, value);
                assert_eq!(out.len(), len_i64(value));
                assert_eq!(take_i64(&mut &out[..]), Ok(value));
                if let Ok(value) = i32::try_from(value) {
                    let mut out = Vec::new();
                    put_i32(&mut out, value);
                    assert_eq!(out.len(), len_i32(value));
                    assert_eq!(take_i32(&mut &out[..]), Ok(value));
                }
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(take_u32(&mut &[0xff, 0xff, 0xff, 0xff, 0x0f][..]), Ok(u32::MAX));
        assert_eq!(take_u32(&mut &[0xff, 0xff, 0xff, 0xff, 0x1f][..]), Err(VarintError::Overflow));
        assert_eq!(take_u32(&mut &[0x80, 0x80, 0x80, 0x80, 0x80, 0x00][..]), Err(VarintError::Overflow));
        assert_eq!(take_u32(&mut &[0x80][..]), Err(VarintError::Truncated));
        assert_eq!(take_i64(&mut &[0xff; 10][..]), Err(VarintError::Overflow));
    }
}
