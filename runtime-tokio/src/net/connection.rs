//! One client's connection: a task that reads frames into its shard's inbox and writes answers.
//!
//! A client that ends its side of the connection may still want answers to what it has sent. That it did is noticed though
//! nothing is read from it, and told; the core closes the connection once all is answered. A connection that broke off is
//! closed at once.

use super::frames::{Cut, Frames};
use bytes::{Buf, Bytes};
use grete_core::event::Event;
use grete_core::ids::ConnectionId;
use grete_core::limits::FRAME_SMALL_BYTES_MAX;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::rc::Rc;
use tokio::io::{Interest, Ready};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// What tells that a client has ended its side, or broken off, without a byte being read.
#[cfg(any(target_os = "linux", target_os = "android"))]
const HANG_UP: Interest = Interest::PRIORITY.add(Interest::ERROR);
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const HANG_UP: Interest = Interest::ERROR;

/// What one read takes from a socket at most.
const READ_BYTES: usize = 16 * 1024;
/// The frames of a connection that wait for the core at most; it reads no more before they are taken.
const FRAMES_HANDED_MAX: usize = 64;
/// The bytes of small frames that wait for the core, beyond which nothing more is read.
const BYTES_HANDED_MAX: usize = FRAME_SMALL_BYTES_MAX;
/// The parts that one write hands to the socket at most.
const WRITE_PARTS: usize = 64;

/// The events that the tasks of a shard's thread leave for it, and the bell that says so.
#[derive(Default)]
pub struct Inbox {
    /// The events, oldest first.
    pub events: RefCell<VecDeque<Event>>,
    /// Rung when there is something in `events`.
    pub bell: Notify,
}

impl Inbox {
    /// Leaves an event.
    pub fn push(&self, event: Event) {
        self.events.borrow_mut().push_back(event);
        self.bell.notify_one();
    }
}

/// A connection, as the shard's thread and the connection's task share it.
pub struct Connection {
    id: ConnectionId,
    stream: TcpStream,
    /// Answers that were not written whole.
    unsent: RefCell<VecDeque<Unsent>>,
    /// Whether some of them are to be written when the step's effects are carried out.
    queued: Cell<bool>,
    paused: Cell<bool>,
    closing: Cell<bool>,
    broken: Cell<bool>,
    /// What the core has admitted of the frame that was announced, and the task has not heard of.
    admitted: Cell<usize>,
    /// The frames that wait for the core.
    handed: Cell<usize>,
    /// The bytes of the small ones of them.
    handed_bytes: Cell<usize>,
    /// The core is told that the connection is closed: nothing more is said of it.
    ended: Cell<bool>,
    /// Tells the task that something above has changed.
    changed: Notify,
}

/// The client's side of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// It may send.
    Open,
    /// It has ended; what it had sent before may lie in the socket.
    HungUp,
    /// All of that was read.
    Read,
    /// All of that was handed over, and the core knows.
    Told,
}

struct Unsent {
    parts: VecDeque<Bytes>,
    length: usize,
}

impl Connection {
    /// Takes over a socket that was accepted.
    pub fn new(id: ConnectionId, stream: TcpStream) -> Rc<Self> {
        Rc::new(Self {
            id,
            stream,
            unsent: RefCell::default(),
            queued: Cell::new(false),
            paused: Cell::new(false),
            closing: Cell::new(false),
            broken: Cell::new(false),
            admitted: Cell::new(0),
            handed: Cell::new(0),
            handed_bytes: Cell::new(0),
            ended: Cell::new(false),
            changed: Notify::new(),
        })
    }

    /// Takes an answer, which leaves with [`flush`](Self::flush). Says whether it is the first one to wait for that.
    pub fn send(&self, parts: Vec<Bytes>) -> bool {
        if self.ended.get() {
            return false;
        }
        let length = parts.iter().map(Bytes::len).sum();
        let parts = parts.into_iter().filter(|part| !part.is_empty()).collect();
        self.unsent.borrow_mut().push_back(Unsent { parts, length });
        !self.queued.replace(true)
    }

    /// Writes what was taken, all of it together: at once as far as the socket takes it, the rest by the task.
    pub fn flush(&self, inbox: &Inbox) {
        self.queued.set(false);
        if self.ended.get() {
            return;
        }
        self.write(inbox);
        if !self.unsent.borrow().is_empty() || self.broken.get() {
            self.changed.notify_one();
        }
    }

