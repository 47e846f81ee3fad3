//! Making scripts: a seed and a profile give a run of a minute with some 1,500 operations.
//!
//! Invariants:
//! 1. Each decision is drawn by what it is about (the kind of thing, its number, the question), never by a running stream:
//!    one more client, or one kind of fault less, leaves all others as they were.
//! 2. Each seed stresses another mixture: every kind of fault and of operation has a rate of its own, and some have none.
//! 3. All but [`Profile::Gentle`] have at least [`FAULTS_MIN`] faults, one of them the end of a process.
//! 4. Few seeds have a fault that takes what was acknowledged from a broker on its own, which it cannot help: disks that lie
//!    about a sync, or rot in records. What is broken then is excused ([`EXCUSES`](crate::run::EXCUSES)).
//!
//! ```text
//! shape   nodes, topics, clients, and the constants by which they are tuned
//! acts    what clients do
//! faults  what goes wrong
//! ```

mod acts;
mod faults;
mod shape;

use crate::clock::WorldTime;
use crate::draw::{Draw, Stream, WorldSeed, name};
use crate::script::{Act, Script};
use core::time::Duration;

/// The faults of a script, at least.
pub const FAULTS_MIN: usize = 5;
/// When clients begin to do something.
const START: WorldTime = WorldTime(1_000_000);
/// When they are asked for the last thing.
const END: WorldTime = WorldTime(59_000_000);
/// When all is healed.
const HEAL_AT: WorldTime = WorldTime(60_000_000);
/// How long it may take until all has come to rest.
const REST_WITHIN: Duration = Duration::from_secs(120);

/// What a script is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Nothing goes wrong.
    Gentle,
    /// Mostly the network goes wrong.
    Network,
    /// Mostly disks go wrong, and power is lost.
    Disk,
    /// Everything goes wrong.
    Chaos,
    /// Clients come and go, crash, seek and administrate.
    Clients,
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Gentle, Self::Network, Self::Disk, Self::Chaos, Self::Clients];

    /// Its name on a command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gentle => "gentle",
            Self::Network => "network",
            Self::Disk => "disk",
            Self::Chaos => "chaos",
            Self::Clients => "clients",
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == name)
    }
}

/// The script of a seed.
#[must_use]
pub fn script(seed: u64, profile: Profile) -> Script {
    let draws = Draws(WorldSeed(seed));
    let shape = shape::draw(draws, profile);
    let mut acts = acts::draw(draws, profile, &shape);
    let faults = faults::draw(draws, profile, &shape);
    acts.extend(faults.into_iter().map(|(time, fault)| (time, Act::Fault(fault))));
    acts.sort_by_key(|(time, _)| *time);
    Script {
        seed,
        nodes: shape.nodes,
        topics: shape.topics,
        clients: shape.clients,
        acts,
        heal_at: HEAL_AT,
        rest_within: REST_WITHIN,
    }
}

/// What a script is drawn by.
#[derive(Clone, Copy, Debug)]
struct Draws(WorldSeed);

impl Draws {
    /// The answer to a question about a thing.
    fn of(self, question: &str, about: &[u64]) -> Draw {
        let cause: Vec<u64> = std::iter::once(name(question)).chain(about.iter().copied()).collect();
        self.0.draw(Stream::Workload, &cause)
    }

    fn below(self, question: &str, about: &[u64], end: u64) -> u64 {
        self.of(question, about).below(end)
    }

    /// True so many times out of a hundred.
    fn percent(self, question: &str, about: &[u64], percent: u64) -> bool {
        self.below(question, about, 100) < percent
    }

    fn one_of<T: Copy>(self, question: &str, about: &[u64], choices: &[T]) -> T {
        choices[self.below(question, about, choices.len() as u64) as usize]
    }

    fn time(self, question: &str, about: &[u64]) -> WorldTime {
        WorldTime(self.of(question, about).among(&(START.0..=END.0)))
    }

    /// A duration of whole milliseconds; short ones are as frequent as long ones, which are many more.
    fn millis(self, question: &str, about: &[u64], first: u64, last: u64) -> Duration {
        let doublings = u64::from((last / first.max(1)).max(1).ilog2());
        let least = first << self.below(question, about, doublings + 1);
        let draw = Draws(WorldSeed(self.of(question, about).0)).of(question, about);
        Duration::from_millis(draw.among(&(least..=(least * 2).min(last))))
    }

    /// The choice that was drawn, by its weight. `None` where none has any.
    fn weighted<T: Copy>(self, question: &str, about: &[u64], choices: &[(T, u64)]) -> Option<T> {
        let total: u64 = choices.iter().map(|(_, weight)| weight).sum();
        let mut left = self.below(question, about, total);
        for (choice, weight) in choices {
            if left < *weight {
                return Some(*choice);
            }
            left -= weight;
        }
        None
    }

    /// The weights of this seed: some things often, some never.
    fn swarm<T: Copy>(self, question: &str, about: &[u64], choices: &[(T, u64)]) -> Vec<(T, u64)> {
        let drawn = choices.iter().zip(0..).map(|((choice, weight), place)| {
            let address: Vec<u64> = about.iter().copied().chain([place]).collect();
            (*choice, weight * self.one_of(question, &address, &[0, 1, 1, 3]))
        });
        drawn.collect()
    }
}

#[cfg(test)]
mod tests;
