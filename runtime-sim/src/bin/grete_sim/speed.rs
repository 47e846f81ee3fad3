//! `grete-sim speed`: how fast runs are, on one core, with faults and with all checkers.
//!
//! What is measured is what the goal speaks of: one broker with twenty partitions, and ten clients of which each does ten
//! operations in a second. Half of them are producers, four read as a group, one administrates. What the consumers do follows
//! from what is sent: each record is polled once.

use crate::source;
use core::fmt::Write as _;
use core::time::Duration;
use grete_core::shard::Shard;
use grete_sim::checker;
use grete_sim::run::{Counters, KINDS, Outcome, execute};
use grete_sim::script::Script;
use std::fs;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

const PARTITIONS: u64 = 20;
const PRODUCERS: u64 = 5;
const CONSUMERS: u64 = 4;
const CLIENTS: u64 = PRODUCERS + CONSUMERS + 1;
/// What each producer and the administrator do in a second.
const PER_SECOND: u64 = 10;
const BETWEEN: Duration = Duration::from_millis(1000 / PER_SECOND);
/// How far faults are apart.
const FAULT_EVERY: u64 = 7;

/// The goals: how much faster than real time, and how many operations end in a second of one core.
const TIMES_REAL_TIME: f64 = 1_000.0;
const OPERATIONS_PER_SECOND: f64 = 90_000.0;

/// What goes wrong, one after the other and then anew; where a run begins in the list depends on its seed.
const FAULTS: [&str; 12] = [
    "net p2 n0 reset",
    "n0 kill restart-after 50ms",
    "net c3 n0 cut for 500ms",
    "n0 disk 0 write,sync slow 20ms chance 20000ppm for 2s",
    "n0 power-loss half restart-after 200ms",
    "net p4 n0 slow 30ms for 2s",
    "c2 crash restart-after 300ms",
    "n0 pause 300ms",
    "n0 clock +500ms",
    "net all n0 reset",
    "n0 stop restart-after 100ms",
    "net c1 n0 not-reading for 1s",
];

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The simulated seconds of each run; those of a seed are as many.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// The runs, one after the other, each with a seed of its own from 1 on.
    #[arg(long, default_value_t = 10)]
    runs: u64,
    /// Writes the first of them as a script, and nothing else.
    #[arg(long)]
    only_script: bool,
}

/// The text of a run.
fn script(seed: u64, seconds: u64) -> String {
    let mut text = format!("seed {seed}\nnode n0 shards 1 dirs 1\ntopic orders partitions {PARTITIONS}\n");
    for number in 1..=PRODUCERS {
        let _ = writeln!(text, "client p{number} producer idempotent");
    }
    for number in 1..=CONSUMERS {
        let plan = "group g topics orders assignor cooperative auto-commit 5s session-timeout 10s";
        let _ = writeln!(text, "client c{number} consumer {plan}");
    }
    text.push_str("client a1 admin\n");
    for tick in 0..seconds * PER_SECOND {
        let at = |client: u64| 1_000_000 + (tick * CLIENTS + client) * BETWEEN.as_micros() as u64 / CLIENTS;
        for producer in 0..PRODUCERS {
            let partition = (tick * PRODUCERS + producer) % PARTITIONS;
            let send = format!("send orders/{partition} records 1 bytes 100");
            let _ = writeln!(text, "at {}us p{} {send}", at(2 * producer), producer + 1);
        }
        let partition = tick % PARTITIONS;
        let asked = match tick % 5 {
            0 | 1 => format!("list-offsets orders/{partition} at end"),
            2 => "list-topics".to_owned(),
            3 => "describe-configs orders".to_owned(),
            _ => "committed g".to_owned(),
        };
        let _ = writeln!(text, "at {}us a1 {asked}", at(1));
    }
    for (at, fault) in
        (FAULT_EVERY..seconds).step_by(FAULT_EVERY as usize).zip(FAULTS.iter().cycle().skip(seed as usize))
    {
        let _ = writeln!(text, "at {at}s {fault}");
    }
    let _ = writeln!(text, "heal at {}s\nrest within 60s", seconds + 1);
    text
}