    /// Closes the connection once everything before has left.
    pub fn close(&self) {
        self.closing.set(true);
        self.changed.notify_one();
    }

    /// Closes the connection at once.
    pub fn cut(&self) {
        self.broken.set(true);
        self.changed.notify_one();
    }

    /// The core takes a frame of this length.
    pub fn taken(&self, length: usize) {
        let was_full = self.is_full();
        self.handed.set(self.handed.get().saturating_sub(1));
        self.handed_bytes.set(self.handed_bytes.get().saturating_sub(small(length)));
        if was_full && !self.is_full() {
            self.changed.notify_one();
        }
    }

    /// Whether as much waits for the core as may.
    fn is_full(&self) -> bool {
        self.handed.get() >= FRAMES_HANDED_MAX || self.handed_bytes.get() > BYTES_HANDED_MAX
    }

    /// Reads more of the frame that was announced.
    pub fn admit(&self, bytes: usize) {
        self.admitted.set(self.admitted.get() + bytes);
        self.changed.notify_one();
    }

    /// Stops reading, or goes on with it.
    pub fn pause(&self, paused: bool) {
        self.paused.set(paused);
        self.changed.notify_one();
    }

    /// Reads and writes until the connection ends, then says so.
    pub async fn run(self: Rc<Self>, inbox: Rc<Inbox>) {
        let mut frames = Frames::default();
        let mut client = Side::Open;
        let mut is_told = false;
        while !self.broken.get() {
            let admitted = self.admitted.take();
            if admitted > 0 {
                frames.admit(admitted);
            }
            let takes = !self.paused.get() && !self.closing.get() && client != Side::Told;
            let is_drained = takes && self.hand_over(&mut frames, &inbox);
            if !self.closing.get() && self.is_over(client, is_drained, &frames) {
                // What came of a frame that will never be whole is of no use to anybody.
                frames = Frames::default();
                client = Side::Told;
                inbox.push(Event::Ended { connection: self.id });
            } else if matches!(client, Side::HungUp | Side::Read) && !self.closing.get() && !is_told {
                is_told = true;
                inbox.push(Event::HungUp { connection: self.id });
            }
            let unsent = !self.unsent.borrow().is_empty();
            if self.closing.get() && !unsent {
                break;
            }
            let is_more = matches!(client, Side::Open | Side::HungUp);
            let reads = takes && is_more && !self.is_full() && !frames.is_waiting();
            let ready = tokio::select! {
                biased;
                () = self.changed.notified() => Ok(Ready::EMPTY),
                ready = self.ready(reads, unsent, client == Side::Open) => ready,
            };
            let Ok(ready) = ready else { break };
            if ready.is_writable() {
                self.write(&inbox);
            }
            if ready.is_readable() && reads {
                match self.read(&mut frames) {
                    Ok(true) => {}
                    Ok(false) => client = Side::Read,
                    Err(_) => break,
                }
            } else if ready.is_error() {
                break;
            } else if ready.is_read_closed() && client == Side::Open {
                client = Side::HungUp;
            }
        }
        self.ended.set(true);
        inbox.push(Event::Closed { connection: self.id });
    }

    /// Whether no frame can come any more, where the client has ended its side.
    fn is_over(&self, client: Side, is_drained: bool, frames: &Frames) -> bool {
        match client {
            Side::Open | Side::Told => false,
            Side::HungUp => {
                // What lies in the socket is all that comes.
                let is_less_than = |lacks| rustix::io::ioctl_fionread(&self.stream).is_ok_and(|rest| rest < lacks);
                frames.lacks().is_some_and(|lacks| lacks > 0 && is_less_than(lacks as u64))
            }
            Side::Read => match frames.lacks() {
                Some(lacks) => lacks > 0,
                None => is_drained,
            },
        }
    }

    /// Waits until the socket may be read from or written to, as far as that is wanted, or breaks off; and where nothing is
    /// read, until the client ends its side, where `hang_up` asks for it.
    async fn ready(&self, reads: bool, writes: bool, hang_up: bool) -> io::Result<Ready> {
        let mut interest = if reads {
            Interest::READABLE
        } else if hang_up {
            HANG_UP
        } else {
            Interest::ERROR
        };
        if writes {
            interest |= Interest::WRITABLE;
        }
        self.stream.ready(interest).await
    }

