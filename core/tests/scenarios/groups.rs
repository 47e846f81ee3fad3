//! Stories of groups: clients by name, one coordinator, its log and a clock.
//!
//! Clients are named by words; a client's ids are shown as its name with a number, and it uses the newest that it was
//! told. What is appended is committed at once, unless `hold` is said; `refuse CODE` has the log refuse the next batch;
//! `restart` loads a new coordinator from what is committed.

use crate::runner::{Command, Story};
use bytes::Bytes;
use grete_core::coordinator::{AppendToken, Ticket};
use grete_core::effect::Level;
use grete_core::group::answer::{Answer, DescribedGroup, FetchedGroup, JoinAnswer};
use grete_core::group::commit::{Committer, OffsetToCommit, TopicToCommit};
use grete_core::group::fetch_offsets::{AskedTopic, TopicRef};
use grete_core::group::join::Joiner;
use grete_core::group::leave::Leaver;
use grete_core::group::list::ListFilter;
use grete_core::group::names::{GenerationId, MemberId, ProtocolName};
use grete_core::group::records::Record;
use grete_core::group::sync::Syncer;
use grete_core::group::{GroupCoordinator, GroupOutput, GroupSettings, Topics, codec};
use grete_core::ids::{LeaderEpoch, Offset, PartitionIndex, Timestamp, TopicId};
use grete_core::rng::Seed;
use grete_core::time::{Instant, Now};
use grete_protocol::ErrorCode;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

/// The wall clock is this far ahead of the monotonic one, in milliseconds.
const WALL_AHEAD_MS: i64 = 1_000_000;

pub(crate) struct GroupStory {
    coordinator: GroupCoordinator,
    settings: GroupSettings,
    topics: Topics,
    topic_names: Vec<String>,
    now_ms: i64,
    boots: u64,
    clients: BTreeMap<String, Client>,
    /// What the ids in answers are shown as.
    id_names: BTreeMap<String, String>,
    tickets: Vec<String>,
    log: Vec<(AppendToken, Bytes)>,
    committed: usize,
    hold: bool,
    refuse: Option<ErrorCode>,
}

/// What a client knows.
#[derive(Default)]
struct Client {
    id: String,
    ids: usize,
    generation: i32,
}

impl GroupStory {
    pub(crate) fn new() -> Self {
        let settings = GroupSettings::default();
        let mut story = Self {
            coordinator: GroupCoordinator::loading(Arc::new(settings.clone()), Seed(1)),
            settings,
            topics: Topics::default(),
            topic_names: Vec::new(),
            now_ms: 0,
            boots: 1,
            clients: BTreeMap::new(),
            id_names: BTreeMap::new(),
            tickets: Vec::new(),
            log: Vec::new(),
            committed: 0,
            hold: false,
            refuse: None,
        };
        story.set_topics(&["orders".to_owned(), "payments".to_owned()]);
        story.coordinator.loaded(story.now());
        story
    }

    fn now(&self) -> Now {
        Now {
            instant: Instant(u64::try_from(self.now_ms).expect("time is positive") * 1_000),
            wall: Timestamp(WALL_AHEAD_MS + self.now_ms),
        }
    }

    fn set_topics(&mut self, names: &[String]) {
        self.topic_names = names.to_vec();
        let id = |index: usize| TopicId([u8::try_from(index + 1).expect("few topics"); 16]);
        self.topics = names.iter().enumerate().map(|(index, name)| (name.as_str(), id(index), 8)).collect();
    }

