//! A broker starts on files that anything may have happened to: it serves, or says why not; it never panics, and what it
//! has begun to serve it serves after another start as well.
#![no_main]

use core::time::Duration;
use grete_core::shard::Shard;
use grete_fuzz::broker::{BOOT, PARTITIONS, TOPIC, check, end};
use grete_fuzz::mend_checksum;
use grete_fuzz::script::steps;
use grete_protocol::records::BatchView;
use grete_sim::client::Client;
use grete_sim::client::operations::{self, Producer};
use grete_sim::disk::{Disk, DiskProfile};
use grete_sim::draw::WorldSeed;
use grete_sim::drive::Drive;
use grete_sim::node::{Ended, NodeIndex, NodeState};
use grete_sim::world::World;
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;

type Files = BTreeMap<String, Vec<u8>>;

thread_local! {
    /// After a stop in order, and after a kill.
    static WORLDS: [(World<Shard>, NodeIndex, Files); 2] = [true, false].map(|in_order| {
        let (world, node) = end(1, in_order);
        let disk = world.disk(node, 0);
        let files = disk.list().into_iter().filter(|entry| entry.length.is_some());
        let contents = |path: &str| disk.contents(path).map(|bytes| bytes.to_vec()).unwrap_or_default();
        let files = files.map(|entry| (entry.path.to_string(), contents(&entry.path))).collect();
        (world, node, files)
    });
}

fuzz_target!(|input: &[u8]| {
    let Some((&first, input)) = input.split_first() else { return };
    let (mut world, node, mut files) = WORLDS.with(|worlds| worlds[usize::from(first & 1)].clone());
    for step in steps(input) {
        change(&mut files, step.what, step.content);
    }
    let mut disk = Disk::new(WorldSeed(2), DiskProfile::default());
    for (path, content) in &files {
        disk.put(path, content);
    }
    *world.disk_mut(node, 0) = disk;
    world.set_shards(node, 1 + u16::from(first >> 1 & 1));
    if !world.start_and_wait(node, BOOT) {
        let NodeState::Down(Ended::Failed { reason }) = world.state(node) else {
            panic!("neither serves nor says why not: {:?}", world.state(node));
        };
        assert!(!reason.is_empty());
        return;
    }
    world.check_invariants();
    use_it(&mut world, node);
    check(&mut world, node);
    if first & 4 == 0 {
        assert!(world.shut_down_and_wait(node, BOOT), "{:?}", world.state(node));
    } else {
        world.kill(node);
    }
    assert!(world.start_and_wait(node, BOOT), "after it has served: {:?}", world.state(node));
    check(&mut world, node);
});

/// Reads and appends; whether it may is the damage's to say, not whether there is an answer.
fn use_it(world: &mut World<Shard>, node: NodeIndex) {
    for partition in 0..PARTITIONS {
        let mut client = Client::connect(world, node);
        let _ = operations::fetch_all(world, &mut client, TOPIC, partition);
        let mut client = Client::connect(world, node);
        let batch = operations::batch(&["new".into()], 1_700_000_000_000, Producer::NONE);
        if let Ok(offset) = operations::produce(world, &mut client, TOPIC, partition, batch) {
            assert!(offset >= 0);
        }
    }
    world.run_for(Duration::from_secs(1));
}

/// Changes one file: which one, the first two bytes say.
fn change(files: &mut Files, what: u8, content: &[u8]) {
    let Some((&[place, p0, p1], bytes)) = content.split_first_chunk() else { return };
    let position = usize::from(u16::from_be_bytes([p0, p1]));
    let Some(path) = files.keys().nth(usize::from(place) % files.len().max(1)).cloned() else { return };
    let file = files.entry(path.clone()).or_default();
    match what % 10 {
        // Overwrites, and may make it longer.
        0 | 1 => {
            file.resize(file.len().max(position.min(1 << 16) + bytes.len()), 0);
            file[position..][..bytes.len()].copy_from_slice(bytes);
        }
        // Overwrites within a batch, and makes its checksum right.
        2 | 3 => {
            let end = (position + bytes.len()).min(file.len());
            if position < end {
                file[position..end].copy_from_slice(&bytes[..end - position]);
            }
            mend_all(file);
        }
        4 => file.truncate(position),
        5 => file.extend_from_slice(bytes),
        6 => *file = bytes.to_vec(),
        7 => {
            files.remove(&path);
        }
        // Another name, beside it.
        8 => {
            let name: String =
                String::from_utf8_lossy(bytes).chars().filter(|c| !"/\0".contains(*c)).take(60).collect();
            let content = files.get(&path).cloned().unwrap_or_default();
            let folder = path.rsplit_once('/').map(|(folder, _)| folder);
            let path = folder.map_or_else(|| name.clone(), |folder| format!("{folder}/{name}"));
            let is_dir = files.keys().any(|known| known.starts_with(&format!("{path}/")));
            if !name.is_empty() && name != "." && name != ".." && !is_dir {
                files.insert(path, content);
            }
        }
        // All of a folder under another name, as one of an older start, or of another topic.
        _ => {
            let Some((folder, _)) = path.split_once('/') else { return };
            let name: String =
                String::from_utf8_lossy(bytes).chars().filter(|c| !"/\0".contains(*c)).take(60).collect();
            if name.is_empty() || name == "." || name == ".." || files.contains_key(&name) {
                return;
            }
            let copies: Vec<_> = files
                .iter()
                .filter_map(|(path, content)| {
                    let inner = path.strip_prefix(folder)?.strip_prefix('/')?;
                    Some((format!("{name}/{inner}"), content.clone()))
                })
                .collect();
            files.extend(copies);
        }
    }
}

/// Makes the checksums of all batches right.
fn mend_all(file: &mut [u8]) {
    let mut position = 0;
    while let Ok(batch) = BatchView::parse(&file[position..]) {
        let size = batch.size_bytes();
        mend_checksum(&mut file[position..][..size]);
        position += size;
    }
}
