//! Encodes requests from trees and decodes answers into trees, driven by the definitions.
//!
//! Encoding is permissive on purpose: a null where none is allowed, a number out of range or a tag that nobody knows
//! are written as they are asked for. Decoding is strict: what cannot be decoded whole is an answer of its own.

use serde_json::{Map, Value};

use super::definitions::{Field, Message, Type, Versions};
use super::records;

/// Sixteen zero bytes, as Kafka prints them.
pub(super) const ZERO_UUID: &str = "AAAAAAAAAAAAAAAAAAAAAA";
/// The key under which a tree carries bytes that are not text, as hexadecimal digits.
pub(super) const HEX: &str = "$hex";
/// The key under which a struct carries tagged fields that its definition does not know: `{ "99": bytes }`.
const EXTRA_TAGS: &str = "_tags";
/// Deeper than any message.
const DEPTH_MAX: usize = 16;

/// The body of a message. Fields that do not exist in `version` are left out, those not given take their defaults.
pub(super) fn encode(message: &Message, version: i16, body: &Value) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let flexible = message.flexible.contains(version);
    encode_struct(&message.fields, version, flexible, body, &mut out)?;
    Ok(out)
}

/// The tree of a message's body; bytes that are left over are part of the tree as `_trailing`.
pub(super) fn decode(message: &Message, version: i16, body: &[u8]) -> Result<Value, String> {
    let mut input = Input { rest: body };
    let flexible = message.flexible.contains(version);
    let mut tree = decode_struct(&message.fields, version, flexible, &mut input, 0)?;
    if let (false, Value::Object(map)) = (input.rest.is_empty(), &mut tree) {
        map.insert("_trailing".to_owned(), hex_value(input.rest));
    }
    Ok(tree)
}

/// Names in `body` that no version of the message has: a slip in a case.
pub(super) fn unknown_names(fields: &[Field], body: &Value, path: &str, found: &mut Vec<String>) {
    let Value::Object(map) = body else { return };
    for (name, value) in map.iter().filter(|(name, _)| *name != EXTRA_TAGS) {
        match fields.iter().find(|field| field.name == *name) {
            None => found.push(format!("{path}{name}")),
            Some(field) => match (&field.kind, value) {
                (Type::Struct(inner), _) => unknown_names(inner, value, &format!("{path}{name}."), found),
                (Type::Array(element), Value::Array(items)) => {
                    if let Type::Struct(inner) = &**element {
                        items.iter().for_each(|item| unknown_names(inner, item, &format!("{path}{name}[]."), found));
                    }
                }
                _ => {}
            },
        }
    }
}

fn encode_struct(
    fields: &[Field],
    version: i16,
    flexible: bool,
    tree: &Value,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    let mut tags: Vec<(u32, Vec<u8>)> = Vec::new();
    for field in fields.iter().filter(|field| field.versions.contains(version)) {
        let value = tree.get(&field.name).unwrap_or(&field.default);
        let flexible = flexible && field.flexible.is_none_or(|versions| versions.contains(version));
        let named = |error| format!("{}: {error}", field.name);
        match field.tag {
            Some((tag, versions)) if versions.contains(version) => {
                if *value != field.default {
                    let mut content = Vec::new();
                    encode_field(field, version, flexible, value, &mut content).map_err(named)?;
                    tags.push((tag, content));
                }
            }
            _ => encode_field(field, version, flexible, value, out).map_err(named)?,
        }
    }
    if flexible {
        if let Some(Value::Object(extra)) = tree.get(EXTRA_TAGS) {
            for (tag, content) in extra {
                let tag = tag.parse().map_err(|_| format!("{tag} is no tag"))?;
                tags.push((tag, bytes_of(content)?));
            }
        }
        tags.sort_by_key(|(tag, _)| *tag);
        put_varint(tags.len() as u32, out);
        for (tag, content) in tags {
            put_varint(tag, out);
            put_varint(content.len() as u32, out);
            out.extend_from_slice(&content);
        }
    }
    Ok(())
}

fn encode_field(field: &Field, version: i16, flexible: bool, value: &Value, out: &mut Vec<u8>) -> Result<(), String> {
    // A nullable struct starts with a byte that says whether it is there; a plain one does not.
    if matches!(field.kind, Type::Struct(_)) && field.nullable.contains(version) {
        out.push(if value.is_null() { 0xff } else { 1 });
        if value.is_null() {
            return Ok(());
        }
    }
    encode_value(&field.kind, version, flexible, value, out)
}

