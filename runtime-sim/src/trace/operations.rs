//! Operations of clients, and what came of them, in words.

use crate::history::{Answer, ClientIndex, OperationId, Outcome, TopicPartition, Value, What};
use core::fmt::Write as _;
use grete_protocol::ErrorCode;
use std::collections::BTreeMap;

/// What clients are called.
pub type Name<'a> = dyn Fn(ClientIndex) -> String + 'a;

/// The records and offsets that are told one by one, at most.
const TOLD_MAX: usize = 6;

/// The name of an operation: its place in the history.
#[must_use]
pub fn tell_id(id: OperationId) -> String {
    format!("op{}", id.0)
}

/// A record that a client of the run has sent: who, the number of the batch, and the record's place in it.
#[must_use]
pub fn tell_value(value: Value, name: &Name<'_>) -> String {
    // As producers make them: the client from 1, the batch from 1, the record from 0.
    match (value.0 >> 48, value.0 >> 16 & 0xffff_ffff, value.0 & 0xffff) {
        (0, ..) => value.0.to_string(),
        (client, batch, record) => format!("{}:{batch}.{record}", name(ClientIndex(client as usize - 1))),
    }
}

/// A text in which the numbers of records are told as [`tell_value`] does.
#[must_use]
pub fn tell_values(text: &str, name: &Name<'_>) -> String {
    let tell = |word: &str| {
        let digits = word.trim_matches(|character: char| !character.is_ascii_digit());
        let value = digits.parse().ok().map(Value).filter(|value| value.0 >> 48 > 0);
        value.map_or_else(|| word.to_owned(), |value| word.replace(digits, &tell_value(value, name)))
    };
    text.split(' ').map(tell).collect::<Vec<_>>().join(" ")
}

/// A partition in the words of a script.
#[must_use]
pub fn tell_partition(of: &TopicPartition) -> String {
    format!("{}/{}", of.topic, of.partition)
}

fn partitions(all: &[TopicPartition]) -> String {
    all.iter().map(tell_partition).collect::<Vec<_>>().join(" ")
}

fn offsets(all: &BTreeMap<TopicPartition, i64>) -> String {
    let told = all.iter().take(TOLD_MAX).map(|(of, offset)| format!("{}={offset}", tell_partition(of)));
    let more = if all.len() > TOLD_MAX { " ..." } else { "" };
    told.collect::<Vec<_>>().join(" ") + more
}

/// What an operation is.
#[must_use]
pub fn tell_what(what: &What, name: &Name<'_>) -> String {
    match what {
        What::Produce { to, values, idempotent, acks } => {
            let first = values.first().map_or(String::new(), |value| tell_value(*value, name));
            let more = if values.len() > 1 { format!(" +{}", values.len() - 1) } else { String::new() };
            let acks = if *acks == -1 { "all".to_owned() } else { acks.to_string() };
            let once = if *idempotent { " idempotent" } else { "" };
            format!("produce {} {first}{more} acks {acks}{once}", tell_partition(to))
        }
        What::Poll => "poll".to_owned(),
        What::Assign { group, generation, member, partitions: all } => {
            format!("assigned in {group} generation {generation} as {member}: [{}]", partitions(all))
        }
        What::Revoke { group, partitions: all } => format!("revoked in {group}: [{}]", partitions(all)),
        What::Commit { group, generation, offsets: all } => {
            format!("commit {group} generation {generation} {}", offsets(all))
        }
        What::Committed { group, partitions: all } => format!("committed {group} [{}]", partitions(all)),
        What::ListOffsets { of, timestamp } => match timestamp {
            -1 => format!("list-offsets {} at end", tell_partition(of)),
            -2 => format!("list-offsets {} at start", tell_partition(of)),
            timestamp => format!("list-offsets {} at {timestamp}", tell_partition(of)),
        },
        What::CreateTopic { topic, partitions, .. } => format!("create-topic {topic} partitions {partitions}"),
        What::DeleteTopic { topic } => format!("delete-topic {topic}"),
        What::CreatePartitions { topic, count } => format!("create-partitions {topic} {count}"),
        What::AlterConfig { topic, key, value } => format!("alter-config {topic} {key}={value}"),
        What::DescribeConfigs { topic } => format!("describe-configs {topic}"),
        What::DeleteRecords { of, before } => format!("delete-records {} before {before}", tell_partition(of)),
        What::ListTopics => "list-topics".to_owned(),
        What::DeleteGroup { group } => format!("delete-group {group}"),
    }
}

/// What came of it.
#[must_use]
pub fn tell_outcome(outcome: &Outcome, name: &Name<'_>) -> String {
    match outcome {
        Outcome::UnderWay => "open".to_owned(),
        Outcome::Failed(code) => ErrorCode::from_code(*code)
            .map_or_else(|| format!("error {code}"), |error| format!("failed: {}", error.name())),
        Outcome::Unknown => "nobody knows".to_owned(),
        Outcome::Done(answer) => tell_answer(answer, name),
    }
}

fn tell_answer(answer: &Answer, name: &Name<'_>) -> String {
    match answer {
        Answer::Nothing => "done".to_owned(),
        Answer::Produced { base } => format!("acknowledged at offset {base}"),
        Answer::Polled(polled) if polled.iter().all(|of| of.records.is_empty()) => "no records".to_owned(),
        Answer::Polled(polled) => {
            let mut text = String::from("got");
            for of in polled {
                let _ = write!(text, " {}@{}", tell_partition(&of.from), of.position);
                if let (Some((first, value)), Some((last, _))) = (of.records.first(), of.records.last()) {
                    let _ = write!(text, " [{first}..={last} from {}]", tell_value(*value, name));
                }
            }
            text
        }
        Answer::Offsets(all) => format!("offsets {}", offsets(all)),
        Answer::Topics(topics) => {
            let told: Vec<String> = topics.iter().map(|(topic, (_, count))| format!("{topic}({count})")).collect();
            format!("topics {}", told.join(" "))
        }
        Answer::Configs(configs) => {
            let told: Vec<String> = configs.iter().map(|(key, value)| format!("{key}={value}")).collect();
            format!("configs {}", told.join(" "))
        }
    }
}
