//! CRC-32C (Castagnoli), and how a difference in it moves along.

use crc_fast::{CrcAlgorithm, checksum};

/// The polynomial, the coefficient of x^0 in the highest bit and that of x^32 left out.
const POLYNOMIAL: u32 = 0x82f6_3b78;
/// x^0.
const ONE: u32 = 1 << 31;
/// Enough powers for the bits of more bytes than a batch's length can tell.
const POWERS: usize = 36;
/// x^(2^n) modulo the polynomial.
const POWERS_OF_X: [u32; POWERS] = {
    let mut powers = [ONE >> 1; POWERS];
    let mut n = 1;
    while n < POWERS {
        powers[n] = multiply(powers[n - 1], powers[n - 1]);
        n += 1;
    }
    powers
};

/// CRC-32C of `bytes`.
pub(super) fn crc32c(bytes: &[u8]) -> u32 {
    checksum(CrcAlgorithm::Crc32Iscsi, bytes) as u32
}

/// By how much the CRCs of two inputs differ, if they differ by `difference` before the last `bytes` bytes, which are
/// the same in both.
///
/// A CRC is the remainder of a polynomial whose coefficients are the input's bits, so that each further bit multiplies
/// a difference by x. The multiplier for all bits comes from squares: one multiplication for each bit of the length.
pub(super) fn crc32c_moved(difference: u32, bytes: u64) -> u32 {
    let bits = bytes << 3;
    assert!(bits >> POWERS == 0, "more bytes than a batch can have");
    let multiplier = (0_u32..).zip(POWERS_OF_X).filter(|(n, _)| bits >> n & 1 == 1);
    multiplier.fold(difference, |difference, (_, power)| multiply(difference, power))
}

/// The product of two polynomials modulo the polynomial.
const fn multiply(a: u32, mut b: u32) -> u32 {
    let mut product = 0;
    let mut bit = 32;
    while bit > 0 {
        bit -= 1;
        // All bits set where the coefficient is 1: a branch here would be wrong half of the time.
        product ^= b & (a >> bit & 1).wrapping_neg();
        b = b >> 1 ^ POLYNOMIAL & (b & 1).wrapping_neg();
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn the_check_value_is_the_published_one() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn differences_move_as_if_computed_afresh() {
        for bytes in [0, 1, 2, 3, 8, 61, 255, 256, 65_537, 3_000_001] {
            let (mut one, mut other) = (vec![0x5a; 4 + bytes], vec![0x5a; 4 + bytes]);
            one[..4].copy_from_slice(b"left");
            other[..4].copy_from_slice(b"else");
            let difference = crc32c(b"left") ^ crc32c(b"else");
            assert_eq!(crc32c(&one) ^ crc32c(&other), crc32c_moved(difference, bytes as u64));
        }
    }
}
