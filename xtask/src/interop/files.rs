//! What the broker leaves on disk, before Kafka's own judges: `kafka-dump-log` over every file, and Apache Kafka itself,
//! which starts on the directory of a Grete that has stopped in order, serves the same, and hands it back.

use super::{Case, Client, Context, Kind};
use crate::kafka::free_port;
use std::io::Write;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long a broker may take to listen, and to stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// A stop in order is a matter of flushing.
const STOP_MAX: Duration = Duration::from_secs(10);

/// The class of Kafka's broker; the others are tools.
const BROKER: &str = "kafka.Kafka";

/// What `kafka-dump-log` says where something is wrong.
const FAULTS: [&str; 6] = ["isvalid: false", "mismatch", "Non-consecutive", "Out of order", "Exception", "is corrupt"];

/// A directory, and what runs on it in turn.
struct Files {
    directory: PathBuf,
    port: u16,
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
    let process = files.start_grete()?;
    files.fill()?;
    files.stop(process, Some(0))?;
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
    let process = files.start_grete()?;
    files.fill()?;
    let kept = files.look()?;
    kept.check()?;
    files.stop(process, Some(0))?;

    let process = files.start("kafka", files.java(BROKER, &["server.properties"]))?;
    let log = files.said("kafka")?;
    if !log.contains("since clean shutdown file was found") || log.contains("Duplicate") {
        return Err(format!("Kafka did not start as after a stop in order: see {}", files.directory.display()));
    }
    files.same("Apache Kafka", &kept)?;
    let more: Vec<String> = (0..50).map(|number| format!("of Kafka {number}")).collect();
    files.produce("ledger", &more)?;
    let kept = files.look()?;
    // A JVM that a signal ends says so.
    files.stop(process, Some(143))?;

    let process = files.start_grete()?;
    files.same("Grete after Kafka", &kept)?;
    files.produce("ledger", &["of Grete again".to_owned()])?;
    let kept = files.look()?;
    files.kill(process)?;
    let process = files.start_grete()?;
    files.same("Grete after kill -9", &kept)?;
    files.stop(process, Some(0))?;
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
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("grete-files-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
        let (port, controller) = (free_port()?, free_port()?);
        let data = directory.join("data");
        let properties = format!(
            "process.roles=broker,controller\n\
             node.id=1\n\
             listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
             controller.listener.names=CONTROLLER\n\
             controller.quorum.bootstrap.servers=127.0.0.1:{controller}\n\
             log.dirs={}\n\
             offsets.topic.replication.factor=1\n\
             offsets.topic.num.partitions=4\n\
             group.initial.rebalance.delay.ms=0\n",
            data.display()
        );
        let logging = "Configuration:\n  Appenders:\n    Console: {name: C, target: SYSTEM_ERR, PatternLayout: {pattern: \"%p %c{1} %m%n\"}}\n  Loggers:\n    Root: {level: \"${sys:level:-INFO}\", AppenderRef: {ref: C}}\n";
        for (name, text) in [("server.properties", &*properties), ("log4j2.yaml", logging)] {
            std::fs::write(directory.join(name), text).map_err(|error| format!("{name}: {error}"))?;
        }
        let libraries = context.installed.to_owned();
        Ok(Self { directory, port, libraries, binary: super::broker::build(false)? })
    }

    /// What a case that has failed leaves is kept, to be looked at.
    fn remove(&self) -> Result<(), String> {
        std::fs::remove_dir_all(&self.directory).map_err(|error| error.to_string())
    }

    fn start_grete(&self) -> Result<Child, String> {
        let mut command = Command::new(&self.binary);
        command.arg("--config").arg(self.directory.join("server.properties"));
        self.start("grete", command)
    }

    fn java(&self, class: &str, arguments: &[&str]) -> Command {
        let mut java = Command::new("java");
        let level = if class == BROKER { "INFO" } else { "ERROR" };
        java.arg(format!("-Dlevel={level}")).current_dir(&self.directory).args([
            "-Xmx512m",
            "-XX:TieredStopAtLevel=1",
            "-cp",
        ]);
        java.arg(self.libraries.join("*")).arg("-Dlog4j2.configurationFile=log4j2.yaml").arg(class).args(arguments);
        java
    }

