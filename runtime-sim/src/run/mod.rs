//! The execution of a script: nodes, clients and faults at their times, then rest, and what came of it.
//!
//! Invariants:
//! 1. A run is a function of its script: two of them are equal, event by event.
//! 2. Between any two steps a run may be cloned; the clone goes on as the original does, or is treated worse.
//! 3. Acts happen in the order of their times, at these or, where the nodes are not set up yet, right after that.

mod clients;
mod counters;
mod excuses;
mod faults;
mod guard;
mod phases;
mod properties;
mod sights;
mod sound;
mod states;
mod watch;

pub use counters::{Count, Counters, KINDS, Kind, kind_of, kind_of_act};
pub use excuses::{EXCUSES, Excuse};
pub use phases::PROGRESS;
pub use properties::keys;
pub use states::{Coverage, State};
pub use watch::Moment;

use crate::actor::{Command, Input};
use crate::checker::{AtRest, Checker, Seen, Violation};
use crate::clock::WorldTime;
use crate::disk::DiskProfile;
use crate::draw::WorldSeed;
use crate::drive::Drive;
use crate::history::History;
use crate::machine::Machine;
use crate::script::{Act, Script};
use crate::world::{World, WorldProfile};
use clients::Client;
use faults::Faults;
use grete_core::node::NodeConfig;
use std::fmt;
use std::sync::Arc;
use watch::Watch;

/// The checker that stands for the assertions of the broker's own code, and of the simulator's.
pub const INVARIANT: &str = "invariant";

/// What a run has at least that counts: simulated time, operations that took effect, faults that changed an outcome.
const COUNTS_TIME: WorldTime = WorldTime(60_000_000);
const COUNTS_OPERATIONS: usize = 1_000;
const COUNTS_FAULTS: u64 = 5;
/// The kinds of faults that end a process without asking it.
const CRASHES: [&str; 4] = ["kill", "power-loss", "kill-at", "power-loss-at"];

/// Why a script cannot be run: it is wrong in itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unrunnable(pub String);

impl fmt::Display for Unrunnable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A script under way.
#[derive(Clone)]
pub struct Run<M: Machine> {
    script: Arc<Script>,
    world: World<M>,
    clients: Vec<Client>,
    history: History,
    is_set_up: bool,
    /// The next act of the script.
    cursor: usize,
    /// Since when nothing goes wrong any more and all nodes serve.
    calm_since: Option<WorldTime>,
    violations: Vec<Violation>,
    faults: Faults,
    counters: Counters,
    coverage: Coverage,
    /// Kept to be filled again.
    commands: Vec<Command>,
    /// Where it is watched.
    watch: Option<Watch>,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The promise that was broken, where one was.
    pub verdict: Option<Violation>,
    /// The operations that took effect.
    pub acknowledged: usize,
    /// How much time has passed in the world.
    pub time: WorldTime,
    /// The hash of all that happened in the world: equal for equal runs.
    pub hash: u64,
    /// The effects that the shards had.
    pub effects: u64,
    /// What went wrong.
    pub counters: Counters,
    /// The rare states that it came through.
    pub coverage: Coverage,
    /// Where it broke a promise: what it cannot help, by name.
    pub excuse: Option<&'static str>,
}

impl Outcome {
    /// Whether the run was long and hard enough to count: a minute, a thousand operations that took effect, and five faults
    /// that changed an outcome, one of them the end of a process.
    #[must_use]
    pub fn counts(&self) -> bool {
        let crashes: u64 = CRASHES.iter().map(|kind| self.counters.of(kind).changed).sum();
        self.time >= COUNTS_TIME
            && self.acknowledged >= COUNTS_OPERATIONS
            && self.counters.changed() >= COUNTS_FAULTS
            && crashes > 0
    }

    /// The promise that was broken without an excuse, where one was.
    #[must_use]
    pub const fn unexplained(&self) -> Option<&Violation> {
        match self.excuse {
            None => self.verdict.as_ref(),
            Some(_) => None,
        }
    }
}

/// A run that is over.
pub struct Finished<M: Machine> {
    /// What came of it.
    pub outcome: Outcome,
    /// What the auditor has read, where it came so far.
    pub rest: Option<AtRest>,
    /// What it has read again after a loss of power at rest, where it came so far.
    pub later: Option<AtRest>,
    /// The run as it was at its end.
    pub run: Run<M>,
}

/// Runs a script to its end and checks what came of it. `configure` makes what the machines are configured with.
///
/// # Errors
/// Where the script is wrong in itself.
pub fn execute<M: Machine>(
    script: &Arc<Script>,
    configure: impl Fn(Arc<NodeConfig>) -> M::Config,
    checkers: &[Checker],
) -> Result<Finished<M>, Unrunnable> {
    Ok(Run::new(script, configure)?.finish(checkers))
}

