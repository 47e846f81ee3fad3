//! The signals that stop a node in order: SIGTERM, SIGINT, and SIGHUP, which comes as a terminal goes.

use std::future::pending;
use std::io;
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// From this time after the first signal on, another one is a second one. Some send one signal several times: GNU `timeout` to
/// its child and, milliseconds later, to the whole group of processes, as do terminals and what supervises processes.
pub const SECOND_AFTER: Duration = Duration::from_secs(1);

/// The signals of this process.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// `None` where it is to be ignored.
    hangup: Option<Signal>,
}

impl Signals {
    /// Takes the signals from now on, for as long as the process lives.
    ///
    /// # Errors
    /// Where the system refuses it.
    pub fn listen() -> io::Result<Self> {
        // `nohup` starts a process so: it is to outlive its terminal.
        let hangup = if is_ignored(libc::SIGHUP) { None } else { Some(signal(SignalKind::hangup())?) };
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())?, hangup })
    }

    /// Waits for one.
    pub async fn next(&mut self) {
        let Self { terminate, interrupt, hangup } = self;
        let hangup = async {
            match hangup {
                Some(hangup) => hangup.recv().await,
                None => pending().await,
            }
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup => {}
        }
    }

    /// Waits for one that is not the first again, which came at `first`.
    pub async fn second(&mut self, first: Instant) {
        loop {
            self.next().await;
            if first.elapsed() >= SECOND_AFTER {
                return;
            }
        }
    }
}

/// Whether this process ignores a signal.
fn is_ignored(number: libc::c_int) -> bool {
    // SAFETY: without a new action, `sigaction` only writes the present one to a place of ours, where all zeroes are one, too.
    let action = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(number, std::ptr::null(), &raw mut action);
        action
    };
    action.sa_sigaction == libc::SIG_IGN
}
