//! The project's own tasks: `cargo xtask TASK`.

mod bench;
mod codegen;
mod fuzz;
mod interop;
mod kafka;
mod mutants;
mod server;
mod shell;
mod test;
mod tidy;
mod timeline;
mod wirediff;

use std::process::ExitCode;

use clap::Parser;

/// The project's own tasks
#[derive(Parser)]
#[command(name = "cargo xtask")]
enum Task {
    /// Generate the codec of all messages from Kafka's definitions
    Codegen(codegen::Arguments),
    /// Runs one node of Apache Kafka, as the comparison uses it, until standard input ends
    Kafka,
    Wirediff(wirediff::Args),
    Interop(interop::Arguments),
    Fuzz(fuzz::Arguments),
    Bench(bench::Arguments),
    Mutants(mutants::Arguments),
    Timeline(timeline::Arguments),
    /// Runs every test
    Test,
    /// Checks the rules of the house that a machine can check
    Tidy,
}

fn main() -> ExitCode {
    let result = match Task::parse() {
        Task::Codegen(arguments) => codegen::run(&arguments).map_err(|error| format!("{error:#}")),
        Task::Kafka => wirediff::kafka_until_end_of_input(),
        Task::Wirediff(args) => wirediff::run(&args),
        Task::Interop(arguments) => interop::run(&arguments),
        Task::Fuzz(arguments) => fuzz::run(&arguments),
        Task::Bench(arguments) => bench::run(&arguments),
        Task::Mutants(arguments) => mutants::run(&arguments),
        Task::Timeline(arguments) => timeline::run(&arguments),
        Task::Test => test::all(),
        Task::Tidy => tidy::run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
