//! What decoding costs, and that bytes of any kind are decoded or refused within it.

use crate::allocator::peak_of;
use crate::filler::{self, Random, Style};
use crate::table::{Codec, allowed, messages};
use grete_protocol::wire::{BUDGET_FACTOR, DecodeErrorKind};
use proptest::prelude::*;

/// Decodes within the bound, or panics; an error's own memory counts as well.
fn decode_within_bound(codec: &Codec, bytes: &[u8], version: i16) -> bool {
    let (result, peak) = peak_of(|| (codec.decode)(bytes, version));
    let limit = allowed(bytes.len());
    assert!(peak <= limit, "{} v{version}: {peak} bytes allocated, {limit} allowed: {bytes:02x?}", codec.name);
    result.is_ok()
}

#[test]
fn sparse_messages_stay_far_within_the_budget() {
    let mut worst = (0.0, String::new());
    for (definition, codec) in messages() {
        for version in codec.versions.iter() {
            let bytes = filler::message(&definition, version, Style::Sparse, 1);
            let used = (codec.decode)(&bytes, version).unwrap();
            if bytes.len() > 200 {
                let ratio = used as f64 / bytes.len() as f64;
                if ratio > worst.0 {
                    worst = (ratio, format!("{} v{version}", codec.name));
                }
            }
        }
    }
    println!("the dearest legitimate message: {} bytes of memory for one of {}", worst.0, worst.1);
    // A fetch of the offsets of many groups, all of them with names of three letters.
    assert!(worst.0 < BUDGET_FACTOR as f64 - 1.0, "{worst:?}");
}

#[test]
fn hollow_messages_are_refused_before_they_swell() {
    let mut refused = 0;
    for (definition, codec) in messages() {
        for version in codec.versions.iter() {
            let bytes = filler::message(&definition, version, Style::Hollow, 1);
            decode_within_bound(&codec, &bytes, version);
            if let Err(error) = (codec.decode)(&bytes, version) {
                assert!(matches!(error.kind(), DecodeErrorKind::OverBudget { .. }), "{error}");
                refused += 1;
            }
        }
    }
    assert!(refused > 0, "no message is dearer than the budget: the factor can be smaller");
}

#[test]
fn a_message_cut_short_is_refused_wherever_the_cut_is() {
    for (definition, codec) in messages() {
        for version in codec.versions.iter() {
            for seed in 0..2 {
                let bytes = filler::message(&definition, version, Style::Any, seed);
                // Long messages are cut at some of their bytes only.
                let step = 1 + bytes.len() / 300;
                for cut in (0..bytes.len()).rev().step_by(step) {
                    assert!(!decode_within_bound(&codec, &bytes[..cut], version), "{} v{version}: {cut}", codec.name);
                    let error = (codec.decode)(&bytes[..cut], version).unwrap_err();
                    assert!(
                        matches!(
                            error.kind(),
                            DecodeErrorKind::Truncated { .. }
                                | DecodeErrorKind::CountTooLarge { .. }
                                | DecodeErrorKind::OverBudget { .. }
                        ),
                        "{error}"
                    );
                }
            }
        }
    }
}

#[test]
fn bytes_after_a_message_are_refused() {
    for (definition, codec) in messages() {
        for version in codec.versions.iter() {
            let mut bytes = filler::message(&definition, version, Style::Any, 3);
            bytes.extend([0; 3]);
            let error = (codec.decode)(&bytes, version).unwrap_err();
            assert_eq!(error.kind(), DecodeErrorKind::TrailingBytes(3), "{} v{version}", codec.name);
        }
    }
}

/// Changes some of the bytes: to anything, to what lengths are made of, or by a bit; drops or doubles others.
fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(4) {
        if bytes.is_empty() {
            return;
        }
        let position = random.below(bytes.len());
        match random.below(6) {
            0 => bytes[position] = random.next() as u8,
            1 => bytes[position] = [0, 1, 0x7f, 0x80, 0xff, 0xfe][random.below(6)],
            2 => bytes[position] ^= 1 << random.below(8),
            3 => drop(bytes.remove(position)),
            4 => bytes.insert(position, random.next() as u8),
            _ => {
                let end = bytes.len().min(position + 5);
                bytes[position..end].fill(0xff);
            }
        }
    }
}

#[test]
fn damaged_messages_are_refused_or_settle_at_once() {
    let (mut accepted, mut refused) = (0, 0);
    for (definition, codec) in messages() {
        for version in codec.versions.iter() {
            for seed in 0..60 {
                let mut bytes = filler::message(&definition, version, Style::Any, seed);
                damage(&mut bytes, &mut Random(seed));
                if !decode_within_bound(&codec, &bytes, version) {
                    refused += 1;
                    continue;
                }
                accepted += 1;
                // What was read can be written, and what is written then is canonical.
                let canonical = (codec.repeat)(&bytes, version).unwrap().unwrap();
                let again = (codec.repeat)(&canonical, version).unwrap().unwrap();
                assert_eq!(again, canonical, "{} v{version}: {bytes:02x?}", codec.name);
            }
        }
    }
    assert!(accepted > 1000 && refused > 1000, "{accepted} accepted, {refused} refused");
}

/// An array that takes all of the budget, and in it a text of which each byte would become three.
#[test]
fn text_that_is_not_utf8_is_paid_for_before_it_is_reserved() {
    let (_, codec) = messages().into_iter().find(|(_, codec)| codec.name == "ConsumerGroupDescribeRequest").unwrap();
    for length in 300_usize..900 {
        let count = (BUDGET_FACTOR * length + 3 * 1024) / size_of::<std::borrow::Cow<'_, str>>();
        let mut bytes = vec![];
        for value in [count + 1, length - 4 + 1] {
            bytes.extend([(value & 0x7f) as u8 | 0x80, (value >> 7) as u8]);
        }
        bytes.resize(length, 0xff);
        assert!(!decode_within_bound(&codec, &bytes, 0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_stay_within_the_bound(bytes in prop::collection::vec(
        prop_oneof![3 => 0_u8..6, 1 => Just(0xff), 1 => Just(0x7f), 1 => any::<u8>()], 0..600,
    )) {
        for (_, codec) in MESSAGES.with(Clone::clone).iter() {
            for version in codec.versions.iter() {
                decode_within_bound(codec, &bytes, version);
            }
        }
    }
}

thread_local! {
    static MESSAGES: std::rc::Rc<Vec<(grete_definitions::Definition, Codec)>> = std::rc::Rc::new(messages());
}
