//! The trace as a link: the relay keeps it for whoever has the link, and this browser remembers which links are its
//! own, with the secrets that delete them.

use shared::{
    message::{Ask, Reply},
    outcome::{Failed, Outcome, Reason, Returned},
};

use super::extent::{self, Extent};
use crate::model::{Effect, Model, core::connection::ConnectionState};

/// A command for links.
#[derive(Debug)]
pub(crate) enum LinkCommand {
    /// To see them: what this browser remembers, and the time in seconds since 1970-01-01 UTC.
    See(String, u64),
    /// Save this extent of the trace as a link for this number of days.
    Save(Extent, u64),
    /// That one deleted.
    Delete(String),
    /// Its whole address on the clipboard.
    Copy(String),
}

/// A link that this browser made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SavedLink {
    /// Its name.
    pub(crate) link: String,
    /// What deletes it.
    pub(crate) secret: String,
    /// When it is deleted by itself: seconds since 1970-01-01 UTC.
    pub(crate) expires_s: u64,
}

/// How the last that was wanted went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum LinkStatus {
    /// Nothing to say.
    #[default]
    None,
    /// The relay was asked.
    Asked,
    /// The newest link is there.
    Saved,
    /// It is deleted.
    Deleted,
    /// There was none any more.
    WasGone,
    /// The relay would not.
    Refused(Failed),
    /// The connection broke before an answer came.
    Lost,
}

/// The links that this browser made, the newest first.
#[derive(Debug, Default)]
pub(crate) struct Links {
    /// The links.
    pub(crate) mine: Vec<SavedLink>,
    /// How the last that was wanted went.
    pub(crate) news: LinkStatus,
    /// The address that is on the clipboard.
    pub(crate) copied: Option<String>,
    /// Grows with every change.
    pub(crate) version: u64,
    copying: Option<String>,
    asked: Option<(u64, PendingLink)>,
}

#[derive(Debug)]
enum PendingLink {
    ToSave,
    ToDelete(String),
}

impl Links {
    /// What the browser remembers of them: one in a line.
    fn read(&mut self, remembered: &str, now_s: u64) {
        let read = |line: &str| {
            let mut words = line.split(' ').map(str::to_owned);
            Some(SavedLink {
                link: words.next()?,
                secret: words.next()?,
                expires_s: words.next()?.parse().ok()?,
            })
        };
        let mine = remembered.lines().filter_map(read);
        self.mine = mine.filter(|mine| mine.expires_s > now_s).collect();
        if self.asked.is_none() {
            self.news = LinkStatus::None;
        }
    }

    fn written(&self) -> String {
        let line = |mine: &SavedLink| format!("{} {} {}\n", mine.link, mine.secret, mine.expires_s);
        self.mine.iter().map(line).collect()
    }

    /// Whether the relay has still to answer.
    pub(crate) const fn is_asked(&self) -> bool {
        self.asked.is_some()
    }

    /// No answer will come any more.
    pub(in crate::model) fn handle_disconnect(&mut self) {
        if self.asked.take().is_some() {
            self.version += 1;
            self.news = LinkStatus::Lost;
        }
    }

    /// Handles a reply. Returns whether the stored links have changed.
    fn handle_reply(&mut self, reply: &Reply) -> bool {
        let Some((_, asked)) = self.asked.take_if(|(id, _)| Some(*id) == reply.id) else {
            return false;
        };
        self.version += 1;
        let (news, changes) = match (asked, &reply.outcome) {
            (
                PendingLink::ToSave,
                Outcome::Returned(Returned::Saved {
                    link,
                    secret,
                    expires_s,
                }),
            ) => {
                let mine = SavedLink {
                    link: link.clone(),
                    secret: secret.clone(),
                    expires_s: *expires_s,
                };
                self.mine.insert(0, mine);
                (LinkStatus::Saved, true)
            }
            (PendingLink::ToSave, Outcome::Returned(_)) => (LinkStatus::None, false),
            (PendingLink::ToDelete(link), Outcome::Failed(failed))
                if failed.reason == Some(Reason::NoSuchLink) =>
            {
                self.mine.retain(|mine| mine.link != link);
                (LinkStatus::WasGone, true)
            }
            (PendingLink::ToDelete(link), Outcome::Returned(_)) => {
                self.mine.retain(|mine| mine.link != link);
                (LinkStatus::Deleted, true)
            }
            (_, Outcome::Failed(failed)) => (LinkStatus::Refused(failed.clone()), false),
        };
        self.news = news;
        changes
    }

    /// Handles that a text was copied. Returns whether it was a link.
    pub(super) fn finish_copy(&mut self) -> bool {
        let copied = self.copying.take();
        let mine = copied.is_some();
        if mine {
            self.copied = copied;
            self.version += 1;
        }
        mine
    }
}

impl Model {
    /// Carries out a command for links.
    pub(in crate::model) fn handle_link_command(
        &mut self,
        wish: LinkCommand,
        effects: &mut Vec<Effect>,
    ) {
        self.links.version += 1;
        match wish {
            LinkCommand::See(remembered, now_s) => self.links.read(&remembered, now_s),
            LinkCommand::Copy(address) => {
                self.links.copying = Some(address.clone());
                effects.push(Effect::Copy(address));
            }
            LinkCommand::Save(extent, days) if self.can_save() => {
                let events = extent::ranges(extent, self);
                let days = Some(days);
                let id = self.outbox.ask(Ask::Save { events, days });
                self.links.asked = Some((id, PendingLink::ToSave));
                self.links.news = LinkStatus::Asked;
            }
            LinkCommand::Delete(link) if self.can_ask() => {
                let known = self.links.mine.iter().find(|mine| mine.link == link);
                let Some(secret) = known.map(|mine| mine.secret.clone()) else {
                    return;
                };
                let ask = Ask::DeleteLink {
                    link: link.clone(),
                    secret,
                };
                let id = self.outbox.ask(ask);
                self.links.asked = Some((id, PendingLink::ToDelete(link)));
                self.links.news = LinkStatus::Asked;
            }
            LinkCommand::Save(..) | LinkCommand::Delete(_) => {}
        }
    }

    /// Whether the relay can be asked for anything of it now.
    pub(crate) fn can_ask(&self) -> bool {
        let is_there =
            self.connection.state == ConnectionState::Open && !self.lab_session.is_moving();
        is_there && !self.links.is_asked()
    }

    /// Whether the trace can be saved now. What is saved already is not the lab's.
    pub(crate) fn can_save(&self) -> bool {
        self.can_ask() && self.archive.opened.is_none() && self.raw_events.len() > 0
    }

    pub(in crate::model) fn handle_link_reply(&mut self, reply: &Reply, effects: &mut Vec<Effect>) {
        if self.links.handle_reply(reply) {
            effects.push(Effect::StoreLinks(self.links.written()));
        }
    }
}
