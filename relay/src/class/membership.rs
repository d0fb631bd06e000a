//! A place in a class: what whoever has it is told, may see and may do.

use std::{cell::Cell, rc::Rc};

use shared::{
    class::{SEE_ALL, Standing, Whose},
    message::GoodbyeReason,
    outcome::{Failed, Reason},
    trace::ProcessId,
};
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::{AwayMembership, Class, ClassLab, Participant, Presence};
use crate::{
    failure,
    lab::LabLease,
    trace::{RULER, Sight},
};

/// A place in a class: what a seat there has beyond any other.
#[derive(Debug)]
pub struct Membership {
    pub(super) class: Rc<Class>,
    pub(super) lab: Rc<ClassLab>,
    pub(super) who: Participant,
    process: Cell<Option<ProcessId>>,
    page: Cell<u64>,
    view: Cell<Whose>,
    /// What is to be said to its page.
    pub outbox: Option<mpsc::UnboundedReceiver<Utf8Bytes>>,
    /// Why it has to leave, once it has.
    pub removal: watch::Receiver<Option<GoodbyeReason>>,
}

impl Membership {
    pub(super) fn new(class: Rc<Class>, lab: Rc<ClassLab>, who: Participant) -> Self {
        let (going, removal) = watch::channel(None);
        let presence = Presence {
            outbox: None,
            pages: 0,
            removal: going,
        };
        class.presences.borrow_mut().insert(who, presence);
        Self {
            class,
            lab,
            who,
            process: Cell::default(),
            page: Cell::default(),
            view: Cell::new(Whose::Own),
            outbox: None,
            removal,
        }
    }

    /// The lab of the class.
    #[must_use]
    pub fn lab_lease(&self) -> &LabLease {
        &self.lab.lease
    }

    /// Whether it is the teacher's.
    #[must_use]
    pub fn is_teacher(&self) -> bool {
        self.who == Participant::Teacher
    }

    /// What the lab is called for whoever has this place: its name opens all of its trace, and is for the teacher.
    #[must_use]
    pub fn lab_name(&self) -> &str {
        if self.is_teacher() {
            &self.class.lab
        } else {
            &self.class.code
        }
    }

    /// Its process in the lab; whatever it did before in another one counts for it as well.
    pub fn set_process(&self, process: ProcessId) {
        self.process.set(Some(process));
        if let Participant::Member(member) = self.who {
            if let Some(known) = self.class.state.borrow_mut().members.get_mut(&member) {
                known.process = Some(process);
            }
            self.lab.wall.borrow_mut().set_process(member, process);
        }
    }

    /// A page is there: from now on it is told what is new.
    pub fn attach_page(&mut self) {
        if let Participant::Member(member) = self.who {
            // Nothing is known of a card before this page tells of it.
            self.class
                .state
                .borrow_mut()
                .set_progress(member, None)
                .ok();
        }
        let (page, coming) = self.class.connect(self.who, false);
        self.page.set(page);
        self.outbox = Some(coming);
        self.class.send_roster_and_outsiders(self.who);
    }

    /// Its page goes to a lab of its own for a while.
    #[must_use]
    pub fn leave_for_private_lab(&mut self) -> AwayMembership {
        self.outbox = None;
        AwayMembership::new(Rc::clone(&self.class), self.who, self.removal.clone())
    }

    /// No page is there any more.
    pub fn detach_page(&mut self) {
        self.outbox = None;
        self.class.disconnect(self.who, self.page.get());
    }

    /// What its page is told as it comes.
    #[must_use]
    pub fn standing(&self, network_url: Option<&str>) -> Standing {
        self.class.standing(self.who, network_url)
    }

    /// Whether its calls are made.
    ///
    /// # Errors
    /// Where the teacher has muted it.
    pub fn check_may_call(&self) -> Result<(), Failed> {
        match self.who {
            Participant::Member(member) if self.class.is_muted(member) => {
                let message = "the teacher has muted this member";
                Err(failure::relay(Reason::Muted, message))
            }
            Participant::Member(_) | Participant::Teacher => Ok(()),
        }
    }

    /// Wants to watch these.
    ///
    /// # Errors
    /// Where it may not.
    pub fn set_view(&self, view: Whose) -> Result<(), Failed> {
        if !self.may_see(view) {
            let message = "others are seen when the teacher opens the class, or drives it";
            return Err(failure::relay(Reason::NotVisible, message));
        }
        let members = self.class.state.borrow().members.len();
        if view == Whose::All && !self.is_teacher() && members > SEE_ALL as usize {
            let message = format!("in a class of more than {SEE_ALL} members nobody else sees all");
            return Err(failure::limit(
                Reason::TooManyToSeeAll,
                SEE_ALL.into(),
                message,
            ));
        }
        self.view.set(view);
        Ok(())
    }

    fn may_see(&self, view: Whose) -> bool {
        let state = self.class.state.borrow();
        let drive = state.class.drive.map(|drive| Whose::Process(drive.process));
        view == Whose::Own || self.is_teacher() || state.class.open || drive == Some(view)
    }

    fn sees_everybody(&self) -> bool {
        let state = self.class.state.borrow();
        state.class.open && state.members.len() <= SEE_ALL as usize
    }

    /// Whose events it is told now; what it may see no more it is not told, whatever it asked for before.
    #[must_use]
    pub fn visibility(&self) -> Sight {
        let own = self.process.get();
        // What is only for the members who control the lab is for all where everybody may see everybody.
        let ruler = (self.is_teacher() || self.sees_everybody()).then_some(RULER);
        match self.view.get() {
            view if !self.may_see(view) => Sight::Of([own, None, ruler]),
            Whose::Own => Sight::Of([own, None, ruler]),
            Whose::Process(other) => Sight::Of([own, Some(other), ruler]),
            Whose::All => Sight::All,
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.detach_page();
        let mut presences = self.class.presences.borrow_mut();
        // Somebody who was let in again may have another place by now.
        let is_mine =
            |presence: &Presence| presence.removal.subscribe().same_channel(&self.removal);
        if !presences.get(&self.who).is_some_and(is_mine) {
            return;
        }
        presences.remove(&self.who);
        drop(presences);
        if let Participant::Member(member) = self.who {
            if let Some(known) = self.class.state.borrow_mut().members.get_mut(&member) {
                known.process = None;
            }
            self.class.mark_changed(member);
        }
    }
}
