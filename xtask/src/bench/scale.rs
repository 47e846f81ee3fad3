//! Many partitions, many connections, much data: what does not show in a rate.

use super::load::Load;
use super::{Contender, Note};
use crate::server::Server;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// The topic with many partitions.
const TOPIC: &str = "many";

/// Its partitions.
const PARTITIONS: &str = "2000";

/// What is written to them before the process is killed, in bytes.
const BYTES: u64 = 5_000_000_000;

/// How often one client is measured alone and beside others.
const TURNS: usize = 3;

/// Connections that do nothing.
const CONNECTIONS: &str = "2000";

/// Creates many partitions, fills them, kills the process and starts it again: how long each takes, and what it holds.
pub(super) fn partitions(contender: Contender, load: &Load, note: &mut Note<'_>) -> Result<(), String> {
    let server = contender.start()?;
    let node = server.node_shared();
    let address = node.address();
    note("creating 2,000 partitions, ms", number(&load.probe(&["create", &address, TOPIC, PARTITIONS])?)?);
    note("resident with 2,000 partitions, MiB", mebibytes(&server, "VmRSS")?);
    load.probe(&["fill", &address, TOPIC, &(BYTES / load.divide()).to_string()])?;
    note("resident after filling them, MiB", mebibytes(&server, "VmRSS")?);
    server.kill()?;
    let begun = Instant::now();
    let probe = load.probe_command(&["last", &address, TOPIC]).stdout(Stdio::piped()).spawn();
    let probe = probe.map_err(|error| format!("probe: {error}"))?;
    let server = contender.restart(&node)?;
    let output = probe.wait_with_output().map_err(|error| format!("probe: {error}"))?;
    if !output.status.success() {
        return Err("the last records were not all fetched".to_owned());
    }
    note("from kill -9 to the last record of each, ms", begun.elapsed().as_secs_f64() * 1e3);
    note("resident after that, MiB", mebibytes(&server, "VmRSS")?);
    Ok(())
}

/// One client at work, alone and beside many connections that are idle.
pub(super) fn idle(contender: Contender, load: &Load, note: &mut Note<'_>) -> Result<(), String> {
    let server = contender.start()?;
    let address = server.node().address();
    // The first run pays for what is made once: the topic, and what the broker compiles.
    load.produce(&address, "work", 1024, 1_000_000, &[])?;
    // In turn, since a disk that has much to write back makes later runs slower than earlier ones.
    for _ in 0..TURNS {
        note("produce 1 KiB alone, records/s", load.produce(&address, "work", 1024, 2_000_000, &[])?);
        let connections = Idle::open(load, &address)?;
        note("beside 2,000 idle connections, records/s", load.produce(&address, "work", 1024, 2_000_000, &[])?);
        note("resident with 2,000 connections, MiB", mebibytes(&server, "VmRSS")?);
        drop(connections);
    }
    Ok(())
}

/// Ten gigabytes in and out.
pub(super) fn memory(contender: Contender, load: &Load, note: &mut Note<'_>) -> Result<(), String> {
    let server = contender.start()?;
    let address = server.node().address();
    load.produce(&address, "ten", 1024, 10_000_000, &[])?;
    for partition in 0..6 {
        load.consume(&address, "ten", partition)?;
    }
    note("resident after 10 GB in and out, MiB", mebibytes(&server, "VmRSS")?);
    note("the most that it ever held, MiB", mebibytes(&server, "VmHWM")?);
    Ok(())
}

/// Connections that are kept open as long as this lives.
struct Idle(Child);

impl Idle {
    fn open(load: &Load, address: &str) -> Result<Self, String> {
        let probe = load.probe_command(&["idle", address, CONNECTIONS]);
        // Each connection is an open file, and the usual limit is lower.
        let mut shell = Command::new("sh");
        shell.args(["-c", "ulimit -n 8192 && exec \"$0\" \"$@\""]).arg(probe.get_program()).args(probe.get_args());
        let child = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut idle = Self(child.map_err(|error| format!("sh: {error}"))?);
        let mut said = String::new();
        let output = idle.0.stdout.take().ok_or("no output")?;
        BufReader::new(output).read_line(&mut said).map_err(|error| error.to_string())?;
        if said.trim() == "open" { Ok(idle) } else { Err("the idle connections could not be opened".to_owned()) }
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

fn mebibytes(server: &Server, which: &str) -> Result<f64, String> {
    Ok(server.memory_kib(which)? as f64 / 1024.0)
}

fn number(said: &str) -> Result<f64, String> {
    said.trim().parse().map_err(|_| format!("the probe said no number: {said}"))
}
