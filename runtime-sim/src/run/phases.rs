//! The phases of a run: setting up, faults, rest, and reading what is there.

use super::Run;
use crate::actor::Input;
use crate::checker::{AtRest, LogAtRest, RESTART, Violation, unlike};
use crate::client::operations::{self, TopicShown};
use crate::client::{CallError, Client as Caller, admin, inside};
use crate::clock::WorldTime;
use crate::disk::{self, Survival};
use crate::draw::{Stream, WorldSeed};
use crate::drive::Drive;
use crate::history::{Answer, ClientIndex, Outcome, TopicPartition, What};
use crate::machine::Machine;
use crate::node::{NodeIndex, NodeState};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The checker that demands that all comes to rest when nothing goes wrong any more.
pub const PROGRESS: &str = "progress";

/// How long the nodes have to serve at the beginning, where nothing is wrong.
const BOOT: Duration = Duration::from_secs(30);

/// The node that holds what is read at the end.
const AUDITED: NodeIndex = NodeIndex(0);

/// How often a log is read again of which something is deleted while it is read.
const READS_MAX: u32 = 10;
const OFFSET_OUT_OF_RANGE: i16 = 1;

/// How often it is looked whether all has come to rest.
const LOOK: Duration = Duration::from_millis(50);

/// The codes of a coordinator that is not there yet.
const LOADING: i16 = 14;
const NOT_COORDINATOR: i16 = 16;

fn stuck(what: String) -> Violation {
    Violation { checker: PROGRESS, what, operations: Vec::new(), partition: None, client: None }
}

impl<M: Machine> Run<M> {
    /// The client that sets up and audits: it comes after those of the script.
    fn auditor(&self) -> ClientIndex {
        ClientIndex(self.script.clients.len())
    }

    /// Starts the nodes, creates the topics, and lets the clients begin.
    pub(super) fn set_up(&mut self) -> Result<(), Violation> {
        let script = Arc::clone(&self.script);
        for node in (0..script.nodes.len()).map(NodeIndex) {
            if !self.world.start_and_wait(node, BOOT) {
                return Err(stuck(format!("n{} does not start: {:?}", node.0, self.world.state(node))));
            }
        }
        let mut caller = Caller::connect(&mut self.world, AUDITED);
        for topic in &script.topics {
            let what = What::CreateTopic {
                topic: Arc::clone(&topic.name),
                partitions: topic.partitions,
                configs: topic.configs.clone(),
            };
            let operation = self.history.begin(self.auditor(), self.world.now(), what);
            let configs: Vec<(&str, &str)> = topic.configs.iter().map(|(key, value)| (&**key, &**value)).collect();
            let created =
                operations::create_topic(&mut self.world, &mut caller, &topic.name, topic.partitions, &configs);
            if let Err(error) = created {
                return Err(stuck(format!("{} cannot be created: {error:?}", topic.name)));
            }
            self.history.end(operation, self.world.now(), Outcome::Done(Answer::Nothing));
        }
        self.world.close(caller.connection());
        (0..self.clients.len()).for_each(|client| self.input(ClientIndex(client), Input::Start));
        Ok(())
    }

    /// Waits until all has come to rest.
    pub(super) fn come_to_rest(&mut self) -> Result<(), Violation> {
        let limit = self.world.now().max(self.script.heal_at).after(self.script.rest_within);
        loop {
            let all_serve = self.nodes().all(|node| *self.world.state(node) == NodeState::Serving);
            if all_serve && self.calm_since.is_none() {
                self.calm_since = Some(self.world.now());
            }
            if all_serve && self.clients.iter().all(|client| client.actor.is_at_rest()) {
                return Ok(());
            }
            if self.world.now() >= limit {
                return Err(self.tell_unrest());
            }
            let next = self.world.now().after(LOOK).min(limit);
            while self.advance(next) {}
        }
    }

