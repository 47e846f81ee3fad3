//! What generated items say about themselves.

use grete_definitions::{Default, Definition, Field, Kind, Range};

/// "1", "1 to 3", within the valid ones "1 and up".
pub(crate) fn range(range: Range, valid: Range) -> String {
    if range.min == range.max {
        format!("version {}", range.min)
    } else if range.max >= valid.max {
        format!("versions {} and up", range.min)
    } else {
        format!("versions {} to {}", range.min, range.max)
    }
}

/// The comment of a message.
pub(crate) fn message(definition: &Definition) -> String {
    let kind = match definition.kind {
        Kind::Request => "Request",
        Kind::Response => "Response",
        Kind::Header => "Header",
        Kind::Metadata => "Metadata record",
        Kind::CoordinatorKey => "Record key",
        Kind::CoordinatorValue => "Record value",
        Kind::Data => "Data",
    };
    let key = definition.key.map_or(String::new(), |key| format!(" of key {key}"));
    let Range { min, max } = definition.valid;
    let versions = if min == max { format!("version {min}") } else { format!("versions {min} to {max}") };
    let flexible = match definition.flexible_from {
        None => "never flexible".to_owned(),
        Some(first) if first <= min => "flexible".to_owned(),
        Some(first) => format!("flexible from {first}"),
    };
    format!("{kind}{key}, {versions}, {flexible}.")
}

/// The comment of a field.
pub(crate) fn field(field: &Field, valid: Range) -> String {
    let mut facts = Vec::new();
    if field.versions == valid {
        facts.push("all versions".to_owned());
    } else {
        facts.push(range(field.versions, valid));
    }
    if let Some((tag, _)) = field.tagged {
        facts.push(format!("tag {tag}"));
    }
    match field.nullable {
        Some(nullable) if nullable == field.versions => facts.push("may be null".to_owned()),
        Some(nullable) => facts.push(format!("may be null in {}", range(nullable, valid))),
        None => {}
    }
    match field.default {
        Default::Zero => {}
        Default::Null => facts.push("null by default".to_owned()),
        Default::True => facts.push("true by default".to_owned()),
        Default::Int(number) => facts.push(format!("{number} by default")),
    }
    if field.versions != valid && field.ignorable {
        facts.push("dropped elsewhere".to_owned());
    }
    let mut text = facts.join("; ");
    text[..1].make_ascii_uppercase();
    text + "."
}
