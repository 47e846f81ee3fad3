//! Groups against a naive model of what their clients may rely on, whatever happens: members come, go, fall silent and ask
//! twice, the log is slow or refuses, and the coordinator restarts from what is committed.
//!
//! What is checked, with the numbers of `grete_core::group`'s invariants:
//! - (1) one generation, one assignment: what members are told in a generation is what one record says, and there is no
//!   other record of that generation with members;
//! - (2) generations in the log go up;
//! - (4) an acknowledged offset is shown until a later one is;
//! - (5) what is committed is the fold of the log's bytes;
//! - (6) each request is answered once;
//! - and in the end, when clients and log behave, everyone who is left has an assignment in one generation.

use bytes::Bytes;
use grete_core::coordinator::{AppendToken, Replay, Ticket};
use grete_core::group::answer::Answer;
use grete_core::group::commit::{Committer, OffsetToCommit, TopicToCommit};
use grete_core::group::fetch_offsets::TopicRef;
use grete_core::group::join::Joiner;
use grete_core::group::leave::Leaver;
use grete_core::group::names::{GenerationId, MemberId};
use grete_core::group::records::Record;
use grete_core::group::sync::Syncer;
use grete_core::group::{GroupCoordinator, GroupOutput, GroupSettings, Recorded, Topics, codec};
use grete_core::ids::{LeaderEpoch, Offset, PartitionIndex, Timestamp, TopicId};
use grete_core::rng::Seed;
use grete_core::time::{Instant, Now};
use grete_protocol::ErrorCode;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const CLIENTS: usize = 4;
const PARTITIONS: i32 = 3;
const GROUP: &str = "g";

#[derive(Clone, Debug)]
enum Action {
    /// A client does what its protocol has it do next.
    Go(usize),
    /// A client sends a request of the state before again, or one that makes no sense.
    Repeat(usize),
    /// A client forgets all it knew, as after a crash.
    Crash(usize),
    Leave(usize),
    Commit(usize, i32),
    /// Time passes, in milliseconds.
    Pass(i64),
    /// What is appended is committed, up to so many batches.
    Flush(usize),
    /// The log refuses the next batch.
    Refuse,
    /// The coordinator restarts; of what is appended and not committed, so many batches were in the log after all.
    Restart(usize),
    /// The topic is deleted, and made again.
    DropTopic,
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let client = 0..CLIENTS;
    let action = prop_oneof![
        12 => client.clone().prop_map(Action::Go),
        2 => client.clone().prop_map(Action::Repeat),
        1 => client.clone().prop_map(Action::Crash),
        1 => client.clone().prop_map(Action::Leave),
        4 => (client, 0..PARTITIONS).prop_map(|(client, partition)| Action::Commit(client, partition)),
        3 => prop_oneof![Just(1), Just(3_000), Just(7_000), 0..20_000i64].prop_map(Action::Pass),
        6 => (0usize..4).prop_map(Action::Flush),
        1 => Just(Action::Refuse),
        1 => (0usize..3).prop_map(Action::Restart),
        1 => Just(Action::DropTopic),
    ];
    prop::collection::vec(action, 1..150)
}

#[derive(Clone, Debug, Default)]
struct Client {
    id: String,
    generation: i32,
    state: ClientState,
    /// The generation before, for requests that come late.
    before: i32,
    instance: Option<&'static str>,
    /// Counts how often it has forgotten all it knew.
    life: u32,
}

#[derive(Clone, Debug, Default, PartialEq)]
enum ClientState {
    #[default]
    Out,
    Joining,
    Joined {
        members: Vec<String>,
    },
    Syncing,
    Stable(Bytes),
}