    fn tell_unrest(&self) -> Violation {
        let within = self.script.rest_within;
        let down = self.nodes().find(|node| *self.world.state(*node) != NodeState::Serving);
        if let Some(node) = down {
            let notice = self.world.notices(node).last().map_or("", |notice| notice.text.as_str());
            return stuck(format!("n{} is {:?} after {within:?}: {notice}", node.0, self.world.state(node)));
        }
        let restless = self.clients.iter().position(|client| !client.actor.is_at_rest());
        let client = restless.map(ClientIndex);
        let name = client.map_or("", |client| &self.script.clients[client.0].name);
        let operations = self.history.operations().iter().enumerate();
        let under_way = operations
            .filter(|(_, operation)| Some(operation.client) == client && operation.outcome == Outcome::UnderWay)
            .map(|(at, _)| crate::history::OperationId(at));
        let operations = under_way.take(3).collect();
        let waits_for = client.map_or_else(String::new, |client| self.clients[client.0].actor.waits_for());
        let what = format!("{name} has not come to rest {within:?} after the last fault: {waits_for}");
        Violation { operations, client, ..stuck(what) }
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeIndex> + use<M> {
        (0..self.script.nodes.len()).map(NodeIndex)
    }

    /// Reads all that is there.
    pub(super) fn audit(&mut self) -> Result<AtRest, Violation> {
        self.world.check_invariants();
        let mut caller = Caller::connect(self, AUDITED);
        let groups = self.groups();
        read_all(self, &mut caller, &groups).map_err(unread)
    }

    /// Takes the power away at rest, and finds all as it was. The clients do nothing meanwhile.
    pub(super) fn audit_again(&mut self, before: &AtRest) -> Result<AtRest, Violation> {
        let groups = self.groups();
        let mut caller = Caller::connect(&mut self.world, AUDITED);
        // What was on its way when the clients were stopped has arrived when this is answered.
        stable_members(&mut self.world, &mut caller, &groups).map_err(unread)?;
        let members = stable_members(&mut self.world, &mut caller, &groups).map_err(unread)?;
        for node in self.nodes() {
            let seed = WorldSeed(self.world.seed().draw(Stream::SurviveSector, &[node.0 as u64]).0);
            self.world.power_loss(node, Survival { seed, profile: disk::Profile::Nothing });
            if !self.world.start_and_wait(node, BOOT) {
                let state = self.world.state(node);
                return Err(stuck(format!("n{} does not start after a loss of power at rest: {state:?}", node.0)));
            }
        }
        let mut caller = Caller::connect(&mut self.world, AUDITED);
        let limit = self.world.now().after(BOOT);
        let later = loop {
            match stable_members(&mut self.world, &mut caller, &groups) {
                // Coordinators load their groups when the node serves already.
                Err(CallError::Code(LOADING | NOT_COORDINATOR)) if self.world.now() < limit => {
                    let next = self.world.now().after(LOOK);
                    while self.world.advance(next) {}
                }
                found => break found.map_err(unread)?,
            }
        };
        let same = |group: &&Arc<str>| match (members.get(*group), later.get(*group)) {
            (Some(Some(before)), Some(Some(after))) => before == after,
            _ => true,
        };
        if let Some(group) = groups.iter().find(|group| !same(group)) {
            let (before, after) = (members.get(group), later.get(group));
            let what = format!("group {group} has the members {after:?}, and had {before:?} before a loss of power");
            return Err(Violation { checker: RESTART, ..stuck(what) });
        }
        let rest = read_all(&mut self.world, &mut caller, &groups).map_err(unread)?;
        unlike(before, &rest).map_or(Ok(rest), Err)
    }

    /// The groups that clients of this run have to do with.
    fn groups(&self) -> BTreeSet<Arc<str>> {
        self.history
            .operations()
            .iter()
            .filter_map(|operation| match &operation.what {
                What::Assign { group, .. }
                | What::Revoke { group, .. }
                | What::Commit { group, .. }
                | What::Committed { group, .. }
                | What::DeleteGroup { group } => Some(Arc::clone(group)),
                _ => None,
            })
            .collect()
    }

    /// Lets the world go on; what happens to clients is told to them, and acts happen at their times.
    pub(super) fn go_on(&mut self, limit: WorldTime) -> bool {
        let act_at = self.script.acts.get(self.cursor).map(|(at, _)| *at);
        let due_at = self.faults.next_at();
        let next_at = act_at.into_iter().chain(due_at).min();
        if self.world.advance(next_at.map_or(limit, |at| at.min(limit))) {
            self.tell_clients();
            return true;
        }
        let Some(next_at) = next_at.filter(|at| *at <= limit) else { return false };
        // What ends comes before what begins.
        match due_at == Some(next_at) {
            true => self.next_due(),
            false => self.act(),
        }
        self.tell_clients();
        true
    }
}

fn unread(error: CallError) -> Violation {
    stuck(format!("what is there cannot be read: {error:?}"))
}

fn stable_members(
    drive: &mut impl Drive,
    caller: &mut Caller,
    groups: &BTreeSet<Arc<str>>,
) -> Result<BTreeMap<Arc<str>, Option<BTreeSet<String>>>, CallError> {
    groups.iter().map(|group| Ok((Arc::clone(group), inside::stable_members(drive, caller, group)?))).collect()
}

/// Reads a log. Retention goes on at rest: what it began with may be gone when it is asked for.
fn read_log(drive: &mut impl Drive, caller: &mut Caller, name: &str, partition: i32) -> Result<LogAtRest, CallError> {
    for _ in 0..READS_MAX {
        match inside::log(drive, caller, name, partition) {
            Err(CallError::Code(OFFSET_OUT_OF_RANGE)) => {}
            read => return read,
        }
    }
    inside::log(drive, caller, name, partition)
}

fn read_all(drive: &mut impl Drive, caller: &mut Caller, groups: &BTreeSet<Arc<str>>) -> Result<AtRest, CallError> {
    let mut rest = AtRest { quorum_epoch: inside::quorum_epoch(drive, caller)?, ..AtRest::default() };
    let topics: BTreeMap<String, TopicShown> = operations::topics(drive, caller)?;
    for (name, shown) in &topics {
        let name: Arc<str> = name.as_str().into();
        rest.topics.insert(Arc::clone(&name), (shown.id, shown.partitions as i32));
        if name.starts_with("__") {
            continue;
        }
        for partition in 0..shown.partitions as i32 {
            let log = read_log(drive, caller, &name, partition)?;
            rest.logs.insert(TopicPartition { topic: Arc::clone(&name), partition }, log);
        }
        let configs = admin::topic_configs(drive, caller, &name)?;
        rest.configs.insert(name, configs.into_iter().map(|(key, value)| (key.into(), value.into())).collect());
    }
    for group in groups {
        let committed = operations::all_committed(drive, caller, group)?;
        rest.committed.insert(Arc::clone(group), committed);
    }
    rest.producer_id = operations::init_producer(drive, caller)?.id;
    Ok(rest)
}
