//! The room of a shard for what clients send: large frames are let in step by step, so that what is held follows what comes.
//!
//! Frames are of three classes, each with a room of its own: small ones, which are in memory when they are first heard of;
//! middle ones; and giants. An announced frame is *partial* until all of it has come, then *whole* until its request is done.
//!
//! Invariants:
//! 1. What a class holds is what was admitted of its partial frames and what its whole frames have.
//! 2. No more of a frame is admitted than it has, and nothing more before all that was admitted has come.
//! 3. A frame waits for frames of its own class only: no giant holds up a middle one, and neither a small one.
//! 4. Whoever is announced first is admitted first. Where the room of a class is spent, only its eldest partial frame goes
//!    on, and only while no frame is there that grows no more. So one frame of the largest allowed size always ends, and
//!    beyond the room there is that one frame.
//! 5. A giant goes beyond the room only by leave ([`giants`](super::giants)), of which there is one in a node.
//! 6. Who does not send what was admitted at the pace of its class is slow, and in the way where others wait for what partial
//!    frames hold. What whole frames hold waits for the node, and nobody is slow for that.

use crate::budget::Budget;
use crate::ids::ConnectionId;
use crate::limits::{
    CONNECTION_STALLED_MS, FRAME_ELDEST_BYTES_PER_SECOND_MIN, FRAME_GIANT_BYTES_PER_SECOND_MIN, FRAME_MIDDLE_BYTES_MAX,
    FRAME_MIDDLE_BYTES_PER_SECOND_MIN, FRAME_SMALL_BYTES_MAX, FRAME_STEP_BYTES_MAX, FRAME_STEP_BYTES_MIN,
    FRAME_STEP_FIRST_BYTES, REQUEST_OVERHEAD_BYTES,
};
use crate::time::Instant;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

/// The room for frames.
#[derive(Clone, Debug)]
pub(super) struct FrameRoom {
    small: Budget,
    middle: Class,
    giant: Class,
    partials: BTreeMap<ConnectionId, Partial>,
    /// Counts the frames that were let wait: the smaller its number, the elder a frame.
    numbers: u64,
}

/// The large frames of a class.
#[derive(Clone, Debug)]
struct Class {
    budget: Budget,
    /// What frames hold that grow no more: whole ones, and those of connections that are about to close.
    grown: usize,
    /// The partial frames, the eldest first.
    partial: BTreeMap<u64, ConnectionId>,
    /// Those that want more than what was admitted.
    waiting: BTreeMap<u64, ConnectionId>,
    step_first: usize,
    bytes_per_second_min: usize,
    /// Whether the eldest frame may go beyond the room.
    may_exceed: bool,
    /// Whether somebody elsewhere waits for that leave.
    is_leave_wanted: bool,
}

/// A frame of which not all has come.
#[derive(Clone, Debug)]
struct Partial {
    number: u64,
    /// Bytes of the frame.
    length: usize,
    /// What the runtime may read of it.
    admitted: usize,
    /// What has come of it as far as is known: all that was admitted before the last step.
    came: usize,
    /// When the last step was admitted.
    admitted_at: Instant,
    /// By how much the client may be behind the pace of its class.
    slack_ms: i64,
    /// Nothing more of it is wanted: its connection is about to close.
    stopped: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    Small,
    Middle,
    Giant,
}

impl Size {
    const fn of(length: usize) -> Self {
        if length <= FRAME_SMALL_BYTES_MAX {
            Self::Small
        } else if length <= FRAME_MIDDLE_BYTES_MAX {
            Self::Middle
        } else {
            Self::Giant
        }
    }

    /// The class of a frame that is charged this much.
    const fn charged(charge: usize) -> Self {
        Self::of(charge.saturating_sub(REQUEST_OVERHEAD_BYTES))
    }
}

/// What a frame of `length` bytes is charged when it is whole.
pub(super) const fn charge_of(length: usize) -> usize {
    length + REQUEST_OVERHEAD_BYTES
}

