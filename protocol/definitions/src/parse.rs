//! From JSON to definitions.

use serde_json::Value;

use crate::{Default, Definition, Entity, Field, Kind, Range, Struct, Type};

/// Reads one file's value; `None` if the message has no valid version.
pub(crate) fn definition(folder: &'static str, value: &Value) -> Result<Option<Definition>, String> {
    let name = text(value, "name")?.to_owned();
    let Some(valid) = range(text(value, "validVersions")?)? else { return Ok(None) };
    let kind = match text(value, "type")? {
        "request" => Kind::Request,
        "response" => Kind::Response,
        "header" => Kind::Header,
        "metadata" => Kind::Metadata,
        "coordinator-key" => Kind::CoordinatorKey,
        "coordinator-value" => Kind::CoordinatorValue,
        "data" => Kind::Data,
        other => return Err(format!("unknown message type {other}")),
    };
    let mut flexible_from = None;
    if let Some(flexible) = range(text(value, "flexibleVersions")?)? {
        if flexible.max != i16::MAX {
            return Err("flexible versions must not end".to_owned());
        }
        flexible_from = (flexible.min <= valid.max).then_some(flexible.min);
    }
    let listeners = value["listeners"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut parser = Parser { valid, flexible_from, structs: Vec::new() };
    let fields = parser.fields(value)?;
    for structure in value["commonStructs"].as_array().into_iter().flatten() {
        let fields = parser.fields(structure)?;
        parser.add(text(structure, "name")?, fields)?;
    }
    let definition = Definition {
        folder,
        key: value["apiKey"].as_i64().map(i16::try_from).transpose().map_err(|error| error.to_string())?,
        kind,
        listeners: listeners.map(str::to_owned).collect(),
        valid,
        flexible_from,
        latest_version_unstable: value["latestVersionUnstable"].as_bool().unwrap_or(false),
        fields,
        structs: parser.structs,
        name,
    };
    check(&definition)?;
    Ok(Some(definition))
}

struct Parser {
    valid: Range,
    flexible_from: Option<i16>,
    structs: Vec<Struct>,
}

impl Parser {
    fn fields(&mut self, owner: &Value) -> Result<Vec<Field>, String> {
        let mut fields = Vec::new();
        for value in owner["fields"].as_array().ok_or("no fields")? {
            let name = text(value, "name")?;
            fields.extend(self.field(value).map_err(|reason| format!("{name}: {reason}"))?);
        }
        Ok(fields)
    }

    /// Reads a field; `None` if no valid version has it.
    fn field(&mut self, value: &Value) -> Result<Option<Field>, String> {
        let ty = ty(text(value, "type")?)?;
        // A struct defined here is wanted even if the field is not: others may name it.
        if value["fields"].is_array() {
            // Its own place in the list is before those of the structs inside of it.
            let place = self.structs.len();
            let fields = self.fields(value)?;
            self.add(struct_name(&ty).ok_or("fields, but no struct")?, fields)?;
            self.structs[place..].rotate_right(1);
        }
        let tagged = match &value["taggedVersions"] {
            Value::Null => None,
            tagged => range(tagged.as_str().ok_or("taggedVersions is no text")?)?,
        };
        let versions = match &value["versions"] {
            Value::Null => tagged,
            versions => range(versions.as_str().ok_or("versions is no text")?)?,
        };
        let Some(versions) = versions.and_then(|versions| versions.intersect(self.valid)) else { return Ok(None) };
        let nullable = match &value["nullableVersions"] {
            Value::Null => None,
            nullable => range(nullable.as_str().ok_or("nullableVersions is no text")?)?,
        };
        // Versions that are gone do not make a field nullable.
        let nullable = nullable.and_then(|nullable| nullable.intersect(versions));
        let tagged = match tagged.and_then(|tagged| tagged.intersect(versions)) {
            Some(tagged) => {
                let tag = value["tag"].as_u64().ok_or("taggedVersions without tag")?;
                if self.flexible_from.is_none_or(|first| tagged.min < first) {
                    return Err("tagged in a version that is not flexible".to_owned());
                }
                Some((u32::try_from(tag).map_err(|error| error.to_string())?, tagged))
            }
            None => None,
        };
        Ok(Some(Field {
            name: text(value, "name")?.to_owned(),
            default: default(&value["default"], &ty, nullable.is_some())?,
            ty,
            versions,
            nullable,
            tagged,
            ignorable: value["ignorable"].as_bool().unwrap_or(false),
            entity: entity(&value["entityType"])?,
            inflexible: match value["flexibleVersions"].as_str() {
                None => false,
                Some("none") => true,
                Some(other) => return Err(format!("a field flexible in {other}")),
            },
        }))
    }

    fn add(&mut self, name: &str, fields: Vec<Field>) -> Result<(), String> {
        if self.structs.iter().any(|known| known.name == name) {
            return Err(format!("two structs are called {name}"));
        }
        self.structs.push(Struct { name: name.to_owned(), fields });
        Ok(())
    }
}

/// What the code generator relies on.
fn check(definition: &Definition) -> Result<(), String> {
    let owners = definition.structs.iter().map(|structure| &structure.fields).chain([&definition.fields]);
    for field in owners.flatten() {
        let name = &field.name;
        if let Some(inner) = struct_name(&field.ty) {
            definition.structure(inner).ok_or_else(|| format!("{name}: no struct {inner}"))?;
        }
        let nullable =
            matches!(field.ty, Type::String | Type::Bytes | Type::Records | Type::Array(_) | Type::Struct(_));
        if field.nullable.is_some() && !nullable {
            return Err(format!("{name}: a nullable {:?}", field.ty));
        }
        if field.default == Default::Null && field.nullable.is_none() {
            return Err(format!("{name}: null by default, but never nullable"));
        }
        if field.tagged.is_some() && field.ty == Type::Records {
            return Err(format!("{name}: tagged records, which the encoder cannot splice"));
        }
        if field.inflexible && !(field.ty == Type::String && field.nullable == Some(field.versions)) {
            return Err(format!("{name}: flexibleVersions on other than a nullable string"));
        }
    }
    // Decoding must not recurse without end.
    for structure in &definition.structs {
        depth(definition, &structure.name, 0)?;
    }
    Ok(())
}

fn depth(definition: &Definition, name: &str, level: usize) -> Result<(), String> {
    if level > definition.structs.len() {
        return Err(format!("{name} contains itself"));
    }
    for field in definition.structure(name).into_iter().flat_map(|structure| &structure.fields) {
        if let Some(inner) = struct_name(&field.ty) {
            depth(definition, inner, level + 1)?;
        }
    }
    Ok(())
}

fn struct_name(ty: &Type) -> Option<&str> {
    match ty {
        Type::Struct(name) => Some(name),
        Type::Array(element) => struct_name(element),
        _ => None,
    }
}

fn text<'v>(value: &'v Value, key: &str) -> Result<&'v str, String> {
    value[key].as_str().ok_or_else(|| format!("no {key}"))
}

