//! Tools that send much, and count what comes back.

use super::topics::create;
use super::{columns, equal, expect, output};
use crate::interop::Context;

/// A hundred thousand records in and out, in each codec.
pub(super) fn perf(context: &Context<'_>) -> Result<(), String> {
    create(context, "tools.perf", "4")?;
    for codec in ["none", "lz4"] {
        let size = ["--num-records", "50000", "--record-size", "200", "--throughput", "-1", "--topic", "tools.perf"];
        let codec = format!("compression.type={codec}");
        let said = context.run("producer-perf", &[&size[..], &["--command-property", &codec]].concat())?;
        expect(&said, "50000 records sent")?;
    }
    let arguments = ["--topic", "tools.perf", "--num-records", "100000", "--timeout", "30000"];
    let said = context.run("consumer-perf", &arguments)?;
    // start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, ...
    let row = said.lines().last().unwrap_or_default();
    let consumed = row.split(',').nth(4).and_then(|number| number.trim().parse::<u64>().ok()).unwrap_or_default();
    if consumed < 100_000 {
        return Err(format!("{consumed} of 100000 records were read: {said}"));
    }
    Ok(())
}

/// The tools of Kafka's own system tests: each record is acknowledged and consumed, once and in order.
pub(super) fn verifiable(context: &Context<'_>) -> Result<(), String> {
    create(context, "tools.verifiable", "1")?;
    let arguments = ["--topic", "tools.verifiable", "--max-messages", "1000", "--acks", "-1"];
    let said = context.run("verifiable-producer", &arguments)?;
    equal("acknowledged records", &said.matches("\"name\":\"producer_send_success\"").count(), &1000)?;
    expect(&said, "\"acked\":1000")?;

    let mut command = context.tool("verifiable-consumer");
    command.args([
        "--bootstrap-server",
        context.address,
        "--topic",
        "tools.verifiable",
        "--group-id",
        "tools.verifiers",
    ]);
    command.args(["--max-messages", "1000", "--reset-policy", "earliest", "--verbose"]);
    let said = output("verifiable-consumer", command, "")?;
    let values: Vec<String> = said
        .lines()
        .filter(|line| line.contains("\"name\":\"record_data\""))
        .filter_map(|line| Some(line.split_once("\"value\":\"")?.1.split('"').next()?.to_owned()))
        .collect();
    equal("consumed values", &values, &(0..1000).map(|number: i32| number.to_string()).collect())?;
    expect(&said, "\"name\":\"offsets_committed\"")?;
    equal("shutdowns", &columns(&said).iter().filter(|line| line.concat().contains("shutdown_complete")).count(), &1)
}