fn encode_value(kind: &Type, version: i16, flexible: bool, value: &Value, out: &mut Vec<u8>) -> Result<(), String> {
    let number = || integer(value);
    match kind {
        Type::Bool => out.push(match value {
            Value::Bool(flag) => u8::from(*flag),
            _ => number()? as u8,
        }),
        Type::Int8 => out.push(number()? as u8),
        Type::Int16 | Type::Uint16 => out.extend_from_slice(&(number()? as i16).to_be_bytes()),
        Type::Int32 | Type::Uint32 => out.extend_from_slice(&(number()? as i32).to_be_bytes()),
        Type::Int64 => out.extend_from_slice(&number()?.to_be_bytes()),
        Type::Float64 => out.extend_from_slice(&value.as_f64().ok_or("not a number")?.to_be_bytes()),
        Type::Uuid => out.extend_from_slice(&uuid_bytes(value.as_str().unwrap_or(ZERO_UUID))?),
        Type::String if value.is_null() && !flexible => out.extend_from_slice(&(-1_i16).to_be_bytes()),
        Type::Bytes | Type::Records | Type::Array(_) if value.is_null() && !flexible => {
            out.extend_from_slice(&(-1_i32).to_be_bytes());
        }
        Type::String | Type::Bytes | Type::Records | Type::Array(_) if value.is_null() => put_varint(0, out),
        Type::String => {
            let content = bytes_of(value)?;
            if flexible {
                put_varint(content.len() as u32 + 1, out);
            } else {
                out.extend_from_slice(&(content.len() as u16).to_be_bytes());
            }
            out.extend_from_slice(&content);
        }
        Type::Bytes | Type::Records => {
            let content = bytes_of(value)?;
            put_count(content.len(), flexible, out);
            out.extend_from_slice(&content);
        }
        Type::Array(element) => {
            let items = value.as_array().ok_or_else(|| format!("{value} is no array"))?;
            put_count(items.len(), flexible, out);
            for item in items {
                encode_value(element, version, flexible, item, out)?;
            }
        }
        Type::Struct(fields) => encode_struct(fields, version, flexible, value, out)?,
    }
    Ok(())
}

fn put_count(count: usize, flexible: bool, out: &mut Vec<u8>) {
    if flexible {
        put_varint(count as u32 + 1, out);
    } else {
        out.extend_from_slice(&(count as i32).to_be_bytes());
    }
}

