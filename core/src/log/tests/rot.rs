//! Whatever a directory holds, opening it ends, and never with a panic.

use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Rot {
    Flip(prop::sample::Index, u8),
    Truncate(prop::sample::Index),
    Append(Vec<u8>),
    Overwrite(prop::sample::Index, Vec<u8>),
    Remove,
    /// The file is there under another name.
    Rename(&'static str),
}

fn rots() -> impl Strategy<Value = Rot> {
    let names = prop::sample::select(alloc::vec![
        "orders-0/00000000000000000000.log",
        "orders-0/00000000000000000007.log",
        "orders-0/09223372036854775807.log",
        "orders-0/00000000000000000000.index",
        "orders-0/00000000000000000006.timeindex",
        "orders-0/00000000000000000004.snapshot",
        "orders-0/00000000000000000000.log.swap",
        "orders-0/00000000000000000000.log.deleted",
        "orders-0/00000000000000000099.log.cleaned",
        "orders-0/partition.metadata",
        "orders-0/leader-epoch-checkpoint",
        "orders-0/leader-epoch-checkpoint.tmp",
        "grete-flushed-0",
        "grete-flushed-7",
        "grete-flushed-x",
    ]);
    let bytes = || prop::collection::vec(any::<u8>(), 0..100);
    prop_oneof![
        (any::<prop::sample::Index>(), 1..=255_u8).prop_map(|(at, bits)| Rot::Flip(at, bits)),
        any::<prop::sample::Index>().prop_map(Rot::Truncate),
        bytes().prop_map(Rot::Append),
        (any::<prop::sample::Index>(), bytes()).prop_map(|(at, bytes)| Rot::Overwrite(at, bytes)),
        Just(Rot::Remove),
        names.prop_map(Rot::Rename),
    ]
}

fn apply(world: &mut World, file: prop::sample::Index, rot: Rot) {
    let paths: Vec<alloc::string::String> = world.disk.paths().into_iter().map(Into::into).collect();
    if paths.is_empty() {
        return;
    }
    let path = &paths[file.index(paths.len())];
    let place = |at: prop::sample::Index, bytes: &Vec<u8>| at.index(bytes.len() + 1);
    match rot {
        Rot::Flip(at, bits) => world.disk.change(path, |bytes| {
            let at = place(at, bytes);
            bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= bits);
        }),
        Rot::Truncate(at) => world.disk.change(path, |bytes| bytes.truncate(place(at, bytes))),
        Rot::Append(more) => world.disk.change(path, |bytes| bytes.extend(more)),
        Rot::Overwrite(at, with) => world.disk.change(path, |bytes| {
            let at = place(at, bytes);
            bytes.iter_mut().skip(at).zip(with).for_each(|(byte, with)| *byte = with);
        }),
        Rot::Remove => world.disk.remove(path),
        Rot::Rename(to) => {
            let bytes = world.disk.bytes(path).to_vec();
            world.disk.put(to, bytes);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn a_rotten_directory_opens_or_is_set_aside(
        rotting in prop::collection::vec((any::<prop::sample::Index>(), rots()), 1..6),
        recorded in any::<bool>(),
        rounds in 1..3_usize,
    ) {
        let config = LogConfig { segment_bytes: 300, index_interval_bytes: 80, ..LogConfig::default() };
        let mut world = World::with(LogStoreConfig { tail_bytes_max: 0, ..LogStoreConfig::default() });
        world.open(partition(0), &config);
        for sequence in 0..9 {
            let spec = BatchSpec { producer: (5, 0, sequence), timestamp: i64::from(sequence), ..BatchSpec::new(1, 30) };
            world.commit(partition(0), &spec.build());
            if recorded && sequence == 4 {
                world.wait_ms(1000);
            }
        }
        for _ in 0..rounds {
            rotting.iter().cloned().for_each(|(file, rot)| apply(&mut world, file, rot));
            world.restart();
            world.open(partition(0), &config);
            world.settle();
            let Ok(state) = world.store.state(partition(0)) else { continue };
            let mut offset = state.log_start;
            while offset < state.durable_end {
                match world.read(partition(0), request(offset, state.durable_end, 1000)) {
                    Ok(records) => match records.batches.last() {
                        Some(last) => offset = last.last_offset.plus(1),
                        None => break,
                    },
                    Err(_) => break,
                }
            }
            world.store.find_timestamp(partition(0), crate::log::TimestampQuery::Max, &mut world.effects);
            if let Err(error) = world.append(partition(0), &BatchSpec::new(1, 30).build()) {
                assert_eq!(error, AppendError::OffsetsExhausted, "only a file's name can say that");
            }
            world.wait_ms(1000);
        }
    }
}