impl Client {
    /// What a client makes of an answer.
    fn learn(&mut self, answer: Answer) {
        match answer {
            Answer::Join(join) => match join.error {
                ErrorCode::MemberIdRequired => {
                    self.id = (*join.member).into();
                    self.state = ClientState::Out;
                }
                ErrorCode::None => {
                    self.id = (*join.member).into();
                    self.before = self.generation;
                    self.generation = join.generation.0;
                    let members = join.members.iter().map(|member| member.member.to_string()).collect();
                    self.state = ClientState::Joined { members };
                }
                // The older of two requests.
                ErrorCode::RebalanceInProgress => {}
                error => self.start_over(error),
            },
            Answer::Sync(sync) if sync.error == ErrorCode::None => self.state = ClientState::Stable(sync.assignment),
            Answer::Sync(sync) if self.state != ClientState::Joining => self.start_over(sync.error),
            Answer::Heartbeat(ErrorCode::None) => {}
            Answer::Heartbeat(error) if matches!(self.state, ClientState::Stable(_)) => self.start_over(error),
            _ => {}
        }
    }

    /// It joins again, as a new member where its membership is lost.
    fn start_over(&mut self, error: ErrorCode) {
        if matches!(error, ErrorCode::UnknownMemberId | ErrorCode::FencedInstanceId) {
            self.id = String::new();
        }
        self.state = ClientState::Out;
    }
}

/// What a ticket is for.
#[derive(Clone, Debug)]
enum Asked {
    Request { client: usize, life: u32, id: String, generation: i32 },
    Commit { partition: i32, offset: i64 },
    Probe,
}

