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

pub use recorder::Recorder;

use crate::disk::{Profile, Survival};
use crate::draw::{Stream, WorldSeed};
use crate::drive::Drive;
use crate::machine::Machine;
use crate::node::{NodeIndex, NodeState};
use crate::world::World;
use core::fmt;
use core::time::Duration;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The lines of a trace that a failure carries.
const TRACE_LINES: usize = 400;
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
    /// Which one.
    pub case: Case,
    /// What was wrong.
    pub what: String,
    /// The end of its story.
    pub trace: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?}: {}", self.case, self.what)?;
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
    workload(&mut recorder);
    let hash = recorder.into_world().hash();
    report.hash = hash;
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
    report.cases += 1;
    let mut left = world.clone();
    left.power_loss(plan.node, survival);

    let mut second_losses = Vec::new();
    let outcome = guarded(|| {
        let mut booting = left.clone();
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
        report.failures.push(Failure { case, what, trace });
        return;
    }
    for (step, mut interrupted) in second_losses {
        report.cases += 1;
        report.recovery_cases += 1;
        let profile = Profile::ALL[(turn + step as usize) % Profile::ALL.len()];
        let seed = WorldSeed(seed.draw(Stream::Workload, &[step, 1]).0);
        interrupted.power_loss(plan.node, Survival { seed, profile });
        let outcome = guarded(|| {
            let mut booting = interrupted.clone();
            boot(&mut booting, plan, |_| ())?;
            check(&mut booting, model)
        });
        if let Err(what) = outcome {
            let case = Case { recovery: Some((step, profile)), ..case };
            let trace = trace_of(interrupted, plan, |world| check(world, model));
            report.failures.push(Failure { case, what, trace });
        }
    }
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
    world.trace().map(|trace| trace.tail(TRACE_LINES).to_vec()).unwrap_or_default()
}
