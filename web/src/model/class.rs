//! The class the page is in, or could be in: how one gets into it, who else is there, what the teacher shows and says.
//!
//! What the relay tells of it replaces what was known. Nothing is asked of the relay before [`Wish::Here`]: until then
//! the whole page only takes in what its first part has met.

mod act;
mod deck;
mod door;
mod drive;
mod news;
mod wall;

use shared::{
    class::{Act, Card, Class, Drive, MemberId, Phase, Standing, You},
    message::GoodbyeReason,
    outcome::Failed,
    trace::ProcessId,
};

pub(crate) use self::{
    door::{Door, Doorway, Field, Wrong},
    wall::{Sort, Wall},
};

/// What somebody wants of a class.
#[derive(Debug)]
pub(crate) enum Wish {
    /// The whole page is there.
    Here,
    /// To look at the class.
    Look,
    /// To join the class of this code, which stood in the page's address.
    CameBy(String),
    /// To begin one.
    Create {
        /// What it is called.
        title: String,
        /// The relay's admin token; empty where none was asked for.
        admin: String,
    },
    /// To join one.
    Join {
        /// The code, as it was typed.
        code: String,
        /// What to be called.
        name: String,
    },
    /// To go to the open lab for a while.
    StepOut,
    /// To go back.
    Return,
    /// Never to go back.
    Forget,
    /// To have this card of the deck predicted.
    Ask(String),
    /// To do something in it.
    Do(Act),
    /// To see what this member does, or no longer.
    Open(Option<MemberId>),
    /// To follow what the teacher looks at, or not.
    Follow(bool),
    /// To have the class follow, or no longer.
    Drive(bool),
    /// To have names hidden, or not.
    HideNames(bool),
    /// To see the tiles in this order.
    Sort(Sort),
    /// To see only tiles with this in them.
    Filter(String),
    /// To have this on the clipboard.
    Copy(String),
    /// To be told no more what was told once.
    Dismiss,
}

/// Why a page is no longer in its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parting {
    /// It was told.
    Told(GoodbyeReason),
    /// It was away, and then its place was not there any more.
    Gone,
}

/// The class as this page knows it.
#[derive(Debug, Default)]
pub(crate) struct Classroom {
    /// Whether one looks at it.
    pub(crate) open: bool,
    /// What the page is in it, and how it is; none outside.
    pub(crate) standing: Option<Box<Standing>>,
    /// Who is in it.
    pub(crate) wall: Wall,
    /// The way into one.
    pub(crate) doorway: Doorway,
    /// Why the last act was refused.
    pub(crate) refused: Option<Failed>,
    /// Why the page is no longer in the class it was in.
    pub(crate) parted: Option<Parting>,
    /// It came back, and nothing was kept of its sockets.
    pub(crate) lost_sockets: bool,
    /// It looks at its own although the teacher drives.
    pub(crate) looks_away: bool,
    /// Whether tiles show numbers instead of names.
    pub(crate) hides_names: bool,
    /// The member whose ladder one wants to see.
    pub(crate) opened: Option<MemberId>,
    /// What this member has predicted for the card.
    pub(crate) chosen: Option<u32>,
    /// Something was put onto the clipboard.
    pub(crate) copied: bool,
    /// Whose events come along.
    watching: Option<ProcessId>,
    /// The selection of the teacher's that is shown here.
    followed: Option<u64>,
    /// What was last asked to be driven.
    driven: Option<Drive>,
    asked: Vec<u64>,
    is_here: bool,
}

impl Classroom {
    /// How the class is.
    pub(crate) fn class(&self) -> Option<&Class> {
        self.standing.as_ref().map(|standing| &standing.class)
    }

    /// Who this member is.
    pub(crate) fn you(&self) -> Option<&You> {
        self.standing.as_ref()?.you.as_ref()
    }

    pub(crate) fn is_teacher(&self) -> bool {
        self.standing
            .as_ref()
            .is_some_and(|standing| standing.is_teacher)
    }

    /// Whether tiles can be opened here.
    pub(crate) fn sees_others(&self) -> bool {
        self.is_teacher() || self.class().is_some_and(|class| class.open)
    }

    /// What the teacher has everybody look at, if this page is not the teacher's.
    pub(crate) fn drive(&self) -> Option<Drive> {
        self.class()?.drive.filter(|_| !self.is_teacher())
    }

    /// Whether this page looks at that.
    pub(crate) fn follows(&self) -> bool {
        self.drive().is_some() && !self.looks_away
    }

    /// The card that is run, as far as it is.
    pub(crate) fn card(&self) -> Option<&Card> {
        self.class()?.card.as_ref()
    }

    /// Whose ladder is shown instead of one's own.
    pub(crate) const fn watching(&self) -> Option<ProcessId> {
        self.watching
    }

    /// Whose it should be.
    fn wants_to_see(&self) -> Option<ProcessId> {
        if self.follows() {
            return self.drive().map(|drive| drive.process);
        }
        let opened = self.opened.filter(|_| self.sees_others())?;
        self.wall.tile(opened)?.process
    }

    /// The page is in this lab now, with nothing of what was before where it `is_new` there.
    fn arrives(&mut self, standing: Option<&Standing>, is_new: bool) {
        let code = |standing: &Standing| standing.class.code.clone();
        let is_same = self.standing.as_deref().map(code) == standing.map(code);
        if !is_same {
            let Self {
                doorway,
                open,
                parted,
                hides_names,
                is_here,
                ..
            } = std::mem::take(self);
            *self = Self {
                doorway,
                open,
                parted,
                hides_names,
                is_here,
                ..Self::default()
            };
        }
        if is_new {
            (self.watching, self.followed) = (None, None);
        }
        self.asked.clear();
        self.refused = None;
        if let Some(standing) = standing {
            self.parted = None;
            self.doorway.wrong = None;
            self.lost_sockets |= is_new && is_same;
            self.standing = Some(Box::new(standing.clone()));
            self.knows_choice();
        }
    }

    /// The own choice is told only while predictions are taken; it stays marked until there is another card.
    fn knows_choice(&mut self) {
        let told = self.you().and_then(|you| you.choice);
        match self.card().map(|card| card.phase) {
            None => self.chosen = None,
            Some(Phase::Asking) => self.chosen = told,
            Some(Phase::Closed | Phase::Revealed) => self.chosen = self.chosen.or(told),
        }
    }
}
