//! The coordinators of the offsets partitions that this shard leads.
//!
//! Invariants:
//! 1. A coordinator is told of each of its appends in order: taken or refused at once, durable later.
//! 2. One that wants something is among those that are `ready`.

use crate::api::group::GroupCall;
use crate::api::message::Reply;
use crate::coordinator::{AppendToken, RequestContext, Ticket as LocalTicket};
use crate::effect::Effects;
use crate::group::{GroupCoordinator, GroupOutput, GroupSettings, GroupView, Topics};
use crate::ids::{Offset, Ticket, TopicPartition};
use crate::limits::GROUP_MEMBERS_SHARE_BYTES_MIN;
use crate::log::{LogStore, ReadError, ReadTicket, Records};
use crate::replica::{Loaded, Loader};
use crate::rng::Seed;
use crate::time::{Instant, Now};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;
use grete_protocol::{ApiKey, ErrorCode};

/// The coordinators of a shard.
#[derive(Clone, Debug)]
pub(crate) struct Coordinators {
    settings: Arc<GroupSettings>,
    seed: Seed,
    held: BTreeMap<TopicPartition, Held>,
    /// Coordinators that were told something since they wanted nothing.
    ready: BTreeSet<TopicPartition>,
    /// Whom the coordinators' tickets stand for.
    tickets: BTreeMap<LocalTicket, Ticket>,
    tickets_drawn: u64,
    /// What the members of all groups of the shard may hold, in bytes.
    members_bytes_max: usize,
}

#[derive(Clone, Debug)]
struct Held {
    coordinator: GroupCoordinator,
    loader: Option<Loader>,
    /// When its partition is read again that could not be read.
    again_at: Option<Instant>,
}

/// How long after a read that failed a partition is read again. The disk may have had a moment of weakness; where it has not,
/// whoever asks is told each time that the coordinator is loading.
const LOAD_AGAIN_MS: i64 = 1_000;

/// What a coordinator wants done.
pub(crate) enum Wanted {
    /// Append this batch to its partition.
    Append(TopicPartition, AppendToken, Bytes),
    /// Answer a call.
    Answer(Ticket, Reply),
}

impl Coordinators {
    /// None yet, on one of so many shards.
    pub(crate) fn new(settings: Arc<GroupSettings>, shards: u16, seed: Seed) -> Self {
        let share = settings.members_bytes_max / usize::from(shards);
        let members_bytes_max = share.max(GROUP_MEMBERS_SHARE_BYTES_MIN.min(settings.members_bytes_max));
        let (held, tickets) = (BTreeMap::new(), BTreeMap::new());
        Self { settings, seed, held, ready: BTreeSet::new(), tickets, tickets_drawn: 0, members_bytes_max }
    }

    /// The shard leads an offsets partition whose log is open: its groups are loaded.
    pub(crate) fn lead(&mut self, partition: TopicPartition, now: Now, store: &mut LogStore, effects: &mut Effects) {
        if self.held.contains_key(&partition) {
            return;
        }
        let mut coordinator = GroupCoordinator::loading(self.settings.clone(), self.seed);
        let loader = Loader::new(store, partition, Offset::ZERO).ok();
        if loader.is_none() {
            coordinator.fail();
        }
        self.held.insert(partition, Held { coordinator, loader, again_at: None });
        self.ready.insert(partition);
        self.load(partition, now, store, effects);
    }

    /// The shard no longer leads the partition, or its log is lost.
    pub(crate) fn fail(&mut self, partition: TopicPartition) {
        if let Some(held) = self.held.get_mut(&partition) {
            self.ready.insert(partition);
            held.coordinator.fail();
            held.loader = None;
            held.again_at = None;
        }
    }

    /// A read has ended; whether it was for a coordinator.
    pub(crate) fn read_done(
        &mut self,
        ticket: ReadTicket,
        result: &Result<Records, ReadError>,
        now: Now,
        store: &mut LogStore,
        effects: &mut Effects,
    ) -> bool {
        let awaits = |held: &Held| held.loader.as_ref().is_some_and(|loader| loader.awaits(ticket));
        let Some((&partition, held)) = self.held.iter_mut().find(|(_, held)| awaits(held)) else { return false };
        self.ready.insert(partition);
        if let Some(loader) = &mut held.loader {
            let loaded = loader.brought(result.clone());
            held.take(loaded, now);
            self.load(partition, now, store, effects);
        }
        true
    }

    /// Loads as far as it goes without the disk.
    fn load(&mut self, partition: TopicPartition, now: Now, store: &mut LogStore, effects: &mut Effects) {
        let Some(held) = self.held.get_mut(&partition) else { return };
        while let Some(loader) = &mut held.loader {
            match loader.advance(store, effects) {
                Loaded::Waits => return,
                loaded => held.take(loaded, now),
            }
        }
    }