pub(crate) fn speed(arguments: &Arguments) -> Result<ExitCode, String> {
    let scripts = (1..=arguments.runs).map(|seed| script(seed, arguments.seconds));
    if arguments.only_script {
        scripts.take(1).for_each(|text| print!("{text}"));
        return Ok(ExitCode::SUCCESS);
    }
    let scripts: Result<Vec<Script>, _> = scripts.map(|text| text.parse()).collect();
    let scripts = scripts.map_err(|error| format!("a script: {error}"))?.into_iter().map(Arc::new);
    let scripts: Vec<Arc<Script>> = scripts.collect();
    let mut sum = Sum::default();
    let mut verdict = None;
    let (began, began_running) = (Instant::now(), running_time());
    for script in &scripts {
        let run = execute::<Shard>(script, |config| config, checker::ALL).map_err(|error| error.to_string())?;
        sum.add(&run.outcome);
        verdict = verdict.or(run.outcome.verdict);
    }
    let passed = began.elapsed();
    let ran = running_time().zip(began_running).map(|(now, began)| now.saturating_sub(began));
    sum.tell(passed, ran);
    match &verdict {
        None => Ok(ExitCode::SUCCESS),
        Some(violation) => {
            println!("{}", source::tell(violation));
            Ok(ExitCode::FAILURE)
        }
    }
}

/// What came of all runs.
#[derive(Default)]
struct Sum {
    runs: u64,
    micros: u64,
    acknowledged: usize,
    effects: u64,
    hash: u64,
    counters: Counters,
}

impl Sum {
    fn add(&mut self, outcome: &Outcome) {
        self.runs += 1;
        self.micros += outcome.time.0;
        self.acknowledged += outcome.acknowledged;
        self.effects += outcome.effects;
        self.hash = self.hash.rotate_left(1) ^ outcome.hash;
        self.counters.add(&outcome.counters);
    }

    fn tell(&self, passed: Duration, ran: Option<Duration>) {
        let simulated = self.micros as f64 / 1e6;
        println!("1 broker, {PARTITIONS} partitions, {CLIENTS} clients with {PER_SECOND} operations a second each");
        println!("({PRODUCERS} producers, {CONSUMERS} consumers of a group, 1 administrator); one thread");
        println!("{} runs with {}, all {} checkers", self.runs, told(&self.counters), checker::ALL.len());
        println!(
            "{simulated:.0} s simulated in {:.2} s, of which the core was ours {}",
            passed.as_secs_f64(),
            ran.map_or("an unknown part".to_owned(), |ran| format!("{:.2} s", ran.as_secs_f64())),
        );
        println!("{} operations took effect, {} effects, hash {:016x}", self.acknowledged, self.effects, self.hash);
        // Where others run on the same machine, what they take is not ours.
        let seconds = ran.unwrap_or(passed).as_secs_f64();
        println!("{:.0} x real time (goal: {TIMES_REAL_TIME})", simulated / seconds);
        let operations = self.acknowledged as f64 / seconds;
        println!("{operations:.0} operations in a second of one core (goal: {OPERATIONS_PER_SECOND})");
    }
}

/// What went wrong, in one line.
fn told(counters: &Counters) -> String {
    let counts = KINDS.iter().map(|kind| counters.of(kind.name));
    let (mut begun, mut changed, mut kinds) = (0, 0, 0);
    for count in counts.filter(|count| count.begun > 0) {
        begun += count.begun;
        changed += count.changed;
        kinds += 1;
    }
    format!("{begun} faults of {kinds} kinds, of which {changed} changed an outcome")
}

/// How long this thread has run on a core, where the system says so.
fn running_time() -> Option<Duration> {
    let statistics = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    statistics.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}
