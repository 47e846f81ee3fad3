//! Records of one log in one enum: the metadata log's.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use grete_definitions::{Definition, Kind};

use super::{Sources, names, structs};

/// Adds `metadata_record.rs`.
pub(crate) fn add(sources: &mut Sources, definitions: &[Definition]) -> Result<()> {
    let mut records: Vec<&Definition> =
        definitions.iter().filter(|d| d.kind == Kind::Metadata && d.folder == "metadata").collect();
    records.sort_by_key(|definition| definition.key);
    let (mut variants, mut keys, mut reads, mut writes, mut versions) =
        (String::new(), String::new(), String::new(), String::new(), String::new());
    for record in records {
        let key = record.key.with_context(|| record.name.clone())?;
        let name = record.name.trim_end_matches("Record");
        let path = format!("crate::metadata::{}::{}", names::snake(&record.name), record.name);
        let lifetime = structs::lifetime(record, &record.fields);
        writeln!(variants, "/// Key {key}.\n{name}({path}{lifetime}),")?;
        writeln!(keys, "Self::{name}(_) => {key},")?;
        writeln!(reads, "{key} => Self::{name}(Message::decode(decoder, version)?),")?;
        writeln!(writes, "Self::{name}(record) => record.encode(encoder, version),")?;
        writeln!(versions, "{key} => {path}::VERSIONS,")?;
    }
    let source = format!(
        "//! All records of the metadata log.

use crate::prelude::*;
use grete_wire::EncodeError;

/// A record of the metadata log.
#[derive(Clone, Debug, PartialEq)]
pub enum MetadataRecord<'a> {{ {variants} }}

impl<'a> MetadataRecord<'a> {{
    /// The record's type.
    pub fn key(&self) -> i16 {{ match self {{ {keys} }} }}

    /// The versions of a type of record; `None` for an unknown one.
    pub fn versions(key: i16) -> Option<Versions> {{ Some(match key {{ {versions} _ => return None, }}) }}

    /// Reads a record of type `key`; `None` for an unknown one.
    ///
    /// # Errors
    /// What is wrong with the record.
    pub fn decode(key: i16, version: i16, decoder: &mut Decoder<'a>) -> Result<Option<Self>, DecodeError> {{
        Ok(Some(match key {{ {reads} _ => return Ok(None), }}))
    }}

    /// Writes the record's body.
    ///
    /// # Errors
    /// Where the version cannot express it.
    pub fn encode(&self, encoder: &mut Encoder, version: i16) -> Result<(), EncodeError> {{
        match self {{ {writes} }}
    }}
}}
"
    );
    sources.insert("metadata_record.rs".into(), source);
    Ok(())
}
