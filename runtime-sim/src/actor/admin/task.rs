//! One wish of an administrator: its stages, what is asked in each, and what the answer means.

use crate::actor::Context;
use crate::actor::wire::{Answered, Link};
use crate::client::CallError;
use crate::client::requests::{self as ask};
use crate::clock::WorldTime;
use crate::history::{Answer, OperationId, Outcome, TopicPartition, What};
use crate::script::ClientAct;
use kafka_protocol::messages::{
    CreatePartitionsRequest, CreateTopicsRequest, DeleteGroupsRequest, DeleteRecordsRequest, DeleteTopicsRequest,
    DescribeConfigsRequest, FindCoordinatorRequest, IncrementalAlterConfigsRequest, ListOffsetsRequest,
    MetadataRequest, OffsetFetchRequest,
};
use kafka_protocol::protocol::Request;
use std::sync::Arc;

/// The start and the end of a log, as timestamps.
const START: i64 = -2;
const END: i64 = -1;

/// A wish of the script, until it has come to its end.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) act: ClientAct,
    pub(super) stage: Stage,
    pub(super) is_under_way: bool,
    /// What stands in the history for this stage.
    pub(super) operation: Option<OperationId>,
    pub(super) deadline: WorldTime,
}

/// How far a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Coordinator,
    /// The offset at which a log starts, before records are deleted.
    Start,
    /// The offset at which it ends.
    End {
        start: i64,
    },
    /// What was wished for; with the offset before which records are deleted.
    Wish {
        before: i64,
    },
}

pub(super) const WISH: Stage = Stage::Wish { before: 0 };

/// What follows from an answer.
pub(super) enum Step {
    Ended(Outcome),
    Again,
    Next(Stage),
}

impl Task {
    /// What stands in the history for this stage; nothing where an administrator does no such thing.
    pub(super) fn what(&self) -> Option<What> {
        Some(match &self.act {
            ClientAct::CreateTopic(plan) => What::CreateTopic {
                topic: Arc::clone(&plan.name),
                partitions: plan.partitions,
                configs: plan.configs.clone(),
            },
            ClientAct::DeleteTopic(topic) => What::DeleteTopic { topic: Arc::clone(topic) },
            ClientAct::CreatePartitions { topic, count } => {
                What::CreatePartitions { topic: Arc::clone(topic), count: *count }
            }
            ClientAct::AlterConfig { topic, key, value } => {
                let (topic, key, value) = (Arc::clone(topic), Arc::clone(key), Arc::clone(value));
                What::AlterConfig { topic, key, value }
            }
            ClientAct::DescribeConfigs(topic) => What::DescribeConfigs { topic: Arc::clone(topic) },
            ClientAct::DeleteRecords { of, .. } => match self.stage {
                Stage::Wish { before } => What::DeleteRecords { of: of.clone(), before },
                Stage::End { .. } => What::ListOffsets { of: of.clone(), timestamp: END },
                Stage::Start | Stage::Coordinator => What::ListOffsets { of: of.clone(), timestamp: START },
            },
            ClientAct::ListOffsets { of, timestamp } => What::ListOffsets { of: of.clone(), timestamp: *timestamp },
            ClientAct::ListTopics => What::ListTopics,
            ClientAct::Committed(group) => What::Committed { group: Arc::clone(group), partitions: Vec::new() },
            ClientAct::DeleteGroup(group) => What::DeleteGroup { group: Arc::clone(group) },
            ClientAct::Send { .. }
            | ClientAct::Commit
            | ClientAct::Seek { .. }
            | ClientAct::Idle(_)
            | ClientAct::Leave
            | ClientAct::Join
            | ClientAct::Crash(_) => return None,
        })
    }

    pub(super) fn end(&self, outcome: Outcome, context: &mut Context<'_>) {
        if let Some(operation) = self.operation {
            context.end(operation, outcome);
        }
    }

