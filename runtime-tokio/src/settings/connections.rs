//! The keys that bound how many connections there may be.

use super::Given;
use crate::admission::ConnectionLimits;
use crate::broker::Fatal;

const OVERRIDES: &str = "max.connections.per.ip.overrides";

impl Given {
    /// What `max.connections` and its like say.
    pub(super) fn connection_limits(&self) -> Result<ConnectionLimits, Fatal> {
        let mut overrides = Vec::new();
        let given = self.value(OVERRIDES).unwrap_or_default();
        for entry in given.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let wrong = || Fatal(format!("{OVERRIDES} has {entry}: host:count is wanted"));
            // An IPv6 address has colons of its own.
            let (host, count) = entry.rsplit_once(':').ok_or_else(wrong)?;
            let count: usize = count.trim().parse().map_err(|_| wrong())?;
            overrides.push((host.trim().to_string(), count));
        }
        let [all, per_address] = [self.number("max.connections")?, self.number("max.connections.per.ip")?];
        Ok(ConnectionLimits { all, per_address, overrides })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::load;

    fn limits(overrides: &str) -> Result<ConnectionLimits, Fatal> {
        let set = ["max.connections=7".to_string(), format!("{OVERRIDES}={overrides}")];
        load(None, &set)?.connection_limits()
    }

    #[test]
    fn addresses_have_limits_of_their_own() {
        let limits = limits("127.0.0.1:5, [::1]:6,::2:0").expect("valid");
        assert_eq!((limits.all, limits.per_address), (7, i32::MAX as usize));
        let overrides: Vec<_> = limits.overrides.iter().map(|(host, count)| (host.as_str(), *count)).collect();
        assert_eq!(overrides, [("127.0.0.1", 5), ("[::1]", 6), ("::2", 0)]);
    }

    #[test]
    fn what_is_no_limit_is_refused() {
        for wrong in ["localhost", "localhost:x", "localhost:-1"] {
            assert!(limits(wrong).is_err(), "{wrong}");
        }
    }
}