impl<M: Machine> Run<M> {
    /// A run of which nothing has happened yet.
    ///
    /// # Errors
    /// Where the script is wrong in itself.
    pub fn new(script: &Arc<Script>, configure: impl Fn(Arc<NodeConfig>) -> M::Config) -> Result<Self, Unrunnable> {
        sound::check(script)?;
        let mut world = World::new(WorldSeed(script.seed), WorldProfile::default());
        for (number, plan) in script.nodes.iter().enumerate() {
            let config = properties::config_of(number, plan)?;
            world.add_node(configure(Arc::new(config)), plan.shards, plan.dirs, &DiskProfile::default());
        }
        let clients = script.clients.iter().map(Client::new).collect();
        Ok(Self {
            script: Arc::clone(script),
            world,
            clients,
            history: History::default(),
            is_set_up: false,
            cursor: 0,
            calm_since: None,
            violations: Vec::new(),
            faults: Faults::default(),
            counters: Counters::default(),
            coverage: Coverage::default(),
            commands: Vec::new(),
            watch: None,
        })
    }

    /// Goes on to the end and checks what came of it. A panic on the way is a violation of [`INVARIANT`].
    pub fn finish(mut self, checkers: &[Checker]) -> Finished<M> {
        let (mut rest, mut later) = (None, None);
        let played = guard::guarded(|| {
            self.play()?;
            let read = self.audit()?;
            let seen = Seen { history: &self.history, rest: &read };
            let found = checkers.iter().find_map(|checker| (checker.check)(&seen));
            let read = rest.insert(read);
            match found {
                Some(found) => return Err(found),
                None if self.has_lost_syncs() => return Ok(()),
                None => {}
            }
            let read = self.audit_again(read)?;
            let seen = Seen { history: &self.history, rest: later.insert(read) };
            checkers.iter().find_map(|checker| (checker.check)(&seen)).map_or(Ok(()), Err)
        });
        let verdict = match played {
            Ok(result) => result.err(),
            Err(what) => Some(Violation { what, ..violation(INVARIANT) }),
        };
        self.count_clock_faults();
        self.see_the_end(rest.as_ref());
        // What a client saw comes before what follows from it.
        let verdict = self.violations.first().cloned().or(verdict);
        let outcome = Outcome {
            excuse: verdict.as_ref().and_then(|violation| excuses::of(violation, &self.counters)),
            verdict,
            acknowledged: self.history.acknowledged(),
            time: self.world.now(),
            hash: self.world.hash(),
            effects: self.world.effects(),
            counters: self.counters.clone(),
            coverage: self.coverage.clone(),
        };
        Finished { outcome, rest, later, run: self }
    }

    /// Whether something that was to be synced may never be, whatever a broker does: a sync has failed, and those that come
    /// after it say that all is well; or one was not done at all.
    fn has_lost_syncs(&self) -> bool {
        ["disk-error-sync", "disk-error-any", "disk-ignores"].iter().any(|kind| self.counters.of(kind).changed > 0)
    }

    /// Sets up, where that has not been done, and goes on to a moment, at most to the end of all faults.
    ///
    /// # Errors
    /// Where the nodes cannot be set up.
    pub fn play_until(&mut self, at: WorldTime) -> Result<(), Violation> {
        if !std::mem::replace(&mut self.is_set_up, true) {
            self.set_up()?;
            self.look();
        }
        let limit = at.min(self.script.heal_at);
        while self.advance(limit) {}
        Ok(())
    }

    /// Goes on to the moment at which all has come to rest.
    fn play(&mut self) -> Result<(), Violation> {
        self.play_until(self.script.heal_at)?;
        self.heal();
        self.come_to_rest()
    }

    /// The rare states that show only now.
    fn see_the_end(&mut self, rest: Option<&AtRest>) {
        for node in self.nodes() {
            self.world.notices(node).iter().for_each(|notice| sights::told(&mut self.coverage, &notice.text));
        }
        if let Some(rest) = rest {
            sights::of_history(&mut self.coverage, &self.history, rest, self.faults.ends());
        }
    }

    /// What the clients did.
    #[must_use]
    pub const fn history(&self) -> &History {
        &self.history
    }

    /// What is run.
    #[must_use]
    pub const fn script(&self) -> &Arc<Script> {
        &self.script
    }

    /// The next act of the script happens.
    fn act(&mut self) {
        let script = Arc::clone(&self.script);
        let Some((_, act)) = script.acts.get(self.cursor) else { return };
        self.tell_act();
        self.cursor += 1;
        match act {
            Act::Client(client, act) => {
                if let Some(kind) = kind_of_act(act) {
                    self.counters.begin(kind);
                    let changed = self.clients.get(client.0).is_some_and(|client| !client.actor.is_at_rest());
                    self.counters.change(kind, changed);
                }
                self.input(*client, Input::Act(act.clone()));
            }
            Act::Fault(fault) => self.begin_fault(fault),
        }
    }
}

impl<M: Machine> Drive for Run<M> {
    type Machine = M;

    fn world(&mut self) -> &mut World<M> {
        &mut self.world
    }

    fn advance(&mut self, limit: WorldTime) -> bool {
        let goes_on = self.go_on(limit);
        self.look();
        goes_on
    }
}

fn violation(checker: &'static str) -> Violation {
    Violation { checker, what: String::new(), operations: Vec::new(), partition: None, client: None }
}
