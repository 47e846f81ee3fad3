//! One client's connection: a task that reads frames into its shard's inbox and writes answers.

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

    /// Sends an answer: at once as far as the socket takes it, the rest by the task.
    pub fn send(&self, parts: Vec<Bytes>, inbox: &Inbox) {
        if self.ended.get() {
            return;
        }
        let length = parts.iter().map(Bytes::len).sum();
        let parts = parts.into_iter().filter(|part| !part.is_empty()).collect();
        self.unsent.borrow_mut().push_back(Unsent { parts, length });
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
        while !self.broken.get() {
            let admitted = self.admitted.take();
            if admitted > 0 {
                frames.admit(admitted);
            }
            if !self.paused.get() && !self.closing.get() {
                self.hand_over(&mut frames, &inbox);
            }
            let unsent = !self.unsent.borrow().is_empty();
            if self.closing.get() && !unsent {
                break;
            }
            let reads = !self.paused.get() && !self.closing.get() && !self.is_full() && !frames.is_waiting();
            let ready = tokio::select! {
                biased;
                () = self.changed.notified() => Ok(Ready::EMPTY),
                ready = self.ready(reads, unsent) => ready,
            };
            match ready {
                Ok(ready) => {
                    if ready.is_writable() {
                        self.write(&inbox);
                    }
                    if ready.is_readable() && reads && self.read(&mut frames).is_err() {
                        break;
                    }
                }
                Err(_) => break,
            }
        }
        self.ended.set(true);
        inbox.push(Event::Closed { connection: self.id });
    }

    async fn ready(&self, reads: bool, writes: bool) -> io::Result<Ready> {
        match (reads, writes) {
            (true, true) => self.stream.ready(Interest::READABLE | Interest::WRITABLE).await,
            (true, false) => self.stream.ready(Interest::READABLE).await,
            (false, true) => self.stream.ready(Interest::WRITABLE).await,
            (false, false) => std::future::pending().await,
        }
    }

    /// Hands over the frames that are there, as many as may wait for the core.
    fn hand_over(&self, frames: &mut Frames, inbox: &Inbox) {
        while !self.is_full() {
            match frames.cut() {
                Cut::More => return,
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
    }

    /// Reads what the socket has, once; an error where there is nothing more to come.
    fn read(&self, frames: &mut Frames) -> io::Result<()> {
        if let Some((body, lacks)) = frames.body() {
            return match self.stream.try_read_buf(&mut bytes::BufMut::limit(body, lacks)) {
                Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => Ok(()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
                Err(error) => Err(error),
            };
        }
        SCRATCH.with_borrow_mut(|scratch| match self.stream.try_read(scratch) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                frames.push(&scratch[..count]);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
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
}
