//! What the trace and the history of a run say, as what is drawn.

use super::json::Json;
use super::{Told, names};
use crate::clock::WorldTime;
use crate::history::{ClientIndex, OperationId, Outcome};
use crate::node::NodeIndex;
use crate::run::{kind_of, kind_of_act};
use crate::script::{Act, ClientAct, ClientKind, Fault, Script};
use crate::trace::{Entry, Fact, Hop, Leg, Place, Trace, tell_outcome, tell_what};
use crate::world::client_of;
use core::time::Duration;
use grete_core::ids::ConnectionId;
use std::collections::{BTreeMap, BTreeSet};

/// Where something is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lane {
    /// A client of the script, or the auditor after them.
    Client(ClientIndex),
    Node(NodeIndex),
}

/// All that is drawn. Events are named by their places in the trace.
pub(super) struct Facts {
    /// From top to bottom, with name and description.
    lanes: Vec<(Lane, String, String)>,
    messages: Vec<Message>,
    operations: Vec<Drawn>,
    faults: Vec<FaultDrawn>,
    states: Vec<(usize, WorldTime, Option<WorldTime>, String)>,
    /// The ends of each log as they change.
    pub(super) logs: BTreeMap<(NodeIndex, String), Vec<Ends>>,
    groups: BTreeMap<(NodeIndex, String), Vec<GroupAt>>,
    serving: BTreeSet<NodeIndex>,
    auditor: ClientIndex,
    /// The events at which operations began and ended.
    pub(super) began: BTreeMap<OperationId, usize>,
    pub(super) ended: BTreeMap<OperationId, usize>,
}

/// A request with its response.
struct Message {
    client: usize,
    node: usize,
    what: String,
    /// When it was asked, came, was answered and taken, and the events.
    legs: [Option<(usize, WorldTime)>; 4],
}

/// An operation.
struct Drawn {
    lane: usize,
    began: WorldTime,
    ended: Option<WorldTime>,
    outcome: u8,
    what: String,
    result: String,
    event: Option<usize>,
}

struct FaultDrawn {
    lane: usize,
    from: WorldTime,
    to: WorldTime,
    kind: &'static str,
    text: String,
    event: usize,
}

/// A group as it is from an event on.
struct GroupAt {
    event: usize,
    at: WorldTime,
    text: String,
}

/// The ends of a log from an event on; none where it cannot be used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    pub(super) event: usize,
    pub(super) at: WorldTime,
    /// Start, flushed end, visible end, log end.
    pub(super) ends: Option<[i64; 4]>,
    /// Whether the node serves, so that clients can see it. A log that is being recovered grows up to what it will be.
    pub(super) serves: bool,
}

/// The visible end of a log has gone back while its node served, or over a restart.
pub(super) struct Fall {
    /// The place of the point at which it is back.
    pub(super) point: usize,
    pub(super) from: i64,
    pub(super) to: i64,
}

/// Where the visible end went back.
pub(super) fn falls(points: &[Ends]) -> Vec<Fall> {
    let mut last = None;
    let mut found = Vec::new();
    for (point, ends) in points.iter().enumerate().filter(|(_, ends)| ends.serves) {
        let Some([_, _, to, _]) = ends.ends else { continue };
        if let Some(from) = last.replace(to).filter(|from| to < *from) {
            found.push(Fall { point, from, to });
        }
    }
    found
}

impl Facts {
    pub(super) fn of(told: &Told<'_>) -> Self {
        let mut facts = Self {
            lanes: lanes(told.script),
            messages: Vec::new(),
            operations: Vec::new(),
            faults: Vec::new(),
            states: Vec::new(),
            logs: BTreeMap::new(),
            groups: BTreeMap::new(),
            serving: BTreeSet::new(),
            auditor: ClientIndex(told.script.clients.len()),
            began: BTreeMap::new(),
            ended: BTreeMap::new(),
        };
        let mut under_way = BTreeMap::new();
        for (event, entry) in told.trace.entries().iter().enumerate() {
            match &entry.fact {
                Fact::Nothing => {}
                Fact::Hop(hop) => facts.hop(&mut under_way, event, entry.at, hop),
                Fact::Began(id) => {
                    facts.began.insert(*id, event);
                }
                Fact::Ended(id) => {
                    facts.ended.insert(*id, event);
                }
                Fact::Act(act) => facts.act(told.script, event, entry, *act),
                Fact::State(node, state) => facts.state(*node, event, entry.at, state),
                Fact::Log(node, ends) => {
                    let name = format!("{}/{}", ends.topic, ends.partition.partition);
                    let usable = ends.unavailable.is_none();
                    let ends = [ends.log_start.0, ends.flushed_end.0, ends.durable_end.0, ends.log_end.0];
                    facts.ends((*node, name), event, entry.at, usable.then_some(ends));
                }
                Fact::LogGone(node, name) => {
                    facts.ends((*node, name.clone()), event, entry.at, None);
                }
                Fact::Group(node, view) => {
                    let text = entry.text.split_whitespace().skip(2).collect::<Vec<_>>().join(" ");
                    let key = (*node, view.group.to_string());
                    facts.groups.entry(key).or_default().push(GroupAt { event, at: entry.at, text });
                }
            }
        }
        facts.operations(told);
        facts
    }

