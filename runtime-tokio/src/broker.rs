//! A node: its directories, sockets and threads, from the start to the last word.

use crate::accept::{Bind, accept, listen};
use crate::admission::{ConnectionLimits, Connections};
use crate::clock::Clock;
use crate::disk::{DirLock, LockError, Workers, find};
use crate::jobs::Jobs;
use crate::shard::{FromShard, Start, ToShard};
use crate::signals::Signals;
use grete_core::event::FoundFiles;
use grete_core::ids::{ListenerIndex, LogDirIndex, ShardId};
use grete_core::node::{ListenerRole, NodeConfig};
use grete_core::rng::Seed;
use grete_core::shard::ShardConfig;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// How long a stop in order may take before the node ends all the same.
const STOP_MAX: Duration = Duration::from_secs(30);

/// What a node is started with.
pub struct Settings {
    /// What the core needs to know.
    pub node: NodeConfig,
    /// The log directories, in the order of `log.dirs`.
    pub log_dirs: Vec<PathBuf>,
    /// Where each listener listens, in the order of `listeners`.
    pub binds: Vec<Bind>,
    /// How many connections there may be.
    pub connections: ConnectionLimits,
    /// The number of shards, each on a thread of its own.
    pub shards: u16,
}

/// Why a node did not start, or did not go on. One sentence for the operator.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Fatal(pub String);

/// Runs a node until a signal stops it.
pub fn run(settings: Settings) -> Result<(), Fatal> {
    let begun = Instant::now();
    let locks = lock_dirs(&settings.log_dirs)?;
    let sockets = open_sockets(&settings.binds)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Fatal(format!("the system refuses an event loop: {error}")))?;
    let result = runtime.block_on(serve(settings, sockets, begun));
    drop(locks);
    result
}

fn lock_dirs(paths: &[PathBuf]) -> Result<Vec<DirLock>, Fatal> {
    let mut locks = Vec::new();
    let mut last = None;
    for path in paths {
        match make_dir(path).and_then(|()| DirLock::take(path)) {
            Ok(lock) => locks.push(lock),
            Err(error @ LockError::Held) => {
                return Err(Fatal(format!("cannot use the log directory {}: {error}", path.display())));
            }
            // One of several may be out of order: the core sets it aside.
            Err(error) => last = Some(format!("cannot use the log directory {}: {error}", path.display())),
        }
    }
    match last {
        Some(reason) if locks.is_empty() => Err(Fatal(reason)),
        Some(_) | None => Ok(locks),
    }
}

fn make_dir(path: &Path) -> Result<(), LockError> {
    // The system would only say that it exists.
    if path.exists() && !path.is_dir() {
        return Err(LockError::NotADirectory);
    }
    Ok(std::fs::create_dir_all(path)?)
}

fn open_sockets(binds: &[Bind]) -> Result<Vec<Vec<TcpListener>>, Fatal> {
    let open = |bind: &Bind| {
        let host = if bind.host.is_empty() { "all addresses" } else { &bind.host };
        listen(bind).map_err(|error| {
            let another = match error.kind() {
                std::io::ErrorKind::AddrInUse => "; another: --set listeners=PLAINTEXT://localhost:PORT",
                _ => "",
            };
            Fatal(format!("cannot listen on {host}, port {}: {error}{another}", bind.port))
        })
    };
    binds.iter().map(open).collect()
}

async fn serve(settings: Settings, sockets: Vec<Vec<TcpListener>>, begun: Instant) -> Result<(), Fatal> {
    let refused = |what: &str, error: &dyn std::fmt::Display| Fatal(format!("the system refuses {what}: {error}"));
    let mut signals = Signals::listen().map_err(|error| refused("a signal handler", &error))?;
    let connections = Connections::new(settings.connections.clone())
        .map_err(|error| Fatal(format!("max.connections.per.ip.overrides: {error}")))?;
    let addresses = [ListenerRole::Broker, ListenerRole::Controller].map(|role| addresses(&settings, &sockets, role));
    let (shards, mut reports) = start_shards(&settings, &sockets)?;
    let ready = await_all(&mut reports, shards.len(), |report| matches!(report, FromShard::Ready));
    tokio::select! {
        result = ready => result?,
        // Nothing was acknowledged yet that would have to be made durable.
        () = signals.next() => return stopped_early(),
    }
    let counter = Arc::new(AtomicU64::new(1));
    let mut accepting = Vec::new();
    for (listener, sockets) in sockets.into_iter().enumerate() {
        for socket in sockets {
            let listener = ListenerIndex(listener as u16);
            let accepts = accept(socket, listener, counter.clone(), connections.clone(), shards.clone());
            accepting.push(tokio::spawn(crate::guard::abort_on_panic_in(accepts)));
        }
    }
    banner(&settings, &addresses, begun.elapsed());
    tokio::select! {
        () = signals.next() => {}
        report = failure(&mut reports) => return Err(report),
    }
    let signalled = Instant::now();
    tracing::info!("stopping");
    accepting.iter().for_each(tokio::task::JoinHandle::abort);
    for shard in &shards {
        let _ = shard.send(ToShard::Shutdown);
    }
    let stopped = await_all(&mut reports, shards.len(), |report| matches!(report, FromShard::Stopped));
    tokio::select! {
        result = stopped => result?,
        () = signals.second(signalled) => return Err(Fatal("stopped at once, by a second signal".into())),
        () = tokio::time::sleep(STOP_MAX) => return Err(Fatal("the stop in order took too long".into())),
    }
    tracing::info!("stopped; everything is on disk");
    Ok(())
}

