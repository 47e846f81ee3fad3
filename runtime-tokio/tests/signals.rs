//! What signals do to the binary.

use grete::signals::{SECOND_AFTER, Signals};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long a signal may take, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A broker that ends with the test.
struct Broker {
    process: Child,
    directory: PathBuf,
    said: Option<BufReader<ChildStderr>>,
}

impl Broker {
    /// Starts one that does this on SIGHUP as it begins (`SIG_DFL` or `SIG_IGN`), and waits until it serves.
    fn start(hangup: libc::sighandler_t) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("grete-signals-{}-{number}", std::process::id()));
        let mut command = Command::new(env!("CARGO_BIN_EXE_grete"));
        command.args(["--set", "listeners=PLAINTEXT://127.0.0.1:0", "--set"]);
        command.arg(format!("log.dirs={}", directory.display())).stdin(Stdio::null()).stderr(Stdio::piped());
        // SAFETY: `signal` may be called between fork and exec.
        unsafe {
            command.pre_exec(move || {
                libc::signal(libc::SIGHUP, hangup);
                Ok(())
            });
        }
        let mut process = command.spawn().expect("it starts");
        let mut said = BufReader::new(process.stderr.take().expect("piped"));
        let mut line = String::new();
        while !line.contains("serving on") {
            line.clear();
            assert!(said.read_line(&mut line).is_ok_and(|read| read > 0), "it serves");
        }
        Self { process, directory, said: Some(said) }
    }

    fn signal(&self, name: &str) {
        signal(self.process.id(), name);
    }

    /// Waits until it has ended: its exit code, and what it has said.
    fn end(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        if let Some(said) = &mut self.said {
            said.read_to_string(&mut rest).expect("text");
        }
        (self.process.wait().expect("it ends").code(), rest)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn signal(process: u32, name: &str) {
    let status = Command::new("kill").args([format!("-{name}"), process.to_string()]).status().expect("kill runs");
    assert!(status.success(), "the signal is sent");
}

#[test]
fn each_signal_that_asks_for_it_stops_the_broker_in_order() {
    for name in ["TERM", "INT", "HUP"] {
        let broker = Broker::start(libc::SIG_DFL);
        broker.signal(name);
        let (code, said) = broker.end();
        assert!(code == Some(0) && said.contains("everything is on disk"), "{name}: {code:?}, {said}");
    }
}

#[test]
fn two_signals_at_once_are_one() {
    let broker = Broker::start(libc::SIG_DFL);
    // Both are there when it goes on.
    for name in ["STOP", "TERM", "INT", "CONT"] {
        broker.signal(name);
    }
    let (code, said) = broker.end();
    assert!(code == Some(0) && said.contains("everything is on disk"), "{code:?}, {said}");
}

#[test]
fn a_second_signal_is_one_that_comes_a_while_after_the_first() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("an event loop");
    runtime.block_on(async {
        let mut signals = Signals::listen().expect("signals");
        let me = std::process::id();
        signal(me, "TERM");
        signals.next().await;
        signal(me, "TERM");
        signal(me, "INT");
        let now = Instant::now();
        let early = signals.second(now + PATIENCE);
        assert!(tokio::time::timeout(Duration::from_millis(100), early).await.is_err(), "it is the first again");
        signal(me, "INT");
        let late = signals.second(now.checked_sub(SECOND_AFTER).expect("the machine runs for longer"));
        assert!(tokio::time::timeout(PATIENCE, late).await.is_ok(), "it counts");
    });
}

#[test]
fn a_log_that_nobody_takes_any_more_keeps_no_broker_from_stopping_in_order() {
    let mut broker = Broker::start(libc::SIG_DFL);
    drop(broker.said.take());
    broker.signal("HUP");
    assert_eq!(broker.end().0, Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn a_hangup_that_was_to_be_ignored_is() {
    let ignores = |hangup| {
        let broker = Broker::start(hangup);
        let status = std::fs::read_to_string(format!("/proc/{}/status", broker.process.id())).expect("it runs");
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).expect("proc(5)");
        let ignored = u64::from_str_radix(ignored.trim(), 16).expect("a set of signals");
        broker.signal("TERM");
        assert_eq!(broker.end().0, Some(0));
        // SIGHUP is the first one.
        ignored & 1 == 1
    };
    assert!(ignores(libc::SIG_IGN), "nohup starts it so");
    assert!(!ignores(libc::SIG_DFL));
}