    /// A topic as a version names it.
    fn topic<'a>(&self, name: &'a str, by_id: bool) -> TopicRef<'a> {
        if by_id { TopicRef::Id(self.topics.id(name).unwrap_or(TopicId([0xff; 16]))) } else { TopicRef::Name(name) }
    }

    fn ticket(&mut self, client: &str) -> Ticket {
        self.tickets.push(client.to_owned());
        Ticket(self.tickets.len() as u64 - 1)
    }

    /// The id that a command uses for a client: the newest it was told, unless it says otherwise.
    fn id(&self, command: &Command, client: &str) -> String {
        if let Some(shown) = command.text("id") {
            let known = self.id_names.iter().find(|(_, name)| *name == shown);
            return known.map_or(shown, |(id, _)| id).to_owned();
        }
        self.clients.get(client).map(|client| client.id.clone()).unwrap_or_default()
    }

    fn generation(&self, command: &Command, client: &str) -> GenerationId {
        let known = self.clients.get(client).map_or(-1, |client| client.generation);
        GenerationId(command.value("generation", known))
    }

    /// What an id is shown as; a new one is the client's next.
    fn show_id(&mut self, client: &str, id: &str) -> String {
        if let Some(name) = self.id_names.get(id) {
            return name.clone();
        }
        let known = self.clients.entry(client.to_owned()).or_default();
        known.ids += 1;
        let name = format!("{client}{}", known.ids);
        self.id_names.insert(id.to_owned(), name.clone());
        name
    }

    /// Shows what the coordinator asks for, and does it.
    fn settle(&mut self, out: &mut String) {
        loop {
            let outputs: Vec<_> = self.coordinator.drain().collect();
            if outputs.is_empty() {
                break;
            }
            for output in outputs {
                match output {
                    GroupOutput::Append { token, batch } => self.append(token, batch, out),
                    GroupOutput::Answer { ticket, answer } => {
                        let client = self.tickets[usize::try_from(ticket.0).expect("few")].clone();
                        let shown = self.show_answer(&client, answer);
                        let _ = writeln!(out, "{client}: {shown}");
                    }
                    GroupOutput::Notice(notice) if notice.level >= Level::Info => {
                        let _ = writeln!(out, "note: {}", self.named(&notice.text));
                    }
                    GroupOutput::Notice(_) => {}
                }
            }
            if !self.hold {
                self.commit();
            }
        }
        self.coordinator.check_invariants();
    }

    fn append(&mut self, token: AppendToken, batch: Bytes, out: &mut String) {
        if let Some(error) = self.refuse.take() {
            let _ = writeln!(out, "log refuses a batch: {error:?}");
            self.coordinator.append_failed(self.now(), token, error);
            return;
        }
        let mut records = Vec::new();
        codec::read(&batch, |record| records.push(record)).expect("what is written can be read");
        for record in records {
            let shown = self.show_record(&record);
            let _ = writeln!(out, "log: {shown}");
        }
        self.log.push((token, batch));
        self.coordinator.appended(self.now(), token);
    }

    fn commit(&mut self) {
        if let Some((token, _)) = self.log.last().filter(|_| self.committed < self.log.len()) {
            self.committed = self.log.len();
            self.coordinator.committed(self.now(), *token);
        }
    }

    fn restart(&mut self) {
        self.boots += 1;
        self.coordinator = GroupCoordinator::loading(Arc::new(self.settings.clone()), Seed(self.boots));
        self.log.truncate(self.committed);
        for (_, batch) in &self.log {
            self.coordinator.load(batch).expect("what is written can be read");
        }
        self.coordinator.loaded(self.now());
    }

    /// Lets time pass, and does what comes due on the way.
    fn pass(&mut self, ms: i64, out: &mut String) {
        let end = self.now_ms + ms;
        loop {
            let due = self.coordinator.next_deadline().map(|at| i64::try_from(at.0 / 1_000).expect("near"));
            let Some(due) = due.filter(|due| *due <= end) else { break };
            self.now_ms = due.max(self.now_ms);
            let before = out.len();
            self.coordinator.on_timer(self.now());
            self.settle(out);
            if out.len() > before {
                out.insert_str(before, &format!("at {} ms:\n", self.now_ms));
            }
        }
        self.now_ms = end;
    }

    fn show_record(&self, record: &Record) -> String {
        match record {
            Record::Offset { group, topic, partition, value: None } => {
                format!("offset {group} {topic}-{partition} gone")
            }
            Record::Offset { group, topic, partition, value: Some(offset) } => {
                let mut shown = format!("offset {group} {topic}-{partition} = {}", offset.offset);
                if offset.leader_epoch.0 >= 0 {
                    let _ = write!(shown, " epoch {}", offset.leader_epoch);
                }
                if !offset.metadata.is_empty() {
                    let _ = write!(shown, " {:?}", offset.metadata);
                }
                if let Some(at) = offset.expire_timestamp {
                    let _ = write!(shown, " until {} ms", at.0 - WALL_AHEAD_MS);
                }
                shown
            }
            Record::Group { group, value: None } => format!("group {group} gone"),
            Record::Group { group, value: Some(metadata) } => {
                let mut shown = format!("group {group} generation {}", metadata.generation);
                if let Some(protocol_type) = &metadata.protocol_type {
                    let _ = write!(shown, " {protocol_type}");
                }
                if let Some(protocol) = &metadata.protocol_name {
                    let _ = write!(shown, "/{protocol}");
                }
                if let Some(leader) = &metadata.leader {
                    let _ = write!(shown, " leader {}", self.known(leader));
                }
                let _ = write!(shown, " since {} ms:", metadata.current_state_timestamp.0 - WALL_AHEAD_MS);
                if metadata.members.is_empty() {
                    shown.push_str(" empty");
                }
                for member in &metadata.members {
                    let (id, assignment) = (self.known(&member.member), text(&member.assignment));
                    let _ = write!(shown, " {id}={assignment}");
                }
                shown
            }
        }
    }

    fn known(&self, id: &str) -> String {
        self.id_names.get(id).cloned().unwrap_or_else(|| "a new id".into())
    }

    fn show_answer(&mut self, client: &str, answer: Answer) -> String {
        match answer {
            Answer::Join(join) => self.show_join(client, join),
            Answer::Sync(sync) if sync.error == ErrorCode::None => {
                let protocol = sync.protocol_name.as_deref().unwrap_or("no protocol");
                format!("assigned {} by {protocol}", text(&sync.assignment))
            }
            Answer::Sync(sync) => format!("{:?}", sync.error),
            Answer::Heartbeat(error) => format!("{error:?}"),
            Answer::Leave(leave) if leave.error == ErrorCode::None => {
                let mut shown = String::from("left:");
                for member in leave.members {
                    let named =
                        if member.member.is_empty() { String::new() } else { self.known_or_text(&member.member) };
                    let instance = member.instance.map(|instance| format!("({instance})")).unwrap_or_default();
                    let _ = write!(shown, " {named}{instance} {:?}", member.error);
                }
                shown
            }
            Answer::Leave(leave) => format!("{:?}", leave.error),
            Answer::CommitOffsets(topics) => {
                let mut shown = String::from("committed:");
                for topic in topics {
                    for (partition, error) in topic.partitions {
                        let _ = write!(shown, " {}-{partition} {error:?}", topic.name);
                    }
                }
                shown
            }
            Answer::FetchOffsets(group) => show_fetched(&group),
            Answer::DeleteOffsets(answer) if answer.error == ErrorCode::None => {
                let mut shown = String::from("deleted:");
                for (topic, partitions) in answer.topics {
                    for (partition, error) in partitions {
                        let _ = write!(shown, " {topic}-{partition} {error:?}");
                    }
                }
                shown
            }
            Answer::DeleteOffsets(answer) => format!("{:?}", answer.error),
            Answer::DeleteGroups(groups) => {
                let mut shown = String::from("deleted:");
                for group in groups {
                    let _ = write!(shown, " {} {:?}", group.group, group.error);
                }
                shown
            }
            Answer::DescribeGroups(groups) => {
                let shown: Vec<_> = groups.iter().map(|group| self.show_described(group)).collect();
                shown.join("\n")
            }
            Answer::ListGroups(list) => {
                let mut shown = format!("{:?}:", list.error);
                for group in list.groups {
                    let _ =
                        write!(shown, " {} ({} {} {:?})", group.group, group.kind, group.state, group.protocol_type);
                }
                shown
            }
        }
    }

    /// A text with ids as they are shown.
    fn named(&self, text: &str) -> String {
        self.id_names.iter().fold(text.to_owned(), |text, (id, name)| text.replace(id, name))
    }

    fn known_or_text(&self, id: &str) -> String {
        self.id_names.get(id).cloned().unwrap_or_else(|| id.to_owned())
    }

    fn show_join(&mut self, client: &str, join: JoinAnswer) -> String {
        let is_told = matches!(join.error, ErrorCode::None | ErrorCode::MemberIdRequired);
        let id = if is_told { self.show_id(client, &join.member) } else { self.known_or_text(&join.member) };
        if is_told {
            let known = self.clients.entry(client.to_owned()).or_default();
            known.id = (*join.member).to_owned();
            known.generation = join.generation.0;
        }
        if join.error != ErrorCode::None {
            return if id.is_empty() { format!("{:?}", join.error) } else { format!("{:?} for {id}", join.error) };
        }
        let leader = self.known_or_text(&join.leader);
        let protocol_type = join.protocol_type.as_deref().unwrap_or("no type");
        let protocol = join.protocol_name.as_deref().unwrap_or("no protocol");
        let mut shown =
            format!("{id} is in generation {} by {protocol_type}/{protocol}, led by {leader}", join.generation);
        if join.skip_assignment {
            shown.push_str(", keeping the assignment");
        }
        for member in join.members {
            let (id, instance) = (self.known(&member.member), member.instance.map(|id| format!("({id})")));
            let _ = write!(shown, " {id}{}[{}]", instance.unwrap_or_default(), show_metadata(&member.metadata));
        }
        shown
    }

    fn show_described(&self, group: &DescribedGroup) -> String {
        let mut shown = format!("{} {}", group.group, group.state);
        if group.error != ErrorCode::None {
            let _ = write!(shown, " {:?} {:?}", group.error, group.message.as_deref().unwrap_or(""));
        }
        if !group.protocol_type.is_empty() {
            let _ = write!(shown, " {}/{}", group.protocol_type, group.protocol);
        }
        for member in &group.members {
            let instance = member.instance.as_ref().map(|id| format!("({id})")).unwrap_or_default();
            let (id, host) = (self.known(&member.member), &member.client_host);
            let _ = write!(
                shown,
                " {id}{instance}@{host}[{}]={}",
                show_metadata(&member.metadata),
                text(&member.assignment)
            );
        }
        shown
    }

    fn join(&mut self, command: &Command) {
        let (group, client) = (command.word(1), command.word(2));
        let id = if command.has("anew") { String::new() } else { self.id(command, client) };
        let session_timeout_ms = command.value("session", 10_000);
        let protocols = command.values("protocols").map_or_else(|| vec!["range:-".to_owned()], <[String]>::to_vec);
        let joiner = Joiner {
            ticket: self.ticket(client),
            api_version: command.value("version", 9),
            member: &id,
            instance: command.text("instance"),
            client_id: client.into(),
            client_host: command.text("host").unwrap_or("/127.0.0.1").into(),
            session_timeout_ms,
            rebalance_timeout_ms: command.value("rebalance", 60_000),
            protocol_type: command.text("type").unwrap_or("consumer"),
            protocols: protocols.iter().map(|protocol| parse_protocol(protocol)).collect(),
            reason: command.text("reason").unwrap_or(""),
        };
        let now = self.now();
        self.coordinator.join(now, group, &joiner);
    }

    fn sync(&mut self, command: &Command) {
        let (group, client) = (command.word(1), command.word(2));
        let id = self.id(command, client);
        let generation = self.generation(command, client);
        let assignment = command.values("assign").unwrap_or_default().iter().map(|assigned| {
            let (member, what) = assigned.split_once(':').expect("member:assignment");
            let id = self.id_names.iter().find(|(_, name)| *name == member).map_or(member, |(id, _)| id);
            (MemberId::from(id), Bytes::copy_from_slice(what.as_bytes()))
        });
        let assignment = assignment.collect();
        let syncer = Syncer {
            ticket: self.ticket(client),
            member: &id,
            instance: command.text("instance"),
            generation,
            protocol_type: command.text("type"),
            protocol_name: command.text("protocol"),
            assignment,
        };
        let now = self.now();
        self.coordinator.sync(now, group, syncer);
    }

    fn leave(&mut self, command: &Command) {
        let (group, client) = (command.word(1), command.word(2));
        let ticket = self.ticket(client);
        let instances = command.values("instances").unwrap_or_default();
        let ids: Vec<String> = match command.values("ids") {
            Some(shown) => shown.iter().map(|shown| self.real_id(shown)).collect(),
            None if instances.is_empty() => vec![self.id(command, client)],
            None => Vec::new(),
        };
        let by_id = ids.iter().map(|id| Leaver { member: id, instance: command.text("instance"), reason: "" });
        let by_instance = instances.iter().map(|instance| Leaver { member: "", instance: Some(instance), reason: "" });
        let leavers: Vec<_> = by_id.chain(by_instance).collect();
        let now = self.now();
        self.coordinator.leave(now, ticket, group, &leavers);
    }

    fn real_id(&self, shown: &str) -> String {
        self.id_names.iter().find(|(_, name)| *name == shown).map_or(shown, |(id, _)| id).to_owned()
    }

    /// `commit g client offsets=(orders-0:5 orders-1:6:epoch:metadata)`
    fn commit_offsets(&mut self, command: &Command) {
        let (group, client) = (command.word(1), command.word(2));
        let id = if command.has("alone") { String::new() } else { self.id(command, client) };
        let generation = if command.has("alone") { GenerationId::NONE } else { self.generation(command, client) };
        let api_version = command.value("version", 9);
        let mut to_commit: Vec<TopicToCommit<'_>> = Vec::new();
        for offset in command.values("offsets").unwrap_or_default() {
            let mut parts = offset.splitn(4, ':');
            let (topic, partition) = parts.next().and_then(|part| part.rsplit_once('-')).expect("topic-partition");
            let offset = OffsetToCommit {
                partition: PartitionIndex(partition.parse().expect("a partition")),
                offset: Offset(parts.next().and_then(|part| part.parse().ok()).expect("an offset")),
                leader_epoch: LeaderEpoch(
                    parts.next().filter(|part| !part.is_empty()).map_or(-1, |part| part.parse().expect("an epoch")),
                ),
                metadata: parts.next().unwrap_or(""),
            };
            to_commit.push(TopicToCommit { topic: self.topic(topic, api_version >= 10), partitions: vec![offset] });
        }
        let ticket = self.ticket(client);
        let committer = Committer { api_version, member: &id, instance: command.text("instance"), generation };
        let (now, retention_ms) = (self.now(), command.value("retention", -1));
        self.coordinator.commit_offsets(now, ticket, group, committer, retention_ms, &to_commit, &self.topics);
    }

    /// `fetch g client of=(orders-0 orders-1)`, or all
    fn fetch_offsets(&mut self, command: &Command) {
        let (group, client) = (command.word(1), command.word(2));
        let by_id = command.value("version", 9) >= 10;
        let ticket = self.ticket(client);
        let asked = command.values("of").map(|of| {
            let asked = of.iter().map(|asked| {
                let (topic, partition) = asked.rsplit_once('-').expect("topic-partition");
                let partition = PartitionIndex(partition.parse().expect("a partition"));
                AskedTopic { topic: self.topic(topic, by_id), partitions: vec![partition] }
            });
            asked.collect::<Vec<_>>()
        });
        let stable = command.has("stable");
        self.coordinator.fetch_offsets(ticket, group, asked.as_deref(), by_id, stable, &self.topics);
    }
}

