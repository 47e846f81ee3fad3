//! The scripts of bugs that were found: each is run, and must show none any more. Their files tell what was wrong.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use grete_core::shard::Shard;
use grete_sim::checker;
use grete_sim::run::execute;
use grete_sim::script::Script;
use std::fs;
use std::path::Path;
use std::sync::Arc;

#[test]
fn bugs_that_were_found_do_not_come_back() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    paths.sort();
    assert!(!paths.is_empty(), "there are scripts");
    for path in paths {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let script: Script =
            fs::read_to_string(&path).unwrap().parse().unwrap_or_else(|error| panic!("{name}: {error}"));
        let outcome = execute::<Shard>(&Arc::new(script), |config| config, checker::ALL).unwrap().outcome;
        assert_eq!(outcome.verdict, None, "{name}");
    }
}
