//! The program as a person runs it: the same words twice, whatever the number of jobs, and what a failure leaves behind.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// A broker that answers before the sync, and a script that shows it.
const FAILS: &str = "\
seed 4
node n0 shards 1 dirs 1
node n1 shards 2 dirs 2 log.segment.bytes=4096
topic orders partitions 3
topic other partitions 2 retention.bytes=100000
client p1 producer acks all in-flight 5
client p2 producer acks all idempotent
client a1 admin
at 1s p1 send orders/0 records 5 bytes 200
at 1.1s p2 send other/1 records 2 bytes 20
at 1.2s a1 list-topics
at 1.5s p1 send orders/2 records 3 bytes 100
at 2s n1 kill restart-after 100ms
at 3s p1 send orders/1 records 4 bytes 1000
at 3.001s p1 send orders/1 records 4 bytes 1000
at 3.002s p1 send orders/1 records 4 bytes 1000
at 3.003s p1 send orders/1 records 4 bytes 1000
at 3.004s p1 send orders/1 records 4 bytes 1000
at 3.0045s n0 power-loss nothing restart-after 1s
at 6s p2 send other/0 records 2 bytes 20
at 7s net p2 n0 reset
heal at 10s
";

fn grete_sim(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_grete-sim")).args(arguments).output().expect("the program starts")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("the program speaks UTF-8")
}

/// A directory of its own for a test.
fn dir(name: &str) -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).expect("a directory");
    dir
}

/// A file with the script that fails.
fn failing_script(name: &str) -> (PathBuf, String) {
    let dir = dir(name);
    let path = dir.join("fails.script");
    fs::write(&path, FAILS).expect("a file");
    (dir, path.display().to_string())
}

#[test]
fn a_seed_tells_the_same_in_two_processes() {
    let first = grete_sim(&["replay", "3", "--profile", "disk"]);
    let second = grete_sim(&["replay", "3", "--profile", "disk"]);
    assert!(first.stdout.len() > 100_000, "{}", text(&first.stderr));
    assert!(first.stdout == second.stdout, "a replay differs from another");
    assert_eq!(first.status.code(), second.status.code());
}

#[test]
fn seeds_tell_the_same_with_any_number_of_jobs() {
    let run =
        |jobs: &str| grete_sim(&["run", "--seeds", "0..4", "--profile", "network", "--jobs", jobs, "--keep-going"]);
    let (one, three) = (run("1"), run("3"));
    assert!(text(&one.stdout).starts_with("4 runs, "), "{}", text(&one.stdout));
    assert_eq!(text(&one.stdout), text(&three.stdout));
    assert_eq!(one.status.code(), three.status.code());
}

#[test]
fn the_first_failure_is_told_whatever_the_number_of_jobs() {
    // With a broker that answers too early the seed 45 is the first that fails.
    let run = |jobs: &str| {
        grete_sim(&["run", "--seeds", "43..49", "--profile", "chaos", "--broker", "early-answer", "--jobs", jobs])
    };
    let (one, three) = (run("1"), run("3"));
    assert_eq!(one.status.code(), Some(1), "{}", text(&one.stdout));
    assert!(text(&one.stdout).contains(" fails: "), "{}", text(&one.stdout));
    assert!(text(&one.stdout).contains("--broker early-answer"), "{}", text(&one.stdout));
    assert_eq!(text(&one.stdout), text(&three.stdout));
}

#[test]
fn a_fault_or_a_checker_that_is_left_out_changes_the_verdict() {
    let (_, script) = failing_script("left_out");
    let run = |more: &[&str]| {
        let arguments = ["run", "--script", &script, "--broker", "early-answer"];
        grete_sim(&[&arguments[..], more].concat())
    };
    let fails = run(&[]);
    assert_eq!(fails.status.code(), Some(1), "{}", text(&fails.stdout));
    assert!(text(&fails.stdout).contains("fails: lost-write"), "{}", text(&fails.stdout));
    assert!(text(&fails.stdout).contains("power-loss              1        1"), "{}", text(&fails.stdout));
    let without_fault = run(&["--without-fault", "power-loss"]);
    assert_eq!(without_fault.status.code(), Some(0), "{}", text(&without_fault.stdout));
    assert!(!text(&without_fault.stdout).contains("power-loss"));
    let without_checker = run(&["--without-checker", "lost-write"]);
    assert!(!text(&without_checker.stdout).contains("fails: lost-write"), "{}", text(&without_checker.stdout));
    let unknown = run(&["--without-checker", "nobody"]);
    assert_eq!(unknown.status.code(), Some(2), "{}", text(&unknown.stderr));
    let right = grete_sim(&["run", "--script", &script]);
    assert_eq!(right.status.code(), Some(0), "{}", text(&right.stdout));
}

