//! The members of groups in a story: each with a connection of its own, by the name that the story gives it.
//!
//! A member's id is drawn; the story shows it as the member's name.

use crate::runner::Command;
use crate::story::{code, told};
use bytes::Bytes;
use core::time::Duration;
use grete_core::shard::Shard;
use grete_sim::client::groups::{self, Member};
use grete_sim::client::{CallError, Client, operations};
use grete_sim::drive::Drive;
use grete_sim::node::NodeIndex;
use grete_sim::world::World;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{GroupId, JoinGroupRequest, JoinGroupResponse, SyncGroupRequest, SyncGroupResponse};
use kafka_protocol::protocol::StrBytes;
use std::collections::BTreeMap;

const JOIN_VERSION: i16 = 9;
const SYNC_VERSION: i16 = 5;
/// How long an answer that does not have to wait for other members takes at most.
const PROMPT: Duration = Duration::from_millis(50);

/// All members, by name.
#[derive(Default)]
pub(crate) struct Members {
    members: BTreeMap<String, Known>,
}

struct Known {
    client: Client,
    member: Member,
    /// What it waits for.
    asked: Option<Asked>,
}

#[derive(Clone, Copy)]
enum Asked {
    Join,
    Sync,
}

impl Members {
    pub(crate) fn reconnect(&mut self, world: &mut World<Shard>) {
        for known in self.members.values_mut() {
            known.client.reconnect(world);
            known.asked = None;
        }
    }

    pub(crate) fn run(&mut self, command: &Command, world: &mut World<Shard>, node: NodeIndex) -> String {
        let (group, name) = (command.word(1), command.word(2));
        if !self.members.contains_key(name) {
            let client = Client::connect(world, node);
            self.members.insert(name.to_owned(), Known { client, member: Member::default(), asked: None });
        }
        let ids: BTreeMap<String, String> =
            self.members.iter().map(|(name, known)| (name.clone(), known.member.id.clone())).collect();
        let Some(known) = self.members.get_mut(name) else { return String::new() };
        let mut member = known.member.clone();
        member.generation = command.value("generation", member.generation);
        match command.name() {
            "find" => told(operations::find_coordinator(world, &mut known.client, group), |()| String::new()),
            "join" => {
                known.join(command, world);
                world.run_for(PROMPT);
                self.answers(world)
            }
            "sync" => {
                known.sync(command, world, &member, &ids);
                world.run_for(PROMPT);
                self.answers(world)
            }
            "heartbeat" => told(groups::heartbeat(world, &mut known.client, group, &member), |()| String::new()),
            "leave" => {
                let left = told(groups::leave(world, &mut known.client, group, &member), |()| String::new());
                world.run_for(PROMPT);
                [left, self.answers(world)].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
            }
            "commit" => {
                let place = (command.word(3), command.value("partition", 0));
                let by = (!command.has("outside")).then_some(&member);
                let offset = command.value("offset", 0);
                told(groups::commit(world, &mut known.client, group, by, place, offset), |()| String::new())
            }
            "committed" => {
                let partition = command.value("partition", 0);
                let committed = operations::committed(world, &mut known.client, group, command.word(3), partition);
                told(committed, |offset| offset.map_or("nothing".to_owned(), |offset| format!("offset {offset}")))
            }
            other => panic!("`{other}` is no command"),
        }
    }

    /// What members were told since it was looked at last.
    pub(crate) fn answers(&mut self, world: &mut World<Shard>) -> String {
        let mut lines = Vec::new();
        let names: BTreeMap<String, String> =
            self.members.iter().map(|(name, known)| (known.member.id.clone(), name.clone())).collect();
        for (name, known) in &mut self.members {
            if let Some(answer) = known.answer(world, name, &names) {
                lines.push(format!("{name}: {answer}"));
            }
        }
        lines.join("\n")
    }
}

impl Known {
    fn join(&mut self, command: &Command, world: &mut World<Shard>) {
        let protocols = command.values("protocols").map_or(vec!["range".to_owned()], <[String]>::to_vec);
        let protocol =
            |name: &String| JoinGroupRequestProtocol::default().with_name(text(name)).with_metadata(Bytes::new());
        let request = JoinGroupRequest::default()
            .with_group_id(GroupId(text(command.word(1))))
            .with_session_timeout_ms(command.value("session-ms", 30_000))
            .with_rebalance_timeout_ms(60_000)
            .with_member_id(text(&self.member.id))
            .with_protocol_type(text(command.text("type").unwrap_or("consumer")))
            .with_protocols(protocols.iter().map(protocol).collect());
        self.client.send(world, &request, JOIN_VERSION);
        self.asked = Some(Asked::Join);
    }

    /// `assign=(NAME:WHAT ...)`, by the leader.
    fn sync(&mut self, command: &Command, world: &mut World<Shard>, member: &Member, ids: &BTreeMap<String, String>) {
        let assignments = command.values("assign").unwrap_or_default().iter().map(|assignment| {
            let (name, what) = assignment.split_once(':').expect("an assignment is NAME:WHAT");
            SyncGroupRequestAssignment::default()
                .with_member_id(text(&ids[name]))
                .with_assignment(Bytes::from(what.to_owned()))
        });
        let request = SyncGroupRequest::default()
            .with_group_id(GroupId(text(command.word(1))))
            .with_generation_id(member.generation)
            .with_member_id(text(&member.id))
            .with_protocol_type(Some(text("consumer")))
            .with_protocol_name(Some(text("range")))
            .with_assignments(assignments.collect());
        self.client.send(world, &request, SYNC_VERSION);
        self.asked = Some(Asked::Sync);
    }

    fn answer(&mut self, world: &mut World<Shard>, name: &str, names: &BTreeMap<String, String>) -> Option<String> {
        let answer = match self.asked? {
            Asked::Join => self.joined(world, name, names)?,
            Asked::Sync => match self.client.receive::<SyncGroupResponse>(world, SYNC_VERSION, Duration::ZERO) {
                Ok(response) if response.error_code == 0 => {
                    format!("has '{}'", String::from_utf8_lossy(&response.assignment))
                }
                Ok(response) => code(response.error_code),
                Err(CallError::TimedOut) => return None,
                Err(error) => format!("{error:?}"),
            },
        };
        self.asked = None;
        Some(answer)
    }

    fn joined(&mut self, world: &mut World<Shard>, name: &str, names: &BTreeMap<String, String>) -> Option<String> {
        match self.client.receive::<JoinGroupResponse>(world, JOIN_VERSION, Duration::ZERO) {
            Ok(response) => {
                if !response.member_id.is_empty() {
                    self.member.id = response.member_id.to_string();
                }
                if response.error_code != 0 {
                    return Some(code(response.error_code));
                }
                self.member.generation = response.generation_id;
                let known = |id: &str| match id {
                    id if *id == self.member.id => name.to_owned(),
                    id => names.get(id).cloned().unwrap_or_else(|| "?".to_owned()),
                };
                let mut members: Vec<String> = response.members.iter().map(|member| known(&member.member_id)).collect();
                members.sort();
                let protocol = response.protocol_name.as_deref().unwrap_or("-").to_owned();
                Some(format!(
                    "generation {} by {protocol}, led by {}, members [{}]",
                    response.generation_id,
                    known(&response.leader),
                    members.join(" ")
                ))
            }
            Err(CallError::TimedOut) => None,
            Err(error) => Some(format!("{error:?}")),
        }
    }
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}
