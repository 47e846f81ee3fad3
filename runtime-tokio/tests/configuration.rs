//! The binary with configurations as people have them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// What Kafka's distribution and its container image start with.
const STOCK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/stock.properties");
const IMAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/image.properties");
/// Metadata, version 0, of all topics.
const METADATA: [u8; 18] = [0, 0, 0, 14, 0, 3, 0, 0, 0, 0, 0, 8, 0xff, 0xff, 0, 0, 0, 0];
/// How long an answer may take, on a busy machine.
const ANSWER_MAX: Duration = Duration::from_secs(60);

fn grete() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_grete"));
    // What this machine's environment says is not the test's.
    command.env_clear().stdin(Stdio::null());
    command
}

fn config(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    grete().arg("config").args(arguments).envs(environment.iter().copied()).output().expect("it runs")
}

/// A broker that ends with the test.
struct Broker {
    process: Child,
    directory: PathBuf,
    address: SocketAddr,
    /// What it has said so far, and goes on to say.
    said: Receiver<String>,
}

impl Broker {
    /// Starts one with these settings, in a directory of its own, and waits until it says where it listens.
    fn start(arguments: &[&str]) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("grete-configuration-{}-{number}", std::process::id()));
        let mut process = grete()
            .args(arguments)
            .arg("--set")
            .arg(format!("log.dirs={}", directory.display()))
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut said = String::new();
        let mut lines = BufReader::new(process.stderr.take().expect("piped")).lines();
        let address = lines.by_ref().map_while(Result::ok).find_map(|line| {
            said.push_str(&line);
            said.push('\n');
            line.split_whitespace().find_map(|word| word.trim_matches([',', '.']).parse().ok())
        });
        let address = address.unwrap_or_else(|| panic!("it does not serve:\n{said}"));
        // The pipe must not fill up.
        let (tell, said) = channel();
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(tell.send(line))));
        Self { process, directory, address, said }
    }

    /// Where its controller answers.
    fn controller(&self) -> SocketAddr {
        let lines = std::iter::from_fn(|| self.said.recv_timeout(ANSWER_MAX).ok());
        let address = lines.filter(|line| line.contains("the controller answers on "));
        address.filter_map(|line| line.rsplit(' ').next()?.parse().ok()).next().expect("it says where")
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(ANSWER_MAX)).expect("a timeout");
        stream
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Asks for the versions that are served; the error code, or `None` where the connection was closed.
fn ask(stream: &mut TcpStream) -> Option<i16> {
    // Length, key 18, version 0, correlation id 7, no client id.
    stream.write_all(&[0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff]).ok()?;
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut answer).ok()?;
    Some(i16::from_be_bytes([answer[4], answer[5]]))
}

#[test]
fn kafkas_own_files_start_a_broker() {
    for file in [STOCK, IMAGE] {
        let listeners = "listeners=PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:0";
        let broker = Broker::start(&["--config", file, "--set", listeners]);
        assert_eq!(ask(&mut broker.connect()), Some(0));
        let mut controller = TcpStream::connect(broker.controller()).expect("it listens");
        controller.set_read_timeout(Some(ANSWER_MAX)).expect("a timeout");
        assert_eq!(ask(&mut controller), Some(0));
        // Brokers answer that, controllers do not.
        controller.write_all(&METADATA).expect("sent");
        assert_eq!(controller.read(&mut [0]).ok(), Some(0), "it is closed");
    }
}

#[test]
fn the_broker_is_the_one_to_try_wherever_its_listener_stands() {
    let listeners = "listeners=CONTROLLER://127.0.0.1:0,PLAINTEXT://127.0.0.1:0";
    let broker = Broker::start(&["--set", listeners]);
    let controller = broker.controller();
    assert_ne!(broker.address, controller);
    let mut stream = broker.connect();
    stream.write_all(&METADATA).expect("sent");
    assert!(stream.read_exact(&mut [0; 4]).is_ok(), "Metadata is answered");
}

#[test]
fn the_configuration_in_force_is_printed() {
    let output = config(&["--config", STOCK, "--set", "num.partitions=3"], &[("KAFKA_LOG_RETENTION_HOURS", "5")]);
    let printed = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let line_before = |line: &str| {
        let pairs = printed.lines().zip(printed.lines().skip(1));
        pairs.filter(|(_, next)| *next == line).map(|(before, _)| before).next().unwrap_or_default()
    };
    assert!(line_before("num.partitions=3").starts_with("# command line: "));
    assert!(line_before("log.retention.hours=5").starts_with("# environment variable KAFKA_LOG_RETENTION_HOURS: "));
    assert!(line_before("node.id=1").contains("stock.properties:3: "));
    assert!(line_before("auto.create.topics.enable=true").starts_with("# default: "));
    assert!(printed.lines().count() > 400);
}

