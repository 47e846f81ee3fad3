//! Kafka's own tools, of the version in `tests/kafka/pom.xml`.

mod console;
mod controller;
mod groups;
mod load;
mod topics;

use super::{Case, Client, Context, Kind};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

pub(super) const CLIENT: Client = Client { name: "kafka-tools", quick: "console", kind: Kind::Here(prepare, CASES) };

const CASES: &[Case] = &[
    Case { name: "console", run: console::pair },
    Case { name: "topics", run: topics::topics },
    Case { name: "configs", run: topics::configs },
    Case { name: "get-offsets", run: topics::get_offsets },
    Case { name: "delete-records", run: topics::delete_records },
    Case { name: "controller", run: controller::bootstrap },
    Case { name: "consumer-groups", run: groups::describe_and_reset },
    Case { name: "perf", run: load::perf },
    Case { name: "verifiable", run: load::verifiable },
    Case { name: "dump-log", run: console::dump_log },
];

/// The directory of Kafka's jars. Two clients need them at once, and one fetches.
pub(super) fn install(_cache: &Path) -> Result<PathBuf, String> {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock();
    super::program::debian("mvn", "maven")?;
    crate::kafka::install()
}

fn prepare(cache: &Path) -> Result<PathBuf, String> {
    super::program::debian("java", "default-jre-headless")?;
    install(cache)
}

/// A tool's class, as Kafka's scripts name it.
fn class(tool: &str) -> &str {
    match tool {
        "topics" => "org.apache.kafka.tools.TopicCommand",
        "configs" => "kafka.admin.ConfigCommand",
        "consumer-groups" => "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
        "get-offsets" => "org.apache.kafka.tools.GetOffsetShell",
        "metadata-quorum" => "org.apache.kafka.tools.MetadataQuorumCommand",
        "features" => "org.apache.kafka.tools.FeatureCommand",
        "cluster" => "org.apache.kafka.tools.ClusterTool",
        "leader-election" => "org.apache.kafka.tools.LeaderElectionCommand",
        "delete-records" => "org.apache.kafka.tools.DeleteRecordsCommand",
        "producer-perf" => "org.apache.kafka.tools.ProducerPerformance",
        "consumer-perf" => "org.apache.kafka.tools.ConsumerPerformance",
        "verifiable-producer" => "org.apache.kafka.tools.VerifiableProducer",
        "verifiable-consumer" => "org.apache.kafka.tools.VerifiableConsumer",
        "console-producer" => "org.apache.kafka.tools.ConsoleProducer",
        "console-consumer" => "org.apache.kafka.tools.consumer.ConsoleConsumer",
        "dump-log" => "org.apache.kafka.tools.DumpLogSegments",
        other => other,
    }
}

impl Context<'_> {
    /// A tool, ready to be given arguments.
    fn tool(&self, tool: &str) -> Command {
        crate::kafka::java(self.installed, class(tool))
    }

    /// Runs a tool that talks to the broker; gives what it prints.
    fn run(&self, tool: &str, arguments: &[&str]) -> Result<String, String> {
        self.run_with(tool, arguments, "")
    }

    /// Runs a tool with a text at its standard input.
    fn run_with(&self, tool: &str, arguments: &[&str], input: &str) -> Result<String, String> {
        let mut command = self.tool(tool);
        command.args(["--bootstrap-server", self.address]).args(arguments);
        output(tool, command, input)
    }
}

/// Runs a command to its end; gives what it prints.
pub(super) fn output(name: &str, mut command: Command, input: &str) -> Result<String, String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().map_err(|error| format!("{name}: {error}"))?;
    if let Some(mut stdin) = process.stdin.take() {
        stdin.write_all(input.as_bytes()).map_err(|error| format!("{name}: {error}"))?;
    }
    let output = process.wait_with_output().map_err(|error| format!("{name}: {error}"))?;
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    match output.status.success() {
        true => Ok(said.into_owned()),
        false => Err(format!("{name} ended with {}: {said} {errors}", output.status)),
    }
}

/// An error that shows what was said, unless `said` contains `wanted`.
fn expect(said: &str, wanted: &str) -> Result<(), String> {
    if said.contains(wanted) { Ok(()) } else { Err(format!("`{wanted}` is not in: {said}")) }
}

/// An error that shows both, unless they are equal.
pub(super) fn equal<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, wanted: &T) -> Result<(), String> {
    if found == wanted { Ok(()) } else { Err(format!("{what} is {found:?} instead of {wanted:?}")) }
}

/// The lines of a table, each as its columns.
fn columns(said: &str) -> Vec<Vec<&str>> {
    said.lines().map(|line| line.split_whitespace().collect()).filter(|line: &Vec<_>| !line.is_empty()).collect()
}
