//! `cargo xtask bench`: Grete and Apache Kafka under the same load, one after the other, on this machine.
//!
//! The load comes from librdkafka's own `rdkafka_performance`; at a fixed rate, from Kafka's `ProducerPerformance`; for many
//! partitions and connections, from `probe` in the package of the tests. What
//! counts is the ratio of two figures of one run. Grete flushes before it answers, always; Kafka does not unless told.

mod load;
mod scale;

use crate::server::{Node, Server};
use crate::shell::{cargo, root, run as run_program};
use load::Load;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// What all nodes are started with: topics that come to be on first use have six partitions, as in every case here.
const PROPERTIES: &str = "num.partitions=6\n";

/// Measures Grete against Apache Kafka, both on this machine
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Divides the number of records of each case, for a quick look
    #[arg(long, default_value_t = 1)]
    divide: u64,
    /// How often each case is run; the median counts
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// What is measured, several times where several parts are wanted; all where it is not said
    #[arg(long = "part")]
    parts: Vec<Part>,
    /// Measures Grete alone
    #[arg(long)]
    alone: bool,
}

/// One broker of the comparison.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Contender {
    Grete,
    Kafka,
    KafkaFlushing,
}

impl Contender {
    const ALL: [Self; 3] = [Self::Grete, Self::Kafka, Self::KafkaFlushing];

    const fn name(self) -> &'static str {
        match self {
            Self::Grete => "Grete",
            Self::Kafka => "Kafka",
            Self::KafkaFlushing => "Kafka, flush.messages=1",
        }
    }

    fn start(self) -> Result<Server, String> {
        let node = |more: &str| Node::new("bench", "127.0.0.1", &format!("{PROPERTIES}{more}")).map(Arc::new);
        match self {
            Self::Grete => Server::grete(&node("")?, &root().join("target/release/grete")),
            Self::Kafka => Server::new_kafka(&node("")?),
            Self::KafkaFlushing => Server::new_kafka(&node("log.flush.interval.messages=1\n")?),
        }
    }

    /// Starts it again on what it has left.
    fn restart(self, node: &Arc<Node>) -> Result<Server, String> {
        match self {
            Self::Grete => Server::grete(node, &root().join("target/release/grete")),
            Self::Kafka | Self::KafkaFlushing => Server::kafka(node),
        }
    }
}

/// What is measured: each part on a server of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Starts, rates, and latencies at a fixed rate
    Rates,
    /// 2,000 partitions: created, filled with 5 GB, and served again after kill -9
    Partitions,
    /// One client alone, and beside 2,000 idle connections
    Idle,
    /// 10 GB in and out
    Memory,
}

impl Part {
    const ALL: [Self; 4] = [Self::Rates, Self::Partitions, Self::Idle, Self::Memory];
}

/// Figures by contender: those of all rounds. The cases stand in the order in which they were measured first.
type Figures = Vec<(&'static str, BTreeMap<Contender, Vec<f64>>)>;

/// Takes one figure of a case.
type Note<'a> = dyn FnMut(&'static str, f64) + 'a;

pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    run_program(&cargo(), &["build", "--quiet", "--release", "--package", "grete"])?;
    let load = Load::prepare(arguments.divide.max(1))?;
    let contenders = if arguments.alone { &Contender::ALL[..1] } else { &Contender::ALL[..] };
    let parts = if arguments.parts.is_empty() { &Part::ALL[..] } else { &arguments.parts };
    let mut figures = Figures::new();
    for round in 0..arguments.rounds.max(1) {
        for (part, contender) in parts.iter().flat_map(|part| contenders.iter().map(|contender| (*part, *contender))) {
            eprintln!("round {}: {part:?}: {}", round + 1, contender.name());
            let mut note = |what: &'static str, figure: f64| {
                eprintln!("  {what}: {}", number(figure));
                let place = figures.iter().position(|(case, _)| *case == what).unwrap_or_else(|| {
                    figures.push((what, BTreeMap::new()));
                    figures.len() - 1
                });
                figures[place].1.entry(contender).or_default().push(figure);
            };
            match part {
                Part::Rates => rates(contender, &load, &mut note)?,
                Part::Partitions => scale::partitions(contender, &load, &mut note)?,
                Part::Idle => scale::idle(contender, &load, &mut note)?,
                Part::Memory => scale::memory(contender, &load, &mut note)?,
            }
        }
    }
    print(&figures);
    Ok(())
}

fn rates(contender: Contender, load: &Load, note: &mut Note<'_>) -> Result<(), String> {
    let begun = Instant::now();
    let server = contender.start()?;
    let started = begun.elapsed();
    let address = server.node().address();
    note("listening after the start, ms", started.as_secs_f64() * 1e3);
    note("resident when idle, MiB", server.memory_kib("VmRSS")? as f64 / 1024.0);
    note("produce 1 KiB, records/s", load.produce(&address, "plain", 1024, 2_000_000, &[])?);
    note("produce 1 KiB lz4, records/s", load.produce(&address, "lz4", 1024, 2_000_000, &["-z", "lz4"])?);
    note("produce 100 B, records/s", load.produce(&address, "small", 100, 5_000_000, &[])?);
    note("consume 1 KiB, records/s", load.consume(&address, "plain", 0)?);
    let [half, high, highest] = load.at_a_rate(&address, "paced", 300_000)?;
    note("10,000/s: p50, ms", half);
    note("10,000/s: p99, ms", high);
    note("10,000/s: p99.9, ms", highest);
    note("resident after it all, MiB", server.memory_kib("VmRSS")? as f64 / 1024.0);
    Ok(())
}

/// A table in Markdown: the median of each figure, and Grete's over each of the others.
fn print(figures: &Figures) {
    let head: Vec<&str> = Contender::ALL.iter().map(|contender| contender.name()).collect();
    println!("| | {} | Grete / Kafka |", head.join(" | "));
    println!("|---|---|---|---|---|");
    for (what, by_contender) in figures {
        let medians: Vec<f64> = Contender::ALL
            .iter()
            .map(|contender| by_contender.get(contender).map_or(f64::NAN, |all| median(all)))
            .collect();
        let cells: Vec<String> = medians.iter().map(|figure| number(*figure)).collect();
        let ratio = medians[0] / medians[1];
        let ratio = if ratio.is_finite() { format!("{ratio:.2}") } else { "-".to_owned() };
        println!("| {what} | {} | {ratio} |", cells.join(" | "));
    }
}

fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn number(figure: f64) -> String {
    if figure.is_nan() {
        // Not measured, or nothing to compare with.
        "-".to_owned()
    } else if figure >= 10_000.0 {
        format!("{:.0} k", figure / 1000.0)
    } else {
        format!("{figure:.0}")
    }
}
