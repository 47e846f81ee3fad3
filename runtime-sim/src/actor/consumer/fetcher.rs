//! Records, from the broker to the application.
//!
//! 1. One Fetch is under way at most, of all partitions whose position is known. What comes waits for the application's
//!    next poll; before that nothing more is fetched.
//! 2. An answer counts where the partition still stands at what was asked for.
//! 3. A partition whose fetch failed is left out until the topics are known anew.

use super::alarms::Retry;
use super::batches::{self, Read, SERVED_BYTES};
use super::session::{Fetched, From, Session, Wanted};
use super::topics::Topics;
use super::{Ask, Consumer, Library, REQUEST_TIMEOUT, To};
use crate::actor::Context;
use crate::history::{Answer, Outcome, Polled, TopicPartition, What};
use crate::run::State;
use core::time::Duration;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::{BrokerId, FetchRequest, FetchResponse, TopicName};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The last version that names topics and has no tags, which librdkafka spoke for years; and one that knows ids.
const FETCH_VERSION_BY_NAME: i16 = 11;
const FETCH_VERSION_BY_ID: i16 = 17;
const MAX_WAIT: Duration = Duration::from_millis(500);
const OFFSET_OUT_OF_RANGE: i16 = 1;
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const KAFKA_STORAGE_ERROR: i16 = 56;
const FETCH_SESSION_ID_NOT_FOUND: i16 = 70;
const INVALID_FETCH_SESSION_EPOCH: i16 = 71;
const UNKNOWN_TOPIC_ID: i16 = 100;
const FETCH_SESSION_TOPIC_ID_ERROR: i16 = 106;
/// The timestamp of the start of a log.
pub(super) const EARLIEST: i64 = -2;

/// Where a consumer stands in a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// Where its group has committed.
    Committed,
    /// At the offset that belongs to a timestamp.
    Timestamp(i64),
    /// Before this offset.
    Offset(i64),
}

/// What a consumer knows of a partition that it reads.
#[derive(Clone, Debug)]
struct Standing {
    at: At,
    /// Whether it stands there by its own reading.
    continues: bool,
    /// What an `Offset` belongs to.
    topic_id: Option<u128>,
    committed: Option<i64>,
    /// Whether its position is being asked for.
    asked: bool,
    blocked: bool,
}

/// Records that the application has yet to take.
#[derive(Clone, Debug)]
struct Came {
    from: TopicPartition,
    position: i64,
    read: Read,
    high_watermark: i64,
    log_start: i64,
}

/// What a consumer reads.
#[derive(Clone, Debug)]
pub(super) struct Fetcher {
    library: Library,
    standing: BTreeMap<TopicPartition, Standing>,
    under_way: bool,
    session: Session,
    /// What the broker has told last. In a session it tells each once, though the consumer give the partition up meanwhile
    /// and get it back.
    high_watermarks: BTreeMap<Fetched, i64>,
    came: Vec<Came>,
}

impl Standing {
    const fn new(at: At) -> Self {
        Self { at, continues: false, topic_id: None, committed: None, asked: false, blocked: false }
    }

    /// Goes elsewhere, not by reading.
    const fn go(&mut self, at: At) {
        self.at = at;
        self.continues = false;
    }
}

impl Fetcher {
    pub(super) fn new(library: Library) -> Self {
        let session = Session::new(library == Library::Java);
        Self {
            library,
            standing: BTreeMap::new(),
            under_way: false,
            session,
            high_watermarks: BTreeMap::new(),
            came: Vec::new(),
        }
    }

    /// Reads these partitions from now on, new ones from where the group has committed.
    pub(super) fn read_only(&mut self, partitions: &BTreeSet<TopicPartition>) {
        self.read_all(partitions, At::Committed);
    }

    /// Reads these partitions from now on, new ones from their start.
    pub(super) fn read_from_start(&mut self, partitions: &BTreeSet<TopicPartition>) {
        self.read_all(partitions, At::Timestamp(EARLIEST));
    }

    fn read_all(&mut self, partitions: &BTreeSet<TopicPartition>, begin: At) {
        self.standing.retain(|at, _| partitions.contains(at));
        self.came.retain(|came| partitions.contains(&came.from));
        for at in partitions {
            self.standing.entry(at.clone()).or_insert(Standing::new(begin));
        }
    }

