//! The words of a line: taken one after the other, each with what it must be.

use crate::clock::WorldTime;
use crate::disk::{OpKind, Profile};
use crate::history::TopicPartition;
use core::fmt;
use core::str::FromStr;
use core::time::Duration;
use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::SplitWhitespace;
use std::sync::Arc;

/// What a word was to be, and what stood there.
pub(super) type Read<T> = Result<T, String>;

/// The kinds of file operations and their names.
const OPERATIONS: [(OpKind, &str); 11] = [
    (OpKind::Create, "create"),
    (OpKind::Write, "write"),
    (OpKind::Sync, "sync"),
    (OpKind::Read, "read"),
    (OpKind::Truncate, "truncate"),
    (OpKind::Remove, "remove"),
    (OpKind::Rename, "rename"),
    (OpKind::MakeDir, "make-dir"),
    (OpKind::RemoveDir, "remove-dir"),
    (OpKind::SyncDir, "sync-dir"),
    (OpKind::Space, "space"),
];

/// The shapes of a loss that have names; the others are said in millionths.
const PROFILES: [(Profile, &str); 8] = [
    (Profile::Nothing, "nothing"),
    (Profile::Everything, "everything"),
    (Profile::Drawn { per_million: 500_000 }, "half"),
    (Profile::Drawn { per_million: 900_000 }, "most"),
    (Profile::Drawn { per_million: 100_000 }, "few"),
    (Profile::LengthsOnly, "lengths-only"),
    (Profile::DataOnly, "data-only"),
    (Profile::NamesOnly, "names-only"),
];

/// The units of durations, in nanoseconds, the largest first.
const UNITS: [(&str, u128); 6] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// The words of a line that are left.
pub(super) struct Words<'a> {
    words: Peekable<SplitWhitespace<'a>>,
}

impl<'a> Words<'a> {
    /// Those of a line; what follows a `#` is none of them.
    pub(super) fn of(line: &'a str) -> Self {
        let said = line.split('#').next().unwrap_or_default();
        Self { words: said.split_whitespace().peekable() }
    }

