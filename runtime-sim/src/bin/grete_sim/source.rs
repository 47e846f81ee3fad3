//! Where scripts come from, which broker runs them, and what of it is checked.

use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser as _;
use grete_core::shard::Shard;
use grete_sim::actor::wire::{ANSWER_ORDER, ANSWERED};
use grete_sim::checker::{self, Checker, Violation};
use grete_sim::machine::Machine;
use grete_sim::mutant::{Bug, Mutant};
use grete_sim::plan::{self, Profile};
use grete_sim::run::{INVARIANT, KINDS, Outcome, PROGRESS, Run, kind_of, kind_of_act};
use grete_sim::script::{Act, Script};
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// What all commands can be told about the scripts that they run.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Choice {
    /// What goes wrong, where a seed makes the script.
    #[arg(long, default_value = "chaos", value_parser = profile)]
    pub(crate) profile: Profile,
    /// Leaves out a kind of fault; may be given several times.
    #[arg(long, value_name = "KIND", value_parser = PossibleValuesParser::new(KINDS.iter().map(|kind| kind.name)))]
    pub(crate) without_fault: Vec<String>,
    /// Leaves out a checker; may be given several times.
    #[arg(long, value_name = "NAME")]
    pub(crate) without_checker: Vec<String>,
    /// The broker that runs it: Grete, or one that is wrong on purpose (early-answer, early-checkpoint).
    #[arg(long, default_value = "grete", value_parser = broker())]
    pub(crate) broker: Broker,
}

/// A broker that can be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broker {
    Grete,
    Wrong(Bug),
}

fn broker() -> impl clap::builder::TypedValueParser<Value = Broker> {
    let names = ["grete"].into_iter().chain(Bug::ALL.map(Bug::name));
    PossibleValuesParser::new(names)
        .map(|name| Bug::ALL.into_iter().find(|bug| bug.name() == name).map_or(Broker::Grete, Broker::Wrong))
}

/// A profile by its name.
pub(crate) fn profile(name: &str) -> Result<Profile, String> {
    let names = || Profile::ALL.map(Profile::name).join(", ");
    Profile::named(name).ok_or_else(|| format!("there are the profiles {}", names()))
}

/// Something that is done with a run of any broker.
pub(crate) trait Task {
    /// What comes of it.
    type Result;

    /// Does it with a run of which nothing has happened yet.
    fn with<M: Machine>(self, run: Run<M>, checkers: &[Checker]) -> Self::Result;
}

/// Running to the end.
struct ToTheEnd;

impl Task for ToTheEnd {
    type Result = Outcome;

    fn with<M: Machine>(self, run: Run<M>, checkers: &[Checker]) -> Outcome {
        run.finish(checkers).outcome
    }
}

impl Choice {
    /// The script of a seed.
    pub(crate) fn of_seed(&self, seed: u64) -> Arc<Script> {
        self.reduced(plan::script(seed, self.profile))
    }

    /// The script in a file.
    pub(crate) fn of_file(&self, path: &Path) -> Result<Arc<Script>, String> {
        let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        text.parse().map(|script| self.reduced(script)).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// The script of a seed, where `name` is a number, or else that in the file of that name.
    pub(crate) fn of_name(&self, name: &str) -> Result<Arc<Script>, String> {
        name.parse().map_or_else(|_| self.of_file(Path::new(name)), |seed| Ok(self.of_seed(seed)))
    }

    fn reduced(&self, mut script: Script) -> Arc<Script> {
        let stays = |kind: &str| !self.without_fault.iter().any(|without| without == kind);
        script.acts.retain(|(_, act)| match act {
            Act::Fault(fault) => stays(kind_of(fault)),
            Act::Client(_, act) => kind_of_act(act).is_none_or(stays),
        });
        Arc::new(script)
    }

    /// What is checked.
    fn checkers(&self) -> Result<Vec<Checker>, String> {
        let known = |name: &&String| checker::ALL.iter().any(|checker| checker.name == **name);
        if let Some(unknown) = self.without_checker.iter().find(|name| !known(name)) {
            let names: Vec<&str> = checker::ALL.iter().map(|checker| checker.name).collect();
            return Err(format!("no checker is called {unknown}: there are {}", names.join(", ")));
        }
        let stays = |checker: &&Checker| !self.without_checker.iter().any(|name| name == checker.name);
        Ok(checker::ALL.iter().filter(stays).copied().collect())
    }

    /// Does something with a run of the script.
    pub(crate) fn task<T: Task>(&self, script: &Arc<Script>, task: T) -> Result<T::Result, String> {
        let checkers = self.checkers()?;
        match self.broker {
            Broker::Grete => {
                let run = Run::<Shard>::new(script, |config| config).map_err(|error| error.to_string())?;
                Ok(task.with(run, &checkers))
            }
            Broker::Wrong(bug) => {
                let run = Run::<Mutant>::new(script, |config| (config, bug)).map_err(|error| error.to_string())?;
                Ok(task.with(run, &checkers))
            }
        }
    }

    /// Runs a script to its end.
    pub(crate) fn execute(&self, script: &Arc<Script>) -> Result<Outcome, String> {
        self.task(script, ToTheEnd)
    }

    /// What of it has to be said on a command line.
    pub(crate) fn words(&self, of_seed: bool) -> String {
        let mut words = String::new();
        if of_seed {
            words.push_str(" --profile ");
            words.push_str(self.profile.name());
        }
        if let Broker::Wrong(bug) = self.broker {
            words.push_str(" --broker ");
            words.push_str(bug.name());
        }
        self.without_fault.iter().for_each(|kind| words.extend([" --without-fault ", kind]));
        self.without_checker.iter().for_each(|name| words.extend([" --without-checker ", name]));
        words
    }
}

/// A violation in one line.
pub(crate) fn tell(violation: &Violation) -> String {
    let place = violation.partition.as_ref().map_or(String::new(), |of| format!(" ({}-{})", of.topic, of.partition));
    format!("{}: {}{place}", violation.checker, violation.what)
}

/// What tells two failures from each other: the checker; for an assertion also where it stands, and for what does not come to
/// rest what is said of it, without names and numbers.
pub(crate) fn kind_of_failure(violation: &Violation) -> (&'static str, String) {
    let what = &violation.what;
    let more = match violation.checker {
        INVARIANT => what.rsplit_once(" at ").map_or("", |(_, place)| place).to_owned(),
        PROGRESS => {
            let first = what.split(':').next().unwrap_or_default();
            let plain = first.split(' ').filter(|word| word.chars().all(|letter| letter.is_ascii_lowercase()));
            plain.collect::<Vec<_>>().join(" ")
        }
        _ => String::new(),
    };
    (violation.checker, more)
}

/// The promise that a checker, or the run itself, holds the broker to.
pub(crate) fn promise(name: &str) -> Option<&'static str> {
    match name {
        PROGRESS => {
            return Some("once nothing goes wrong any more, all comes to rest within the time that the script gives");
        }
        INVARIANT => return Some("what the code asserts holds"),
        ANSWER_ORDER => return Some("each request has its own answer, in the order of the requests of its connection"),
        ANSWERED => return Some("once all is well, requests are answered in time"),
        _ => {}
    }
    checker::ALL.iter().find(|checker| checker.name == name).map(|checker| checker.promise)
}
