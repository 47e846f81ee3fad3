//! From files, environment and command line to what a node is started with.
//!
//! The last one counts: defaults, the file, `KAFKA_*` in the environment, `--set`.

mod connections;
mod environment;
mod in_force;
mod listeners;

use crate::broker::{Fatal, Settings};
use grete_core::config::{Properties, Table, Treatment};
use grete_core::controller::Defaults;
use grete_core::group::GroupSettings;
use grete_core::ids::NodeId;
use grete_core::log::LogStoreConfig;
use grete_core::log::files::properties::Properties as PropertiesFile;
use grete_core::metadata::topic_defaults;
use grete_core::node::NodeConfig;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The keys of [`Given::own_default`].
const OWN_DEFAULTS: [&str; 6] = ["broker.id", "grete.shards", "listeners", "log.dirs", "node.id", "process.roles"];
/// The shards that a node has at most, where it has as many processors.
const SHARDS_MAX: usize = 64;
/// For how long a fetch session is safe from newer ones that want its place, as in Kafka.
const FETCH_SESSION_EVICTION_MS: u64 = 120_000;

/// The keys that were set, each with its value and where that comes from.
#[derive(Clone, Debug, Default)]
pub struct Given {
    values: BTreeMap<String, (String, String)>,
}

/// Reads everything that sets keys.
///
/// # Errors
/// What cannot be read, in a sentence.
pub fn load(file: Option<&Path>, set: &[String]) -> Result<Given, Fatal> {
    let mut values = BTreeMap::new();
    if let Some(path) = file {
        let bytes = std::fs::read(path)
            .map_err(|error| Fatal(format!("cannot read the configuration {}: {error}", path.display())))?;
        values = Given::parse(&bytes, &path.display().to_string())?.values;
    }
    for (variable, value) in std::env::vars() {
        if let Some(key) = environment::key(&variable) {
            values.insert(key, (value, format!("environment variable {variable}")));
        }
    }
    for pair in set {
        let parts = pair.split_once('=').map(|(key, value)| (key.trim(), value.trim()));
        let named = parts.filter(|(key, _)| !key.is_empty());
        let (key, value) = named.ok_or_else(|| Fatal(format!("--set takes KEY=VALUE, not {pair}")))?;
        values.insert(key.into(), (value.into(), "command line".into()));
    }
    name_the_node(&mut values)?;
    Ok(Given { values })
}

/// As in Kafka, `broker.id` is another name of `node.id`, and who sets one has set both.
fn name_the_node(values: &mut BTreeMap<String, (String, String)>) -> Result<(), Fatal> {
    const NAMES: [&str; 2] = ["node.id", "broker.id"];
    let [node, broker] = NAMES.map(|name| values.get(name).cloned());
    match (node, broker) {
        (Some((node, _)), Some((broker, _))) if node.trim() != broker.trim() => {
            Err(Fatal(format!("node.id is {node} and broker.id is {broker}: they are two names of one id")))
        }
        (Some(one), _) | (None, Some(one)) => {
            values.extend(NAMES.map(|name| (name.to_string(), one.clone())));
            Ok(())
        }
        (None, None) => Ok(()),
    }
}

impl Given {
    /// Reads the bytes of a properties file, whose name is `source`.
    ///
    /// # Errors
    /// What cannot be read, in a sentence.
    pub fn parse(bytes: &[u8], source: &str) -> Result<Self, Fatal> {
        let line_of = |position: usize| 1 + bytes.iter().take(position).filter(|byte| **byte == b'\n').count();
        let file = PropertiesFile::decode(bytes).map_err(|error| {
            let line = line_of(usize::try_from(error.position).unwrap_or(usize::MAX));
            Fatal(format!("{source}:{line}: {}", error.kind))
        })?;
        let values = file.iter().map(|(key, value, position)| {
            (key.to_string(), (value.trim().to_string(), format!("{source}:{}", line_of(position))))
        });
        Ok(Self { values: values.collect() })
    }

    /// What is in force: every key with its value, where that comes from, and what it means.
    #[must_use]
    pub fn in_force(&self) -> String {
        in_force::InForce(self).to_string()
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(|(value, _)| value.as_str())
    }

