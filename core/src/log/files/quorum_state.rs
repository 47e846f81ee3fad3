//! `quorum-state`: what a node of the metadata quorum must not forget: the epoch, its vote and the leader. In the metadata
//! log's directory; one line of JSON without an end of line, replaced and synced before the answer that depends on it.
//!
//! ```text
//! {"clusterId":"","leaderId":0,"leaderEpoch":2,"votedId":-1,"appliedOffset":0,"currentVoters":[{"voterId":0}],"data_version":0}
//! {"leaderId":-1,"leaderEpoch":2,"votedId":1,"votedDirectoryId":"J8aAPcfLQt2bqs1JT_rMgQ","data_version":1}
//! ```
//! Version 1 goes with `kraft.version` 1 (KIP-853), where the voters are in the log.
//!
//! Grete adds `"greteSince":5` before `data_version`. Kafka passes over it, and does not write it again: so it is there as
//! long as nobody else has led here, and nobody else has written to the directories.

use super::json::{Object, Value, value_error};
use super::{FileError, FileErrorKind, push};
use crate::ids::{LeaderEpoch, NodeId};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use grete_protocol::wire::Uuid;

/// The file's name in the metadata log's directory.
pub const NAME: &str = "quorum-state";

const GRETE_SINCE: &str = "greteSince";

/// What a node of the quorum must not forget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumState {
    /// The newest epoch that the node has seen.
    pub leader_epoch: LeaderEpoch,
    /// The leader of that epoch, if the node knows it.
    pub leader: Option<NodeId>,
    /// Whom the node voted for in that epoch, if it did.
    pub voted: Option<Vote>,
    /// The epoch since which only Grete has led here, and so been the only one to write to the node's directories.
    pub grete_since: Option<LeaderEpoch>,
    /// What depends on the version of the file.
    pub version: Version,
}

/// For whom a node voted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vote {
    /// The candidate.
    pub candidate: NodeId,
    /// Its metadata directory: a candidate with an empty disk is another voter. `None` if it named none, and always so
    /// in version 0.
    pub directory: Option<Uuid>,
}

/// The version of the file, with what only that one has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Version {
    /// `kraft.version` 0: the voters are configured.
    V0 {
        /// Kafka leaves it empty.
        cluster_id: String,
        /// Kafka leaves it 0.
        applied_offset: i64,
        /// The configured voters.
        voters: Option<Vec<NodeId>>,
    },
    /// `kraft.version` 1: the voters are in the log.
    V1,
}

impl QuorumState {
    /// Reads the file.
    pub fn decode(bytes: &[u8]) -> Result<Self, FileError> {
        let object = Object::decode(bytes)?;
        let data_version = object.integer("data_version")?;
        let id = |key| Ok(Some(NodeId(object.integer32(key, -1)?)).filter(|id| id.0 >= 0));
        let (version, directory) = match data_version {
            0 => (Version::decode_0(&object)?, None),
            1 => {
                let directory: Uuid =
                    object.string("votedDirectoryId")?.parse().map_err(|_| value_error("votedDirectoryId"))?;
                (Version::V1, Some(directory).filter(|id| !id.is_zero()))
            }
            other => return Err(FileError::new(0, FileErrorKind::Version(other))),
        };
        let candidate = id("votedId")?;
        Ok(Self {
            leader_epoch: LeaderEpoch(object.integer32("leaderEpoch", 0)?),
            leader: id("leaderId")?,
            voted: candidate.map(|candidate| Vote { candidate, directory }),
            grete_since: match object.get(GRETE_SINCE) {
                None => None,
                Some(_) => Some(LeaderEpoch(object.integer32(GRETE_SINCE, 0)?)),
            },
            version,
        })
    }

    /// Writes the file.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::from("{");
        if let Version::V0 { cluster_id, .. } = &self.version {
            push(&mut text, format_args!("\"clusterId\":{},", Value::String(cluster_id.clone())));
        }
        let id = |node: Option<NodeId>| node.map_or(-1, |node| node.0);
        push(
            &mut text,
            format_args!(
                "\"leaderId\":{},\"leaderEpoch\":{},\"votedId\":{},",
                id(self.leader),
                self.leader_epoch,
                id(self.voted.map(|vote| vote.candidate))
            ),
        );
        match &self.version {
            Version::V0 { applied_offset, voters, .. } => {
                push(&mut text, format_args!("\"appliedOffset\":{applied_offset},\"currentVoters\":"));
                push_voters(voters.as_deref(), &mut text);
            }
            Version::V1 => {
                let directory = self.voted.and_then(|vote| vote.directory).unwrap_or(Uuid::ZERO);
                push(&mut text, format_args!("\"votedDirectoryId\":\"{directory}\""));
            }
        }
        if let Some(since) = self.grete_since {
            push(&mut text, format_args!(",\"{GRETE_SINCE}\":{since}"));
        }
        let version = match self.version {
            Version::V0 { .. } => 0,
            Version::V1 => 1,
        };
        push(&mut text, format_args!(",\"data_version\":{version}}}"));
        text
    }
}

