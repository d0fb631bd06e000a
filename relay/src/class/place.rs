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

use super::{Class, Excursion, Live, Person, Who};
use crate::{
    failure,
    lab::Tenancy,
    trace::{RULER, Sight},
};

/// A place in a class: what a seat there has beyond any other.
#[derive(Debug)]
pub struct Place {
    pub(super) class: Rc<Class>,
    pub(super) live: Rc<Live>,
    pub(super) who: Who,
    process: Cell<Option<ProcessId>>,
    page: Cell<u64>,
    whose: Cell<Whose>,
    /// What is to be said to its page.
    pub letters: Option<mpsc::UnboundedReceiver<Utf8Bytes>>,
    /// Why it has to leave, once it has.
    pub gone: watch::Receiver<Option<GoodbyeReason>>,
}

impl Place {
    pub(super) fn new(class: Rc<Class>, live: Rc<Live>, who: Who) -> Self {
        let (going, gone) = watch::channel(None);
        let person = Person {
            letters: None,
            pages: 0,
            gone: going,
        };
        class.people.borrow_mut().insert(who, person);
        Self {
            class,
            live,
            who,
            process: Cell::default(),
            page: Cell::default(),
            whose: Cell::new(Whose::Own),
            letters: None,
            gone,
        }
    }

    /// The lab of the class.
    #[must_use]
    pub fn tenancy(&self) -> &Tenancy {
        &self.live.tenancy
    }

    /// Whether it is the teacher's.
    #[must_use]
    pub fn is_teacher(&self) -> bool {
        self.who == Who::Teacher
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
    pub fn has_process(&self, process: ProcessId) {
        self.process.set(Some(process));
        if let Who::Member(member) = self.who {
            if let Some(known) = self.class.core.borrow_mut().members.get_mut(&member) {
                known.process = Some(process);
            }
            self.live.wall.borrow_mut().meets(member, process);
        }
    }

    /// A page is there: from now on it is told what is new.
    pub fn arrives(&mut self) {
        if let Who::Member(member) = self.who {
            // Nothing is known of a card before this page tells of it.
            self.class.core.borrow_mut().progresses(member, None).ok();
        }
        let (page, coming) = self.class.connects(self.who, false);
        self.page.set(page);
        self.letters = Some(coming);
        self.class.tell_who_is_there(self.who);
    }

    /// Its page goes to a lab of its own for a while.
    #[must_use]
    pub fn goes_out(&mut self) -> Excursion {
        self.letters = None;
        Excursion::new(Rc::clone(&self.class), self.who, self.gone.clone())
    }

    /// No page is there any more.
    pub fn departs(&mut self) {
        self.letters = None;
        self.class.disconnects(self.who, self.page.get());
    }

    /// What its page is told as it comes.
    #[must_use]
    pub fn standing(&self, reach: Option<&str>) -> Standing {
        self.class.standing(self.who, reach)
    }

    /// Whether its calls are made.
    ///
    /// # Errors
    /// Where the teacher has muted it.
    pub fn may_call(&self) -> Result<(), Failed> {
        match self.who {
            Who::Member(member) if self.class.is_muted(member) => {
                let message = "the teacher has muted this member";
                Err(failure::relay(Reason::Muted, message))
            }
            Who::Member(_) | Who::Teacher => Ok(()),
        }
    }

    /// Wants to watch these.
    ///
    /// # Errors
    /// Where it may not.
    pub fn watches(&self, whose: Whose) -> Result<(), Failed> {
        if !self.may_see(whose) {
            let message = "others are seen when the teacher opens the class, or drives it";
            return Err(failure::relay(Reason::NotVisible, message));
        }
        let members = self.class.core.borrow().members.len();
        if whose == Whose::All && !self.is_teacher() && members > SEE_ALL as usize {
            let message = format!("in a class of more than {SEE_ALL} members nobody else sees all");
            return Err(failure::limit(
                Reason::TooManyToSeeAll,
                SEE_ALL.into(),
                message,
            ));
        }
        self.whose.set(whose);
        Ok(())
    }

    fn may_see(&self, whose: Whose) -> bool {
        let core = self.class.core.borrow();
        let drive = core.class.drive.map(|drive| Whose::Process(drive.process));
        whose == Whose::Own || self.is_teacher() || core.class.open || drive == Some(whose)
    }

    fn sees_everybody(&self) -> bool {
        let core = self.class.core.borrow();
        core.class.open && core.members.len() <= SEE_ALL as usize
    }

    /// Whose events it is told now; what it may see no more it is not told, whatever it asked for before.
    #[must_use]
    pub fn sight(&self) -> Sight {
        let own = self.process.get();
        // What is only for whoever rules the lab is for all where everybody may see everybody.
        let ruler = (self.is_teacher() || self.sees_everybody()).then_some(RULER);
        match self.whose.get() {
            whose if !self.may_see(whose) => Sight::Of([own, None, ruler]),
            Whose::Own => Sight::Of([own, None, ruler]),
            Whose::Process(other) => Sight::Of([own, Some(other), ruler]),
            Whose::All => Sight::All,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.departs();
        let mut people = self.class.people.borrow_mut();
        // Somebody who was let in again may have another place by now.
        let is_mine = |person: &Person| person.gone.subscribe().same_channel(&self.gone);
        if !people.get(&self.who).is_some_and(is_mine) {
            return;
        }
        people.remove(&self.who);
        drop(people);
        if let Who::Member(member) = self.who {
            if let Some(known) = self.class.core.borrow_mut().members.get_mut(&member) {
                known.process = None;
            }
            self.class.touch(member);
        }
    }
}
