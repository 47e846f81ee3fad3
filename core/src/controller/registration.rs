//! The registration of the node's own broker, at each boot.

use super::{Controller, Decided, Decision};
use crate::metadata::{Endpoint, SUPPORTED_FEATURES};
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use grete_protocol::messages::MetadataRecord;
use grete_protocol::messages::metadata::broker_registration_change_record::BrokerRegistrationChangeRecord;
use grete_protocol::messages::metadata::register_broker_record::{BrokerEndpoint, BrokerFeature, RegisterBrokerRecord};
use grete_protocol::wire::{BrokerId, Uuid};

/// One life of a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incarnation {
    /// Its id.
    pub id: Uuid,
    /// Where it is reached.
    pub endpoints: Vec<Endpoint>,
    /// Its rack.
    pub rack: Option<String>,
    /// The ids of its log directories.
    pub log_dirs: Vec<Uuid>,
}

impl Controller {
    /// Registers the broker and lets it serve. Its epoch is the offset of its registration: `base`.
    #[must_use]
    pub fn register(&self, base: crate::ids::Offset, incarnation: &Incarnation) -> Decision {
        let id = BrokerId(self.node.0);
        let endpoint = |endpoint: &Endpoint| BrokerEndpoint {
            name: String::from(&*endpoint.name).into(),
            host: String::from(&*endpoint.host).into(),
            port: endpoint.port,
            security_protocol: endpoint.security_protocol,
            ..Default::default()
        };
        let feature = |(name, min, max): &(&'static str, i16, i16)| BrokerFeature {
            name: (*name).into(),
            min_supported_version: *min,
            max_supported_version: *max,
            ..Default::default()
        };
        let register = RegisterBrokerRecord {
            broker_id: id,
            incarnation_id: incarnation.id,
            broker_epoch: base.0,
            end_points: incarnation.endpoints.iter().map(endpoint).collect(),
            features: SUPPORTED_FEATURES.iter().map(feature).collect(),
            rack: incarnation.rack.clone().map(Into::into),
            fenced: true,
            log_dirs: incarnation.log_dirs.clone(),
            cordoned_log_dirs: Some(Vec::new()),
            ..Default::default()
        };
        let unfence =
            BrokerRegistrationChangeRecord { broker_id: id, broker_epoch: base.0, fenced: -1, ..Default::default() };
        let records = vec![MetadataRecord::RegisterBroker(register), MetadataRecord::BrokerRegistrationChange(unfence)];
        Decision { records, decided: Decided::Done }
    }
}
