//! Histories in the form that `jepsen.tests.kafka` reads: one map a line, in the order in which things happened.
//!
//! What it has: `:send` and `:poll` as micro-operations, `[[:send k v]]` and, completed, `[[:send k [offset v]]]`;
//! `[[:poll {k [[offset v] ...]}]]`; `:assign` with the partitions that a consumer has. Keys are partitions, as strings.
//! What it has no word for (commits, administration) is left out.
//!
//! Invariants:
//! 1. A process does one thing at a time. A client with several batches under way is several processes; a process whose
//!    operation ended with `:info` does nothing more.
//! 2. A poll by a position that does not follow from the last one (assigned, sought, reset) stands behind an `:assign`
//!    without its partition, and one with it: that is how a jump is told from a skip.
//! 3. A poll during which partitions were assigned begins after that.

use crate::clock::WorldTime;
use crate::history::{Answer, ClientIndex, History, Operation, Outcome, Polled, TopicPartition, What};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// The history as EDN.
#[must_use]
pub fn history(history: &History) -> String {
    let mut moments: Vec<(WorldTime, usize, bool)> = Vec::new();
    for (at, operation) in history.operations().iter().enumerate() {
        moments.push((operation.began, at, false));
        moments.extend(operation.ended.map(|ended| (ended, at, true)));
    }
    // What began and ended at one moment began first.
    moments.sort();
    let mut writer = Writer::default();
    for (time, at, has_ended) in moments {
        writer.time = time;
        let operation = &history.operations()[at];
        match (&operation.what, has_ended) {
            (What::Produce { .. }, false) => writer.send_begins(at, operation),
            (What::Produce { .. }, true) => writer.send_ends(at, operation),
            (What::Poll, true) => writer.polled(operation),
            (What::Assign { partitions, .. }, true) => {
                writer.assign(operation.client, partitions.iter().cloned().collect());
            }
            (What::Revoke { partitions, .. }, true) => {
                let mut left = writer.assigned.get(&operation.client).cloned().unwrap_or_default();
                left.retain(|of| !partitions.contains(of));
                writer.assign(operation.client, left);
            }
            _ => {}
        }
    }
    writer.text
}

#[derive(Default)]
struct Writer {
    text: String,
    lines: usize,
    time: WorldTime,
    processes: usize,
    /// The processes of each client that do nothing now.
    idle: BTreeMap<ClientIndex, BTreeSet<usize>>,
    /// The process of each operation that is under way.
    busy: BTreeMap<usize, usize>,
    /// The process of each consumer: it does one thing after the other.
    consumers: BTreeMap<ClientIndex, usize>,
    assigned: BTreeMap<ClientIndex, BTreeSet<TopicPartition>>,
}

impl Writer {
    fn line(&mut self, process: usize, kind: &str, function: &str, value: &str) {
        let (index, nanos) = (self.lines, u128::from(self.time.0) * 1_000);
        let _ = writeln!(
            self.text,
            "{{:process {process}, :type :{kind}, :f :{function}, :value {value}, :time {nanos}, :index {index}}}"
        );
        self.lines += 1;
    }

    fn new_process(&mut self) -> usize {
        self.processes += 1;
        self.processes - 1
    }

    fn send_begins(&mut self, at: usize, operation: &Operation) {
        let idle = self.idle.entry(operation.client).or_default().pop_first();
        let process = idle.unwrap_or_else(|| self.new_process());
        self.busy.insert(at, process);
        self.line(process, "invoke", "send", &sent(operation, None));
    }

    fn send_ends(&mut self, at: usize, operation: &Operation) {
        let Some(process) = self.busy.remove(&at) else { return };
        let (kind, base) = match &operation.outcome {
            Outcome::Done(Answer::Produced { base }) if *base >= 0 => ("ok", Some(*base)),
            // Where it lies is not known, so no more is known than that it may.
            Outcome::Done(_) | Outcome::Unknown | Outcome::UnderWay => ("info", None),
            Outcome::Failed(_) => ("fail", None),
        };
        self.line(process, kind, "send", &sent(operation, base));
        if kind != "info" {
            self.idle.entry(operation.client).or_default().insert(process);
        }
    }

    fn consumer(&mut self, client: ClientIndex) -> usize {
        if let Some(process) = self.consumers.get(&client) {
            return *process;
        }
        let process = self.new_process();
        self.consumers.insert(client, process);
        process
    }

    fn assign(&mut self, client: ClientIndex, partitions: BTreeSet<TopicPartition>) {
        let process = self.consumer(client);
        let keys: Vec<String> = partitions.iter().map(key).collect();
        let value = format!("[{}]", keys.join(" "));
        self.line(process, "invoke", "assign", &value);
        self.line(process, "ok", "assign", &value);
        self.assigned.insert(client, partitions);
    }

