//! The class the page is in, or could be in: how one gets into it, who else is there, what the teacher shows and says.
//!
//! What the relay tells of it replaces what was known. Nothing is asked of the relay before [`ClassCommand::Here`]: until then
//! the whole page only takes in what its first part has met.

mod card_text;
mod commands;
mod drive;
mod join_form;
mod progress;
mod remembered;
mod updates;
mod wall;

use shared::{
    class::{Act, Card, Class, Drive, MemberId, Outsider, Phase, Progress, Standing, You},
    message::GoodbyeReason,
    outcome::Failed,
    trace::ProcessId,
};

pub(in crate::model) use self::updates::LeftLab;
pub(crate) use self::{
    join_form::{EntryKind, JoinError, JoinField, JoinForm},
    remembered::RememberedSeat,
    wall::{Wall, WallOrder},
};

/// A command for the class.
#[derive(Debug)]
pub(crate) enum ClassCommand {
    /// The whole page is there.
    Here,
    /// To look at the class.
    Look,
    /// To join the class of this code, which stood in the page's address.
    CameBy(String),
    /// To begin one.
    Create {
        /// What it is member_name.
        title: String,
        /// The relay's admin token; empty where none was asked for.
        admin: String,
    },
    /// To join one.
    Join {
        /// The code, as it was typed.
        code: String,
        /// What to be member_name.
        name: String,
    },
    /// To have back the seats of classes that this browser remembers.
    Remember(Vec<String>),
    /// To go back to the one of this code.
    BackTo(String),
    /// To have it remembered no longer.
    ForgetSeat(String),
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
    Sort(WallOrder),
    /// To see only tiles with this in them.
    Filter(String),
    /// To have this on the clipboard.
    Copy(String),
    /// To have the link with which another machine becomes the teacher's; this is where the page comes from.
    CopyTeachersLink(String),
    /// To be told no more what was told once.
    Dismiss,
    /// The same of others who have the same name.
    DismissNamesakes,
}

/// Why a page is no longer in its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeaveReason {
    /// It was told.
    Told(GoodbyeReason),
    /// It was away, and then its place was not there any more.
    Gone,
    /// The teacher has removed it, and has not let it in again.
    KeptOut,
}

/// What a member is member_name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MemberName<'a> {
    /// By its name.
    Name(&'a str),
    /// By its number.
    Number(MemberId),
    /// It is the teacher.
    Teacher,
}

/// The class as this page knows it.
#[derive(Debug, Default)]
pub(crate) struct Classroom {
    /// Whether its pane is open.
    pub(crate) open: bool,
    /// What the page is in it, and how it is; none outside.
    pub(crate) standing: Option<Box<Standing>>,
    /// The members.
    pub(crate) wall: Wall,
    /// The way into one.
    pub(crate) join_form: JoinForm,
    /// Why the last act was refused.
    pub(crate) refused: Option<Failed>,
    /// Why the page is no longer in the class it was in.
    pub(crate) left: Option<LeaveReason>,
    /// The seats in classes that this browser remembers.
    pub(crate) remembered: Vec<RememberedSeat>,
    /// The removed members; only the teacher is told.
    pub(crate) outsiders: Vec<Outsider>,
    /// The members of the same name that the user has dismissed.
    pub(crate) known_namesakes: Vec<String>,
    /// Whether the page is in a lab of its own for a while.
    pub(crate) is_out: bool,
    /// The link for another machine was put onto the clipboard.
    pub(crate) copied_teachers: bool,
    /// It came back, and nothing was kept of its sockets.
    pub(crate) lost_sockets: bool,
    /// It looks at its own although the teacher drives.
    pub(crate) ignores_drive: bool,
    /// Whether tiles show numbers instead of names.
    pub(crate) hides_names: bool,
    /// The member whose ladder is to be shown.
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
    /// How far this page has told to be with a card.
    progress: Option<Progress>,
    asked: Vec<u64>,
    is_here: bool,
}

impl Classroom {
    /// How the class is.
    pub(crate) fn class(&self) -> Option<&Class> {
        self.standing.as_ref().map(|standing| &standing.class)
    }

    /// This page's member.
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
        self.drive().is_some() && !self.ignores_drive && !self.is_out
    }

    /// The card that is run, as far as it is.
    pub(crate) fn card(&self) -> Option<&Card> {
        self.class()?.card.as_ref()
    }

    /// The member whose ladder is shown instead of the page's own.
    pub(crate) const fn watching(&self) -> Option<ProcessId> {
        self.watching
    }

    /// Whether the teacher keeps this member from calls.
    pub(crate) fn is_muted(&self) -> bool {
        !self.is_out && self.you().is_some_and(|you| you.muted)
    }

    /// Others of the same name one has not been told of.
    pub(crate) fn namesakes(&self) -> Option<&[String]> {
        let names = &self.you()?.namesakes;
        (!names.is_empty() && *names != self.known_namesakes).then_some(names)
    }

    /// What a client's process is member_name here: by its member's name, or by the number where names are hidden. Nothing
    /// of one that this page is not told of, or that is no member's.
    pub(crate) fn member_name(&self, process: ProcessId) -> Option<MemberName<'_>> {
        let mut tiles = self.wall.tiles().map(|seen| &seen.tile);
        let tile = tiles.find(|tile| tile.process == Some(process));
        if let Some(tile) = tile.filter(|_| self.sees_others()) {
            return Some(if self.hides_names {
                MemberName::Number(tile.member)
            } else {
                MemberName::Name(&tile.name)
            });
        }
        let class = self.class()?;
        class.drive.filter(|drive| drive.process == process)?;
        let Some(driven) = &class.driven else {
            return Some(MemberName::Teacher);
        };
        let name = driven.name.as_deref();
        Some(name.map_or(MemberName::Number(driven.member), MemberName::Name))
    }

    /// Whose it should be.
    fn wanted_member(&self) -> Option<ProcessId> {
        if self.is_out {
            return None;
        }
        if self.follows() {
            return self.drive().map(|drive| drive.process);
        }
        let opened = self.opened.filter(|_| self.sees_others())?;
        self.wall.tile(opened)?.process
    }

    /// The page is in this lab now, with nothing of what was before where it `is_new` there.
    fn handle_welcome(&mut self, standing: Option<&Standing>, is_new: bool, is_out: bool) {
        let code = |standing: &Standing| standing.class.code.clone();
        let is_same = self.standing.as_deref().map(code) == standing.map(code);
        if !is_same {
            let Self {
                join_form,
                open,
                left,
                hides_names,
                is_here,
                remembered,
                ..
            } = std::mem::take(self);
            *self = Self {
                join_form,
                open,
                left,
                hides_names,
                is_here,
                remembered,
                ..Self::default()
            };
        }
        if is_new || is_out {
            (self.watching, self.followed) = (None, None);
        }
        (self.is_out, self.progress) = (is_out, None);
        self.asked.clear();
        self.refused = None;
        if let Some(standing) = standing {
            self.left = None;
            self.join_form.wrong = None;
            self.lost_sockets |= is_new && is_same;
            self.standing = Some(Box::new(standing.clone()));
            self.sync_choice();
        }
    }

    /// The own choice is told only while predictions are taken; it stays marked until there is another card.
    fn sync_choice(&mut self) {
        let told = self.you().and_then(|you| you.choice);
        match self.card().map(|card| card.phase) {
            None => self.chosen = None,
            Some(Phase::Asking) => self.chosen = told,
            Some(Phase::Closed | Phase::Revealed) => self.chosen = self.chosen.or(told),
        }
    }
}