    /// Hands a request to the coordinator of its partition.
    pub(crate) fn call(&mut self, now: Now, ticket: Ticket, call: &GroupCall, topics: &Topics) -> Option<Reply> {
        // Only a join makes members hold more.
        let joins = call.request.api == ApiKey::JoinGroup;
        let all_bytes = if joins { self.members_bytes() } else { 0 };
        let Some(held) = self.held.get_mut(&call.partition) else {
            return Some(Reply::Group(Box::new(call.refused(ErrorCode::NotCoordinator))));
        };
        if joins {
            let others_bytes = all_bytes - held.coordinator.members_bytes();
            held.coordinator.limit_members(self.members_bytes_max.saturating_sub(others_bytes));
        }
        self.ready.insert(call.partition);
        let local = LocalTicket(self.tickets_drawn);
        self.tickets_drawn += 1;
        self.tickets.insert(local, ticket);
        let context = RequestContext {
            api_version: call.request.version,
            ticket: local,
            client_id: call.request.client_id.clone().unwrap_or_else(|| "".into()),
            client_host: call.client_host.clone(),
        };
        // The shard of the connection has read it before.
        let handed = call.hand_over(&mut held.coordinator, now, &context, topics);
        assert!(handed.is_ok(), "a call is read once before it is made");
        None
    }

    /// What the members of all groups hold, in bytes.
    fn members_bytes(&self) -> usize {
        self.held.values().map(|held| held.coordinator.members_bytes()).sum()
    }

    /// Tells a coordinator how its append went.
    pub(crate) fn appended(
        &mut self,
        now: Now,
        partition: TopicPartition,
        token: AppendToken,
        taken: Result<(), ErrorCode>,
    ) {
        let Some(held) = self.held.get_mut(&partition) else { return };
        self.ready.insert(partition);
        match taken {
            Ok(()) => held.coordinator.appended(now, token),
            Err(error) => held.coordinator.append_failed(now, token, error),
        }
    }

    /// Tells a coordinator that its append is durable.
    pub(crate) fn committed(&mut self, now: Now, partition: TopicPartition, token: AppendToken) {
        if let Some(held) = self.held.get_mut(&partition) {
            self.ready.insert(partition);
            held.coordinator.committed(now, token);
        }
    }

    /// Topics are gone, and their offsets with them.
    pub(crate) fn topics_deleted(&mut self, now: Now, gone: &BTreeSet<Arc<str>>) {
        for (partition, held) in &mut self.held {
            held.coordinator.on_topics_deleted(now, gone);
            self.ready.insert(*partition);
        }
    }

    /// When a coordinator wants to be called next.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.held.values().flat_map(|held| [held.coordinator.next_deadline(), held.again_at]).flatten().min()
    }

    /// Does what is due.
    pub(crate) fn on_timer(&mut self, now: Now, store: &mut LogStore, effects: &mut Effects) {
        let is_due = |held: &Held| held.again_at.is_some_and(|due| due <= now.instant);
        let due = self.held.iter().filter_map(|(partition, held)| is_due(held).then_some(*partition));
        for partition in due.collect::<Vec<_>>() {
            let Some(held) = self.held.get_mut(&partition) else { continue };
            held.again_at = None;
            held.loader = Loader::new(store, partition, Offset::ZERO).ok();
            if held.loader.is_none() {
                held.coordinator.fail();
            }
            self.ready.insert(partition);
            self.load(partition, now, store, effects);
        }
        for (partition, held) in &mut self.held {
            if held.coordinator.next_deadline().is_some_and(|due| due <= now.instant) {
                self.ready.insert(*partition);
                held.coordinator.on_timer(now);
            }
        }
    }

    /// Takes the next thing that a coordinator wants. One at a time: it must hear of an append before anything else.
    pub(crate) fn pop(&mut self, effects: &mut Effects) -> Option<Wanted> {
        while let Some(partition) = self.ready.first().copied() {
            let mut wants = || self.held.get_mut(&partition)?.coordinator.pop();
            while let Some(output) = wants() {
                match output {
                    GroupOutput::Append { token, batch } => return Some(Wanted::Append(partition, token, batch)),
                    GroupOutput::Answer { ticket, answer } => {
                        if let Some(ticket) = self.tickets.remove(&ticket) {
                            return Some(Wanted::Answer(ticket, Reply::Group(Box::new(answer))));
                        }
                    }
                    GroupOutput::Notice(notice) => effects.push(crate::effect::Effect::Notice(notice)),
                }
            }
            self.ready.remove(&partition);
        }
        None
    }

    /// The groups of all coordinators that serve.
    pub(crate) fn views(&self) -> impl Iterator<Item = GroupView> {
        self.held.values().filter_map(|held| held.coordinator.views()).flatten()
    }

    /// Asserts the coordinators' invariants.
    pub(crate) fn check_invariants(&self) {
        self.held.values().for_each(|held| held.coordinator.check_invariants());
        let wants = |(partition, held): (&TopicPartition, &Held)| held.coordinator.wants().then_some(*partition);
        assert!(self.held.iter().filter_map(wants).all(|wants| self.ready.contains(&wants)), "who wants is asked");
    }
}

impl Held {
    fn take(&mut self, loaded: Loaded, now: Now) {
        match loaded {
            Loaded::Batches(records) => {
                for batch in records.batches {
                    let bytes: Vec<u8> = batch.parts.concat();
                    if self.coordinator.load(&bytes).is_err() {
                        self.loader = None;
                        return;
                    }
                }
            }
            Loaded::Done => {
                self.loader = None;
                self.coordinator.loaded(now);
            }
            Loaded::Failed(ErrorCode::KafkaStorageError) => {
                self.loader = None;
                self.again_at = Some(now.instant.after_ms(LOAD_AGAIN_MS));
                self.coordinator.load_again();
            }
            Loaded::Failed(_) => {
                self.loader = None;
                self.coordinator.fail();
            }
            Loaded::Waits => {}
        }
    }
}
