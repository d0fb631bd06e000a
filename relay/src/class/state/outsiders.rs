//! Members the teacher has removed: who they are, that they knock, and how they come back. Pure.

use shared::{
    class::{MemberId, Outsider},
    outcome::Failed,
};

use super::{ClassState, Member, full, no_such_member};
use crate::{class::text, token::Digest};

impl ClassState {
    /// It is no member any more, and stays out. Of those that are out only so many are known: the first to be
    /// forgotten is the one that joined first; its token is returned, and leads nowhere any more.
    pub(in crate::class) fn remove_member(
        &mut self,
        member: MemberId,
        most: usize,
    ) -> Option<Digest> {
        self.predictions.remove(&member);
        let known = self.members.remove(&member)?;
        self.outsiders
            .insert(member, (known.into_outsider(), false));
        if self.outsiders.len() <= most {
            return None;
        }
        let (_, (forgotten, _)) = self.outsiders.pop_first()?;
        Some(forgotten.token)
    }

    /// Somebody who was removed may come back.
    ///
    /// # Errors
    /// Where there is no such member, or no room.
    pub(in crate::class) fn check_readmit(&self, member: MemberId) -> Result<(), Failed> {
        let cap = u64::from(self.class.cap);
        if !self.outsiders.contains_key(&member) {
            return Err(no_such_member(member));
        }
        if self.members.len() as u64 >= cap {
            return Err(full(cap));
        }
        Ok(())
    }

    /// Somebody who was removed is a member again.
    ///
    /// # Errors
    /// As before.
    pub(in crate::class) fn readmit(&mut self, member: MemberId) -> Result<(), Failed> {
        self.check_readmit(member)?;
        if let Some((known, _)) = self.outsiders.remove(&member) {
            self.members.insert(member, known);
        }
        Ok(())
    }

    /// Somebody who was removed knocks; tells whether the teacher does not know it yet.
    pub(in crate::class) fn record_knock(&mut self, member: MemberId) -> bool {
        let known = self.outsiders.get_mut(&member);
        known.is_some_and(|(_, knocks)| !std::mem::replace(knocks, true))
    }

    /// Participant was removed and gave this name.
    pub(in crate::class) fn find_outsider(&self, said: &str) -> Option<MemberId> {
        let key = text::comparison_key(said);
        let mut all = self.outsiders.iter();
        let found = all.find(|(_, (member, _))| member.key == key);
        found.map(|(number, _)| *number)
    }

    /// All who were removed, as the teacher is told of them.
    pub(in crate::class) fn outsider_list(&self) -> Vec<Outsider> {
        let all = self.outsiders.iter();
        all.map(|(number, (member, knocks))| Outsider {
            member: *number,
            name: member.name.clone(),
            knocks: *knocks,
        })
        .collect()
    }
}

impl Member {
    /// What is left of it when it has been removed.
    fn into_outsider(self) -> Self {
        Self {
            connected: false,
            elsewhere: false,
            process: None,
            card: None,
            ..self
        }
    }
}