    /// Starts a broker and waits until it listens. What it says is in a file with its name.
    fn start(&self, name: &str, mut command: Command) -> Result<Child, String> {
        let path = self.directory.join(format!("{name}.log"));
        let log = std::fs::File::create(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let errors = log.try_clone().map_err(|error| error.to_string())?;
        let mut process = command
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .map_err(|error| format!("{name} does not start: {error}"))?;
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if process.try_wait().is_ok_and(|status| status.is_some()) {
                break;
            }
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() && self.said(name)?.contains(started(name)) {
                return Ok(process);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = process.kill();
        let _ = process.wait();
        Err(format!("{name} does not serve: {}", last_lines(&self.said(name)?)))
    }

    fn said(&self, name: &str) -> Result<String, String> {
        std::fs::read_to_string(self.directory.join(format!("{name}.log"))).map_err(|error| format!("{name}: {error}"))
    }

    /// Stops a broker by SIGTERM.
    fn stop(&self, mut process: Child, code: Option<i32>) -> Result<(), String> {
        let begun = Instant::now();
        let signalled = Command::new("kill").arg(process.id().to_string()).status();
        if !signalled.is_ok_and(|status| status.success()) {
            return Err("the signal was not sent: is the broker gone?".to_owned());
        }
        while begun.elapsed() < PATIENCE {
            match process.try_wait().map_err(|error| error.to_string())? {
                Some(status) if status.code() == code && begun.elapsed() < STOP_MAX => return Ok(()),
                Some(status) => return Err(format!("it ended with {status} after {:?}", begun.elapsed())),
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        }
        let _ = process.kill();
        Err(format!("it did not stop within {PATIENCE:?}"))
    }

    fn kill(&self, mut process: Child) -> Result<(), String> {
        process.kill().and_then(|()| process.wait()).map(|_| ()).map_err(|error| error.to_string())
    }

    /// Runs one of Kafka's tools against the broker; gives the lines that it prints.
    fn tool(&self, class: &str, arguments: &[&str], input: &[String]) -> Result<Vec<String>, String> {
        let address = format!("127.0.0.1:{}", self.port);
        let mut command = self.java(class, &["--bootstrap-server", &address]);
        command.args(arguments);
        output(command, class, input)
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
        std::fs::write(self.directory.join("delete.json"), wanted).map_err(|error| error.to_string())?;
        let arguments = ["--offset-json-file", "delete.json"];
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
            let path = self.directory.join("data").join(name);
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
        let path = self.directory.join("data").join(name);
        let mut bytes = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        *bytes.get_mut(at).ok_or("the file is short")? ^= 1;
        std::fs::write(&path, bytes).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Has Kafka's tool look at every file.
    fn dump(&self) -> Result<(), String> {
        let data = self.directory.join("data");
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
            let mut command = self.java("org.apache.kafka.tools.DumpLogSegments", arguments);
            command.arg("--files").arg(files.join(","));
            let said = output(command, "DumpLogSegments", &[])?;
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

/// What a broker says when it serves.
fn started(name: &str) -> &'static str {
    if name == "kafka" { "Kafka Server started" } else { "serving on" }
}

fn list(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = std::fs::read_dir(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    paths.sort();
    Ok(paths)
}

/// Runs a command to its end; gives the lines that it prints.
fn output(mut command: Command, name: &str, input: &[String]) -> Result<Vec<String>, String> {
    let process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut process = process.map_err(|error| format!("{name}: {error}"))?;
    if let Some(mut stdin) = process.stdin.take() {
        let text: String = input.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
        stdin.write_all(text.as_bytes()).map_err(|error| format!("{name}: {error}"))?;
    }
    let output = process.wait_with_output().map_err(|error| format!("{name}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{name} ended with {}: {}", output.status, last_lines(&format!("{said}{errors}"))));
    }
    Ok(said.lines().map(str::to_owned).collect())
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}

/// An error that shows both, unless they are equal.
fn equal<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, wanted: &T) -> Result<(), String> {
    if found == wanted { Ok(()) } else { Err(format!("{what}: {found:?} instead of {wanted:?}")) }
}
