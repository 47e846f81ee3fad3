//! Scripts as text and back.

use super::{Act, BROKEN, EndOf, NodeShape, Script};
use crate::disk::Profile;
use core::fmt;
use core::str::{FromStr, SplitWhitespace};

/// The names of [`Profile::ALL`] in scripts.
pub(crate) const PROFILES: [&str; Profile::ALL.len()] =
    ["nothing", "everything", "half", "lengths-only", "data-only", "names-only", "most", "few"];

/// The names of faults in scripts.
const NO_SPACE: &str = "no-space";
const ERROR: &str = "error";

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}\n{}\n", self.seed, self.node)?;
        self.acts.iter().try_for_each(|act| writeln!(f, "{act}"))
    }
}

impl fmt::Display for NodeShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node shards {} dirs {}", self.shards, self.dirs)?;
        let mut usual = Self::default();
        for ((name, number), (_, usual)) in self.clone().numbers().into_iter().zip(usual.numbers()) {
            if number != usual {
                write!(f, " {name} {number}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create { topic, partitions, configs } => {
                write!(f, "create {topic} {partitions}")?;
                configs.iter().try_for_each(|(key, value)| write!(f, " {key}={value}"))
            }
            Self::Delete { topic } => write!(f, "delete {topic}"),
            Self::Grow { topic, partitions } => write!(f, "grow {topic} {partitions}"),
            Self::Configure { topic, config: (key, value) } => write!(f, "configure {topic} {key}={value}"),
            Self::Send { topic, partition, records, bytes, acks, producer } => {
                write!(f, "send {topic} {partition} records {records} bytes {bytes} acks {acks}")?;
                producer.iter().try_for_each(|producer| write!(f, " producer {producer}"))
            }
            Self::Settle => write!(f, "settle"),
            Self::Consume { topic, partition } => write!(f, "consume {topic} {partition}"),
            Self::DeleteRecords { topic, partition, quarters } => {
                write!(f, "delete-records {topic} {partition} {quarters}")
            }
            Self::Commit { group, topic, partition, offset } => {
                write!(f, "commit {group} {topic} {partition} {offset}")
            }
            Self::Join { group } => write!(f, "join {group}"),
            Self::Leave { group } => write!(f, "leave {group}"),
            Self::DeleteGroup { group } => write!(f, "delete-group {group}"),
            Self::DeleteOffset { group, topic, partition } => write!(f, "delete-offset {group} {topic} {partition}"),
            Self::Clock { ahead_ms } => write!(f, "clock {ahead_ms}"),
            Self::Break { dir, op, no_space, nth } => {
                let fault = if *no_space { NO_SPACE } else { ERROR };
                write!(f, "break {dir} {:?} {fault} {nth}", BROKEN[*op])
            }
            Self::Wait { micros } => write!(f, "wait {micros}"),
            Self::Restart { end, shards } => {
                match end {
                    EndOf::Stop => write!(f, "stop")?,
                    EndOf::Kill => write!(f, "kill")?,
                    EndOf::PowerLoss { seed, profile } => write!(f, "power-loss {seed} {}", PROFILES[*profile])?,
                }
                write!(f, " shards {shards}")
            }
        }
    }
}

impl FromStr for Script {
    type Err = String;

    /// Reads a script. Empty lines, and what follows a `#`, say nothing.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut script = Self { seed: 0, node: NodeShape::default(), acts: Vec::new() };
        for (line, number) in text.lines().zip(1..) {
            let line = line.split('#').next().unwrap_or_default().trim();
            let mut words = Words { words: line.split_whitespace() };
            let read = match words.words.next() {
                None => Ok(()),
                Some("seed") => words.number().map(|seed| script.seed = seed),
                Some("node") => words.node().map(|node| script.node = node),
                Some(verb) => words.act(verb).map(|act| script.acts.push(act)),
            };
            let read = read.and_then(|()| match words.words.next() {
                Some(word) => Err(format!("'{word}' is too much")),
                None => Ok(()),
            });
            read.map_err(|what| format!("line {number}: {what}: {line}"))?;
        }
        Ok(script)
    }
}

struct Words<'a> {
    words: SplitWhitespace<'a>,
}

