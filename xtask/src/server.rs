//! Nodes for comparisons and tests: a directory for each, and Grete or Apache Kafka to run on it, one at a time.
//!
//! They listen on the loopback interface, keep their data in a temporary directory, and end with the value that stands for
//! them.

use crate::kafka;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long a server may take to serve.
const START_MAX: Duration = Duration::from_secs(60);
/// How long it may take to stop in order: that is a matter of flushing.
const STOP_MAX: Duration = Duration::from_secs(10);
/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(5);
/// The lines of its log that are shown where it fails.
const LAST_LINES: usize = 20;

/// Features that Grete does not finalise yet: Kafka is formatted without them.
const FEATURES_OFF: [&str; 4] = ["group.version", "share.version", "streams.version", "transaction.version"];

/// A node's directory, with its properties, its data and what its servers have said.
#[derive(Debug)]
pub(crate) struct Node {
    directory: PathBuf,
    host: &'static str,
    broker: u16,
    controller: u16,
    /// Whether the directory stays when this is dropped.
    is_kept: bool,
}

/// A server that runs as long as this value lives.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    node: Arc<Node>,
    kind: Kind,
}

/// What runs on a node.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Grete,
    Kafka,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Grete => "grete",
            Self::Kafka => "kafka",
        }
    }

    /// What it says when it serves.
    const fn serves(self) -> &'static str {
        match self {
            Self::Grete => "serving on",
            Self::Kafka => "Kafka Server started",
        }
    }
}

impl Node {
    /// A directory of its own with the properties of a node, broker and controller in one, that listens on `host`:
    /// `more` beside those that every node here has.
    pub(crate) fn new(purpose: &str, host: &'static str, more: &str) -> Result<Self, String> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("grete-{purpose}-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
        let node = Self { directory, host, broker: free_port()?, controller: free_port()?, is_kept: false };
        let Self { broker, controller, .. } = node;
        let properties = format!(
            "process.roles=broker,controller\n\
             node.id=1\n\
             listeners=PLAINTEXT://{host}:{broker},CONTROLLER://{host}:{controller}\n\
             controller.listener.names=CONTROLLER\n\
             controller.quorum.bootstrap.servers={host}:{controller}\n\
             log.dirs={}\n\
             offsets.topic.replication.factor=1\n\
             transaction.state.log.replication.factor=1\n\
             transaction.state.log.min.isr=1\n\
             share.coordinator.state.topic.replication.factor=1\n\
             share.coordinator.state.topic.min.isr=1\n\
             group.initial.rebalance.delay.ms=0\n\
             {more}",
            node.data().display()
        );
        let file = node.properties();
        std::fs::write(&file, properties).map_err(|error| format!("{}: {error}", file.display()))?;
        Ok(node)
    }

    /// Leaves the directory when this is dropped, to be looked at.
    pub(crate) fn kept(mut self) -> Self {
        self.is_kept = true;
        self
    }

    /// The directory.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where its data are.
    pub(crate) fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// Where clients connect: `HOST:PORT`.
    pub(crate) fn address(&self) -> String {
        format!("{}:{}", self.host, self.broker)
    }

    /// Where its controller is reached.
    pub(crate) fn controller_address(&self) -> String {
        format!("{}:{}", self.host, self.controller)
    }

    /// What a server has said that ran on it last.
    fn said(&self, kind: Kind) -> String {
        std::fs::read_to_string(self.log(kind)).unwrap_or_default()
    }

    fn properties(&self) -> PathBuf {
        self.directory.join("server.properties")
    }

    fn log(&self, kind: Kind) -> PathBuf {
        self.directory.join(format!("{}.log", kind.name()))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if !self.is_kept {
            let _ = std::fs::remove_dir_all(&self.directory);
        }
    }
}

impl Server {
    /// Starts Grete on a node.
    pub(crate) fn grete(node: &Arc<Node>, binary: &Path) -> Result<Self, String> {
        let mut command = Command::new(binary);
        command.arg("--config").arg(node.properties());
        Self::start(Kind::Grete, command, node)
    }

    /// Starts Apache Kafka on a node that has been written to before.
    pub(crate) fn kafka(node: &Arc<Node>) -> Result<Self, String> {
        let mut command = kafka::java(&kafka::install()?, kafka::BROKER);
        command.arg(node.properties());
        Self::start(Kind::Kafka, command, node)
    }