fn put_varint(mut value: u32, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn integer(value: &Value) -> Result<i64, String> {
    match value {
        Value::Null => Ok(0),
        Value::Bool(flag) => Ok(i64::from(*flag)),
        _ => value
            .as_i64()
            .or_else(|| value.as_u64().map(|number| number as i64))
            .ok_or_else(|| format!("{value} is no integer")),
    }
}

/// Text stands for its UTF-8 bytes, `{"$hex": ..}` for any.
pub(super) fn bytes_of(value: &Value) -> Result<Vec<u8>, String> {
    match value {
        Value::String(text) => Ok(text.as_bytes().to_vec()),
        Value::Object(map) => match map.get(HEX) {
            Some(Value::String(digits)) => from_hex(digits),
            _ => Err(format!("{value} is not bytes")),
        },
        Value::Null => Ok(Vec::new()),
        other => Ok(other.to_string().into_bytes()),
    }
}

pub(super) fn hex_value(bytes: &[u8]) -> Value {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Value::Object(Map::from_iter([(HEX.to_owned(), Value::String(digits))]))
}

pub(super) fn from_hex(digits: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<u8> = digits.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits
        .chunks(2)
        .map(|pair| {
            let pair = std::str::from_utf8(pair).map_err(|error| error.to_string())?;
            u8::from_str_radix(pair, 16).map_err(|_| format!("{pair:?} is not hexadecimal"))
        })
        .collect()
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Kafka prints ids in URL-safe base64 without padding.
pub(super) fn uuid_text(bytes: [u8; 16]) -> String {
    let number = u128::from_be_bytes(bytes);
    // 128 bits are 22 digits of 6 bits with 4 zero bits at the end.
    (0..22)
        .map(|digit| BASE64[(if digit < 21 { number >> (122 - 6 * digit) } else { number << 4 } & 63) as usize] as char)
        .collect()
}

pub(super) fn uuid_bytes(text: &str) -> Result<[u8; 16], String> {
    let wrong = || format!("{text:?} is no id");
    let mut bits: u128 = 0;
    if text.len() != 22 {
        return Err(wrong());
    }
    for (index, letter) in text.bytes().enumerate() {
        let digit = BASE64.iter().position(|candidate| *candidate == letter).ok_or_else(wrong)? as u128;
        bits = if index < 21 { bits << 6 | digit } else { bits << 2 | digit >> 4 };
    }
    Ok(bits.to_be_bytes())
}

struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        if count > self.rest.len() {
            return Err(format!("{count} bytes wanted, {} left", self.rest.len()));
        }
        let (taken, rest) = self.rest.split_at(count);
        self.rest = rest;
        Ok(taken)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], String> {
        self.take(N)?.try_into().map_err(|_| "short read".to_owned())
    }

    fn varint(&mut self) -> Result<u32, String> {
        let mut value: u32 = 0;
        for shift in (0..35).step_by(7) {
            let [byte] = self.fixed()?;
            value |= u32::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err("a varint of more than five bytes".to_owned())
    }

    /// A length or count; `None` is null.
    fn count(&mut self, flexible: bool, short: bool) -> Result<Option<usize>, String> {
        let count = match (flexible, short) {
            (true, _) => i64::from(self.varint()?) - 1,
            (false, true) => i64::from(i16::from_be_bytes(self.fixed()?)),
            (false, false) => i64::from(i32::from_be_bytes(self.fixed()?)),
        };
        match count {
            -1 => Ok(None),
            count if count < 0 => Err(format!("a length of {count}")),
            count if count as usize > self.rest.len() => {
                Err(format!("a length of {count}, {} bytes left", self.rest.len()))
            }
            count => Ok(Some(count as usize)),
        }
    }
}

fn decode_struct(
    fields: &[Field],
    version: i16,
    flexible: bool,
    input: &mut Input<'_>,
    depth: usize,
) -> Result<Value, String> {
    if depth > DEPTH_MAX {
        return Err("nested too deep".to_owned());
    }
    let mut map = Map::new();
    let tagged = |field: &Field| field.tag.filter(|(_, versions)| versions.contains(version)).map(|(tag, _)| tag);
    for field in fields.iter().filter(|field| field.versions.contains(version)) {
        let value = match tagged(field) {
            Some(_) => field.default.clone(),
            None => decode_field(field, version, flexible, input, depth)?,
        };
        map.insert(field.name.clone(), value);
    }
    if flexible {
        for _ in 0..input.varint()? {
            let tag = input.varint()?;
            let size = input.varint()? as usize;
            let mut content = Input { rest: input.take(size)? };
            match fields.iter().find(|field| field.versions.contains(version) && tagged(field) == Some(tag)) {
                Some(field) => {
                    let value = decode_field(field, version, true, &mut content, depth)?;
                    map.insert(field.name.clone(), value);
                    if !content.rest.is_empty() {
                        return Err(format!("{}: {} bytes too many", field.name, content.rest.len()));
                    }
                }
                None => drop(map.insert(format!("_tag{tag}"), hex_value(content.rest))),
            }
        }
    }
    Ok(Value::Object(map))
}

fn decode_field(
    field: &Field,
    version: i16,
    flexible: bool,
    input: &mut Input<'_>,
    depth: usize,
) -> Result<Value, String> {
    if matches!(field.kind, Type::Struct(_)) && field.nullable.contains(version) {
        let [present] = input.fixed()?;
        if present as i8 == -1 {
            return Ok(Value::Null);
        }
    }
    decode_value(&field.kind, version, flexible, input, depth).map_err(|error| format!("{}: {error}", field.name))
}

fn decode_value(
    kind: &Type,
    version: i16,
    flexible: bool,
    input: &mut Input<'_>,
    depth: usize,
) -> Result<Value, String> {
    Ok(match kind {
        Type::Bool => match input.fixed()? {
            [0] => Value::Bool(false),
            [1] => Value::Bool(true),
            [other] => Value::from(other),
        },
        Type::Int8 => Value::from(i8::from_be_bytes(input.fixed()?)),
        Type::Int16 => Value::from(i16::from_be_bytes(input.fixed()?)),
        Type::Uint16 => Value::from(u16::from_be_bytes(input.fixed()?)),
        Type::Int32 => Value::from(i32::from_be_bytes(input.fixed()?)),
        Type::Uint32 => Value::from(u32::from_be_bytes(input.fixed()?)),
        Type::Int64 => Value::from(i64::from_be_bytes(input.fixed()?)),
        Type::Float64 => Value::from(f64::from_be_bytes(input.fixed()?)),
        Type::Uuid => Value::from(uuid_text(input.fixed()?)),
        Type::String => match input.count(flexible, true)? {
            None => Value::Null,
            Some(count) => match std::str::from_utf8(input.take(count)?) {
                Ok(text) => Value::from(text),
                Err(_) => return Err("a string that is not UTF-8".to_owned()),
            },
        },
        Type::Bytes => match input.count(flexible, false)? {
            None => Value::Null,
            Some(count) => {
                let bytes = input.take(count)?;
                match std::str::from_utf8(bytes) {
                    Ok(text) if !text.chars().any(char::is_control) => Value::from(text),
                    _ => hex_value(bytes),
                }
            }
        },
        Type::Records => match input.count(flexible, false)? {
            None => Value::Null,
            Some(count) => records::describe(input.take(count)?),
        },
        Type::Array(element) => match input.count(flexible, false)? {
            None => Value::Null,
            Some(count) => {
                let items = (0..count).map(|_| decode_value(element, version, flexible, input, depth));
                Value::Array(items.collect::<Result<_, _>>()?)
            }
        },
        Type::Struct(fields) => decode_struct(fields, version, flexible, input, depth + 1)?,
    })
}

/// The versions of a request that a case can be written for: those that the definition has and calls stable.
pub(super) fn stable(message: &Message) -> Versions {
    let last = message.valid.last - i16::from(message.latest_is_unstable);
    Versions { first: message.valid.first, last }
}
