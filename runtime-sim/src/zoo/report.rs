//! What came of the zoo, as a page and as a document.

use super::Bug;
use super::hunt::{Fired, names};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

/// What came of one bug.
#[derive(Clone, Debug)]
pub struct Found {
    /// The bug.
    pub bug: Bug,
    /// How long it took to build it.
    pub build: Duration,
    /// The seeds that were run, and how long they took.
    pub hunted: Hunted,
    /// The same without anything that goes wrong.
    pub calm: Hunted,
}

/// What came of some seeds.
#[derive(Clone, Debug, Default)]
pub struct Hunted {
    /// How many seeds were run until it was found, that one included; all of them where it was not.
    pub seeds: u64,
    /// How long they took.
    pub time: Duration,
    /// The first seed that shows it, and what it shows first.
    pub first: Option<(u64, Fired)>,
    /// In how many seeds each checker has fired.
    pub all: BTreeMap<String, u64>,
    /// What else was remarkable: that it went on without end, or ended.
    pub remark: Option<String>,
}

impl Hunted {
    /// Takes note of what a seed shows that the broker without the bug does not.
    pub fn note(&mut self, seed: u64, fired: Vec<Fired>) {
        for fired in &fired {
            *self.all.entry(fired.checker.clone()).or_default() += 1;
        }
        if self.first.is_none() {
            self.first = fired.into_iter().next().map(|first| (seed, first));
        }
    }

    fn checkers(&self) -> String {
        let all = self.all.iter().map(|(checker, count)| format!("{checker} {count}"));
        all.collect::<Vec<_>>().join(", ")
    }

    fn told(&self) -> String {
        match &self.first {
            Some((seed, _)) => format!("{} (seed {seed})", self.seeds),
            None => format!("not in {}", self.seeds),
        }
    }
}

/// One line for people who wait.
#[must_use]
pub fn line(found: &Found) -> String {
    let Found { bug, build, hunted, calm } = found;
    let first = hunted.first.as_ref().map_or("nothing", |(_, fired)| &fired.checker);
    format!(
        "{:<44} built in {:>4.0} s; {:>16} seeds, {:>5.1} s: {first:<14} [{}]; calm: {}{}",
        bug.name,
        build.as_secs_f64(),
        hunted.told(),
        hunted.time.as_secs_f64(),
        hunted.checkers(),
        calm.told(),
        hunted.remark.as_ref().map_or(String::new(), |remark| format!("; {remark}")),
    )
}

/// The columns of a bug in a table.
fn cells(found: &Found) -> [String; 7] {
    let Found { bug, hunted, calm, .. } = found;
    let (first, saw) = hunted.first.as_ref().map_or(("", ""), |(_, fired)| (&fired.checker, &fired.what));
    let remark = hunted.remark.as_ref().map_or(String::new(), |remark| format!(" ({remark})"));
    [
        bug.name.clone(),
        bug.mimics.clone(),
        bug.breaks.clone(),
        format!("{}{remark}", hunted.told()),
        if first.is_empty() { String::new() } else { format!("{first}: {saw}") },
        hunted.checkers(),
        calm.told(),
    ]
}

const HEAD: [&str; 7] = [
    "bug",
    "what is wrong",
    "what it breaks",
    "seeds until found",
    "first checker",
    "all checkers, with their seeds",
    "without faults",
];

fn count_found(all: &[Found]) -> (usize, usize) {
    let found = all.iter().filter(|found| found.hunted.first.is_some()).count();
    let calm = all.iter().filter(|found| found.calm.seeds > 0 && found.calm.first.is_none()).count();
    (found, calm)
}

/// The checkers that no bug has made fire.
fn unproven(all: &[Found]) -> Vec<&'static str> {
    let fired: BTreeSet<&str> =
        all.iter().flat_map(|found| found.hunted.all.keys().chain(found.calm.all.keys())).map(String::as_str).collect();
    names().filter(|name| !fired.contains(name)).collect()
}

