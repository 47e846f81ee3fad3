//! One message: its structs, and how they are read and written.

use std::fmt::Write as _;

use anyhow::{Context, Result, ensure};
use grete_definitions::{Definition, Field, Kind, Type, element_size_min};

use super::fields::{FieldCode, borrows};
use super::{docs, names};

/// Names that generated modules import from their crate's prelude, which no struct may take.
const PRELUDE: [&str; 17] = [
    "BrokerId",
    "Cow",
    "DecodeError",
    "Decoder",
    "Element",
    "Encoder",
    "GroupId",
    "Message",
    "Option",
    "ProducerId",
    "Records",
    "Request",
    "TopicName",
    "TransactionalId",
    "UnknownTags",
    "Uuid",
    "Versions",
];

/// The module of a message; that of a request names its `response`.
pub(crate) fn message(definition: &Definition, response: Option<&Definition>) -> Result<String> {
    let mut source = format!("//! [`{}`] and its structs.\n\nuse crate::prelude::*;\n\n", definition.name);
    source += &structure(definition, &definition.name, &definition.fields, None)?;
    for inner in &definition.structs {
        source += &structure(definition, &inner.name, &inner.fields, Some(size_min(definition, &inner.name)?))?;
    }
    if definition.kind == Kind::Request {
        source += &request(definition, response.context("a request without a response")?);
    }
    Ok(source)
}

/// A struct with its codec: a message, or, given its `size_min`, an element of one.
fn structure(definition: &Definition, name: &str, fields: &[Field], size_min: Option<String>) -> Result<String> {
    ensure!(!PRELUDE.contains(&name), "a struct is called {name}");
    let codes = fields.iter().map(|field| FieldCode::new(definition, field)).collect::<Result<Vec<_>>>()?;
    let flexible = definition.flexible_from.is_some();
    let lifetime = lifetime(definition, fields);
    let doc = match size_min {
        None => docs::message(definition),
        Some(_) => format!("Part of [`{}`].", definition.name),
    };
    let derived = codes.iter().all(FieldCode::default_is_derived);
    let default = if derived { ", Default" } else { "" };
    let mut source =
        format!("/// {doc}\n#[derive(Clone, Debug{default}, PartialEq)]\npub struct {name}{lifetime} {{\n");
    for code in &codes {
        let doc = docs::field(code.field, definition.valid);
        writeln!(source, "/// {doc}\npub {}: {},", code.name, code.rust_type())?;
    }
    if flexible {
        source += "/// Tagged fields that are not known, in flexible versions.\npub unknown_tags: UnknownTags,\n";
    }
    source += "}\n\n";
    if !derived {
        let anonymous = if lifetime.is_empty() { "" } else { "<'_>" };
        writeln!(source, "impl Default for {name}{anonymous} {{ fn default() -> Self {{ Self {{")?;
        for code in &codes {
            writeln!(source, "{}: {},", code.name, code.default())?;
        }
        source += if flexible { "unknown_tags: UnknownTags::default(),\n}}}\n\n" } else { "}}}\n\n" };
    }
    let (read, write) = (read_body(&codes, flexible), write_body(&codes, flexible));
    match size_min {
        None => {
            writeln!(source, "impl<'a> Message<'a> for {name}{lifetime} {{")?;
            source += &constants(definition);
        }
        Some(size_min) => {
            writeln!(source, "impl<'a> Element<'a> for {name}{lifetime} {{")?;
            let version = parameter("version", &size_min);
            writeln!(source, "fn size_min({version}: i16, _flexible: bool) -> usize {{ {size_min} }}\n")?;
        }
    }
    let (decoder, version) = (parameter("d", &read), parameter("version", &read));
    write!(
        source,
        "fn read({decoder}: &mut Decoder<'a>, {version}: i16) -> Result<Self, DecodeError> {{\n{read}\n}}\n\n"
    )?;
    let (encoder, version) = (parameter("e", &write), parameter("version", &write));
    write!(source, "fn write(&self, {encoder}: &mut Encoder, {version}: i16) {{\n{write}\n}}\n}}\n\n")?;
    Ok(source)
}

