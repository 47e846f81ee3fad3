//! kcat, from Debian.

use super::{Case, Client, Context, Kind};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub(super) const CLIENT: Client = Client { name: "kcat", quick: "first-steps", kind: Kind::Here(prepare, CASES) };

const CASES: &[Case] = &[
    Case { name: "first-steps", run: first_steps },
    Case { name: "codecs", run: codecs },
    Case { name: "idempotent", run: idempotent },
    Case { name: "groups", run: group },
    Case { name: "seek-by-time", run: by_time },
    Case { name: "metadata", run: metadata },
];

fn prepare(_cache: &Path) -> Result<PathBuf, String> {
    super::program::debian("kcat", "kcat")?;
    Ok(PathBuf::from("kcat"))
}

impl Context<'_> {
    fn kcat(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        let mut command = Command::new(self.installed);
        command.args(["-b", self.address]).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().map_err(|error| format!("kcat: {error}"))?;
        if let Some(mut stdin) = process.stdin.take() {
            stdin.write_all(input.as_bytes()).map_err(|error| format!("kcat: {error}"))?;
        }
        let output = process.wait_with_output().map_err(|error| format!("kcat: {error}"))?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(format!("kcat {arguments:?} failed: {}", String::from_utf8_lossy(&output.stderr))),
        }
    }
}

fn lines(count: usize) -> String {
    (0..count).map(|number| format!("key-{number}:value {number} {}\n", "x".repeat(number % 100))).collect()
}

fn same(found: &str, wanted: &str) -> Result<(), String> {
    if found == wanted { Ok(()) } else { Err(format!("read {} bytes instead of {}", found.len(), wanted.len())) }
}

/// What the readme begins with, to a topic that is not there yet.
fn first_steps(context: &Context<'_>) -> Result<(), String> {
    let sent = lines(100);
    context.kcat(&["-P", "-t", "kcat.first", "-K:"], &sent)?;
    same(&context.kcat(&["-C", "-t", "kcat.first", "-K:", "-o", "beginning", "-e", "-q"], "")?, &sent)
}

fn codecs(context: &Context<'_>) -> Result<(), String> {
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        for acks in ["0", "1", "all"] {
            let topic = format!("kcat.{codec}.{acks}");
            let sent = lines(200);
            // Without acknowledgements nothing tells when a record is there, nor whether a topic is.
            context.kcat(&["-P", "-t", &topic, "-K:", "-p", "0"], "key-first:first\n")?;
            let acks = format!("acks={acks}");
            context
                .kcat(&["-P", "-t", &topic, "-K:", "-p", "0", "-z", codec, "-X", &acks, "-X", "linger.ms=20"], &sent)?;
            let wanted = format!("key-first:first\n{sent}");
            let read = context.kcat(&["-C", "-t", &topic, "-K:", "-o", "beginning", "-c", "201", "-q"], "")?;
            same(&read, &wanted).map_err(|why| format!("{topic}: {why}"))?;
        }
    }
    Ok(())
}

fn idempotent(context: &Context<'_>) -> Result<(), String> {
    let sent = lines(2000);
    context.kcat(&["-P", "-t", "kcat.once", "-K:", "-X", "enable.idempotence=true"], &sent)?;
    same(&context.kcat(&["-C", "-t", "kcat.once", "-K:", "-o", "beginning", "-e", "-q"], "")?, &sent)
}

/// A balanced consumer that comes back goes on where it was.
fn group(context: &Context<'_>) -> Result<(), String> {
    context.kcat(&["-P", "-t", "kcat.group"], "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n")?;
    let read = |count: &str| {
        let options = ["-X", "auto.offset.reset=earliest", "-q", "-c", count, "-G", "kcat.readers", "kcat.group"];
        context.kcat(&options, "")
    };
    same(&read("4")?, "0\n1\n2\n3\n")?;
    same(&read("6")?, "4\n5\n6\n7\n8\n9\n")
}

fn by_time(context: &Context<'_>) -> Result<(), String> {
    context.kcat(&["-P", "-t", "kcat.time", "-p", "0"], "early\n")?;
    let offset = |time: &str| context.kcat(&["-Q", "-t", &format!("kcat.time:0:{time}")], "");
    let known = |said: &str, wanted: &str| match said.trim().ends_with(wanted) {
        true => Ok(()),
        false => Err(format!("{said} instead of {wanted}")),
    };
    known(&offset("1000000000000")?, "offset 0")?;
    // Past the last record there is none.
    known(&offset("32503680000000")?, "offset -1")?;
    let read = context.kcat(&["-C", "-t", "kcat.time", "-p", "0", "-o", "s@1000000000000", "-c", "1", "-q"], "")?;
    same(&read, "early\n")
}

fn metadata(context: &Context<'_>) -> Result<(), String> {
    context.kcat(&["-P", "-t", "kcat.listed"], "one\n")?;
    let said = context.kcat(&["-L", "-J"], "")?;
    let shown: serde_json::Value = serde_json::from_str(&said).map_err(|error| format!("{error}: {said}"))?;
    let topics = shown.get("topics").and_then(|topics| topics.as_array()).ok_or_else(|| said.clone())?;
    let topic = topics.iter().find(|topic| topic.get("topic").is_some_and(|name| name == "kcat.listed"));
    let partitions = topic.and_then(|topic| topic.get("partitions")?.as_array().map(Vec::len));
    match (partitions, shown.get("brokers").and_then(|brokers| brokers.as_array()).map(Vec::len)) {
        (Some(1), Some(1)) => Ok(()),
        _ => Err(format!("one broker and one partition are not shown: {said}")),
    }
}
