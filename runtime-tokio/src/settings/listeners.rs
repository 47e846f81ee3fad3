//! The keys that say where a node listens, what is spoken there, and where clients are told that it is.

use super::Given;
use crate::accept::Bind;
use crate::broker::Fatal;
use grete_core::node::{CONTROLLER_LISTENER, Listener, ListenerRole};

const ADVERTISED: &str = "advertised.listeners";
/// The security protocols, whose names listeners go by where they are mapped to none.
const PROTOCOLS: [&str; 4] = ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"];

/// `NAME://host:port`.
struct Endpoint {
    name: String,
    host: String,
    port: u16,
}

impl Endpoint {
    fn parse(text: &str) -> Option<Self> {
        let (name, address) = text.split_once("://")?;
        let (host, port) = address.rsplit_once(':')?;
        Some(Self { name: name.into(), host: host.into(), port: port.parse().ok()? })
    }
}

impl Given {
    /// Where the node listens, and what the core needs to know of it; both in the order of `listeners`.
    pub(super) fn listeners(&self) -> Result<(Vec<Bind>, Vec<Listener>), Fatal> {
        let controllers: Vec<&str> =
            self.get("controller.listener.names").unwrap_or(CONTROLLER_LISTENER).split(',').map(str::trim).collect();
        let endpoints = self.endpoints("listeners")?;
        if endpoints.is_empty() {
            let source = self.source("listeners");
            return Err(Fatal(format!("listeners ({source}) is empty: it names at least one, NAME://host:port")));
        }
        let advertised = self.advertised(&endpoints)?;
        let mut binds = Vec::new();
        let mut listeners = Vec::new();
        for Endpoint { name, host, port } in endpoints {
            let is_controllers = controllers.contains(&name.as_str());
            let role = if is_controllers { ListenerRole::Controller } else { ListenerRole::Broker };
            self.check_protocol(&name, role)?;
            let advertised = advertised.iter().find(|other| other.name == name);
            let advertised = advertised.map(|other| (other.host.clone(), other.port));
            binds.push(Bind { host: host.clone(), port, role });
            listeners.push(Listener { name, role, host, advertised, port });
        }
        if listeners.iter().all(|listener| listener.role == ListenerRole::Controller) {
            let text = "there is none for clients: all of them are in controller.listener.names";
            return Err(Fatal(format!("listeners is {}: {text}", self.value("listeners").unwrap_or_default())));
        }
        self.check_between_brokers(&listeners)?;
        Ok((binds, listeners))
    }

    /// The listeners that a key names, each once.
    fn endpoints(&self, key: &str) -> Result<Vec<Endpoint>, Fatal> {
        let source = self.source(key);
        let value = self.value(key).unwrap_or_default();
        let mut endpoints: Vec<Endpoint> = Vec::new();
        for text in value.split(',').map(str::trim).filter(|text| !text.is_empty()) {
            let endpoint = Endpoint::parse(text)
                .ok_or_else(|| Fatal(format!("{key} ({source}): {text} is no listener; NAME://host:port is one")))?;
            if endpoints.iter().any(|other| other.name == endpoint.name) {
                let name = endpoint.name;
                return Err(Fatal(format!("{key} ({source}) has {name} twice: each listener has a name of its own")));
            }
            endpoints.push(endpoint);
        }
        Ok(endpoints)
    }

    /// What clients are told of these listeners, where that is configured. As in Kafka, it has to be of use to them.
    fn advertised(&self, listeners: &[Endpoint]) -> Result<Vec<Endpoint>, Fatal> {
        let source = self.source(ADVERTISED);
        let endpoints = self.endpoints(ADVERTISED)?;
        for Endpoint { name, host, port } in &endpoints {
            let wrong = match host.as_str() {
                _ if listeners.iter().all(|listener| listener.name != *name) => "is none of listeners",
                "" => "has no host: no client could connect to it",
                "0.0.0.0" | "::" | "[::]" => "is all addresses: no client can connect to that, name one of them",
                _ => continue,
            };
            return Err(Fatal(format!("{ADVERTISED} ({source}): {name}://{host}:{port} {wrong}")));
        }
        Ok(endpoints)
    }

    /// The listener that brokers would use among themselves is one that there is, by its name or by its protocol.
    fn check_between_brokers(&self, listeners: &[Listener]) -> Result<(), Fatal> {
        let brokers = listeners.iter().filter(|listener| listener.role == ListenerRole::Broker);
        match (self.get("inter.broker.listener.name"), self.get("security.inter.broker.protocol")) {
            (Some(_), Some(_)) => Err(Fatal(
                "inter.broker.listener.name and security.inter.broker.protocol say the same: only one may be set"
                    .into(),
            )),
            (Some(name), None) if brokers.clone().all(|listener| listener.name != name) => {
                Err(Fatal(format!("inter.broker.listener.name is {name}, which is none of the broker's listeners")))
            }
            (None, Some(protocol)) if protocol != "PLAINTEXT" => {
                Err(Fatal(format!("security.inter.broker.protocol is {protocol}: only PLAINTEXT is served yet")))
            }
            (Some(_), None) | (None, Some(_) | None) => Ok(()),
        }
    }

