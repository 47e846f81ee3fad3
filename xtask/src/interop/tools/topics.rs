//! Topics, their configurations and their offsets.

use super::{columns, equal, expect};
use crate::interop::Context;

/// Creates a topic with so many partitions.
pub(super) fn create(context: &Context<'_>, topic: &str, partitions: &str) -> Result<(), String> {
    let arguments = ["--create", "--topic", topic, "--partitions", partitions, "--replication-factor", "1"];
    context.run("topics", &arguments).map(drop)
}

/// Appends lines, without keys.
pub(super) fn fill(context: &Context<'_>, topic: &str, count: usize) -> Result<(), String> {
    let input = (0..count).map(|number| format!("{number}\n")).collect::<String>();
    context.run_with("console-producer", &["--topic", topic], &input).map(drop)
}

/// Created, listed, described, grown and deleted.
pub(super) fn topics(context: &Context<'_>) -> Result<(), String> {
    let arguments = ["--create", "--topic", "tools.topics", "--partitions", "3", "--config", "retention.ms=86400000"];
    expect(&context.run("topics", &arguments)?, "Created topic tools.topics")?;
    let again = context.run("topics", &arguments).err().unwrap_or_default();
    expect(&again, "Topic 'tools.topics' already exists")?;
    let listed = context.run("topics", &["--list"])?;
    equal("the topic's lines", &listed.lines().filter(|line| *line == "tools.topics").count(), &1)?;
    let described = context.run("topics", &["--describe", "--topic", "tools.topics"])?;
    expect(&described, "PartitionCount: 3")?;
    expect(&described, "retention.ms=86400000")?;
    equal("described partitions", &described.matches("Leader: 1").count(), &3)?;
    context.run("topics", &["--alter", "--topic", "tools.topics", "--partitions", "5"])?;
    let described = context.run("topics", &["--describe", "--topic", "tools.topics"])?;
    expect(&described, "PartitionCount: 5")?;
    context.run("topics", &["--delete", "--topic", "tools.topics"])?;
    let listed = context.run("topics", &["--list"])?;
    equal("the deleted topic's lines", &listed.lines().filter(|line| *line == "tools.topics").count(), &0)
}

/// Set, described, and taken back.
pub(super) fn configs(context: &Context<'_>) -> Result<(), String> {
    create(context, "tools.configs", "1")?;
    let entity = ["--entity-type", "topics", "--entity-name", "tools.configs"];
    let configs = |arguments: &[&str]| context.run("configs", &[&entity[..], arguments].concat());
    configs(&["--alter", "--add-config", "max.message.bytes=2000,cleanup.policy=[compact,delete]"])?;
    let described = configs(&["--describe"])?;
    expect(&described, "max.message.bytes=2000")?;
    expect(&described, "cleanup.policy=compact,delete")?;
    let long = "x".repeat(3000);
    let refused = context.run_with("console-producer", &["--topic", "tools.configs"], &format!("{long}\n"));
    let printed = refused.unwrap_or_else(|error| error);
    let held = context.run("get-offsets", &["--topic", "tools.configs"])?;
    equal(&format!("what is held of a message too large ({printed})"), &held.trim(), &"tools.configs:0:0")?;
    configs(&["--alter", "--delete-config", "max.message.bytes"])?;
    let described = configs(&["--describe"])?;
    if described.contains("max.message.bytes") {
        return Err(format!("what was deleted is described: {described}"));
    }
    let all = configs(&["--describe", "--all"])?;
    expect(&all, "max.message.bytes=1048588")?;
    let wrong = configs(&["--alter", "--add-config", "max.message.bytes=-5"]);
    expect(&wrong.err().unwrap_or_default(), "Invalid value -5 for configuration max.message.bytes")
}

/// Ends, beginnings and moments.
pub(super) fn get_offsets(context: &Context<'_>) -> Result<(), String> {
    create(context, "tools.offsets", "2")?;
    fill(context, "tools.offsets", 40)?;
    let at = |time: &str| -> Result<Vec<(String, i64)>, String> {
        let said = context.run("get-offsets", &["--topic", "tools.offsets", "--time", time])?;
        let read = |line: &str| {
            let (partition, offset) = line.rsplit_once(':')?;
            Some((partition.to_owned(), offset.parse().ok()?))
        };
        said.lines().map(|line| read(line).ok_or_else(|| format!("no offset: {line}"))).collect()
    };
    let ends = at("-1")?;
    equal("partitions", &ends.len(), &2)?;
    equal("all records", &ends.iter().map(|(_, end)| end).sum(), &40)?;
    equal("beginnings", &at("-2")?.iter().map(|(_, offset)| *offset).collect(), &vec![0, 0])?;
    equal("offsets of the year 2001", &at("1000000000000")?.iter().map(|(_, offset)| offset).sum::<i64>(), &0)?;
    let latest = at("-3")?;
    equal("offsets of the latest timestamps", &latest.len(), &ends.iter().filter(|(_, end)| *end > 0).count())
}

/// What lies before an offset is gone, for consumers too.
pub(super) fn delete_records(context: &Context<'_>) -> Result<(), String> {
    create(context, "tools.delete", "1")?;
    fill(context, "tools.delete", 30)?;
    let path = std::env::temp_dir().join(format!("grete-interop-delete-{}.json", std::process::id()));
    let text = r#"{"version":1,"partitions":[{"topic":"tools.delete","partition":0,"offset":12}]}"#;
    std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    let said = context.run("delete-records", &["--offset-json-file", &path.display().to_string()]);
    let _ = std::fs::remove_file(&path);
    expect(&said?, "low_watermark: 12")?;
    let earliest = context.run("get-offsets", &["--topic", "tools.delete", "--time", "-2"])?;
    equal("the earliest offset", &earliest.trim(), &"tools.delete:0:12")?;
    let arguments = ["--topic", "tools.delete", "--from-beginning", "--max-messages", "18", "--timeout-ms", "30000"];
    let read = context.run("console-consumer", &arguments)?;
    let numbers: Vec<Vec<&str>> = columns(&read);
    equal(
        "what is left",
        &numbers.concat(),
        &(12..30).map(|number| number.to_string()).collect::<Vec<_>>().iter().map(String::as_str).collect(),
    )
}
