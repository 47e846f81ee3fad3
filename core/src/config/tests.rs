//! The table, and what is in force by it.

use super::*;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

const TABLES: [Table; 4] = [Table::Broker, Table::Topic, Table::Group, Table::ClientMetrics];

fn properties(pairs: &[(&str, &str)]) -> Properties {
    pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
}

#[test]
fn each_key_stands_once_and_its_default_is_one_of_its_values() {
    for table in TABLES {
        let mut names: Vec<&str> = table.keys().map(|key| key.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "{table:?}");
        for key in table.keys() {
            if let Some(default) = key.default
                && !(default.is_empty() && key.rule == Rule::NotEmpty)
            {
                assert_eq!(key.parse(default).as_deref(), Ok(default), "{}", key.name);
            }
        }
    }
    assert_eq!(Table::Topic.keys().filter(|key| !key.is_internal).count(), 33, "Kafka's");
}

#[test]
fn what_works_is_documented_and_what_does_not_says_nothing() {
    for key in TABLES.into_iter().flat_map(Table::keys) {
        assert_eq!(key.treatment == Treatment::Works, !key.documentation.is_empty(), "{}", key.name);
    }
}

#[test]
fn the_synonyms_of_a_key_are_keys_of_the_broker_with_the_same_default() {
    for table in [Table::Topic, Table::Group] {
        for key in table.keys() {
            for (name, _) in key.synonyms {
                assert!(Table::Broker.find(name).is_some(), "{name} of {}", key.name);
            }
            let nothing = Properties::new();
            let layers = Layers { own: None, cluster: None, started_with: &nothing };
            if !key.is_internal {
                assert_eq!(layers.topic(key), key.default.unwrap_or_default(), "{}", key.name);
            }
        }
    }
}

#[test]
fn rates_of_replication_are_shown_where_they_were_altered() {
    let (nothing, own) = (Properties::new(), properties(&[("leader.replication.throttled.rate", "123")]));
    let layers = Layers { own: Some(&own), cluster: None, started_with: &nothing };
    let described = layers.describe_broker();
    let shown: Vec<_> = described.iter().filter(|one| one.name.ends_with(".throttled.rate")).collect();
    let [rate] = &shown[..] else { panic!("{shown:?}") };
    assert_eq!((rate.value.as_deref(), rate.source, rate.kind), (Some("123"), Source::DynamicBroker, Some(Kind::Long)));
    assert!(!rate.is_sensitive);
}

#[test]
fn a_key_of_our_own_is_shown_where_it_is_set() {
    let nothing = Properties::new();
    let set = properties(&[("log.durability", "os"), ("grete.shards", "2")]);
    let layers = |started_with| Layers { own: None, cluster: None, started_with };
    let shown = |described: Vec<Described>, name: &str| described.into_iter().find(|one| one.name == name);
    assert_eq!(shown(layers(&nothing).describe_topic(None), "durability"), None);
    let overrides = properties(&[("durability", "os")]);
    let of_topic = shown(layers(&nothing).describe_topic(Some(&overrides)), "durability").expect("shown");
    assert_eq!((of_topic.value.as_deref(), of_topic.source), (Some("os"), Source::Topic));
    let of_broker = shown(layers(&set).describe_topic(None), "durability").expect("shown");
    assert_eq!((of_broker.value.as_deref(), of_broker.source), (Some("os"), Source::StaticBroker));
    for name in ["log.durability", "grete.shards"] {
        assert_eq!(shown(layers(&nothing).describe_broker(), name), None);
        assert!(shown(layers(&set).describe_broker(), name).is_some());
    }
    assert_eq!(Table::Broker.nearest("log.durabilty"), Some("log.durability"), "it is known all the same");
}