impl FrameRoom {
    /// Room for `bytes_max` bytes, half of it for middle frames, which carry most of the records, and an eighth for small
    /// ones.
    pub(super) const fn new(bytes_max: usize) -> Self {
        let (small, middle) = (bytes_max / 8, bytes_max / 2);
        Self {
            small: Budget::new(small),
            middle: Class::new(middle, FRAME_STEP_BYTES_MAX, FRAME_MIDDLE_BYTES_PER_SECOND_MIN, true),
            giant: Class::new(
                bytes_max - small - middle,
                FRAME_STEP_FIRST_BYTES,
                FRAME_GIANT_BYTES_PER_SECOND_MIN,
                false,
            ),
            partials: BTreeMap::new(),
            numbers: 0,
        }
    }

    /// A small frame is there.
    pub(super) fn take_small(&mut self, length: usize) {
        self.small.take(charge_of(length));
    }

    /// Whether small frames hold more than their room.
    pub(super) const fn is_small_spent(&self) -> bool {
        self.small.excess() > 0
    }

    /// A large frame was announced, and waits to be admitted.
    pub(super) fn enter(&mut self, id: ConnectionId, length: usize, now: Instant) {
        let number = self.numbers;
        self.numbers += 1;
        let partial = Partial {
            number,
            length,
            admitted: 0,
            came: 0,
            admitted_at: now,
            slack_ms: CONNECTION_STALLED_MS,
            stopped: false,
        };
        let other = self.partials.insert(id, partial);
        assert!(other.is_none(), "a connection sends one frame after the other");
        let class = self.class(Size::of(length)).expect("small frames are not announced");
        class.partial.insert(number, id);
        class.waiting.insert(number, id);
    }

    /// Whether the connection has a partial frame here.
    pub(super) fn has(&self, id: ConnectionId) -> bool {
        self.partials.contains_key(&id)
    }

    /// Admits the next step of a frame, where there is room: says of which one, and how many bytes.
    pub(super) fn admit(&mut self, now: Instant) -> Option<(ConnectionId, usize)> {
        let Self { middle, giant, partials, .. } = self;
        middle.admit(now, partials).or_else(|| giant.admit(now, partials))
    }

    /// All that was admitted of a frame has come, and it wants more.
    pub(super) fn arrived(&mut self, id: ConnectionId, now: Instant) {
        let Some(partial) = self.partials.get_mut(&id).filter(|partial| !partial.stopped) else { return };
        assert!(partial.came < partial.admitted, "each step comes once");
        assert!(partial.admitted < partial.length, "a whole frame wants nothing more");
        let (number, size) = (partial.number, Size::of(partial.length));
        let pace = self.class(size).map_or(1, |class| class.pace_of(number));
        if let Some(partial) = self.partials.get_mut(&id) {
            let used_ms = i64::try_from(now.since(partial.admitted_at).as_millis()).unwrap_or(i64::MAX);
            let slack_ms = (partial.slack_ms + partial.step_ms(pace)).saturating_sub(used_ms);
            partial.slack_ms = slack_ms.clamp(0, CONNECTION_STALLED_MS);
            partial.came = partial.admitted;
        }
        if let Some(class) = self.class(size) {
            class.waiting.insert(number, id);
        }
    }

    /// All of a frame has come.
    pub(super) fn completed(&mut self, id: ConnectionId, length: usize) {
        let Some(partial) = self.partials.remove(&id) else { return };
        assert_eq!((partial.length, partial.admitted), (length, length), "a frame is as long as it was announced");
        if let Some(class) = self.class(Size::of(length)) {
            class.remove(&partial);
            class.grown += charge_of(length);
        }
    }

    /// Nothing more of a connection's partial frame is wanted; what came of it is still held.
    pub(super) fn stop(&mut self, id: ConnectionId) {
        let Some(partial) = self.partials.get_mut(&id) else { return };
        if core::mem::replace(&mut partial.stopped, true) {
            return;
        }
        let partial = partial.clone();
        if let Some(class) = self.class(Size::of(partial.length)) {
            class.remove(&partial);
            class.grown += partial.charge();
        }
    }

    /// A connection's partial frame is gone.
    pub(super) fn leave(&mut self, id: ConnectionId) {
        let Some(partial) = self.partials.remove(&id) else { return };
        if let Some(class) = self.class(Size::of(partial.length)) {
            class.remove(&partial);
            class.budget.give_back(partial.charge());
            class.grown -= if partial.stopped { partial.charge() } else { 0 };
        }
    }

    /// Gives back what a whole frame was charged.
    pub(super) fn give_back(&mut self, charge: usize) {
        match self.class(Size::charged(charge)) {
            Some(class) => {
                class.budget.give_back(charge);
                class.grown -= charge;
            }
            None => self.small.give_back(charge),
        }
    }

