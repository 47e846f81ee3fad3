//! `grete-sim`: runs of the broker in a simulated world, from scripts and from seeds.

mod diff;
mod hunt;
mod minimise;
mod output;
mod replay;
mod run;
mod source;
mod speed;
mod timeline;
mod zoo;

use clap::{Parser, Subcommand};
use mimalloc::MiMalloc;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

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
    /// Builds bugs into the broker, one at a time, and looks for them.
    Zoo(zoo::Arguments),
    /// Runs seeds and tells all that any checker finds, one line for each seed.
    Hunt(hunt::Arguments),
    /// Leaves out of a script that fails all that it does not need to fail.
    Minimise(minimise::Arguments),
    /// Draws what happens in a script as a page for a browser.
    Timeline(timeline::Arguments),
    /// Runs one script in two builds and shows where they first differ.
    Diff(diff::Arguments),
    /// Measures how fast the simulated world is.
    Speed(speed::Arguments),
}

fn main() -> ExitCode {
    output::exit(match Arguments::parse().command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Replay(arguments) => replay::replay(&arguments),
        Command::Zoo(arguments) => zoo::zoo(&arguments).map_err(output::Stopped::from),
        Command::Hunt(arguments) => hunt::hunt(&arguments).map_err(output::Stopped::from),
        Command::Minimise(arguments) => minimise::minimise(&arguments),
        Command::Timeline(arguments) => timeline::timeline(&arguments),
        Command::Diff(arguments) => diff::diff(&arguments),
        Command::Speed(arguments) => speed::speed(&arguments).map_err(output::Stopped::from),
    })
}
