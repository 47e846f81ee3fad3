//! What puts load on a broker: librdkafka's `rdkafka_performance`, built from the crate that the tests use, and Kafka's own
//! `ProducerPerformance`.

use crate::shell::{cargo, root, run};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The programs that put load on a broker.
pub(super) struct Load {
    performance: PathBuf,
    probe: PathBuf,
    kafka: PathBuf,
    divide: u64,
}

impl Load {
    /// Builds and fetches the programs; cases will have a part of their records, one in `divide`.
    pub(super) fn prepare(divide: u64) -> Result<Self, String> {
        run(&cargo(), &["build", "--quiet", "--release", "--package", "grete-tests", "--bin", "probe"])?;
        let probe = root().join("target/release/probe");
        Ok(Self { performance: performance()?, probe, kafka: crate::kafka::install()?, divide })
    }

    /// By what the numbers of records are divided.
    pub(super) const fn divide(&self) -> u64 {
        self.divide
    }

    /// The project's own client for what no tool measures, ready to be started.
    pub(super) fn probe_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.probe);
        command.args(arguments);
        command
    }

    /// Runs the project's own client; answers with what it says.
    pub(super) fn probe(&self, arguments: &[&str]) -> Result<String, String> {
        said(&mut self.probe_command(arguments))
    }

    /// Produces `records` of `bytes` each with acks=all; answers with the acknowledged records a second.
    pub(super) fn produce(
        &self,
        address: &str,
        topic: &str,
        bytes: u32,
        records: u64,
        more: &[&str],
    ) -> Result<f64, String> {
        let (bytes, records) = (bytes.to_string(), (records / self.divide).to_string());
        let arguments = ["-P", "-b", address, "-t", topic, "-s", &bytes, "-c", &records, "-a", "-1", "-u"];
        let said = said(
            Command::new(&self.performance)
                .args(arguments)
                .args(["-X", "queue.buffering.max.messages=500000"])
                .args(["-X", "sticky.partitioning.linger.ms=0"])
                .args(more),
        )?;
        let row = said.lines().rev().find(|line| line.starts_with("| ")).unwrap_or_default();
        let delivered = row.split('|').nth(6).and_then(|cell| cell.trim().parse().ok());
        delivered.ok_or_else(|| format!("rdkafka_performance said no rate:\n{said}"))
    }

    /// Consumes one partition of a topic from its beginning; answers with the records a second.
    pub(super) fn consume(&self, address: &str, topic: &str, partition: u32) -> Result<f64, String> {
        let partition = partition.to_string();
        let arguments = ["-C", "-b", address, "-t", topic, "-p", &partition, "-o", "beginning", "-e"];
        let said = said(Command::new(&self.performance).args(arguments))?;
        let line = said.lines().rev().find(|line| line.contains("consumed in")).unwrap_or_default();
        let rate = line.split(": ").nth(1).and_then(|rest| rest.split(' ').next()).and_then(|rate| rate.parse().ok());
        rate.ok_or_else(|| format!("rdkafka_performance said no rate:\n{said}"))
    }

    /// Produces 10,000 records of 1 KiB a second without lingering; the 50th, 99th and 99.9th percentile of the time until
    /// their acknowledgement, in ms. The client's first seconds do not count: until its JVM has compiled what it does, they
    /// measure that.
    pub(super) fn at_a_rate(&self, address: &str, topic: &str, records: u64) -> Result<[f64; 3], String> {
        let warmup = (records / self.divide / 3).to_string();
        let records = (records / self.divide).to_string();
        let servers = format!("bootstrap.servers={address}");
        let said = said(
            Command::new("java")
                .args(["-Xmx512m", "-cp"])
                .arg(self.kafka.join("*"))
                .args(["org.apache.kafka.tools.ProducerPerformance", "--topic", topic, "--num-records", &records])
                .args(["--warmup-records", &warmup])
                .args(["--record-size", "1024", "--throughput", "10000", "--producer-props", &servers])
                .args(["acks=all", "linger.ms=0"]),
        )?;
        let line = said.lines().rev().find(|line| line.contains("99.9th")).unwrap_or_default();
        let percentile = |which: &str| {
            let cell = line.split(", ").find(|cell| cell.trim_end_matches('.').ends_with(which));
            cell.and_then(|cell| cell.split(' ').next()).and_then(|number| number.parse().ok())
        };
        match (percentile(" 50th"), percentile(" 99th"), percentile(" 99.9th")) {
            (Some(half), Some(high), Some(highest)) => Ok([half, high, highest]),
            _ => Err(format!("ProducerPerformance said no percentiles:\n{said}")),
        }
    }
}

/// What a program prints, on either stream; an error where it fails.
fn said(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{program}: {error}"))?;
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.success() { Ok(said) } else { Err(format!("{program} failed: {said}")) }
}

/// The path of `rdkafka_performance`; builds it in the cache from the sources in the crate `rdkafka-sys` where it is missing.
fn performance() -> Result<PathBuf, String> {
    let metadata =
        said(Command::new(cargo()).args(["metadata", "--format-version", "1", "--quiet"]).current_dir(root()))?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata).map_err(|error| error.to_string())?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata lists no packages")?;
    let package = packages.iter().find(|package| package["name"] == "rdkafka-sys").ok_or("rdkafka-sys is not used")?;
    let (Some(manifest), Some(version)) = (package["manifest_path"].as_str(), package["version"].as_str()) else {
        return Err("cargo metadata does not say where rdkafka-sys lies".to_owned());
    };
    let sources = Path::new(manifest).with_file_name("librdkafka");
    let here = crate::kafka::cache()?.join(format!("librdkafka-{version}"));
    let program = here.join("examples/rdkafka_performance");
    if program.exists() {
        return Ok(program);
    }
    std::fs::create_dir_all(&here).map_err(|error| format!("{}: {error}", here.display()))?;
    said(Command::new("cp").arg("-r").arg(sources.join(".")).arg(&here))?;
    let plain = ["--disable-sasl", "--disable-ssl", "--disable-curl", "--disable-gssapi"];
    said(Command::new("./configure").args(plain).current_dir(&here))?;
    said(Command::new("make").args(["-j2", "libs"]).current_dir(&here))?;
    said(Command::new("make").args(["-C", "examples", "rdkafka_performance"]).current_dir(&here))?;
    Ok(program)
}