#[test]
fn what_stands_before_the_command_counts_as_well() {
    let file = ["--config", STOCK, "--set", "num.partitions=3"];
    let output = grete().args(file).args(["config", "--set", "log.retention.hours=5"]).output().expect("it runs");
    let printed = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for line in ["num.partitions=3", "log.retention.hours=5", "inter.broker.listener.name=PLAINTEXT"] {
        assert!(printed.lines().any(|printed| printed == line), "{line}");
    }
    let twice = ["--set", "num.partitions=3", "config", "--set", "num.partitions=4"];
    let output = grete().args(twice).output().expect("it runs");
    assert!(String::from_utf8_lossy(&output.stdout).contains("\nnum.partitions=4\n"), "the last one counts");
    let output = grete().args(["--config", STOCK, "config", "--config", IMAGE]).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && said.contains("multiple times"), "as on one side: {said}");
    let broker = Broker::start(&["--set", "listeners=PLAINTEXT://127.0.0.1:0", "--json", "start"]);
    assert_eq!(ask(&mut broker.connect()), Some(0));
}

#[test]
fn one_broker_says_that_it_keeps_one_replica() {
    for key in ["offsets.topic.replication.factor", "default.replication.factor"] {
        let output = config(&["--set", &format!("{key}=3")], &[]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && said.contains(&format!("{key} is 3")), "{said}");
        let output = config(&["--set", &format!("{key}=1")], &[]);
        assert!(!String::from_utf8_lossy(&output.stderr).contains(key), "nothing is to be said of one");
    }
}

#[test]
fn a_configuration_that_is_wrong_is_said_to_be() {
    for wrong in ["num.partition=3", "num.partitions=x", "max.connections.per.ip=-1", "node.id=-1"] {
        let output = config(&["--set", wrong], &[]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && said.contains(wrong.split('=').next().unwrap_or_default()),
            "{wrong}: {said}"
        );
    }
}

#[test]
fn connections_beyond_the_limit_wait_for_those_before_them() {
    let set = ["--set", "listeners=PLAINTEXT://127.0.0.1:0", "--set", "max.connections=3", "--set", "grete.shards=2"];
    let broker = Broker::start(&set);
    let mut there: Vec<TcpStream> = (0..3).map(|_| broker.connect()).collect();
    assert!(there.iter_mut().all(|stream| ask(stream) == Some(0)));
    let mut waiting = broker.connect();
    waiting.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout");
    assert_eq!(ask(&mut waiting), None, "there is no room, whichever shard's turn it is");
    drop(there.pop());
    waiting.set_read_timeout(Some(ANSWER_MAX)).expect("a timeout");
    let mut length = [0; 4];
    assert!(waiting.read_exact(&mut length).is_ok(), "what was asked meanwhile is answered");
}

#[test]
fn connections_that_are_idle_for_too_long_are_closed() {
    let listeners = ["--set", "listeners=PLAINTEXT://127.0.0.1:0"];
    let broker = Broker::start(&[&listeners[..], &["--set", "connections.max.idle.ms=100"]].concat());
    let mut idle = broker.connect();
    assert_eq!(ask(&mut idle), Some(0));
    assert_eq!(idle.read(&mut [0]).ok(), Some(0), "it is closed");
    let broker = Broker::start(&[&listeners[..], &["--set", "connections.max.idle.ms=-1"]].concat());
    let mut idle = broker.connect();
    idle.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout");
    assert!(idle.read(&mut [0]).is_err(), "nothing comes, and it is not closed");
    idle.set_read_timeout(Some(ANSWER_MAX)).expect("a timeout");
    assert_eq!(ask(&mut idle), Some(0));
}

#[test]
fn requests_larger_than_allowed_close_their_connection() {
    let set = ["--set", "listeners=PLAINTEXT://127.0.0.1:0", "--set", "socket.request.max.bytes=1000"];
    let broker = Broker::start(&set);
    let mut stream = broker.connect();
    assert_eq!(ask(&mut stream), Some(0));
    let mut frame = vec![0; 4 + 1001];
    frame[..4].copy_from_slice(&1001_u32.to_be_bytes());
    stream.write_all(&frame).expect("sent");
    assert!(matches!(stream.read(&mut [0]), Ok(0) | Err(_)), "it is closed");
    // A large one is refused by its length alone.
    let mut stream = broker.connect();
    stream.write_all(&[&100_000_u32.to_be_bytes()[..], &[0; 8]].concat()).expect("sent");
    assert!(matches!(stream.read(&mut [0]), Ok(0)), "it is closed");
}

#[test]
fn one_address_has_so_many_connections_and_no_more() {
    let set = ["--set", "listeners=PLAINTEXT://127.0.0.1:0", "--set", "grete.shards=2"];
    let limit = ["--set", "max.connections.per.ip=1", "--set", "max.connections.per.ip.overrides=127.0.0.1:2"];
    let broker = Broker::start(&[&set[..], &limit].concat());
    let mut there: Vec<TcpStream> = (0..2).map(|_| broker.connect()).collect();
    assert!(there.iter_mut().all(|stream| ask(stream) == Some(0)));
    assert_eq!(ask(&mut broker.connect()), None, "the third is closed");
    there.clear();
    // The broker learns of it a moment later.
    let answered = (0..600).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        ask(&mut broker.connect()) == Some(0)
    });
    assert!(answered, "there is room again");
}