impl Story for GroupStory {
    fn run(&mut self, command: &Command) -> String {
        let mut out = String::new();
        let now = self.now();
        match command.name() {
            "configure" => {
                let settings = &mut self.settings;
                settings.initial_rebalance_delay_ms = command.value("delay", settings.initial_rebalance_delay_ms);
                settings.members_max = command.value("members", settings.members_max);
                settings.offset_metadata_max = command.value("metadata", settings.offset_metadata_max);
                settings.offsets_retention_ms = command.value("retention", settings.offsets_retention_ms);
                settings.offsets_retention_check_interval_ms =
                    command.value("check", settings.offsets_retention_check_interval_ms);
                settings.batch_bytes_max = command.value("batch", settings.batch_bytes_max);
                settings.members_bytes_max = command.value("bytes", settings.members_bytes_max);
                self.restart();
            }
            "topics" => self.set_topics(command.words_from(1)),
            "drop" => {
                let gone: BTreeSet<Arc<str>> = command.words_from(1).iter().map(|name| name.as_str().into()).collect();
                let left: Vec<_> =
                    self.topic_names.iter().filter(|name| !gone.contains(name.as_str())).cloned().collect();
                self.set_topics(&left);
                self.coordinator.on_topics_deleted(now, &gone);
            }
            "join" => self.join(command),
            "sync" => self.sync(command),
            "heartbeat" => {
                let (group, client) = (command.word(1), command.word(2));
                let (id, generation) = (self.id(command, client), self.generation(command, client));
                let ticket = self.ticket(client);
                self.coordinator.heartbeat(now, ticket, group, &id, command.text("instance"), generation);
            }
            "leave" => self.leave(command),
            "commit" if command.words_from(1).is_empty() => self.commit(),
            "commit" => self.commit_offsets(command),
            "fetch" => self.fetch_offsets(command),
            "delete-offsets" => {
                let ticket = self.ticket("admin");
                let asked: Vec<_> = command
                    .words_from(2)
                    .iter()
                    .map(|asked| {
                        let (topic, partition) = asked.rsplit_once('-').expect("topic-partition");
                        (topic, vec![PartitionIndex(partition.parse().expect("a partition"))])
                    })
                    .collect();
                self.coordinator.delete_offsets(now, ticket, command.word(1), &asked, &self.topics);
            }
            "delete" => {
                let ticket = self.ticket("admin");
                let groups: Vec<_> = command.words_from(1).iter().map(String::as_str).collect();
                self.coordinator.delete_groups(now, ticket, &groups);
            }
            "describe" => {
                let ticket = self.ticket("admin");
                let groups: Vec<_> = command.words_from(1).iter().map(String::as_str).collect();
                self.coordinator.describe_groups(ticket, &groups, command.value("version", 6));
            }
            "list" => {
                let ticket = self.ticket("admin");
                let of = |name| command.values(name).unwrap_or_default().iter().map(String::as_str).collect::<Vec<_>>();
                self.coordinator.list_groups(ticket, &ListFilter::new(of("states"), of("types")));
            }
            "pass" => self.pass(command.word(1).parse().expect("milliseconds"), &mut out),
            "hold" => self.hold = true,
            "release" => {
                self.hold = false;
                self.commit();
            }
            "refuse" => self.refuse = Some(error_named(command.word(1))),
            "restart" => self.restart(),
            "load" => self.coordinator = GroupCoordinator::loading(Arc::new(self.settings.clone()), Seed(1)),
            "lose" => self.coordinator.fail(),
            other => panic!("no command {other}"),
        }
        self.settle(&mut out);
        out
    }
}

