//! Starts servers for comparisons and tests: Apache Kafka from Maven, and Grete.
//!
//! The jars go to `${XDG_CACHE_HOME:-~/.cache}/grete`, once for each version in `tests/kafka/pom.xml`. Servers listen on
//! the loopback interface, keep their data in a temporary directory, and end with the value that stands for them.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::wirediff::root;

/// How long a server may take to listen.
const START: Duration = Duration::from_secs(60);

/// Features that Grete does not finalise yet: Kafka is formatted without them.
const FEATURES_OFF: [&str; 4] = ["group.version", "share.version", "streams.version", "transaction.version"];

/// A server that runs as long as this value lives.
pub(crate) struct Server {
    process: Child,
    directory: PathBuf,
    ports: Ports,
}

/// Where a server listens.
#[derive(Clone, Copy)]
struct Ports {
    broker: u16,
    controller: u16,
}

impl Server {
    /// Formats and starts one node of Apache Kafka, broker and controller in one, with these properties beside those that
    /// every node here has.
    pub(crate) fn start_kafka(purpose: &str, properties: &str) -> Result<Server, String> {
        let libraries = install()?;
        let (directory, ports) = prepare(&format!("{purpose}-kafka"), properties)?;
        let properties = directory.join("server.properties");
        let java = || {
            let mut java = Command::new("java");
            java.arg("-cp")
                .arg(libraries.join("*"))
                .arg(format!("-Dlog4j2.configurationFile={}", directory.join("log4j2.yaml").display()));
            java.arg("-Xmx768m");
            java
        };
        let logging = "Configuration:\n  Appenders:\n    Console: {name: C, target: SYSTEM_ERR, PatternLayout: {pattern: \"%d %p %c{1} %m%n\"}}\n  Loggers:\n    Root: {level: INFO, AppenderRef: {ref: C}}\n";
        write(&directory.join("log4j2.yaml"), logging)?;
        let mut format = java();
        format.args(["kafka.tools.StorageTool", "format", "--standalone", "-t", &cluster_id()?, "-c"]).arg(&properties);
        for feature in FEATURES_OFF {
            format.args(["--feature", &format!("{feature}=0")]);
        }
        let output = format.output().map_err(|error| format!("java: {error}"))?;
        if !output.status.success() {
            return Err(format!("the format step failed: {}", String::from_utf8_lossy(&output.stderr)));
        }
        let mut command = java();
        command.arg("kafka.Kafka").arg(&properties);
        Server::start(command, directory, ports)
    }

    /// Starts one node of Grete with the same settings.
    pub(crate) fn start_grete(purpose: &str, binary: &Path, properties: &str) -> Result<Server, String> {
        let (directory, ports) = prepare(&format!("{purpose}-grete"), properties)?;
        let mut command = Command::new(binary);
        command.arg("--config").arg(directory.join("server.properties"));
        Server::start(command, directory, ports)
    }

