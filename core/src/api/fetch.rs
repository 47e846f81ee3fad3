//! Fetch: records of many partitions, at once or as soon as there are enough.
//!
//! A Fetch is read; where that gives fewer than `min_bytes`, it waits until one of its partitions has something new or its
//! time is over, and is read again. Errors, and a log that has parted from the client's, are answered at once.
//! Source: KIP-227 (sessions), KIP-320 and KIP-595 (epochs), KIP-516 (topic ids), KIP-951 (leader discovery).

use super::front::{Front, Next, Refusal, Request, encode};
use super::message::{Call, Reply};
use super::scatter::{ByShard, Scatter};
use crate::fetch::{FetchPartition, Session, SessionEpoch, SessionError, SessionId, Told, TopicName, Wanted};
use crate::ids::{Offset, PartitionIndex, ShardId, TopicId, TopicPartition};
use crate::limits::{FETCH_BYTES_MAX, FETCH_GRANT_BYTES_MIN};
use crate::log::StoredBatch;
use crate::metadata::PartitionImage;
use crate::replica::{self, ReadCall, ReadItem, ReadResult, WatchItem};
use crate::rng::Purpose;
use crate::time::Instant;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;
use grete_protocol::ErrorCode;
use grete_protocol::messages::fetch_request::{FetchRequest, FetchTopic};
use grete_protocol::messages::fetch_response::{
    AbortedTransaction, EpochEndOffset, FetchResponse, FetchableTopicResponse, LeaderIdAndEpoch, PartitionData,
};
use grete_protocol::wire::{BrokerId, Message, ProducerId, Records, Uuid};

/// The first version whose answers say who leads a partition (KIP-951).
const CURRENT_LEADER_FROM: i16 = 16;

/// A Fetch under way.
#[derive(Clone, Debug)]
pub(crate) struct Gather {
    pub(super) request: Request,
    session: SessionUse,
    read_committed: bool,
    /// The broker that wants to follow; consumers say a negative one.
    replica: i32,
    min_bytes: usize,
    bytes_max: usize,
    /// Whether the client's limit of the response is below zero.
    limit_is_negative: bool,
    /// The room for what shards read for it that it holds while they do, in bytes.
    granted: usize,
    /// What its answer may hold of that.
    room: usize,
    /// Whether there was no room: it is answered without records rather than kept.
    starved: bool,
    /// When it is answered with what there is.
    deadline: Instant,
    /// What is asked for, in the order in which the response is filled.
    wanted: Vec<(FetchPartition, Wanted, Resolved)>,
    stage: Stage,
}

/// The partition that the client means, or why there is none.
type Resolved = Result<TopicPartition, ErrorCode>;

#[derive(Clone, Debug)]
enum Stage {
    /// The session that the client names is looked for on the other shards.
    Seeking { asked: usize },
    /// The partitions are being read.
    Reading(Scatter<ReadResult>),
    /// There is too little yet: the shards that watch, each with the part it was asked by.
    Waiting { watching: BTreeMap<u32, ShardId> },
}

/// How the request stands to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SessionUse {
    /// There is none; everything is answered.
    None,
    /// The session was made for this request; everything is answered.
    New(SessionId),
    /// Only news is answered.
    Incremental(SessionId),
}

