//! What groups ask of a broker.

use super::Session;
use crate::client::groups::{self, Member};
use crate::client::{CallError, Client, operations};
use crate::machine::Machine;
use crate::model::{Membership, Model};
use crate::power::Recorder;
use core::time::Duration;

const COORDINATOR_CODES: [i16; 3] = [14, 15, 16];
const GROUP_ID_NOT_FOUND: i16 = 69;
const COORDINATOR_TRIES: usize = 100;

impl<'b, M: Machine> Session<'_, 'b, M> {
    /// Commits an offset for a group, by its member where it has one.
    pub fn commit(&mut self, group: &str, topic: &str, partition: i32, offset: i64) {
        let Ok(member) = self.member(group) else { return };
        let key = (group.to_owned(), topic.to_owned(), partition);
        self.recorder.model.deleted_groups.remove(group);
        self.recorder.model.commits.entry(key.clone()).or_default().ask(offset);
        let committed = self.coordinated(group, "OffsetCommit", |recorder, client| {
            groups::commit(recorder, client, group, member.as_ref(), (topic, partition), offset)
        });
        if committed.is_some() {
            self.recorder.acknowledge(|model| model.commits.entry(key).or_default().acknowledge());
        }
    }

    /// Joins a group as its only member, again where it is one.
    pub fn join(&mut self, group: &str) {
        let Ok(member) = self.member(group) else { return };
        self.recorder.model.deleted_groups.remove(group);
        self.recorder.model.members.insert(group.to_owned(), Membership::UnderWay);
        let member = self
            .coordinated(group, "JoinGroup", |recorder, client| groups::join(recorder, client, group, member.as_ref()));
        let Some(member) = member else { return };
        self.recorder.acknowledge(|model| model.members.insert(group.to_owned(), Membership::Joined(member)));
    }

    /// The member of a group leaves it, where it has one.
    pub fn leave(&mut self, group: &str) {
        let Ok(Some(member)) = self.member(group) else { return };
        self.recorder.model.members.insert(group.to_owned(), Membership::UnderWay);
        let left =
            self.coordinated(group, "LeaveGroup", |recorder, client| groups::leave(recorder, client, group, &member));
        if left.is_some() {
            self.recorder.acknowledge(|model| model.members.insert(group.to_owned(), Membership::Left(member)));
        }
    }

    /// Deletes a group, after its member has left it.
    pub fn delete_group(&mut self, group: &str) {
        self.leave(group);
        let Ok(None) = self.member(group) else { return };
        let of_group = |model: &mut Model, act: fn(&mut crate::model::Register<i64>)| {
            model.commits.iter_mut().filter(|((of, ..), _)| of == group).for_each(|(_, register)| act(register));
        };
        of_group(&mut self.recorder.model, crate::model::Register::ask_removal);
        let deleted = self.coordinated(group, "DeleteGroups", |recorder, client| {
            none_is_gone(groups::delete(recorder, client, group))
        });
        if deleted.is_some() {
            self.recorder.acknowledge(|model| {
                of_group(model, crate::model::Register::acknowledge_removal);
                model.deleted_groups.insert(group.to_owned());
            });
        }
    }

    /// Deletes an offset that a group without a member has committed.
    pub fn delete_offset(&mut self, group: &str, topic: &str, partition: i32) {
        let Ok(None) = self.member(group) else { return };
        let key = (group.to_owned(), topic.to_owned(), partition);
        self.recorder.model.commits.entry(key.clone()).or_default().ask_removal();
        let deleted = self.coordinated(group, "OffsetDelete", |recorder, client| {
            none_is_gone(groups::delete_offset(recorder, client, group, topic, partition))
        });
        if deleted.is_some() {
            self.recorder.acknowledge(|model| model.commits.entry(key).or_default().acknowledge_removal());
        }
    }

    /// The member of a group, where it has one. An error where that is not known, since a disk failed: then nobody asks
    /// anything of the group that depends on it.
    fn member(&self, group: &str) -> Result<Option<Member>, ()> {
        match self.recorder.model.members.get(group) {
            Some(Membership::Joined(member)) => Ok(Some(member.clone())),
            Some(Membership::Left(_)) | None => Ok(None),
            Some(Membership::UnderWay) => Err(()),
        }
    }

    /// Asks a coordinator, until it is there.
    fn coordinated<T>(
        &mut self,
        group: &str,
        what: &str,
        mut ask: impl FnMut(&mut Recorder<'b, M, Model>, &mut Client) -> Result<T, CallError>,
    ) -> Option<T> {
        for _ in 0..COORDINATOR_TRIES {
            match ask(self.recorder, &mut self.asker) {
                Err(CallError::Code(code)) if COORDINATOR_CODES.contains(&code) => {
                    // The first one asks for the offsets topic.
                    let asked = operations::find_coordinator(self.recorder, &mut self.asker, group);
                    self.expect(asked, "FindCoordinator")?;
                    self.wait(Duration::from_millis(20));
                }
                answer => return self.expect(answer, what),
            }
        }
        assert!(self.failing, "the coordinator of {group} did not come");
        None
    }
}

/// What is not there is as good as deleted.
fn none_is_gone(deleted: Result<(), CallError>) -> Result<(), CallError> {
    match deleted {
        Err(CallError::Code(GROUP_ID_NOT_FOUND)) => Ok(()),
        deleted => deleted,
    }
}
