//! What is known of a key.

use super::rule::Rule;

/// A key of a configuration.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What its values are.
    pub kind: Kind,
    /// What holds where nothing is set; `None` for nothing.
    pub default: Option<&'static str>,
    /// Which values it takes.
    pub rule: Rule,
    /// Whether it can be altered while the broker runs.
    pub update: Update,
    /// What this broker does with it.
    pub treatment: Treatment,
    /// Whether it is shown only where it is set: it is none that Kafka shows, and tools know what Kafka shows.
    pub is_internal: bool,
    /// What it means; empty where it means nothing here yet.
    pub documentation: &'static str,
    /// The broker's keys that are its default, in their order, each with the number of this key's units in one of its own.
    pub synonyms: &'static [(&'static str, i64)],
}

/// What the values of a key are, by Kafka's numbers of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are Kafka's own")]
pub enum Kind {
    Boolean = 1,
    Text = 2,
    Int = 3,
    Short = 4,
    Long = 5,
    Double = 6,
    List = 7,
    Class = 8,
    Password = 9,
}

/// Whether a broker's key can be altered while it runs (KIP-226).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// It cannot.
    ReadOnly,
    /// For each broker alone.
    PerBroker,
    /// For each broker alone, or for all of them.
    ClusterWide,
}

/// What this broker does with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// It does what the key says.
    Works,
    /// Nothing, and nothing is lost by that.
    Ignored,
    /// Nothing, and nothing is lost by that where a node starts with it; altering it while it runs is refused. Why.
    Unused(&'static str),
    /// A value other than the default is refused: without its effect less would be safe than is asked for. Why it has none.
    Refused(&'static str),
}

impl Key {
    /// What it means, in a few words; empty for keys that mean nothing here and are not the broker's.
    #[must_use]
    pub fn meaning(&self) -> &'static str {
        if self.documentation.is_empty() { super::meanings::meaning(self.name) } else { self.documentation }
    }

    /// Whether its values are secrets.
    #[must_use]
    pub fn is_sensitive(&self) -> bool {
        self.kind == Kind::Password
    }

    pub(super) const fn internal(mut self) -> Self {
        self.is_internal = true;
        self
    }

    pub(super) const fn with_synonyms(mut self, synonyms: &'static [(&'static str, i64)]) -> Self {
        self.synonyms = synonyms;
        self
    }
}

/// A key that does what it says.
pub(super) const fn works(
    name: &'static str,
    kind: Kind,
    default: Option<&'static str>,
    rule: Rule,
    update: Update,
    documentation: &'static str,
) -> Key {
    let treatment = Treatment::Works;
    Key { name, kind, default, rule, update, treatment, is_internal: false, documentation, synonyms: &[] }
}

/// A key that does nothing.
pub(super) const fn ignored(
    name: &'static str,
    kind: Kind,
    default: Option<&'static str>,
    rule: Rule,
    update: Update,
) -> Key {
    Key { treatment: Treatment::Ignored, ..works(name, kind, default, rule, update, "") }
}

/// A key that does nothing, and cannot be altered.
pub(super) const fn unused(
    name: &'static str,
    kind: Kind,
    default: Option<&'static str>,
    rule: Rule,
    update: Update,
    why: &'static str,
) -> Key {
    Key { treatment: Treatment::Unused(why), ..works(name, kind, default, rule, update, "") }
}

/// A key that is refused.
pub(super) const fn refused(
    name: &'static str,
    kind: Kind,
    default: Option<&'static str>,
    rule: Rule,
    update: Update,
    why: &'static str,
) -> Key {
    Key { treatment: Treatment::Refused(why), ..works(name, kind, default, rule, update, "") }
}
