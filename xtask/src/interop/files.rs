//! What the broker leaves on disk, before Kafka's own judges: `kafka-dump-log` over every file, and Apache Kafka itself,
//! which starts on the directory of a Grete that has stopped in order, serves the same, and hands it back.

use super::tools::{equal, output};
use super::{Case, Client, Context, Kind};
use crate::kafka;
use crate::server::{Node, Server};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// What `kafka-dump-log` says where something is wrong.
const FAULTS: [&str; 6] = ["isvalid: false", "mismatch", "Non-consecutive", "Out of order", "Exception", "is corrupt"];

/// A directory, and what runs on it in turn.
struct Files {
    node: Arc<Node>,
    /// Kafka's jars.
    libraries: PathBuf,
    /// Grete's binary.
    binary: PathBuf,
}

pub(super) const CLIENT: Client = Client { name: "files", quick: "dump", kind: Kind::Here(prepare, CASES) };

const CASES: &[Case] = &[Case { name: "dump", run: dump }, Case { name: "kafka-starts", run: kafka_starts }];

fn prepare(cache: &Path) -> Result<PathBuf, String> {
    super::program::debian("java", "default-jre-headless")?;
    super::tools::install(cache)
}

/// `kafka-dump-log` finds nothing wrong in what a broker has written that was stopped in order.
fn dump(context: &Context<'_>) -> Result<(), String> {
    let files = Files::new(context)?;
    let server = files.start_grete()?;
    files.fill()?;
    server.stop(0)?;
    files.check_marks()?;
    files.dump()?;
    // And it would find something.
    files.damage("ledger-0/00000000000000000000.log", 1000)?;
    if files.dump().is_ok() {
        return Err("kafka-dump-log does not see a bit that has turned".to_owned());
    }
    files.remove()
}

/// Apache Kafka starts on that directory as after a stop of its own and serves the same, and Grete goes on after it.
fn kafka_starts(context: &Context<'_>) -> Result<(), String> {
    let files = Files::new(context)?;
    let server = files.start_grete()?;
    files.fill()?;
    let kept = files.look()?;
    kept.check()?;
    server.stop(0)?;

    let server = Server::kafka(&files.node)?;
    let log = server.said();
    if !log.contains("since clean shutdown file was found") || log.contains("Duplicate") {
        return Err(format!("Kafka did not start as after a stop in order: see {}", files.node.directory().display()));
    }
    files.same("Apache Kafka", &kept)?;
    let more: Vec<String> = (0..50).map(|number| format!("of Kafka {number}")).collect();
    files.produce("ledger", &more)?;
    let kept = files.look()?;
    // A JVM that a signal ends says so.
    server.stop(143)?;

    let server = files.start_grete()?;
    files.same("Grete after Kafka", &kept)?;
    files.produce("ledger", &["of Grete again".to_owned()])?;
    let kept = files.look()?;
    server.kill()?;
    let server = files.start_grete()?;
    files.same("Grete after kill -9", &kept)?;
    server.stop(0)?;
    files.dump()?;
    files.remove()
}

/// What clients see of a broker.
#[derive(Debug, PartialEq)]
struct Seen {
    /// The records of the topic of one partition, and of the one whose front was deleted, in order.
    records: Vec<(String, Vec<String>)>,
    /// The start and end of each partition.
    offsets: Vec<String>,
    /// What the group has committed.
    group: Vec<String>,
    configs: Vec<String>,
}

impl Seen {
    /// An error where there is little to compare.
    fn check(&self) -> Result<(), String> {
        let counts: Vec<usize> = self.records.iter().map(|(_, records)| records.len()).collect();
        let orders = counts.last().copied().unwrap_or(0);
        equal("the records that were read", &counts, &vec![3000, 60, orders.max(1)])?;
        equal("the group's commits", &self.group.len(), &1)?;
        for config in ["log.retention.ms=86400000", "cleanup.policy=compact,delete", "segment.bytes=1048576"] {
            if !self.configs.iter().any(|line| line.contains(config)) {
                return Err(format!("{config} is not in {:?}", self.configs));
            }
        }
        Ok(())
    }
}

impl Files {
    fn new(context: &Context<'_>) -> Result<Self, String> {
        let node = Node::new("files", "127.0.0.1", "offsets.topic.num.partitions=4\n")?.kept();
        let libraries = context.installed.to_owned();
        Ok(Self { node: Arc::new(node), libraries, binary: context.binary.to_owned() })
    }

    /// What a case that has failed leaves is kept, to be looked at.
    fn remove(&self) -> Result<(), String> {
        std::fs::remove_dir_all(self.node.directory()).map_err(|error| error.to_string())
    }

