//! What is taken along and what is brought back: exports, saved traces, and the ladder as text.

mod export;
pub(crate) mod extent;
pub(crate) mod link;
mod open;
mod raw_events;
pub(crate) mod text;

use shared::saved::Form;

pub(crate) use self::{
    export::{Capture, File, capture},
    open::{MAX_FILE_BYTES, OpenError, Opened},
    raw_events::RawEvents,
};
use crate::{
    WHOLE,
    i18n::Texts,
    model::{Effect, Event, Model, WholeEvent, past::replay::Replay, trace::log::RunId},
};

/// A command for files.
#[derive(Debug)]
pub(crate) enum ArchiveCommand {
    /// The trace as JSON.
    Trace,
    /// Its packets as a capture file.
    Packets(Form),
    /// Look at the saved trace of the link this page was opened at.
    Follow(String),
    /// Look at this saved trace.
    Open {
        /// The file's name, or the link's.
        name: String,
        /// What is in it, or why that is not known.
        text: Result<String, OpenError>,
    },
    /// The ladder as text, onto the clipboard.
    CopyLadder,
    /// It is there.
    Copied,
    /// Back to the lab as it is now.
    Leave,
    /// It is understood that a file could not be opened.
    Understood,
}

/// The saved trace or the replay that is shown, if any.
#[derive(Debug, Default)]
pub(crate) struct Archive {
    /// The saved trace that is shown.
    pub(crate) opened: Option<Box<Opened>>,
    /// The replay of the saved trace, or of the lab's past, that is shown.
    pub(crate) replay: Option<Box<Replay>>,
    /// The one whose calls are made again in the lab meanwhile.
    aside: Option<Box<Opened>>,
    /// The last file that could not be opened, and why.
    pub(crate) wrong: Option<(String, OpenError)>,
    /// The run whose ladder is on the clipboard, as it was then.
    copied: Option<(RunId, u64)>,
    /// Whether the page stands at a link's address.
    pub(crate) at_link: bool,
    pasts: u64,
}

impl Archive {
    /// A number for another model of what is past.
    pub(in crate::model) const fn number(&mut self) -> u64 {
        // A replay counts on from its own while it lasts.
        self.pasts += 1 << 16;
        self.pasts
    }

    /// The lab is looked at for a while.
    pub(in crate::model) fn set_aside(&mut self) {
        self.replay = None;
        self.aside = self.opened.take();
    }

    /// And what was looked at before, again.
    pub(in crate::model) fn restore_aside(&mut self) {
        self.opened = self.aside.take().or_else(|| self.opened.take());
    }

    /// Whether there is something to look back at.
    pub(crate) const fn has_aside(&self) -> bool {
        self.aside.is_some()
    }
}

impl Model {
    /// The model that all views show: of the replay, else of the saved trace, else of the lab.
    pub(crate) fn shown(&self) -> &Self {
        match &self.archive.replay {
            Some(replay) if WHOLE => &replay.model,
            Some(_) | None => self.source(),
        }
    }

    /// The model that has the whole trace: of the saved trace that is shown, else of the lab.
    pub(crate) fn source(&self) -> &Self {
        match &self.archive.opened {
            Some(opened) if WHOLE => &opened.model,
            Some(_) | None => self,
        }
    }

    /// Whether a saved trace or a replay is shown.
    pub(crate) const fn is_past(&self) -> bool {
        WHOLE && (self.archive.opened.is_some() || self.archive.replay.is_some())
    }

    /// Carries out a command for files.
    pub(in crate::model) fn handle_archive_command(
        &mut self,
        wish: ArchiveCommand,
        effects: &mut Vec<Effect>,
    ) {
        match wish {
            ArchiveCommand::Trace => {
                effects.extend(export::trace(self.source()).map(Effect::Download))
            }
            ArchiveCommand::Packets(form) => {
                effects.extend(export::packets(self.source(), form).map(Effect::Download));
            }
            ArchiveCommand::Follow(address) => {
                self.archive.at_link = true;
                effects.push(Effect::Fetch(address));
            }
            ArchiveCommand::Open { name, text } => self.open(name, text),
            ArchiveCommand::CopyLadder => effects.extend(self.ladder_as_text().map(Effect::Copy)),
            ArchiveCommand::Copied
                if self.workbench.finish_copy()
                    || self.listing.finish_copy()
                    || self.links.finish_copy() => {}
            ArchiveCommand::Copied => self.archive.copied = self.shown().shown_ladder(),
            ArchiveCommand::Leave => {
                (self.archive.opened, self.archive.replay) = (None, None);
                self.show_lab(effects);
            }
            ArchiveCommand::Understood => {
                self.archive.wrong = None;
                if self.archive.opened.is_none() {
                    self.show_lab(effects);
                }
            }
        }
    }

    /// What was put aside is not needed any more.
    pub(in crate::model) fn drop_aside(&mut self, effects: &mut Vec<Effect>) {
        self.archive.aside = None;
        if self.archive.opened.is_none() {
            self.show_lab(effects);
        }
    }

    /// A link's address that the page stands at is left with what it led to.
    fn show_lab(&mut self, effects: &mut Vec<Effect>) {
        if std::mem::take(&mut self.archive.at_link) {
            effects.push(Effect::ShowLab);
        }
    }

    /// Whether the ladder that is shown is on the clipboard.
    pub(crate) fn is_copied(&self) -> bool {
        self.archive.copied.is_some() && self.archive.copied == self.shown().shown_ladder()
    }

    /// Which run the ladder shows, and in which state it is.
    pub(crate) fn shown_ladder(&self) -> Option<(RunId, u64)> {
        let run = self.shown_run().filter(|run| !run.calls.is_empty())?;
        Some((run.id, run.version))
    }

    fn ladder_as_text(&self) -> Option<String> {
        let texts = Texts::new(self.language);
        let shown = self.shown();
        let run = shown.shown_run()?;
        let (client, server) = (shown.client_of(run, &texts), shown.server_of(run));
        let heads = [client.as_str(), server.as_str()];
        Some(text::ladder(run, shown.log.waiting(), heads, &texts))
    }

    /// What cannot be opened leaves everything as it was.
    fn open(&mut self, name: String, text: Result<String, OpenError>) {
        let nth = self.archive.number();
        let read = text.and_then(|text| Opened::read(name.clone(), &text, nth));
        match read {
            Ok(mut opened) => {
                opened.model.language = self.language;
                opened.model.transport = opened.model.first_transport().or(self.transport);
                self.archive.opened = Some(Box::new(opened));
                self.archive.aside = None;
                (self.archive.replay, self.archive.wrong) = (None, None);
            }
            Err(wrong) => self.archive.wrong = Some((name, wrong)),
        }
    }

    /// The transport of what a saved trace shows first.
    fn first_transport(&self) -> Option<shared::call::Transport> {
        self.shown_run()?.transport()
    }

    /// Applies an event to the saved trace or replay that is shown. Returns whether the lab must not handle it.
    pub(in crate::model) fn route_past_event(&mut self, event: &Event) -> bool {
        if !self.is_past() {
            return false;
        }
        self.with_shown(|shown| {
            if let Event::ChooseTransport(transport) = event {
                shown.choose(*transport);
            }
            if let Event::Whole(WholeEvent::Select(call)) = event {
                shown.select(*call);
            }
        });
        matches!(
            event,
            Event::Whole(WholeEvent::Select(_) | WholeEvent::Clear)
        )
    }
}
