//! `grete-sim`: runs of the broker in a simulated world, from scripts and from seeds.

mod replay;
mod run;
mod source;
mod speed;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Runs the broker in a simulated world, many thousand times, and finds what goes wrong.
#[derive(Parser)]
#[command(name = "grete-sim", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs scripts: one from a file, that of a seed, or those of many seeds.
    Run(run::Arguments),
    /// Runs one script again and writes down what happens.
    Replay(replay::Arguments),
    /// Measures how fast the simulated world is.
    Speed(speed::Arguments),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Replay(arguments) => replay::replay(&arguments),
        Command::Speed(arguments) => speed::speed(&arguments),
    };
    done.unwrap_or_else(|what| {
        eprintln!("{what}");
        ExitCode::from(2)
    })
}
