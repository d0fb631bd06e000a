//! The way into a class: what was typed, and what is wrong with it beside the field that it is wrong in.

use shared::outcome::{Failed, Reason};

/// Which way one wants in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// As the teacher of a new class.
    Create,
    /// As a member.
    Join,
}

/// A field of either form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    /// The class's title.
    Title,
    /// The relay's admin token.
    Admin,
    /// The class's code.
    Code,
    /// The member's name.
    Name,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// That is no code; it was not even asked for.
    NoCode,
    /// The relay says so.
    Refused(Door, Failed),
}

/// Both forms.
#[derive(Debug, Default)]
pub(crate) struct Doorway {
    /// The code that stood in the page's address.
    pub(crate) code: Option<String>,
    /// What was wrong the last time.
    pub(crate) wrong: Option<Wrong>,
    /// The relay wants its admin token.
    pub(crate) wants_admin: bool,
    /// The way that was asked for and not answered.
    pub(super) asked: Option<Door>,
    /// The code of the class that one wants to be back in.
    pub(super) back_to: Option<String>,
}

impl Doorway {
    /// The relay did not let the page in; tells whether it had asked.
    pub(in crate::model) fn refuse(&mut self, failed: Failed) -> Result<(), Failed> {
        let Some(door) = self.asked.take() else {
            return Err(failed);
        };
        let is_about_token = failed.reason == Some(Reason::OnlyWithAdminToken);
        self.wants_admin |= door == Door::Create && is_about_token;
        self.wrong = Some(Wrong::Refused(door, failed));
        Ok(())
    }
}

impl Wrong {
    /// The field it stands beside.
    pub(crate) fn field(&self) -> Field {
        let (door, failed) = match self {
            Self::NoCode => return Field::Code,
            Self::Refused(door, failed) => (door, failed),
        };
        let is_text = matches!(
            failed.reason,
            Some(Reason::TextMissing | Reason::TextTooLong | Reason::TextNotPlain)
        );
        let is_token = failed.reason == Some(Reason::OnlyWithAdminToken);
        match door {
            Door::Create if is_token => Field::Admin,
            Door::Create => Field::Title,
            Door::Join if is_text => Field::Name,
            Door::Join => Field::Code,
        }
    }
}
