//! The contents of `meta.properties` and `quorum-state`.

use alloc::format;
use alloc::string::{String, ToString};
use core::str::FromStr;
use grete_protocol::wire::Uuid;

/// `meta.properties`, version 1: whose directory this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MetaProperties {
    pub(super) cluster_id: String,
    pub(super) node_id: i32,
    pub(super) directory_id: Uuid,
}

impl MetaProperties {
    pub(super) fn encode(&self) -> String {
        let Self { cluster_id, node_id, directory_id } = self;
        format!("#\nnode.id={node_id}\ndirectory.id={directory_id}\nversion=1\ncluster.id={cluster_id}\n")
    }

    /// Reads the file; says what is wrong with it in a sentence.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let text = core::str::from_utf8(bytes).map_err(|_| "meta.properties is not text".to_string())?;
        let value = |key: &str| {
            let line = text.lines().filter(|line| !line.starts_with(['#', '!']));
            let value = line.filter_map(|line| line.split_once('=')).find(|(name, _)| name.trim() == key);
            value
                .map(|(_, value)| value.trim().replace('\\', ""))
                .ok_or_else(|| format!("meta.properties has no {key}"))
        };
        let version = value("version")?;
        if version != "1" {
            return Err(format!("meta.properties has version {version}; this broker reads version 1"));
        }
        let node_id = value("node.id")?;
        let directory_id = value("directory.id")?;
        Ok(Self {
            cluster_id: value("cluster.id")?,
            node_id: node_id.parse().map_err(|_| format!("meta.properties has the node.id {node_id}"))?,
            directory_id: Uuid::from_str(&directory_id)
                .map_err(|_| format!("meta.properties has the directory.id {directory_id}"))?,
        })
    }
}

/// `quorum-state`, data version 1: who leads in which epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct QuorumState {
    pub(super) leader_id: i32,
    pub(super) leader_epoch: i32,
}

impl QuorumState {
    pub(super) fn encode(self) -> String {
        let Self { leader_id, leader_epoch } = self;
        let none = Uuid::ZERO;
        format!(
            r#"{{"leaderId":{leader_id},"leaderEpoch":{leader_epoch},"votedId":-1,"votedDirectoryId":"{none}","data_version":1}}"#
        )
    }

    /// Reads the file; of what it says only the epoch counts for a quorum of one.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let text = core::str::from_utf8(bytes).map_err(|_| "quorum-state is not text".to_string())?;
        let number = |key: &str| -> Result<i32, String> {
            let missing = || format!("quorum-state has no {key}");
            let (_, rest) = text.split_once(&format!("\"{key}\":")).ok_or_else(missing)?;
            let rest = rest.trim_start();
            let end = rest.find(|c: char| c != '-' && !c.is_ascii_digit()).unwrap_or(rest.len());
            rest.get(..end).and_then(|digits| digits.parse().ok()).ok_or_else(missing)
        };
        Ok(Self { leader_id: number("leaderId")?, leader_epoch: number("leaderEpoch")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kafka_writes_is_read() {
        let text = "#\n#Tue Nov 24 08:58:04 UTC 2026\nnode.id=0\ndirectory.id=JvJqaCAfpdslRSKOgRZHdw\nversion=1\ncluster.id=oTKmNSkTQUqR5jQDphgtNQ\n";
        let read = MetaProperties::decode(text.as_bytes()).unwrap();
        assert_eq!((read.node_id, read.cluster_id.as_str()), (0, "oTKmNSkTQUqR5jQDphgtNQ"));
        assert_eq!(MetaProperties::decode(read.encode().as_bytes()), Ok(read));
        assert!(MetaProperties::decode(b"version=2\n").unwrap_err().contains("version 2"));
        let state = r#"{"clusterId":"","leaderId":0,"leaderEpoch":2,"votedId":-1,"appliedOffset":0,"currentVoters":[{"voterId":0}],"data_version":0}"#;
        let state = QuorumState::decode(state.as_bytes()).unwrap();
        assert_eq!(state, QuorumState { leader_id: 0, leader_epoch: 2 });
        assert_eq!(QuorumState::decode(state.encode().as_bytes()), Ok(state));
    }
}