#[test]
fn values_are_refused_in_kafkas_words() {
    let refused = |name: &str, value: &str| {
        Table::Topic.find(name).expect("a topic's key").parse(value).expect_err("a refused value").to_string()
    };
    let cases = [
        ("retention.ms", "soon", "Invalid value soon for configuration retention.ms: Not a number of type LONG"),
        (
            "segment.bytes",
            "3000000000",
            "Invalid value 3000000000 for configuration segment.bytes: Not a number of type INT",
        ),
        ("retention.ms", "-2", "Invalid value -2 for configuration retention.ms: Value must be at least -1"),
        (
            "min.cleanable.dirty.ratio",
            "1.5",
            "Invalid value 1.5 for configuration min.cleanable.dirty.ratio: Value must be no more than 1",
        ),
        (
            "min.cleanable.dirty.ratio",
            "x",
            "Invalid value x for configuration min.cleanable.dirty.ratio: Not a number of type DOUBLE",
        ),
        (
            "preallocate",
            "yes",
            "Invalid value yes for configuration preallocate: Expected value to be either true or false",
        ),
        (
            "cleanup.policy",
            "delete,shred",
            "Invalid value shred for configuration cleanup.policy: String must be one of: compact, delete",
        ),
        (
            "compression.type",
            "zip",
            "Invalid value zip for configuration compression.type: String must be one of: uncompressed, zstd, lz4, \
             snappy, gzip, producer",
        ),
        (
            "leader.replication.throttled.replicas",
            "x",
            "Invalid value [x] for configuration leader.replication.throttled.replicas: \
             leader.replication.throttled.replicas must be the literal '*' or a list of replicas in the following format: \
             [partitionId]:[brokerId],[partitionId]:[brokerId],...",
        ),
    ];
    for (name, value, text) in cases {
        assert_eq!(refused(name, value), text);
    }
    let taken = |name: &str, value: &str| Table::Topic.find(name).expect("a topic's key").parse(value);
    assert_eq!(taken("retention.ms", " 1000 ").as_deref(), Ok("1000"));
    assert_eq!(taken("preallocate", "TRUE").as_deref(), Ok("true"));
    assert_eq!(taken("cleanup.policy", "").as_deref(), Ok(""));
    assert_eq!(taken("cleanup.policy", "compact, compact").as_deref(), Ok("compact,compact"));
    assert_eq!(taken("leader.replication.throttled.replicas", "0:1,1:2").as_deref(), Ok("0:1,1:2"));
}

#[test]
fn an_unknown_name_leads_to_the_one_that_was_meant() {
    assert_eq!(Table::Broker.nearest("num.partition"), Some("num.partitions"));
    assert_eq!(Table::Broker.nearest("log.retension.ms"), Some("log.retention.ms"));
    assert_eq!(Table::Topic.nearest("retention"), Some("retention.ms"));
    assert_eq!(Table::Broker.nearest("xyzzy"), None);
}

fn shown(described: &[Described], name: &str) -> (Option<String>, Source, Vec<(String, Source)>) {
    let one = described.iter().find(|one| one.name == name).expect("a key");
    let synonyms = one.synonyms.iter().map(|one| (one.name.clone(), one.source)).collect();
    (one.value.clone(), one.source, synonyms)
}

#[test]
fn the_strongest_layer_counts_and_all_are_shown() {
    let started_with = properties(&[("log.segment.bytes", "2000000"), ("log.retention.hours", "2")]);
    let cluster = properties(&[("log.segment.bytes", "3000000")]);
    let own = properties(&[("log.segment.bytes", "4000000")]);
    let overrides = properties(&[("segment.bytes", " 5000000")]);
    let layers = Layers { own: Some(&own), cluster: Some(&cluster), started_with: &started_with };
    let (value, source, synonyms) = shown(&layers.describe_topic(Some(&overrides)), "segment.bytes");
    assert_eq!((value.as_deref(), source), (Some("5000000"), Source::Topic));
    let name = String::from("log.segment.bytes");
    let expected = [
        ("segment.bytes".into(), Source::Topic),
        (name.clone(), Source::DynamicBroker),
        (name.clone(), Source::DynamicDefaultBroker),
        (name.clone(), Source::StaticBroker),
        (name, Source::Default),
    ];
    assert_eq!(synonyms, expected);
    let (value, source, _) = shown(&layers.describe_topic(None), "segment.bytes");
    assert_eq!((value.as_deref(), source), (Some("4000000"), Source::DynamicBroker));
    // Kafka shows what comes of another unit as a default, though it is none.
    let (value, source, synonyms) = shown(&layers.describe_topic(None), "retention.ms");
    assert_eq!((value.as_deref(), source, synonyms.len()), (Some("7200000"), Source::Default, 0));
    let (value, source, synonyms) = shown(&layers.describe_broker(), "log.retention.hours");
    assert_eq!((value.as_deref(), source, synonyms.len()), (Some("2"), Source::StaticBroker, 2));
    let (value, source, synonyms) = shown(&layers.describe_cluster(), "log.segment.bytes");
    assert_eq!((value.as_deref(), source, synonyms.len()), (Some("3000000"), Source::DynamicDefaultBroker, 1));
}

#[test]
fn secrets_and_unknown_keys_show_no_value() {
    let own = properties(&[("ssl.key.password", "secret"), ("of.another.version", "secret")]);
    let nothing = Properties::new();
    let layers = Layers { own: Some(&own), cluster: None, started_with: &nothing };
    for name in ["ssl.key.password", "of.another.version"] {
        let described = layers.describe_broker();
        let one = described.iter().find(|one| one.name == name).expect("it is shown");
        assert!(one.is_sensitive && one.value.is_none(), "{name}");
        assert!(!one.synonyms.is_empty() && one.synonyms.iter().all(|one| one.value.is_none()), "{name}");
    }
}