    fn start_grete(&self) -> Result<Server, String> {
        Server::grete(&self.node, &self.binary)
    }

    /// Runs one of Kafka's tools against the broker; gives the lines that it prints.
    fn tool(&self, class: &str, arguments: &[&str], input: &[String]) -> Result<Vec<String>, String> {
        let mut command = kafka::java(&self.libraries, class);
        command.args(["--bootstrap-server", &self.node.address()]).args(arguments);
        lines(command, class, input)
    }

    /// Makes topics, records, a group with commits and configurations.
    fn fill(&self) -> Result<(), String> {
        let sent: Vec<String> = (0..3000).map(|number| format!("{number}-{}", "x".repeat(600))).collect();
        const TOPICS: &str = "org.apache.kafka.tools.TopicCommand";
        for (topic, partitions, config) in [
            ("ledger", "1", "segment.bytes=1048576"),
            ("front", "1", "retention.ms=-1"),
            ("orders", "3", "cleanup.policy=compact,delete"),
        ] {
            let arguments = ["--create", "--topic", topic, "--partitions", partitions, "--config", config];
            self.tool(TOPICS, &arguments, &[])?;
        }
        self.tool(TOPICS, &["--create", "--topic", "gone", "--partitions", "2"], &[])?;
        self.produce("ledger", &sent)?;
        self.produce("front", &sent[..100])?;
        let keyed: Vec<String> = (0..300).map(|number| format!("key-{}\tvalue {number}", number % 40)).collect();
        let keys = ["--topic", "orders", "--property", "parse.key=true", "--compression-codec", "lz4"];
        self.tool("org.apache.kafka.tools.ConsoleProducer", &keys, &keyed)?;
        let consumed = self.consume(&["--topic", "ledger", "--group", "shop", "--from-beginning"], 1000)?;
        equal("what the group has read", &consumed.len(), &1000)?;
        self.tool(TOPICS, &["--delete", "--topic", "gone"], &[])?;
        let wanted = r#"{"partitions":[{"topic":"front","partition":0,"offset":40}],"version":1}"#;
        let path = self.node.directory().join("delete.json");
        std::fs::write(&path, wanted).map_err(|error| error.to_string())?;
        let path = path.display().to_string();
        let arguments = ["--offset-json-file", &path];
        self.tool("org.apache.kafka.tools.DeleteRecordsCommand", &arguments, &[])?;
        let broker =
            ["--alter", "--entity-type", "brokers", "--entity-default", "--add-config", "log.retention.ms=86400000"];
        self.tool("kafka.admin.ConfigCommand", &broker, &[])?;
        Ok(())
    }

    fn produce(&self, topic: &str, values: &[String]) -> Result<(), String> {
        self.tool("org.apache.kafka.tools.ConsoleProducer", &["--topic", topic], values).map(|_| ())
    }

    fn consume(&self, arguments: &[&str], count: usize) -> Result<Vec<String>, String> {
        let count = count.to_string();
        let arguments = [arguments, &["--max-messages", &count, "--timeout-ms", "20000"]].concat();
        self.tool("org.apache.kafka.tools.consumer.ConsoleConsumer", &arguments, &[])
    }

    /// What clients see.
    fn look(&self) -> Result<Seen, String> {
        const OFFSETS: &str = "org.apache.kafka.tools.GetOffsetShell";
        let mut offsets = Vec::new();
        for time in ["-2", "-1"] {
            offsets.extend(self.tool(OFFSETS, &["--time", time, "--exclude-internal-topics"], &[])?);
        }
        let end = |topic: &str| {
            let ends =
                offsets.iter().filter_map(|line| line.strip_prefix(&format!("{topic}:0:"))?.parse::<usize>().ok());
            let ends: Vec<usize> = ends.collect();
            ends.get(1).zip(ends.first()).map_or(0, |(end, start)| end - start)
        };
        let mut records = Vec::new();
        for topic in ["ledger", "front", "orders"] {
            let arguments = ["--topic", topic, "--partition", "0", "--from-beginning"];
            records.push((topic.to_owned(), self.consume(&arguments, end(topic))?));
        }
        let group = ["--describe", "--group", "shop"];
        let group = self.tool("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", &group, &[])?;
        let group = group.iter().filter(|line| line.starts_with("shop"));
        // Topic, partition and offset.
        let committed = group.map(|line| line.split_whitespace().skip(1).take(3).collect::<Vec<_>>().join(" "));
        let mut configs = Vec::new();
        for entity in [["--entity-type", "topics"], ["--entity-type", "brokers"]] {
            let arguments = [&["--describe"][..], &entity].concat();
            configs.extend(self.tool("kafka.admin.ConfigCommand", &arguments, &[])?);
        }
        // A test's own coordinator topics may be there or not.
        configs.retain(|line| line.starts_with("  "));
        Ok(Seen { records, offsets, group: committed.collect(), configs })
    }

