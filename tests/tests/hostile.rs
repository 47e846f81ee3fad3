//! Clients that send what nobody should: each request is answered or its connection closed, others are served meanwhile, and
//! nothing of it is left.

use grete_core::api::TABLE;
use grete_tests::{Broker, Scratch};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a flood may add to the broker's memory.
const GROWTH_KIB_MAX: u64 = 64 * 1024;

const FETCH: i16 = 1;
const METADATA: i16 = 3;
const DESCRIBE_GROUPS: i16 = 15;
const API_VERSIONS: i16 = 18;

/// A request with a header that every version takes.
fn request(key: i16, version: i16, body: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    frame.extend(key.to_be_bytes());
    frame.extend(version.to_be_bytes());
    frame.extend(7_i32.to_be_bytes());
    frame.extend([0, 1, b'h', 0]);
    frame.extend(body);
    let mut all = (frame.len() as u32).to_be_bytes().to_vec();
    all.extend(frame);
    all
}

fn connect(broker: &Broker) -> TcpStream {
    connect_to(&broker.address())
}

fn connect_to(address: &str) -> TcpStream {
    let client = TcpStream::connect(address).expect("the broker takes connections");
    client.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    client
}

/// Sends without waiting for whoever does not take it.
fn send(client: &mut TcpStream, bytes: &[u8]) {
    client.set_write_timeout(Some(Duration::from_millis(300))).expect("a time limit");
    // A connection that is closed takes nothing, and that is an answer.
    let _ = client.write_all(bytes);
}

/// The next answer, or that the connection is closed.
fn answer(client: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    let mut read = |bytes: &mut [u8]| match client.read_exact(bytes) {
        Ok(()) => true,
        Err(error) => {
            assert!(!matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "no answer: {error}");
            false
        }
    };
    if !read(&mut length) {
        return None;
    }
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    read(&mut answer).then_some(answer)
}

/// The sockets that the broker has, its listener among them.
fn sockets(broker: &Broker) -> usize {
    let files = std::fs::read_dir(format!("/proc/{}/fd", broker.id())).expect("the broker runs");
    let targets = files.flatten().filter_map(|file| std::fs::read_link(file.path()).ok());
    targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
}

fn memory_kib(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("the broker runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it has memory");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Waits until the broker has no more sockets than before.
fn await_sockets(broker: &Broker, before: usize) {
    let begun = Instant::now();
    while sockets(broker) > before {
        assert!(begun.elapsed() < PATIENCE, "{} sockets are left, {before} were there before", sockets(broker));
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn what_is_malformed_is_answered_or_its_connection_closed() {
    let scratch = Scratch::new("malformed");
    let broker = Broker::start(scratch.path(), &[]);
    let before = sockets(&broker);
    let bodies: [Vec<u8>; 7] = [
        Vec::new(),
        vec![0xff; 64],
        vec![0x7f; 64],
        vec![0; 200],
        (0..3_000_u32).map(|at| (at * 37 % 251) as u8).collect(),
        [0x7f, 0xff, 0xff, 0xff].repeat(4),
        [0xff, 0xff, 0xff, 0xff, 0x0f].repeat(10),
    ];
    for api in TABLE {
        for version in api.versions.iter() {
            for (number, body) in bodies.iter().enumerate() {
                let mut frame = request(api.key as i16, version, body);
                if number == 4 {
                    // Its length is less than what follows.
                    frame[3] = 9;
                }
                if number == 5 {
                    frame.truncate(frame.len() - 3);
                }
                let mut client = connect(&broker);
                send(&mut client, &frame);
                // It may be closed by now.
                let _ = client.shutdown(Shutdown::Write);
                while answer(&mut client).is_some() {}
            }
        }
    }
    await_sockets(&broker, before);
    assert_eq!(broker.stop(), Some(0));
}

#[test]
fn who_has_ended_its_side_is_answered() {
    let scratch = Scratch::new("half");
    let broker = Broker::start(scratch.path(), &[]);
    let mut client = connect(&broker);
    client.write_all(&request(API_VERSIONS, 0, &[]).repeat(3)).expect("it is taken");
    client.shutdown(Shutdown::Write).expect("half of it is closed");
    assert!((0..3).all(|_| answer(&mut client).is_some()));
    assert_eq!(answer(&mut client), None, "then it is closed");
}

/// A probe's small requests are answered while `flood` goes on; gives the most memory that the broker had.
fn probed(broker: &Broker, flood: impl FnOnce()) -> u64 {
    let (over, peak, answered) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let (id, address) = (broker.id(), broker.address());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                peak.fetch_max(memory_kib(id), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let mut client = connect_to(&address);
                client.write_all(&request(API_VERSIONS, 0, &[])).expect("it is taken");
                answer(&mut client).expect("others are served");
                answered.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        flood();
        let last = answered.load(Ordering::Relaxed) + 2;
        let begun = Instant::now();
        while answered.load(Ordering::Relaxed) < last && begun.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(10));
        }
        over.store(true, Ordering::Relaxed);
        assert!(answered.load(Ordering::Relaxed) >= last, "it is still served");
    });
    peak.load(Ordering::Relaxed)
}

