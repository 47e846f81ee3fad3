//! The console pair, and what lies on the disk afterwards.

use super::{columns, equal, expect, output};
use crate::interop::Context;

const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

fn lines(codec: &str) -> Vec<String> {
    (0..50).map(|number| format!("key-{number}:{codec} {number} {}", "x".repeat(number))).collect()
}

fn write(context: &Context<'_>, topic: &str, codec: &str, sent: &[String]) -> Result<(), String> {
    let arguments = ["--topic", topic, "--compression-codec", codec, "--reader-property", "parse.key=true"];
    let separator = ["--reader-property", "key.separator=:"];
    let input = sent.iter().map(|line| format!("{line}\n")).collect::<String>();
    context.run_with("console-producer", &[&arguments[..], &separator].concat(), &input).map(drop)
}

/// What is typed in is printed, key by key, in each codec and in its order.
pub(super) fn pair(context: &Context<'_>) -> Result<(), String> {
    let mut all = Vec::new();
    // The default, and the costliest codec: each run of a tool starts a JVM.
    for codec in ["none", "zstd"] {
        let sent = lines(codec);
        write(context, "console", codec, &sent)?;
        all.extend(sent);
    }
    let count = all.len().to_string();
    let arguments = ["--topic", "console", "--from-beginning", "--group", "console-readers", "--max-messages", &count];
    let printed = ["--formatter-property", "print.key=true", "--formatter-property", "key.separator=:"];
    let timeout = ["--timeout-ms", "30000"];
    let said = context.run("console-consumer", &[&arguments[..], &printed, &timeout].concat())?;
    equal("what was read", &said.lines().map(String::from).collect(), &all)
}

/// The broker's files, as Kafka's tool reads them: records, keys and offsets are those that were sent.
pub(super) fn dump_log(context: &Context<'_>) -> Result<(), String> {
    let Some(broker) = context.broker else { return Err("the broker's files are somewhere else".to_owned()) };
    for codec in CODECS {
        let topic = format!("dump-{codec}");
        let sent = lines(codec);
        write(context, &topic, codec, &sent)?;
        let segment = broker.node().data().join(format!("{topic}-0")).join("00000000000000000000.log");
        let mut command = context.tool("dump-log");
        command.arg("--files").arg(segment).args(["--print-data-log", "--deep-iteration"]);
        let said = output("dump-log", command, "")?;
        expect(&said, &format!("compresscodec: {codec} "))?;
        expect(&said, "isvalid: true")?;
        let records: Vec<&str> = said.lines().filter(|line| line.starts_with("| offset:")).collect();
        equal("the number of records", &records.len(), &sent.len())?;
        for (offset, (record, sent)) in records.iter().zip(&sent).enumerate() {
            let (key, value) = sent.split_once(':').unwrap_or_default();
            expect(record, &format!("| offset: {offset} "))?;
            expect(record, &format!("key: {key} payload: {value}"))?;
        }
        let ends = columns(&said).iter().filter(|line| line.contains(&"lastOffset:")).count();
        if ends == 0 {
            return Err(format!("no batch is shown: {said}"));
        }
    }
    Ok(())
}