/// A signal came before the node served.
fn stopped_early() -> Result<(), Fatal> {
    tracing::info!("stopped before it served");
    Ok(())
}

type Shards = (Vec<UnboundedSender<ToShard>>, UnboundedReceiver<FromShard>);

fn start_shards(settings: &Settings, sockets: &[Vec<TcpListener>]) -> Result<Shards, Fatal> {
    let refused = |what: &str, error: &dyn std::fmt::Display| Fatal(format!("the system refuses {what}: {error}"));
    let dirs = settings.log_dirs.iter().enumerate();
    let found = FoundFiles { dirs: dirs.map(|(dir, path)| find(LogDirIndex(dir as u16), path)).collect() };
    let workers = Workers::start(&settings.log_dirs, open_files_max()).map_err(|error| refused("a thread", &error))?;
    let jobs = Jobs::start_threads(usize::from(settings.shards)).map_err(|error| refused("a thread", &error))?;
    let mut seed = [0; 8];
    getrandom::fill(&mut seed).map_err(|error| refused("random numbers", &error))?;
    let seed = Seed(u64::from_ne_bytes(seed));
    let mut node = settings.node.clone();
    for (listener, sockets) in node.listeners.iter_mut().zip(sockets) {
        // Where any free port was asked for, this is the one.
        if let Some(address) = sockets.first().and_then(|socket| socket.local_addr().ok()) {
            listener.port = address.port();
        }
    }
    let node = Arc::new(node);
    let clock = Clock::start();
    let (reports, received) = unbounded_channel();
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..settings.shards).map(|_| unbounded_channel()).unzip();
    for (shard, receiver) in receivers.into_iter().enumerate() {
        let start = Start {
            config: ShardConfig { shard: ShardId(shard as u16), shards: settings.shards, node: node.clone() },
            seed,
            found: found.clone(),
            clock,
            receiver,
            shards: senders.clone(),
            workers: workers.clone(),
            jobs: jobs.clone(),
            node: reports.clone(),
        };
        std::thread::Builder::new()
            .name(format!("shard-{shard}"))
            .spawn(move || crate::guard::abort_on_panic(|| crate::shard::run(start)))
            .map_err(|error| refused("a thread", &error))?;
    }
    Ok((senders, received))
}

/// Waits until every shard has said what is waited for.
async fn await_all(
    reports: &mut UnboundedReceiver<FromShard>,
    shards: usize,
    wanted: impl Fn(&FromShard) -> bool,
) -> Result<(), Fatal> {
    let mut left = shards;
    while left > 0 {
        match reports.recv().await {
            Some(FromShard::Failed(reason)) => return Err(Fatal(reason)),
            Some(report) => left -= usize::from(wanted(&report)),
            None => return Err(Fatal("a shard ended without a word".into())),
        }
    }
    Ok(())
}

async fn failure(reports: &mut UnboundedReceiver<FromShard>) -> Fatal {
    loop {
        match reports.recv().await {
            Some(FromShard::Failed(reason)) => return Fatal(reason),
            Some(FromShard::Ready | FromShard::Stopped) => {}
            None => return Fatal("a shard ended without a word".into()),
        }
    }
}

/// The share of the process's open files that the log directories may use; the rest is for connections.
fn open_files_max() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // The soft limit is there for programs that use select(2); this one does not.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    let current = getrlimit(Resource::Nofile).current.unwrap_or(65_536);
    usize::try_from(current / 2).unwrap_or(usize::MAX).min(32_768)
}

/// Where the listeners of a role listen.
fn addresses(settings: &Settings, sockets: &[Vec<TcpListener>], role: ListenerRole) -> Vec<SocketAddr> {
    let of_role = settings.binds.iter().zip(sockets).filter(|(bind, _)| bind.role == role);
    of_role.flat_map(|(_, sockets)| sockets).filter_map(|socket| socket.local_addr().ok()).collect()
}

fn banner(settings: &Settings, [brokers, controllers]: &[Vec<SocketAddr>; 2], took: Duration) {
    let first = brokers.first().map_or(9092, SocketAddr::port);
    let told = |addresses: &[SocketAddr]| addresses.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(" and ");
    let dirs: Vec<String> = settings.log_dirs.iter().map(|dir| dir.display().to_string()).collect();
    tracing::info!("serving on {} with data in {} ({took:.0?} to start)", told(brokers), dirs.join(", "));
    if !controllers.is_empty() {
        tracing::info!("the controller answers on {}", told(controllers));
    }
    tracing::info!("try: kcat -b localhost:{first} -L");
}