/// The beginning of a frame that is announced to be so long.
fn announcement(key: i16, length: i32) -> Vec<u8> {
    let mut frame = length.to_be_bytes().to_vec();
    frame.extend(&request(key, 4, &[])[4..]);
    frame
}

/// Sends to so many connections, and leaves after a while.
fn crowd(broker: &Broker, count: usize, bytes: &[u8], stays: Duration) {
    let clients: Vec<TcpStream> = (0..count)
        .map(|_| {
            let mut client = connect(broker);
            send(&mut client, bytes);
            client
        })
        .collect();
    std::thread::sleep(stays);
    drop(clients);
}

#[test]
fn floods_cost_little_and_leave_nothing() {
    let scratch = Scratch::new("flood");
    let broker = Broker::start(scratch.path(), &[]);
    // What the first of each kind sets up stays.
    probed(&broker, || crowd(&broker, 1, &request(API_VERSIONS, 0, &[]), Duration::ZERO));
    let (before, base) = (sockets(&broker), memory_kib(broker.id()));
    let produce = |length, sent| {
        let mut frame = announcement(0, length);
        frame.resize(frame.len() + sent, 0);
        frame
    };
    let second = Duration::from_secs(1);
    let names = |count: u32| {
        let mut body = count.to_be_bytes().to_vec();
        body.resize(4 + 2 * count as usize, 0);
        body
    };
    let fetch = {
        // Of no partition: there is never enough.
        let mut body = (-1_i32).to_be_bytes().to_vec();
        body.extend(60_000_i32.to_be_bytes());
        body.extend([0x7f; 8]);
        body.extend([0; 5]);
        request(FETCH, 4, &body)
    };
    let floods: [(&str, &dyn Fn()); 7] = [
        ("giants that are announced", &|| crowd(&broker, 100, &produce(30 << 20, 64 << 10), second)),
        ("giants that nobody has use for", &|| crowd(&broker, 50, &announcement(METADATA, i32::MAX), second / 10)),
        ("half frames that are left", &|| crowd(&broker, 200, &produce(60_000, 30_000), Duration::ZERO)),
        ("names by the million", &|| {
            crowd(&broker, 4, &request(DESCRIBE_GROUPS, 0, &names(4_000_000)), second);
        }),
        ("as many names as may be", &|| {
            let mut client = connect(&broker);
            send(&mut client, &request(DESCRIBE_GROUPS, 0, &names(50_000)));
            answer(&mut client).expect("it is answered");
        }),
        ("answers that nobody takes", &|| {
            crowd(&broker, 30, &request(API_VERSIONS, 0, &[]).repeat(5_000), second / 2);
        }),
        ("a lot behind a long poll", &|| {
            let mut all = fetch.clone();
            all.extend(request(METADATA, 1, &[0; 4]).repeat(2_000));
            crowd(&broker, 100, &all, second / 2);
        }),
    ];
    for (name, flood) in floods {
        let peak = probed(&broker, flood);
        assert!(peak < base + GROWTH_KIB_MAX, "{name}: {base} KiB became {peak}");
        await_sockets(&broker, before);
    }
    let last = memory_kib(broker.id());
    assert!(last < base + GROWTH_KIB_MAX / 2, "{base} KiB became {last}, and stay");
    assert_eq!(broker.stop(), Some(0));
}