    /// The place of a lane.
    pub(super) fn lane(&self, lane: Lane) -> Option<usize> {
        self.lanes.iter().position(|(of, ..)| *of == lane)
    }

    fn ends(&mut self, key: (NodeIndex, String), event: usize, at: WorldTime, ends: Option<[i64; 4]>) {
        let serves = self.serving.contains(&key.0);
        self.logs.entry(key).or_default().push(Ends { event, at, ends, serves });
    }

    fn hop(&mut self, under_way: &mut BTreeMap<(ConnectionId, i32), usize>, event: usize, at: WorldTime, hop: &Hop) {
        let client = self.lane(Lane::Client(client_of(hop.connection).unwrap_or(self.auditor)));
        let (Some(client), Some(node)) = (client, self.lane(Lane::Node(NodeIndex(hop.node)))) else { return };
        let key = (hop.connection, hop.correlation);
        let leg = match hop.leg {
            Leg::Asked => {
                let what = format!("{} #{}", hop.api_name().unwrap_or_default(), hop.correlation);
                under_way.insert(key, self.messages.len());
                self.messages.push(Message { client, node, what, legs: [Some((event, at)), None, None, None] });
                return;
            }
            Leg::Came => 1,
            Leg::Answered => 2,
            Leg::Taken => 3,
        };
        let message = under_way.get(&key).and_then(|place| self.messages.get_mut(*place));
        if let Some(message) = message {
            message.legs[leg].get_or_insert((event, at));
        }
    }

    fn act(&mut self, script: &Script, event: usize, entry: &Entry, act: usize) {
        let Some((_, act)) = script.acts.get(act) else { return };
        let Some((lane, kind, time)) = fault(act) else { return };
        let Some(lane) = self.lane(lane) else { return };
        let (from, text) = (entry.at, entry.text.trim_start_matches("act").trim().to_owned());
        let to = from.after(time).min(script.heal_at.max(from));
        self.faults.push(FaultDrawn { lane, from, to, kind, text, event });
    }

    fn state(&mut self, node: NodeIndex, event: usize, at: WorldTime, state: &str) {
        let serves = state == "Serving";
        if serves {
            self.serving.insert(node);
        } else {
            self.serving.remove(&node);
        }
        for (_, points) in self.logs.iter_mut().filter(|((of, _), _)| *of == node) {
            let last = points.last().copied().filter(|last| serves && last.ends.is_some());
            points.extend(last.map(|last| Ends { event, at, serves, ..last }));
        }
        let Some(lane) = self.lane(Lane::Node(node)) else { return };
        if let Some(last) = self.states.iter_mut().rev().find(|last| last.0 == lane) {
            last.2 = Some(at);
        }
        self.states.push((lane, at, None, state.to_owned()));
    }

    fn operations(&mut self, told: &Told<'_>) {
        let name = names(told.script);
        for (place, operation) in told.history.operations().iter().enumerate() {
            let id = OperationId(place);
            let outcome = match operation.outcome {
                Outcome::Done(_) => 0,
                Outcome::Failed(_) => 1,
                Outcome::Unknown => 2,
                Outcome::UnderWay => 3,
            };
            self.operations.push(Drawn {
                lane: self.lane(Lane::Client(operation.client)).unwrap_or(0),
                began: operation.began,
                ended: operation.ended,
                outcome,
                what: tell_what(&operation.what, &*name),
                result: tell_outcome(&operation.outcome, &*name),
                event: self.began.get(&id).copied(),
            });
        }
    }

