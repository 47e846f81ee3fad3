//! Blocks of producer ids (KIP-730).

use super::{Controller, Decided, Decision};
use alloc::vec;
use grete_protocol::messages::MetadataRecord;
use grete_protocol::messages::metadata::producer_ids_record::ProducerIdsRecord;
use grete_protocol::wire::BrokerId;

/// The number of ids in a block, as in Kafka.
pub const PRODUCER_ID_BLOCK: i64 = 1000;

impl Controller {
    /// Takes the next block for a broker.
    #[must_use]
    pub fn allocate_producer_ids(&self) -> Decision {
        let first = self.appended.producer_id_next.0;
        let epoch = self.appended.brokers.get(&self.node).map_or(-1, |broker| broker.epoch);
        let record = ProducerIdsRecord {
            broker_id: BrokerId(self.node.0),
            broker_epoch: epoch,
            next_producer_id: first + PRODUCER_ID_BLOCK,
            ..Default::default()
        };
        Decision { records: vec![MetadataRecord::ProducerIds(record)], decided: Decided::ProducerIds(first) }
    }
}
