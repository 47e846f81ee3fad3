use super::*;
use crate::controller::{Decided, Decision, Defaults, NewTopic};
use crate::ids::{NodeId, Offset};
use crate::log::LogConfig;
use crate::rng::Seed;
use alloc::sync::Arc;
use grete_protocol::messages::metadata::feature_level_record::FeatureLevelRecord;
use grete_protocol::messages::metadata::register_broker_record::RegisterBrokerRecord;
use grete_protocol::wire::BrokerId;

/// A change: key, number of the operation, value.
type Given<'a> = (&'a str, i8, Option<&'a str>);

/// A controller of broker 1, with a topic `t`.
fn controller() -> Controller {
    let started_with = Properties::from([("log.segment.bytes".into(), "2000000".into())]);
    let log = LogConfig { segment_bytes: 2_000_000, ..LogConfig::default() };
    let mut image = MetadataImage::new("cluster", Arc::new(log)).on_node(NodeId(1), Arc::new(started_with));
    let broker = RegisterBrokerRecord { broker_id: BrokerId(1), ..Default::default() };
    image.replay(0, &MetadataRecord::RegisterBroker(broker)).expect("a broker");
    let elr =
        FeatureLevelRecord { name: "eligible.leader.replicas.version".into(), feature_level: 1, ..Default::default() };
    image.replay(1, &MetadataRecord::FeatureLevel(elr)).expect("a feature");
    let defaults = Defaults {
        num_partitions: 1,
        replication_factor: 1,
        delete_topics: true,
        offsets_partitions: 50,
        offsets_replication_factor: None,
        offsets_segment_bytes: 1 << 20,
    };
    let mut controller = Controller::new(NodeId(1), 0, Seed(7), defaults, image);
    let topic = NewTopic { name: "t".into(), partitions: 1, replication_factor: 1, ..Default::default() };
    let (records, results) = controller.create_topics(&[topic]);
    assert!(results.iter().all(Result::is_ok));
    take(&mut controller, records);
    controller
}

fn take(controller: &mut Controller, records: Vec<MetadataRecord<'static>>) {
    let base = Offset(controller.appended().end.0.max(2));
    let decision = Decision { records, decided: Decided::Done };
    let _ = controller.take(crate::ids::Timestamp(0), base, decision, None);
}

