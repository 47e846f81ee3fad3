//! What connections hold, and who is cut for it.

use super::*;
use crate::ids::ListenerIndex;
use alloc::vec;

const ADDRESS: core::net::SocketAddr =
    core::net::SocketAddr::new(core::net::IpAddr::V4(core::net::Ipv4Addr::LOCALHOST), 9092);

fn connections(count: u64, answers: usize) -> Connections {
    let mut connections = Connections::new(1 << 20, answers, 100 << 20, 1 << 20);
    for id in 0..count {
        let client = Client { connection: ConnectionId(id), listener: ListenerIndex(0), peer: ADDRESS, local: ADDRESS };
        connections.open(client, Instant::default());
    }
    connections
}

fn cut(connections: &mut Connections, now: Instant, effects: &mut Effects) -> Vec<ConnectionId> {
    connections.cut_stalled(now, &HeldBack::new(), effects).into_iter().map(|(id, _)| id).collect()
}

/// What the connection's client waits with for room.
fn held_back(id: ConnectionId) -> HeldBack {
    HeldBack::from([(id, Sequence::default())])
}

#[test]
fn a_large_answer_leaves_in_pieces_that_are_the_same_bytes() {
    let bytes: Vec<u8> = (0..SEND_BYTES_MAX * 2 + 7).map(|at| (at / 1000) as u8).collect();
    let all = Bytes::from(bytes);
    for cut in [0, 1, SEND_BYTES_MAX, SEND_BYTES_MAX + 1, all.len()] {
        let cut_up = pieces(vec![all.slice(..cut), all.slice(cut..)]);
        assert!(cut_up.iter().all(|parts| parts.iter().map(Bytes::len).sum::<usize>() <= SEND_BYTES_MAX));
        assert_eq!(cut_up.concat().concat(), all, "cut at {cut}");
    }
}

#[test]
fn who_takes_nothing_is_cut_once_room_is_spent() {
    let mut connections = connections(2, 10_000);
    let (slow, quick) = (ConnectionId(0), ConnectionId(1));
    let mut effects = Effects::new();
    let start = Instant::default();
    let answer = || Some(vec![Bytes::from(vec![0; 6_000])]);
    connections.answer(slow, 0, answer(), start, &mut effects);
    let later = start.after_ms(CONNECTION_STALLED_MS);
    assert_eq!(cut(&mut connections, later, &mut effects), [], "there is room for others");
    assert!(connections.may_begin(slow), "a little may be left untaken");
    connections.answer(quick, 0, answer(), later, &mut effects);
    assert!(!connections.may_begin(slow) && !connections.may_begin(quick), "room is spent");
    connections.check_invariants(0);
    assert_eq!(cut(&mut connections, later, &mut effects), [], "nobody waits for it");
    assert!(connections.cut_stalled(later, &held_back(slow), &mut effects).is_empty(), "it waits for itself");
    let waits = held_back(quick);
    assert!(connections.must_watch(&waits));
    let cut: Vec<_> = connections.cut_stalled(later, &waits, &mut effects).into_iter().map(|(id, _)| id).collect();
    assert_eq!(cut, [slow]);
    connections.closed(slow, later, &mut effects);
    assert!(connections.may_begin(quick));
    connections.sent(quick, later);
    connections.check_invariants(0);
}

/// A client at 1 Mbit/s takes 8 MiB, which are more than its shard has room for, while another one waits.
#[test]
fn who_takes_a_large_answer_slowly_is_not_cut() {
    let mut connections = connections(2, 4 << 20);
    let (slow, mut effects) = (ConnectionId(0), Effects::new());
    let start = Instant::default();
    connections.answer(slow, 0, Some(vec![Bytes::from(vec![0; 8 << 20])]), start, &mut effects);
    assert!(!connections.has_room());
    let sends: Vec<usize> = effects
        .drain()
        .filter_map(|effect| match effect {
            Effect::Send { parts, .. } => Some(parts.iter().map(Bytes::len).sum()),
            _ => None,
        })
        .collect();
    assert_eq!(sends.iter().sum::<usize>(), 8 << 20);
    let mut now = start;
    for bytes in sends {
        now = now.after_ms((bytes / 125) as i64);
        assert!(connections.cut_stalled(now, &held_back(ConnectionId(1)), &mut effects).is_empty(), "it takes some");
        connections.sent(slow, now);
    }
    connections.check_invariants(0);
}

