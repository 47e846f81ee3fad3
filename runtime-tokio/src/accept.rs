//! Listening sockets: connections are taken as they come and spread over the shards in turn.

use crate::admission::Connections;
use crate::shard::ToShard;
use grete_core::ids::{ConnectionId, ListenerIndex};
use grete_core::node::ListenerRole;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;

/// How long no connection is taken after the system had no room for one.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where `listeners` asks to listen: the addresses of one listener.
#[derive(Clone, Debug)]
pub struct Bind {
    /// The host as configured; empty for all addresses.
    pub host: String,
    /// The port; 0 for any that is free.
    pub port: u16,
    /// Whose listener it is.
    pub role: ListenerRole,
}

/// Opens the sockets of one listener. `localhost` means both loopback addresses, and the first socket's port counts for
/// all where any free one will do.
pub fn listen(bind: &Bind) -> io::Result<Vec<TcpListener>> {
    let mut port = bind.port;
    let mut sockets = Vec::new();
    for address in addresses(&bind.host)? {
        let socket = match open(SocketAddr::new(address.ip(), port)) {
            Ok(socket) => socket,
            // A machine without IPv6 still has the other loopback address.
            Err(error) if !sockets.is_empty() && error.kind() != io::ErrorKind::AddrInUse => continue,
            Err(error) => return Err(error),
        };
        port = socket.local_addr()?.port();
        sockets.push(socket);
    }
    Ok(sockets)
}

fn addresses(host: &str) -> io::Result<Vec<SocketAddr>> {
    use std::net::{Ipv4Addr, Ipv6Addr, ToSocketAddrs};
    match host {
        // Listening on the unspecified IPv6 address takes IPv4 as well.
        "" | "0.0.0.0" => Ok(vec![SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))]),
        "localhost" => Ok(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), SocketAddr::from((Ipv6Addr::LOCALHOST, 0))]),
        host => {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            let first = (host, 0).to_socket_addrs()?.next();
            first.map(|address| vec![address]).ok_or_else(|| io::Error::other("the name has no address"))
        }
    }
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?;
    // A restart must not wait for the connections of the process before it.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    bind(&socket, &address)?;
    listen(&socket, 1024)?;
    Ok(TcpListener::from(socket))
}

/// Takes connections from one socket until the task is dropped.
pub async fn accept(
    socket: TcpListener,
    listener: ListenerIndex,
    counter: Arc<AtomicU64>,
    connections: Arc<Connections>,
    shards: Vec<UnboundedSender<ToShard>>,
) -> io::Result<()> {
    let socket = tokio::net::TcpListener::from_std(socket)?;
    loop {
        match socket.accept().await {
            Ok((stream, peer)) => {
                let Some(admission) = connections.admit(peer.ip()).await else { continue };
                let number = counter.fetch_add(1, Ordering::Relaxed);
                let shard = &shards[(number % shards.len() as u64) as usize];
                let Ok(stream) = stream.into_std() else { continue };
                let _ = shard.send(ToShard::Accepted { connection: ConnectionId(number), listener, stream, admission });
            }
            // No descriptor or memory is left: the connections that are there come first.
            Err(error) => {
                tracing::warn!("no connection could be taken: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