    /// Where clients connect: `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.ports.broker)
    }

    /// Where its controller is reached.
    pub(crate) fn controller_address(&self) -> String {
        format!("127.0.0.1:{}", self.ports.controller)
    }

    /// What the process holds in memory, in KiB; the most that it ever held with `VmHWM`, what it holds now with `VmRSS`.
    pub(crate) fn memory_kib(&self, which: &str) -> Result<u64, String> {
        let path = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        let line = status.lines().find_map(|line| line.strip_prefix(which)?.strip_prefix(':'));
        let number = line.and_then(|line| line.split_whitespace().next()).and_then(|number| number.parse().ok());
        number.ok_or_else(|| format!("{path} has no {which}"))
    }

    fn start(mut command: Command, directory: PathBuf, ports: Ports) -> Result<Server, String> {
        let log = directory.join("out.log");
        let file = std::fs::File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        let errors = file.try_clone().map_err(|error| error.to_string())?;
        command.stdin(Stdio::null()).stdout(file).stderr(errors);
        let process =
            command.spawn().map_err(|error| format!("{}: {error}", command.get_program().to_string_lossy()))?;
        let mut server = Server { process, directory, ports };
        let start = Instant::now();
        while start.elapsed() < START {
            if TcpStream::connect(server.address()).is_ok() {
                return Ok(server);
            }
            if server.process.try_wait().is_ok_and(|status| status.is_some()) {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        let end: Vec<&str> = said.lines().rev().take(15).collect();
        Err(format!("the server did not start: {}", end.into_iter().rev().collect::<Vec<_>>().join("\n")))
    }
}

/// `cargo xtask kafka`
pub(crate) fn run_until_end_of_input() -> Result<(), String> {
    let server = Server::start_kafka("by-hand", SHORT_LIVED_TOPICS)?;
    println!("{} {}", server.address(), server.controller_address());
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).map_err(|error| error.to_string())?;
    Ok(())
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Small index files that are deleted soon let thousands of topics come and go within the limit of open files.
pub(crate) const SHORT_LIVED_TOPICS: &str = "log.index.size.max.bytes=65536\nlog.segment.delete.delay.ms=1000\n";

/// A directory with the properties of a node, and the ports that it will listen on.
fn prepare(name: &str, more: &str) -> Result<(PathBuf, Ports), String> {
    let directory = std::env::temp_dir().join(format!("grete-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let (broker, controller) = (free_port()?, free_port()?);
    let data = directory.join("data");
    let properties = format!(
        "process.roles=broker,controller\n\
         node.id=1\n\
         listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}\n\
         controller.listener.names=CONTROLLER\n\
         controller.quorum.bootstrap.servers=127.0.0.1:{controller}\n\
         log.dirs={}\n\
         offsets.topic.replication.factor=1\n\
         transaction.state.log.replication.factor=1\n\
         transaction.state.log.min.isr=1\n\
         share.coordinator.state.topic.replication.factor=1\n\
         share.coordinator.state.topic.min.isr=1\n\
         group.initial.rebalance.delay.ms=0\n\
         group.min.session.timeout.ms=100\n\
         {more}",
        data.display()
    );
    write(&directory.join("server.properties"), &properties)?;
    Ok((directory, Ports { broker, controller }))
}

/// A port of the loopback interface that nobody listens on.
pub(crate) fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    Ok(listener.local_addr().map_err(|error| error.to_string())?.port())
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
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

/// The directory of Kafka's jars; fetches them with Maven when they are not there.
pub(crate) fn install() -> Result<PathBuf, String> {
    let pom = root().join("tests/kafka/pom.xml");
    let text = std::fs::read_to_string(&pom).map_err(|error| format!("{}: {error}", pom.display()))?;
    let version = text
        .split("<kafka.version>")
        .nth(1)
        .and_then(|rest| rest.split('<').next())
        .ok_or("no kafka.version in the pom")?;
    let libraries = cache()?.join(format!("kafka-{version}"));
    if libraries.join("complete").exists() {
        return Ok(libraries);
    }
    let output = Command::new("mvn")
        .args(["-q", "-B", "-f"])
        .arg(&pom)
        .arg("dependency:copy-dependencies")
        .arg(format!("-DoutputDirectory={}", libraries.display()))
        .output()
        .map_err(|error| format!("mvn: {error}"))?;
    if !output.status.success() {
        return Err(format!("Maven could not fetch Apache Kafka: {}", String::from_utf8_lossy(&output.stdout)));
    }
    write(&libraries.join("complete"), "")?;
    Ok(libraries)
}

/// Where what is fetched is kept between runs.
pub(crate) fn cache() -> Result<PathBuf, String> {
    match (std::env::var_os("XDG_CACHE_HOME"), std::env::var_os("HOME")) {
        (Some(cache), _) => Ok(PathBuf::from(cache).join("grete")),
        (None, Some(home)) => Ok(PathBuf::from(home).join(".cache/grete")),
        (None, None) => Err("neither XDG_CACHE_HOME nor HOME is set".to_owned()),
    }
}