/// "none", "3", "3-5" or "3+".
fn range(text: &str) -> Result<Option<Range>, String> {
    let number = |text: &str| text.parse::<i16>().map_err(|error| format!("{text}: {error}"));
    if text == "none" {
        return Ok(None);
    }
    let (min, max) = if let Some(min) = text.strip_suffix('+') {
        (number(min)?, i16::MAX)
    } else if let Some((min, max)) = text.split_once('-') {
        (number(min)?, number(max)?)
    } else {
        (number(text)?, number(text)?)
    };
    if min > max { Err(format!("versions {text}")) } else { Ok(Some(Range { min, max })) }
}

fn ty(name: &str) -> Result<Type, String> {
    if let Some(element) = name.strip_prefix("[]") {
        return Ok(Type::Array(Box::new(ty(element)?)));
    }
    Ok(match name {
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
        name if name.starts_with(|first: char| first.is_ascii_uppercase()) => Type::Struct(name.to_owned()),
        name => return Err(format!("unknown type {name}")),
    })
}

/// A default of JSON's null is none at all, to Kafka as well: only the text "null" means null.
/// Records, where they may be null, are null by default.
fn default(value: &Value, ty: &Type, nullable: bool) -> Result<Default, String> {
    let text = match value {
        Value::Null if *ty == Type::Records && nullable => return Ok(Default::Null),
        Value::Null => return Ok(Default::Zero),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let digits = text.strip_prefix("0x").map(|digits| i64::from_str_radix(digits, 16));
    Ok(match (text.as_str(), ty) {
        ("null", _) => Default::Null,
        ("", _) | ("false", Type::Bool) => Default::Zero,
        ("true", Type::Bool) => Default::True,
        (text, Type::Int8 | Type::Int16 | Type::Uint16 | Type::Int32 | Type::Uint32 | Type::Int64) => {
            match digits.unwrap_or_else(|| text.parse()).map_err(|error| error.to_string())? {
                0 => Default::Zero,
                number => Default::Int(number),
            }
        }
        (text, ty) => return Err(format!("the default {text} of a {ty:?}")),
    })
}

fn entity(value: &Value) -> Result<Option<Entity>, String> {
    Ok(Some(match value {
        Value::Null => return Ok(None),
        value => match value.as_str() {
            Some("topicName") => Entity::TopicName,
            Some("groupId") => Entity::GroupId,
            Some("transactionalId") => Entity::TransactionalId,
            Some("brokerId") => Entity::BrokerId,
            Some("producerId") => Entity::ProducerId,
            _ => return Err(format!("unknown entity {value}")),
        },
    }))
}