    /// Where a key's value comes from.
    fn source(&self, key: &str) -> &str {
        self.values.get(key).map_or("default", |(_, source)| source)
    }

    /// What is in force for a key: what is set, or its default.
    fn value(&self, key: &str) -> Option<String> {
        let default = || self.own_default(key).or_else(|| Table::Broker.find(key)?.default.map(String::from));
        self.get(key).map(|value| value.trim().to_string()).or_else(default)
    }

    /// What holds here where a key is not set and Kafka has no default, or one that is none for a single binary.
    fn own_default(&self, key: &str) -> Option<String> {
        match key {
            "broker.id" | "node.id" => Some("1".into()),
            "grete.shards" => {
                let cores = std::thread::available_parallelism().map_or(1, usize::from);
                Some(cores.min(SHARDS_MAX).to_string())
            }
            "listeners" => Some("PLAINTEXT://localhost:9092".into()),
            "log.dirs" => self.get("log.dir").is_none().then(|| "grete-data".into()),
            "process.roles" => Some("broker,controller".into()),
            _ => None,
        }
    }

    fn number<T: std::str::FromStr>(&self, key: &str) -> Result<T, Fatal> {
        let value = self.value(key).unwrap_or_default();
        value.parse().map_err(|_| Fatal(format!("{key} is \"{value}\", which is no such number")))
    }

    fn boolean(&self, key: &str) -> Result<bool, Fatal> {
        match self.value(key).unwrap_or_default() {
            value if value.eq_ignore_ascii_case("true") => Ok(true),
            value if value.eq_ignore_ascii_case("false") => Ok(false),
            value => Err(Fatal(format!("{key} is \"{value}\", and takes true or false"))),
        }
    }

    /// What a node is started with.
    ///
    /// # Errors
    /// Which value is wrong, in a sentence.
    pub fn resolve(&self) -> Result<Settings, Fatal> {
        self.check()?;
        self.check_alone()?;
        self.warn_of_replicas()?;
        // What is a default of this binary is set, as far as the core and those who ask it are concerned, but for keys that
        // Kafka's tools do not know: those are shown to who has set them.
        let shown = |key: &str| Table::Broker.find(key).is_some_and(|key| !key.is_internal);
        let own = OWN_DEFAULTS.iter().filter(|key| shown(key));
        let own = own.filter_map(|key| Some((Arc::from(*key), self.own_default(key)?.into())));
        let given = self.values.iter().map(|(key, (value, _))| (key.as_str().into(), value.as_str().into()));
        let properties: Properties = own.chain(given).collect();
        let (log_dirs, metadata_dir_apart) = self.log_dirs()?;
        let (binds, listeners) = self.listeners()?;
        let node = NodeConfig {
            node_id: NodeId(self.node_id()?),
            rack: self.get("broker.rack").map(String::from),
            listeners,
            log_dirs: log_dirs
                .iter()
                .map(|dir| std::path::absolute(dir).unwrap_or_else(|_| dir.clone()).display().to_string())
                .collect(),
            metadata_dir_apart,
            cluster_id: self.get("cluster.id").map(String::from),
            topic_defaults: Arc::new(topic_defaults(&properties)),
            properties: Arc::new(properties),
            topics: Defaults {
                num_partitions: self.number("num.partitions")?,
                replication_factor: self.number("default.replication.factor")?,
                delete_topics: self.boolean("delete.topic.enable")?,
                offsets_partitions: self.number("offsets.topic.num.partitions")?,
                offsets_replication_factor: None,
                offsets_segment_bytes: self.number("offsets.topic.segment.bytes")?,
            },
            auto_create_topics: self.boolean("auto.create.topics.enable")?,
            logs: LogStoreConfig {
                retention_check_interval_ms: self.number("log.retention.check.interval.ms")?,
                producer_id_expiration_ms: self.number("producer.id.expiration.ms")?,
                ..LogStoreConfig::default()
            },
            metadata_snapshot_bytes: self.number("metadata.log.max.record.bytes.between.snapshots")?,
            groups: Arc::new(GroupSettings {
                session_timeout_min_ms: self.number("group.min.session.timeout.ms")?,
                session_timeout_max_ms: self.number("group.max.session.timeout.ms")?,
                initial_rebalance_delay_ms: self.number("group.initial.rebalance.delay.ms")?,
                members_max: self.number("group.max.size")?,
                offset_metadata_max: self.number("offset.metadata.max.bytes")?,
                offsets_retention_ms: self.number::<i64>("offsets.retention.minutes")?.saturating_mul(60_000),
                offsets_retention_check_interval_ms: self.number("offsets.retention.check.interval.ms")?,
                ..GroupSettings::default()
            }),
            request_bytes_max: self.number("socket.request.max.bytes")?,
            fetch_bytes_max: self.number("fetch.max.bytes")?,
            connections_max: self.number("max.connections")?,
            connections_idle_max_ms: self.number("connections.max.idle.ms")?,
            fetch_sessions_max: self.number("max.incremental.fetch.session.cache.slots")?,
            fetch_session_eviction_ms: FETCH_SESSION_EVICTION_MS,
        };
        Ok(Settings {
            node,
            log_dirs,
            binds,
            connections: self.connection_limits()?,
            shards: self.number("grete.shards")?,
        })
    }