    pub(super) fn send(&self, number: u64, link: &mut Link<u64>, context: &mut Context<'_>) {
        if let (Stage::Coordinator, ClientAct::Committed(group) | ClientAct::DeleteGroup(group)) =
            (self.stage, &self.act)
        {
            return link.send(context, &ask::find_coordinator(group), ask::FIND_COORDINATOR_VERSION, number);
        }
        match &self.act {
            ClientAct::CreateTopic(plan) => {
                let configs = plan.configs.iter().map(|(key, value)| (&**key, &**value));
                let request = ask::create_topic(&plan.name, plan.partitions, configs);
                link.send(context, &request, ask::CREATE_TOPICS_VERSION, number);
            }
            ClientAct::DeleteTopic(topic) => {
                link.send(context, &ask::delete_topic(topic), ask::DELETE_TOPICS_VERSION, number);
            }
            ClientAct::CreatePartitions { topic, count } => {
                link.send(context, &ask::create_partitions(topic, *count), ask::CREATE_PARTITIONS_VERSION, number);
            }
            ClientAct::AlterConfig { topic, key, value } => {
                link.send(context, &ask::alter_config(topic, key, value), ask::ALTER_CONFIGS_VERSION, number);
            }
            ClientAct::DescribeConfigs(topic) => {
                link.send(context, &ask::describe_configs(topic), ask::DESCRIBE_CONFIGS_VERSION, number);
            }
            ClientAct::DeleteRecords { of, .. } => match self.stage {
                Stage::Wish { before } => {
                    let request = ask::delete_records(&of.topic, of.partition, before);
                    link.send(context, &request, ask::DELETE_RECORDS_VERSION, number);
                }
                Stage::End { .. } => list(of, END, number, link, context),
                Stage::Start | Stage::Coordinator => list(of, START, number, link, context),
            },
            ClientAct::ListOffsets { of, timestamp } => list(of, *timestamp, number, link, context),
            ClientAct::ListTopics => link.send(context, &ask::all_topics(), ask::METADATA_VERSION, number),
            ClientAct::Committed(group) => {
                link.send(context, &ask::all_committed(group), ask::OFFSET_FETCH_VERSION, number);
            }
            ClientAct::DeleteGroup(group) => {
                link.send(context, &ask::delete_group(group), ask::DELETE_GROUPS_VERSION, number);
            }
            ClientAct::Send { .. }
            | ClientAct::Commit
            | ClientAct::Seek { .. }
            | ClientAct::Idle(_)
            | ClientAct::Leave
            | ClientAct::Join
            | ClientAct::Crash(_) => {}
        }
    }