/// A virtual machine that stood still: what has come meanwhile is in the kernel.
#[test]
fn nobody_is_cut_for_the_time_that_the_node_has_lost() {
    let mut connections = connections(41, 1_000);
    let (taker, start, mut effects) = (ConnectionId(40), Instant::default(), Effects::new());
    connections.answer(taker, 0, Some(vec![Bytes::from(vec![0; 2_000])]), start, &mut effects);
    for id in 0..40 {
        connections.announced(ConnectionId(id), LARGE, PRODUCE, start, &mut effects);
    }
    let waits = held_back(ConnectionId(0));
    assert!(connections.must_watch(&waits) && connections.frames.is_wanted());
    let (lost, later) = (Duration::from_secs(5), start.after(Duration::from_millis(5_500)));
    connections.forgive(lost, later);
    assert!(connections.cut_stalled(later, &waits, &mut effects).is_empty());
    let last = later.after_ms(CONNECTION_STALLED_MS / 2);
    let cut = connections.cut_stalled(last, &waits, &mut effects);
    assert!(cut.iter().any(|(id, _)| *id == taker), "it has a second of the node's time");
    connections.forgive(lost, later);
    let taken_at = connections.get_mut(taker).map(|at| at.unsent.taken_at);
    assert_eq!(taken_at, Some(later), "nothing happens in times to come");
}

#[test]
fn a_send_that_is_completed_after_its_connection_closed_says_nothing() {
    let mut connections = connections(1, 10_000);
    let mut effects = Effects::new();
    let start = Instant::default();
    connections.answer(ConnectionId(0), 0, Some(vec![Bytes::from_static(b"answer")]), start, &mut effects);
    connections.closed(ConnectionId(0), start, &mut effects);
    connections.sent(ConnectionId(0), start);
    connections.check_invariants(0);
}

#[test]
fn a_client_that_takes_nothing_does_not_keep_its_connection_from_closing() {
    let mut connections = connections(1, 10_000);
    let mut effects = Effects::new();
    let start = Instant::default();
    connections.answer(ConnectionId(0), 0, Some(vec![Bytes::from_static(b"answer")]), start, &mut effects);
    connections.close(ConnectionId(0), &mut effects);
    assert!(connections.must_watch(&HeldBack::new()));
    assert_eq!(cut(&mut connections, start, &mut effects), [], "it has its time");
    let later = start.after_ms(CONNECTION_STALLED_MS);
    assert_eq!(cut(&mut connections, later, &mut effects), [ConnectionId(0)]);
}

const LARGE: i32 = 100_000;

/// A frame of an API, filled up to a length.
fn frame(api_key: i16, length: usize) -> Bytes {
    let mut frame = api_key.to_be_bytes().to_vec();
    frame.resize(length, 0);
    Bytes::from(frame)
}

/// What was asked of the runtime since it was looked at last, about reading.
fn asked(effects: &mut Effects) -> Vec<(u64, &'static str)> {
    let told = |effect| match effect {
        Effect::Admit { connection, .. } => Some((connection.0, "admit")),
        Effect::Pause { connection } => Some((connection.0, "pause")),
        Effect::Resume { connection } => Some((connection.0, "resume")),
        Effect::Cut { connection } => Some((connection.0, "cut")),
        _ => None,
    };
    effects.drain().filter_map(told).collect()
}

const FETCH: i16 = 1;