    /// Goes to an offset, or to the start or end of a partition.
    pub(super) fn seek(&mut self, of: &TopicPartition, offset: i64) {
        if let Some(standing) = self.standing.get_mut(of) {
            standing.go(if offset < 0 { At::Timestamp(offset) } else { At::Offset(offset) });
        }
    }

    /// Takes note of what partitions there are now, and says whether a topic came again. One of a topic that came again under its name is read from the start.
    pub(super) fn topics_have_changed(&mut self, topics: &Topics) -> bool {
        let mut came_again = false;
        for (at, standing) in &mut self.standing {
            let Some(topic) = topics.get(&at.topic) else { continue };
            if standing.topic_id.is_some_and(|id| id != topic.id) {
                came_again = true;
                standing.committed = None;
                if standing.at != At::Committed {
                    standing.go(At::Timestamp(EARLIEST));
                }
            }
            standing.topic_id = Some(topic.id);
            standing.blocked &= !topic.leader_epochs.contains_key(&at.partition);
        }
        came_again
    }

    /// The partitions whose position has to be asked for, by `which`; they count as asked for from now on.
    pub(super) fn ask_for<T>(&mut self, which: impl Fn(&At) -> Option<T>) -> BTreeMap<TopicPartition, T> {
        let unknown = self.standing.iter_mut().filter(|(_, standing)| !standing.asked && !standing.blocked);
        unknown
            .filter_map(|(at, standing)| {
                let what = which(&standing.at)?;
                standing.asked = true;
                Some((at.clone(), what))
            })
            .collect()
    }