    /// What an answer means.
    pub(super) fn take(&mut self, answered: Answered<u64>, context: &mut Context<'_>) -> Step {
        if self.stage == Stage::Coordinator {
            let found = read::<FindCoordinatorRequest, _>(answered, context, |found| ask::coordinator_found(&found));
            return match found {
                Ok(_) => Step::Next(WISH),
                Err(CallError::Code(code)) if !is_of_coordinators(code) => Step::Ended(Outcome::Failed(code)),
                Err(_) => Step::Again,
            };
        }
        let nothing = |()| Answer::Nothing;
        let result = match &self.act {
            ClientAct::CreateTopic(_) => {
                read::<CreateTopicsRequest, _>(answered, context, |created| ask::topic_created(&created)).map(nothing)
            }
            ClientAct::DeleteTopic(_) => {
                read::<DeleteTopicsRequest, _>(answered, context, |deleted| ask::topic_deleted(&deleted)).map(nothing)
            }
            ClientAct::CreatePartitions { .. } => {
                let read = read::<CreatePartitionsRequest, _>(answered, context, |made| ask::partitions_created(&made));
                read.map(nothing)
            }
            ClientAct::AlterConfig { .. } => {
                let altered = |altered| ask::config_altered(&altered);
                read::<IncrementalAlterConfigsRequest, _>(answered, context, altered).map(nothing)
            }
            ClientAct::DescribeConfigs(_) => {
                read::<DescribeConfigsRequest, _>(answered, context, ask::configs_of).map(|configs| {
                    let configs = configs.into_iter().map(|(key, value)| (key.into(), value.into()));
                    Answer::Configs(configs.collect())
                })
            }
            ClientAct::DeleteRecords { of, quarters } => match self.stage {
                Stage::Wish { .. } => {
                    let deleted =
                        read::<DeleteRecordsRequest, _>(answered, context, |deleted| ask::records_deleted(&deleted));
                    deleted.map(|start| Answer::Offsets([(of.clone(), start)].into()))
                }
                Stage::Start | Stage::Coordinator | Stage::End { .. } => {
                    let quarters = i64::from(*quarters);
                    return match read::<ListOffsetsRequest, _>(answered, context, |listed| ask::listed(&listed)) {
                        Ok(offset) => {
                            let answer = Answer::Offsets([(of.clone(), offset)].into());
                            self.end(Outcome::Done(answer), context);
                            self.operation = None;
                            Step::Next(match self.stage {
                                Stage::End { start } => {
                                    Stage::Wish { before: start + (offset - start).max(0) * quarters / 4 }
                                }
                                _ => Stage::End { start: offset },
                            })
                        }
                        Err(error) => Step::Ended(outcome_of(&error)),
                    };
                }
            },
            ClientAct::ListOffsets { of, .. } => {
                let listed = read::<ListOffsetsRequest, _>(answered, context, |listed| ask::listed(&listed));
                listed.map(|offset| Answer::Offsets((offset >= 0).then(|| (of.clone(), offset)).into_iter().collect()))
            }
            ClientAct::ListTopics => read::<MetadataRequest, _>(answered, context, ask::topics_shown).map(|topics| {
                let topics = topics.into_iter();
                Answer::Topics(topics.map(|(name, shown)| (name.into(), (shown.id, shown.partitions as i32))).collect())
            }),
            ClientAct::Committed(_) => {
                let offsets = read::<OffsetFetchRequest, _>(answered, context, |answer| ask::offsets_of(&answer));
                offsets.map(Answer::Offsets)
            }
            ClientAct::DeleteGroup(_) => {
                read::<DeleteGroupsRequest, _>(answered, context, |deleted| ask::group_deleted(&deleted)).map(nothing)
            }
            ClientAct::Send { .. }
            | ClientAct::Commit
            | ClientAct::Seek { .. }
            | ClientAct::Idle(_)
            | ClientAct::Leave
            | ClientAct::Join
            | ClientAct::Crash(_) => Ok(Answer::Nothing),
        };
        match result {
            Ok(answer) => Step::Ended(Outcome::Done(answer)),
            // So a broker answers as well where it has written that, and then could not make it durable.
            Err(CallError::Code(15 | 16)) if matches!(self.act, ClientAct::DeleteGroup(_)) => {
                Step::Ended(Outcome::Unknown)
            }
            Err(CallError::Code(code)) if is_of_coordinators(code) => {
                self.stage = Stage::Coordinator;
                Step::Again
            }
            Err(error) => Step::Ended(outcome_of(&error)),
        }
    }
}

fn list(of: &TopicPartition, timestamp: i64, number: u64, link: &mut Link<u64>, context: &mut Context<'_>) {
    let request = ask::list_offsets(&of.topic, of.partition, timestamp);
    link.send(context, &request, ask::LIST_OFFSETS_VERSION, number);
}

fn read<R: Request, T>(
    answered: Answered<u64>,
    context: &mut Context<'_>,
    read: impl FnOnce(R::Response) -> Result<T, CallError>,
) -> Result<T, CallError> {
    let (_, response) = answered.decode::<R>(context);
    response.map_or_else(|| Err(CallError::Wrong("no such answer".to_owned())), read)
}

/// COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR: nothing was done.
const fn is_of_coordinators(code: i16) -> bool {
    matches!(code, 14..=16)
}

/// UNKNOWN_SERVER_ERROR, REQUEST_TIMED_OUT and KAFKA_STORAGE_ERROR do not say what was done.
fn outcome_of(error: &CallError) -> Outcome {
    match error {
        CallError::Code(-1 | 7 | 56) | CallError::Closed | CallError::TimedOut | CallError::Wrong(_) => {
            Outcome::Unknown
        }
        CallError::Code(code) => Outcome::Failed(*code),
    }
}
