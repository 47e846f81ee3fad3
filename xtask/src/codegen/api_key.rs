//! The table of APIs.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use grete_definitions::{Definition, Kind};

/// The module `api_key`.
pub(crate) fn source(definitions: &[Definition]) -> Result<String> {
    let mut requests: Vec<&Definition> = definitions.iter().filter(|d| d.kind == Kind::Request).collect();
    requests.sort_by_key(|definition| definition.key);
    let mut variants = String::new();
    let mut rows = String::new();
    let mut from = String::new();
    let mut all = String::new();
    for request in &requests {
        let name = request.name.trim_end_matches("Request");
        let key = request.key.with_context(|| format!("{name} has no key"))?;
        let response = definitions
            .iter()
            .find(|d| d.kind == Kind::Response && d.key == Some(key))
            .with_context(|| format!("{name} has no response"))?;
        writeln!(all, "Self::{name},")?;
        writeln!(variants, "/// Versions {} to {}.\n{name} = {key},", request.valid.min, request.valid.max)?;
        writeln!(from, "{key} => Self::{name},")?;
        writeln!(
            rows,
            "Self::{name} => Facts {{ name: {name:?}, versions: Versions {{ min: {}, max: {} }}, request_flexible_from: {:?}, response_flexible_from: {:?}, latest_version_unstable: {}, broker: {}, controller: {} }},",
            request.valid.min,
            request.valid.max,
            request.flexible_from,
            response.flexible_from,
            request.latest_version_unstable,
            request.listeners.iter().any(|listener| listener == "broker"),
            request.listeners.iter().any(|listener| listener == "controller"),
        )?;
    }
    Ok(format!(
        "//! Kafka's APIs.

use core::fmt;

use grete_wire::Versions;

/// An API of Kafka, by its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i16)]
pub enum ApiKey {{ {variants} }}

/// What the definitions say of an API.
struct Facts {{
    name: &'static str,
    versions: Versions,
    request_flexible_from: Option<i16>,
    response_flexible_from: Option<i16>,
    latest_version_unstable: bool,
    broker: bool,
    controller: bool,
}}

impl ApiKey {{
    /// All APIs, by key. Those that Kafka has removed (4 to 7) are none.
    pub const ALL: &[Self] = &[{all}];

    /// The API with a key.
    pub const fn from_key(key: i16) -> Option<Self> {{
        Some(match key {{ {from} _ => return None, }})
    }}

    /// Its key.
    pub const fn key(self) -> i16 {{ self as i16 }}

    /// Its name, as Kafka writes it.
    pub const fn name(self) -> &'static str {{ self.facts().name }}

    /// The versions that are defined.
    pub const fn versions(self) -> Versions {{ self.facts().versions }}

    /// Whether the newest version is still in development.
    pub const fn latest_version_unstable(self) -> bool {{ self.facts().latest_version_unstable }}

    /// Whether brokers serve it.
    pub const fn is_broker(self) -> bool {{ self.facts().broker }}

    /// Whether controllers serve it.
    pub const fn is_controller(self) -> bool {{ self.facts().controller }}

    /// The version of the header of a request.
    pub const fn request_header_version(self, version: i16) -> i16 {{
        match self.facts().request_flexible_from {{
            Some(first) if version >= first => 2,
            _ => 1,
        }}
    }}

    /// The version of the header of a response. That of ApiVersions is 0 in all versions, since the client does not
    /// know yet what the broker can (KIP-511).
    pub const fn response_header_version(self, version: i16) -> i16 {{
        match (self, self.facts().response_flexible_from) {{
            (Self::ApiVersions, _) => 0,
            (_, Some(first)) if version >= first => 1,
            _ => 0,
        }}
    }}

    const fn facts(self) -> Facts {{ match self {{ {rows} }} }}
}}

impl fmt::Display for ApiKey {{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {{ f.write_str(self.name()) }}
}}
"
    ))
}
