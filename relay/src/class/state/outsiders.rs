//! Outsiders: members that the teacher has removed, and how they come back. Pure.

use shared::{
    class::{MemberId, Outsider},
    outcome::Failed,
};

use super::{ClassState, Member, full, no_such_member};
use crate::{class::text, token::Digest};

impl ClassState {
    /// Removes a member and remembers it as an outsider. Beyond `max_outsiders` the one that joined first is forgotten;
    /// returns that one's token, which is no longer valid.
    pub(in crate::class) fn remove_member(
        &mut self,
        member: MemberId,
        max_outsiders: usize,
    ) -> Option<Digest> {
        self.predictions.remove(&member);
        let known = self.members.remove(&member)?;
        self.outsiders
            .insert(member, (known.into_outsider(), false));
        if self.outsiders.len() <= max_outsiders {
            return None;
        }
        let (_, (forgotten, _)) = self.outsiders.pop_first()?;
        Some(forgotten.token)
    }

    /// Checks that an outsider can become a member again.
    ///
    /// # Errors
    /// If there is no such outsider, or the class is full.
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

    /// Makes an outsider a member again.
    ///
    /// # Errors
    /// As for [`ClassState::check_readmit`].
    pub(in crate::class) fn readmit(&mut self, member: MemberId) -> Result<(), Failed> {
        self.check_readmit(member)?;
        if let Some((known, _)) = self.outsiders.remove(&member) {
            self.members.insert(member, known);
        }
        Ok(())
    }

    /// Records that an outsider tried to come back. Returns whether this is news to the teacher.
    pub(in crate::class) fn record_knock(&mut self, member: MemberId) -> bool {
        let known = self.outsiders.get_mut(&member);
        known.is_some_and(|(_, knocks)| !std::mem::replace(knocks, true))
    }

    /// Finds an outsider that gave this name.
    pub(in crate::class) fn find_outsider(&self, given_name: &str) -> Option<MemberId> {
        let key = text::comparison_key(given_name);
        let mut all = self.outsiders.iter();
        let found = all.find(|(_, (member, _))| member.key == key);
        found.map(|(number, _)| *number)
    }

    /// All outsiders, as the teacher's page receives them.
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
    /// The member without what belongs to its page.
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
