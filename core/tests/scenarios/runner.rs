//! Runs a story: each command, and below it, after a line of dashes, what follows from it.
//!
//! ```text
//! # A remark.
//! command word key=value key=(several values)
//! ----
//! what follows
//!
//! ```

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::{env, fs};

const RULE: &str = "----";

/// What the commands of a file do.
pub(crate) trait Story {
    /// Carries out a command; returns what follows, line by line.
    fn run(&mut self, command: &Command) -> String;
}

/// A line of a story: words and values by name.
#[derive(Debug)]
pub(crate) struct Command {
    words: Vec<String>,
    values: Vec<(String, Vec<String>)>,
    line: String,
}

impl Command {
    fn parse(line: &str) -> Self {
        let mut words = Vec::new();
        let mut values = Vec::new();
        for token in tokens(line) {
            match token.split_once('=') {
                Some((name, value)) => {
                    let value = value.strip_prefix('(').and_then(|value| value.strip_suffix(')')).unwrap_or(value);
                    let several = value.split(' ').filter(|value| !value.is_empty()).map(str::to_owned);
                    values.push((name.to_owned(), several.collect()));
                }
                None => words.push(token),
            }
        }
        Self { words, values, line: line.to_owned() }
    }

    /// The first word: what to do.
    pub(crate) fn name(&self) -> &str {
        self.word(0)
    }

    /// A word, counted from the name on.
    pub(crate) fn word(&self, index: usize) -> &str {
        self.words.get(index).unwrap_or_else(|| panic!("`{}` lacks word {index}", self.line))
    }

    /// The words after the first `count`.
    pub(crate) fn words_from(&self, count: usize) -> &[String] {
        self.words.get(count..).unwrap_or_default()
    }

    /// Whether a word is there.
    pub(crate) fn has(&self, word: &str) -> bool {
        self.words.iter().any(|there| there == word)
    }

    /// The values that are named so; none where the name is not there.
    pub(crate) fn values(&self, name: &str) -> Option<&[String]> {
        self.values.iter().find(|(there, _)| there == name).map(|(_, values)| values.as_slice())
    }

    /// The value that is named so, as text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.values(name).map(|values| values.first().map_or("", String::as_str))
    }

    /// The value that is named so, or another.
    pub(crate) fn value<T: FromStr>(&self, name: &str, default: T) -> T {
        match self.text(name) {
            None => default,
            Some(text) => text.parse().unwrap_or_else(|_| panic!("`{}`: {name}={text} makes no sense", self.line)),
        }
    }
}

/// Splits at blanks that are not in brackets.
fn tokens(line: &str) -> Vec<String> {
    let mut tokens = vec![String::new()];
    let mut depth = 0;
    for letter in line.chars() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if letter == ' ' && depth == 0 {
            tokens.push(String::new());
        } else {
            tokens.last_mut().expect("there is one").push(letter);
        }
    }
    tokens.retain(|token| !token.is_empty());
    tokens
}

/// Runs all stories in a folder.
pub(crate) fn run_all<S: Story>(folder: &str, begin: impl Fn() -> S) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios").join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("it can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "there are stories in {}", folder.display());
    let update = env::var_os("UPDATE").is_some();
    let mut failures = String::new();
    for file in files {
        let told = fs::read_to_string(&file).expect("a story is text");
        let happened = retell(&told, &mut begin());
        if told == happened {
            continue;
        }
        if update {
            fs::write(&file, happened).expect("it can be written");
        } else {
            let _ = writeln!(failures, "{}:\n{}", file.display(), difference(&told, &happened));
        }
    }
    assert!(failures.is_empty(), "stories end otherwise (UPDATE=1 rewrites them):\n{failures}");
}

/// Tells a story again, as it really happens.
fn retell<S: Story>(told: &str, story: &mut S) -> String {
    let mut happened = String::new();
    let mut lines = told.lines().peekable();
    while let Some(line) = lines.next() {
        let _ = writeln!(happened, "{line}");
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        // What followed when it was told last; a new command has nothing yet.
        if lines.peek() == Some(&RULE) {
            while lines.peek().is_some_and(|line| !line.is_empty()) {
                lines.next();
            }
        }
        let output = story.run(&Command::parse(line));
        assert!(!output.lines().any(str::is_empty), "an empty line ends what follows from `{line}`");
        let _ = writeln!(happened, "{RULE}\n{}", if output.is_empty() { "ok" } else { output.trim_end() });
    }
    happened
}

/// The first lines that differ.
fn difference(told: &str, happened: &str) -> String {
    let at = told.lines().zip(happened.lines()).take_while(|(a, b)| a == b).count();
    let from = at.saturating_sub(8);
    let show = |text: &str| text.lines().skip(from).take(20).map(|line| format!("    {line}\n")).collect::<String>();
    format!("  line {}, told:\n{}  happened:\n{}", at + 1, show(told), show(happened))
}
