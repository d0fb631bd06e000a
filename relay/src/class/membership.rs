//! [`Membership`]: a participant's seat in a class, what it may see, and what it may do.

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
    trace::{LAB_OWNER, Visibility},
};

/// A participant's seat in a class. It keeps the class's lab running; the seat ends when this is dropped.
#[derive(Debug)]
pub struct Membership {
    pub(super) class: Rc<Class>,
    pub(super) live: Rc<ClassLab>,
    pub(super) who: Participant,
    process: Cell<Option<ProcessId>>,
    page: Cell<u64>,
    view: Cell<Whose>,
    /// Messages for the page; `None` while no page is connected.
    pub outbox: Option<mpsc::UnboundedReceiver<Utf8Bytes>>,
    /// Set to the reason once the participant has to leave.
    pub removal: watch::Receiver<Option<GoodbyeReason>>,
}

impl Membership {
    pub(super) fn new(class: Rc<Class>, live: Rc<ClassLab>, who: Participant) -> Self {
        let (sender, removal) = watch::channel(None);
        let presence = Presence {
            outbox: None,
            pages: 0,
            removal: sender,
        };
        class.presences.borrow_mut().insert(who, presence);
        Self {
            class,
            live,
            who,
            process: Cell::default(),
            page: Cell::default(),
            view: Cell::new(Whose::Own),
            outbox: None,
            removal,
        }
    }

    /// The lease of the class's lab.
    #[must_use]
    pub fn lab_lease(&self) -> &LabLease {
        &self.live.lease
    }

    /// Whether this is the teacher's seat.
    #[must_use]
    pub fn is_teacher(&self) -> bool {
        self.who == Participant::Teacher
    }

    /// The lab's id as this participant sees it: the real one for the teacher, the class code for members, because
    /// whoever knows the real one may read the whole trace.
    #[must_use]
    pub fn lab_name(&self) -> &str {
        if self.is_teacher() {
            &self.class.lab
        } else {
            &self.class.code
        }
    }

    /// Sets the participant's client process. The member's earlier processes continue to count as its own.
    pub fn set_process(&self, process: ProcessId) {
        self.process.set(Some(process));
        if let Participant::Member(member) = self.who {
            if let Some(known) = self.class.state.borrow_mut().members.get_mut(&member) {
                known.process = Some(process);
            }
            self.live.wall.borrow_mut().set_process(member, process);
        }
    }

    /// Connects the participant's page: it receives the roster now, and news from now on.
    pub fn attach_page(&mut self) {
        if let Participant::Member(member) = self.who {
            // A new page has not reported its progress yet.
            let mut state = self.class.state.borrow_mut();
            state.set_progress(member, None).ok();
        }
        let (page, outbox) = self.class.connect(self.who, false);
        self.page.set(page);
        self.outbox = Some(outbox);
        self.class.send_roster_and_outsiders(self.who);
    }

    /// Continues the membership for a page that moves to a private lab for a while.
    #[must_use]
    pub fn leave_for_private_lab(&mut self) -> AwayMembership {
        self.outbox = None;
        AwayMembership::new(Rc::clone(&self.class), self.who, self.removal.clone())
    }

    /// Disconnects the participant's page.
    pub fn detach_page(&mut self) {
        self.outbox = None;
        self.class.disconnect(self.who, self.page.get());
    }

    /// What the page receives when it connects.
    #[must_use]
    pub fn standing(&self, network_url: Option<&str>) -> Standing {
        self.class.standing(self.who, network_url)
    }

    /// Checks whether the participant may make calls.
    ///
    /// # Errors
    /// [`Reason::Muted`] if the teacher has muted the member.
    pub fn check_may_call(&self) -> Result<(), Failed> {
        match self.who {
            Participant::Member(member) if self.class.is_muted(member) => {
                let message = "the teacher has muted this member";
                Err(failure::relay(Reason::Muted, message))
            }
            Participant::Member(_) | Participant::Teacher => Ok(()),
        }
    }

    /// Selects whose events the page receives.
    ///
    /// # Errors
    /// [`Reason::NotVisible`] or [`Reason::TooManyToSeeAll`] if the participant may not see them.
    pub fn set_view(&self, view: Whose) -> Result<(), Failed> {
        if !self.may_see(view) {
            let message = "other members are visible only while the teacher opens the class or drives a member";
            return Err(failure::relay(Reason::NotVisible, message));
        }
        let members = self.class.state.borrow().members.len();
        if view == Whose::All && !self.is_teacher() && members > SEE_ALL as usize {
            let message =
                format!("in a class of more than {SEE_ALL} members, only the teacher sees all");
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

    /// Whose events the page may receive now. A view that is no longer permitted falls back to the member's own
    /// events.
    #[must_use]
    pub fn visibility(&self) -> Visibility {
        let own = self.process.get();
        // Where everybody may see everybody, members also receive the events that are otherwise for the teacher.
        let ruler = (self.is_teacher() || self.sees_everybody()).then_some(LAB_OWNER);
        match self.view.get() {
            view if !self.may_see(view) => Visibility::Of([own, None, ruler]),
            Whose::Own => Visibility::Of([own, None, ruler]),
            Whose::Process(other) => Visibility::Of([own, Some(other), ruler]),
            Whose::All => Visibility::All,
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.detach_page();
        let mut presences = self.class.presences.borrow_mut();
        // A member that was removed and readmitted may have a newer membership.
        let is_own = |presence: &Presence| presence.removal.subscribe().same_channel(&self.removal);
        if !presences.get(&self.who).is_some_and(is_own) {
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
