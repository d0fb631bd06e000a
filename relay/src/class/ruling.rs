//! What is done in a class, all but predicting by its teacher; each change is kept before it is told.

use std::rc::Rc;

use shared::{
    class::{Act, Class as Told, MemberId},
    message::GoodbyeReason,
    outcome::{Failed, Reason},
};

use super::{Class, Excursion, Place, Register, Who, register::state};
use crate::{failure, store::now_s};

/// How a page belongs to its class.
#[derive(Clone, Copy, Debug)]
pub enum Tie<'a> {
    /// It is there.
    Place(&'a Place),
    /// It is in a lab of its own for a while.
    Excursion(&'a Excursion),
}

impl Register {
    /// Does something in a class for whoever belongs to it.
    ///
    /// # Errors
    /// Where it may not, or it cannot be done, or it could not be kept: then nothing is changed.
    pub async fn acts(&self, tie: Tie<'_>, act: Act) -> Result<(), Failed> {
        let (class, who) = match tie {
            Tie::Place(place) => (&place.class, place.who),
            Tie::Excursion(excursion) => (&excursion.class, excursion.who),
        };
        match (who, act) {
            (Who::Member(member), Act::Predict { choice }) => {
                class.core.borrow_mut().predicts(member, choice)?;
                class.tell_member(member);
                Ok(())
            }
            (Who::Member(member), Act::Progress(card)) => {
                class.core.borrow_mut().progresses(member, card)?;
                class.touch(member);
                Ok(())
            }
            (Who::Member(_), _) => {
                let message = "only the class's teacher may do this";
                Err(failure::relay(Reason::OnlyTeacher, message))
            }
            (Who::Teacher, Act::Predict { .. } | Act::Progress(_)) => {
                let message =
                    "the teacher is no member, and neither predicts nor tells how far it is";
                Err(failure::relay(Reason::NotInClass, message))
            }
            (Who::Teacher, Act::Mute { member, muted }) => self.mutes(class, member, muted).await,
            (Who::Teacher, Act::Remove(member)) => self.removes(class, member).await,
            (Who::Teacher, Act::LetIn(member)) => self.lets_in(class, member).await,
            (Who::Teacher, Act::End) => self.ends(class).await,
            (Who::Teacher, act) => self.changes(class, act).await,
        }
    }

    async fn changes(&self, class: &Class, act: Act) -> Result<(), Failed> {
        let after = class.core.borrow().after(act, &self.rules.limits)?;
        let was_open = class.core.borrow().class.open;
        let lasting = |told: &Told| Told {
            // Processes and events are of this life of the lab.
            drive: None,
            driven: None,
            ..told.clone()
        };
        if lasting(&after) != lasting(&class.core.borrow().class) {
            let kept = state(&lasting(&after));
            let code = class.code.clone();
            self.rules.store.set_state(code, kept, now_s()).await?;
        }
        let opens = after.open && !was_open;
        class.core.borrow_mut().becomes(after);
        class.tell_all();
        if opens {
            class.tell_whole_roster_to_members();
        }
        Ok(())
    }

    async fn mutes(&self, class: &Class, member: MemberId, muted: bool) -> Result<(), Failed> {
        class.core.borrow().must_have(member)?;
        let code = class.code.clone();
        self.rules.store.set_muted(code, member, muted).await?;
        if let Some(known) = class.core.borrow_mut().members.get_mut(&member) {
            known.muted = muted;
        }
        class.tell_member(member);
        Ok(())
    }

    async fn removes(&self, class: &Class, member: MemberId) -> Result<(), Failed> {
        class.core.borrow().must_have(member)?;
        let code = class.code.clone();
        self.rules.store.set_removed(code, member, true).await?;
        let most = usize::try_from(self.rules.limits.members).unwrap_or(usize::MAX);
        let forgotten = class.core.borrow_mut().removes(member, most);
        class.joined_from.borrow_mut().remove(&member);
        if let Some(token) = forgotten {
            self.tokens.borrow_mut().remove(&token);
        }
        if let Some(live) = class.live.borrow().upgrade() {
            live.wall.borrow_mut().forgets(member);
        }
        class.sends_away(|who| who == Who::Member(member), GoodbyeReason::Removed);
        class.tell_outsiders();
        Ok(())
    }

    async fn lets_in(&self, class: &Class, member: MemberId) -> Result<(), Failed> {
        class.core.borrow().may_let_in(member)?;
        let code = class.code.clone();
        self.rules.store.set_removed(code, member, false).await?;
        class.core.borrow_mut().lets_in(member)?;
        class.touch(member);
        class.tell_outsiders();
        Ok(())
    }

    async fn ends(&self, class: &Rc<Class>) -> Result<(), Failed> {
        self.rules.store.end_class(class.code.clone()).await?;
        self.classes.borrow_mut().remove(&class.code);
        let ended = Rc::downgrade(class);
        let mut tokens = self.tokens.borrow_mut();
        tokens.retain(|_, (other, _)| !other.ptr_eq(&ended));
        class.sends_away(|_| true, GoodbyeReason::ClassEnded);
        Ok(())
    }
}