    /// Whether the eldest giant can go on only beyond the room.
    pub(super) fn wants_leave(&self) -> bool {
        !self.giant.may_exceed && self.giant.grown == 0 && self.giant.is_eldest_waiting()
    }

    /// The eldest giant may go beyond the room from now on, or none any more.
    pub(super) fn set_leave(&mut self, leave: bool) {
        assert!(leave || self.giant.budget.excess() == 0, "leave is held as long as it is used");
        self.giant.may_exceed = leave;
        self.giant.is_leave_wanted = false;
    }

    /// Another shard waits for the leave.
    pub(super) fn want_leave_back(&mut self) {
        self.giant.is_leave_wanted = true;
    }

    /// Whether a giant's leave is of use: one has gone beyond the room, or is about to.
    pub(super) fn uses_leave(&self) -> bool {
        self.giant.budget.excess() > 0 || self.giant.is_eldest_waiting()
    }

    /// Whether some frame waits for room.
    pub(super) fn is_wanted(&self) -> bool {
        !self.middle.waiting.is_empty() || !self.giant.waiting.is_empty() || self.giant.is_leave_wanted
    }

    /// Gives what was admitted as much more time to come as the node itself has `lost`.
    pub(super) fn forgive(&mut self, lost: Duration, now: Instant) {
        for partial in self.partials.values_mut() {
            partial.admitted_at = partial.admitted_at.after(lost).min(now);
        }
    }

    /// The connections whose partial frames are slow and in the way of others.
    pub(super) fn slow(&self, now: Instant) -> Vec<ConnectionId> {
        let classes = [&self.middle, &self.giant];
        classes.into_iter().flat_map(|class| class.slow(now, &self.partials)).collect()
    }

    fn class(&mut self, size: Size) -> Option<&mut Class> {
        match size {
            Size::Small => None,
            Size::Middle => Some(&mut self.middle),
            Size::Giant => Some(&mut self.giant),
        }
    }

    /// Asserts the invariants, where these are the charges of all whole frames.
    pub(super) fn check_invariants(&self, whole: impl Iterator<Item = usize> + Clone) {
        let small: usize = whole.clone().filter(|charge| Size::charged(*charge) == Size::Small).sum();
        assert_eq!(small, self.small.held(), "small frames are charged once");
        for (class, size) in [(&self.middle, Size::Middle), (&self.giant, Size::Giant)] {
            let whole: usize = whole.clone().filter(|charge| Size::charged(*charge) == size).sum();
            let of_class = |partial: &&Partial| Size::of(partial.length) == size;
            let partial: usize = self.partials.values().filter(of_class).map(Partial::charge).sum();
            let stopped = self.partials.values().filter(of_class).filter(|partial| partial.stopped);
            assert_eq!(
                whole + stopped.map(Partial::charge).sum::<usize>(),
                class.grown,
                "what grows no more is counted"
            );
            assert_eq!(whole + partial, class.budget.held(), "large frames are charged as far as they were admitted");
            let wait = self.partials.iter().filter(|(_, partial)| of_class(partial) && !partial.stopped);
            let wait: BTreeMap<u64, ConnectionId> =
                wait.filter(|(_, partial)| partial.wants()).map(|(id, partial)| (partial.number, *id)).collect();
            assert_eq!(wait, class.waiting, "whoever has sent what was admitted waits for more");
            let eldest = class.partial.first_key_value();
            let beyond = eldest.and_then(|(_, id)| self.partials.get(id)).map_or(0, Partial::charge);
            assert!(class.budget.excess() <= beyond.max(class.grown), "beyond the room there is one frame");
            assert!(class.may_exceed || class.budget.excess() == 0, "nothing goes beyond the room without leave");
        }
        for partial in self.partials.values() {
            assert!(partial.came <= partial.admitted && partial.admitted <= partial.length, "a frame has an end");
            assert!(partial.admitted - partial.came <= FRAME_STEP_BYTES_MAX, "one step is under way");
        }
    }
}

impl Class {
    const fn new(bytes_max: usize, step_first: usize, bytes_per_second_min: usize, may_exceed: bool) -> Self {
        Self {
            budget: Budget::new(bytes_max),
            grown: 0,
            partial: BTreeMap::new(),
            waiting: BTreeMap::new(),
            step_first,
            bytes_per_second_min,
            may_exceed,
            is_leave_wanted: false,
        }
    }

