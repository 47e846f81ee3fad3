//! Behaviour told as stories: text files of commands with what follows from them, in `tests/scenarios/`.
//!
//! `UPDATE=1 cargo test -p grete-core --test scenarios` rewrites what follows. Read the difference before you commit it.
//! A family of commands is one module here, that makes a [`Story`](runner::Story) for each file of its folder.

#[path = "scenarios/groups.rs"]
mod groups;
#[path = "scenarios/runner.rs"]
mod runner;

#[test]
fn groups() {
    runner::run_all("groups", groups::GroupStory::new);
}
