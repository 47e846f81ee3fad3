//! Where two answers differ, and whether that is known.

use std::collections::{BTreeMap, BTreeSet};

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
        (Value::Array(left), Value::Array(right)) => match (by_key(left), by_key(right)) {
            (Some(left), Some(right)) if !left.keys().eq(right.keys()) => walk_by_key(&left, &right, &path, found),
            _ if left.len() == right.len() => {
                for (left, right) in left.iter().zip(right) {
                    walk(left, right, format!("{path}[]"), found);
                }
            }
            _ => found.push(Difference { path, reference: Value::from(left.clone()), subject: right.clone().into() }),
        },
        (left, right) if left == right => {}
        (left, right) => found.push(Difference { path, reference: left.clone(), subject: right.clone() }),
    }
}

/// The elements of an array by what names each of them, where something does.
fn by_key(items: &[Value]) -> Option<BTreeMap<String, &Value>> {
    let mut found = BTreeMap::new();
    for item in items {
        let key = match (&item["name"], &item["apiKey"]) {
            (Value::String(name), _) => name.clone(),
            (_, Value::Number(key)) => key.to_string(),
            _ => return None,
        };
        found.insert(key, item).is_none().then_some(())?;
    }
    Some(found)
}

/// Two arrays of which each has elements that the other lacks: those are differences of their own, `configs[retention.ms]`.
fn walk_by_key(
    left: &BTreeMap<String, &Value>,
    right: &BTreeMap<String, &Value>,
    path: &str,
    found: &mut Vec<Difference>,
) {
    let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    for key in keys {
        let path = format!("{path}[{key}]");
        match (left.get(key), right.get(key)) {
            (Some(left), Some(right)) => walk(left, right, path, found),
            (left, right) => {
                let absent = Value::from("(absent)");
                let [reference, subject] = [left, right].map(|one| one.map_or(&absent, |one| *one).clone());
                found.push(Difference { path, reference, subject });
            }
        }
    }
}

/// A difference that is meant: `case API path reason`, with `*` for any letters in the first three. A path may end in
/// `=null`: where Kafka has null.
struct Known {
    line: usize,
    case: String,
    api: String,
    path: String,
    of_null: bool,
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
            let of_null = path.ends_with("=null");
            let [case, api, path] = [case, api, path.trim_end_matches("=null")].map(str::to_owned);
            known.push(Known { line: index + 1, case, api, path, of_null, matches: 0 });
        }
        Ok(KnownDifferences { known })
    }

    /// Whether a difference is known; counts it for the entry that says so.
    pub(super) fn excuses(&mut self, case: &str, api: &str, difference: &Difference) -> bool {
        let fits = |known: &&mut Known| {
            glob(&known.case, case)
                && glob(&known.api, api)
                && glob(&known.path, &difference.path)
                && (!known.of_null || difference.reference.is_null())
        };
        match self.known.iter_mut().find(fits) {
            Some(known) => {
                known.matches += 1;
                true
            }
            None => false,
        }
    }

    /// Entries that no difference matched, as lines for a report. Only those are looked at whose cases ran and asked
    /// their API: `ran` has pairs of both.
    pub(super) fn stale(&self, ran: &BTreeSet<(&str, &str)>) -> Vec<String> {
        let stale = |known: &&Known| {
            known.matches == 0 && ran.iter().any(|(case, api)| glob(&known.case, case) && glob(&known.api, api))
        };
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
        let named = |names: &[&str]| Value::from_iter(names.iter().map(|name| json!({ "name": name })));
        let found = differences(&named(&["a", "b"]), &named(&["b"]));
        assert_eq!((found.len(), found[0].path.as_str(), &found[0].subject), (1, "[a]", &json!("(absent)")));
    }

    #[test]
    fn patterns_match() {
        assert!(glob("produce/*@v9*", "produce/x@v9[1]"));
        assert!(glob("a", "a") && glob("*", "") && glob("a*", "ab"));
        assert!(!glob("a", "ab") && !glob("a*c", "ab") && !glob("b*", "ab"));
    }

    #[test]
    fn an_entry_without_a_match_is_stale() {
        let mut known = KnownDifferences::parse("a/* X p because\nb/* X p because\nc X q=null because\n").unwrap();
        let at = |path: &str, reference| Difference { path: path.to_owned(), reference, subject: json!("text") };
        assert!(known.excuses("a/1", "X", &at("p", json!(1))));
        assert!(!known.excuses("a/1", "X", &at("q", json!(1))));
        assert!(!known.excuses("c", "X", &at("q", json!(1))) && known.excuses("c", "X", &at("q", Value::Null)));
        assert_eq!(known.stale(&BTreeSet::from([("a/1", "X"), ("b/1", "X")])), ["differences.txt:2: b/* X p"]);
        assert!(known.stale(&BTreeSet::from([("a/1", "X"), ("b/1", "Y")])).is_empty());
    }
}
