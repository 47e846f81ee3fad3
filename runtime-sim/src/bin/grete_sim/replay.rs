//! `grete-sim replay`: one script again, with what happens written down.

use crate::output::Done;
use crate::source::{self, Choice, Task};
use grete_sim::checker::{Checker, Violation};
use grete_sim::clock::WorldTime;
use grete_sim::edn;
use grete_sim::history::ClientIndex;
use grete_sim::machine::Machine;
use grete_sim::node::NodeIndex;
use grete_sim::run::{Moment, Run};
use grete_sim::script::{self, Script};
use grete_sim::trace::{LEGEND, Place, tell_id, tell_outcome, tell_values, tell_what};
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The script: a file, or a seed.
    script: String,
    #[command(flatten)]
    choice: Choice,
    /// Ends at this moment: 1.25s.
    #[arg(long, value_name = "TIME", value_parser = script::moment)]
    until: Option<WorldTime>,
    /// Shows what is there right after this event, by its number in the replay, or at this moment: 1.25s.
    #[arg(long, value_name = "EVENT|TIME", value_parser = moment, conflicts_with = "until")]
    at: Option<Moment>,
    /// Shows only what happens to this node (n0) or client; may be given several times.
    #[arg(long, value_name = "NODE|CLIENT")]
    only: Vec<String>,
    /// Writes the history of the clients in the form that jepsen.tests.kafka reads.
    #[arg(long, value_name = "FILE")]
    edn: Option<PathBuf>,
    /// Writes the script and nothing else.
    #[arg(long, conflicts_with_all = ["until", "at", "only", "edn"])]
    only_script: bool,
}

fn moment(word: &str) -> Result<Moment, String> {
    word.parse().map(Moment::Event).or_else(|_| script::moment(word).map(Moment::Time))
}

pub(crate) fn replay(arguments: &Arguments) -> Done {
    let script = arguments.choice.of_name(&arguments.script)?;
    if arguments.only_script {
        write!(io::stdout().lock(), "{script}")?;
        return Ok(ExitCode::SUCCESS);
    }
    let only = arguments.only.iter().map(|name| place(&script, name)).collect::<Result<Vec<Place>, String>>()?;
    arguments.choice.task(&script, Replay { arguments, only })?
}

fn place(script: &Arc<Script>, name: &str) -> Result<Place, String> {
    let client = script.clients.iter().position(|plan| &*plan.name == name);
    let node = name.strip_prefix('n').and_then(|number| number.parse().ok()).filter(|node| *node < script.nodes.len());
    let place = client.map(|client| Place::Client(ClientIndex(client))).or(node.map(NodeIndex).map(Place::Node));
    place.ok_or_else(|| format!("the script has no node and no client {name}"))
}

struct Replay<'a> {
    arguments: &'a Arguments,
    only: Vec<Place>,
}

impl Task for Replay<'_> {
    type Result = Done;

    fn with<M: Machine>(self, mut run: Run<M>, checkers: &[Checker]) -> Done {
        let arguments = self.arguments;
        let mut out = BufWriter::new(io::stdout().lock());
        match arguments.at {
            Some(moment) => run.trace_until(moment),
            None => run.trace_on(),
        }
        let finished = run.finish(checkers);
        let run = &finished.run;
        if let Some(path) = &arguments.edn {
            fs::write(path, edn::history(run.history()))?;
        }
        if arguments.at.is_some() {
            let state = run.state_then().map_or_else(|| run.state(), ToOwned::to_owned);
            out.write_all(state.as_bytes())?;
            out.flush()?;
            return Ok(ExitCode::SUCCESS);
        }
        self.tell(&mut out, run)?;
        if arguments.until.is_some() {
            out.flush()?;
            return Ok(ExitCode::SUCCESS);
        }
        writeln!(out, "# hash {:016x}", finished.outcome.hash)?;
        if let Some(violation) = &finished.outcome.verdict {
            accuse(&mut out, run, violation)?;
        }
        out.flush()?;
        Ok(if finished.outcome.verdict.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

impl Replay<'_> {
    fn tell<M: Machine>(&self, out: &mut impl Write, run: &Run<M>) -> io::Result<()> {
        out.write_all(LEGEND.as_bytes())?;
        let name = |client| run.client_name(client);
        let entries = run.trace().map_or(&[][..], |trace| trace.entries()).iter().enumerate();
        let until = self.arguments.until.unwrap_or(WorldTime(u64::MAX));
        entries
            .take_while(|(_, entry)| entry.at <= until)
            .filter(|(_, entry)| self.only.is_empty() || self.only.iter().any(|place| entry.is_about(*place)))
            .try_for_each(|(number, entry)| writeln!(out, "{}", entry.line(number, &name)))
    }
}

fn accuse<M: Machine>(out: &mut impl Write, run: &Run<M>, violation: &Violation) -> io::Result<()> {
    let name = |client| run.client_name(client);
    writeln!(out, "# {}", tell_values(&source::tell(violation), &name))?;
    if let Some(promise) = source::promise(violation.checker) {
        writeln!(out, "#   expected: {promise}")?;
    }
    for id in &violation.operations {
        let operation = &run.history().operations()[id.0];
        let (what, outcome) = (tell_what(&operation.what, &name), tell_outcome(&operation.outcome, &name));
        let began = operation.began.0;
        let (seconds, micros, client) = (began / 1_000_000, began % 1_000_000, name(operation.client));
        writeln!(out, "#   {} at {seconds}.{micros:06} s {client} {what} -> {outcome}", tell_id(*id))?;
    }
    Ok(())
}