fn show_fetched(group: &FetchedGroup) -> String {
    let mut shown = format!("{:?}:", group.error);
    for topic in &group.topics {
        for offset in &topic.partitions {
            let _ = write!(shown, " {}-{} = {}", topic.name, offset.partition, offset.offset);
            if offset.leader_epoch.0 >= 0 {
                let _ = write!(shown, " epoch {}", offset.leader_epoch);
            }
            if !offset.metadata.is_empty() {
                let _ = write!(shown, " {:?}", offset.metadata);
            }
            if offset.error != ErrorCode::None {
                let _ = write!(shown, " {:?}", offset.error);
            }
        }
    }
    shown
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `range:orders,payments` is a strategy with a subscription to two topics; `range:-` has one to none, and `range:=x` has
/// no subscription but the text `x`.
fn parse_protocol(protocol: &str) -> (ProtocolName, Bytes) {
    let (name, metadata) = protocol.split_once(':').unwrap_or((protocol, "-"));
    if let Some(text) = metadata.strip_prefix('=') {
        return (name.into(), Bytes::copy_from_slice(text.as_bytes()));
    }
    let topics: Vec<_> = metadata.split(',').filter(|topic| *topic != "-").collect();
    let mut bytes = vec![0, 0];
    bytes.extend(u32::try_from(topics.len()).expect("few").to_be_bytes());
    for topic in topics {
        bytes.extend(u16::try_from(topic.len()).expect("short").to_be_bytes());
        bytes.extend(topic.as_bytes());
    }
    (name.into(), bytes.into())
}

/// Metadata as [`parse_protocol`] takes it.
fn show_metadata(bytes: &[u8]) -> String {
    let Some((b"\0\0", mut rest)) = bytes.split_at_checked(2) else { return text(bytes) };
    let mut topics = Vec::new();
    rest = &rest[4..];
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let (topic, after) = after.split_at(usize::from(u16::from_be_bytes(*length)));
        topics.push(text(topic));
        rest = after;
    }
    if topics.is_empty() { "-".into() } else { topics.join(",") }
}

fn error_named(name: &str) -> ErrorCode {
    match name {
        "KafkaStorageError" => ErrorCode::KafkaStorageError,
        "MessageTooLarge" => ErrorCode::MessageTooLarge,
        "NotLeaderOrFollower" => ErrorCode::NotLeaderOrFollower,
        other => panic!("name {other} here to have it refused"),
    }
}