    /// The next word, if there is one.
    pub(super) fn next(&mut self) -> Option<&'a str> {
        self.words.next()
    }

    /// The next word, which stays.
    pub(super) fn peek(&mut self) -> Option<&'a str> {
        self.words.peek().copied()
    }

    /// Takes the next word if it is this one.
    pub(super) fn takes(&mut self, word: &str) -> bool {
        self.words.next_if(|next| *next == word).is_some()
    }

    /// A word that must be there.
    pub(super) fn word(&mut self, expected: &str) -> Read<&'a str> {
        self.words.next().ok_or_else(|| format!("expected {expected}, found the end of the line"))
    }

    /// A name.
    pub(super) fn name(&mut self, expected: &str) -> Read<Arc<str>> {
        self.word(expected).map(Arc::from)
    }

    /// This word and no other.
    pub(super) fn keyword(&mut self, keyword: &str) -> Read<()> {
        let quoted = format!("'{keyword}'");
        match self.word(&quoted)? {
            word if word == keyword => Ok(()),
            word => Err(wrong(&quoted, word)),
        }
    }

    /// A word that `read` understands.
    pub(super) fn value<T>(&mut self, expected: &str, read: impl FnOnce(&'a str) -> Option<T>) -> Read<T> {
        let word = self.word(expected)?;
        read(word).ok_or_else(|| wrong(expected, word))
    }

    /// A number.
    pub(super) fn number<T: FromStr>(&mut self, expected: &str) -> Read<T> {
        self.value(expected, |word| word.parse().ok())
    }

    /// A number behind its name.
    pub(super) fn named<T: FromStr>(&mut self, name: &str) -> Read<T> {
        self.keyword(name)?;
        self.number(&format!("a number after '{name}'"))
    }

    /// A duration.
    pub(super) fn duration(&mut self) -> Read<Duration> {
        self.value("a duration such as 2s, 300ms or 1.5us", |word| duration_of(nanos(word)?))
    }

    /// A duration behind its name.
    pub(super) fn duration_after(&mut self, name: &str) -> Read<Duration> {
        self.keyword(name)?;
        self.duration()
    }

    /// A moment of the run.
    pub(super) fn time(&mut self) -> Read<WorldTime> {
        self.value("a time such as 1.25s, in whole microseconds", |word| {
            let nanos = nanos(word)?;
            let micros = nanos.is_multiple_of(1_000).then_some(nanos / 1_000)?;
            u64::try_from(micros).ok().map(WorldTime)
        })
    }

    /// A jump of a clock, in milliseconds.
    pub(super) fn jump(&mut self) -> Read<i64> {
        self.value("a jump such as +3600s or -250ms, in whole milliseconds", |word| {
            let (sign, amount) = signed(word)?;
            let nanos = nanos(amount)?;
            let millis = nanos.is_multiple_of(1_000_000).then_some(nanos / 1_000_000)?;
            i64::try_from(sign * i128::try_from(millis).ok()?).ok()
        })
    }

    /// A rate in millionths.
    pub(super) fn per_million(&mut self) -> Read<u32> {
        self.value("a rate such as 1000ppm, of 1000000ppm at most", rate)
    }

    /// A rate in millionths, either way.
    pub(super) fn drift(&mut self) -> Read<i32> {
        self.value("a drift such as +300ppm or -20ppm", |word| {
            let (sign, amount) = signed(word)?;
            let amount: u32 = amount.strip_suffix("ppm")?.parse().ok()?;
            i32::try_from(sign * i128::from(amount)).ok()
        })
    }

    /// A partition.
    pub(super) fn partition(&mut self) -> Read<TopicPartition> {
        self.value("a partition such as orders/3", |word| {
            let (topic, partition) = word.rsplit_once('/')?;
            let partition = partition.parse().ok()?;
            (!topic.is_empty()).then(|| TopicPartition { topic: topic.into(), partition })
        })
    }

    /// An offset or a timestamp, or one of the two that have names.
    pub(super) fn offset(&mut self) -> Read<i64> {
        self.value("'start', 'end' or a number", |word| match word {
            "start" => Some(-2),
            "end" => Some(-1),
            _ => word.parse().ok(),
        })
    }

    /// A key and its value.
    pub(super) fn config(&mut self) -> Read<(Arc<str>, Arc<str>)> {
        self.value("KEY=VALUE", |word| {
            let (key, value) = word.split_once('=')?;
            (!key.is_empty()).then(|| (key.into(), value.into()))
        })
    }

    /// Keys and their values, to the end of the line.
    pub(super) fn configs(&mut self) -> Read<BTreeMap<Arc<str>, Arc<str>>> {
        let mut configs = BTreeMap::new();
        while self.peek().is_some() {
            let (key, value) = self.config()?;
            if configs.insert(Arc::clone(&key), value).is_some() {
                return Err(format!("'{key}' is set twice"));
            }
        }
        Ok(configs)
    }

    /// Names with commas between them.
    pub(super) fn names(&mut self, expected: &str) -> Read<Vec<Arc<str>>> {
        self.value(expected, |word| word.split(',').map(|name| (!name.is_empty()).then(|| name.into())).collect())
    }

    /// A kind of file operation.
    pub(super) fn operation(&mut self) -> Read<OpKind> {
        self.value(&format!("a file operation ({})", listed(&OPERATIONS)), |word| by_name(&OPERATIONS, word))
    }

    /// Kinds of file operations with commas between them; none where it says `all`.
    pub(super) fn operations(&mut self) -> Read<Vec<OpKind>> {
        let expected = format!("'all', or file operations with commas ({})", listed(&OPERATIONS));
        self.value(&expected, |word| match word {
            "all" => Some(Vec::new()),
            _ => word.split(',').map(|word| by_name(&OPERATIONS, word)).collect(),
        })
    }

    /// What survives a power loss.
    pub(super) fn profile(&mut self) -> Read<Profile> {
        let expected = format!("what survives ({}, or a rate such as 1000ppm)", listed(&PROFILES));
        self.value(&expected, |word| {
            by_name(&PROFILES, word).or_else(|| rate(word).map(|per_million| Profile::Drawn { per_million }))
        })
    }
}

/// That a word is not what it must be.
pub(super) fn wrong(expected: &str, found: &str) -> String {
    format!("expected {expected}, found '{found}'")
}

/// The name of a kind of file operation.
pub(super) fn operation_name(kind: OpKind) -> &'static str {
    OPERATIONS.iter().find(|(known, _)| *known == kind).map_or("", |(_, name)| name)
}