    pub(super) fn write(&self, json: &mut Json, trace: &Trace) {
        json.key("lanes").list(&self.lanes, |json, (lane, name, about)| {
            json.object(|json| {
                json.key("name").text(name);
                json.key("kind").text(if matches!(lane, Lane::Node(_)) { "node" } else { "client" });
                json.key("about").text(about);
            });
        });
        let entries = trace.entries();
        json.key("events").object(|json| {
            json.key("at").list(entries, |json, entry| json.number(entry.at.0));
            json.key("lane").list(entries, |json, entry| json.place(self.lane_of(entry.place)));
            json.key("sign").text(&entries.iter().map(|entry| entry.sign).collect::<String>());
            json.key("text").list(entries, |json, entry| json.text(&entry.text));
        });
        json.key("messages").list(&self.messages, |json, message| {
            json.list([()], |json, ()| {
                json.place(Some(message.client));
                json.place(Some(message.node));
                message.legs.iter().for_each(|leg| json.number(leg.map_or(-1, |(_, at)| i128::from(at.0))));
                json.text(&message.what);
                json.place(message.legs[0].map(|(event, _)| event));
            });
        });
        json.key("operations").list(&self.operations, |json, of| {
            json.list([()], |json, ()| {
                json.place(Some(of.lane));
                json.number(of.began.0);
                json.number(of.ended.map_or(-1, |at| i128::from(at.0)));
                json.number(of.outcome);
                json.text(&of.what);
                json.text(&of.result);
                json.place(of.event);
            });
        });
        json.key("faults").list(&self.faults, |json, fault| {
            json.list([()], |json, ()| {
                json.place(Some(fault.lane));
                json.number(fault.from.0);
                json.number(fault.to.0);
                json.text(fault.kind);
                json.text(&fault.text);
                json.place(Some(fault.event));
            });
        });
        json.key("states").list(&self.states, |json, (lane, from, to, state)| {
            json.list([()], |json, ()| {
                json.place(Some(*lane));
                json.number(from.0);
                json.number(to.map_or(-1, |at| i128::from(at.0)));
                json.text(state);
            });
        });
        json.key("logs").list(&self.logs, |json, ((node, name), points)| {
            json.object(|json| {
                json.key("node").number(node.0 as u64);
                json.key("name").text(name);
                json.key("points").list(points, |json, point| {
                    json.list([()], |json, ()| {
                        json.number(point.at.0);
                        json.number(point.event as u64);
                        point.ends.unwrap_or([-1; 4]).iter().for_each(|end| json.number(*end));
                        json.number(u8::from(point.serves));
                    });
                });
                json.key("falls").list(falls(points), |json, fall| {
                    json.list([fall.point as i64, fall.from, fall.to], Json::number);
                });
            });
        });
        json.key("groups").list(&self.groups, |json, ((node, name), points)| {
            json.object(|json| {
                json.key("node").number(node.0 as u64);
                json.key("name").text(name);
                json.key("points").list(points, |json, point| {
                    json.list([()], |json, ()| {
                        json.number(point.at.0);
                        json.number(point.event as u64);
                        json.text(&point.text);
                    });
                });
            });
        });
    }

    fn lane_of(&self, place: Place) -> Option<usize> {
        match place {
            Place::World => None,
            Place::Node(node) | Place::Shard(node, _) => self.lane(Lane::Node(node)),
            Place::Client(client) => self.lane(Lane::Client(client)),
        }
    }
}

/// The lanes of a script: who writes above the nodes, who reads below, so that arrows go down as records do.
fn lanes(script: &Script) -> Vec<(Lane, String, String)> {
    let reads = |kind: &ClientKind| matches!(kind, ClientKind::Consumer(_));
    let clients = |which: bool| {
        let all = script.clients.iter().enumerate().filter(move |(_, plan)| reads(&plan.kind) == which);
        all.map(|(place, plan)| (Lane::Client(ClientIndex(place)), plan.name.to_string(), plan.to_string()))
    };
    let nodes = script.nodes.iter().enumerate().map(|(place, plan)| {
        let about = format!("{} shards, {} log directories", plan.shards, plan.dirs);
        (Lane::Node(NodeIndex(place)), format!("n{place}"), about)
    });
    let about = "creates the topics before anything goes wrong, and reads what is there at the end".to_owned();
    let auditor = (Lane::Client(ClientIndex(script.clients.len())), "auditor".to_owned(), about);
    clients(false).chain(nodes).chain(clients(true)).chain([auditor]).collect()
}

/// Where a fault is drawn, its kind, and how long it takes.
fn fault(act: &Act) -> Option<(Lane, &'static str, Duration)> {
    let Act::Fault(fault) = act else {
        return match act {
            Act::Client(client, act @ ClientAct::Crash(time)) => {
                Some((Lane::Client(*client), kind_of_act(act)?, *time))
            }
            Act::Client(..) | Act::Fault(_) => None,
        };
    };
    let (lane, time) = match fault {
        Fault::End { node, restart_after, .. } => (Lane::Node(*node), *restart_after),
        Fault::EndAt { node, .. } | Fault::Clock { node, .. } | Fault::Drift { node, .. } => {
            (Lane::Node(*node), Duration::ZERO)
        }
        Fault::Pause { node, time } | Fault::Disk { node, time, .. } => (Lane::Node(*node), *time),
        Fault::Network { client, node, time, .. } => (client.map_or(Lane::Node(*node), Lane::Client), *time),
    };
    Some((lane, kind_of(fault), time))
}