#[test]
fn a_failure_is_minimised_and_fails_for_the_same_reason() {
    let (dir, script) = failing_script("minimised");
    let shortest = dir.join("shortest.script").display().to_string();
    let done = grete_sim(&["minimise", &script, "--broker", "early-answer", "-o", &shortest]);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    for word in ["clients", "faults", "operations", "nodes", "partitions", "time"] {
        assert!(text(&done.stderr).contains(word), "{}", text(&done.stderr));
    }
    let left = fs::read_to_string(&shortest).expect("a script");
    let at: Vec<&str> = left.lines().filter(|line| line.starts_with("at ")).collect();
    assert!(at.len() <= 5, "{left}");
    assert_eq!(
        left.lines().filter(|line| line.starts_with("node ") || line.starts_with("topic ")).count(),
        2,
        "{left}"
    );
    let again = grete_sim(&["run", "--script", &shortest, "--broker", "early-answer"]);
    assert!(text(&again.stdout).contains("fails: lost-write"), "{}", text(&again.stdout));
    let nothing = grete_sim(&["minimise", &shortest]);
    assert_eq!(nothing.status.code(), Some(2), "{}", text(&nothing.stderr));
}

#[test]
fn a_failure_leaves_artefacts() {
    let (dir, script) = failing_script("artefacts");
    let artefacts = dir.join("left").display().to_string();
    let run = grete_sim(&["run", "--script", &script, "--broker", "early-answer", "--artefacts", &artefacts]);
    assert_eq!(run.status.code(), Some(1), "{}", text(&run.stderr));
    assert_eq!(
        fs::read_to_string(dir.join("left/fails.script")).expect("the script").lines().count(),
        FAILS.lines().count() + 1
    );
    assert!(
        fs::read_to_string(dir.join("left/fails.min.script")).expect("the minimised script").contains("power-loss")
    );
    assert!(fs::read_to_string(dir.join("left/fails.min.html")).expect("the page").contains("lost-write"));
}

#[test]
fn two_builds_that_are_the_same_do_not_differ_and_others_do() {
    let (_, script) = failing_script("diff");
    let this = env!("CARGO_BIN_EXE_grete-sim");
    let same = grete_sim(&["diff", &script, "--with", this]);
    assert_eq!(same.status.code(), Some(0), "{}", text(&same.stdout));
    assert!(text(&same.stdout).starts_with("no difference in "), "{}", text(&same.stdout));
    // A program that says something else from some line on.
    let other = dir("diff_other").join("other");
    fs::write(&other, format!("#!/bin/sh\n'{this}' \"$@\" | sed '300,$s/n0/n7/'\n")).expect("a program");
    fs::set_permissions(&other, PermissionsExt::from_mode(0o755)).expect("a program");
    let differs = grete_sim(&["diff", &script, "--with", &other.display().to_string()]);
    assert_eq!(differs.status.code(), Some(1), "{}", text(&differs.stdout));
    let lines: Vec<&str> = text(&differs.stdout).lines().collect();
    assert!(lines[0].starts_with("the first difference, after "), "{lines:?}");
    let first = |sign: &str| lines.iter().find_map(|line| line.strip_prefix(sign)).expect("a line");
    assert_eq!(first("- ").replacen("n0", "n7", 1), first("+ "));
}

#[test]
fn a_replay_shows_what_is_asked_for() {
    let (dir, script) = failing_script("replay");
    let whole = grete_sim(&["replay", &script]);
    let lines: Vec<&str> = text(&whole.stdout).lines().filter(|line| !line.starts_with('#')).collect();
    let number = |line: &str| line.split_whitespace().next().and_then(|word| word.parse::<usize>().ok());
    assert!(lines.iter().enumerate().all(|(place, line)| number(line) == Some(place)), "events are numbered");
    let only = grete_sim(&["replay", &script, "--only", "p2", "--until", "3s"]);
    let shown: Vec<&str> = text(&only.stdout).lines().filter(|line| !line.starts_with('#')).collect();
    assert!(shown.len() > 10 && shown.len() < lines.len() / 2);
    assert!(shown.iter().all(|line| lines.contains(line)), "what is shown is what happens");
    assert!(!shown.iter().any(|line| line.contains(" p1 ")), "{shown:?}");
    let is_append = |line: &&&str| line.contains("log      orders/0") && line.ends_with("end 5");
    let appended = lines.iter().find(is_append).expect("an append");
    let at = number(appended).expect("a number").to_string();
    let state = grete_sim(&["replay", &script, "--at", &at]);
    let told = appended.split_once("log      ").expect("a log").1;
    assert!(text(&state.stdout).contains(told), "{}", text(&state.stdout));
    let edn = dir.join("history.edn").display().to_string();
    grete_sim(&["replay", &script, "--edn", &edn]);
    let history = fs::read_to_string(&edn).expect("a history");
    assert!(history.lines().all(|line| line.starts_with("{:process ") && line.ends_with('}')), "{history}");
    let count = |word: &str| history.lines().filter(|line| line.contains(word)).count();
    assert_eq!((count(":type :invoke, :f :send"), count(":type :ok, :f :send")), (9, 9), "{history}");
    let nobody = grete_sim(&["replay", &script, "--only", "p9"]);
    assert_eq!(nobody.status.code(), Some(2), "{}", text(&nobody.stderr));
}

#[test]
fn who_reads_no_further_is_left_alone() {
    let mut replay = Command::new(env!("CARGO_BIN_EXE_grete-sim"))
        .args(["replay", "1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut head = [0; 100];
    let mut out = replay.stdout.take().expect("a pipe");
    out.read_exact(&mut head).expect("something is said");
    drop(out);
    let ended = replay.wait_with_output().expect("it ends");
    assert!(ended.stderr.is_empty(), "{}", text(&ended.stderr));
    assert_eq!(ended.status.code(), Some(0));
    std::io::stderr().flush().expect("a standard error");
}
