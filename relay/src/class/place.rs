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

use super::{Class, Live, Person, Who};
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
            gone: going,
        };
        class.people.borrow_mut().insert(who, person);
        Self {
            class,
            live,
            who,
            process: Cell::default(),
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
        let (letters, coming) = mpsc::unbounded_channel();
        if let Some(person) = self.class.people.borrow_mut().get_mut(&self.who) {
            person.letters = Some(letters);
        }
        self.letters = Some(coming);
        self.is_connected(true);
        if self.class.sees_roster(self.who) {
            self.class.tell_whole_roster(self.who, &self.live);
        }
    }

    /// No page is there any more.
    pub fn departs(&mut self) {
        self.letters = None;
        if let Some(person) = self.class.people.borrow_mut().get_mut(&self.who) {
            person.letters = None;
        }
        self.is_connected(false);
    }

    fn is_connected(&self, connected: bool) {
        let Who::Member(member) = self.who else {
            return;
        };
        if let Some(known) = self.class.core.borrow_mut().members.get_mut(&member) {
            known.connected = connected;
        }
        self.live.wall.borrow_mut().touch(member);
    }

    /// What its page is told as it comes.
    #[must_use]
    pub fn standing(&self, reach: Option<&str>) -> Standing {
        let core = self.class.core.borrow();
        Standing {
            is_teacher: self.is_teacher(),
            you: match self.who {
                Who::Teacher => None,
                Who::Member(member) => core.you(member),
            },
            class: core.class.clone(),
            reach: reach.map(str::to_owned),
        }
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

    /// Whose events it is told now; what it may see no more it is not told, whatever it asked for before.
    #[must_use]
    pub fn sight(&self) -> Sight {
        let own = self.process.get();
        let ruler = self.is_teacher().then_some(RULER);
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
        self.class.people.borrow_mut().remove(&self.who);
        if let Who::Member(member) = self.who {
            if let Some(known) = self.class.core.borrow_mut().members.get_mut(&member) {
                known.process = None;
            }
            self.class.touch(member);
        }
    }
}
