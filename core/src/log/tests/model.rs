//! Random histories against a model that is a list of batches: append, roll, read, delete, retention, kill, power loss.

use super::*;
use proptest::prelude::*;

const PARTITIONS: usize = 3;

#[derive(Clone, Debug)]
enum Action {
    Append {
        log: usize,
        records: i32,
        payload: usize,
        fill: u8,
    },
    /// Hands over this many completions, each the one at a place among those that are there.
    Complete(Vec<prop::sample::Index>),
    Wait {
        ms: u64,
    },
    Read {
        log: usize,
        at: prop::sample::Index,
        bytes_max: u32,
    },
    DeleteRecords {
        log: usize,
        at: prop::sample::Index,
    },
    Kill,
    LosePower,
    Stop,
}

fn actions() -> impl Strategy<Value = Action> {
    let append = (0..PARTITIONS, 1..4_i32, 0..200_usize, any::<u8>());
    prop_oneof![
        8 => append.prop_map(|(log, records, payload, fill)| Action::Append { log, records, payload, fill }),
        6 => prop::collection::vec(any::<prop::sample::Index>(), 1..20).prop_map(Action::Complete),
        2 => (0..800_u64).prop_map(|ms| Action::Wait { ms }),
        4 => (0..PARTITIONS, any::<prop::sample::Index>(), 1..2000_u32)
            .prop_map(|(log, at, bytes_max)| Action::Read { log, at, bytes_max }),
        1 => (0..PARTITIONS, any::<prop::sample::Index>()).prop_map(|(log, at)| Action::DeleteRecords { log, at }),
        1 => Just(Action::Kill),
        1 => Just(Action::LosePower),
        1 => Just(Action::Stop),
    ]
}

/// What a log should hold.
#[derive(Clone, Debug, Default)]
struct ModelLog {
    batches: Vec<ModelBatch>,
    end: i64,
    /// What was said to be durable.
    durable_end: i64,
    /// What was asked to be deleted, and what was said to be.
    start: i64,
    durable_start: i64,
}

#[derive(Clone, Debug)]
struct ModelBatch {
    base: i64,
    end: i64,
    payload: usize,
    fill: u8,
}

fn run(config: &LogConfig, store: LogStoreConfig, history: Vec<Action>) {
    let mut world = World::with(store);
    let mut model: Vec<ModelLog> = alloc::vec![ModelLog::default(); PARTITIONS];
    reopen(&mut world, &mut model, config);
    for action in history {
        match action {
            Action::Append { log, records, payload, fill } => {
                let batch = BatchSpec { fill, timestamp: world.now.wall.0, ..BatchSpec::new(records, payload) }.build();
                let info = world.append(partition(log as i32), &batch).expect("the log is open");
                let expected = &mut model[log];
                assert_eq!(info.first_offset.0, expected.end, "offsets follow one another");
                let end = expected.end + i64::from(records);
                expected.batches.push(ModelBatch { base: expected.end, end, payload, fill });
                expected.end = end;
                world.end_step();
            }
            Action::Complete(places) => {
                for place in places {
                    let there = world.disk.completions.len();
                    if there > 0 {
                        world.disk.completions.swap(0, place.index(there));
                        world.complete_one();
                    }
                }
            }
            Action::Wait { ms } => {
                world.now.instant = Instant(world.now.instant.0 + ms * 1000);
                world.now.wall = Timestamp(world.now.wall.0 + ms as i64);
                world.store.tick(world.now, &mut world.effects);
                world.end_step();
            }
            Action::Read { log, at, bytes_max } => {
                world.settle();
                note(&mut world, &mut model);
                check_read(&mut world, &model[log], log, at, bytes_max);
            }
            Action::DeleteRecords { log, at } => {
                let to = at.index(model[log].durable_end as usize + 1) as i64;
                let (start, durable) =
                    world.store.delete_records(world.now, partition(log as i32), Offset(to)).expect("open");
                assert!(start.0 >= to);
                model[log].start = model[log].start.max(to);
                if durable {
                    model[log].durable_start = model[log].durable_start.max(to);
                }
                world.end_step();
            }
            Action::Kill | Action::LosePower | Action::Stop => {
                note(&mut world, &mut model);
                if matches!(action, Action::Stop) {
                    world.store.shutdown(world.now);
                    world.settle();
                    assert!(matches!(world.events.last(), Some(LogEvent::Closed)), "{:?}", world.events);
                    note(&mut world, &mut model);
                    model.iter_mut().for_each(|log| log.durable_end = log.end);
                    check_indexes(&world);
                }
                if matches!(action, Action::LosePower) {
                    world.disk.lose_power();
                }
                world.restart();
                reopen(&mut world, &mut model, config);
            }
        }
        note(&mut world, &mut model);
    }
}