    fn admit(&mut self, now: Instant, partials: &mut BTreeMap<ConnectionId, Partial>) -> Option<(ConnectionId, usize)> {
        let (&number, &id) = self.waiting.first_key_value()?;
        let partial = partials.get_mut(&id)?;
        let is_first = partial.admitted == 0;
        let overhead = if is_first { REQUEST_OVERHEAD_BYTES } else { 0 };
        let wanted = (partial.length - partial.admitted).min(if is_first { self.step_first } else { usize::MAX });
        let free = self.budget.free().saturating_sub(overhead);
        let step = wanted.min(self.step());
        let is_eldest = self.is_eldest(number);
        let step = if step <= free || free >= FRAME_STEP_BYTES_MIN {
            step.min(free)
        } else if is_eldest && self.grown == 0 && self.may_exceed {
            wanted.min(FRAME_STEP_BYTES_MAX)
        } else {
            return None;
        };
        self.budget.take(step + overhead);
        self.waiting.remove(&number);
        partial.admitted += step;
        partial.admitted_at = now;
        Some((id, step))
    }

    /// How much is admitted at once: plenty while partial frames hold no more than half of the room, so that no frame of the
    /// class's usual size needs to be asked for twice, however many whole ones there are; then less and less, so that those
    /// who send nothing leave room for those behind.
    fn step(&self) -> usize {
        let free = self.budget.free();
        let is_plenty = self.budget.held() - self.grown <= self.budget.bytes_max() / 2;
        if is_plenty { FRAME_STEP_BYTES_MAX } else { (free / 32).clamp(FRAME_STEP_BYTES_MIN, FRAME_STEP_BYTES_MAX) }
    }

    fn slow(&self, now: Instant, partials: &BTreeMap<ConnectionId, Partial>) -> Vec<ConnectionId> {
        let holds_up = self.is_held_up_by_partials();
        let is_slow = |number: u64, partial: &Partial| {
            let is_in_the_way = holds_up || (self.is_leave_wanted && self.is_eldest(number));
            is_in_the_way && partial.due(self.pace_of(number)).is_some_and(|due| due <= now)
        };
        let partial = self.partial.iter();
        partial
            .filter(|(number, id)| partials.get(id).is_some_and(|partial| is_slow(**number, partial)))
            .map(|(_, id)| *id)
            .collect()
    }

    /// Whether some frame waits that would not if only whole frames were there. The eldest waits for no other partial one.
    fn is_held_up_by_partials(&self) -> bool {
        let waits = self.waiting.keys().any(|number| !self.is_eldest(*number));
        let partial = self.budget.held() - self.grown;
        waits && self.budget.bytes_max() < partial + FRAME_STEP_BYTES_MIN + REQUEST_OVERHEAD_BYTES
    }

    fn is_eldest(&self, number: u64) -> bool {
        self.partial.first_key_value().is_some_and(|(eldest, _)| *eldest == number)
    }

    fn is_eldest_waiting(&self) -> bool {
        self.waiting.keys().next().is_some_and(|number| self.is_eldest(*number))
    }

    /// How fast a frame must come.
    fn pace_of(&self, number: u64) -> usize {
        if self.is_eldest(number) { FRAME_ELDEST_BYTES_PER_SECOND_MIN } else { self.bytes_per_second_min }
    }

    fn remove(&mut self, partial: &Partial) {
        self.partial.remove(&partial.number);
        self.waiting.remove(&partial.number);
    }
}

impl Partial {
    const fn charge(&self) -> usize {
        if self.admitted == 0 { 0 } else { charge_of(self.admitted) }
    }

    const fn wants(&self) -> bool {
        self.came == self.admitted && self.admitted < self.length
    }

    /// How long the step under way takes at a pace.
    fn step_ms(&self, bytes_per_second: usize) -> i64 {
        let step = (self.admitted - self.came).saturating_mul(1_000);
        i64::try_from(step / bytes_per_second.max(1)).unwrap_or(i64::MAX)
    }