/// Begins a Fetch.
pub(crate) fn begin(front: &mut Front<'_>, request: Request) -> Result<(super::Gather, Next), Refusal> {
    let body = FetchRequest::decode(&mut request.decoder(), request.version)?;
    let by_id = request.version >= 13;
    let wait_ms = i64::from(body.max_wait_ms.max(0));
    let bytes_max = (body.max_bytes.max(0) as usize).min(front.node.fetch_bytes_max).min(FETCH_BYTES_MAX);
    let mut gather = Gather {
        session: SessionUse::None,
        read_committed: body.isolation_level == 1,
        replica: if request.version >= 15 { body.replica_state.replica_id.0 } else { body.replica_id.0 },
        min_bytes: (body.min_bytes.max(0) as usize).min(bytes_max),
        bytes_max,
        limit_is_negative: body.max_bytes < 0,
        granted: 0,
        room: 0,
        starved: false,
        deadline: front.now.instant.after_ms(wait_ms),
        wanted: Vec::new(),
        stage: Stage::Seeking { asked: 0 },
        request: request.clone(),
    };
    if !matches!(body.isolation_level, 0..=1) {
        let next = gather.refuse_whole(&body, ErrorCode::UnknownServerError)?;
        return Ok((super::Gather::Fetch(gather), next));
    }
    let (id, epoch) = (SessionId(body.session_id), SessionEpoch(body.session_epoch));
    let next = if epoch == SessionEpoch::INITIAL || epoch == SessionEpoch::FINAL {
        // Whoever starts over gives up the session that it names.
        front.sessions.take(id);
        if epoch == SessionEpoch::INITIAL && !body.topics.is_empty() {
            gather.start_session(front, &body, by_id);
        }
        gather.want_all(front, requested(&body, by_id))?
    } else if front.sessions.get_mut(id).is_none() && front.shards > 1 {
        gather.seek(front, id)
    } else {
        gather.resume(front, &body, id, epoch, by_id)?
    };
    Ok((super::Gather::Fetch(gather), next))
}

impl Gather {
    /// Takes the answer of a shard.
    pub(crate) fn reply(&mut self, front: &mut Front<'_>, part: u32, reply: Reply) -> Result<Next, Refusal> {
        match (reply, &mut self.stage) {
            (Reply::TakeSession(found), Stage::Seeking { asked }) => {
                *asked -= 1;
                let left = *asked;
                self.found_session(front, found.map(|session| *session), left)
            }
            (Reply::Replica(replica::Reply::Read(results)), Stage::Reading(scatter)) => {
                scatter.fill(part, results);
                if scatter.is_complete() { self.judge(front) } else { Ok(Next::Wait) }
            }
            (Reply::Replica(replica::Reply::Woken), Stage::Waiting { watching, .. }) => {
                if watching.remove(&part).is_none() {
                    return Ok(Next::Wait);
                }
                self.cancel(front);
                self.read(front)
            }
            // A watch that was cancelled while its wake-up was on the way.
            (Reply::Replica(replica::Reply::Woken), Stage::Reading(_)) => Ok(Next::Wait),
            (reply, stage) => unreachable!("a Fetch in {stage:?} is not answered by {reply:?}"),
        }
    }

    /// The deadline has come.
    pub(crate) fn due(&mut self, front: &mut Front<'_>) -> Result<Next, Refusal> {
        match self.stage {
            // What is there is read again: nothing of it was kept while it waited.
            Stage::Waiting { .. } => {
                self.cancel(front);
                self.read(front)
            }
            Stage::Seeking { .. } | Stage::Reading(_) => Ok(Next::Wait),
        }
    }

    /// Ends the watches of a request that is over.
    pub(crate) fn cancel(&mut self, front: &mut Front<'_>) {
        self.give_back(front);
        if let Stage::Waiting { watching, .. } = &mut self.stage {
            for (part, shard) in core::mem::take(watching) {
                front.call_again(shard, part, Call::Replica(replica::Call::CancelWatch));
            }
        }
    }

    /// Asserts that nothing is kept of the frame, however long it waits for records.
    pub(crate) fn check_invariants(&self) {
        let waits = matches!(self.stage, Stage::Waiting { .. });
        assert!(!(waits && self.request.holds_frame()), "a fetch that waits holds no frame");
    }

    /// The room for its answer that it holds.
    pub(crate) const fn granted(&self) -> usize {
        self.granted
    }

    fn give_back(&mut self, front: &mut Front<'_>) {
        front.answers.give_back(core::mem::take(&mut self.granted));
    }

