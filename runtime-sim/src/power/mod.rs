//! Power loss at every effect.
//!
//! A [`Recorder`] runs a workload and, after each step that changes what a power loss may leave or what a client knows,
//! lets the harness look. There the harness takes copies of the world and, in each of them, takes the power away (which
//! of the unsynced survives is drawn), boots again, and has everything read back through the protocol and compared with
//! a model of what was acknowledged. During some of the recoveries it takes the power away once more.
//!
//! A case is named by the numbers in [`Case`]; the same numbers bring the same case again. A failure carries the end of
//! the trace of its case.

mod recorder;
pub mod script;

pub use recorder::Recorder;

use crate::disk::{Losses, OpKind, Profile, Survival};
use crate::draw::{Stream, WorldSeed};
use crate::drive::Drive;
use crate::machine::Machine;
use crate::node::{NodeIndex, NodeState};
use crate::world::World;
use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The lines of a trace that a failure carries.
const TRACE_LINES: usize = 3_000;
/// How often a boot after a power loss has another number of shards, where it may: times out of a million.
const RESHARDED_PER_MILLION: u32 = 250_000;
/// Failures after which a run ends.
const FAILURES_MAX: usize = 5;

/// How thoroughly power losses are tried.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The node that loses its power.
    pub node: NodeIndex,
    /// At which points of the workload: each one this often, times out of a million.
    pub points_per_million: u32,
    /// The cases at each point. Profiles take turns over points and cases.
    pub cases_per_point: u64,
    /// How often the power goes again at a point of a recovery, times out of a million.
    pub recovery_per_million: u32,
    /// How long a boot may take.
    pub boot_time: Duration,
    /// A boot after a power loss may have any number of shards up to this; 0 for as many as there were.
    pub shards_max: u16,
}

impl Plan {
    /// Every point, `cases_per_point` times, and now and then again during the recovery.
    #[must_use]
    pub const fn every_point(node: NodeIndex, cases_per_point: u64) -> Self {
        Self {
            node,
            points_per_million: 1_000_000,
            cases_per_point,
            recovery_per_million: 10_000,
            boot_time: Duration::from_secs(60),
            shards_max: 0,
        }
    }
}

/// One power loss, or two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// The point of the workload, counted from 1.
    pub point: u64,
    /// The case at this point, counted from 0.
    pub number: u64,
    /// What survived.
    pub profile: Profile,
    /// The point of the recovery at which the power went again, and what survived then.
    pub recovery: Option<(u64, Profile)>,
}

/// A case that failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Which one; none where the workload itself failed.
    pub case: Option<Case>,
    /// What was wrong.
    pub what: String,
    /// The end of its story.
    pub trace: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.case {
            Some(case) => writeln!(f, "{case:?}: {}", self.what)?,
            None => writeln!(f, "the workload itself fails: {}", self.what)?,
        }
        self.trace.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The points of the workload.
    pub points: u64,
    /// The power losses that were tried.
    pub cases: u64,
    /// Those of them that hit a recovery.
    pub recovery_cases: u64,
    /// What was lost in all of them.
    pub losses: Losses,
    /// The cases by what survived: the number of [`Profile::ALL`].
    pub profiles: [u64; Profile::ALL.len()],
    /// The kinds of operations that were running when the power went, over all cases.
    pub running: BTreeMap<OpKind, u64>,
    /// The cases after which the broker had to cut a torn tail.
    pub cuts: u64,
    /// Those after which it kept a directory under another name.
    pub strays: u64,
    /// The cases that booted with another number of shards.
    pub reshardings: u64,
    /// The cases that failed; the run ends after a few.
    pub failures: Vec<Failure>,
    /// The hash of the workload's run.
    pub hash: u64,
}

impl Report {
    /// Adds up another run.
    pub fn add(&mut self, other: Self) {
        self.points += other.points;
        self.cases += other.cases;
        self.recovery_cases += other.recovery_cases;
        self.losses.add(other.losses);
        self.profiles.iter_mut().zip(other.profiles).for_each(|(count, more)| *count += more);
        for (kind, count) in other.running {
            *self.running.entry(kind).or_default() += count;
        }
        self.cuts += other.cuts;
        self.strays += other.strays;
        self.reshardings += other.reshardings;
        self.failures.extend(other.failures);
    }

    /// Panics with the first failure, where there is one.
    pub fn assert_passed(&self) {
        if let Some(failure) = self.failures.first() {
            panic!("{} of {} power losses failed, the first one: {failure}", self.failures.len(), self.cases);
        }
    }
}