    /// An error where a broker shows something else than was seen before.
    fn same(&self, who: &str, kept: &Seen) -> Result<(), String> {
        let seen = self.look()?;
        equal(&format!("what {who} commits"), &seen.group, &kept.group)?;
        equal(&format!("what {who} has configured"), &seen.configs, &kept.configs)?;
        equal(&format!("the offsets of {who}"), &seen.offsets, &kept.offsets)?;
        let same = seen.records == kept.records;
        if same { Ok(()) } else { Err(format!("{who} has other records")) }
    }

    /// What has to be there after a stop in order, and what must not.
    fn check_marks(&self) -> Result<(), String> {
        let read = |name: &str| {
            let path = self.node.data().join(name);
            std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
        };
        let mark = read(".kafka_cleanshutdown")?;
        if !mark.starts_with("{\"version\":0,\"brokerEpoch\":") {
            return Err(format!(".kafka_cleanshutdown is {mark}"));
        }
        for (name, line) in [
            ("recovery-point-offset-checkpoint", "ledger 0 3000"),
            ("replication-offset-checkpoint", "ledger 0 3000"),
            ("log-start-offset-checkpoint", "front 0 40"),
        ] {
            if !read(name)?.lines().any(|found| found == line) {
                return Err(format!("{name} does not say {line}"));
            }
        }
        Ok(())
    }

    /// Turns a bit of a file.
    fn damage(&self, name: &str, at: usize) -> Result<(), String> {
        let path = self.node.data().join(name);
        let mut bytes = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        *bytes.get_mut(at).ok_or("the file is short")? ^= 1;
        std::fs::write(&path, bytes).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Has Kafka's tool look at every file.
    fn dump(&self) -> Result<(), String> {
        let data = self.node.data();
        let mut logs: [Vec<String>; 3] = Default::default();
        let mut indexes = Vec::new();
        for partition in list(&data)?.into_iter().filter(|path| path.is_dir()) {
            let kind = match partition.file_name().and_then(|name| name.to_str()) {
                Some("__cluster_metadata-0") => 0,
                Some(name) if name.starts_with("__consumer_offsets-") => 1,
                _ => 2,
            };
            for file in list(&partition)? {
                let length = file.metadata().map_err(|error| error.to_string())?.len();
                let path = file.display().to_string();
                match file.extension().and_then(|extension| extension.to_str()) {
                    Some("log" | "checkpoint") if length > 0 => logs[kind].push(path),
                    Some("snapshot") => logs[2].push(path),
                    Some("index" | "timeindex") if length > 0 => indexes.push(path),
                    _ => {}
                }
            }
        }
        let [metadata, offsets, topics] = logs;
        for (files, arguments) in [
            (&metadata, &["--deep-iteration", "--cluster-metadata-decoder"][..]),
            (&offsets, &["--deep-iteration", "--offsets-decoder"]),
            (&topics, &["--deep-iteration"]),
            (&indexes, &["--index-sanity-check"]),
            (&indexes, &["--verify-index-only"]),
        ] {
            if files.is_empty() {
                return Err(format!("there is nothing to try {arguments:?} on"));
            }
            let mut command = kafka::java(&self.libraries, "org.apache.kafka.tools.DumpLogSegments");
            command.args(arguments).arg("--files").arg(files.join(","));
            let said = lines(command, "DumpLogSegments", &[])?;
            let fault = said.iter().find(|line| FAULTS.iter().any(|fault| line.contains(fault)));
            if let Some(fault) = fault {
                return Err(format!("kafka-dump-log {arguments:?} says: {fault}"));
            }
            equal("the number of files that were looked at", &dumped(&said), &files.len())?;
        }
        Ok(())
    }
}

/// The files that `kafka-dump-log` says it dumps.
fn dumped(said: &[String]) -> usize {
    said.iter().filter(|line| line.starts_with("Dumping ")).count()
}

fn list(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = std::fs::read_dir(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    paths.sort();
    Ok(paths)
}

/// Runs a command to its end with lines at its standard input; gives the lines that it prints.
fn lines(command: Command, name: &str, input: &[String]) -> Result<Vec<String>, String> {
    let text: String = input.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
    Ok(output(name, command, &text)?.lines().map(str::to_owned).collect())
}