    /// Refuses misspelt keys, and those whose being ignored would leave the broker less safe than was asked for.
    ///
    /// A name that is near none of the keys is somebody else's: files hold what plug-ins and other brokers read, and the
    /// environment what Kubernetes tells of a service that is called `kafka`. There is a warning about each.
    fn check(&self) -> Result<(), Fatal> {
        let mut ignored = Vec::new();
        for (name, (value, source)) in &self.values {
            let Some(key) = Table::Broker.find(name) else {
                let nearest = Table::Broker.nearest(name).map_or(String::new(), |near| format!("; {near} is one"));
                let unknown = format!("{name} ({source}) is no configuration key{nearest}");
                if nearest.is_empty() {
                    tracing::warn!("{unknown}");
                    continue;
                }
                return Err(Fatal(unknown));
            };
            let parsed = key
                .parse(value)
                .map_err(|error| Fatal(format!("{name} ({source}) is \"{}\": {}", error.value, error.reason)))?;
            let is_default = key.default.unwrap_or_default() == parsed;
            match key.treatment {
                Treatment::Refused(why) if !is_default => {
                    return Err(Fatal(format!("{name} ({source}) is refused: {why}")));
                }
                Treatment::Ignored | Treatment::Unused(_) if !is_default => ignored.push(name.as_str()),
                Treatment::Works | Treatment::Ignored | Treatment::Unused(_) | Treatment::Refused(_) => {}
            }
        }
        if !ignored.is_empty() {
            tracing::warn!("these keys have no effect here: {}", ignored.join(", "));
        }
        Ok(())
    }

    fn node_id(&self) -> Result<i32, Fatal> {
        self.number("node.id")
    }

    /// Each of several nodes that believes to be alone would acknowledge what the others never hear of.
    fn check_alone(&self) -> Result<(), Fatal> {
        let roles = self.value("process.roles").unwrap_or_default();
        if !["broker", "controller"].iter().all(|role| roles.split(',').any(|given| given.trim() == *role)) {
            return Err(Fatal(format!("process.roles is {roles}: only broker,controller is served yet")));
        }
        let own = self.node_id()?.to_string();
        let voters = self.get("controller.quorum.voters").unwrap_or_default();
        let mut ids = voters.split(',').filter_map(|voter| voter.trim().split_once('@')).map(|(id, _)| id);
        if ids.any(|id| id != own) {
            return Err(Fatal(format!("controller.quorum.voters is {voters}: a cluster of several is not served yet")));
        }
        let servers = self.get("controller.quorum.bootstrap.servers").unwrap_or_default();
        if servers.split(',').filter(|server| !server.trim().is_empty()).count() > 1 {
            let text = "a cluster of several is not served yet";
            return Err(Fatal(format!("controller.quorum.bootstrap.servers is {servers}: {text}")));
        }
        Ok(())
    }