    /// Starts Apache Kafka on a new node, which it formats first.
    pub(crate) fn new_kafka(node: &Arc<Node>) -> Result<Self, String> {
        let mut format = kafka::java(&kafka::install()?, "kafka.tools.StorageTool");
        format.args(["format", "--standalone", "-t", &cluster_id()?, "-c"]).arg(node.properties());
        for feature in FEATURES_OFF {
            format.args(["--feature", &format!("{feature}=0")]);
        }
        let output = format.output().map_err(|error| format!("java: {error}"))?;
        if !output.status.success() {
            return Err(format!("the format step failed: {}", String::from_utf8_lossy(&output.stderr)));
        }
        Self::kafka(node)
    }

    /// The node that it runs on.
    pub(crate) fn node(&self) -> &Node {
        &self.node
    }

    /// The same, to outlive it.
    pub(crate) fn node_shared(&self) -> Arc<Node> {
        Arc::clone(&self.node)
    }

    /// What it has said so far.
    pub(crate) fn said(&self) -> String {
        self.node.said(self.kind)
    }

    /// What the process holds in memory, in KiB; the most that it ever held with `VmHWM`, what it holds now with `VmRSS`.
    pub(crate) fn memory_kib(&self, which: &str) -> Result<u64, String> {
        let path = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        let line = status.lines().find_map(|line| line.strip_prefix(which)?.strip_prefix(':'));
        let number = line.and_then(|line| line.split_whitespace().next()).and_then(|number| number.parse().ok());
        number.ok_or_else(|| format!("{path} has no {which}"))
    }

    fn start(kind: Kind, mut command: Command, node: &Arc<Node>) -> Result<Self, String> {
        let path = node.log(kind);
        let log = std::fs::File::create(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let errors = log.try_clone().map_err(|error| error.to_string())?;
        let process = command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn();
        let process = process.map_err(|error| format!("{}: {error}", command.get_program().to_string_lossy()))?;
        let mut server = Self { process, node: node.clone(), kind };
        let begun = Instant::now();
        while begun.elapsed() < START_MAX && !server.process.try_wait().is_ok_and(|status| status.is_some()) {
            if TcpStream::connect(node.address()).is_ok() && server.said().contains(kind.serves()) {
                return Ok(server);
            }
            std::thread::sleep(LOOK);
        }
        Err(server.tell("it does not serve"))
    }

    /// Stops it by SIGTERM. An error where it is gone already, does not end in time, or not with this exit code (143 is a
    /// JVM's that has stopped in order).
    pub(crate) fn stop(mut self, code: i32) -> Result<(), String> {
        if let Ok(Some(status)) = self.process.try_wait() {
            return Err(self.tell(&format!("it had ended: {status}")));
        }
        let begun = Instant::now();
        let signalled = Command::new("kill").arg(self.process.id().to_string()).status();
        if !signalled.is_ok_and(|status| status.success()) {
            return Err(self.tell("it cannot be told to stop"));
        }
        while begun.elapsed() < STOP_MAX {
            match self.process.try_wait() {
                Ok(Some(status)) if status.code() == Some(code) => return Ok(()),
                Ok(Some(status)) => return Err(self.tell(&format!("it ended with {status}"))),
                Ok(None) => std::thread::sleep(LOOK),
                Err(error) => return Err(error.to_string()),
            }
        }
        Err(self.tell(&format!("it did not stop within {STOP_MAX:?}")))
    }

    /// Ends it at once, by SIGKILL.
    pub(crate) fn kill(mut self) -> Result<(), String> {
        self.process.kill().and_then(|()| self.process.wait()).map(drop).map_err(|error| error.to_string())
    }

    /// What has happened, with what it said last.
    fn tell(&self, what: &str) -> String {
        let said = self.said();
        let lines: Vec<&str> = said.lines().collect();
        let last = lines.get(lines.len().saturating_sub(LAST_LINES)..).unwrap_or_default();
        format!("{}: {what}\n{}", self.kind.name(), last.join("\n"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A port of the loopback interface that nobody listens on.
fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    Ok(listener.local_addr().map_err(|error| error.to_string())?.port())
}

/// Sixteen random bytes in URL-safe base64, as `kafka-storage random-uuid` prints them.
fn cluster_id() -> Result<String, String> {
    let mut bytes = [0; 16];
    let mut source = std::fs::File::open("/dev/urandom").map_err(|error| error.to_string())?;
    source.read_exact(&mut bytes).map_err(|error| error.to_string())?;
    // An id that starts with a dash would read as an option.
    bytes[0] &= 0x7f;
    Ok(crate::wirediff::id_text(bytes))
}
