//! The `grete` broker.

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
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
    /// Sets one key; counts more than file and environment
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Logs as JSON, one object a line
    #[arg(long)]
    json: bool,
}

impl Start {
    /// What stands before a command, with what stands behind it.
    fn and(self, behind: Self) -> Self {
        if self.config.is_some() && behind.config.is_some() {
            // As where both stand on the same side.
            let text = "the argument '--config <FILE>' cannot be used multiple times";
            Arguments::command().error(ErrorKind::ArgumentConflict, text).exit();
        }
        Self {
            config: self.config.or(behind.config),
            set: self.set.into_iter().chain(behind.set).collect(),
            json: self.json || behind.json,
        }
    }
}

fn main() -> ExitCode {
    memory::give_back_large_blocks();
    let arguments = Arguments::parse();
    let (behind, only_print) = match arguments.command {
        None => (Start::default(), false),
        Some(Command::Start(start)) => (start, false),
        Some(Command::Config(start)) => (start, true),
    };
    let start = arguments.start.and(behind);
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
    // Where nobody takes the log any more, saying so would panic: a terminal that is gone ends no broker.
    let log = log.with_writer(std::io::stderr).log_internal_errors(false);
    if json { log.json().init() } else { log.init() }
}
