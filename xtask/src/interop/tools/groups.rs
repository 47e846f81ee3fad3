//! Groups: described while they read and after, set back, and deleted.

use super::topics::{create, fill};
use super::{columns, equal, expect};
use crate::interop::Context;

const GROUP: &str = "tools.readers";

pub(super) fn describe_and_reset(context: &Context<'_>) -> Result<(), String> {
    create(context, "tools.groups", "1")?;
    fill(context, "tools.groups", 25)?;
    let read = |count: &str| {
        let arguments = ["--topic", "tools.groups", "--group", GROUP, "--from-beginning", "--max-messages", count];
        context.run("console-consumer", &[&arguments[..], &["--timeout-ms", "30000"]].concat())
    };
    equal("records", &read("10")?.lines().count(), &10)?;
    let groups = |arguments: &[&str]| context.run("consumer-groups", arguments);
    let listed = groups(&["--list", "--state"])?;
    let states: Vec<Vec<&str>> = columns(&listed).into_iter().filter(|line| line.first() == Some(&GROUP)).collect();
    equal("the group's state", &states.first().and_then(|line| line.last()).copied(), &Some("Empty"))?;
    let described = groups(&["--describe", "--group", GROUP])?;
    // GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG ...
    let row = columns(&described).into_iter().find(|line| line.get(1) == Some(&"tools.groups"));
    let row = row.ok_or_else(|| format!("the topic is not described: {described}"))?;
    equal("offset, end and lag", &row.get(3..6), &Some(&["10", "25", "15"][..]))?;

    let reset = ["--group", GROUP, "--topic", "tools.groups", "--reset-offsets"];
    let tried = groups(&[&reset[..], &["--to-earliest", "--dry-run"]].concat())?;
    expect(&tried, "tools.groups")?;
    groups(&[&reset[..], &["--to-offset", "20", "--execute"]].concat())?;
    let rest = read("5")?;
    equal("what is read after the reset", &rest.lines().collect(), &vec!["20", "21", "22", "23", "24"])?;
    groups(&[&reset[..], &["--shift-by", "-3", "--execute"]].concat())?;
    equal("what is read after the shift", &read("3")?.lines().collect(), &vec!["22", "23", "24"])?;

    expect(&groups(&["--delete-offsets", "--group", GROUP, "--topic", "tools.groups"])?, "Successful")?;
    let described = groups(&["--describe", "--group", GROUP]).unwrap_or_else(|error| error);
    if columns(&described).iter().any(|line| line.get(1) == Some(&"tools.groups")) {
        return Err(format!("what was deleted is described: {described}"));
    }
    groups(&["--delete", "--group", GROUP])?;
    let listed = groups(&["--list"])?;
    equal("the deleted group's lines", &listed.lines().filter(|line| *line == GROUP).count(), &0)
}
