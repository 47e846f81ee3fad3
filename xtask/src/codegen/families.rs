//! Records of one log in one enum.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context, Result};
use grete_definitions::{Definition, Kind};

use super::{Sources, names, structs};

/// The records of one kind of log, or the keys or values of such.
struct Family {
    /// Where Kafka defines them.
    folder: &'static str,
    kind: Kind,
    /// The enum.
    name: &'static str,
    /// What it is, after "A record" or the like.
    doc: &'static str,
    /// What all names of its records end in.
    suffix: &'static str,
}

const FAMILIES: [Family; 8] = [
    Family {
        folder: "metadata",
        kind: Kind::Metadata,
        name: "MetadataRecord",
        doc: "A record of the metadata log.",
        suffix: "Record",
    },
    Family {
        folder: "storage",
        kind: Kind::Metadata,
        name: "RemoteLogRecord",
        doc: "A record of the log of remote segments.",
        suffix: "Record",
    },
    Family {
        folder: "group-coordinator",
        kind: Kind::CoordinatorKey,
        name: "GroupRecordKey",
        doc: "The key of a record of the group coordinator.",
        suffix: "Key",
    },
    Family {
        folder: "group-coordinator",
        kind: Kind::CoordinatorValue,
        name: "GroupRecordValue",
        doc: "The value of a record of the group coordinator.",
        suffix: "Value",
    },
    Family {
        folder: "share-coordinator",
        kind: Kind::CoordinatorKey,
        name: "ShareRecordKey",
        doc: "The key of a record of the share coordinator.",
        suffix: "Key",
    },
    Family {
        folder: "share-coordinator",
        kind: Kind::CoordinatorValue,
        name: "ShareRecordValue",
        doc: "The value of a record of the share coordinator.",
        suffix: "Value",
    },
    Family {
        folder: "transaction-coordinator",
        kind: Kind::CoordinatorKey,
        name: "TransactionRecordKey",
        doc: "The key of a record of the transaction coordinator.",
        suffix: "Key",
    },
    Family {
        folder: "transaction-coordinator",
        kind: Kind::CoordinatorValue,
        name: "TransactionRecordValue",
        doc: "The value of a record of the transaction coordinator.",
        suffix: "Value",
    },
];

/// Adds a file for each family.
pub(crate) fn add(sources: &mut Sources, definitions: &[Definition]) -> Result<()> {
    for family in &FAMILIES {
        let mut records: Vec<&Definition> =
            definitions.iter().filter(|d| d.kind == family.kind && d.folder == family.folder).collect();
        records.sort_by_key(|definition| definition.key);
        sources.insert(PathBuf::from(names::snake(family.name) + ".rs"), source(family, &records)?);
    }
    Ok(())
}

fn source(family: &Family, records: &[&Definition]) -> Result<String> {
    let (mut variants, mut keys, mut reads, mut writes, mut versions) =
        (String::new(), String::new(), String::new(), String::new(), String::new());
    for record in records {
        let key = record.key.with_context(|| record.name.clone())?;
        let name = record.name.strip_suffix(family.suffix).with_context(|| record.name.clone())?;
        let path = format!("crate::{}::{}::{}", names::snake(record.folder), names::snake(&record.name), record.name);
        let lifetime = structs::lifetime(record, &record.fields);
        writeln!(variants, "/// Key {key}.\n{name}({path}{lifetime}),")?;
        writeln!(keys, "Self::{name}(_) => {key},")?;
        writeln!(reads, "{key} => Self::{name}(Message::decode(decoder, version)?),")?;
        writeln!(writes, "Self::{name}(record) => record.encode(encoder, version),")?;
        writeln!(versions, "{key} => {path}::VERSIONS,")?;
    }
    let (enumeration, doc) = (family.name, family.doc);
    let lifetime =
        if records.iter().any(|record| !structs::lifetime(record, &record.fields).is_empty()) { "<'a>" } else { "" };
    Ok(format!(
        "//! [`{enumeration}`]: all there are.

use crate::prelude::*;
use grete_wire::EncodeError;

/// {doc}
#[derive(Clone, Debug, PartialEq)]
pub enum {enumeration}{lifetime} {{ {variants} }}

impl<'a> {enumeration}{lifetime} {{
    /// The record's type.
    pub fn key(&self) -> i16 {{ match self {{ {keys} }} }}

    /// The versions of a type of record; `None` for an unknown one.
    pub fn versions(key: i16) -> Option<Versions> {{ Some(match key {{ {versions} _ => return None, }}) }}

    /// Reads what a record of type `key` has in such a place; `None` for an unknown one.
    ///
    /// # Errors
    /// What is wrong with the record.
    pub fn decode(key: i16, version: i16, decoder: &mut Decoder<'a>) -> Result<Option<Self>, DecodeError> {{
        Ok(Some(match key {{ {reads} _ => return Ok(None), }}))
    }}

    /// Writes the fields, without type and version.
    ///
    /// # Errors
    /// Where the version cannot express it.
    pub fn encode(&self, encoder: &mut Encoder, version: i16) -> Result<(), EncodeError> {{
        match self {{ {writes} }}
    }}
}}
"
    ))
}
