//! The `grete` broker.

use clap::{Parser, Subcommand};
use grete::{broker, memory, settings};
use std::path::PathBuf;
use std::process::ExitCode;

/// A Kafka-compatible broker.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    start: Start,
}

#[derive(Subcommand)]
enum Command {
    /// Starts a broker (what happens without a command as well)
    Start(Start),
    /// Prints the configuration in force: every key with its value, where that comes from, and what it means
    Config(Start),
}

/// What a broker is configured with.
#[derive(clap::Args, Clone, Debug, Default)]
struct Start {
    /// A file of Kafka's properties, such as server.properties
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Sets one key, before anything else
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Logs as JSON, one object a line
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    memory::give_back_large_blocks();
    let arguments = Arguments::parse();
    let (start, only_print) = match arguments.command {
        None => (arguments.start, false),
        Some(Command::Start(start)) => (start, false),
        Some(Command::Config(start)) => (start, true),
    };
    log_to_stderr(start.json);
    let settings = match settings::load(start.config.as_deref(), &start.set) {
        Ok(settings) => settings,
        Err(error) => return fail(&error),
    };
    if only_print {
        use std::io::Write as _;
        // Whoever reads it may have read enough.
        let _ = std::io::stdout().write_all(settings.in_force().as_bytes());
        return match settings.resolve() {
            Ok(_) => ExitCode::SUCCESS,
            Err(error) => fail(&error),
        };
    }
    match settings.resolve().and_then(broker::run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

/// One sentence, and exit code 1.
fn fail(error: &dyn std::fmt::Display) -> ExitCode {
    tracing::error!("{error}");
    ExitCode::FAILURE
}

fn log_to_stderr(json: bool) {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_env("GRETE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_target(false);
    let log = log.with_writer(std::io::stderr);
    if json { log.json().init() } else { log.init() }
}
