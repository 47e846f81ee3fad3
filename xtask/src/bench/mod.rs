//! `cargo xtask bench`: Grete and Apache Kafka under the same load, one after the other, on this machine.
//!
//! The load comes from librdkafka's own `rdkafka_performance` and, at a fixed rate, from Kafka's `ProducerPerformance`. What
//! counts is the ratio of two figures of one run. Grete flushes before it answers, always; Kafka does not unless told.

mod load;

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
}

/// Figures by case, then by contender: those of all rounds.
type Figures = BTreeMap<(usize, &'static str), BTreeMap<Contender, Vec<f64>>>;

pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    run_program(&cargo(), &["build", "--quiet", "--release", "--package", "grete"])?;
    let load = Load::prepare(arguments.divide.max(1))?;
    let mut figures = Figures::new();
    for round in 0..arguments.rounds.max(1) {
        for contender in Contender::ALL {
            eprintln!("round {}: {}", round + 1, contender.name());
            measure(contender, &load, &mut figures)?;
        }
    }
    print(&figures);
    Ok(())
}

fn measure(contender: Contender, load: &Load, figures: &mut Figures) -> Result<(), String> {
    let begun = Instant::now();
    let server = contender.start()?;
    let started = begun.elapsed();
    let address = server.node().address();
    let mut note = |place: usize, what: &'static str, figure: f64| {
        figures.entry((place, what)).or_default().entry(contender).or_default().push(figure);
    };
    note(0, "listening after the start, ms", started.as_secs_f64() * 1e3);
    note(1, "resident when idle, MiB", server.memory_kib("VmRSS")? as f64 / 1024.0);
    note(2, "produce 1 KiB, records/s", load.produce(&address, "plain", 1024, 2_000_000, &[])?);
    note(3, "produce 1 KiB lz4, records/s", load.produce(&address, "lz4", 1024, 2_000_000, &["-z", "lz4"])?);
    note(4, "produce 100 B, records/s", load.produce(&address, "small", 100, 5_000_000, &[])?);
    note(5, "consume 1 KiB, records/s", load.consume(&address, "plain")?);
    let latencies = load.at_a_rate(&address, "paced", 300_000)?;
    for (place, (what, figure)) in
        ["10,000/s: p50, ms", "10,000/s: p99, ms", "10,000/s: p99.9, ms"].into_iter().zip(latencies).enumerate()
    {
        note(6 + place, what, figure);
    }
    note(9, "resident after it all, MiB", server.memory_kib("VmRSS")? as f64 / 1024.0);
    Ok(())
}

/// A table in Markdown: the median of each figure, and Grete's over each of the others.
fn print(figures: &Figures) {
    let head: Vec<&str> = Contender::ALL.iter().map(|contender| contender.name()).collect();
    println!("| | {} | Grete / Kafka |", head.join(" | "));
    println!("|---|---|---|---|---|");
    for ((_, what), by_contender) in figures {
        let medians: Vec<f64> = Contender::ALL
            .iter()
            .map(|contender| by_contender.get(contender).map_or(f64::NAN, |all| median(all)))
            .collect();
        let cells: Vec<String> = medians.iter().map(|figure| number(*figure)).collect();
        println!("| {what} | {} | {:.2} |", cells.join(" | "), medians[0] / medians[1]);
    }
}

fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn number(figure: f64) -> String {
    if figure >= 10_000.0 { format!("{:.0} k", figure / 1000.0) } else { format!("{figure:.0}") }
}