/// Each entry of an offset index has to lead to a batch that ends at its offset, as Kafka's `dump-log` demands, and no time
/// entry may be too small for what comes before its offset.
fn check_indexes(world: &World) {
    for path in world.disk.paths().into_iter().filter(|path| path.ends_with(".log")) {
        let log = world.disk.bytes(path);
        let base: i64 = path[path.len() - 24..path.len() - 4].parse().expect("a base offset");
        let mut ends = alloc::collections::BTreeMap::new();
        let mut at = 0;
        while let Some(header) = crate::log::header::BatchHeader::parse(&log[at..]) {
            ends.insert(at as u32, header);
            at += header.bytes;
        }
        assert_eq!(at, log.len(), "a log file is whole batches");
        let stem = path.strip_suffix(".log").expect("it ends so");
        for entry in world.disk.bytes(&alloc::format!("{stem}.index")).chunks(8) {
            let (offset, position) = entry.split_at(4);
            let number = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().expect("four bytes"));
            let header = ends.get(&number(position)).expect("a batch begins there");
            assert_eq!(header.last_offset().0 - base, i64::from(number(offset)), "and ends at the offset");
        }
        let mut last = -1;
        for entry in world.disk.bytes(&alloc::format!("{stem}.timeindex")).chunks(12) {
            let (time, offset) = entry.split_at(8);
            let time = i64::from_be_bytes(time.try_into().expect("eight bytes"));
            let offset = base + i64::from(u32::from_be_bytes(offset.try_into().expect("four bytes")));
            let newest = ends
                .values()
                .filter(|header| header.last_offset().0 <= offset)
                .map(|header| header.max_timestamp.0)
                .max();
            assert_eq!(newest, Some(time), "the greatest time so far");
            assert!(time > last, "times grow");
            last = time;
        }
    }
}

/// Takes up what the store has said.
fn note(world: &mut World, model: &mut [ModelLog]) {
    for event in world.events.drain(..) {
        match event {
            LogEvent::Flushed { partition, durable_end } => {
                let log = &mut model[partition.partition.0 as usize];
                assert!(durable_end.0 > log.durable_end || log.durable_end == log.end, "it moves forward");
                log.durable_end = log.durable_end.max(durable_end.0);
                assert!(log.durable_end <= log.end, "what is durable was appended");
                world.store.advance_high_watermark(partition, durable_end);
            }
            LogEvent::RecordsDeleted { partition, log_start } => {
                let log = &mut model[partition.partition.0 as usize];
                log.durable_start = log.durable_start.max(log_start.0);
            }
            LogEvent::DirOffline { reason, .. } | LogEvent::Damaged { reason, .. } => panic!("{reason}"),
            LogEvent::Opened { .. } | LogEvent::Read { .. } | LogEvent::Lookup { .. } | LogEvent::Closed => {}
        }
    }
}

/// Opens all logs, and holds what is there against what should be.
fn reopen(world: &mut World, model: &mut [ModelLog], config: &LogConfig) {
    (0..PARTITIONS).for_each(|log| world.open(partition(log as i32), config));
    world.settle();
    for (number, log) in model.iter_mut().enumerate() {
        let state = world.store.state(partition(number as i32));
        let state = state.unwrap_or_else(|why| panic!("all logs open without help: {why:?} {:?}", world.events));
        assert!(state.log_end.0 >= log.durable_end, "{} is durable, {} is there", log.durable_end, state.log_end);
        assert!(state.log_end.0 <= log.end, "nothing that was never sent appears");
        assert_eq!(state.durable_end, state.log_end, "what is there is durable after a while");
        assert!(state.log_start.0 >= log.durable_start, "what was deleted stays deleted");
        log.batches.retain(|batch| batch.end <= state.log_end.0);
        log.end = state.log_end.0;
        log.durable_end = log.end;
        log.start = state.log_start.0;
    }
    world.events.retain(|event| !matches!(event, LogEvent::Flushed { .. }));
    for number in 0..PARTITIONS {
        let end = world.store.state(partition(number as i32)).expect("open").durable_end;
        world.store.advance_high_watermark(partition(number as i32), end);
    }
}

fn check_read(world: &mut World, model: &ModelLog, log: usize, at: prop::sample::Index, bytes_max: u32) {
    let state = world.store.state(partition(log as i32)).expect("open");
    assert_eq!(state.log_end.0, model.end);
    assert!(state.log_start.0 >= model.start, "retention only adds");
    let left = (state.log_end.0 - state.log_start.0) as usize;
    let offset = state.log_start.0 + at.index(left + 1) as i64;
    let records = world.read(partition(log as i32), request(Offset(offset), state.durable_end, bytes_max));
    let records = records.expect("the offset is in the log");
    let mut expected = model.batches.iter().filter(|batch| batch.end > offset);
    let mut bytes = 0;
    for (place, batch) in records.batches.iter().enumerate() {
        let wanted = expected.next().expect("only what was appended is read");
        assert_eq!((batch.base_offset.0, batch.last_offset.0 + 1), (wanted.base, wanted.end));
        assert_eq!(batch.parts[1].len(), wanted.payload);
        assert!(batch.parts[1].iter().all(|byte| *byte == wanted.fill));
        bytes += batch.len();
        assert!(place == 0 || bytes <= bytes_max as usize, "the bound holds but for the first batch");
    }
    let more = model.batches.iter().any(|batch| batch.base >= offset || batch.end > offset);
    assert!(!records.batches.is_empty() || !more, "there is something to read");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn a_store_is_as_good_as_a_list(
        history in prop::collection::vec(actions(), 1..120),
        segment_bytes in 300..2000_u32,
        index_interval_bytes in 1..400_u32,
        tail_bytes_max in prop_oneof![Just(0_usize), Just(1000), Just(1 << 20)],
        recovery_debt_bytes_max in prop_oneof![Just(500_u64), Just(1 << 20)],
        retention_bytes in prop_oneof![Just(-1_i64), Just(2000)],
        retention_ms in prop_oneof![Just(-1_i64), Just(3000)],
    ) {
        let config = LogConfig {
            segment_bytes,
            index_interval_bytes,
            retention_bytes,
            retention_ms,
            file_delete_delay_ms: 500,
            ..LogConfig::default()
        };
        let store = LogStoreConfig {
            tail_bytes_max,
            recovery_debt_bytes_max,
            retention_check_interval_ms: 300,
            record_interval_ms: 400,
            ..LogStoreConfig::default()
        };
        run(&config, store, history);
    }
}
