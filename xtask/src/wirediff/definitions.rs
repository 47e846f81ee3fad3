//! Kafka's message definitions, read at run time.
//!
//! The comparison has its own codec over these, apart from the generated one, so that a fault in the generator shows
//! as a difference instead of cancelling itself out.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

/// A closed range of versions; empty when `first > last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Versions {
    pub(super) first: i16,
    pub(super) last: i16,
}

impl Versions {
    const NONE: Versions = Versions { first: 0, last: -1 };

    fn parse(text: &str) -> Result<Versions, String> {
        let number = |part: &str| part.parse::<i16>().map_err(|_| format!("bad versions {text:?}"));
        if text == "none" {
            Ok(Versions::NONE)
        } else if let Some(first) = text.strip_suffix('+') {
            Ok(Versions { first: number(first)?, last: i16::MAX })
        } else if let Some((first, last)) = text.split_once('-') {
            Ok(Versions { first: number(first)?, last: number(last)? })
        } else {
            Ok(Versions { first: number(text)?, last: number(text)? })
        }
    }

    pub(super) fn contains(self, version: i16) -> bool {
        self.first <= version && version <= self.last
    }
}

#[derive(Clone, Debug)]
pub(super) enum Type {
    Bool,
    Int8,
    Int16,
    Uint16,
    Int32,
    Uint32,
    Int64,
    Float64,
    Uuid,
    String,
    Bytes,
    Records,
    Array(Box<Type>),
    Struct(Arc<[Field]>),
}

#[derive(Clone, Debug)]
pub(super) struct Field {
    /// As in the definitions, first letter in lower case.
    pub(super) name: String,
    pub(super) kind: Type,
    pub(super) versions: Versions,
    pub(super) nullable: Versions,
    /// The tag, and the versions in which the field is tagged.
    pub(super) tag: Option<(u32, Versions)>,
    /// Overrides the message's own flexible versions (a header's client id).
    pub(super) flexible: Option<Versions>,
    /// The value of the field when a case does not mention it.
    pub(super) default: Value,
}

#[derive(Debug)]
pub(super) struct Message {
    pub(super) valid: Versions,
    pub(super) flexible: Versions,
    pub(super) latest_is_unstable: bool,
    pub(super) fields: Arc<[Field]>,
}

/// One API: its request and its response.
#[derive(Debug)]
pub(super) struct Api {
    pub(super) name: String,
    pub(super) key: i16,
    pub(super) request: Message,
    pub(super) response: Message,
}

pub(super) struct Definitions {
    by_name: BTreeMap<String, Api>,
}

impl Definitions {
    /// Reads every `*Request.json` with its `*Response.json` in `directory`.
    pub(super) fn load(directory: &Path) -> Result<Definitions, String> {
        let mut by_name = BTreeMap::new();
        let entries = std::fs::read_dir(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
        for entry in entries {
            let path = entry.map_err(|error| error.to_string())?.path();
            let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let Some(name) = file.strip_suffix("Request.json") else { continue };
            let request = read_json(&path)?;
            let response = read_json(&path.with_file_name(format!("{name}Response.json")))?;
            let wrong = |error| format!("{name}: {error}");
            let key = request["apiKey"].as_i64().ok_or_else(|| wrong("no apiKey".to_owned()))?;
            let api = Api {
                name: name.to_owned(),
                key: i16::try_from(key).map_err(|error| wrong(error.to_string()))?,
                request: message(&request).map_err(wrong)?,
                response: message(&response).map_err(wrong)?,
            };
            by_name.insert(name.to_owned(), api);
        }
        Ok(Definitions { by_name })
    }

    pub(super) fn api(&self, name: &str) -> Result<&Api, String> {
        self.by_name.get(name).ok_or_else(|| format!("no API named {name}"))
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Api> {
        self.by_name.values()
    }
}

fn read_json(path: &Path) -> Result<Value, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}

fn message(json: &Value) -> Result<Message, String> {
    let mut common = BTreeMap::new();
    let shared = json["commonStructs"].as_array().map_or(&[][..], Vec::as_slice);
    // Common structs may use each other in any order: as many rounds as there are of them complete the deepest.
    for shared in shared.iter().flat_map(|_| shared) {
        let name = shared["name"].as_str().unwrap_or_default().to_owned();
        let fields = fields(shared, &common)?;
        common.insert(name, fields);
    }
    Ok(Message {
        valid: Versions::parse(json["validVersions"].as_str().unwrap_or("none"))?,
        flexible: Versions::parse(json["flexibleVersions"].as_str().unwrap_or("none"))?,
        latest_is_unstable: json["latestVersionUnstable"].as_bool().unwrap_or(false),
        fields: fields(json, &common)?,
    })
}

fn fields(json: &Value, common: &BTreeMap<String, Arc<[Field]>>) -> Result<Arc<[Field]>, String> {
    json["fields"].as_array().into_iter().flatten().map(|field| self::field(field, common)).collect()
}

fn field(json: &Value, common: &BTreeMap<String, Arc<[Field]>>) -> Result<Field, String> {
    let name = lower_first(json["name"].as_str().ok_or("a field without a name")?);
    let kind =
        kind(json["type"].as_str().unwrap_or_default(), json, common).map_err(|error| format!("{name}: {error}"))?;
    let range = |key: &str, otherwise: &str| Versions::parse(json[key].as_str().unwrap_or(otherwise));
    let versions = range("versions", "0+")?;
    let tag = match json["tag"].as_u64() {
        Some(tag) => Some((tag as u32, range("taggedVersions", "none")?)),
        None => None,
    };
    let flexible = json["flexibleVersions"].as_str().map(Versions::parse).transpose()?;
    let default = default(&kind, &json["default"]);
    Ok(Field { name, kind, versions, nullable: range("nullableVersions", "none")?, tag, flexible, default })
}

fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}