    /// Asks the other shards for the session: the client has another connection than before.
    fn seek(&mut self, front: &mut Front<'_>, id: SessionId) -> Next {
        let others: Vec<ShardId> = (0..front.shards).map(ShardId).filter(|shard| *shard != front.shard).collect();
        if let Stage::Seeking { asked } = &mut self.stage {
            *asked = others.len();
        }
        for shard in others {
            front.call(shard, Call::TakeSession(id));
        }
        Next::Wait
    }

    fn found_session(&mut self, front: &mut Front<'_>, found: Option<Session>, left: usize) -> Result<Next, Refusal> {
        let request = self.request.clone();
        let body = FetchRequest::decode(&mut request.decoder(), request.version)?;
        let id = SessionId(body.session_id);
        if let Some(session) = found {
            front.sessions.try_insert(front.now.instant, id, session);
        }
        if left > 0 {
            return Ok(Next::Wait);
        }
        self.resume(front, &body, id, SessionEpoch(body.session_epoch), request.version >= 13)
    }

    /// Goes on with a session that is here, or says why not.
    fn resume(
        &mut self,
        front: &mut Front<'_>,
        body: &FetchRequest<'_>,
        id: SessionId,
        epoch: SessionEpoch,
        by_id: bool,
    ) -> Result<Next, Refusal> {
        let change = |session: &mut Session| {
            for (partition, wanted) in requested(body, by_id) {
                session.want(partition, wanted);
            }
            for partition in forgotten(body, by_id) {
                session.forget(&partition);
            }
        };
        let wanted = match front.sessions.resume(front.now.instant, id, epoch, by_id, change) {
            Ok(wanted) => wanted,
            Err(error) => return self.refuse(session_error(error)),
        };
        if !wanted.is_empty() {
            self.session = SessionUse::Incremental(id);
        }
        self.want_all(front, wanted)
    }

    fn start_session(&mut self, front: &mut Front<'_>, body: &FetchRequest<'_>, by_id: bool) {
        let mut session = Session::new(front.now.instant, by_id);
        requested(body, by_id).into_iter().for_each(|(partition, wanted)| session.want(partition, wanted));
        let entity = front.client.connection.0.to_be_bytes();
        let id = front.seed.draw(Purpose::FetchSessionId, &entity, front.sequence) as i32 & i32::MAX;
        let id = SessionId(id.max(1));
        if front.sessions.try_insert(front.now.instant, id, session) {
            self.session = SessionUse::New(id);
        }
    }

    fn want_all(&mut self, front: &mut Front<'_>, wanted: Vec<(FetchPartition, Wanted)>) -> Result<Next, Refusal> {
        let resolve = |(partition, wanted): (FetchPartition, Wanted)| {
            let resolved = resolve(front, &partition);
            (partition, wanted, resolved)
        };
        self.wanted = wanted.into_iter().map(resolve).collect();
        // It may wait long, and is not charged for its frame while it does.
        self.request.frame = Bytes::new();
        // As in Kafka: what is not there stands behind the rest of the answer.
        self.wanted.sort_by_key(|(_, _, resolved)| resolved.is_err());
        self.read(front)
    }

    fn read(&mut self, front: &mut Front<'_>) -> Result<Next, Refusal> {
        let mut scatter = Scatter::with_capacity(self.wanted.len());
        let mut asked = ByShard::of(self.wanted.len());
        // As in Kafka: a response's limit below zero fails whatever is read first, and is zero for the rest.
        let mut limit_is_negative = self.limit_is_negative;
        for (_, wanted, resolved) in &self.wanted {
            let fails = core::mem::take(&mut limit_is_negative);
            match resolved {
                Err(error) => scatter.push_done(ReadResult::failed(*error)),
                Ok(partition) if !may_read(front, *partition, self.replica) => {
                    scatter.push_done(ReadResult::failed(ErrorCode::NotLeaderOrFollower));
                }
                Ok(partition) => {
                    let item = ReadItem {
                        partition: *partition,
                        fetch_offset: wanted.fetch_offset,
                        bytes_max: if fails { -1 } else { wanted.bytes_max },
                        current_leader_epoch: wanted.current_leader_epoch,
                        last_fetched_epoch: wanted.last_fetched_epoch,
                    };
                    asked.push(partition.shard(front.shards), scatter.push_open(), item);
                }
            }
        }
        let asked: Vec<_> = asked.into_iter().collect();
        let shares = self.take_room(front, asked.iter().map(|(_, (_, items))| items.as_slice()));
        for (shard, (places, items)) in asked {
            let bytes_max = shares as u32;
            let call = ReadCall { items, read_committed: self.read_committed, bytes_max, at_least_one: !self.starved };
            let part = front.call(shard, Call::Replica(replica::Call::Read(call)));
            scatter.asked(part, places);
        }
        let complete = scatter.is_complete();
        self.stage = Stage::Reading(scatter);
        if complete { self.judge(front) } else { Ok(Next::Wait) }
    }

