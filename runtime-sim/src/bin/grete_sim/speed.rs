//! `grete-sim speed`: how fast the simulated world is, on one core.

use core::time::Duration;
use grete_core::shard::Shard;
use grete_sim::clock::WorldTime;
use grete_sim::history::{ClientIndex, TopicPartition};
use grete_sim::run::execute;
use grete_sim::script::{Act, ClientAct, ClientKind, ClientPlan, NodePlan, ProducerPlan, Script, TopicPlan};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

const PARTITIONS: u64 = 20;
const CLIENTS: u64 = 10;
/// What each client sends in a second.
const SENDS_PER_SECOND: u64 = 10;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The simulated seconds.
    #[arg(long, default_value_t = 600)]
    seconds: u64,
}

/// One broker with twenty partitions; ten producers of which each sends ten batches in a second.
fn script(seconds: u64) -> Script {
    let producer = ProducerPlan {
        acks: -1,
        idempotent: true,
        in_flight: 5,
        request_timeout: Duration::from_secs(30),
        delivery_timeout: Duration::from_secs(120),
    };
    let client =
        |number| ClientPlan { name: format!("p{number}").into(), kind: ClientKind::Producer(producer.clone()) };
    let topic: Arc<str> = "orders".into();
    let between = 1_000_000 / SENDS_PER_SECOND;
    let acts = (0..seconds * SENDS_PER_SECOND).flat_map(|tick| {
        let topic = Arc::clone(&topic);
        (0..CLIENTS).map(move |client| {
            let partition = ((tick * CLIENTS + client) % PARTITIONS) as i32;
            let to = TopicPartition { topic: Arc::clone(&topic), partition };
            let at = WorldTime(1_000_000 + tick * between + client * between / CLIENTS);
            (at, Act::Client(ClientIndex(client as usize), ClientAct::Send { to, records: 1, bytes: 100 }))
        })
    });
    Script {
        seed: 1,
        nodes: vec![NodePlan { shards: 1, dirs: 1, properties: BTreeMap::new() }],
        topics: vec![TopicPlan { name: Arc::clone(&topic), partitions: PARTITIONS as i32, configs: BTreeMap::new() }],
        clients: (0..CLIENTS).map(client).collect(),
        acts: acts.collect(),
        heal_at: WorldTime((seconds + 1) * 1_000_000),
        rest_within: Duration::from_secs(60),
    }
}

pub(crate) fn speed(arguments: &Arguments) -> Result<ExitCode, String> {
    let script = Arc::new(script(arguments.seconds));
    let began = Instant::now();
    let finished = execute::<Shard>(&script, |config| config, &[]).map_err(|error| error.to_string())?;
    let seconds = began.elapsed().as_secs_f64();
    let outcome = finished.outcome;
    let simulated = outcome.time.0 as f64 / 1e6;
    println!("{} operations acknowledged, {} effects", outcome.acknowledged, outcome.effects);
    println!("{simulated:.0} s simulated in {seconds:.2} s: {:.0} x real time", simulated / seconds);
    println!("{:.0} operations in a second of one core", outcome.acknowledged as f64 / seconds);
    Ok(if outcome.verdict.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
