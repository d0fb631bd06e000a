//! Commands in a class. All but predictions and progress are the teacher's. Every change is stored before it is
//! announced.

use std::rc::Rc;

use shared::{
    class::{Act, Class as Settings, MemberId},
    message::GoodbyeReason,
    outcome::{Failed, Reason},
};

use super::{AwayMembership, Class, ClassRegistry, Membership, Participant, registry::to_json};
use crate::{failure, store::unix_time_s};

/// A page's membership of a class, in the class's lab or away.
#[derive(Clone, Copy, Debug)]
pub enum MembershipRef<'a> {
    /// The page is in the class's lab.
    Present(&'a Membership),
    /// The page is in a private lab for a while.
    Away(&'a AwayMembership),
}

impl ClassRegistry {
    /// Performs a command of a participant.
    ///
    /// # Errors
    /// The reason why the participant may not do this, or why it cannot be done or stored. Nothing is changed then.
    pub async fn perform(&self, by: MembershipRef<'_>, act: Act) -> Result<(), Failed> {
        let (class, who) = match by {
            MembershipRef::Present(membership) => (&membership.class, membership.who),
            MembershipRef::Away(membership) => (&membership.class, membership.who),
        };
        match (who, act) {
            (Participant::Member(member), Act::Predict { choice }) => {
                class.state.borrow_mut().predict(member, choice)?;
                class.send_member(member);
                Ok(())
            }
            (Participant::Member(member), Act::Progress(card)) => {
                class.state.borrow_mut().set_progress(member, card)?;
                class.mark_changed(member);
                Ok(())
            }
            (Participant::Member(_), _) => {
                let message = "only the teacher of the class may do this";
                Err(failure::relay(Reason::OnlyTeacher, message))
            }
            (Participant::Teacher, Act::Predict { .. } | Act::Progress(_)) => {
                let message =
                    "only members predict and report progress; the teacher is not a member";
                Err(failure::relay(Reason::NotInClass, message))
            }
            (Participant::Teacher, Act::Mute { member, muted }) => {
                self.set_muted(class, member, muted).await
            }
            (Participant::Teacher, Act::Remove(member)) => self.remove_member(class, member).await,
            (Participant::Teacher, Act::LetIn(member)) => self.readmit(class, member).await,
            (Participant::Teacher, Act::End) => self.end(class).await,
            (Participant::Teacher, act) => self.change_settings(class, act).await,
        }
    }

    async fn change_settings(&self, class: &Class, act: Act) -> Result<(), Failed> {
        let after = class
            .state
            .borrow()
            .settings_after(act, &self.config.limits)?;
        let was_open = class.state.borrow().class.open;
        let lasting = |settings: &Settings| Settings {
            // Processes exist only as long as the lab runs.
            drive: None,
            driven: None,
            ..settings.clone()
        };
        if lasting(&after) != lasting(&class.state.borrow().class) {
            let json = to_json(&lasting(&after));
            let code = class.code.clone();
            self.config
                .store
                .set_state(code, json, unix_time_s())
                .await?;
        }
        let opens = after.open && !was_open;
        class.state.borrow_mut().set_class(after);
        class.send_class_to_all();
        if opens {
            class.send_full_roster_to_members();
        }
        Ok(())
    }

    async fn set_muted(&self, class: &Class, member: MemberId, muted: bool) -> Result<(), Failed> {
        class.state.borrow().require_member(member)?;
        let code = class.code.clone();
        self.config.store.set_muted(code, member, muted).await?;
        if let Some(known) = class.state.borrow_mut().members.get_mut(&member) {
            known.muted = muted;
        }
        class.send_member(member);
        Ok(())
    }

    async fn remove_member(&self, class: &Class, member: MemberId) -> Result<(), Failed> {
        class.state.borrow().require_member(member)?;
        let code = class.code.clone();
        self.config.store.set_removed(code, member, true).await?;
        let max_outsiders = usize::try_from(self.config.limits.members).unwrap_or(usize::MAX);
        let forgotten = class
            .state
            .borrow_mut()
            .remove_member(member, max_outsiders);
        class.joined_from.borrow_mut().remove(&member);
        if let Some(token) = forgotten {
            self.tokens.borrow_mut().remove(&token);
        }
        if let Some(live) = class.live.borrow().upgrade() {
            live.wall.borrow_mut().remove_member(member);
        }
        class.dismiss(
            |who| who == Participant::Member(member),
            GoodbyeReason::Removed,
        );
        class.send_outsiders();
        Ok(())
    }

    async fn readmit(&self, class: &Class, member: MemberId) -> Result<(), Failed> {
        class.state.borrow().check_readmit(member)?;
        let code = class.code.clone();
        self.config.store.set_removed(code, member, false).await?;
        class.state.borrow_mut().readmit(member)?;
        class.mark_changed(member);
        class.send_outsiders();
        Ok(())
    }

    async fn end(&self, class: &Rc<Class>) -> Result<(), Failed> {
        self.config.store.delete_class(class.code.clone()).await?;
        self.classes.borrow_mut().remove(&class.code);
        let ended = Rc::downgrade(class);
        let mut tokens = self.tokens.borrow_mut();
        tokens.retain(|_, (other, _)| !other.ptr_eq(&ended));
        class.dismiss(|_| true, GoodbyeReason::ClassEnded);
        Ok(())
    }
}