/// Runs `workload` on `world` and takes the power away by `plan`. `check` says what is wrong with a world that has booted
/// after that, against the model as it was when the power went.
pub fn run<M: Machine, S: Clone>(
    world: World<M>,
    model: S,
    plan: &Plan,
    workload: impl FnOnce(&mut Recorder<'_, M, S>),
    check: impl Fn(&mut World<M>, &S) -> Result<(), String>,
) -> Report {
    let mut report = Report::default();
    let mut watch = |world: &World<M>, model: &S| {
        report.points += 1;
        let point = report.points;
        let drawn = world.seed().draw(Stream::Workload, &[point]).chance(plan.points_per_million);
        if drawn && report.failures.len() < FAILURES_MAX {
            for number in 0..plan.cases_per_point {
                try_case(world, model, plan, &check, (point, number), &mut report);
            }
        }
    };
    let mut recorder = Recorder::new(world, model, plan.node, &mut watch);
    let outcome = guarded(|| {
        workload(&mut recorder);
        Ok(())
    });
    let world = recorder.into_world();
    report.hash = world.hash();
    if let Err(what) = outcome {
        report.failures.push(Failure { case: None, what, trace: last_lines(&world) });
    }
    report
}

/// One power loss, and maybe others during the recovery from it.
fn try_case<M: Machine, S: Clone>(
    world: &World<M>,
    model: &S,
    plan: &Plan,
    check: &impl Fn(&mut World<M>, &S) -> Result<(), String>,
    (point, number): (u64, u64),
    report: &mut Report,
) {
    let seed = WorldSeed(world.seed().draw(Stream::Workload, &[point, number]).0);
    let turn = (point * plan.cases_per_point + number) as usize;
    let profile = Profile::ALL[turn % Profile::ALL.len()];
    let survival = Survival { seed, profile };
    let case = Case { point, number, profile, recovery: None };
    let left = lose(world, plan, survival, turn, report);
    let mut second_losses = Vec::new();
    let mut booting = left.clone();
    let told = booting.notices(plan.node).len();
    let outcome = guarded(|| {
        let mut step = 0;
        boot(&mut booting, plan, |world| {
            step += 1;
            if seed.draw(Stream::Workload, &[step]).chance(plan.recovery_per_million) {
                second_losses.push((step, world.clone()));
            }
        })?;
        check(&mut booting, model)
    });
    if let Err(what) = outcome {
        let trace = trace_of(left, plan, |world| check(world, model));
        report.failures.push(Failure { case: Some(case), what, trace });
        return;
    }
    let says = |text: &str| booting.notices(plan.node)[told..].iter().any(|notice| notice.text.contains(text));
    report.cuts += u64::from(says("are cut"));
    report.strays += u64::from(says("it is kept as"));
    for (step, interrupted) in second_losses {
        report.recovery_cases += 1;
        let turn = turn + step as usize;
        let profile = Profile::ALL[turn % Profile::ALL.len()];
        let seed = WorldSeed(seed.draw(Stream::Workload, &[step, 1]).0);
        let interrupted = lose(&interrupted, plan, Survival { seed, profile }, turn, report);
        let outcome = guarded(|| {
            let mut booting = interrupted.clone();
            boot(&mut booting, plan, |_| ())?;
            check(&mut booting, model)
        });
        if let Err(what) = outcome {
            let case = Some(Case { recovery: Some((step, profile)), ..case });
            let trace = trace_of(interrupted, plan, |world| check(world, model));
            report.failures.push(Failure { case, what, trace });
        }
    }
}

/// Takes the power away from a copy of the world.
fn lose<M: Machine>(world: &World<M>, plan: &Plan, survival: Survival, turn: usize, report: &mut Report) -> World<M> {
    let mut left = world.clone();
    report.cases += 1;
    report.profiles[turn % Profile::ALL.len()] += 1;
    for (kind, count) in left.running(plan.node) {
        *report.running.entry(kind).or_default() += count;
    }
    report.losses.add(left.power_loss(plan.node, survival));
    // Where a disk has failed it was another for the workload, and is whole again for what comes.
    left.heal_disks(plan.node);
    let draw = survival.seed.draw(Stream::Workload, &[u64::from(plan.shards_max)]);
    if plan.shards_max > 0 && draw.chance(RESHARDED_PER_MILLION) {
        report.reshardings += 1;
        let shards = WorldSeed(draw.0).draw(Stream::Workload, &[]).below(u64::from(plan.shards_max));
        left.set_shards(plan.node, shards as u16 + 1);
    }
    left
}

/// Boots the node without any help; `watch` sees the world after each step that changes its disks.
fn boot<M: Machine>(world: &mut World<M>, plan: &Plan, mut watch: impl FnMut(&World<M>)) -> Result<(), String> {
    world.start_node(plan.node);
    let limit = world.now().after(plan.boot_time);
    let mut version = world.disk_version(plan.node);
    loop {
        match world.state(plan.node) {
            NodeState::Serving => return Ok(()),
            NodeState::Booting | NodeState::Stopping => {}
            NodeState::Down(how) => return Err(format!("the node does not start: {how:?}")),
        }
        if !world.advance(limit) {
            return Err(format!("the node does not serve after {:?}", plan.boot_time));
        }
        if world.disk_version(plan.node) != version {
            version = world.disk_version(plan.node);
            watch(world);
        }
    }
}

/// Runs a case; a panic in it is a failure of the case.
fn guarded(case: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(case)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned())).unwrap_or_default())
    })
}

/// The story of a case that failed: the same once more, written down.
fn trace_of<M: Machine>(
    mut world: World<M>,
    plan: &Plan,
    check: impl FnOnce(&mut World<M>) -> Result<(), String>,
) -> Vec<String> {
    world.trace_on();
    // It fails as it did before; what counts is what was written down until then.
    drop(guarded(|| {
        boot(&mut world, plan, |_| ())?;
        check(&mut world)
    }));
    last_lines(&world)
}

fn last_lines<M: Machine>(world: &World<M>) -> Vec<String> {
    world.trace().map(|trace| trace.tail(TRACE_LINES)).unwrap_or_default()
}
