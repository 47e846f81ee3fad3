//! The broker under test: a process of its own on a free port, with a directory of its own.

use crate::shell::{cargo, root, run};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// How long the broker may take to serve, and to stop.
const PATIENCE: Duration = Duration::from_secs(30);

/// A broker that runs until this is dropped.
pub(super) struct Broker {
    process: Child,
    directory: PathBuf,
    port: u16,
    log: Receiver<String>,
}

/// Builds the broker's binary and says where it is.
pub(super) fn build(release: bool) -> Result<PathBuf, String> {
    let cargo = cargo();
    let profile: &[&str] = if release { &["--release"] } else { &[] };
    run(&cargo, &[&["build", "--quiet", "--package", "grete"], profile].concat())?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    Ok(target.join(if release { "release" } else { "debug" }).join("grete"))
}

impl Broker {
    /// Starts one with the defaults of somebody who has just got it, but that groups do not wait for more members before
    /// their first assignment: that is three seconds for each case.
    pub(super) fn start(binary: &Path) -> Result<Self, String> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("grete-interop-{}-{number}", std::process::id()));
        let mut command = Command::new(binary);
        command.arg("--set").arg(format!("log.dirs={}", directory.display()));
        command.args(["--set", "listeners=PLAINTEXT://localhost:0", "--set", "group.initial.rebalance.delay.ms=0"]);
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut process = process.map_err(|error| format!("{}: {error}", binary.display()))?;
        let (lines, log) = channel();
        if let Some(stderr) = process.stderr.take() {
            std::thread::spawn(move || {
                BufReader::new(stderr).lines().map_while(Result::ok).try_for_each(|line| lines.send(line))
            });
        }
        let mut said = Vec::new();
        let port = loop {
            let Ok(line) = log.recv_timeout(PATIENCE) else {
                let _ = process.kill();
                return Err(format!("the broker does not serve: {}", said.join(" | ")));
            };
            match port_of(&line) {
                Some(port) => break port,
                None => said.push(line),
            }
        };
        Ok(Self { process, directory, port, log })
    }

    /// Where clients connect.
    pub(super) fn address(&self) -> String {
        format!("localhost:{}", self.port)
    }

    /// Where its data are.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Stops it in order. It is an error where it is gone already, or does not end well: what it said last is told.
    pub(super) fn stop(mut self) -> Result<(), String> {
        let tell = |what: &str, log: &Receiver<String>| {
            let lines: Vec<String> = log.try_iter().collect();
            let last = lines.len().saturating_sub(20);
            format!("{what}\n{}", lines.get(last..).unwrap_or_default().join("\n"))
        };
        if let Ok(Some(status)) = self.process.try_wait() {
            return Err(tell(&format!("the broker had ended: {status}"), &self.log));
        }
        let signalled = Command::new("kill").arg(self.process.id().to_string()).status();
        if !signalled.is_ok_and(|status| status.success()) {
            return Err("the broker cannot be told to stop".to_owned());
        }
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            match self.process.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => return Err(tell(&format!("the broker ended with {status}"), &self.log)),
                Ok(None) => std::thread::sleep(Duration::from_millis(10)),
                Err(error) => return Err(error.to_string()),
            }
        }
        Err(tell("the broker does not stop", &self.log))
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// The port in the line that says that a broker serves.
fn port_of(line: &str) -> Option<u16> {
    let (_, rest) = line.split_once("serving on ")?;
    let address = rest.split([' ', ',']).next()?;
    address.rsplit_once(':')?.1.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::port_of;

    #[test]
    fn the_port_is_in_the_line_that_says_so() {
        assert_eq!(port_of("INFO grete: serving on 127.0.0.1:40123"), Some(40123));
        assert_eq!(port_of("INFO serving on [::1]:9092, 127.0.0.1:9092"), Some(9092));
        assert_eq!(port_of("INFO recovered 3 logs"), None);
    }
}