impl Version {
    fn decode_0(object: &Object) -> Result<Self, FileError> {
        const VOTERS: &str = "currentVoters";
        let voter = |value: &Value| {
            let id = value.as_object()?.get("voterId")?.as_i64()?;
            i32::try_from(id).ok().map(NodeId)
        };
        let voters = match object.required(VOTERS)? {
            Value::Null => None,
            Value::Array(voters) => {
                Some(voters.iter().map(voter).collect::<Option<Vec<_>>>().ok_or(value_error(VOTERS))?)
            }
            _ => return Err(value_error(VOTERS)),
        };
        let cluster_id = object.string("clusterId")?.to_string();
        Ok(Self::V0 { cluster_id, applied_offset: object.integer("appliedOffset")?, voters })
    }
}

fn push_voters(voters: Option<&[NodeId]>, text: &mut String) {
    let Some(voters) = voters else { return text.push_str("null") };
    text.push('[');
    for (index, voter) in voters.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        push(text, format_args!("{comma}{{\"voterId\":{voter}}}"));
    }
    text.push(']');
}

#[cfg(test)]
mod tests {
    use super::*;

    const V0: &str = "{\"clusterId\":\"\",\"leaderId\":0,\"leaderEpoch\":2,\"votedId\":-1,\"appliedOffset\":0,\
                      \"currentVoters\":[{\"voterId\":0},{\"voterId\":1}],\"data_version\":0}";
    const V1: &str = "{\"leaderId\":-1,\"leaderEpoch\":2,\"votedId\":1,\"votedDirectoryId\":\"J8aAPcfLQt2bqs1JT_rMgQ\",\
                      \"data_version\":1}";

    #[test]
    fn both_versions() {
        let state = QuorumState::decode(V0.as_bytes()).unwrap();
        assert_eq!((state.leader_epoch, state.leader, state.voted), (LeaderEpoch(2), Some(NodeId(0)), None));
        let voters = Some(Vec::from([NodeId(0), NodeId(1)]));
        assert_eq!(state.version, Version::V0 { cluster_id: String::new(), applied_offset: 0, voters });
        assert_eq!(state.encode(), V0);

        let state = QuorumState::decode(V1.as_bytes()).unwrap();
        assert_eq!((state.leader_epoch, state.leader), (LeaderEpoch(2), None));
        let vote = state.voted.unwrap();
        assert_eq!(
            (vote.candidate, vote.directory.unwrap().to_string()),
            (NodeId(1), "J8aAPcfLQt2bqs1JT_rMgQ".to_string())
        );
        assert_eq!(state.encode(), V1);
        let none =
            V1.replace("J8aAPcfLQt2bqs1JT_rMgQ", "AAAAAAAAAAAAAAAAAAAAAA").replace(":1,\"votedD", ":-1,\"votedD");
        let state = QuorumState::decode(none.as_bytes()).unwrap();
        assert_eq!((state.voted, state.encode()), (None, none));
        let ours = V1.replace(",\"data", ",\"greteSince\":2,\"data");
        let state = QuorumState::decode(ours.as_bytes()).unwrap();
        assert_eq!((state.grete_since, state.encode()), (Some(LeaderEpoch(2)), ours));
        let without_voters = V0.replace("[{\"voterId\":0},{\"voterId\":1}]", "null");
        assert_eq!(QuorumState::decode(without_voters.as_bytes()).unwrap().encode(), without_voters);
    }

    #[test]
    fn damage_is_named() {
        let kind = |text: &str| QuorumState::decode(text.as_bytes()).unwrap_err().kind;
        assert_eq!(kind(""), FileErrorKind::Expected("JSON"));
        assert_eq!(kind(&V1.replace(":1}", ":2}")), FileErrorKind::Version(2));
        assert_eq!(kind(&V1.replace("\"leaderEpoch\":2,", "")), FileErrorKind::Missing("leaderEpoch"));
        assert_eq!(kind(&V1.replace(":2,", ":-2,")), FileErrorKind::Value("leaderEpoch"));
        assert_eq!(kind(&V1.replace(":2,", ":4294967296,")), FileErrorKind::Value("leaderEpoch"));
        assert_eq!(kind(&V1.replace("J8aA", "J8a")), FileErrorKind::Value("votedDirectoryId"));
        assert_eq!(kind(&V0.replace("{\"voterId\":1}", "1")), FileErrorKind::Value("currentVoters"));
        let deep: String = core::iter::repeat_n('[', 100_000).collect();
        assert_eq!(kind(&deep), FileErrorKind::Expected("JSON"));
    }
}