    /// When the step under way, if there is one, ought to have come.
    fn due(&self, bytes_per_second: usize) -> Option<Instant> {
        let is_under_way = self.came < self.admitted;
        is_under_way.then(|| self.admitted_at.after_ms(self.slack_ms + self.step_ms(bytes_per_second)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;
    /// Room for 16 MiB: 2 for small frames, 8 for middle ones, 6 for giants.
    const ROOM: usize = 16 * MIB;

    fn drain(room: &mut FrameRoom, now: Instant) -> Vec<(u64, usize)> {
        core::iter::from_fn(|| room.admit(now)).map(|(id, bytes)| (id.0, bytes)).collect()
    }

    fn enter(room: &mut FrameRoom, id: u64, length: usize, now: Instant) -> Vec<(u64, usize)> {
        room.enter(ConnectionId(id), length, now);
        let admitted = drain(room, now);
        room.check_invariants(core::iter::empty());
        admitted
    }

    #[test]
    fn a_middle_frame_is_admitted_at_once_where_there_is_room() {
        let mut room = FrameRoom::new(ROOM);
        let now = Instant::default();
        assert_eq!(enter(&mut room, 1, FRAME_MIDDLE_BYTES_MAX, now), [(1, FRAME_MIDDLE_BYTES_MAX)]);
        assert_eq!(enter(&mut room, 2, FRAME_SMALL_BYTES_MAX + 1, now), [(2, FRAME_SMALL_BYTES_MAX + 1)]);
        room.completed(ConnectionId(1), FRAME_MIDDLE_BYTES_MAX);
        let whole = [charge_of(FRAME_MIDDLE_BYTES_MAX)];
        room.check_invariants(whole.into_iter());
        room.give_back(whole[0]);
        room.leave(ConnectionId(2));
        room.check_invariants(core::iter::empty());
        assert_eq!(room.middle.budget.held(), 0);
    }

    #[test]
    fn who_announces_and_sends_nothing_holds_no_more_than_steps() {
        let mut room = FrameRoom::new(ROOM);
        let now = Instant::default();
        for id in 0..200 {
            enter(&mut room, id, 100 * MIB, now);
        }
        assert!(room.giant.budget.held() <= room.giant.budget.bytes_max());
        assert!(!room.wants_leave(), "the eldest has what it asked for");
        let admitted = room.partials.values().filter(|partial| partial.admitted > 0).count();
        assert!(admitted > 50, "{admitted} of them may show that they send");
        assert_eq!(enter(&mut room, 200, MIB, now), [(200, MIB)], "a middle frame does not wait for giants");
    }

    #[test]
    fn the_eldest_giant_ends_whatever_the_others_hold() {
        let mut room = FrameRoom::new(ROOM);
        room.set_leave(true);
        let now = Instant::default();
        let length = 100 * MIB;
        for id in 0..100 {
            enter(&mut room, id, length, now);
        }
        let mut came = 0;
        for at in 0.. {
            let partial = &room.partials[&ConnectionId(0)];
            came = partial.admitted;
            if came == length {
                break;
            }
            assert!(at < 200, "it goes on: {came} bytes");
            room.arrived(ConnectionId(0), now);
            let admitted = drain(&mut room, now);
            assert_eq!(admitted.first().map(|(id, _)| *id), Some(0), "the eldest comes first");
            room.check_invariants(core::iter::empty());
        }
        assert_eq!(came, length);
        room.completed(ConnectionId(0), length);
        room.arrived(ConnectionId(1), now);
        assert_eq!(drain(&mut room, now), [], "a second giant does not grow beside one that is whole");
        room.check_invariants([charge_of(length)].into_iter());
        room.give_back(charge_of(length));
        assert_eq!(drain(&mut room, now).first().map(|(id, _)| *id), Some(1));
    }

    #[test]
    fn who_sends_slowly_is_in_the_way_where_others_wait() {
        let mut room = FrameRoom::new(ROOM);
        let start = Instant::default();
        assert_eq!(enter(&mut room, 0, 20 * MIB, start), [(0, FRAME_STEP_FIRST_BYTES)]);
        let late = start.after_ms(60_000);
        assert_eq!(room.slow(late), [], "nobody waits");
        let mut waits = 1;
        while !enter(&mut room, waits, 20 * MIB, late).is_empty() {
            waits += 1;
        }
        let first_due =
            CONNECTION_STALLED_MS + (FRAME_STEP_FIRST_BYTES * 1_000 / FRAME_GIANT_BYTES_PER_SECOND_MIN) as i64;
        assert_eq!(room.slow(late), [ConnectionId(0)], "it had its time");
        assert!(room.slow(late.after_ms(first_due)).len() > 50, "so had all that were admitted something");
        room.arrived(ConnectionId(1), late.after_ms(first_due - 1));
        assert_eq!(room.partials[&ConnectionId(1)].slack_ms, 1, "what it was late it has to make up for");
        room.stop(ConnectionId(0));
        assert!(!room.slow(late).contains(&ConnectionId(0)), "it is about to close");
        room.leave(ConnectionId(0));
        room.check_invariants(core::iter::empty());
    }

    #[test]
    fn a_giant_goes_beyond_the_room_by_leave_only() {
        let (mut room, now) = (FrameRoom::new(ROOM), Instant::default());
        let length = 20 * MIB;
        enter(&mut room, 0, length, now);
        while !room.wants_leave() {
            room.arrived(ConnectionId(0), now);
            drain(&mut room, now);
            room.check_invariants(core::iter::empty());
        }
        assert_eq!(room.giant.budget.excess(), 0);
        room.set_leave(true);
        while room.partials[&ConnectionId(0)].admitted < length {
            assert!(room.uses_leave());
            assert_eq!(drain(&mut room, now).len(), 1, "it goes on");
            if room.partials[&ConnectionId(0)].admitted < length {
                room.arrived(ConnectionId(0), now);
            }
        }
        assert_eq!(room.slow(now.after_ms(600_000)), [], "nobody waits");
        room.want_leave_back();
        assert!(room.is_wanted());
        assert_eq!(room.slow(now.after_ms(600_000)), [ConnectionId(0)], "another shard waits");
        room.completed(ConnectionId(0), length);
        assert!(room.uses_leave(), "it is still there");
        room.give_back(charge_of(length));
        assert!(!room.uses_leave());
        room.set_leave(false);
        room.check_invariants(core::iter::empty());
    }

    /// The disk stands still: what waits for it holds all of the room.
    #[test]
    fn nobody_is_slow_for_what_whole_frames_hold() {
        let (mut room, now) = (FrameRoom::new(ROOM), Instant::default());
        let mut whole = Vec::new();
        let length = FRAME_MIDDLE_BYTES_MAX;
        for id in 0..6 {
            room.enter(ConnectionId(id), length, now);
            assert_eq!(drain(&mut room, now), [(id, length)]);
            room.completed(ConnectionId(id), length);
            whole.push(charge_of(length));
        }
        let mut waits = 100;
        while room.middle.waiting.is_empty() {
            room.enter(ConnectionId(waits), length, now);
            drain(&mut room, now);
            waits += 1;
        }
        room.check_invariants(whole.iter().copied());
        let late = now.after_ms(60_000);
        assert_eq!(room.slow(late), [], "the node is slow");
        whole.iter().for_each(|charge| room.give_back(*charge));
        drain(&mut room, late);
        while room.middle.waiting.len() < 2 {
            room.enter(ConnectionId(waits), length, late);
            drain(&mut room, late);
            waits += 1;
        }
        assert!(!room.slow(late.after_ms(60_000)).is_empty(), "now they are");
    }

    #[test]
    fn the_eldest_of_slow_giants_gets_through() {
        for (pace, ends) in [(FRAME_ELDEST_BYTES_PER_SECOND_MIN, true), (FRAME_ELDEST_BYTES_PER_SECOND_MIN / 2, false)]
        {
            let mut room = FrameRoom::new(ROOM);
            room.set_leave(true);
            let mut now = Instant::default();
            // Enough of them that somebody always waits.
            for id in 0..200 {
                enter(&mut room, id, 30 * MIB, now);
            }
            let mut slow = Vec::new();
            while room.partials[&ConnectionId(0)].admitted < 30 * MIB && !slow.contains(&ConnectionId(0)) {
                now = now.after_ms(room.partials[&ConnectionId(0)].step_ms(pace));
                slow.extend(room.slow(now));
                room.arrived(ConnectionId(0), now);
                drain(&mut room, now);
            }
            assert_eq!(!slow.contains(&ConnectionId(0)), ends, "at {pace} bytes a second");
            assert!(slow.contains(&ConnectionId(1)) || !ends, "who sends nothing is slow");
            assert!(now.since(Instant::default()).as_secs() < 300, "no giant is in the way for many minutes");
        }
    }
}
