use super::*;
use grete_core::ids::{FileName, FilePosition, IoOwner, LogDirIndex};

fn file(path: &str) -> FileName {
    FileName::new(LogDirIndex(0), path)
}

fn disk() -> Disk {
    Disk::new(WorldSeed(3), DiskProfile { capacity_bytes: 64 << 10, ..DiskProfile::default() })
}

/// Submits one operation and runs it, with all that it was waiting for.
fn run(disk: &mut Disk, op: IoOp) -> IoResult {
    let io = IoId { owner: IoOwner::Log, number: 0 };
    let (ticket, _) = disk.submit(ShardId(0), io, op).expect("nothing is under way");
    disk.run(ticket).expect("it was submitted").result
}

fn create(path: &str) -> IoOp {
    IoOp::Create { file: file(path) }
}

fn write(path: &str, position: u64, bytes: &'static [u8]) -> IoOp {
    IoOp::Write { file: file(path), position: FilePosition(position), parts: vec![Bytes::from_static(bytes)] }
}

fn sync(path: &str) -> IoOp {
    IoOp::Sync { file: file(path) }
}

fn sync_dir(path: &str) -> IoOp {
    IoOp::SyncDir { dir: file(path) }
}

fn lose_power(disk: &Disk, profile: Profile) -> Disk {
    let mut left = disk.clone();
    left.process_died(0);
    left.power_loss(&Survival { seed: WorldSeed(9), profile });
    assert!(left.is_durable());
    left
}

fn kind(result: IoResult) -> IoErrorKind {
    result.expect_err("it fails").kind
}

#[test]
fn data_and_name_are_durable_only_with_both_syncs() {
    let mut disk = disk();
    run(&mut disk, create("a")).unwrap();
    run(&mut disk, write("a", 0, b"hello")).unwrap();
    run(&mut disk, sync("a")).unwrap();
    assert_eq!(lose_power(&disk, Profile::Nothing).contents("a"), None, "no directory sync: the name may be gone");
    assert_eq!(lose_power(&disk, Profile::NamesOnly).contents("a").as_deref(), Some(&b"hello"[..]));
    run(&mut disk, sync_dir("")).unwrap();
    assert_eq!(lose_power(&disk, Profile::Nothing).contents("a").as_deref(), Some(&b"hello"[..]));
}

#[test]
fn replacing_a_file_keeps_the_old_or_the_new_one() {
    let mut disk = disk();
    disk.put("checkpoint", b"old");
    run(&mut disk, create("checkpoint.tmp")).unwrap();
    run(&mut disk, write("checkpoint.tmp", 0, b"new")).unwrap();
    run(&mut disk, sync("checkpoint.tmp")).unwrap();
    run(&mut disk, IoOp::Rename { from: file("checkpoint.tmp"), to: file("checkpoint") }).unwrap();
    assert_eq!(lose_power(&disk, Profile::Nothing).contents("checkpoint").as_deref(), Some(&b"old"[..]));
    assert_eq!(lose_power(&disk, Profile::Everything).contents("checkpoint").as_deref(), Some(&b"new"[..]));
    run(&mut disk, sync_dir("")).unwrap();
    assert_eq!(lose_power(&disk, Profile::Nothing).contents("checkpoint").as_deref(), Some(&b"new"[..]));
}

#[test]
fn names_fail_as_a_file_system_fails() {
    let mut disk = disk();
    assert_eq!(kind(run(&mut disk, create("no/file"))), IoErrorKind::NotFound);
    run(&mut disk, IoOp::MakeDir { dir: file("d") }).unwrap();
    assert_eq!(kind(run(&mut disk, IoOp::MakeDir { dir: file("d") })), IoErrorKind::AlreadyExists);
    run(&mut disk, create("d/x")).unwrap();
    assert_eq!(kind(run(&mut disk, create("d/x"))), IoErrorKind::AlreadyExists);
    assert_eq!(kind(run(&mut disk, IoOp::RemoveDir { dir: file("d") })), IoErrorKind::Failed);
    assert_eq!(kind(run(&mut disk, write("d", 0, b"x"))), IoErrorKind::Failed);
    assert_eq!(kind(run(&mut disk, sync("d/y"))), IoErrorKind::NotFound);
    run(&mut disk, IoOp::Rename { from: file("d"), to: file("e") }).unwrap();
    run(&mut disk, IoOp::Remove { file: file("e/x") }).unwrap();
    run(&mut disk, IoOp::RemoveDir { dir: file("e") }).unwrap();
    assert!(disk.list().is_empty());
}

