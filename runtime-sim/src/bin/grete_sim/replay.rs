//! `grete-sim replay`: one script again, with what happens written down.

use crate::source;
use core::time::Duration;
use grete_core::shard::Shard;
use grete_sim::clock::WorldTime;
use grete_sim::history::Operation;
use grete_sim::plan::Profile;
use grete_sim::run::Run;
use grete_sim::script::Script;
use std::path::Path;
use std::process::ExitCode;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The script: a file, or a seed.
    script: String,
    /// What goes wrong, where it is a seed.
    #[arg(long, default_value = "chaos", value_parser = source::profile)]
    profile: Profile,
    /// Ends at this moment, in microseconds.
    #[arg(long)]
    until: Option<u64>,
    /// Shows what is there at this moment, in microseconds, and nothing else.
    #[arg(long, conflicts_with = "until")]
    at: Option<u64>,
    /// Writes the script and nothing else.
    #[arg(long, conflicts_with_all = ["until", "at"])]
    only_script: bool,
}

pub(crate) fn replay(arguments: &Arguments) -> Result<ExitCode, String> {
    let script = match arguments.script.parse::<u64>() {
        Ok(seed) => source::of_seed(seed, arguments.profile),
        Err(_) => source::of_file(Path::new(&arguments.script))?,
    };
    if arguments.only_script {
        print!("{script}");
        return Ok(ExitCode::SUCCESS);
    }
    let mut run = Run::<Shard>::new(&script, |config| config).map_err(|error| error.to_string())?;
    if let Some(at) = arguments.at {
        run.play_until(WorldTime(at)).map_err(|violation| source::tell(&violation))?;
        print!("{}", run.state());
        return Ok(ExitCode::SUCCESS);
    }
    run.trace_on();
    if let Some(until) = arguments.until {
        let played = run.play_until(WorldTime(until));
        tell(&run, &script);
        played.map_err(|violation| source::tell(&violation))?;
        return Ok(ExitCode::SUCCESS);
    }
    let finished = run.finish(source::CHECKERS);
    tell(&finished.run, &script);
    println!("# hash {:016x}", finished.outcome.hash);
    match &finished.outcome.verdict {
        None => Ok(ExitCode::SUCCESS),
        Some(violation) => {
            println!("# {}", source::tell(violation));
            for id in &violation.operations {
                println!("# {}", operation(&script, &finished.run.history().operations()[id.0]));
            }
            Ok(ExitCode::FAILURE)
        }
    }
}

fn tell(run: &Run<Shard>, script: &Script) {
    print!("{}", run.trace_text());
    println!("# operations");
    for of in run.history().operations() {
        println!("{}", operation(script, of));
    }
}

fn operation(script: &Script, operation: &Operation) -> String {
    let name = script.clients.get(operation.client.0).map_or("auditor", |plan| &plan.name);
    let took = operation
        .ended
        .map_or(String::from("open"), |ended| format!("{:?}", Duration::from_micros(ended.0 - operation.began.0)));
    format!("{:>12} {name:<8} {:?} -> {:?} ({took})", operation.began.0, operation.what, operation.outcome)
}
