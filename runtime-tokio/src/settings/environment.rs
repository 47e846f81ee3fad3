//! `KAFKA_*` environment variables, as Apache Kafka's container image maps them to keys.
//!
//! After `KAFKA_`, three underscores stand for `-`, two for `_`, one for `.`, and letters are lowered:
//! `KAFKA_LOG_DIRS` is `log.dirs`.

/// Variables that the image gives to Kafka's scripts or its JVM: not configuration.
const NOT_CONFIGURATION: [&str; 16] = [
    "KAFKA_VERSION",
    "KAFKA_HEAP_OPTS",
    "KAFKA_LOG4J_OPTS",
    "KAFKA_OPTS",
    "KAFKA_JMX_OPTS",
    "KAFKA_JMX_HOSTNAME",
    "KAFKA_JMX_PORT",
    "KAFKA_JVM_PERFORMANCE_OPTS",
    "KAFKA_GC_LOG_OPTS",
    "KAFKA_LOG4J_ROOT_LOGLEVEL",
    "KAFKA_LOG4J_LOGGERS",
    "KAFKA_TOOLS_LOG4J_LOGLEVEL",
    "KAFKA_DEBUG",
    "KAFKA_MODE",
    "KAFKA_HOME",
    "KAFKA_CLUSTER_ID",
];

/// The key that an environment variable sets; `None` where it sets none.
#[must_use]
pub(super) fn key(variable: &str) -> Option<String> {
    if NOT_CONFIGURATION.contains(&variable) {
        return None;
    }
    let name = variable.strip_prefix("KAFKA_")?;
    // The longest run of underscores first; the marks stand for what a name cannot contain.
    let name = name.replace("___", "\u{1}").replace("__", "\u{2}").replace('_', ".");
    Some(name.replace('\u{1}', "-").replace('\u{2}', "_").to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::key;

    #[test]
    fn variables_map_as_in_the_container_image() {
        assert_eq!(key("KAFKA_LOG_DIRS").as_deref(), Some("log.dirs"));
        assert_eq!(key("KAFKA_LISTENER_NAME_A__B_SSL").as_deref(), Some("listener.name.a_b.ssl"));
        assert_eq!(key("KAFKA_X___Y").as_deref(), Some("x-y"));
        assert_eq!(key("KAFKA_HEAP_OPTS"), None);
        assert_eq!(key("PATH"), None);
    }
}
