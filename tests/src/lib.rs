//! The real binary as a process of its own, for tests against real clients.

pub mod clients;

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// How long a broker may take to say that it serves, on a machine that is busy.
const START_MAX: Duration = Duration::from_secs(30);

/// A broker that runs until this is dropped.
pub struct Broker {
    process: Child,
    port: u16,
    dir: PathBuf,
    log: Receiver<String>,
}

/// A directory of one's own, which is removed with this.
pub struct Scratch(PathBuf);

impl Scratch {
    /// A new empty directory.
    pub fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("grete-test-{}-{number}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary directory can be made");
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Broker {
    /// Starts a broker on a free port with its data in `dir`, and waits until it serves.
    pub fn start(dir: &Path, settings: &[&str]) -> Self {
        let mut command = command(dir, settings);
        let mut process = command.stderr(Stdio::piped()).spawn().expect("the broker's binary starts");
        let stderr = process.stderr.take().expect("its log is ours");
        let (lines, log) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if lines.send(line).is_err() {
                    return;
                }
            }
        });
        let port = loop {
            match log.recv_timeout(START_MAX) {
                Ok(line) => {
                    if let Some(port) = port_of(&line) {
                        break port;
                    }
                }
                Err(_) => panic!("the broker does not serve: {:?}", process.wait()),
            }
        };
        Self { process, port, dir: dir.to_path_buf(), log }
    }

    /// Starts a broker that does not come to serve, and gives its exit code and what it has said.
    pub fn refused(dir: &Path, settings: &[&str]) -> (Option<i32>, Vec<String>) {
        let output = command(dir, settings).stderr(Stdio::piped()).output().expect("the broker's binary starts");
        let said = String::from_utf8_lossy(&output.stderr);
        (output.status.code(), said.lines().map(str::to_owned).collect())
    }

    /// What clients connect to.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Where its data are.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Kills it as `kill -9` does, and waits until it is gone.
    pub fn kill(mut self) {
        self.process.kill().expect("it can be killed");
        self.process.wait().expect("it is gone");
    }

    /// Asks it to stop in order, by SIGTERM.
    pub fn terminate(&self) {
        let status = Command::new("kill").arg(self.process.id().to_string()).status().expect("kill runs");
        assert!(status.success(), "the signal is sent");
    }

    /// Stops it in order, and gives its exit code.
    pub fn stop(mut self) -> Option<i32> {
        self.terminate();
        self.process.wait().expect("it is gone").code()
    }

    /// What it has said since it was asked last.
    pub fn log(&self) -> Vec<String> {
        self.log.try_iter().collect()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn command(dir: &Path, settings: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.arg("--set").arg(format!("log.dirs={}", dir.display()));
    command.args(["--set", "listeners=PLAINTEXT://127.0.0.1:0"]);
    command.args(["--set", "group.initial.rebalance.delay.ms=0"]);
    for setting in settings {
        command.args(["--set", setting]);
    }
    command
}

/// A port that nobody listens on now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback interface has a port");
    listener.local_addr().expect("it has an address").port()
}

/// The broker's binary, which `cargo xtask test` has built beside the tests.
fn binary() -> PathBuf {
    let this = std::env::current_exe().expect("a test has a path");
    let profile = this.parent().and_then(Path::parent).expect("a test lies in deps");
    let binary = profile.join("grete");
    assert!(binary.exists(), "{} is missing: run `cargo xtask test`", binary.display());
    binary
}

/// The port in the line that says that a broker serves.
fn port_of(line: &str) -> Option<u16> {
    let (_, rest) = line.split_once("serving on 127.0.0.1:")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}
