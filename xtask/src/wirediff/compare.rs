//! Where two answers differ, and whether that is known.

use serde_json::Value;

use super::session::Step;

/// One place in which two servers differ.
#[derive(Debug)]
pub(super) struct Difference {
    /// `topics[].errorCode`
    pub(super) path: String,
    pub(super) reference: Value,
    pub(super) subject: Value,
}

/// The differences of two trees.
pub(super) fn differences(reference: &Value, subject: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    walk(reference, subject, String::new(), &mut found);
    found
}

fn walk(reference: &Value, subject: &Value, path: String, found: &mut Vec<Difference>) {
    match (reference, subject) {
        (Value::Object(left), Value::Object(right)) => {
            let names = left.keys().chain(right.keys().filter(|name| !left.contains_key(*name)));
            for name in names {
                let child = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                match (left.get(name), right.get(name)) {
                    (Some(left), Some(right)) => walk(left, right, child, found),
                    (left, right) => {
                        let absent = Value::from("(absent)");
                        let [reference, subject] = [left, right].map(|value| value.unwrap_or(&absent).clone());
                        found.push(Difference { path: child, reference, subject });
                    }
                }
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (left, right) in left.iter().zip(right) {
                walk(left, right, format!("{path}[]"), found);
            }
        }
        (left, right) if left == right => {}
        (left, right) => found.push(Difference { path, reference: left.clone(), subject: right.clone() }),
    }
}

/// A difference that is meant: `case API path reason`, with `*` for any letters in the first three.
struct Known {
    line: usize,
    case: String,
    api: String,
    path: String,
    matches: usize,
}

/// `tests/wirediff/differences.txt`.
pub(super) struct KnownDifferences {
    known: Vec<Known>,
}

impl KnownDifferences {
    pub(super) fn parse(text: &str) -> Result<KnownDifferences, String> {
        let mut known = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let words: Vec<&str> = line.split_whitespace().collect();
            let [case, api, path, _, ..] = words[..] else {
                return Err(format!("differences.txt:{}: case API path reason expected", index + 1));
            };
            let [case, api, path] = [case, api, path].map(str::to_owned);
            known.push(Known { line: index + 1, case, api, path, matches: 0 });
        }
        Ok(KnownDifferences { known })
    }

    /// Whether a difference is known; counts it for the entry that says so.
    pub(super) fn excuses(&mut self, case: &str, api: &str, path: &str) -> bool {
        let fits = |known: &&mut Known| glob(&known.case, case) && glob(&known.api, api) && glob(&known.path, path);
        match self.known.iter_mut().find(fits) {
            Some(known) => {
                known.matches += 1;
                true
            }
            None => false,
        }
    }

    /// Entries that no difference matched, as lines for a report. Only those whose cases ran are looked at.
    pub(super) fn stale(&self, ran: &[String]) -> Vec<String> {
        let stale = |known: &&Known| known.matches == 0 && ran.iter().any(|case| glob(&known.case, case));
        let line =
            |known: &Known| format!("differences.txt:{}: {} {} {}", known.line, known.case, known.api, known.path);
        self.known.iter().filter(stale).map(line).collect()
    }
}

/// Whether `text` fits a pattern in which `*` stands for any letters.
pub(super) fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

/// The differences of a whole case: step by step, and steps that only one side has.
pub(super) fn compare<'a>(reference: &'a [Step], subject: &'a [Step]) -> Vec<(&'a Step, Vec<Difference>)> {
    let mut found = Vec::new();
    for index in 0..reference.len().max(subject.len()) {
        match (reference.get(index), subject.get(index)) {
            (Some(left), Some(right)) => {
                let differences = differences(&left.answer, &right.answer);
                if !differences.is_empty() {
                    found.push((right, differences));
                }
            }
            (Some(only), None) | (None, Some(only)) => {
                let side = |here: bool| Value::from(if here { "a step" } else { "no such step" });
                let [reference, subject] = [side(reference.len() > index), side(subject.len() > index)];
                found.push((only, vec![Difference { path: "(step)".to_owned(), reference, subject }]));
            }
            (None, None) => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn differences_have_paths() {
        let found = differences(&json!({ "a": [{ "b": 1 }], "c": 1 }), &json!({ "a": [{ "b": 2 }], "d": 1 }));
        let paths: Vec<&str> = found.iter().map(|difference| difference.path.as_str()).collect();
        assert_eq!(paths, ["a[].b", "c", "d"]);
        assert_eq!(differences(&json!({ "a": [1] }), &json!({ "a": [1, 2] }))[0].path, "a");
    }

    #[test]
    fn patterns_match() {
        assert!(glob("produce/*@v9*", "produce/x@v9[1]"));
        assert!(glob("a", "a") && glob("*", "") && glob("a*", "ab"));
        assert!(!glob("a", "ab") && !glob("a*c", "ab") && !glob("b*", "ab"));
    }

    #[test]
    fn an_entry_without_a_match_is_stale() {
        let mut known = KnownDifferences::parse("a/* X p because\nb/* X p because\n").unwrap();
        assert!(known.excuses("a/1", "X", "p"));
        assert!(!known.excuses("a/1", "X", "q"));
        let ran = ["a/1".to_owned(), "b/1".to_owned()];
        assert_eq!(known.stale(&ran), ["differences.txt:2: b/* X p"]);
        assert!(known.stale(&ran[..1]).is_empty());
    }
}