    /// Everything that is spoken in the clear is spoken so on purpose: a listener of another protocol is refused.
    fn check_protocol(&self, listener: &str, role: ListenerRole) -> Result<(), Fatal> {
        let map = self.get("listener.security.protocol.map").unwrap_or_default();
        let mapped = map.split(',').filter_map(|entry| entry.trim().split_once(':'));
        let protocol = mapped.filter(|(name, _)| *name == listener).map(|(_, protocol)| protocol).next();
        match protocol.unwrap_or(listener) {
            "PLAINTEXT" => Ok(()),
            // As in Kafka, the controller's listener speaks in the clear where no protocol is named for it.
            name if protocol.is_none() && role == ListenerRole::Controller && !PROTOCOLS.contains(&name) => Ok(()),
            name if protocol.is_none() && !PROTOCOLS.contains(&name) => Err(Fatal(format!(
                "the listener {name} has no protocol: add {name}:PLAINTEXT to listener.security.protocol.map"
            ))),
            protocol => {
                Err(Fatal(format!("the listener {listener} is to speak {protocol}: only PLAINTEXT is served yet")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::given;

    fn refused(pairs: &[&str]) -> String {
        given(pairs).err().map(|error| error.0).unwrap_or_default()
    }

    #[test]
    fn the_controllers_listeners_are_told_by_their_names() {
        let roles = |pairs: &[&str]| -> Result<Vec<(String, ListenerRole)>, Fatal> {
            let listeners = given(pairs)?.node.listeners;
            Ok(listeners.into_iter().map(|listener| (listener.name, listener.role)).collect())
        };
        let both = "listeners=CONTROLLER://localhost:9093,PLAINTEXT://localhost:9092";
        let (controller, broker) = (ListenerRole::Controller, ListenerRole::Broker);
        let named = |name: &str, role| (name.to_string(), role);
        assert_eq!(
            roles(&[both]).expect("valid"),
            [named("CONTROLLER", controller), named("PLAINTEXT", broker)],
            "by Kafka's name where none is said"
        );
        let keys =
            ["listeners=A://:1,B://:2", "controller.listener.names=B", "listener.security.protocol.map=A:PLAINTEXT"];
        assert_eq!(roles(&keys).expect("valid"), [named("A", broker), named("B", controller)]);
        assert!(refused(&["listeners=CONTROLLER://:9093"]).contains("none for clients"));
        assert!(
            refused(&[both, "listener.security.protocol.map=CONTROLLER:SSL"]).contains("CONTROLLER is to speak SSL")
        );
        let tls = ["listeners=PLAINTEXT://:9092,SSL://:9093", "controller.listener.names=SSL"];
        assert!(refused(&tls).contains("SSL is to speak SSL"));
        assert!(refused(&[both, "inter.broker.listener.name=CONTROLLER"]).contains("none of the broker's"));
    }

    #[test]
    fn what_is_no_listener_is_refused_by_key_and_origin() {
        let empty = "listeners (command line) is empty: it names at least one, NAME://host:port";
        assert_eq!(refused(&["listeners="]), empty);
        for wrong in ["garbage", "PLAINTEXT://localhost", "PLAINTEXT://localhost:x", "PLAINTEXT://localhost:65536"] {
            let text = format!("(command line): {wrong} is no listener; NAME://host:port is one");
            assert_eq!(refused(&[&format!("listeners={wrong}")]), format!("listeners {text}"));
            assert_eq!(refused(&[&format!("{ADVERTISED}={wrong}")]), format!("{ADVERTISED} {text}"));
        }
        let unmapped = "the listener FOO has no protocol: add FOO:PLAINTEXT to listener.security.protocol.map";
        assert_eq!(refused(&["listeners=FOO://:19700"]), unmapped);
        let twice = ["listeners=PLAINTEXT://:9092,PLAINTEXT://:9093"];
        assert!(refused(&twice).contains("PLAINTEXT twice"));
    }

    #[test]
    fn what_is_advertised_is_of_use_to_clients() {
        let advertised = |address: &str| {
            let keys = ["listeners=PLAINTEXT://0.0.0.0:9092".to_string(), format!("{ADVERTISED}={address}")];
            given(&keys.each_ref().map(String::as_str)).map(|settings| settings.node.listeners[0].advertised.clone())
        };
        assert_eq!(advertised("").ok(), Some(None));
        let told = advertised("PLAINTEXT://kafka.example:19092").expect("valid");
        assert_eq!(told, Some(("kafka.example".into(), 19092)));
        let refused = |address: &str| advertised(address).expect_err("refused").0;
        for all in ["0.0.0.0", "[::]"] {
            assert!(refused(&format!("PLAINTEXT://{all}:9092")).contains("is all addresses"), "{all}");
        }
        assert!(refused("PLAINTEXT://:9092").contains("has no host"));
        assert!(refused("OUT://kafka.example:9092").contains("is none of listeners"));
        assert!(refused("PLAINTEXT://a:1,PLAINTEXT://b:1").contains("PLAINTEXT twice"));
    }
}
