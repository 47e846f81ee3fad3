#![forbid(unsafe_code)]
//! Kafka's message definitions as data.
//!
//! The files are described by Kafka's `clients/src/main/resources/common/message/README.md`. Both the code generator
//! and the tests read them through this crate; nothing at run time does.

mod parse;
mod size;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub use size::element_size_min;

/// The folders of definitions, one for each of Kafka's modules that has some.
pub const FOLDERS: [&str; 7] =
    ["clients", "metadata", "group-coordinator", "raft", "share-coordinator", "storage", "transaction-coordinator"];

/// A range of versions, both ends included. An open end is `i16::MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The oldest version.
    pub min: i16,
    /// The newest version.
    pub max: i16,
}

impl Range {
    /// Whether `version` lies in the range.
    pub fn contains(self, version: i16) -> bool {
        self.min <= version && version <= self.max
    }

    /// What both ranges have, if anything.
    pub fn intersect(self, other: Self) -> Option<Self> {
        let (min, max) = (self.min.max(other.min), self.max.min(other.max));
        (min <= max).then_some(Self { min, max })
    }
}

/// What a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A request body.
    Request,
    /// A response body.
    Response,
    /// A request or response header.
    Header,
    /// A record of a metadata log.
    Metadata,
    /// A record key of a coordinator's log.
    CoordinatorKey,
    /// A record value of a coordinator's log.
    CoordinatorValue,
    /// Anything else.
    Data,
}

/// A message that has at least one valid version.
#[derive(Clone, Debug)]
pub struct Definition {
    /// The folder it came from, one of [`FOLDERS`].
    pub folder: &'static str,
    /// The API key or record type, where it has one.
    pub key: Option<i16>,
    /// What it is for.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Who serves the request: "broker", "controller".
    pub listeners: Vec<String>,
    /// The versions that exist.
    pub valid: Range,
    /// The first flexible version (KIP-482).
    pub flexible_from: Option<i16>,
    /// Whether the newest version is still in development.
    pub latest_version_unstable: bool,
    /// The fields of the message itself.
    pub fields: Vec<Field>,
    /// All structs that its fields name, in the order of their definition.
    pub structs: Vec<Struct>,
}

/// A struct inside of a message.
#[derive(Clone, Debug)]
pub struct Struct {
    /// Its name, unique within the message.
    pub name: String,
    /// Its fields.
    pub fields: Vec<Field>,
}

/// A field of a message or struct. All ranges are cut to the message's valid versions.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name, in Kafka's camel case.
    pub name: String,
    /// What it holds.
    pub ty: Type,
    /// The versions that have it.
    pub versions: Range,
    /// The versions in which it may be null.
    pub nullable: Option<Range>,
    /// Its tag and the versions in which it is a tagged field.
    pub tagged: Option<(u32, Range)>,
    /// The default, if it is not zero or empty.
    pub default: Default,
    /// Whether a value that the version has no field for may be dropped.
    pub ignorable: bool,
    /// What the value means.
    pub entity: Option<Entity>,
    /// Whether its length stays fixed in flexible versions.
    pub inflexible: bool,
}

/// The type of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are Kafka's own")]
pub enum Type {
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
    Struct(String),
    Array(Box<Type>),
}

/// A meaning that a definition gives to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are Kafka's own")]
pub enum Entity {
    TopicName,
    GroupId,
    TransactionalId,
    BrokerId,
    ProducerId,
}

/// The value of a field that is not on the wire.
#[derive(Clone, Debug, PartialEq)]
pub enum Default {
    /// Zero, false, empty.
    Zero,
    /// Null.
    Null,
    /// True.
    True,
    /// A number other than zero.
    Int(i64),
}

impl Definition {
    /// The struct called `name`.
    pub fn structure(&self, name: &str) -> Option<&Struct> {
        self.structs.iter().find(|structure| structure.name == name)
    }

    /// Whether `version` is flexible.
    pub fn is_flexible(&self, version: i16) -> bool {
        self.flexible_from.is_some_and(|first| version >= first)
    }
}

/// A definition that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("{0}: {1}")]
    Io(PathBuf, io::Error),
    /// A file is not JSON.
    #[error("{0}: {1}")]
    Json(PathBuf, serde_json::Error),
    /// A file says something that the format does not allow, or that nothing here understands.
    #[error("{0}: {1}")]
    Invalid(PathBuf, String),
}

/// Reads all definitions below `root`, by folder and file name. Removed messages (no valid version) are left out.
pub fn load(root: &Path) -> Result<Vec<Definition>, Error> {
    let mut definitions = Vec::new();
    for folder in FOLDERS {
        let directory = root.join(folder);
        let mut files = Vec::new();
        for entry in fs::read_dir(&directory).map_err(|error| Error::Io(directory.clone(), error))? {
            files.push(entry.map_err(|error| Error::Io(directory.clone(), error))?.path());
        }
        files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
        files.sort();
        for file in files {
            let text = fs::read_to_string(&file).map_err(|error| Error::Io(file.clone(), error))?;
            let value = serde_json::from_str(&text).map_err(|error| Error::Json(file.clone(), error))?;
            definitions.extend(parse::definition(folder, &value).map_err(|reason| Error::Invalid(file, reason))?);
        }
    }
    Ok(definitions)
}