/// `docs/zoo.md`.
#[must_use]
pub fn markdown(all: &[Found], profile: &str) -> String {
    let (found, calm) = count_found(all);
    let mut text = String::from(INTRODUCTION);
    let _ = writeln!(
        text,
        "\n{found} of {} bugs are found, with the profile `{profile}`; {calm} are not without faults.\n",
        all.len()
    );
    let _ = writeln!(text, "| {} |\n|{}", HEAD.join(" | "), "---|".repeat(HEAD.len()));
    for found in all {
        let cells = cells(found).map(|cell| cell.replace('|', "\\|"));
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    let unproven = unproven(all);
    let _ = writeln!(text, "\n## Unproven\n");
    let _ = match unproven.is_empty() {
        true => writeln!(text, "Each checker has found a bug."),
        false => writeln!(text, "No bug here has made these fire: {}.", unproven.join(", ")),
    };
    text
}

const INTRODUCTION: &str = "# The zoo\n
Bugs that were put into the broker, one at a time, and what the simulator made of them. Each is a patch under
`runtime-sim/bugs/`. A seed counts where the broker with the bug shows something that it does not show without it.
`grete-sim zoo` writes this file.\n
A bug that is found is looked for in some seeds more: `all checkers` are those that have fired in any of them. `Without faults`
is the same seeds with all that goes wrong taken out of their scripts.
";

/// The page.
#[must_use]
pub fn html(all: &[Found], profile: &str) -> String {
    let (found, calm) = count_found(all);
    let mut text = String::from(PAGE_HEAD);
    let _ = writeln!(
        text,
        "<h1>The zoo</h1><p>{found} of {} bugs are found, with the profile {profile}; {calm} are not without faults.</p>",
        all.len()
    );
    let _ = writeln!(
        text,
        "<table><thead><tr>{}</tr></thead><tbody>",
        HEAD.map(|cell| format!("<th scope=\"col\">{cell}</th>")).concat()
    );
    for found in all {
        let class = if found.hunted.first.is_some() { "found" } else { "missed" };
        let cells = cells(found).map(|cell| format!("<td>{}</td>", escape(&cell))).concat();
        let _ = writeln!(text, "<tr class=\"{class}\">{cells}</tr>");
    }
    let _ = writeln!(text, "</tbody></table><p>Unproven checkers: {}</p></body></html>", unproven(all).join(", "));
    text
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

const PAGE_HEAD: &str = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>The zoo</title><style>
body{font:14px/1.4 system-ui,sans-serif;margin:2em;color:#222;background:#fff}
table{border-collapse:collapse}th,td{border:1px solid #bbb;padding:.3em .6em;text-align:left;vertical-align:top}
thead th{position:sticky;top:0;background:#eee}tr.missed td:nth-child(4){background:#f3d9b1;font-weight:bold}
</style></head><body>
";

#[cfg(test)]
mod tests {
    use super::*;

    fn found(first: bool) -> Found {
        let bug = Bug {
            name: "01-wrong".into(),
            mimics: "own. a < b | c".into(),
            breaks: "a promise".into(),
            expects: "lost-write".into(),
            patch: "01-wrong.patch".into(),
        };
        let mut hunted = Hunted { seeds: 7, ..Hunted::default() };
        if first {
            hunted.note(6, vec![Fired { checker: "lost-write".into(), what: "gone".into() }]);
        }
        Found { bug, build: Duration::ZERO, hunted, calm: Hunted { seeds: 9, ..Hunted::default() } }
    }

    #[test]
    fn a_table_tells_what_was_found_and_which_checkers_are_unproven() {
        let text = markdown(&[found(true), found(false)], "chaos");
        assert!(text.contains("1 of 2 bugs are found, with the profile `chaos`; 2 are not without faults."), "{text}");
        assert!(
            text.contains("own. a < b \\| c | a promise | 7 (seed 6) | lost-write: gone | lost-write 1 | not in 9 |"),
            "{text}"
        );
        assert!(text.contains("| not in 7 |"), "{text}");
        let last = text.lines().last().expect("there is a last line");
        assert!(last.contains("duplicate") && !last.contains("lost-write"), "{last}");
    }

    #[test]
    fn a_page_has_no_markup_but_its_own() {
        let text = html(&[found(true)], "chaos");
        assert!(text.contains("a &lt; b | c") && text.contains("tr class=\"found\""), "{text}");
    }
}