/// What survives, in a word.
pub(super) struct ProfileWord(pub(super) Profile);

impl fmt::Display for ProfileWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (PROFILES.iter().find(|(profile, _)| *profile == self.0), self.0) {
            (Some((_, name)), _) => f.write_str(name),
            (None, Profile::Drawn { per_million }) => write!(f, "{per_million}ppm"),
            (None, other) => unreachable!("{other:?} has a name"),
        }
    }
}

/// A duration as it is written: in seconds, or in smaller units where it is smaller.
pub(super) struct Span(u128);

impl Span {
    /// That of a duration.
    pub(super) fn of(duration: Duration) -> Self {
        Self(duration.as_nanos())
    }

    /// That of the time since the beginning of a run.
    pub(super) fn since_start(time: WorldTime) -> Self {
        Self(u128::from(time.0) * 1_000)
    }

    /// That of milliseconds.
    pub(super) fn millis(millis: u64) -> Self {
        Self(u128::from(millis) * 1_000_000)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(name, size): &&(&str, u128)| !matches!(*name, "h" | "m") && *size <= self.0;
        let (name, size) = UNITS.iter().find(fits).copied().unwrap_or(("s", 1));
        write!(f, "{}", self.0 / size)?;
        let mut rest = self.0 % size;
        if rest > 0 {
            f.write_str(".")?;
        }
        let mut place = size;
        while rest > 0 {
            place /= 10;
            write!(f, "{}", rest / place)?;
            rest %= place;
        }
        f.write_str(name)
    }
}

fn duration_of(nanos: u128) -> Option<Duration> {
    let seconds = u64::try_from(nanos / 1_000_000_000).ok()?;
    Some(Duration::new(seconds, (nanos % 1_000_000_000) as u32))
}

/// The nanoseconds of an amount with a unit: `1.25s`. `None` where they are not whole.
fn nanos(word: &str) -> Option<u128> {
    let amount = word.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = &word[amount.len()..];
    let (_, size) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let (whole, fraction) = amount.split_once('.').unwrap_or((amount, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let mut nanos = whole.parse::<u128>().ok()?.checked_mul(*size)?;
    let mut place = *size;
    for digit in fraction.bytes().map(|digit| u128::from(digit - b'0')) {
        if digit > 0 && place % 10 != 0 {
            return None;
        }
        place /= 10;
        nanos = nanos.checked_add(digit * place)?;
    }
    Some(nanos)
}

fn signed(word: &str) -> Option<(i128, &str)> {
    let (sign, amount) = (word.get(..1)?, word.get(1..)?);
    match sign {
        "+" => Some((1, amount)),
        "-" => Some((-1, amount)),
        _ => None,
    }
}

fn rate(word: &str) -> Option<u32> {
    word.strip_suffix("ppm")?.parse().ok().filter(|rate| *rate <= 1_000_000)
}

fn by_name<T: Copy>(names: &[(T, &str)], word: &str) -> Option<T> {
    names.iter().find(|(_, name)| *name == word).map(|(known, _)| *known)
}

fn listed<T>(names: &[(T, &str)]) -> String {
    names.iter().map(|(_, name)| *name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        for (word, read) in [
            ("2s", Some(2_000_000_000)),
            ("1.25s", Some(1_250_000_000)),
            ("300ms", Some(300_000_000)),
            ("0.000000001s", Some(1)),
            ("1.5us", Some(1_500)),
            ("2m", Some(120_000_000_000)),
            ("0.1h", Some(360_000_000_000)),
            ("0.0000000001s", None),
            ("1.50ns", None),
            ("1.0ns", Some(1)),
            ("1", None),
            ("s", None),
            ("1.s", None),
            ("-1s", None),
            ("1 s", None),
            ("9999999999999999999999999999999999999h", None),
        ] {
            assert_eq!(nanos(word), read, "{word}");
        }
    }

    #[test]
    fn a_span_is_written_in_the_unit_that_suits_it() {
        for (nanos, written) in [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5us"),
            (300_000_000, "300ms"),
            (1_250_000_000, "1.25s"),
            (3_600_000_000_000, "3600s"),
            (60_000_000_001, "60.000000001s"),
        ] {
            assert_eq!(Span(nanos).to_string(), written);
            assert_eq!(super::nanos(written), Some(nanos));
        }
    }
}
