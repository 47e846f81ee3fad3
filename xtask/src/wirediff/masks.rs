//! Makes the answers of two servers comparable: what must differ is replaced by what it stands for.
//!
//! The rules are data, `tests/wirediff/masks.txt`, one a line: `API path action reason`. An API of `*` is any, a path
//! of `**.name` any path that ends so. Actions:
//! - `ignore`: the field is left out
//! - `some`: a number above 0 or a text that is not empty is only known to be there
//! - `now`: a time of less than a day from now becomes `<now>`, in texts as well
//! - `set`: an array whose order means nothing
//! - `id:KIND`: the n-th distinct id of its kind in the case becomes `<KIND n>`, wherever it stands, messages included
//! - `positive:KIND`: the same, but 0 means that there is none
//! - `whole`: of an array of batches, what is no whole batch is left out
//! - `suffix:KIND`: the same for a text that ends in a random id of 36 letters

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::{Map, Value};

use super::codec::ZERO_UUID;
use super::session::{Step, prefix};

/// Letters of an id with dashes, as Kafka appends to a client's or an instance's name.
const UUID_LETTERS: usize = 36;
const DAY_MS: i64 = 86_400_000;
/// A shorter id is not looked for inside of texts.
const ID_IN_TEXT_LETTERS_MIN: usize = 20;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Action {
    Ignore,
    Some,
    Now,
    Set,
    Whole,
    Id(String),
    Positive(String),
    Suffix(String),
}

struct Mask {
    api: String,
    path: String,
    action: Action,
}

pub(super) struct Masks {
    masks: Vec<Mask>,
}

impl Masks {
    pub(super) fn parse(text: &str) -> Result<Masks, String> {
        let mut masks = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = || format!("masks.txt:{}: API path action reason expected", index + 1);
            let mut words = line.split_whitespace();
            let (Some(api), Some(path), Some(action), Some(_reason)) =
                (words.next(), words.next(), words.next(), words.next())
            else {
                return Err(wrong());
            };
            let action = match action.split_once(':') {
                None if action == "ignore" => Action::Ignore,
                None if action == "some" => Action::Some,
                None if action == "now" => Action::Now,
                None if action == "set" => Action::Set,
                None if action == "whole" => Action::Whole,
                Some(("positive", kind)) => Action::Positive(kind.to_owned()),
                Some(("id", kind)) => Action::Id(kind.to_owned()),
                Some(("suffix", kind)) => Action::Suffix(kind.to_owned()),
                _ => return Err(wrong()),
            };
            masks.push(Mask { api: api.to_owned(), path: path.to_owned(), action });
        }
        Ok(Masks { masks })
    }

    fn actions<'a>(&'a self, api: &'a str, path: &'a str) -> impl Iterator<Item = &'a Action> {
        let fits = move |mask: &Mask| {
            (mask.api == "*" || mask.api == api)
                && match mask.path.strip_prefix("**.") {
                    Some(end) => path == end || path.strip_suffix(end).is_some_and(|start| start.ends_with('.')),
                    None => mask.path == path,
                }
        };
        self.masks.iter().filter(move |mask| fits(mask)).map(|mask| &mask.action)
    }

    /// Masks the answers of one case, in their order.
    pub(super) fn apply(&self, case: &str, steps: &mut [Step]) {
        let mut names = Names { by_value: BTreeMap::new(), counts: BTreeMap::new() };
        let prefix = prefix(case);
        for step in steps {
            self.mask(&step.api, "", &mut step.answer, &mut names);
            texts(&mut step.answer, &mut |text| {
                if text.contains(&prefix) {
                    *text = text.replace(&prefix, "~");
                }
                hide_ports(text);
                // Where a server keeps its files.
                if text.starts_with('/') && text.matches('/').count() > 1 {
                    *text = "<path>".to_owned();
                }
                for (id, name) in &names.by_value {
                    if id.len() >= ID_IN_TEXT_LETTERS_MIN && text.contains(id.as_str()) {
                        *text = text.replace(id.as_str(), name);
                    }
                }
            });
        }
    }

    fn mask(&self, api: &str, path: &str, value: &mut Value, names: &mut Names) {
        let mut is_set = false;
        for action in self.actions(api, path) {
            match action {
                Action::Ignore => {}
                Action::Set => is_set = true,
                Action::Some => hide(value),
                Action::Now => hide_time(value),
                Action::Whole => {
                    if let Value::Array(batches) = value {
                        batches.retain(|batch| batch["partial"].is_null());
                    }
                }
                Action::Id(kind) => names.rename(kind, 0, value),
                Action::Positive(kind) => {
                    if value.as_i64() != Some(0) {
                        names.rename(kind, 0, value);
                    }
                }
                Action::Suffix(kind) => {
                    let text = value.as_str().unwrap_or_default();
                    let kept = text.len().saturating_sub(UUID_LETTERS);
                    let id = text.get(kept..).unwrap_or_default();
                    if id.len() == UUID_LETTERS && id.matches('-').count() == 4 {
                        names.rename(kind, kept, value);
                    }
                }
            }
        }
        match value {
            Value::Object(map) => {
                let child = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
                map.retain(|name, _| !self.actions(api, &child(name)).any(|action| *action == Action::Ignore));
                for (name, value) in map.iter_mut() {
                    self.mask(api, &child(name), value, names);
                }
            }
            Value::Array(items) => {
                let inner = format!("{path}[]");
                if is_set {
                    items.sort_by_cached_key(|item| self.sort_key(api, &inner, item, names).to_string());
                }
                for item in items {
                    self.mask(api, &inner, item, names);
                }
            }
            _ => {}
        }
    }

    /// What an element is sorted by: itself, with hidden fields blank and of its ids only those that have a name.
    fn sort_key(&self, api: &str, path: &str, value: &Value, names: &Names) -> Value {
        if self.actions(api, path).any(|action| !matches!(action, Action::Set | Action::Whole)) {
            let id = match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            return names.by_value.get(&id).map_or(Value::Null, |name| Value::from(name.as_str()));
        }
        match value {
            Value::Object(map) => {
                let child = |name: &String| if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                let fields =
                    map.iter().map(|(name, value)| (name.clone(), self.sort_key(api, &child(name), value, names)));
                Value::Object(Map::from_iter(fields))
            }
            Value::Array(items) => {
                let inner = format!("{path}[]");
                Value::Array(items.iter().map(|item| self.sort_key(api, &inner, item, names)).collect())
            }
            other => other.clone(),
        }
    }
}

