//! The crate `kafka-protocol`, generated from Kafka 4.1's definitions by a generator that is not ours: what one writes
//! the other must read and write again, byte for byte.
//!
//! Two kinds of unknown tags are left out. Those of 2^31 and up the crate drops. Those that are known in another version
//! of the message the crate refuses, as Kafka's generated Java does; here they are unknown tags like others, since to
//! refuse them protects nothing. `differences.txt` lists the messages where the two differ beside that, and who is
//! right; an entry that no longer holds fails the test as well.

use crate::filler::{self, Style};
use crate::table::messages;
use crate::theirs::{Theirs, theirs};
use grete_definitions::Definition;
use std::collections::BTreeSet;
use std::panic::catch_unwind;

const SEEDS: u64 = 40;

/// What the two make of the same bytes, over all seeds: nothing, or how they first differ.
fn difference(definition: &Definition, theirs: &Theirs, version: i16) -> Option<String> {
    (0..SEEDS).find_map(|seed| {
        let bytes = filler::message(definition, version, Style::AnyFreshTags, seed);
        let repeat = theirs.repeat;
        match catch_unwind(|| repeat(&bytes, version)) {
            Ok(Ok(again)) if again == bytes => None,
            Ok(Ok(again)) => Some(format!("{bytes:02x?} comes back as {again:02x?}")),
            Ok(Err(error)) => Some(format!("{bytes:02x?} is refused: {error}")),
            Err(_) => Some(format!("{bytes:02x?} makes it panic")),
        }
    })
}

/// `Name versions: reason` on each line; versions are one number or two.
fn known_differences() -> BTreeSet<(String, i16)> {
    let mut known = BTreeSet::new();
    for line in include_str!("differences.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (name, rest) = line.split_once(' ').unwrap();
        let (versions, reason) = rest.split_once(": ").unwrap();
        assert!(!reason.is_empty());
        let (min, max) = versions.split_once('-').unwrap_or((versions, versions));
        for version in min.parse().unwrap()..=max.parse().unwrap() {
            assert!(known.insert((name.to_owned(), version)), "{line}");
        }
    }
    known
}

#[test]
fn what_both_know_both_read_and_write_alike() {
    let mut known = known_differences();
    let mut theirs = theirs();
    let mut compared = 0;
    let mut surprises = Vec::new();
    for (definition, ours) in messages() {
        let Some(theirs) = theirs.remove(definition.name.as_str()) else { continue };
        for version in ours.versions.iter().filter(|&version| theirs.versions.contains(version)) {
            compared += 1;
            let expected = known.remove(&(definition.name.clone(), version));
            match difference(&definition, &theirs, version) {
                Some(how) if !expected => surprises.push(format!("{} v{version}: {how}", definition.name)),
                None if expected => surprises.push(format!("{} v{version} does not differ", definition.name)),
                _ => {}
            }
        }
    }
    assert!(theirs.is_empty() && known.is_empty(), "not among ours: {:?}, {known:?}", theirs.keys());
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
    assert!(compared > 500, "{compared} messages and versions only");
}