    /// Takes room for what the shards will read, and says how much each of them may. Each may read as much as the answer
    /// may hold, since it cannot know what the others find; where that does not fit, they share what there is.
    fn take_room<'i>(&mut self, front: &mut Front<'_>, shards: impl Iterator<Item = &'i [ReadItem]> + Clone) -> usize {
        let of_item = |item: &ReadItem| usize::try_from(item.bytes_max).unwrap_or(0);
        let of_shard = |items: &[ReadItem]| items.iter().map(of_item).sum::<usize>().min(self.bytes_max);
        let wanted: usize = shards.clone().map(of_shard).sum();
        self.granted = front.answers.grant(wanted, FETCH_GRANT_BYTES_MIN);
        self.starved = self.granted == 0 && wanted > 0;
        let each;
        (self.room, each) = shares(self.granted, wanted, self.bytes_max, shards.count());
        each
    }

    /// Everything is read: is it enough?
    fn judge(&mut self, front: &mut Front<'_>) -> Result<Next, Refusal> {
        let Stage::Reading(scatter) = &mut self.stage else { return Ok(Next::Wait) };
        let results = core::mem::replace(scatter, Scatter::new()).into_results();
        let bytes: usize = results.iter().flat_map(|result| &result.batches).map(StoredBatch::len).sum();
        let urgent = results.iter().any(|result| result.error != ErrorCode::None || result.diverging.is_some());
        let over = self.starved || front.now.instant >= self.deadline;
        // Where room is scarce, half of what fits has to do: the next batch may not have fitted.
        let min_bytes = if self.room < self.bytes_max { self.min_bytes.min(self.room / 2) } else { self.min_bytes };
        let left = self.room;
        self.give_back(front);
        let enough = bytes >= min_bytes || urgent || over || self.wanted.is_empty();
        if enough { self.finish(front, results, left) } else { Ok(self.watch(front, &results)) }
    }

    fn watch(&mut self, front: &mut Front<'_>, results: &[ReadResult]) -> Next {
        let mut asked = ByShard::of(results.len());
        for ((_, _, resolved), result) in self.wanted.iter().zip(results) {
            if let Ok(partition) = resolved {
                let end = if self.read_committed { result.last_stable_offset } else { result.high_watermark };
                asked.push(partition.shard(front.shards), 0, WatchItem { partition: *partition, end });
            }
        }
        let mut watching = BTreeMap::new();
        for (shard, (_, items)) in asked {
            watching.insert(front.call(shard, Call::Replica(replica::Call::Watch(items))), shard);
        }
        self.stage = Stage::Waiting { watching };
        *front.deadline = Some(self.deadline);
        Next::Wait
    }

    fn refuse(&self, error: ErrorCode) -> Result<Next, Refusal> {
        let response = FetchResponse { error_code: error.code(), ..Default::default() };
        Ok(Next::Answer(encode(&self.request, &response)?))
    }

    /// Refuses a request of which nothing can be served: up to version 12 in each of its partitions, too.
    fn refuse_whole(&self, body: &FetchRequest<'_>, error: ErrorCode) -> Result<Next, Refusal> {
        let mut response = FetchResponse { error_code: error.code(), ..Default::default() };
        if self.request.version < 13 {
            let partition = |partition| PartitionData {
                partition_index: partition,
                error_code: error.code(),
                high_watermark: -1,
                records: Some(Records::Parts(Vec::new())),
                ..Default::default()
            };
            let topic = |topic: &FetchTopic<'_>| FetchableTopicResponse {
                topic: grete_protocol::wire::TopicName::from(String::from(topic.topic.as_str())),
                partitions: topic.partitions.iter().map(|at| partition(at.partition)).collect(),
                ..Default::default()
            };
            response.responses = body.topics.iter().map(topic).collect();
        }
        Ok(Next::Answer(encode(&self.request, &response)?))
    }

    fn finish(&mut self, front: &mut Front<'_>, results: Vec<ReadResult>, left: usize) -> Result<Next, Refusal> {
        let mut room = Room { left, empty: true };
        let mut topics: Vec<FetchableTopicResponse<'_>> = Vec::new();
        let wanted = core::mem::take(&mut self.wanted);
        let mode = (self.request.version, self.read_committed);
        for ((partition, wanted, resolved), mut result) in wanted.iter().zip(results) {
            room.fit(&mut result.batches, wanted.bytes_max.max(0) as usize);
            if !self.is_news(front, partition, &result) {
                continue;
            }
            let data = partition_data(front, partition.partition, *resolved, mode, result);
            match topics.last_mut().filter(|topic| is_same(topic, &partition.topic)) {
                Some(topic) => topic.partitions.push(data),
                None => topics.push(topic_response(&partition.topic, data)),
            }
        }
        let session_id = match self.session {
            SessionUse::None => 0,
            SessionUse::New(id) | SessionUse::Incremental(id) => id.0,
        };
        let response = FetchResponse { session_id, responses: topics, ..Default::default() };
        Ok(Next::Answer(encode(&self.request, &response)?))
    }

    /// Notes in the session what the client is told; whether it must be told at all.
    fn is_news(&self, front: &mut Front<'_>, partition: &FetchPartition, result: &ReadResult) -> bool {
        let (id, full) = match self.session {
            SessionUse::None => return true,
            SessionUse::New(id) => (id, true),
            SessionUse::Incremental(id) => (id, false),
        };
        let Some(session) = front.sessions.get_mut(id) else { return true };
        let now = Told { high_watermark: result.high_watermark, log_start_offset: result.log_start_offset };
        let failed = result.error != ErrorCode::None;
        let moved = !result.batches.is_empty() || result.diverging.is_some();
        session.tell(partition, moved, failed, now) || full
    }
}

