//! An administrator: topics, configurations, records and groups, one request for each wish of the script.
//!
//! Invariants:
//! 1. A request that was sent is not sent again: what came of it is unknown where it has no answer.
//! 2. What was not sent within [`API_TIMEOUT`] never will be, and has failed.
//! 3. Before a group's coordinator is asked, it is asked for; that changes nothing, and is done again as often as needed.

mod task;

use super::alarm::{Alarm, Rang};
use super::wire::{Answered, Link, Taken};
use super::{Actor, Context, Input};
use crate::clock::WorldTime;
use crate::history::Outcome;
use crate::node::NodeIndex;
use crate::script::ClientAct;
use core::time::Duration;
use grete_core::ids::ConnectionId;
use std::collections::BTreeMap;
use task::{Stage, Step, Task, WISH};

/// How long an administrator tries to send what it was asked for.
pub const API_TIMEOUT: Duration = Duration::from_secs(20);

/// How long it waits for an answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

const RETRY_BACKOFF: Duration = Duration::from_millis(100);

/// The node that it asks.
const ASKED: NodeIndex = NodeIndex(0);

const NETWORK_EXCEPTION: i16 = 13;
const REQUEST_TIMED_OUT: i16 = 7;

/// An administrator of a run.
#[derive(Clone, Debug, Default)]
pub struct Admin {
    /// Counts what the script wants: names tasks.
    wishes: u64,
    tasks: BTreeMap<u64, Task>,
    link: Option<Link<u64>>,
    /// Nothing is connected or sent again before.
    not_before: WorldTime,
    alarm: Alarm,
}

impl Admin {
    fn accept(&mut self, act: ClientAct, context: &mut Context<'_>) {
        self.wishes += 1;
        let stage = match &act {
            ClientAct::Committed(_) | ClientAct::DeleteGroup(_) => Stage::Coordinator,
            ClientAct::DeleteRecords { .. } => Stage::Start,
            _ => WISH,
        };
        let deadline = context.now.after(API_TIMEOUT);
        let mut task = Task { act, stage, is_under_way: false, operation: None, deadline };
        let Some(what) = task.what() else { return };
        task.operation = Some(context.begin(what));
        self.tasks.insert(self.wishes, task);
        self.alarm.by(deadline, context);
    }

    fn crash(&mut self, time: Duration, context: &mut Context<'_>) {
        if let Some(link) = self.link.take() {
            link.close(context).for_each(drop);
        }
        for task in std::mem::take(&mut self.tasks).into_values() {
            task.end(if task.is_under_way { Outcome::Unknown } else { Outcome::Failed(NETWORK_EXCEPTION) }, context);
        }
        *self = Self { wishes: self.wishes, alarm: Alarm::gone(time, context), ..Self::default() };
    }

    /// Connects where there is something to say, and says it.
    fn pursue(&mut self, context: &mut Context<'_>) {
        if self.tasks.values().all(|task| task.is_under_way) {
            return;
        }
        if self.not_before > context.now {
            return self.alarm.by(self.not_before, context);
        }
        if self.link.is_none() {
            self.link = Some(Link::open(context, ASKED));
        }
        let Some(link) = self.link.as_mut().filter(|link| link.is_ready()) else {
            return self.alarm.by(context.now.after(REQUEST_TIMEOUT), context);
        };
        for (number, task) in self.tasks.iter_mut().filter(|(_, task)| !task.is_under_way) {
            task.send(*number, link, context);
            task.is_under_way = true;
        }
        self.alarm.by(context.now.after(REQUEST_TIMEOUT), context);
    }

    fn wake(&mut self, context: &mut Context<'_>) {
        let now = context.now;
        self.tasks.retain(|_, task| {
            let is_late = !task.is_under_way && task.deadline <= now;
            if is_late {
                task.end(Outcome::Failed(REQUEST_TIMED_OUT), context);
            }
            !is_late
        });
        if self.link.as_ref().is_some_and(|link| link.is_overdue(context, REQUEST_TIMEOUT)) {
            self.disconnect(context);
        }
        self.pursue(context);
        let oldest = self.link.as_ref().and_then(Link::oldest_sent).map(|sent| sent.after(REQUEST_TIMEOUT));
        let deadlines = self.tasks.values().filter(|task| !task.is_under_way).map(|task| task.deadline);
        if let Some(at) = deadlines.chain(oldest).min() {
            self.alarm.by(at, context);
        }
    }

    fn frame(&mut self, connection: ConnectionId, frame: bytes::Bytes, context: &mut Context<'_>) {
        let Some(link) = self.link.as_mut().filter(|link| link.connection() == connection) else { return };
        match link.take(context, frame) {
            Taken::Ready => {}
            Taken::Answer(answered) => self.answered(answered, context),
            Taken::Wrong => self.disconnect(context),
        }
    }

    fn answered(&mut self, answered: Answered<u64>, context: &mut Context<'_>) {
        let number = answered.asked;
        let Some(mut task) = self.tasks.remove(&number) else { return };
        task.is_under_way = false;
        match task.take(answered, context) {
            Step::Ended(outcome) => task.end(outcome, context),
            Step::Again => {
                self.not_before = context.now.after(RETRY_BACKOFF);
                self.tasks.insert(number, task);
            }
            Step::Next(stage) => {
                task.stage = stage;
                if let Some(what) = task.what() {
                    task.operation.get_or_insert_with(|| context.begin(what));
                    self.tasks.insert(number, task);
                }
            }
        }
    }

    fn disconnect(&mut self, context: &mut Context<'_>) {
        if let Some(link) = self.link.take() {
            let lost: Vec<u64> = link.close(context).collect();
            self.lose(&lost, context);
        }
    }

    fn lose(&mut self, lost: &[u64], context: &mut Context<'_>) {
        self.not_before = context.now.after(RETRY_BACKOFF);
        for number in lost {
            let Some(task) = self.tasks.get_mut(number) else { continue };
            task.is_under_way = false;
            if task.stage != Stage::Coordinator {
                task.end(Outcome::Unknown, context);
                self.tasks.remove(number);
            }
        }
    }
}

impl Actor for Admin {
    fn on(&mut self, input: Input, context: &mut Context<'_>) {
        match input {
            Input::Start => {}
            Input::Act(ClientAct::Crash(time)) if !self.alarm.is_gone() => self.crash(time, context),
            Input::Act(_) if self.alarm.is_gone() => self.wishes += 1,
            Input::Act(act) => self.accept(act, context),
            Input::Frame(connection, frame) => self.frame(connection, frame, context),
            Input::Lost(connection) => {
                if let Some(link) = self.link.take_if(|link| link.connection() == connection) {
                    let lost: Vec<u64> = link.lost().collect();
                    self.lose(&lost, context);
                }
            }
            Input::Timer(token) => match self.alarm.rings(token, context.now) {
                Rang::Returned => {}
                Rang::Due => return self.wake(context),
                Rang::Stale => return,
            },
        }
        if !self.alarm.is_gone() {
            self.pursue(context);
        }
    }

    fn is_at_rest(&self) -> bool {
        !self.alarm.is_gone() && self.tasks.is_empty()
    }

    fn waits_for(&self) -> String {
        let tasks: Vec<String> = self.tasks.values().map(|task| format!("{:?}", task.act)).collect();
        tasks.join("; ")
    }
}