    /// What was asked for is answered, or never will be.
    pub(super) fn unasked<'a>(&mut self, partitions: impl Iterator<Item = &'a TopicPartition>) {
        for at in partitions {
            if let Some(standing) = self.standing.get_mut(at) {
                standing.asked = false;
            }
        }
    }

    /// A position was found, where it is still looked for.
    pub(super) fn found(&mut self, of: &TopicPartition, sought: &At, found: At) {
        if let Some(standing) = self.standing.get_mut(of)
            && standing.at == *sought
        {
            standing.go(found);
        }
    }

    /// A partition cannot be read before the topics are known anew.
    pub(super) fn block(&mut self, of: &TopicPartition) {
        if let Some(standing) = self.standing.get_mut(of) {
            standing.blocked = true;
        }
    }

    /// An offset is committed for a partition.
    pub(super) fn committed(&mut self, of: &TopicPartition, offset: Option<i64>) {
        if let Some(standing) = self.standing.get_mut(of) {
            standing.committed = offset;
        }
    }

    /// Where the application stands, in partitions that are there; only where that is not committed yet, if so asked.
    pub(super) fn positions(&self, topics: &Topics, only_changed: bool) -> BTreeMap<TopicPartition, i64> {
        let position = |(at, standing): (&TopicPartition, &Standing)| {
            let At::Offset(offset) = standing.at else { return None };
            let is_wanted = !only_changed || standing.committed != Some(offset);
            let is_there = topics.get(&at.topic).is_some_and(|topic| topic.leader_epochs.contains_key(&at.partition));
            (is_wanted && is_there).then(|| (at.clone(), offset))
        };
        self.standing.iter().filter_map(position).collect()
    }

    /// The Fetch under way will not be answered.
    pub(super) fn unanswered(&mut self) {
        self.under_way = false;
        self.session.lost();
    }

    /// Whether all that there is has been given to the application. A partition that is not there any more has nothing.
    pub(super) fn is_caught_up(&self, topics: &Topics) -> bool {
        self.came.is_empty() && self.standing.iter().all(|(at, standing)| self.has_all(topics, at, standing))
    }

    /// What has not been given to the application, for a person to read.
    pub(super) fn behind(&self, topics: &Topics) -> Vec<String> {
        let behind = self.standing.iter().filter(|(at, standing)| !self.has_all(topics, at, standing));
        behind
            .map(|(at, standing)| {
                let Standing { at: stands, asked, blocked, .. } = standing;
                let high_watermark = self.high_watermark(topics, at);
                let asked = if *asked { ", asked" } else { "" };
                let blocked = if *blocked { ", blocked" } else { "" };
                format!("{}-{} at {stands:?} of {high_watermark:?}{asked}{blocked}", at.topic, at.partition)
            })
            .collect()
    }

    fn has_all(&self, topics: &Topics, at: &TopicPartition, standing: &Standing) -> bool {
        let is_there = topics.get(&at.topic).is_some_and(|it| it.leader_epochs.contains_key(&at.partition));
        !is_there || self.high_watermark(topics, at).is_some_and(|end| standing.at == At::Offset(end))
    }

    fn high_watermark(&self, topics: &Topics, of: &TopicPartition) -> Option<i64> {
        let id = topics.get(&of.topic)?.id;
        self.high_watermarks.get(&Fetched { topic: Arc::clone(&of.topic), id, partition: of.partition }).copied()
    }

    fn wanted(&self, topics: &Topics) -> Wanted {
        let wanted = |(at, standing): (&TopicPartition, &Standing)| {
            let At::Offset(offset) = standing.at else { return None };
            let topic = topics.get(&at.topic)?;
            let leader_epoch = *topic.leader_epochs.get(&at.partition)?;
            let fetched = Fetched { topic: Arc::clone(&at.topic), id: topic.id, partition: at.partition };
            (!standing.blocked).then_some((fetched, From { offset, leader_epoch }))
        };
        self.standing.iter().filter_map(wanted).collect()
    }

    /// Takes what came of one partition; whether the topics are to be asked for.
    fn take(&mut self, fetched: &Fetched, asked: From, data: PartitionData) -> bool {
        let from = TopicPartition { topic: Arc::clone(&fetched.topic), partition: fetched.partition };
        if data.error_code == 0 {
            self.high_watermarks.insert(fetched.clone(), data.high_watermark);
        }
        let Some(standing) = self.standing.get_mut(&from) else { return false };
        if standing.topic_id != Some(fetched.id) {
            return false;
        }
        if standing.at != At::Offset(asked.offset) {
            return false;
        }
        match data.error_code {
            0 => {
                let read = batches::read(data.records.unwrap_or_default(), asked.offset);
                if read.next > asked.offset || !read.damage.is_empty() {
                    let (high_watermark, log_start) = (data.high_watermark, data.log_start_offset);
                    self.came.push(Came { from, position: asked.offset, read, high_watermark, log_start });
                }
                false
            }
            OFFSET_OUT_OF_RANGE => {
                standing.go(At::Timestamp(EARLIEST));
                false
            }
            _ => {
                standing.blocked = true;
                true
            }
        }
    }

    /// What the application gets by a poll, and what was found broken in it.
    fn give(&mut self) -> (Vec<Polled>, Vec<(TopicPartition, String)>) {
        let mut polled = Vec::new();
        let mut damage = Vec::new();
        for Came { from, position, read, high_watermark, log_start } in core::mem::take(&mut self.came) {
            let Some(standing) = self.standing.get_mut(&from) else { continue };
            if standing.at != At::Offset(position) {
                continue;
            }
            let continues = core::mem::replace(&mut standing.continues, read.damage.is_empty());
            standing.at = At::Offset(read.next);
            // Where nothing can be read at all, trying again at once would be no better.
            standing.blocked |= read.next == position;
            damage.extend(read.damage.into_iter().map(|what| (from.clone(), what)));
            if !read.records.is_empty() {
                let records = read.records;
                polled.push(Polled { from, position, continues, records, high_watermark, log_start });
            }
        }
        (polled, damage)
    }
}

impl Consumer {
    /// Whether the application takes records: not while it is busy, nor while it gives everything up.
    fn may_poll(&self) -> bool {
        self.idle.is_none() && self.group.as_ref().is_none_or(|group| !group.gives_up(self.plan.assignor))
    }