/// What an answer may hold, and what each of so many shards may read for it, where this much was granted of what all of them
/// could want.
fn shares(granted: usize, wanted: usize, bytes_max: usize, shards: usize) -> (usize, usize) {
    if granted == wanted {
        return (bytes_max, bytes_max);
    }
    (granted.min(bytes_max), (granted / shards.max(1)).min(bytes_max))
}

/// What is left of a response's size while partitions are put into it.
struct Room {
    left: usize,
    empty: bool,
}

impl Room {
    /// Drops the batches that do not fit. The first batch of a response goes in whatever its size (KIP-74), so that a
    /// consumer gets on.
    fn fit(&mut self, batches: &mut Vec<StoredBatch>, partition_bytes_max: usize) {
        let allowed = self.left.min(partition_bytes_max);
        let mut taken = 0;
        let mut count = 0;
        for batch in batches.iter() {
            let is_first = self.empty && count == 0;
            if taken + batch.len() > allowed && !is_first {
                break;
            }
            taken += batch.len();
            count += 1;
        }
        batches.truncate(count);
        self.empty = self.empty && count == 0;
        self.left = self.left.saturating_sub(taken);
    }
}

fn partition_data(
    front: &Front<'_>,
    index: PartitionIndex,
    resolved: Resolved,
    (version, read_committed): (i16, bool),
    result: ReadResult,
) -> PartitionData<'static> {
    let aborted = |(producer_id, first_offset): (crate::ids::ProducerId, Offset)| AbortedTransaction {
        producer_id: ProducerId(producer_id.0),
        first_offset: first_offset.0,
        ..Default::default()
    };
    let parts: Vec<Bytes> = result.batches.into_iter().flat_map(|batch| batch.parts).collect();
    let mut data = PartitionData {
        partition_index: index.0,
        error_code: result.error.code(),
        high_watermark: result.high_watermark.0,
        last_stable_offset: result.last_stable_offset.0,
        log_start_offset: result.log_start_offset.0,
        // As Kafka has it: a list where the log says so, or where there is no log to say anything.
        aborted_transactions: match (resolved, result.error) {
            (Err(_), _) => Some(Vec::new()),
            (Ok(_), ErrorCode::None) if read_committed => Some(result.aborted.into_iter().map(aborted).collect()),
            (Ok(_), _) => None,
        },
        records: Some(Records::Parts(parts)),
        ..Default::default()
    };
    if let Some((epoch, end_offset)) = result.diverging {
        data.diverging_epoch = EpochEndOffset { epoch: epoch.0, end_offset: end_offset.0, ..Default::default() };
    }
    // KIP-951: who has the wrong leader learns of the right one at once.
    let misled = version >= CURRENT_LEADER_FROM
        && matches!(result.error, ErrorCode::NotLeaderOrFollower | ErrorCode::FencedLeaderEpoch);
    if let Some(leader) = resolved.ok().filter(|_| misled).and_then(|partition| front.image.partition(partition)) {
        data.current_leader = LeaderIdAndEpoch {
            leader_id: BrokerId(leader.leader.0),
            leader_epoch: leader.leader_epoch.0,
            ..Default::default()
        };
    }
    data
}

