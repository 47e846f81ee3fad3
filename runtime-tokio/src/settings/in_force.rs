//! `grete config`: every key with its value, where that comes from, and what it means.

use super::Given;
use grete_core::config::{Key, Table, Treatment};
use std::fmt;

/// What is in force, as the lines of a properties file that would say the same.
pub(super) struct InForce<'a>(pub(super) &'a Given);

impl fmt::Display for InForce<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for key in Table::Broker.keys().filter(|key| !key.is_internal || self.0.get(key.name).is_some()) {
            let source = self.0.values.get(key.name).map_or("default", |(_, source)| source);
            // On a line of its own: behind a value it would belong to it.
            writeln!(out, "# {source}: {}", meaning(key))?;
            match self.0.value(key.name) {
                Some(_) if key.is_sensitive() => writeln!(out, "#{}=(hidden)", key.name)?,
                Some(value) => writeln!(out, "{}={}", key.name, escaped(&value))?,
                None => writeln!(out, "#{}=", key.name)?,
            }
        }
        Ok(())
    }
}

/// What a key means here, in a few words.
fn meaning(key: &Key) -> String {
    let meaning = key.meaning();
    match key.treatment {
        Treatment::Works => meaning.into(),
        Treatment::Ignored => format!("{meaning} Has no effect here."),
        Treatment::Unused(why) => format!("{meaning} Has no effect here: {why}."),
        Treatment::Refused(why) => format!("{meaning} Refused where it is set: {why}."),
    }
}

/// A value as a properties file has it.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Given, load};
    use grete_core::log::files::properties::Properties;

    fn print(set: &[&str]) -> String {
        let set: Vec<String> = set.iter().map(ToString::to_string).collect();
        let mut given: Given = load(None, &set).expect("read");
        // What the machine's environment says is not this test's.
        given.values.retain(|_, (_, source)| source == "command line");
        InForce(&given).to_string()
    }

    #[test]
    fn every_key_is_there_with_value_source_and_meaning() {
        let printed = print(&["num.partitions=7", "broker.rack=a\\b"]);
        let read = Properties::decode(printed.as_bytes()).expect("a properties file");
        assert_eq!((read.get("num.partitions"), read.get("broker.rack")), (Some("7"), Some("a\\b")));
        assert_eq!((read.get("log.retention.hours"), read.get("log.dirs")), (Some("168"), Some("grete-data")));
        for key in Table::Broker.keys().filter(|key| !key.is_internal) {
            let lines = [format!("\n{}=", key.name), format!("\n#{}=", key.name)];
            assert_eq!(lines.iter().filter(|line| printed.contains(*line)).count(), 1, "{}", key.name);
            assert!(!key.meaning().is_empty(), "{} has a meaning", key.name);
        }
        let before = |line: &str| printed.lines().zip(printed.lines().skip(1)).find(|(_, next)| *next == line);
        let comment = before("num.partitions=7").expect("printed").0;
        assert!(comment.starts_with("# command line: ") && comment.ends_with('.'), "{comment}");
        assert!(before("log.retention.hours=168").expect("printed").0.starts_with("# default: "));
    }

    #[test]
    fn secrets_are_not_printed() {
        let printed = print(&["ssl.key.password=letmein"]);
        assert!(printed.contains("#ssl.key.password=(hidden)") && !printed.contains("letmein"));
    }
}
