//! `docs/configuration.md` says of every key what the table of keys says. `UPDATE=1` writes it anew.

use grete_core::config::{Key, Rule, Table, Treatment, Update};
use std::fmt::Write as _;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");

const HEAD: &str = "\
# Configuration

The keys are Apache Kafka's. They come from a properties file (`grete --config server.properties`), from the environment, by
the names that Kafka's container image gives them (`KAFKA_LOG_DIRS` is `log.dirs`: after `KAFKA_`, `_` stands for `.`, `__`
for `_` and `___` for `-`), and from the command line (`--set log.dirs=/data`). The last of these counts.

`grete config`, with the same arguments, prints every key with the value in force, where that comes from, and what it means;
what it prints is a properties file.

Where nothing is set, one node is started: `node.id` 1, `listeners` PLAINTEXT://localhost:9092, `log.dirs` grete-data in the
directory that it was started in, and `grete.shards` as many as there are processors.

A misspelt key is refused, and so is one without whose effect the broker would be less safe than was asked for. A key that is
set and has no effect is named in a warning at the start, and so is one that is nobody's here: a plug-in may read it. Keys of
TLS and SASL are among them, since a listener that is to speak either is refused.

\"Alterable\" says whether `kafka-configs` can alter a key while the broker runs, as far as Kafka allows that: for one broker,
or for all. Only what is the default of a topic's key takes effect without a restart; the others are refused.

This file is made from the table of keys (`core/src/config/keys/`): `UPDATE=1 cargo test -p grete --test configuration_docs`.
";

#[test]
fn the_documentation_is_that_of_the_table() {
    let written = document();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(FILE, &written).expect("the file can be written");
    }
    let there = std::fs::read_to_string(FILE).unwrap_or_default();
    assert!(there == written, "docs/configuration.md is not that of the table: run this test with UPDATE=1");
}

fn document() -> String {
    let mut text = HEAD.to_string();
    text.push_str("\n## Keys of the broker\n\n");
    keys(&mut text, Table::Broker);
    text.push_str("\n## Keys of the broker that are refused\n\nOther values than the default, that is.\n\n");
    text.push_str("| key | meaning | why |\n|---|---|---|\n");
    for key in Table::Broker.keys() {
        if let Treatment::Refused(why) = key.treatment {
            let _ = writeln!(text, "| `{}` | {} | {why} |", key.name, key.meaning());
        }
    }
    text.push_str("\n## Keys of the broker that have no effect\n\n");
    text.push_str("| key | meaning |\n|---|---|\n");
    for key in Table::Broker.keys().filter(|key| has_no_effect(key)) {
        let _ = writeln!(text, "| `{}` | {} |", key.name, key.meaning());
    }
    text.push_str("\n## Keys of topics\n\nThe default is that of the broker's key that is named.\n\n");
    keys(&mut text, Table::Topic);
    text.push_str("\nWithout effect: ");
    list(&mut text);
    text
}

fn keys(text: &mut String, table: Table) {
    text.push_str("| key | default | values | alterable | meaning |\n|---|---|---|---|---|\n");
    for key in table.keys().filter(|key| key.treatment == Treatment::Works) {
        let default = match (key.synonyms.first(), key.default) {
            (Some((broker, _)), _) => format!("`{broker}`"),
            (None, Some("")) => "empty".into(),
            (None, Some(default)) => format!("`{default}`"),
            (None, None) => String::new(),
        };
        let alterable = match (table, key.update) {
            (Table::Broker, Update::ReadOnly) => "",
            (Table::Broker, Update::PerBroker) => "for one",
            _ => "yes",
        };
        let _ = writeln!(
            text,
            "| `{}` | {default} | {} | {alterable} | {} |",
            key.name,
            values(key),
            key.documentation.replace('|', "\\|")
        );
    }
}

fn values(key: &Key) -> String {
    let kind = format!("{:?}", key.kind).to_lowercase();
    match key.rule {
        Rule::Min(min) => format!("{kind}, from {min}"),
        Rule::Range(min, max) => format!("{kind}, {min} to {max}"),
        Rule::From(min) => format!("{kind}, from {min}"),
        Rule::Between(min, max) => format!("{kind}, {min} to {max}"),
        Rule::OneOf(names) | Rule::OneOfAnyCase(names) => format!("one of {}", names.join(", ")),
        Rule::EachOf(names) => format!("some of {}", names.join(", ")),
        Rule::GzipLevel => format!("{kind}, -1 or 1 to 9"),
        Rule::Any | Rule::NotEmpty | Rule::ThrottledReplicas | Rule::OffsetReset => kind,
    }
}

fn has_no_effect(key: &Key) -> bool {
    matches!(key.treatment, Treatment::Ignored | Treatment::Unused(_)) && !key.is_internal
}

/// The keys of topics that have no effect.
fn list(text: &mut String) {
    let ignored = Table::Topic.keys().filter(|key| has_no_effect(key));
    let names: Vec<String> = ignored.map(|key| format!("`{}`", key.name)).collect();
    // Lines of about 120 letters.
    let mut width = 0;
    for (index, name) in names.iter().enumerate() {
        let end = if index + 1 == names.len() { ".\n" } else { ", " };
        if width + name.len() > 118 {
            text.truncate(text.trim_end().len());
            text.push('\n');
            width = 0;
        }
        width += name.len() + 2;
        text.push_str(name);
        text.push_str(end);
    }
}
