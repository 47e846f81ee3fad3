//! What clients ask for and what they are answered, told as stories: text files in `tests/scenarios/`, a folder for each
//! matter.
//!
//! `UPDATE=1 cargo test -p grete-sim --test scenarios` rewrites what follows. Read the difference before you commit it.

#[path = "scenarios/floods.rs"]
mod floods;
#[path = "scenarios/members.rs"]
mod members;
#[expect(dead_code, reason = "the core's stories use more of it")]
#[path = "../../core/tests/scenarios/runner.rs"]
mod runner;
#[path = "scenarios/story.rs"]
mod story;

use story::ClientStory;

#[test]
fn produce() {
    runner::run_all("produce", ClientStory::new);
}

#[test]
fn fetch_sessions() {
    runner::run_all("fetch_sessions", ClientStory::new);
}

#[test]
fn delete_records() {
    runner::run_all("delete_records", ClientStory::new);
}

#[test]
fn timestamps() {
    runner::run_all("timestamps", ClientStory::new);
}

#[test]
fn configs() {
    runner::run_all("configs", ClientStory::new);
}

#[test]
fn groups() {
    runner::run_all("groups", ClientStory::new);
}

#[test]
fn limits() {
    runner::run_all("limits", ClientStory::new);
}