    /// Hands over the frames that are there, as many as may wait for the core. Says whether that are all of them.
    fn hand_over(&self, frames: &mut Frames, inbox: &Inbox) -> bool {
        while !self.is_full() {
            match frames.cut() {
                Cut::More => return true,
                Cut::Frame(frame) => {
                    self.handed.set(self.handed.get() + 1);
                    self.handed_bytes.set(self.handed_bytes.get() + small(frame.len()));
                    inbox.push(Event::Frame { connection: self.id, frame });
                }
                Cut::Announced { length, api_key, api_version } => {
                    inbox.push(Event::Announced { connection: self.id, length, api_key, api_version });
                }
                Cut::Arrived => inbox.push(Event::Arrived { connection: self.id }),
            }
        }
        false
    }

    /// Reads what the socket has, once; says whether more may come.
    fn read(&self, frames: &mut Frames) -> io::Result<bool> {
        if let Some((body, lacks)) = frames.body() {
            return match self.stream.try_read_buf(&mut bytes::BufMut::limit(body, lacks)) {
                Ok(count) => Ok(count > 0),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
                Err(error) => Err(error),
            };
        }
        SCRATCH.with_borrow_mut(|scratch| match self.stream.try_read(scratch) {
            Ok(count) => {
                frames.push(&scratch[..count]);
                Ok(count > 0)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
            Err(error) => Err(error),
        })
    }

    /// Writes as much as the socket takes.
    fn write(&self, inbox: &Inbox) {
        let mut unsent = self.unsent.borrow_mut();
        loop {
            let mut slices = [IoSlice::new(&[]); WRITE_PARTS];
            let mut count = 0;
            let parts = unsent.iter().flat_map(|send| &send.parts);
            for (slice, part) in slices.iter_mut().zip(parts) {
                *slice = IoSlice::new(part);
                count += 1;
            }
            if count > 0 {
                match self.stream.try_write_vectored(&slices[..count]) {
                    Ok(written) => advance(&mut unsent, written),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                    Err(_) => {
                        self.broken.set(true);
                        return;
                    }
                }
            }
            while unsent.front().is_some_and(|send| send.parts.is_empty()) {
                if let Some(sent) = unsent.pop_front() {
                    inbox.push(Event::Sent { connection: self.id, length: sent.length });
                }
            }
            if unsent.is_empty() {
                return;
            }
        }
    }
}

thread_local! {
    /// Where a socket's bytes go first: one buffer for all connections of a thread.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// What a frame counts among the bytes that nobody was asked for.
const fn small(length: usize) -> usize {
    if length <= FRAME_SMALL_BYTES_MAX { length } else { 0 }
}

/// Drops the first `written` bytes of what is unsent.
fn advance(unsent: &mut VecDeque<Unsent>, mut written: usize) {
    for send in unsent {
        while let Some(part) = send.parts.front_mut() {
            if written < part.len() {
                part.advance(written);
                return;
            }
            written -= part.len();
            send.parts.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::io::AsyncWriteExt as _;
    use tokio::task::LocalSet;

    /// What one client sends that the core does not take stays in its socket.
    #[tokio::test(flavor = "current_thread")]
    async fn small_frames_that_wait_for_the_core_are_few_bytes() {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let connection = Connection::new(ConnectionId(1), stream);
        let inbox = Rc::new(Inbox::default());
        let local = LocalSet::new();
        local.spawn_local(connection.clone().run(inbox.clone()));
        let length = FRAME_SMALL_BYTES_MAX - 1;
        let mut frame = (length as u32).to_be_bytes().to_vec();
        frame.resize(4 + length, 0);
        let frames = 20;
        let work = async {
            client.write_all(&frame.repeat(frames)).await.unwrap();
            let mut taken = 0;
            while taken < frames {
                tokio::time::sleep(Duration::from_millis(20)).await;
                let events: Vec<Event> = inbox.events.borrow_mut().drain(..).collect();
                assert!(matches!(events.len(), 1..=2), "{} frames wait", events.len());
                taken += events.len();
                events.iter().for_each(|_| connection.taken(length));
            }
        };
        local.run_until(work).await;
    }

    /// A connection whose core is this test, and the client at its other end.
    async fn pair() -> (Rc<Connection>, Rc<Inbox>, TcpStream, LocalSet) {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let (connection, inbox, local) = (Connection::new(ConnectionId(1), stream), Rc::default(), LocalSet::new());
        local.spawn_local(connection.clone().run(Rc::clone(&inbox)));
        (connection, inbox, client, local)
    }

    /// The next events, as many as are asked for, in short.
    async fn told(inbox: &Inbox, count: usize) -> Vec<&'static str> {
        let mut told = Vec::new();
        while told.len() < count {
            tokio::time::timeout(Duration::from_secs(10), inbox.bell.notified()).await.expect("something happens");
            told.extend(inbox.events.borrow_mut().drain(..).map(|event| match event {
                Event::Announced { .. } => "announced",
                Event::Arrived { .. } => "arrived",
                Event::Frame { .. } => "frame",
                Event::HungUp { .. } => "hung up",
                Event::Ended { .. } => "ended",
                Event::Sent { .. } => "sent",
                Event::Closed { .. } => "closed",
                other => panic!("{other:?} is not a connection's"),
            }));
        }
        told
    }

    fn frame(length: usize) -> Vec<u8> {
        let mut frame = (length as u32).to_be_bytes().to_vec();
        frame.resize(4 + length, 0);
        frame
    }

    #[tokio::test(flavor = "current_thread")]
    async fn who_has_ended_its_side_is_answered_all_the_same() {
        let (connection, inbox, mut client, local) = pair().await;
        let work = async {
            client.write_all(&frame(10)).await.unwrap();
            client.shutdown().await.unwrap();
            assert_eq!(told(&inbox, 2).await, ["frame", "ended"]);
            connection.taken(10);
            connection.send(vec![Bytes::from_static(b"answer")]);
            connection.flush(&inbox);
            connection.close();
            assert_eq!(told(&inbox, 2).await, ["sent", "closed"]);
            let mut answer = [0; 6];
            tokio::io::AsyncReadExt::read_exact(&mut client, &mut answer).await.unwrap();
            assert_eq!(&answer, b"answer");
        };
        local.run_until(work).await;
    }

    #[tokio::test(flavor = "current_thread")]
    async fn half_a_frame_ends_though_nothing_of_it_is_admitted() {
        for sent in [100, 50_000] {
            let (_connection, inbox, mut client, local) = pair().await;
            let work = async {
                client.write_all(&frame(90_000)[..sent]).await.unwrap();
                assert_eq!(told(&inbox, 1).await, ["announced"]);
                client.shutdown().await.unwrap();
                let told = told(&inbox, 1).await;
                assert_eq!(told.last(), Some(&"ended"), "{sent} bytes were sent");
            };
            local.run_until(work).await;
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_whole_frame_is_read_though_its_client_has_ended_its_side() {
        let (connection, inbox, mut client, local) = pair().await;
        let work = async {
            client.write_all(&frame(50_000)).await.unwrap();
            client.shutdown().await.unwrap();
            assert_eq!(told(&inbox, 2).await, ["announced", "hung up"]);
            connection.admit(50_000);
            assert_eq!(told(&inbox, 2).await, ["frame", "ended"]);
        };
        local.run_until(work).await;
    }

    #[tokio::test(flavor = "current_thread")]
    async fn who_leaves_is_noticed_though_nothing_is_read() {
        for resets in [false, true] {
            let (connection, inbox, mut client, local) = pair().await;
            let work = async {
                client.write_all(&frame(10)).await.unwrap();
                assert_eq!(told(&inbox, 1).await, ["frame"]);
                connection.taken(10);
                connection.pause(true);
                tokio::task::yield_now().await;
                client.write_all(&frame(10)).await.unwrap();
                if resets {
                    client.set_zero_linger().unwrap();
                }
                drop(client);
                assert_eq!(told(&inbox, 1).await, [if resets { "closed" } else { "hung up" }]);
                if !resets {
                    connection.pause(false);
                    assert_eq!(told(&inbox, 2).await, ["frame", "ended"], "what it had sent");
                }
            };
            local.run_until(work).await;
        }
    }
}
