//! How many connections there may be at a time: over all shards together, and from one address.
//!
//! 1. A connection is counted from when it is taken from its socket until its task ends, whatever ends it.
//! 2. Where an address has too many, a further one is closed at once (`max.connections.per.ip`). Where all together are too
//!    many, further ones wait in their order until one ends (`max.connections`), as in Kafka.
//! 3. An address is remembered while it has connections: there are no more of them than connections.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How often the operator is told of one kind of limit at most.
const TELLING_EVERY: Duration = Duration::from_secs(60);

/// How many connections there may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// `max.connections`.
    pub all: usize,
    /// `max.connections.per.ip`.
    pub per_address: usize,
    /// `max.connections.per.ip.overrides`: hosts, by address or name, with a limit of their own.
    pub overrides: Vec<(String, usize)>,
}

/// The connections that there are.
#[derive(Debug)]
pub struct Connections {
    limits: ConnectionLimits,
    overrides: HashMap<IpAddr, usize>,
    free: Arc<Semaphore>,
    by_address: Mutex<HashMap<IpAddr, usize>>,
    told: [Mutex<Option<Instant>>; 2],
}

/// The leave of one connection to be there; given back when it is dropped.
#[derive(Debug)]
pub struct Admission {
    _counted: Counted,
    _place: OwnedSemaphorePermit,
}

#[derive(Debug)]
struct Counted {
    of: Arc<Connections>,
    address: IpAddr,
}

#[derive(Clone, Copy)]
enum Limit {
    All,
    PerAddress,
}

impl Connections {
    /// None so far.
    ///
    /// # Errors
    /// A host of the limits that has no address.
    pub fn new(limits: ConnectionLimits) -> io::Result<Arc<Self>> {
        let mut overrides = HashMap::new();
        for (host, most) in &limits.overrides {
            overrides.extend(addresses(host)?.into_iter().map(|address| (address, *most)));
        }
        let free = Arc::new(Semaphore::new(limits.all.min(Semaphore::MAX_PERMITS)));
        Ok(Arc::new(Self { limits, overrides, free, by_address: Mutex::default(), told: Default::default() }))
    }

    /// Leave for a connection from an address; waits until there is room for it. `None` where that address has too many.
    pub async fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Admission> {
        // An IPv4 client is the same by whichever socket it comes.
        let address = address.to_canonical();
        let Some(counted) = self.count(address) else {
            self.tell(Limit::PerAddress, || {
                let most = self.limit_of(address);
                format!("connections from {address} are refused: it has {most} already (max.connections.per.ip)")
            });
            return None;
        };
        let place = match self.free.clone().try_acquire_owned() {
            Ok(place) => place,
            Err(_) => {
                self.tell(Limit::All, || {
                    format!("connections have to wait: there are {} already (max.connections)", self.limits.all)
                });
                self.free.clone().acquire_owned().await.ok()?
            }
        };
        Some(Admission { _counted: counted, _place: place })
    }

    fn limit_of(&self, address: IpAddr) -> usize {
        self.overrides.get(&address).copied().unwrap_or(self.limits.per_address)
    }

    fn count(self: &Arc<Self>, address: IpAddr) -> Option<Counted> {
        let most = self.limit_of(address);
        let mut by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let there = by_address.get(&address).copied().unwrap_or_default();
        if there >= most {
            return None;
        }
        by_address.insert(address, there + 1);
        Some(Counted { of: self.clone(), address })
    }

    fn tell(&self, limit: Limit, text: impl FnOnce() -> String) {
        let mut told = self.told[limit as usize].lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|last| last.elapsed() >= TELLING_EVERY) {
            *told = Some(Instant::now());
            tracing::warn!("{}", text());
        }
    }
}

/// The addresses of a host, as clients from there have them.
fn addresses(host: &str) -> io::Result<Vec<IpAddr>> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let found = (bare, 0).to_socket_addrs().map_err(|error| io::Error::other(format!("{host}: {error}")))?;
    Ok(found.map(|address| address.ip().to_canonical()).collect())
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut by_address = self.of.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    fn connections(all: usize, per_address: usize, overrides: &[(&str, usize)]) -> Arc<Connections> {
        let overrides = overrides.iter().map(|(host, most)| (host.to_string(), *most)).collect();
        Connections::new(ConnectionLimits { all, per_address, overrides }).expect("addresses")
    }

    fn now<F: Future>(future: F) -> Poll<F::Output> {
        pin!(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    fn admit(connections: &Arc<Connections>, address: &str) -> Poll<Option<Admission>> {
        now(connections.admit(address.parse().expect("an address")))
    }

    #[test]
    fn an_address_has_so_many_and_no_more() {
        let connections = connections(100, 2, &[("10.0.0.9", 0), ("[::1]", 3)]);
        let both = [admit(&connections, "10.0.0.1"), admit(&connections, "::ffff:10.0.0.1")];
        assert!(both.iter().all(|one| matches!(one, Poll::Ready(Some(_)))));
        assert!(matches!(admit(&connections, "10.0.0.1"), Poll::Ready(None)));
        assert!(matches!(admit(&connections, "10.0.0.9"), Poll::Ready(None)));
        let three = [(); 3].map(|()| admit(&connections, "::1"));
        assert!(three.iter().all(|one| matches!(one, Poll::Ready(Some(_)))));
        assert!(matches!(admit(&connections, "::1"), Poll::Ready(None)));
        drop(both);
        assert!(matches!(admit(&connections, "10.0.0.1"), Poll::Ready(Some(_))));
        drop(three);
        assert!(connections.by_address.lock().expect("no panic").is_empty(), "nothing is remembered");
    }

    #[test]
    fn a_host_without_an_address_is_refused() {
        let overrides = vec![("no host at all".to_string(), 1)];
        let error = Connections::new(ConnectionLimits { all: 1, per_address: 1, overrides }).expect_err("no address");
        assert!(error.to_string().contains("no host at all"));
    }

    #[test]
    fn where_there_are_too_many_the_next_waits() {
        let connections = connections(1, 100, &[]);
        let first = admit(&connections, "10.0.0.1");
        let mut second = Box::pin(connections.admit("10.0.0.2".parse().expect("an address")));
        assert!(now(second.as_mut()).is_pending());
        drop(first);
        assert!(matches!(now(second.as_mut()), Poll::Ready(Some(_))));
    }
}