struct World {
    coordinator: GroupCoordinator,
    topics: Topics,
    now_ms: i64,
    boots: u64,
    clients: Vec<Client>,
    asked: Vec<Option<Asked>>,
    log: Vec<(AppendToken, Bytes)>,
    committed: usize,
    /// The fold of the committed part of the log.
    fold: Recorded,
    refuse: bool,
    next_offset: i64,
    /// The newest acknowledged commit of each partition.
    acknowledged: BTreeMap<i32, i64>,
    /// What members were told in each generation, by id.
    told: BTreeMap<i32, BTreeMap<String, Bytes>>,
    probed: Option<Answer>,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            coordinator: boot(1),
            topics: [("t", TopicId([1; 16]), PARTITIONS)].into_iter().collect(),
            now_ms: 0,
            boots: 1,
            clients: vec![Client::default(); CLIENTS],
            asked: Vec::new(),
            log: Vec::new(),
            committed: 0,
            fold: Recorded::default(),
            refuse: false,
            next_offset: 1,
            acknowledged: BTreeMap::new(),
            told: BTreeMap::new(),
            probed: None,
        };
        world.clients[CLIENTS - 1].instance = Some("static");
        let now = world.now();
        world.coordinator.loaded(now);
        world
    }

    fn now(&self) -> Now {
        Now { instant: Instant(self.now_ms as u64 * 1_000), wall: Timestamp(1_000_000 + self.now_ms) }
    }

    fn ticket(&mut self, asked: Asked) -> Ticket {
        self.asked.push(Some(asked));
        Ticket(self.asked.len() as u64 - 1)
    }

    fn act(&mut self, action: &Action) {
        match *action {
            Action::Go(client) => self.go(client),
            Action::Repeat(client) => self.repeat(client),
            Action::Crash(client) => self.forget(client),
            Action::Leave(client) => self.leave(client),
            Action::Commit(client, partition) => self.commit(client, partition),
            Action::Pass(ms) => self.pass(ms),
            Action::Flush(count) => self.flush(count),
            Action::Refuse => self.refuse = true,
            Action::Restart(kept) => self.restart(kept),
            Action::DropTopic => {
                let now = self.now();
                // The offsets of the topic are gone for good once that is committed; commits before it do not count.
                self.coordinator.on_topics_deleted(now, &["t".into()].into_iter().collect());
                self.acknowledged.clear();
                for asked in self.asked.iter_mut().flatten() {
                    if matches!(asked, Asked::Commit { .. }) {
                        *asked = Asked::Probe;
                    }
                }
            }
        }
        self.settle();
    }

    fn forget(&mut self, index: usize) {
        let Client { instance, life, .. } = self.clients[index];
        self.clients[index] = Client { instance, life: life + 1, ..Client::default() };
    }

    /// A request of a client, as it is now, in a generation.
    fn request(&self, index: usize, generation: i32) -> Asked {
        let client = &self.clients[index];
        Asked::Request { client: index, life: client.life, id: client.id.clone(), generation }
    }

    fn go(&mut self, index: usize) {
        let client = self.clients[index].clone();
        match client.state {
            ClientState::Out => self.join(index),
            ClientState::Joining | ClientState::Syncing => {}
            ClientState::Joined { members } => {
                self.clients[index].state = ClientState::Syncing;
                self.sync(index, &members, client.generation);
            }
            ClientState::Stable(_) => self.heartbeat(index, client.generation),
        }
    }

    fn repeat(&mut self, index: usize) {
        let client = self.clients[index].clone();
        match client.state {
            ClientState::Out => self.heartbeat(index, client.before),
            ClientState::Joining => self.join(index),
            ClientState::Joined { .. } => self.sync(index, &[], client.generation - 1),
            // Another assignment than before: whoever is the leader sends one that nobody may ever see, if it sent one.
            ClientState::Syncing | ClientState::Stable(_) => self.sync(index, &[], client.generation),
        }
    }

    fn join(&mut self, index: usize) {
        let client = self.clients[index].clone();
        self.clients[index].state = ClientState::Joining;
        let asked = self.request(index, client.generation);
        let ticket = self.ticket(asked);
        let joiner = Joiner {
            ticket,
            api_version: if client.instance.is_some() { 5 } else { 4 },
            member: &client.id,
            instance: client.instance,
            client_id: format!("c{index}").into(),
            client_host: "/127.0.0.1".into(),
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 15_000,
            protocol_type: "consumer",
            protocols: vec![("range".into(), Bytes::from_static(b"\0\0\0\0\0\x01\0\x05other"))],
            reason: "",
        };
        let now = self.now();
        self.coordinator.join(now, GROUP, &joiner);
    }

    /// `members` is what a leader assigns to, each something of its own in every assignment there is.
    fn sync(&mut self, index: usize, members: &[String], generation: i32) {
        let id = self.clients[index].id.clone();
        let asked = self.request(index, generation);
        let ticket = self.ticket(asked);
        let mut assignment = BTreeMap::new();
        for member in members {
            assignment.insert(MemberId::from(member.as_str()), Bytes::from(format!("{member} by {}", ticket.0)));
        }
        let now = self.now();
        let syncer = Syncer {
            ticket,
            member: &id,
            instance: self.clients[index].instance,
            generation: GenerationId(generation),
            protocol_type: None,
            protocol_name: None,
            assignment,
        };
        self.coordinator.sync(now, GROUP, syncer);
    }

    fn heartbeat(&mut self, index: usize, generation: i32) {
        let client = self.clients[index].clone();
        let asked = self.request(index, generation);
        let ticket = self.ticket(asked);
        let now = self.now();
        self.coordinator.heartbeat(now, ticket, GROUP, &client.id, client.instance, GenerationId(generation));
    }

    fn leave(&mut self, index: usize) {
        let client = self.clients[index].clone();
        if client.id.is_empty() {
            return;
        }
        let ticket = self.ticket(Asked::Probe);
        let now = self.now();
        let leaver = Leaver { member: &client.id, instance: client.instance, reason: "" };
        self.coordinator.leave(now, ticket, GROUP, &[leaver]);
        self.forget(index);
    }

    fn commit(&mut self, index: usize, partition: i32) {
        let client = self.clients[index].clone();
        let offset = self.next_offset;
        self.next_offset += 1;
        let ticket = self.ticket(Asked::Commit { partition, offset });
        let committer = Committer {
            api_version: 9,
            member: &client.id,
            instance: client.instance.filter(|_| !client.id.is_empty()),
            generation: GenerationId(if client.id.is_empty() { -1 } else { client.generation }),
        };
        let to_commit = TopicToCommit {
            topic: TopicRef::Name("t"),
            partitions: vec![OffsetToCommit {
                partition: PartitionIndex(partition),
                offset: Offset(offset),
                leader_epoch: LeaderEpoch(partition),
                metadata: "",
            }],
        };
        let now = self.now();
        let retention_ms = if offset % 4 == 0 { 1_000_000 } else { -1 };
        self.coordinator.commit_offsets(now, ticket, GROUP, committer, retention_ms, &[to_commit], &self.topics);
    }

    fn pass(&mut self, ms: i64) {
        let end = self.now_ms + ms;
        while let Some(due) = self.coordinator.next_deadline().map(|at| at.0 as i64 / 1_000).filter(|due| *due <= end) {
            self.now_ms = due.max(self.now_ms);
            let now = self.now();
            self.coordinator.on_timer(now);
            self.settle();
        }
        self.now_ms = end;
    }

    fn flush(&mut self, count: usize) {
        let committed = (self.committed + count).min(self.log.len());
        if committed > self.committed {
            self.fold_to(committed);
            let (token, now) = (self.log[committed - 1].0, self.now());
            self.coordinator.committed(now, token);
        }
    }

    /// Counts what is committed as in the fold, and looks at the records of groups on the way.
    fn fold_to(&mut self, committed: usize) {
        for (_, batch) in &self.log[self.committed..committed] {
            codec::read(batch, |record| self.fold.replay(&record)).expect("what is written can be read");
        }
        self.committed = committed;
    }

    fn restart(&mut self, kept: usize) {
        // Nobody is answered by a coordinator that is gone.
        for asked in &mut self.asked {
            *asked = None;
        }
        for client in &mut self.clients {
            if matches!(client.state, ClientState::Joining | ClientState::Syncing | ClientState::Joined { .. }) {
                client.state = ClientState::Out;
            }
        }
        let committed = (self.committed + kept).min(self.log.len());
        self.fold_to(committed);
        self.log.truncate(committed);
        self.boots += 1;
        self.refuse = false;
        self.coordinator = boot(self.boots);
        for (_, batch) in &self.log {
            self.coordinator.load(batch).expect("what is written can be read");
        }
        let now = self.now();
        self.coordinator.loaded(now);
    }

    /// Does what the coordinator asks for, and checks what it says.
    fn settle(&mut self) {
        loop {
            let outputs: Vec<_> = self.coordinator.drain().collect();
            if outputs.is_empty() {
                break;
            }
            for output in outputs {
                match output {
                    GroupOutput::Append { token, batch } => {
                        let now = self.now();
                        if std::mem::take(&mut self.refuse) {
                            self.coordinator.append_failed(now, token, ErrorCode::KafkaStorageError);
                        } else {
                            self.log.push((token, batch));
                            self.coordinator.appended(now, token);
                        }
                    }
                    GroupOutput::Answer { ticket, answer } => {
                        let asked = self.asked[ticket.0 as usize].take();
                        self.answered(asked.expect("each request is answered once"), answer);
                    }
                    GroupOutput::Notice(_) => {}
                }
            }
        }
        self.coordinator.check_invariants();
        assert_eq!(self.coordinator.committed_view(), Some(&self.fold), "what is committed is the fold of the log");
    }

    fn answered(&mut self, asked: Asked, answer: Answer) {
        match (asked, answer) {
            (Asked::Request { id, generation, client, life }, answer) => {
                if let Answer::Sync(sync) = &answer
                    && sync.error == ErrorCode::None
                {
                    let told = self.told.entry(generation).or_default();
                    let before = told.insert(id, sync.assignment.clone());
                    assert!(before.is_none_or(|before| before == sync.assignment), "a member has one assignment");
                }
                // What an earlier life asked for comes too late.
                if life == self.clients[client].life {
                    self.clients[client].learn(answer);
                }
            }
            (Asked::Commit { partition, offset }, Answer::CommitOffsets(topics)) => {
                if topics[0].partitions[0].1 == ErrorCode::None {
                    let before = self.acknowledged.insert(partition, offset);
                    assert!(before.is_none_or(|before| before < offset), "commits are acknowledged in order");
                }
            }
            (Asked::Probe, answer) => self.probed = Some(answer),
            (asked, answer) => panic!("{answer:?} is no answer to {asked:?}"),
        }
    }

    /// Acknowledged offsets are shown, or later ones.
    fn check_offsets(&mut self) {
        let ticket = self.ticket(Asked::Probe);
        self.coordinator.fetch_offsets(ticket, GROUP, None, false, false, &self.topics);
        self.settle();
        let Some(Answer::FetchOffsets(group)) = self.probed.take() else { panic!("a fetch is answered at once") };
        let shown: BTreeMap<i32, i64> = group
            .topics
            .iter()
            .flat_map(|topic| &topic.partitions)
            .map(|offset| (offset.partition.0, offset.offset.0))
            .collect();
        for (partition, acknowledged) in &self.acknowledged {
            let shown = shown.get(partition);
            assert!(shown.is_some_and(|shown| shown >= acknowledged), "{partition}: {shown:?} after {acknowledged}");
        }
    }

    /// The records of the group: generations go up, and one of them says what each generation's members were told.
    fn check_generations(&self) {
        let mut recorded: BTreeMap<i32, BTreeMap<String, Bytes>> = BTreeMap::new();
        let mut last = 0;
        for (_, batch) in &self.log {
            let read = codec::read(batch, |record| {
                let Record::Group { value: Some(group), .. } = record else { return };
                assert!(group.generation.0 >= last, "generations go up");
                last = group.generation.0;
                if group.members.is_empty() {
                    return;
                }
                let of_generation = recorded.entry(last).or_default();
                for member in &group.members {
                    let before = of_generation.insert(member.member.to_string(), member.assignment.clone());
                    assert!(before.is_none_or(|before| before == member.assignment), "one generation, one assignment");
                }
            });
            read.expect("what is written can be read");
        }
        let by: BTreeMap<i32, BTreeSet<String>> = recorded
            .iter()
            .map(|(generation, members)| (*generation, members.values().filter_map(|told| by_ticket(told)).collect()))
            .collect();
        for (generation, by) in by {
            assert!(by.len() <= 1, "generation {generation} has the assignments of {by:?}");
        }
        for (generation, told) in &self.told {
            for (id, assignment) in told {
                let there = recorded.get(generation).and_then(|members| members.get(id));
                assert_eq!(there, Some(assignment), "{id} was told in {generation} what is recorded");
            }
        }
    }

    /// Clients and log behave: in the end everyone has an assignment of the same generation.
    fn converge(&mut self) {
        self.refuse = false;
        for _ in 0..60 {
            for client in 0..CLIENTS {
                self.go(client);
                self.settle();
                self.flush(usize::MAX - self.committed);
                self.settle();
            }
            self.pass(1_000);
        }
        let generations: BTreeSet<_> = self.clients.iter().map(|client| client.generation).collect();
        assert_eq!(generations.len(), 1, "everyone is in one generation: {:?}", self.clients);
        for client in &self.clients {
            let ClientState::Stable(assignment) = &client.state else { panic!("{client:?} has no assignment") };
            assert!(assignment.starts_with(client.id.as_bytes()) || client.instance.is_some(), "its own: {client:?}");
        }
    }
}

/// The SyncGroup that an assignment came with.
fn by_ticket(assignment: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(assignment);
    text.rsplit_once(" by ").map(|(_, ticket)| ticket.to_owned())
}

fn boot(seed: u64) -> GroupCoordinator {
    let settings = GroupSettings { initial_rebalance_delay_ms: 3_000, ..GroupSettings::default() };
    GroupCoordinator::loading(Arc::new(settings), Seed(seed))
}

proptest! {
    #![proptest_config(ProptestConfig::default())]

    #[test]
    fn clients_can_rely_on_groups(actions in actions()) {
        let mut world = World::new();
        for action in &actions {
            world.act(action);
            world.check_offsets();
        }
        world.check_generations();
        world.converge();
        world.check_generations();
        world.check_offsets();
        // Whoever still waits is told when the partition is lost.
        world.coordinator.fail();
        let outputs: Vec<_> = world.coordinator.drain().collect();
        for output in outputs {
            if let GroupOutput::Answer { ticket, answer } = output {
                let asked = world.asked[ticket.0 as usize].take();
                prop_assert!(asked.is_some(), "each request is answered once: {answer:?}");
            }
        }
        prop_assert!(world.asked.iter().all(Option::is_none), "each request is answered");
    }
}
