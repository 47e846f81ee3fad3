//! `cargo xtask interop`: the real broker against the real clients that people use, and against Kafka's own tools.
//!
//! A client's file says how it is installed and started; its program, below `tests/interop/`, has the cases. Each program
//! speaks the same protocol with this task: it is started with the broker's address and the names of the cases to run (none
//! for all of them), and prints a line for each case (see [`report`]). What people use from the command line (kcat, Kafka's
//! tools) has its cases here.

mod aiokafka;
mod confluent;
mod files;
mod franz;
mod go;
mod java;
mod kafka_python;
mod kafkajs;
mod kcat;
mod program;
mod python;
mod rdkafka;
mod report;
mod sarama;
mod tools;

use crate::server::{Node, Server};
use crate::shell::{cargo, root, run as run_program};
use report::Report;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Runs the broker against clients: all of them, or those that are named
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The clients
    clients: Vec<String>,
    /// Runs one case of each client only
    #[arg(long)]
    quick: bool,
    /// Runs the cases of these names only
    #[arg(long = "case", value_name = "NAME")]
    cases: Vec<String>,
    /// Builds and runs the broker optimised
    #[arg(long)]
    release: bool,
    /// Does not start a broker: talks to the one at this address, such as Apache Kafka's
    #[arg(long, value_name = "HOST:PORT")]
    against: Option<String>,
}

/// A client: how to get it, and what it is tried with.
struct Client {
    name: &'static str,
    /// The case that `--quick` runs.
    quick: &'static str,
    kind: Kind,
}

/// Where the cases of a client are.
enum Kind {
    /// In a program. Installs what that needs below the given directory, and says how it is started.
    Program(fn(&Path) -> Result<program::Start, String>),
    /// Here. Installs what they need and says where that is.
    Here(fn(&Path) -> Result<PathBuf, String>, &'static [Case]),
}

/// A case that stands here.
struct Case {
    name: &'static str,
    run: fn(&Context<'_>) -> Result<(), String>,
}

/// What such a case has at hand.
struct Context<'a> {
    /// What the client's installation gave.
    installed: &'a Path,
    /// `host:port` of the broker.
    address: &'a str,
    /// The broker, where this task has started it.
    broker: Option<&'a Server>,
    /// Grete's binary.
    binary: &'a Path,
}

const CLIENTS: [&Client; 11] = [
    &kafka_python::CLIENT,
    &confluent::CLIENT,
    &aiokafka::CLIENT,
    &rdkafka::CLIENT,
    &franz::CLIENT,
    &sarama::CLIENT,
    &kafkajs::CLIENT,
    &java::CLIENT,
    &kcat::CLIENT,
    &tools::CLIENT,
    &files::CLIENT,
];

pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    let begun = Instant::now();
    let chosen = choose(&arguments.clients)?;
    let cache = crate::kafka::cache()?.join("interop");
    std::fs::create_dir_all(&cache).map_err(|error| format!("{}: {error}", cache.display()))?;
    let binary = build(arguments.release)?;
    let mut report = Report::default();
    // Installing waits for networks and disks: one does while the others do.
    std::thread::scope(|scope| {
        let installs: Vec<_> = chosen.iter().map(|client| scope.spawn(|| install(client, &cache))).collect();
        for (client, installing) in chosen.iter().zip(installs) {
            let installed = installing.join().unwrap_or_else(|_| Err("the installation has panicked".to_owned()));
            match installed {
                Ok(installed) => exercise(client, &installed, arguments, &binary, &mut report),
                Err(why) => report.failed(client.name, "installation", 0.0, &why),
            }
        }
    });
    report.finish(begun.elapsed())
}

/// Builds the broker's binary and says where it is.
fn build(release: bool) -> Result<PathBuf, String> {
    let profile: &[&str] = if release { &["--release"] } else { &[] };
    run_program(&cargo(), &[&["build", "--quiet", "--package", "grete"], profile].concat())?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    Ok(target.join(if release { "release" } else { "debug" }).join("grete"))
}

/// Starts a broker, for one client.
fn start(binary: &Path) -> Result<Server, String> {
    Server::grete(&Arc::new(Node::new("interop", "localhost", "")?), binary)
}

fn choose(names: &[String]) -> Result<Vec<&'static Client>, String> {
    if names.is_empty() {
        return Ok(CLIENTS.to_vec());
    }
    let find = |name: &String| {
        let known = || CLIENTS.map(|client| client.name).join(", ");
        CLIENTS.into_iter().find(|client| client.name == name).ok_or_else(|| format!("{name} is none of {}", known()))
    };
    names.iter().map(find).collect()
}

/// What an installation has given.
enum Installed {
    Program(program::Start),
    Here(PathBuf, &'static [Case]),
}

fn install(client: &Client, cache: &Path) -> Result<Installed, String> {
    match client.kind {
        Kind::Program(prepare) => prepare(cache).map(Installed::Program),
        Kind::Here(prepare, cases) => prepare(cache).map(|path| Installed::Here(path, cases)),
    }
}

fn exercise(client: &Client, installed: &Installed, arguments: &Arguments, binary: &Path, report: &mut Report) {
    let broker = match &arguments.against {
        Some(_) => None,
        None => match start(binary) {
            Ok(broker) => Some(broker),
            Err(why) => return report.failed(client.name, "start of the broker", 0.0, &why),
        },
    };
    let address = broker.as_ref().map(|broker| broker.node().address());
    let address = address.or_else(|| arguments.against.clone()).unwrap_or_default();
    let quick = [client.quick.to_owned()];
    let wanted: &[String] = if arguments.quick { &quick } else { &arguments.cases };
    match installed {
        Installed::Program(start) => start.run(client.name, &address, wanted, report),
        Installed::Here(path, cases) => {
            let context = Context { installed: path, address: &address, broker: broker.as_ref(), binary };
            let is_wanted = |case: &&Case| wanted.is_empty() || wanted.iter().any(|name| name == case.name);
            for case in cases.iter().filter(is_wanted) {
                let begun = Instant::now();
                let result = (case.run)(&context);
                let seconds = begun.elapsed().as_secs_f64();
                match result {
                    Ok(()) => report.passed(client.name, case.name, seconds),
                    Err(why) => report.failed(client.name, case.name, seconds, &why),
                }
            }
        }
    }
    if let Some(broker) = broker {
        let ended = broker.stop(0);
        if let Err(why) = ended {
            report.failed(client.name, "end of the broker", 0.0, &why);
        }
    }
}