fn constants(definition: &Definition) -> String {
    let (min, max) = (definition.valid.min, definition.valid.max);
    format!(
        "const NAME: &'static str = \"{}\";\nconst VERSIONS: Versions = Versions {{ min: {min}, max: {max} }};\nconst FLEXIBLE_FROM: Option<i16> = {:?};\n\n",
        definition.name, definition.flexible_from
    )
}

fn read_body(codes: &[FieldCode<'_>], flexible: bool) -> String {
    let mut body = String::new();
    for code in codes {
        body += &code.initialiser();
        body.push('\n');
    }
    let arms: Vec<String> = codes.iter().filter_map(FieldCode::tag_arm).collect();
    match (flexible, arms.is_empty()) {
        (false, _) => format!("Ok(Self {{ {body} }})"),
        (true, true) => format!("Ok(Self {{ {body} unknown_tags: d.tags()?.keep_all(d)?, }})"),
        (true, false) => format!(
            "let mut this = Self {{ {body} unknown_tags: UnknownTags::default(), }};
            let mut tags = d.tags()?;
            while let Some(tag) = tags.next(d)? {{
                match tag {{
                    {}
                    _ => tags.keep(d, &mut this.unknown_tags)?,
                }}
            }}
            Ok(this)",
            arms.join("\n")
        ),
    }
}

fn write_body(codes: &[FieldCode<'_>], flexible: bool) -> String {
    let mut body: String = codes.iter().map(|code| code.write_statement() + "\n").collect();
    let mut tagged: Vec<&FieldCode<'_>> = codes.iter().filter(|code| code.field.tagged.is_some()).collect();
    tagged.sort_by_key(|code| code.field.tagged.map(|(tag, _)| tag));
    if !flexible {
        return body;
    }
    if tagged.is_empty() {
        return body + "e.unknown_tags(&self.unknown_tags);";
    }
    body += "let mut tags = e.tags(&self.unknown_tags);\n";
    body.extend(tagged.iter().filter_map(|code| code.tag_statement()).map(|statement| statement + "\n"));
    body + "tags.end();"
}

/// The fewest bytes of a struct, by version.
fn size_min(definition: &Definition, name: &str) -> Result<String> {
    let mut steps: Vec<(i16, usize)> = Vec::new();
    for version in definition.valid.min..=definition.valid.max {
        let ty = Type::Struct(name.to_owned());
        // Of a version that has no such struct, nothing is ever read.
        let size = element_size_min(definition, &ty, version).context("unknown struct")?.max(1);
        match steps.last_mut() {
            Some(last) if last.1 == size => last.0 = version,
            _ => steps.push((version, size)),
        }
    }
    if let [(_, size)] = steps[..] {
        return Ok(size.to_string());
    }
    let mut text = "match version {\n".to_owned();
    for (index, (last, size)) in steps.iter().enumerate() {
        let pattern = if index + 1 == steps.len() { "_".to_owned() } else { format!("..={last}") };
        writeln!(text, "{pattern} => {size},")?;
    }
    Ok(text + "}")
}

fn request(definition: &Definition, response: &Definition) -> String {
    let (name, answer) = (&definition.name, &response.name);
    format!(
        "impl<'a> Request<'a> for {name}{} {{
            const KEY: crate::ApiKey = crate::ApiKey::{};
            type Response<'r> = crate::{}::{}::{answer}{};
        }}\n",
        lifetime(definition, &definition.fields),
        name.trim_end_matches("Request"),
        names::snake(response.folder),
        names::snake(answer),
        if lifetime(response, &response.fields).is_empty() { "" } else { "<'r>" }
    )
}

/// The lifetime parameter of a struct with such fields.
pub(crate) fn lifetime(definition: &Definition, fields: &[Field]) -> &'static str {
    if fields.iter().any(|field| borrows(definition, &field.ty)) { "<'a>" } else { "" }
}

/// The name of a parameter, marked as unused where `body` does not name it.
fn parameter(name: &str, body: &str) -> String {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    let used = body.match_indices(name).any(|(at, _)| {
        let (before, after) = (&body[..at], &body[at + name.len()..]);
        // A field of the same name is not the parameter.
        let is_field = before.ends_with('.') || before.ends_with('"') || (after.starts_with(": ") && name == "version");
        !is_field && !before.ends_with(is_part) && !after.starts_with(is_part)
    });
    if used { name.to_owned() } else { format!("_{name}") }
}