#[test]
fn a_large_frame_is_not_admitted_behind_a_request_that_may_wait() {
    let mut connections = connections(1, 1 << 20);
    let (id, now, mut effects) = (ConnectionId(0), Instant::default(), Effects::new());
    assert!(connections.frame(id, frame(FETCH, 100), now));
    let (sequence, _) = connections.get_mut(id).and_then(|at| at.pipeline.begin()).expect("it begins");
    let charged =
        connections.get_mut(id).map(|at| at.pipeline.release(sequence)).expect("it holds its frame no longer");
    connections.release(charged, now, &mut effects);
    assert_eq!(connections.announced(id, LARGE, PRODUCE, now, &mut effects), Announcement::Taken);
    assert_eq!(asked(&mut effects), [], "it would wait for a long poll, and hold room");
    connections.check_invariants(0);
    let answer = connections.get_mut(id).and_then(|at| {
        at.pipeline.answered(sequence, None);
        at.pipeline.pop_answer()
    });
    assert_eq!(answer, Some((0, None)));
    connections.mind(id, now, &mut effects);
    assert_eq!(asked(&mut effects), [(0, "admit")]);
    connections.check_invariants(0);
}

#[test]
fn a_large_frame_is_admitted_behind_a_produce() {
    let mut connections = connections(1, 1 << 20);
    let (id, now, mut effects) = (ConnectionId(0), Instant::default(), Effects::new());
    assert!(connections.frame(id, frame(PRODUCE, 100), now));
    connections.announced(id, LARGE, PRODUCE, now, &mut effects);
    assert_eq!(asked(&mut effects), [(0, "admit")]);
    assert!(connections.frame(id, frame(PRODUCE, LARGE as usize), now));
    connections.check_invariants(0);
    connections.closed(id, now, &mut effects);
    connections.forget(id, now, &mut effects);
    connections.check_invariants(0);
}

#[test]
fn a_client_that_takes_no_answers_has_no_large_frame_admitted() {
    let mut connections = connections(1, 1 << 20);
    let (id, now, mut effects) = (ConnectionId(0), Instant::default(), Effects::new());
    let answer = Bytes::from(vec![0; CONNECTION_UNSENT_BYTES_MAX + 1]);
    connections.answer(id, 0, Some(vec![answer]), now, &mut effects);
    connections.announced(id, LARGE, PRODUCE, now, &mut effects);
    assert_eq!(asked(&mut effects), []);
    connections.sent(id, now);
    connections.mind(id, now, &mut effects);
    assert_eq!(asked(&mut effects), [(0, "admit")]);
}

/// Puts small frames behind a request that waits, until it is not read from any more.
fn send_ahead(connections: &mut Connections, id: ConnectionId, now: Instant, effects: &mut Effects) {
    assert!(connections.frame(id, frame(FETCH, 100), now));
    connections.get_mut(id).and_then(|at| at.pipeline.begin()).expect("it begins");
    for _ in 0..4 {
        assert!(asked(effects).is_empty());
        assert!(connections.frame(id, frame(FETCH, FRAME_SMALL_BYTES_MAX / 2), now));
        connections.mind(id, now, effects);
        if !effects.is_empty() {
            return;
        }
    }
}

#[test]
fn little_is_read_behind_a_request_that_may_wait() {
    let mut connections = connections(1, 1 << 20);
    let (id, now, mut effects) = (ConnectionId(0), Instant::default(), Effects::new());
    send_ahead(&mut connections, id, now, &mut effects);
    assert_eq!(asked(&mut effects), [(0, "pause")]);
    let held = connections.get_mut(id).map(|at| at.pipeline.charged());
    assert!(held < Some(FRAME_SMALL_BYTES_MAX * 2));
    connections.check_invariants(0);
}