/// The names given to the ids of one case.
struct Names {
    by_value: BTreeMap<String, String>,
    counts: BTreeMap<String, usize>,
}

impl Names {
    fn rename(&mut self, kind: &str, kept: usize, value: &mut Value) {
        let id = match value {
            Value::String(text) if !text.is_empty() && text != ZERO_UUID && !text.contains('<') => text.clone(),
            Value::Number(number) if number.as_i64().is_some_and(|number| number >= 0) => number.to_string(),
            _ => return,
        };
        let key = if value.is_number() { format!("{kind} {id}") } else { id.clone() };
        if !self.by_value.contains_key(&key) {
            let count = self.counts.entry(kind.to_owned()).or_default();
            *count += 1;
            self.by_value.insert(key.clone(), format!("{}<{kind} {count}>", id.get(..kept).unwrap_or_default()));
        }
        *value = Value::from(self.by_value[&key].as_str());
    }
}

fn hide(value: &mut Value) {
    let there = match value {
        Value::Number(number) => number.as_i64().is_some_and(|number| number > 0),
        Value::String(text) => !text.is_empty(),
        _ => false,
    };
    if there {
        *value = Value::from("<some>");
    }
}

fn hide_time(value: &mut Value) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis() as i64;
    let is_near = |time: i64| (time - now).abs() < DAY_MS;
    match value {
        Value::Number(number) if number.as_i64().is_some_and(is_near) => *value = Value::from("<now>"),
        Value::String(text) => {
            let numbers: Vec<String> = text.split(|letter: char| !letter.is_ascii_digit()).map(str::to_owned).collect();
            for number in numbers.into_iter().filter(|number| number.parse().is_ok_and(is_near)) {
                *text = text.replace(&number, "<now>");
            }
        }
        _ => {}
    }
}

/// The ports of servers on this machine, wherever they stand in a text.
fn hide_ports(text: &mut String) {
    const HOST: &str = "127.0.0.1:";
    let mut parts = text.split(HOST);
    let Some(first) = parts.next().filter(|first| first.len() < text.len()) else { return };
    let mut hidden = first.to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|letter: char| letter.is_ascii_digit());
        let port = if rest.len() < part.len() { "<port>" } else { "" };
        hidden = hidden + HOST + port + rest;
    }
    *text = hidden;
}

fn texts(value: &mut Value, change: &mut impl FnMut(&mut String)) {
    match value {
        Value::String(text) => change(text),
        Value::Array(items) => items.iter_mut().for_each(|item| texts(item, change)),
        Value::Object(map) => map.values_mut().for_each(|item| texts(item, change)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ids_are_named_in_order_and_found_in_texts() {
        let masks = Masks::parse("* a[].id id:topic r\n* **.t ignore r\n* a set r\n* m suffix:member r\n").unwrap();
        let step = |answer| Step { asked: String::new(), api: "X".to_owned(), request: Value::Null, answer };
        let member = "c-0f9a3c4e-0000-0000-0000-123456789012";
        let mut steps = [
            step(
                json!({ "a": [{ "n": 2, "id": "zzzzzzzzzzzzzzzzzzzzzz" }, { "n": 1, "id": "yyyyyyyyyyyyyyyyyyyyyy" }], "t": 5 }),
            ),
            step(json!({ "e": "about zzzzzzzzzzzzzzzzzzzzzz", "m": member })),
        ];
        masks.apply("case", &mut steps);
        assert_eq!(steps[0].answer, json!({ "a": [{ "n": 1, "id": "<topic 1>" }, { "n": 2, "id": "<topic 2>" }] }));
        assert_eq!(steps[1].answer, json!({ "e": "about <topic 2>", "m": "c-<member 1>" }));
        // A recording is masked already: masking again changes nothing.
        let before: Vec<Value> = steps.iter().map(|step| step.answer.clone()).collect();
        masks.apply("case", &mut steps);
        assert!(steps.iter().map(|step| &step.answer).eq(&before));
    }

    #[test]
    fn ports_are_hidden_in_texts() {
        let mut text = "A://127.0.0.1:9092,B://127.0.0.1:1 and 127.0.0.1:x".to_owned();
        hide_ports(&mut text);
        assert_eq!(text, "A://127.0.0.1:<port>,B://127.0.0.1:<port> and 127.0.0.1:x");
        let mut text = "no port".to_owned();
        hide_ports(&mut text);
        assert_eq!(text, "no port");
    }

    #[test]
    fn a_mask_wants_a_reason() {
        assert!(Masks::parse("* a ignore\n").is_err());
        assert!(Masks::parse("* a frobnicate because\n").is_err());
    }
}