fn kind(text: &str, json: &Value, common: &BTreeMap<String, Arc<[Field]>>) -> Result<Type, String> {
    Ok(match text {
        "bool" => Type::Bool,
        "int8" => Type::Int8,
        "int16" => Type::Int16,
        "uint16" => Type::Uint16,
        "int32" => Type::Int32,
        "uint32" => Type::Uint32,
        "int64" => Type::Int64,
        "float64" => Type::Float64,
        "uuid" => Type::Uuid,
        "string" => Type::String,
        "bytes" => Type::Bytes,
        "records" => Type::Records,
        _ => match text.strip_prefix("[]") {
            Some(element) => Type::Array(Box::new(kind(element, json, common)?)),
            None if json["fields"].is_array() => Type::Struct(fields(json, common)?),
            // A struct that refers to itself (a tree in the newest APIs) is left without fields: no case uses one.
            None => Type::Struct(common.get(text).cloned().unwrap_or_default()),
        },
    })
}

/// The default as the definitions write it: missing, a string such as `"0x7fffffff"` or `"null"`, or plain JSON.
fn default(kind: &Type, written: &Value) -> Value {
    let text = match written {
        Value::String(text) => text.as_str(),
        Value::Null => "",
        other => return other.clone(),
    };
    if text == "null" {
        return Value::Null;
    }
    match kind {
        Type::Bool => Value::Bool(text == "true"),
        Type::Int8 | Type::Int16 | Type::Uint16 | Type::Int32 | Type::Uint32 | Type::Int64 => {
            let number = match text.strip_prefix("0x") {
                Some(digits) => i64::from_str_radix(digits, 16).unwrap_or(0),
                None => text.parse().unwrap_or(0),
            };
            Value::from(number)
        }
        Type::Float64 => Value::from(text.parse::<f64>().unwrap_or(0.0)),
        Type::Uuid => Value::from(super::codec::ZERO_UUID),
        Type::String | Type::Bytes => Value::from(text),
        Type::Records => Value::Null,
        Type::Array(_) => Value::Array(Vec::new()),
        Type::Struct(_) => Value::Object(serde_json::Map::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definitions() -> Definitions {
        Definitions::load(&super::super::root().join("protocol/messages/clients")).expect("the definitions are read")
    }

    #[test]
    fn every_definition_is_understood() {
        let definitions = definitions();
        assert!(definitions.all().count() > 90);
        let fetch = definitions.api("Fetch").unwrap();
        assert_eq!((fetch.key, fetch.request.flexible.first), (1, 12));
        let max_bytes = fetch.request.fields.iter().find(|field| field.name == "maxBytes").unwrap();
        assert_eq!(max_bytes.default, Value::from(0x7fff_ffff));
        assert!(definitions.api("Nonsense").is_err());
    }

    #[test]
    fn versions_are_ranges() {
        assert!(Versions::parse("3+").unwrap().contains(3));
        assert!(!Versions::parse("3-5").unwrap().contains(6));
        assert!(!Versions::parse("none").unwrap().contains(0));
        assert!(Versions::parse("x").is_err());
    }
}