impl Words<'_> {
    fn word(&mut self) -> Result<String, String> {
        self.words.next().map(str::to_owned).ok_or_else(|| "something is missing".to_owned())
    }

    fn number<T: FromStr>(&mut self) -> Result<T, String> {
        let word = self.word()?;
        word.parse().map_err(|_| format!("'{word}' is no such number"))
    }

    /// A number behind its name.
    fn named<T: FromStr>(&mut self, name: &str) -> Result<T, String> {
        match self.word()? {
            word if word == name => self.number(),
            word => Err(format!("'{word}' stands for '{name}'")),
        }
    }

    fn config(&mut self) -> Result<(String, String), String> {
        let word = self.word()?;
        let (key, value) = word.split_once('=').ok_or_else(|| format!("'{word}' is no KEY=VALUE"))?;
        Ok((key.to_owned(), value.to_owned()))
    }

    fn node(&mut self) -> Result<NodeShape, String> {
        let mut node = NodeShape { shards: self.named("shards")?, dirs: self.named("dirs")?, ..NodeShape::default() };
        while let Some(name) = self.words.next() {
            let value = self.number()?;
            let field = node.numbers().into_iter().find(|(known, _)| *known == name);
            *field.ok_or_else(|| format!("'{name}' is no property of a node"))?.1 = value;
        }
        Ok(node)
    }

    fn act(&mut self, verb: &str) -> Result<Act, String> {
        Ok(match verb {
            "create" => {
                let (topic, partitions) = (self.word()?, self.number()?);
                let mut configs = Vec::new();
                while self.words.clone().next().is_some() {
                    configs.push(self.config()?);
                }
                Act::Create { topic, partitions, configs }
            }
            "delete" => Act::Delete { topic: self.word()? },
            "grow" => Act::Grow { topic: self.word()?, partitions: self.number()? },
            "configure" => Act::Configure { topic: self.word()?, config: self.config()? },
            "send" => Act::Send {
                topic: self.word()?,
                partition: self.number()?,
                records: self.named("records")?,
                bytes: self.named("bytes")?,
                acks: self.named("acks")?,
                producer: match self.words.clone().next() {
                    Some(_) => Some(self.named("producer")?),
                    None => None,
                },
            },
            "settle" => Act::Settle,
            "consume" => Act::Consume { topic: self.word()?, partition: self.number()? },
            "delete-records" => {
                Act::DeleteRecords { topic: self.word()?, partition: self.number()?, quarters: self.number()? }
            }
            "commit" => Act::Commit {
                group: self.word()?,
                topic: self.word()?,
                partition: self.number()?,
                offset: self.number()?,
            },
            "join" => Act::Join { group: self.word()? },
            "leave" => Act::Leave { group: self.word()? },
            "delete-group" => Act::DeleteGroup { group: self.word()? },
            "delete-offset" => {
                Act::DeleteOffset { group: self.word()?, topic: self.word()?, partition: self.number()? }
            }
            "clock" => Act::Clock { ahead_ms: self.number()? },
            "break" => {
                let (dir, name, fault, nth) = (self.number()?, self.word()?, self.word()?, self.number()?);
                let op = BROKEN.iter().position(|op| format!("{op:?}") == name);
                let no_space = match fault.as_str() {
                    NO_SPACE => Ok(true),
                    ERROR => Ok(false),
                    _ => Err(format!("'{fault}' is no fault")),
                };
                let op = op.ok_or_else(|| format!("'{name}' is no operation that fails"))?;
                Act::Break { dir, op, no_space: no_space?, nth }
            }
            "wait" => Act::Wait { micros: self.number()? },
            "stop" => Act::Restart { end: EndOf::Stop, shards: self.named("shards")? },
            "kill" => Act::Restart { end: EndOf::Kill, shards: self.named("shards")? },
            "power-loss" => {
                let (seed, name) = (self.number()?, self.word()?);
                let profile = PROFILES.iter().position(|known| *known == name);
                let profile = profile.ok_or_else(|| format!("'{name}' is no profile"))?;
                Act::Restart { end: EndOf::PowerLoss { seed, profile }, shards: self.named("shards")? }
            }
            _ => return Err(format!("'{verb}' is nothing that can be done")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_reads_as_it_was_written() {
        for seed in 0..200 {
            let script = Script::draw(seed);
            assert_eq!(script.to_string().parse(), Ok(script));
        }
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        for (text, told) in [
            ("create a", "line 1: something is missing: create a"),
            ("settle\nconsume a b", "line 2: 'b' is no such number: consume a b"),
            ("settle now", "line 1: 'now' is too much: settle now"),
            ("power-loss 1 some shards 1", "line 1: 'some' is no profile: power-loss 1 some shards 1"),
        ] {
            assert_eq!(text.parse::<Script>(), Err(told.to_owned()));
        }
    }
}