    /// Of the groups' own topic: where one node is to keep several replicas, it keeps the one that it can, and says so. (Kafka
    /// starts, too, and has no groups until there are more brokers.) Other topics are refused, as by Kafka.
    fn warn_of_replicas(&self) -> Result<(), Fatal> {
        let keys = [
            ("offsets.topic.replication.factor", "one broker keeps one replica"),
            (
                "default.replication.factor",
                "with one broker, topics that do not say how many are wanted are not created",
            ),
        ];
        for (key, so) in keys {
            // Kafka's default is 3 for the groups' own topic, and nobody has asked for it.
            if self.get(key).is_some() && self.number::<i16>(key)? > 1 {
                tracing::warn!("{key} is {}: {so}", self.value(key).unwrap_or_default());
            }
        }
        Ok(())
    }

    /// The directories, that of the metadata log first, and whether that one is for the metadata log alone.
    fn log_dirs(&self) -> Result<(Vec<PathBuf>, bool), Fatal> {
        let key = if self.value("log.dirs").is_some() { "log.dirs" } else { "log.dir" };
        let value = self.value(key).unwrap_or_default();
        let source = self.source(key);
        if value.is_empty() {
            return Err(Fatal(format!("{key} ({source}) is empty: it names at least one directory")));
        }
        if value.split(',').any(|dir| dir.trim().is_empty()) {
            return Err(Fatal(format!("{key} ({source}) is \"{value}\": one of its directories has no name")));
        }
        let mut dirs: Vec<PathBuf> = value.split(',').map(|dir| PathBuf::from(dir.trim())).collect();
        let metadata = self.get("metadata.log.dir").filter(|dir| !dir.is_empty()).map(PathBuf::from);
        let Some(metadata) = metadata else { return Ok((dirs, false)) };
        let at = dirs.iter().position(|dir| *dir == metadata);
        if let Some(at) = at {
            dirs.remove(at);
        }
        dirs.insert(0, metadata);
        Ok((dirs, at.is_none()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn given(pairs: &[&str]) -> Result<Settings, Fatal> {
        let set: Vec<String> = pairs.iter().map(ToString::to_string).collect();
        let mut given = load(None, &set)?;
        // What the machine's environment says is not this test's.
        given.values.retain(|_, (_, source)| source == "command line");
        given.resolve()
    }

    #[test]
    fn what_would_be_less_safe_if_it_were_ignored_is_refused() {
        let refused = |pairs: &[&str]| given(pairs).err().map(|error| error.0).unwrap_or_default();
        assert!(refused(&["log.retention.mss=1"]).contains("log.retention.ms is one"));
        assert!(refused(&["listeners=SSL://localhost:9093"]).contains("only PLAINTEXT"));
        let mapped = ["listeners=OUT://localhost:9093", "listener.security.protocol.map=OUT:SASL_SSL"];
        assert!(refused(&mapped).contains("OUT is to speak SASL_SSL"));
        assert_eq!(
            refused(&["authorizer.class.name=org.example.Authorizer"]),
            "authorizer.class.name (command line) is refused: access control is not served yet"
        );
        assert!(given(&[]).is_ok());
        // Where nothing speaks TLS, its keys do nothing.
        let idle = ["listeners=PLAINTEXT://localhost:9093", "ssl.truststore.location=/certificates"];
        assert!(given(&idle).is_ok());
        assert!(
            refused(&["listeners=SSL://localhost:9093", "ssl.truststore.location=/certificates"]).contains("PLAINTEXT")
        );
    }

    #[test]
    fn what_is_empty_is_said_to_be() {
        let refused = |pair: &str| given(&[pair]).err().map(|error| error.0).unwrap_or_default();
        assert_eq!(refused("log.dirs="), "log.dirs (command line) is empty: it names at least one directory");
        assert_eq!(refused("log.dir= "), "log.dir (command line) is empty: it names at least one directory");
        assert!(refused("log.dirs=/a,,/b").contains("\"/a,,/b\": one of its directories has no name"));
        assert_eq!(refused("num.partitions="), "num.partitions (command line) is \"\": Not a number of type INT");
        for wrong in ["=5", " =5", "5"] {
            assert_eq!(refused(wrong), format!("--set takes KEY=VALUE, not {wrong}"));
        }
    }

    #[test]
    fn the_directory_of_the_metadata_log_comes_first() {
        let dirs = |pairs: &[&str]| {
            let settings = given(pairs).expect("valid");
            (settings.log_dirs, settings.node.metadata_dir_apart)
        };
        let paths = |names: &[&str]| -> Vec<PathBuf> { names.iter().map(PathBuf::from).collect() };
        assert_eq!(dirs(&["log.dirs=/a,/b,/c"]), (paths(&["/a", "/b", "/c"]), false));
        assert_eq!(dirs(&["log.dirs=/a,/b,/c", "metadata.log.dir=/b"]), (paths(&["/b", "/a", "/c"]), false));
        assert_eq!(dirs(&["log.dirs=/a,/b", "metadata.log.dir=/m"]), (paths(&["/m", "/a", "/b"]), true));
    }

    #[test]
    fn a_node_that_is_to_be_one_of_several_does_not_start_alone() {
        assert!(given(&["node.id=1", "controller.quorum.voters=1@localhost:9093"]).is_ok());
        assert!(given(&["node.id=1", "controller.quorum.voters=1@a:9093,2@b:9093"]).is_err());
        assert!(given(&["node.id=3", "controller.quorum.voters=1@a:9093"]).is_err());
        assert!(given(&["process.roles=controller, broker"]).is_ok());
        assert!(given(&["process.roles=broker"]).is_err());
    }

    #[test]
    fn keys_of_groups_and_logs_reach_them() {
        let keys = ["group.max.size=3", "offset.metadata.max.bytes=7", "offsets.retention.minutes=2"];
        let groups = given(&keys).expect("valid").node.groups;
        assert_eq!((groups.members_max, groups.offset_metadata_max, groups.offsets_retention_ms), (3, 7, 120_000));
        let keys = [
            "offsets.retention.check.interval.ms=5",
            "log.retention.check.interval.ms=6",
            "producer.id.expiration.ms=8",
        ];
        let node = given(&keys).expect("valid").node;
        assert_eq!(node.groups.offsets_retention_check_interval_ms, 5);
        assert_eq!((node.logs.retention_check_interval_ms, node.logs.producer_id_expiration_ms), (6, 8));
        assert!(given(&["group.max.size=0"]).err().is_some_and(|error| error.0.contains("group.max.size")));
    }

    #[test]
    fn defaults_of_this_binary_are_told_but_for_keys_that_no_tool_knows() {
        let told = |pairs: &[&str], key: &str| {
            let properties = given(pairs).expect("valid").node.properties;
            properties.get(key).map(ToString::to_string)
        };
        assert_eq!(told(&[], "node.id").as_deref(), Some("1"));
        assert_eq!(told(&[], "grete.shards"), None);
        assert_eq!(told(&["grete.shards=3"], "grete.shards").as_deref(), Some("3"));
    }

    #[test]
    fn keys_of_others_keep_no_broker_from_starting() {
        let refused = |pair: &str| given(&[pair]).err().map(|error| error.0);
        assert_eq!(refused("service.port.broker.of.others=9092"), None);
        assert!(refused("log.retention.mss=1").is_some_and(|why| why.contains("log.retention.ms is one")));
        assert!(refused("log.durabilty=flush").is_some_and(|why| why.contains("log.durability is one")));
    }

    #[test]
    fn the_node_has_one_id_by_two_names() {
        let node = |pairs: &[&str]| given(pairs).map(|settings| settings.node.node_id.0);
        assert_eq!(node(&["broker.id=3"]).ok(), Some(3));
        assert_eq!(node(&["node.id=3", "broker.id= 3"]).ok(), Some(3));
        assert!(node(&["node.id=3", "broker.id=4"]).unwrap_err().0.contains("two names"));
        assert_eq!(node(&[]).ok(), Some(1));
    }

    #[test]
    fn what_the_broker_says_of_topics_holds_for_them() {
        let settings = given(&["log.retention.hours=2", "message.max.bytes=5000", "log.durability=os"]).expect("valid");
        let defaults = &settings.node.topic_defaults;
        assert_eq!((defaults.retention_ms, defaults.max_message_bytes), (7_200_000, 5_000));
        assert_eq!(defaults.durability, grete_core::log::Durability::Os);
    }
}