fn alteration(kind: i8, name: &str, changes: &[Given<'_>]) -> Alteration {
    let changes = changes.iter().map(|(name, operation, value)| Change {
        name: (*name).into(),
        operation: ConfigOperation::from_number(*operation),
        value: value.map(String::from),
    });
    Alteration { resource: ConfigResource { kind, name: name.into() }, changes: changes.collect(), replaces: false }
}

/// Alters, and gives the code and text of what it is answered with.
fn alter(controller: &mut Controller, kind: i8, name: &str, changes: &[Given<'_>]) -> (i16, String) {
    let (records, results) = controller.alter_configs(&[alteration(kind, name, changes)]);
    take(controller, records);
    match results.into_iter().next().expect("one result") {
        Ok(()) => (0, String::new()),
        Err(refusal) => (refusal.error.code(), refusal.message.unwrap_or_default()),
    }
}

fn done() -> (i16, String) {
    (0, String::new())
}

const TOPIC: i8 = ConfigResource::TOPIC;
const BROKER: i8 = ConfigResource::BROKER;

#[test]
fn a_topics_logs_follow_its_configuration_and_that_of_the_cluster() {
    let mut controller = controller();
    let config = |controller: &Controller| controller.appended().topic_by_name("t").expect("the topic").config.clone();
    assert_eq!(config(&controller).segment_bytes, 2_000_000);
    assert_eq!(alter(&mut controller, TOPIC, "t", &[("segment.bytes", 0, Some("4000000"))]), done());
    assert_eq!(config(&controller).segment_bytes, 4_000_000);
    assert_eq!(alter(&mut controller, BROKER, "", &[("log.retention.ms", 0, Some("1000"))]), done());
    assert_eq!((config(&controller).segment_bytes, config(&controller).retention_ms), (4_000_000, 1000));
    assert_eq!(alter(&mut controller, BROKER, "1", &[("log.retention.ms", 0, Some("2000"))]), done());
    assert_eq!(config(&controller).retention_ms, 2000);
    assert_eq!(alter(&mut controller, BROKER, "1", &[("log.retention.ms", 1, None)]), done());
    assert_eq!(alter(&mut controller, TOPIC, "t", &[("segment.bytes", 1, None)]), done());
    assert_eq!((config(&controller).segment_bytes, config(&controller).retention_ms), (2_000_000, 1000));
    controller.check_invariants();
}

#[test]
fn a_groups_configuration_keeps_within_the_bounds_of_the_broker() {
    let mut controller = controller();
    let session = "consumer.session.timeout.ms";
    let cases = [
        (
            session,
            "5",
            "consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms",
        ),
        (
            session,
            "60001",
            "consumer.session.timeout.ms must be less than or equal to group.consumer.max.session.timeout.ms",
        ),
        (
            "streams.num.standby.replicas",
            "3",
            "streams.num.standby.replicas must be less than or equal to group.streams.max.standby.replicas",
        ),
        (
            "share.delivery.count.limit",
            "11",
            "share.delivery.count.limit must be less than or equal to group.share.max.delivery.count.limit",
        ),
    ];
    for (key, value, text) in cases {
        let refused = alter(&mut controller, ConfigResource::GROUP, "g", &[(key, 0, Some(value))]);
        assert_eq!(refused, (40, String::from(text)));
    }
    assert_eq!(alter(&mut controller, ConfigResource::GROUP, "g", &[(session, 0, Some("50000"))]), done());
    // The bounds can leave room for a timeout that no heartbeat would be in time for.
    let bounds = Properties::from([
        ("group.consumer.min.session.timeout.ms".into(), "100".into()),
        ("group.consumer.min.heartbeat.interval.ms".into(), "100".into()),
    ]);
    let layers = Layers { own: None, cluster: None, started_with: &bounds };
    let config = Properties::from([(session.into(), "5000".into())]);
    let text = out_of_bounds(&config, &layers);
    assert_eq!(
        text.as_deref(),
        Some("consumer.session.timeout.ms must be greater than consumer.heartbeat.interval.ms")
    );
}

#[test]
fn lists_grow_and_shrink_from_what_is_in_force() {
    let mut controller = controller();
    let policy = |controller: &Controller| {
        let config = controller.appended().config(&ConfigResource::topic("t"));
        config.and_then(|config| config.get("cleanup.policy")).map(|value| String::from(&**value))
    };
    assert_eq!(alter(&mut controller, TOPIC, "t", &[("cleanup.policy", 2, Some("compact"))]), done());
    assert_eq!(policy(&controller).as_deref(), Some("delete,compact"));
    assert_eq!(alter(&mut controller, TOPIC, "t", &[("cleanup.policy", 2, Some("compact"))]), done());
    assert_eq!(policy(&controller).as_deref(), Some("delete,compact"));
    assert_eq!(alter(&mut controller, TOPIC, "t", &[("cleanup.policy", 3, Some("delete,compact"))]), done());
    assert_eq!(policy(&controller).as_deref(), Some(""));
    let (code, text) = alter(&mut controller, TOPIC, "t", &[("retention.ms", 2, Some("1"))]);
    assert_eq!((code, text.as_str()), (40, "Can't APPEND to key retention.ms because its type is not LIST."));
}

#[test]
fn what_replaces_deletes_what_it_does_not_name() {
    let mut controller = controller();
    let set = [("retention.ms", 0, Some("1000")), ("segment.bytes", 0, Some("2000000"))];
    assert_eq!(alter(&mut controller, TOPIC, "t", &set), done());
    let replacing = Alteration {
        replaces: true,
        ..alteration(TOPIC, "t", &[("retention.ms", 0, Some("1000")), ("flush.ms", 0, Some("5"))])
    };
    let (records, _) = controller.alter_configs(&[replacing]);
    assert_eq!(records.len(), 2, "one goes, one comes, one stays: {records:?}");
    take(&mut controller, records);
    let config = controller.appended().config(&ConfigResource::topic("t")).expect("a configuration");
    let names: Vec<&str> = config.keys().map(|name| &**name).collect();
    assert_eq!(names, ["flush.ms", "retention.ms"]);
}

#[test]
fn what_cannot_be_done_is_refused_in_kafkas_words() {
    let mut controller = controller();
    let set: &[Given<'_>] = &[("retention.ms", 0, Some("1"))];
    let none: &[Given<'_>] = &[];
    let cases = [
        (TOPIC, "x", set, 3, "The topic 'x' does not exist."),
        (TOPIC, "", set, 42, "Default topic resources are not allowed."),
        (TOPIC, "..", set, 17, "Topic name is invalid: '..' is not allowed"),
        (3, "t", set, 42, "Unknown resource type 3"),
        (BROKER, "77", none, 42, "Unexpected broker id, expected 1, but received 77"),
        (BROKER, "x", none, 42, "Node id must be an integer, but it is: x"),
        (32, "", none, 42, "Default group resources are not allowed."),
        (16, "", none, 42, "Subscription name can't be empty"),
    ];
    for (kind, name, changes, code, text) in cases {
        assert_eq!(alter(&mut controller, kind, name, changes), (code, text.into()));
    }
    let cases: [(i8, &str, Given<'_>, i16, &str); 9] = [
        (TOPIC, "t", ("retention.ms", 0, None), 42, "Null value not supported for : retention.ms"),
        (TOPIC, "t", ("retention", 0, Some("1")), 40, "Unknown topic config name: retention"),
        (
            TOPIC,
            "t",
            ("retention.ms", 0, Some("x")),
            40,
            "Invalid value x for configuration retention.ms: Not a number of type LONG",
        ),
        (BROKER, "1", ("node.id", 0, Some("2")), 42, "Cannot update these configs dynamically: [node.id]"),
        (
            BROKER,
            "",
            ("listeners", 0, Some("A://:1")),
            42,
            "Cannot update these configs at default cluster level, broker id must be specified: [listeners]",
        ),
        (
            BROKER,
            "1",
            ("log.cleaner.threads", 0, Some("x")),
            42,
            "Invalid value x for configuration log.cleaner.threads: Not a number of type INT",
        ),
        (
            BROKER,
            "1",
            ("min.insync.replicas", 0, Some("2")),
            40,
            "Broker-level min.insync.replicas cannot be altered while ELR is enabled.",
        ),
        (BROKER, "1", ("sasl.jaas.config", 0, Some("x")), 42, "sasl.jaas.config cannot be set: SASL is not served yet"),
        (
            BROKER,
            "",
            ("max.connections", 0, Some("9")),
            42,
            "max.connections cannot be altered while this broker runs; set it at its start.",
        ),
    ];
    for (kind, name, change, code, text) in cases {
        assert_eq!(alter(&mut controller, kind, name, &[change]), (code, text.into()));
    }
    let lags = [("min.compaction.lag.ms", 0, Some("100")), ("max.compaction.lag.ms", 0, Some("10"))];
    let text = "conflict topic config setting min.compaction.lag.ms (100) > max.compaction.lag.ms (10)";
    assert_eq!(alter(&mut controller, TOPIC, "t", &lags), (40, text.into()));
    let twice = [("retention.ms", 0, Some("1")), ("retention.ms", 0, Some("2"))];
    assert_eq!(alter(&mut controller, TOPIC, "t", &twice), (42, "Error due to duplicate config keys".into()));
    assert_eq!(alter(&mut controller, TOPIC, "t", &[("retention.ms", 4, Some("1"))]).0, -1);
    let (records, results) = controller.alter_configs(&[alteration(TOPIC, "t", set), alteration(TOPIC, "t", none)]);
    assert!(records.is_empty() && results.iter().all(Result::is_err), "a resource stands once");
    assert_eq!(alter(&mut controller, TOPIC, "t", &[("unknown", 1, None)]), done());
    assert_eq!(alter(&mut controller, BROKER, "", &[("unknown", 0, Some("x"))]), done());
}