fn topic_response(topic: &TopicName, data: PartitionData<'static>) -> FetchableTopicResponse<'static> {
    let mut response = FetchableTopicResponse { partitions: alloc::vec![data], ..Default::default() };
    match topic {
        TopicName::Name(name) => response.topic = grete_protocol::wire::TopicName::from(String::from(&**name)),
        TopicName::Id(id) => response.topic_id = Uuid(id.0),
    }
    response
}

fn is_same(response: &FetchableTopicResponse<'_>, topic: &TopicName) -> bool {
    match topic {
        TopicName::Name(name) => response.topic.as_str() == &**name,
        TopicName::Id(id) => response.topic_id.0 == id.0,
    }
}

/// The partitions that a request names, with what it wants of them. What stands twice is wanted as it stands last.
fn requested(body: &FetchRequest<'_>, by_id: bool) -> Vec<(FetchPartition, Wanted)> {
    let mut requested: Vec<(FetchPartition, Wanted)> = Vec::new();
    let mut places = BTreeMap::new();
    for topic in &body.topics {
        let name = topic_name(by_id, topic.topic.as_str(), topic.topic_id);
        for partition in &topic.partitions {
            let wanted = Wanted {
                fetch_offset: Offset(partition.fetch_offset),
                bytes_max: partition.partition_max_bytes,
                // Whatever is negative says nothing here; other APIs take only -1 for that.
                current_leader_epoch: partition.current_leader_epoch.max(-1),
                last_fetched_epoch: partition.last_fetched_epoch,
                log_start_offset: Offset(partition.log_start_offset),
            };
            let partition = FetchPartition { topic: name.clone(), partition: PartitionIndex(partition.partition) };
            let place = *places.entry(partition.clone()).or_insert(requested.len());
            match requested.get_mut(place) {
                Some((_, earlier)) => *earlier = wanted,
                None => requested.push((partition, wanted)),
            }
        }
    }
    requested
}

/// The partitions that a request drops from its session.
fn forgotten(body: &FetchRequest<'_>, by_id: bool) -> Vec<FetchPartition> {
    let mut forgotten = Vec::new();
    for topic in &body.forgotten_topics_data {
        let name = topic_name(by_id, topic.topic.as_str(), topic.topic_id);
        let partition = |index: &i32| FetchPartition { topic: name.clone(), partition: PartitionIndex(*index) };
        forgotten.extend(topic.partitions.iter().map(partition));
    }
    forgotten
}

fn topic_name(by_id: bool, name: &str, id: Uuid) -> TopicName {
    if by_id { TopicName::Id(TopicId(id.0)) } else { TopicName::Name(Arc::from(name)) }
}

fn resolve(front: &Front<'_>, partition: &FetchPartition) -> Resolved {
    let topic = match &partition.topic {
        TopicName::Id(id) => front.image.topic(*id).ok_or(ErrorCode::UnknownTopicId)?,
        TopicName::Name(name) => front.image.topic_by_name(name).ok_or(ErrorCode::UnknownTopicOrPartition)?,
    };
    let exists = topic.partitions.contains_key(&partition.partition);
    let found = TopicPartition { topic: topic.id, partition: partition.partition };
    exists.then_some(found).ok_or(ErrorCode::UnknownTopicOrPartition)
}

/// Whether whoever asks may read a partition here: a consumer, or a broker that follows it.
fn may_read(front: &Front<'_>, partition: TopicPartition, replica: i32) -> bool {
    replica < 0 || front.image.partition(partition).is_some_and(|image| follows(image, replica))
}

fn follows(partition: &PartitionImage, replica: i32) -> bool {
    partition.leader.0 != replica && partition.replicas.iter().any(|id| id.0 == replica)
}

const fn session_error(error: SessionError) -> ErrorCode {
    match error {
        SessionError::NotFound => ErrorCode::FetchSessionIdNotFound,
        SessionError::InvalidEpoch => ErrorCode::InvalidFetchSessionEpoch,
        SessionError::TopicIdError => ErrorCode::FetchSessionTopicIdError,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{LeaderEpoch, NodeId};
    use alloc::vec;
    use grete_protocol::messages::fetch_request::FetchPartition as AskedPartition;

    #[test]
    fn what_stands_twice_is_wanted_as_it_stands_last() {
        let partition = |partition: i32, fetch_offset: i64| AskedPartition {
            partition,
            fetch_offset,
            current_leader_epoch: -7,
            ..Default::default()
        };
        let topic = |partitions| FetchTopic { topic: "a".into(), partitions, ..Default::default() };
        let topics = vec![topic(vec![partition(1, 10), partition(0, 20)]), topic(vec![partition(1, 30)])];
        let found = requested(&FetchRequest { topics, ..Default::default() }, false);
        let told: Vec<_> = found.iter().map(|(at, wanted)| (at.partition.0, wanted.fetch_offset.0)).collect();
        assert_eq!(told, [(1, 30), (0, 20)]);
        assert!(found.iter().all(|(_, wanted)| wanted.current_leader_epoch == -1), "any negative epoch says nothing");
    }

    #[test]
    fn what_shards_read_together_is_what_was_granted() {
        assert_eq!(shares(600, 600, 1_000, 3), (1_000, 1_000), "each reads what it would alone");
        let (room, each) = shares(400, 600, 1_000, 3);
        assert_eq!((room, each), (400, 133));
        assert!(each * 3 <= 400);
        assert_eq!(shares(5_000, 6_000, 1_000, 2), (1_000, 1_000), "no more than the answer may hold");
        assert_eq!(shares(0, 6_000, 1_000, 2), (0, 0));
    }

    #[test]
    fn only_replicas_beside_the_leader_follow() {
        let partition = PartitionImage {
            replicas: vec![NodeId(1), NodeId(2)],
            isr: vec![NodeId(1)],
            directories: Vec::new(),
            removing: Vec::new(),
            adding: Vec::new(),
            leader: NodeId(1),
            leader_recovery_state: 0,
            leader_epoch: LeaderEpoch(0),
            partition_epoch: 0,
            eligible_leader_replicas: Vec::new(),
            last_known_elr: Vec::new(),
        };
        assert_eq!([1, 2, 77].map(|replica| follows(&partition, replica)), [false, true, false]);
    }
}
