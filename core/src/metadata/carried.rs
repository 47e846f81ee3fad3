//! Records that this broker does not act on, kept whole, so that a snapshot loses nothing that another broker's log said:
//! quotas, ACLs, credentials, tokens and the registrations of controllers.

use super::image::MetadataImage;
use super::snapshot::record_version;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;
use grete_protocol::messages::MetadataRecord;
use grete_protocol::wire::{Decoder, Encoder};

/// What a carried record is about. Of records about the same, the last one counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    /// A controller's registration.
    Controller(i32),
    /// A quota: the entity's types and names, and the quota's key.
    Quota(Vec<(String, Option<String>)>, String),
    /// A user's credential: name and mechanism.
    Credential(String, i8),
    /// A token's id.
    Token(String),
    /// The id of an entry of an access control list.
    Entry([u8; 16]),
    /// How far a migration is.
    Migration,
}

/// A record as its body, in the version that [`record_version`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Carried {
    key: i16,
    body: Bytes,
}

impl MetadataImage {
    /// Keeps a record that says something, or drops what one takes back. Other records are not carried.
    pub(super) fn carry(&mut self, record: &MetadataRecord<'_>) {
        let text = |text: &str| String::from(text);
        let (subject, removes) = match record {
            MetadataRecord::RegisterController(record) => (Subject::Controller(record.controller_id), false),
            MetadataRecord::UnregisterController(record) => (Subject::Controller(record.controller_id), true),
            MetadataRecord::ClientQuota(record) => {
                let part = |part: &grete_protocol::messages::metadata::client_quota_record::EntityData<'_>| {
                    (text(&part.entity_type), part.entity_name.as_deref().map(text))
                };
                (Subject::Quota(record.entity.iter().map(part).collect(), text(&record.key)), record.remove)
            }
            MetadataRecord::UserScramCredential(record) => {
                (Subject::Credential(text(&record.name), record.mechanism), false)
            }
            MetadataRecord::RemoveUserScramCredential(record) => {
                (Subject::Credential(text(&record.name), record.mechanism), true)
            }
            MetadataRecord::DelegationToken(record) => (Subject::Token(text(&record.token_id)), false),
            MetadataRecord::RemoveDelegationToken(record) => (Subject::Token(text(&record.token_id)), true),
            MetadataRecord::AccessControlEntry(record) => (Subject::Entry(record.id.0), false),
            MetadataRecord::RemoveAccessControlEntry(record) => (Subject::Entry(record.id.0), true),
            MetadataRecord::ZkMigrationState(_) => (Subject::Migration, false),
            MetadataRecord::RegisterBroker(_)
            | MetadataRecord::UnregisterBroker(_)
            | MetadataRecord::Topic(_)
            | MetadataRecord::Partition(_)
            | MetadataRecord::Config(_)
            | MetadataRecord::PartitionChange(_)
            | MetadataRecord::FenceBroker(_)
            | MetadataRecord::UnfenceBroker(_)
            | MetadataRecord::RemoveTopic(_)
            | MetadataRecord::FeatureLevel(_)
            | MetadataRecord::ProducerIds(_)
            | MetadataRecord::BrokerRegistrationChange(_)
            | MetadataRecord::NoOp(_)
            | MetadataRecord::BeginTransaction(_)
            | MetadataRecord::EndTransaction(_)
            | MetadataRecord::AbortTransaction(_)
            | MetadataRecord::ClearElr(_) => return,
        };
        if removes {
            self.carried.remove(&subject);
            return;
        }
        let mut encoder = Encoder::new();
        record.encode(&mut encoder, record_version(record)).expect("what was decoded can be encoded");
        let body = encoder.finish().to_contiguous().into();
        self.carried.insert(subject, Carried { key: record.key(), body });
    }
}

impl Carried {
    /// The record.
    pub(super) fn record(&self) -> MetadataRecord<'_> {
        // All of them have one version so far.
        let decoded = MetadataRecord::decode(self.key, 0, &mut Decoder::new(&self.body));
        decoded.ok().flatten().expect("what was encoded can be decoded")
    }
}