#[test]
fn who_sends_ahead_is_cut_once_that_is_in_the_way_and_who_waits_for_answers_never_waits() {
    let mut connections = connections(10, 1 << 20);
    let (now, mut effects) = (Instant::default(), Effects::new());
    let good = ConnectionId(9);
    for id in 0..9 {
        send_ahead(&mut connections, ConnectionId(id), now, &mut effects);
        asked(&mut effects);
    }
    assert!(connections.frames.is_small_spent() && connections.must_watch(&HeldBack::new()));
    for _ in 0..3 {
        assert!(connections.frame(good, frame(FETCH, 1_000), now));
        let at = connections.get_mut(good).expect("it is open");
        let (sequence, _) = at.pipeline.begin().expect("it begins");
        at.pipeline.answered(sequence, None);
        let (charged, answer) = at.pipeline.pop_answer().expect("it is answered");
        connections.answer(good, charged, answer, now, &mut effects);
        connections.mind(good, now, &mut effects);
        assert_eq!(asked(&mut effects), [], "it is read from all the time");
    }
    assert_eq!(cut(&mut connections, now, &mut effects), [], "they have their time");
    let later = now.after_ms(CONNECTION_STALLED_MS);
    assert_eq!(cut(&mut connections, later, &mut effects).len(), 9);
    for id in 0..9 {
        connections.closed(ConnectionId(id), later, &mut effects);
        connections.forget(ConnectionId(id), later, &mut effects);
    }
    assert!(!connections.must_watch(&HeldBack::new()));
    connections.check_invariants(0);
}

#[test]
fn a_request_is_no_larger_than_it_can_be_of_use() {
    let mut connections = connections(1, 1 << 20);
    let (id, now, mut effects) = (ConnectionId(0), Instant::default(), Effects::new());
    let mut announced = |connections: &mut Connections, length: usize, api_key| {
        let answer = connections.announced(id, length as i32, api_key, now, &mut effects);
        connections.frames.leave(id);
        answer == Announcement::Taken
    };
    assert!(announced(&mut connections, FRAME_OTHER_BYTES_MAX, FETCH));
    assert!(!announced(&mut connections, FRAME_OTHER_BYTES_MAX + 1, FETCH));
    assert!(announced(&mut connections, FRAME_PRODUCE_BYTES_MAX, PRODUCE));
    assert!(!announced(&mut connections, FRAME_PRODUCE_BYTES_MAX + 1, PRODUCE));
    connections.allow_batches(50 << 20);
    assert!(announced(&mut connections, (50 << 20) + 1_000, PRODUCE), "a topic takes such batches");
    connections.allow_batches(200 << 20);
    assert!(!announced(&mut connections, (100 << 20) + 1, PRODUCE), "socket.request.max.bytes holds");
}

#[test]
fn a_client_that_has_ended_its_side_is_closed_once_it_is_answered() {
    let mut connections = connections(2, 1 << 20);
    let (id, now, mut effects) = (ConnectionId(0), Instant::default(), Effects::new());
    assert!(connections.frame(id, frame(FETCH, 100), now));
    let (sequence, _) = connections.get_mut(id).and_then(|at| at.pipeline.begin()).expect("it begins");
    connections.announced(ConnectionId(1), LARGE, PRODUCE, now, &mut effects);
    for id in [0, 1].map(ConnectionId) {
        connections.ended(id, now, &mut effects);
        connections.close_if_answered(id, &mut effects);
    }
    let closed = |effects: &mut Effects| {
        let of = |effect| if let Effect::Close { connection } = effect { Some(connection.0) } else { None };
        effects.drain().filter_map(of).collect::<Vec<_>>()
    };
    assert_eq!(closed(&mut effects), [1], "half a frame is never answered, and holds nothing");
    connections.check_invariants(0);
    let at = connections.get_mut(id).expect("it is open");
    at.pipeline.answered(sequence, Some(vec![Bytes::from_static(b"answer")]));
    let (charged, answer) = at.pipeline.pop_answer().expect("it is answered");
    connections.answer(id, charged, answer, now, &mut effects);
    assert!(effects.drain().any(|effect| matches!(effect, Effect::Send { .. })));
    connections.close_if_answered(id, &mut effects);
    assert_eq!(closed(&mut effects), [0]);
    connections.check_invariants(0);
}
