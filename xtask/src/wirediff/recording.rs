//! The answers of Apache Kafka as a text file, so that Grete can be compared without starting it.
//!
//! Answers are masked before they are written. Neighbouring versions that answer alike share a line:
//!
//! ```text
//! serves Produce 0-13
//! case produce/title [choice]
//! <step> TAB <versions, or -> TAB <what was asked> TAB <the answer as JSON>
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::definitions::Versions;
use super::session::{Served, Step};

pub(super) struct Recording {
    pub(super) served: Served,
    /// By the case's name.
    cases: BTreeMap<String, Vec<Step>>,
}

/// The answers of one story with one choice.
type ByVersion<'a> = BTreeMap<Option<i16>, &'a Vec<Step>>;

/// A case's name taken apart: the story, the version, the choice with its brackets.
fn parts(case: &str) -> (&str, Option<i16>, &str) {
    let (rest, choice) = case.find('[').map_or((case, ""), |at| case.split_at(at));
    match rest.rsplit_once("@v") {
        Some((story, version)) => (story, version.parse().ok(), choice),
        None => (rest, None, choice),
    }
}

fn name(story: &str, version: Option<i16>, choice: &str) -> String {
    match version {
        Some(version) => format!("{story}@v{version}{choice}"),
        None => format!("{story}{choice}"),
    }
}

impl Recording {
    pub(super) fn new(served: Served) -> Recording {
        Recording { served, cases: BTreeMap::new() }
    }

    pub(super) fn insert(&mut self, case: String, steps: Vec<Step>) {
        self.cases.insert(case, steps);
    }

    /// The names of all recorded cases.
    #[cfg(test)]
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.cases.keys().map(String::as_str)
    }

    pub(super) fn take(&mut self, case: &str) -> Option<Vec<Step>> {
        self.cases.remove(case)
    }

    pub(super) fn write(&self, about: &str) -> String {
        let mut text = format!("# {about}\n");
        for (api, versions) in &self.served {
            let _ = writeln!(text, "serves {api} {}-{}", versions.first, versions.last);
        }
        let mut stories: BTreeMap<(&str, &str), ByVersion<'_>> = BTreeMap::new();
        for (case, steps) in &self.cases {
            let (story, version, choice) = parts(case);
            stories.entry((story, choice)).or_default().insert(version, steps);
        }
        for ((story, choice), versions) in &stories {
            let _ = writeln!(text, "case {story} {choice}");
            let steps_max = versions.values().map(|steps| steps.len()).max().unwrap_or(0);
            for index in 0..steps_max {
                let mut runs: Vec<(Option<i16>, Option<i16>, String)> = Vec::new();
                for (version, steps) in versions {
                    let Some(step) = steps.get(index) else { continue };
                    let line = format!("{}\t{}", general(&step.asked, *version), step.answer);
                    match runs.last_mut() {
                        Some((_, last, same)) if *same == line && next(*last) == *version => *last = *version,
                        _ => runs.push((*version, *version, line)),
                    }
                }
                for (first, last, line) in runs {
                    let range = match (first, last) {
                        (Some(first), Some(last)) if first == last => first.to_string(),
                        (Some(first), Some(last)) => format!("{first}-{last}"),
                        _ => "-".to_owned(),
                    };
                    let _ = writeln!(text, "{index}\t{range}\t{line}");
                }
            }
        }
        text
    }

    pub(super) fn parse(text: &str) -> Result<Recording, String> {
        let mut recording = Recording::new(Served::new());
        let (mut story, mut choice) = ("", "");
        for (index, line) in text.lines().enumerate() {
            let wrong = || format!("recording, line {}", index + 1);
            if line.starts_with('#') || line.is_empty() {
                continue;
            }
            if let Some(served) = line.strip_prefix("serves ") {
                let (api, range) = served.split_once(' ').ok_or_else(wrong)?;
                let (first, last) = numbers(range).ok_or_else(wrong)?;
                recording.served.insert(api.to_owned(), Versions { first, last });
                continue;
            }
            if let Some(case) = line.strip_prefix("case ") {
                (story, choice) = case.split_once(' ').ok_or_else(wrong)?;
                continue;
            }
            let columns: Vec<&str> = line.splitn(4, '\t').collect();
            let [_, range, asked, answer] = columns[..] else { return Err(wrong()) };
            let answer: Value = serde_json::from_str(answer).map_err(|error| format!("{}: {error}", wrong()))?;
            let versions: Vec<Option<i16>> = match range {
                "-" => vec![None],
                range => {
                    let (first, last) = numbers(range).ok_or_else(wrong)?;
                    (first..=last).map(Some).collect()
                }
            };
            for version in versions {
                let asked = match version {
                    Some(version) => asked.replace("@*", &format!("@{version}")),
                    None => asked.to_owned(),
                };
                let api =
                    asked.strip_prefix("ask ").and_then(|rest| rest.split('@').next()).unwrap_or_default().to_owned();
                let step = Step { asked, api, request: Value::Null, answer: answer.clone() };
                recording.cases.entry(name(story, version, choice)).or_default().push(step);
            }
        }
        Ok(recording)
    }
}

/// What was asked, without the version under test.
fn general(asked: &str, version: Option<i16>) -> String {
    match version.and_then(|version| asked.strip_suffix(&format!("@{version}"))) {
        Some(api) => format!("{api}@*"),
        None => asked.to_owned(),
    }
}

fn next(version: Option<i16>) -> Option<i16> {
    version.map(|version| version + 1)
}

fn numbers(range: &str) -> Option<(i16, i16)> {
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    Some((first.parse().ok()?, last.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_recording_is_read_as_it_was_written() {
        let step =
            |asked: &str, answer| Step { asked: asked.to_owned(), api: String::new(), request: Value::Null, answer };
        let mut recording = Recording::new(Served::from([("Fetch".to_owned(), Versions { first: 4, last: 18 })]));
        for version in 4..7 {
            let fetch = step(&format!("ask Fetch@{version}"), json!({ "x": version / 6 }));
            recording.insert(format!("f/a@v{version}[1]"), vec![fetch, step("ask Metadata@12", json!("y"))]);
        }
        recording.insert("f/b".to_owned(), vec![step("raw", json!({ "connection": "closed" }))]);
        let text = recording.write("about");
        assert!(text.contains(
            "0\t4-5\task Fetch@*\t{\"x\":0}\n0\t6\task Fetch@*\t{\"x\":1}\n1\t4-6\task Metadata@12\t\"y\"\n"
        ));
        let mut again = Recording::parse(&text).unwrap();
        assert_eq!(again.write("about"), text);
        let steps = again.take("f/a@v6[1]").unwrap();
        assert_eq!((steps.len(), steps[0].asked.as_str(), steps[0].api.as_str()), (2, "ask Fetch@6", "Fetch"));
        assert!(again.take("f/b").is_some() && again.take("f/c").is_none());
    }
}