#[test]
fn space_is_bounded_and_given_back() {
    let mut disk = disk();
    run(&mut disk, create("a")).unwrap();
    let big = |position| IoOp::Write {
        file: file("a"),
        position: FilePosition(position),
        parts: vec![Bytes::from(vec![1; 60 << 10])],
    };
    run(&mut disk, big(0)).unwrap();
    assert_eq!(kind(run(&mut disk, big(60 << 10))), IoErrorKind::NoSpace);
    run(&mut disk, IoOp::Truncate { file: file("a"), length: 4096 }).unwrap();
    let space = run(&mut disk, IoOp::Space { dir: file("") }).unwrap();
    assert_eq!(space, IoOutput::Space { total_bytes: 64 << 10, usable_bytes: 60 << 10 });
    run(&mut disk, IoOp::Remove { file: file("a") }).unwrap();
    let space = run(&mut disk, IoOp::Space { dir: file("") }).unwrap();
    assert_eq!(space, IoOutput::Space { total_bytes: 64 << 10, usable_bytes: 64 << 10 });
}

#[test]
fn a_dropped_sync_loses_what_it_acknowledged() {
    let mut disk = disk();
    disk.put("a", b"");
    disk.add_fault(FaultRule::new(&[OpKind::Sync], "a", When::Nth(1), Fault::Ignored));
    run(&mut disk, write("a", 0, b"x")).unwrap();
    run(&mut disk, sync("a")).unwrap();
    assert_eq!(disk.faults()[0].fired(), 1);
    assert_eq!(lose_power(&disk, Profile::Nothing).contents("a").as_deref(), Some(&b""[..]));
    run(&mut disk, sync("a")).unwrap();
    assert_eq!(lose_power(&disk, Profile::Nothing).contents("a").as_deref(), Some(&b"x"[..]));
}

#[test]
fn a_failed_sync_is_final() {
    let mut disk = disk();
    disk.put("a", b"");
    disk.add_fault(FaultRule::new(&[OpKind::Sync], "", When::Nth(1), Fault::Error));
    run(&mut disk, write("a", 0, b"x")).unwrap();
    assert_eq!(kind(run(&mut disk, sync("a"))), IoErrorKind::Failed);
    run(&mut disk, sync("a")).unwrap();
    assert_eq!(lose_power(&disk, Profile::Nothing).contents("a").as_deref(), Some(&b""[..]));
}

#[test]
fn rot_stays() {
    let mut disk = disk();
    disk.put("a", &[0; 8]);
    disk.add_fault(FaultRule::new(&[OpKind::Read], "a", When::Nth(1), Fault::Rot));
    let read = || IoOp::Read { file: file("a"), position: FilePosition(0), length: 8 };
    let IoOutput::Read(first) = run(&mut disk, read()).unwrap() else { panic!("a read") };
    assert_eq!(first.iter().map(|byte| byte.count_ones()).sum::<u32>(), 1);
    let IoOutput::Read(second) = run(&mut disk, read()).unwrap() else { panic!("a read") };
    assert_eq!(first, second);
    assert_eq!(lose_power(&disk, Profile::Nothing).contents("a"), Some(first));
}

#[test]
fn a_stuck_operation_runs_once_the_disk_is_healed() {
    let mut disk = disk();
    disk.put("a", b"");
    disk.add_fault(FaultRule::new(&[OpKind::Sync], "", When::Always, Fault::Stuck));
    let io = IoId { owner: IoOwner::Log, number: 0 };
    assert!(disk.submit(ShardId(0), io, sync("a")).is_none());
    assert!(disk.submit(ShardId(0), io, write("a", 0, b"x")).is_none(), "behind the sync");
    let healed = disk.heal();
    assert_eq!(healed.len(), 1);
    let ran = disk.run(healed[0].0).unwrap();
    assert_eq!(ran.ready.len(), 1);
    disk.run(ran.ready[0].0).unwrap().result.unwrap();
    assert_eq!(disk.under_way(), 0);
}

#[test]
fn of_what_was_under_way_when_a_process_died_some_is_done() {
    let write = |position, length| IoOp::Write {
        file: file("a"),
        position: FilePosition(position),
        parts: vec![Bytes::from(vec![1; length])],
    };
    let mut seen = std::collections::BTreeSet::new();
    for cause in 0..60 {
        let mut disk = disk();
        disk.put("a", b"");
        let io = IoId { owner: IoOwner::Log, number: 0 };
        disk.submit(ShardId(0), io, write(10, 9_000)).unwrap();
        assert!(disk.submit(ShardId(0), io, write(9_010, 5)).is_none());
        disk.process_died(cause);
        seen.insert(disk.contents("a").unwrap().len());
    }
    assert_eq!(seen, [0, 4096, 8192, 9_010].into(), "nothing, up to a page, or all; and nothing that came after");
}

#[test]
fn a_disk_goes_to_a_real_directory_and_back() {
    let mut disk = disk();
    disk.put("topic-0/00.log", b"records");
    disk.put("topic-0/00.index", b"");
    disk.put("meta.properties", b"version=1\n");
    let target = std::env::temp_dir().join(format!("grete-sim-disk-{}", std::process::id()));
    disk.save(&target).unwrap();
    let loaded = Disk::load(WorldSeed(1), DiskProfile::default(), &target).unwrap();
    std::fs::remove_dir_all(&target).unwrap();
    assert_eq!(loaded.list(), disk.list());
    assert!(loaded.is_durable());
    assert_eq!(loaded.contents("topic-0/00.log").as_deref(), Some(&b"records"[..]));
}
