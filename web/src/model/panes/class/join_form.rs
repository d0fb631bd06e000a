//! The way into a class: what was typed, and what is wrong with it beside the field that it is wrong in.

use shared::outcome::{Failed, Reason};

/// How the user enters a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryKind {
    /// As the teacher of a new class.
    Create,
    /// As a member.
    Join,
}

/// A field of either form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JoinField {
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
pub(crate) enum JoinError {
    /// That is no code; it was not even asked for.
    NoCode,
    /// The relay says so.
    Refused(EntryKind, Failed),
}

/// Both forms.
#[derive(Debug, Default)]
pub(crate) struct JoinForm {
    /// The code that stood in the page's address.
    pub(crate) code: Option<String>,
    /// What was wrong the last time.
    pub(crate) wrong: Option<JoinError>,
    /// The relay wants its admin token.
    pub(crate) wants_admin: bool,
    /// The way that was asked for and not answered.
    pub(super) asked: Option<EntryKind>,
    /// The code of the class to return to.
    pub(super) back_to: Option<String>,
}

impl JoinForm {
    /// Handles a refused entry. Returns the failure if the page had not asked to enter.
    pub(in crate::model) fn refuse(&mut self, failed: Failed) -> Result<(), Failed> {
        let Some(door) = self.asked.take() else {
            return Err(failed);
        };
        let is_about_token = failed.reason == Some(Reason::OnlyWithAdminToken);
        self.wants_admin |= door == EntryKind::Create && is_about_token;
        self.wrong = Some(JoinError::Refused(door, failed));
        Ok(())
    }
}

impl JoinError {
    /// The field it stands beside.
    pub(crate) fn field(&self) -> JoinField {
        let (door, failed) = match self {
            Self::NoCode => return JoinField::Code,
            Self::Refused(door, failed) => (door, failed),
        };
        let is_text = matches!(
            failed.reason,
            Some(Reason::TextMissing | Reason::TextTooLong | Reason::TextNotPlain)
        );
        let is_token = failed.reason == Some(Reason::OnlyWithAdminToken);
        match door {
            EntryKind::Create if is_token => JoinField::Admin,
            EntryKind::Create => JoinField::Title,
            EntryKind::Join if is_text => JoinField::Name,
            EntryKind::Join => JoinField::Code,
        }
    }
}