    fn polled(&mut self, operation: &Operation) {
        let Outcome::Done(Answer::Polled(polled)) = &operation.outcome else { return };
        let with = |partitions: &mut BTreeSet<TopicPartition>, of: &[&Polled]| {
            partitions.extend(of.iter().map(|polled| polled.from.clone()));
        };
        let jumped: Vec<&Polled> = polled.iter().filter(|of| !of.continues).collect();
        let mut assigned = self.assigned.get(&operation.client).cloned().unwrap_or_default();
        if !jumped.is_empty() {
            assigned.retain(|of| jumped.iter().all(|jumped| jumped.from != *of));
            self.assign(operation.client, assigned.clone());
            with(&mut assigned, &jumped);
            self.assign(operation.client, assigned);
        }
        let process = self.consumer(operation.client);
        self.line(process, "invoke", "poll", "[[:poll]]");
        let mut value = String::new();
        for of in polled.iter().filter(|of| !of.records.is_empty()) {
            let records: Vec<String> =
                of.records.iter().map(|(offset, value)| format!("[{offset} {}]", value.0)).collect();
            let _ = write!(value, "{} [{}] ", key(&of.from), records.join(" "));
        }
        self.line(process, "ok", "poll", &format!("[[:poll {{{}}}]]", value.trim_end()));
    }
}

/// A send of a batch: one micro-operation for each record.
fn sent(operation: &Operation, base: Option<i64>) -> String {
    let What::Produce { to, values, .. } = &operation.what else { return String::from("[]") };
    let key = key(to);
    let one = |(value, place): (&crate::history::Value, i64)| match base {
        Some(base) => format!("[:send {key} [{} {}]]", base + place, value.0),
        None => format!("[:send {key} {}]", value.0),
    };
    format!("[{}]", values.iter().zip(0..).map(one).collect::<Vec<_>>().join(" "))
}

fn key(of: &TopicPartition) -> String {
    format!("{:?}", format!("{}/{}", of.topic, of.partition))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Value;

    fn of(partition: i32) -> TopicPartition {
        TopicPartition { topic: "t".into(), partition }
    }

    fn produce(values: &[u64]) -> What {
        let values = values.iter().copied().map(Value).collect();
        What::Produce { to: of(0), values, idempotent: false, acks: -1 }
    }

    #[test]
    fn sends_under_way_together_are_processes_of_their_own() {
        let mut seen = History::default();
        let client = ClientIndex(0);
        let first = seen.begin(client, WorldTime(1), produce(&[7, 8]));
        let second = seen.begin(client, WorldTime(2), produce(&[9]));
        seen.end(second, WorldTime(3), Outcome::Unknown);
        seen.end(first, WorldTime(4), Outcome::Done(Answer::Produced { base: 5 }));
        let third = seen.begin(client, WorldTime(5), produce(&[10]));
        seen.end(third, WorldTime(6), Outcome::Failed(3));
        let expected = r#"{:process 0, :type :invoke, :f :send, :value [[:send "t/0" 7] [:send "t/0" 8]], :time 1000, :index 0}
{:process 1, :type :invoke, :f :send, :value [[:send "t/0" 9]], :time 2000, :index 1}
{:process 1, :type :info, :f :send, :value [[:send "t/0" 9]], :time 3000, :index 2}
{:process 0, :type :ok, :f :send, :value [[:send "t/0" [5 7]] [:send "t/0" [6 8]]], :time 4000, :index 3}
{:process 0, :type :invoke, :f :send, :value [[:send "t/0" 10]], :time 5000, :index 4}
{:process 0, :type :fail, :f :send, :value [[:send "t/0" 10]], :time 6000, :index 5}
"#;
        assert_eq!(history(&seen), expected);
    }

    #[test]
    fn a_jump_stands_behind_an_assignment_and_a_continuation_does_not() {
        let mut seen = History::default();
        let client = ClientIndex(2);
        for (time, continues, offset) in [(1, false, 4), (3, true, 5)] {
            let poll = seen.begin(client, WorldTime(time), What::Poll);
            let records = vec![(offset, Value(90 + offset as u64))];
            let polled = Polled { from: of(1), position: offset, continues, records, high_watermark: 9, log_start: 0 };
            seen.end(poll, WorldTime(time + 1), Outcome::Done(Answer::Polled(vec![polled])));
        }
        let text = history(&seen);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 8, "{text}");
        assert!(lines[0].contains(":f :assign, :value [],"), "{text}");
        assert!(lines[3].contains(r#":type :ok, :f :assign, :value ["t/1"],"#), "{text}");
        assert!(lines[5].contains(r#":type :ok, :f :poll, :value [[:poll {"t/1" [[4 94]]}]],"#), "{text}");
        assert!(lines[7].contains(r#"[[:poll {"t/1" [[5 95]]}]]"#), "{text}");
        assert!(lines.iter().all(|line| line.starts_with("{:process 0, ")), "{text}");
    }
}