    /// The application polls: it gets what has come.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) {
        if self.fetcher.came.is_empty() || !self.may_poll() {
            return;
        }
        let (polled, damage) = self.fetcher.give();
        if !polled.is_empty() {
            let operation = context.begin(What::Poll);
            context.end(operation, Outcome::Done(Answer::Polled(polled)));
        }
        for (from, what) in damage {
            self.topics.refresh();
            context.accuse(SERVED_BYTES, format!("{}-{}: {what}", from.topic, from.partition));
        }
    }

    pub(super) fn drive_fetch(&mut self, context: &mut Context<'_>) {
        self.poll(context);
        let fetcher = &mut self.fetcher;
        let is_busy = fetcher.under_way || !fetcher.came.is_empty();
        if is_busy || !self.broker.is_ready() || !self.alarms.may(Retry::Fetch) || !self.may_poll() {
            return;
        }
        let wanted = self.fetcher.wanted(&self.topics);
        if wanted.is_empty() {
            return;
        }
        let next = self.fetcher.session.next(&wanted);
        self.fetcher.high_watermarks.retain(|at, _| !next.forgotten.contains(at));
        let by_id = self.fetcher.library == Library::Java;
        let request = FetchRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_max_wait_ms(MAX_WAIT.as_millis() as i32)
            .with_min_bytes(1)
            .with_max_bytes(self.plan.fetch_bytes)
            .with_session_id(next.id)
            .with_session_epoch(next.epoch)
            .with_topics(topics_named(&next.named, by_id, self.plan.fetch_bytes))
            .with_forgotten_topics_data(topics_forgotten(&next.forgotten, by_id));
        self.fetcher.under_way = true;
        let version = if by_id { FETCH_VERSION_BY_ID } else { FETCH_VERSION_BY_NAME };
        self.send(context, To::Broker, (&request, version), Ask::Fetch(wanted), REQUEST_TIMEOUT);
    }

    pub(super) fn take_fetch(&mut self, context: &mut Context<'_>, response: FetchResponse, asked: &Wanted) {
        self.fetcher.under_way = false;
        match response.error_code {
            0 => {}
            FETCH_SESSION_ID_NOT_FOUND | INVALID_FETCH_SESSION_EPOCH | FETCH_SESSION_TOPIC_ID_ERROR => {
                context.see(State::FetchSessionEvicted);
                return self.fetcher.session.refused(response.error_code == FETCH_SESSION_ID_NOT_FOUND);
            }
            _ => {
                self.fetcher.session.refused(false);
                self.topics.refresh();
                return self.alarms.back_off(context, Retry::Fetch);
            }
        }
        if response.session_id == 0 && self.fetcher.library == Library::Java {
            context.see(State::FetchSessionDenied);
        }
        if !self.fetcher.session.answered(response.session_id) {
            return;
        }
        self.alarms.succeed(Retry::Fetch);
        for topic in response.responses {
            for data in topic.partitions {
                match data.error_code {
                    OFFSET_OUT_OF_RANGE => context.see(State::FetchOutOfRange),
                    KAFKA_STORAGE_ERROR => context.see(State::FetchStorageError),
                    UNKNOWN_TOPIC_OR_PARTITION | UNKNOWN_TOPIC_ID => context.see(State::FetchTopicGone),
                    _ => {}
                }
                let is_it = |at: &&Fetched| {
                    at.partition == data.partition_index
                        && (*at.topic == *topic.topic.as_str() || at.id == topic.topic_id.as_u128())
                };
                if let Some(fetched) = asked.keys().find(is_it)
                    && self.fetcher.take(fetched, asked[fetched], data)
                {
                    self.topics.refresh();
                }
            }
        }
    }
}

fn topics_named(named: &Wanted, by_id: bool, bytes: i32) -> Vec<FetchTopic> {
    let mut topics: BTreeMap<(&Arc<str>, u128), Vec<FetchPartition>> = BTreeMap::new();
    for (at, from) in named {
        let partition = FetchPartition::default()
            .with_partition(at.partition)
            .with_current_leader_epoch(from.leader_epoch)
            .with_fetch_offset(from.offset)
            .with_log_start_offset(-1)
            .with_partition_max_bytes(bytes);
        topics.entry((&at.topic, at.id)).or_default().push(partition);
    }
    let topics = topics.into_iter().map(|((name, id), partitions)| {
        let topic = FetchTopic::default().with_partitions(partitions);
        if by_id {
            topic.with_topic_id(uuid::Uuid::from_u128(id))
        } else {
            topic.with_topic(TopicName(super::protocol::text(name)))
        }
    });
    topics.collect()
}

fn topics_forgotten(forgotten: &[Fetched], by_id: bool) -> Vec<ForgottenTopic> {
    debug_assert!(by_id || forgotten.is_empty(), "who has no session forgets nothing");
    let mut topics: BTreeMap<u128, Vec<i32>> = BTreeMap::new();
    for at in forgotten {
        topics.entry(at.id).or_default().push(at.partition);
    }
    topics
        .into_iter()
        .map(|(id, partitions)| {
            ForgottenTopic::default().with_topic_id(uuid::Uuid::from_u128(id)).with_partitions(partitions)
        })
        .collect()
}
