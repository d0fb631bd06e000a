//! Cards: each asks for a prediction, runs calls on real sockets, and checks the trace for what should be seen.

mod card;
mod check;
mod check_feed;
mod play;
mod restore;
mod steps;

pub(crate) use self::{
    card::{Card, DeckEntry, Highlight},
    play::CardRun,
    restore::{Restored, RestoredPart},
};
use shared::lab::LabKind;

use crate::{
    json,
    model::{Effect, Model, Outbox, panes::workbench::Workbench},
};

/// Number of introductory cards.
pub(crate) const FIRST: usize = 3;

/// What somebody does with the cards.
#[derive(Debug)]
pub(crate) enum CardsCommand {
    /// Looks at them.
    Look,
    /// Looks at the first that is not done.
    Begin,
    /// They have come.
    Deal(String),
    /// These were done before.
    WereDone(String),
    /// Takes this one.
    Take(usize),
    /// Foresees this, or would rather see.
    Answer(Option<usize>),
    /// Does a step.
    Step(usize),
    /// Wants to know why.
    Tell,
    /// Begins it anew.
    Again,
    /// Puts it back.
    PutBack,
    /// Takes the next one that is not done.
    Next,
}

/// All cards, which of them are done, and the one that is played.
#[derive(Debug, Default)]
pub(crate) struct Cards {
    /// Whether their pane is open.
    pub(crate) open: bool,
    /// All of them, in the order of their names; none before they have come.
    pub(crate) deck: Vec<DeckEntry>,
    /// The one that is played.
    pub(crate) play: Option<CardRun>,
    /// What was put back of what the last card had changed.
    pub(crate) restored: Restored,
    done: Vec<String>,
    begins: bool,
}

impl Cards {
    /// The card that is played.
    pub(crate) fn card(&self) -> Option<&Card> {
        let play = self.play.as_ref()?;
        self.deck.get(play.card).map(|dealt| &dealt.card)
    }

    /// Whether the card at this place is done.
    pub(crate) fn is_done(&self, at: usize) -> bool {
        let dealt = self.deck.get(at);
        dealt.is_some_and(|dealt| self.done.contains(&dealt.id))
    }

    /// The first card from this place on that is not done, else the first at all.
    pub(crate) fn undone(&self, from: usize) -> Option<usize> {
        let after = from..self.deck.len();
        let mut all = after.chain(0..from.min(self.deck.len()));
        all.find(|at| !self.is_done(*at))
    }

    /// Whether one may still be led to the first cards.
    pub(crate) fn has_first_cards_left(&self) -> bool {
        self.done.len() < FIRST
    }

    fn take(&mut self, at: usize, bench: &Workbench) {
        let card = self.deck.get(at);
        self.play = card.map(|dealt| CardRun::begin(at, &dealt.card, bench.newest()));
    }

    fn deal(&mut self, text: &str) {
        self.deck = json::read(text).unwrap_or_default();
    }

    /// A card whose check holds is done, for good.
    pub(in crate::model) fn record_done(&mut self, effects: &mut Vec<Effect>) {
        let Some(play) = self.play.as_ref().filter(|play| play.check.holds()) else {
            return;
        };
        let dealt = self.deck.get(play.card);
        if let Some(dealt) = dealt.filter(|dealt| !self.done.contains(&dealt.id)) {
            self.done.push(dealt.id.clone());
            effects.push(Effect::StoreCardProgress(self.done.join(" ")));
        }
    }

    /// Another lab.
    pub(in crate::model) fn reset(&mut self) {
        if let Some(play) = &mut self.play {
            play.reset();
        }
    }
}

impl Model {
    pub(in crate::model) fn handle_cards_command(
        &mut self,
        act: CardsCommand,
        effects: &mut Vec<Effect>,
    ) {
        match act {
            CardsCommand::Look | CardsCommand::Begin => {
                self.cards.open = true;
                self.classroom.open = false;
                self.workbench.open = true;
                self.log.touch();
                self.cards.begins |= matches!(act, CardsCommand::Begin);
                self.begin_cards(effects);
            }
            CardsCommand::Deal(text) => {
                self.cards.deal(&text);
                self.begin_cards(effects);
            }
            CardsCommand::WereDone(ids) => {
                self.cards.done = ids.split_whitespace().map(str::to_owned).collect();
            }
            CardsCommand::Take(at) => self.take_card(at, effects),
            CardsCommand::Again => {
                if let Some(at) = self.cards.play.as_ref().map(|play| play.card) {
                    self.take_card(at, effects);
                }
            }
            CardsCommand::PutBack => self.put_back(effects),
            CardsCommand::Next => {
                let at = self.cards.play.as_ref().map_or(0, |play| play.card);
                if let Some(next) = self.cards.undone(at) {
                    self.take_card(next, effects);
                }
            }
            CardsCommand::Answer(choice) => {
                if let Some(play) = &mut self.cards.play {
                    play.answer = Some(choice);
                }
            }
            CardsCommand::Tell => {
                if let Some(play) = &mut self.cards.play {
                    play.told = true;
                }
            }
            CardsCommand::Step(at) => self.begin_step(at),
        }
    }

    fn begin_cards(&mut self, effects: &mut Vec<Effect>) {
        let first = self.cards.undone(0).filter(|_| self.cards.begins);
        if let Some(first) = first {
            self.cards.begins = false;
            self.take_card(first, effects);
        }
    }

    fn take_card(&mut self, at: usize, effects: &mut Vec<Effect>) {
        self.put_back(effects);
        self.cards.take(at, &self.workbench);
    }

    /// Closes the card's sockets and puts back what it has changed. A member that left a class's lab for the card
    /// returns there.
    fn put_back(&mut self, effects: &mut Vec<Effect>) {
        if self.cards.play.is_none() {
            return;
        }
        self.select(None);
        if self.can_act() {
            self.cards.restored.clear_notes();
            for (_, key) in self.cards.play.iter().flat_map(CardRun::keys) {
                self.workbench.close(key, &mut self.outbox);
            }
            // One's own lab ends as one goes back to the class.
            if !self.lab_session.is_out_of_class() {
                self.note_died_servers();
                self.restore(true);
            }
        }
        self.cards.play = None;
        if self.lab_session.is_out_of_class() {
            self.enter_lab(LabKind::Class, effects);
        }
    }

    fn begin_step(&mut self, at: usize) {
        if !self.can_act() {
            return;
        }
        self.select(None);
        let card = self.cards.play.as_ref().map(|play| play.card);
        let dealt = card.and_then(|card| self.cards.deck.get(card));
        let step = dealt.and_then(|dealt| dealt.card.steps.get(at));
        if let Some((play, step)) = self.cards.play.as_mut().zip(step)
            && play.running.is_none()
        {
            self.cards.restored.clear_notes();
            play.look = step.look.or(play.look);
            play.begin_step(at, &step.actions);
        }
    }
}

/// What the workbench is asked for by cards alone.
impl Workbench {
    /// The newest of its sockets.
    fn newest(&self) -> u64 {
        self.cards.last().map_or(0, |card| card.key)
    }

    /// Closes a socket that is open; a call that blocks there is given up.
    fn close(&self, key: u64, outbox: &mut Outbox) {
        let Some(card) = self.card(key).filter(|card| !card.closed && !card.gone) else {
            return;
        };
        for made in self.calls_on(key).filter(|made| made.is_open()) {
            if let Some(of) = made.request {
                outbox.make(shared::call::Call::Cancel { of });
            }
        }
        outbox.make(shared::call::Call::Close { fd: card.fd });
    }
}
