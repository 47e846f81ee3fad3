//! `meta.properties`: whose log directory this is. At the top of every log directory.
//!
//! ```text
//! #
//! #Tue Nov 24 08:58:04 UTC 2026
//! node.id=0
//! directory.id=JvJqaCAfpdslRSKOgRZHdw
//! version=1
//! cluster.id=oTKmNSkTQUqR5jQDphgtNQ
//! ```
//! Java properties in any order; keys that are not known here stay as they are.

use super::properties::Properties;
use super::{FileError, FileErrorKind};
use crate::ids::NodeId;
use alloc::string::{String, ToString};
use grete_protocol::wire::Uuid;

/// The file's name in a log directory.
pub const NAME: &str = "meta.properties";

const VERSION: &str = "version";
const CLUSTER_ID: &str = "cluster.id";
const NODE_ID: &str = "node.id";
const DIRECTORY_ID: &str = "directory.id";

/// Whose log directory this is: version 1 of the file. Version 0, in which brokers of ZooKeeper's days had a `broker.id`,
/// is refused as Kafka refuses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetaProperties {
    /// The cluster.
    pub cluster_id: String,
    /// The node.
    pub node_id: NodeId,
    /// The directory itself (KIP-858). Older directories have none, and get one at their first start.
    pub directory_id: Option<Uuid>,
    properties: Properties,
}

impl MetaProperties {
    /// A new directory's file.
    #[must_use]
    pub fn new(cluster_id: String, node_id: NodeId, directory_id: Uuid) -> Self {
        let mut properties = Properties::default();
        properties.comment("");
        Self { cluster_id, node_id, directory_id: Some(directory_id), properties }
    }

    /// Reads the file.
    pub fn decode(bytes: &[u8]) -> Result<Self, FileError> {
        let properties = Properties::decode(bytes)?;
        let required = |key| properties.find(key).ok_or(FileError::new(bytes.len(), FileErrorKind::Missing(key)));
        let (version, position) = required(VERSION)?;
        if version.trim() != "1" {
            let kind = version.trim().parse().map_or(FileErrorKind::Value(VERSION), FileErrorKind::Version);
            return Err(FileError::new(position, kind));
        }
        let (cluster_id, _) = required(CLUSTER_ID)?;
        let cluster_id = cluster_id.to_string();
        let (node_id, position) = required(NODE_ID)?;
        let node_id: Option<i32> = node_id.trim().parse().ok();
        let node_id = node_id.filter(|&id| id >= 0).ok_or(FileError::new(position, FileErrorKind::Value(NODE_ID)))?;
        let directory_id = match properties.find(DIRECTORY_ID) {
            None => None,
            Some((text, position)) => {
                let id: Option<Uuid> = text.trim().parse().ok();
                let error = FileError::new(position, FileErrorKind::Value(DIRECTORY_ID));
                Some(id.filter(|id| !is_reserved(*id)).ok_or(error)?)
            }
        };
        Ok(Self { cluster_id, node_id: NodeId(node_id), directory_id, properties })
    }

    /// Writes the file: with the lines that it was read from, as far as they are not about what changed.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut properties = self.properties.clone();
        let mut set = |key, value: String| {
            if properties.get(key).map(str::trim) != Some(&value) {
                properties.set(key, value);
            }
        };
        set(NODE_ID, self.node_id.to_string());
        if let Some(id) = self.directory_id {
            set(DIRECTORY_ID, id.to_string());
        }
        set(VERSION, "1".to_string());
        // The cluster's id is free text, of which white space counts.
        if properties.get(CLUSTER_ID) != Some(&self.cluster_id) {
            properties.set(CLUSTER_ID, self.cluster_id.clone());
        }
        properties.encode()
    }
}

/// Whether no directory may have this id: KIP-858 keeps the first hundred, of which three mean "lost", "unassigned" and
/// "migrating".
fn is_reserved(id: Uuid) -> bool {
    u128::from_be_bytes(id.0) < 100
}

#[cfg(test)]
mod tests {
    use super::*;

    const KAFKAS: &str = "#\n#Tue Nov 24 08:58:04 UTC 2026\nnode.id=0\ndirectory.id=JvJqaCAfpdslRSKOgRZHdw\nversion=1\n\
                          cluster.id=oTKmNSkTQUqR5jQDphgtNQ\n";

    #[test]
    fn kafkas_file() {
        let mut meta = MetaProperties::decode(KAFKAS.as_bytes()).unwrap();
        assert_eq!(meta.cluster_id, "oTKmNSkTQUqR5jQDphgtNQ");
        assert_eq!(meta.node_id, NodeId(0));
        assert_eq!(meta.directory_id.unwrap().to_string(), "JvJqaCAfpdslRSKOgRZHdw");
        assert_eq!(meta.encode(), KAFKAS);
        meta.directory_id = Some(Uuid([7; 16]));
        assert_eq!(meta.encode(), KAFKAS.replace("JvJqaCAfpdslRSKOgRZHdw", "BwcHBwcHBwcHBwcHBwcHBw"));
    }

    #[test]
    fn a_new_file_and_unknown_keys() {
        let meta = MetaProperties::new("a=b c".to_string(), NodeId(3), Uuid([7; 16]));
        let text = "#\nnode.id=3\ndirectory.id=BwcHBwcHBwcHBwcHBwcHBw\nversion=1\ncluster.id=a\\=b c\n";
        assert_eq!(meta.encode(), text);
        assert_eq!(MetaProperties::decode(text.as_bytes()).unwrap().cluster_id, "a=b c");
        let more = "rack\\ row: 7\nversion = 1\nnode.id=3\ncluster.id=c";
        let mut meta = MetaProperties::decode(more.as_bytes()).unwrap();
        assert_eq!(meta.directory_id, None);
        meta.directory_id = Some(Uuid([7; 16]));
        let text = "rack\\ row=7\nversion=1\nnode.id=3\ncluster.id=c\ndirectory.id=BwcHBwcHBwcHBwcHBwcHBw\n";
        assert_eq!(meta.encode(), text);
    }

    #[test]
    fn damage_is_placed() {
        let error = |text: &str| MetaProperties::decode(text.as_bytes()).unwrap_err();
        assert_eq!(error(""), FileError { position: 0, kind: FileErrorKind::Missing(VERSION) });
        assert_eq!(error("#\nversion=0\nbroker.id=1\n"), FileError { position: 2, kind: FileErrorKind::Version(0) });
        assert_eq!(error("version=x").kind, FileErrorKind::Value(VERSION));
        assert_eq!(error("version=1\nnode.id=1\n").kind, FileErrorKind::Missing(CLUSTER_ID));
        assert_eq!(error("version=1\ncluster.id=c\nnode.id=-1\n").position, 23);
        let reserved = "version=1\ncluster.id=c\nnode.id=1\ndirectory.id=AAAAAAAAAAAAAAAAAAAAAQ\n";
        assert_eq!(error(reserved), FileError { position: 33, kind: FileErrorKind::Value(DIRECTORY_ID) });
    }
}
