//! The page's seat in a lab of its own or in a class: how it gets there, and how it comes back so that nothing is lost
//! or repeated.
//!
//! What is asked and called there is numbered. Until its reply has come it is kept, for the relay may not have heard it;
//! how many replies were heard is counted, for the relay says the others again.

mod held_session;

use shared::{
    lab::LabKind,
    message::{Ask, ClientMessage, Request, Welcome},
    outcome::{Failed, Outcome},
};

use self::held_session::HeldSession;
use crate::model::core::time::Millis;

/// Where the page sits, has sat, or is going.
#[derive(Debug, Default)]
pub(crate) struct LabSession {
    held: Option<HeldSession>,
    /// The one in a class, while the page is in a lab of its own for a while.
    parked: Option<HeldSession>,
    moving: Option<Transition>,
    /// The ask that makes the trace begin anew; what comes before its reply will come again.
    catching_up: Option<u64>,
    /// Why the page is not where it wanted to go.
    pub(crate) refused: Option<Failed>,
}

/// A way from one lab to another that the relay has not yet answered.
#[derive(Debug)]
struct Transition {
    id: u64,
    to: Destination,
    /// The open lab's welcome, where the page has come to the relay only to go back.
    pending_welcome: Option<Box<Welcome>>,
}

/// Where a way leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Destination {
    /// To a seat it does not have yet.
    New,
    /// Back to the seat it has.
    Held,
    /// Back to the one in the class.
    Parked,
    /// To one that this browser had before.
    Remembered,
}

/// What a reply means for the page's place.
#[derive(Debug)]
pub(in crate::model) enum TransitionReply {
    /// Nothing.
    Other,
    /// The relay agrees: its welcome follows.
    Goes,
    /// It no longer knows how far the page had got; without that, the page may come.
    Again(Option<Box<Welcome>>),
    /// The relay refuses: the page enters the open lab of this welcome, or stays where it was.
    Stays(Option<Box<Welcome>>),
}

/// How the page arrives in a lab.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::model) enum Arrival {
    /// As if nothing had been: these have to be said again.
    Back(Vec<ClientMessage>),
    /// Knowing nothing of what was before.
    Anew,
}

impl LabSession {
    /// The page had this seat before it was loaded.
    pub(in crate::model) fn remember(&mut self, token: String, now: Millis) {
        self.held = Some(HeldSession {
            token,
            away_since: Some(now),
            wants_back: true,
            ..HeldSession::default()
        });
    }

    /// Whether the page sits in its own lab, or would if the connection stood.
    pub(crate) fn is_active(&self) -> bool {
        self.held
            .as_ref()
            .is_some_and(|held| held.away_since.is_none() || held.wants_back)
    }

    /// The kind of the lab that is kept while the page is elsewhere.
    pub(crate) fn kept_lab(&self) -> Option<LabKind> {
        let held = self
            .held
            .as_ref()
            .filter(|held| held.away_since.is_some())?;
        Some(held.kind)
    }

    /// The kind of the lab that a new connection leads back to.
    pub(in crate::model) fn return_lab(&self) -> LabKind {
        let held = self.held.as_ref();
        held.map_or(LabKind::Private, |held| held.kind)
    }

    /// The seat is no longer this page's.
    pub(in crate::model) fn clear(&mut self) {
        (self.held, self.parked) = (None, None);
    }

    /// Whether the page is in a lab of its own for a while, and its seat in a class is kept.
    pub(crate) const fn is_out_of_class(&self) -> bool {
        self.parked.is_some()
    }

    /// How long it is still kept. The one in a class is kept as long as the class.
    pub(crate) fn kept_for(&self, now: Millis) -> Option<Millis> {
        let held = self.held.as_ref()?;
        if held.kind == LabKind::Class {
            return None;
        }
        Some((held.away_since? + held.kept_for).saturating_sub(now))
    }

    /// Whether the relay has not yet answered where the page is.
    pub(crate) const fn is_moving(&self) -> bool {
        self.moving.is_some()
    }

    /// Whether what is told of a lab now is of another one, or will be told again.
    pub(in crate::model) fn ignores_events(&self) -> bool {
        let waits_in_open_lab = |moving: &Transition| moving.pending_welcome.is_some();
        self.catching_up.is_some() || self.moving.as_ref().is_some_and(waits_in_open_lab)
    }

    /// Whether the page is on its way to a seat it had.
    pub(in crate::model) fn is_returning(&self) -> bool {
        self.moving
            .as_ref()
            .is_some_and(|moving| moving.to != Destination::New)
    }

    /// With the reply to this the trace begins.
    pub(in crate::model) const fn begin_catch_up(&mut self, id: u64) {
        self.catching_up = Some(id);
    }

    /// Asks for the way to a lab, back to the one that is kept if there is one.
    pub(in crate::model) fn request_lab(
        &mut self,
        to: LabKind,
        id: u64,
        pending_welcome: Option<Box<Welcome>>,
    ) -> ClientMessage {
        let kept = |held: &&HeldSession| to == held.kind && held.away_since.is_some();
        let held = self.held.as_ref().filter(kept);
        let parked = self.parked.as_ref().filter(kept);
        let back = held
            .map(|held| (Destination::Held, held))
            .or_else(|| parked.map(|parked| (Destination::Parked, parked)));
        let (goal, ask) = match back {
            Some((goal, held)) => {
                let (token, heard) = (held.token.clone(), held.replies);
                (goal, Ask::Resume { token, heard })
            }
            None => (Destination::New, Ask::Enter { lab: to }),
        };
        self.begin_transition(goal, ask, id, pending_welcome)
    }

    /// Asks for a way.
    pub(in crate::model) fn request(
        &mut self,
        ask: Ask,
        id: u64,
        pending_welcome: Option<Box<Welcome>>,
    ) -> ClientMessage {
        let is_back = matches!(ask, Ask::Resume { .. });
        let goal = if is_back {
            Destination::Remembered
        } else {
            Destination::New
        };
        self.begin_transition(goal, ask, id, pending_welcome)
    }

    fn begin_transition(
        &mut self,
        to: Destination,
        ask: Ask,
        id: u64,
        pending_welcome: Option<Box<Welcome>>,
    ) -> ClientMessage {
        self.refused = None;
        self.moving = Some(Transition {
            id,
            to,
            pending_welcome,
        });
        let request = Request::Ask(ask);
        ClientMessage { id, request }
    }

    /// Whether a new connection is to lead back to the seat.
    pub(in crate::model) fn wants_back(&self) -> bool {
        self.moving.is_none() && self.held.as_ref().is_some_and(|held| held.wants_back)
    }

    /// A reply has come.
    pub(in crate::model) fn handle_reply(
        &mut self,
        id: Option<u64>,
        outcome: &Outcome,
    ) -> TransitionReply {
        if id.is_some() && id == self.catching_up {
            self.catching_up = None;
        }
        let Some(mut moving) = self.moving.take_if(|moving| Some(moving.id) == id) else {
            self.count_reply(id);
            return TransitionReply::Other;
        };
        let Outcome::Failed(failed) = outcome else {
            self.moving = Some(moving);
            return TransitionReply::Goes;
        };
        // Of a seat that is gone no limit is told.
        let counted = self.held.as_mut().filter(|held| held.replies.is_some());
        let to_held = moving.to == Destination::Held;
        if let Some(held) = counted.filter(|_| failed.limit.is_some() && to_held) {
            held.forget_unanswered();
            return TransitionReply::Again(moving.pending_welcome.take());
        }
        // What could not be gone back to is gone.
        match moving.to {
            Destination::Held => self.held = None,
            Destination::Parked => self.parked = None,
            Destination::New | Destination::Remembered => {}
        }
        // Its own lab is no more: the class is still there.
        if let Some(mut class) = self.parked.take_if(|_| to_held) {
            class.wants_back = true;
            self.held = Some(class);
            return TransitionReply::Again(moving.pending_welcome.take());
        }
        self.refused = Some(failed.clone());
        TransitionReply::Stays(moving.pending_welcome.take())
    }

    /// A reply to something that was said where the page sits, or by it before it was loaded.
    fn count_reply(&mut self, id: Option<u64>) {
        let here = self.held.as_mut().filter(|held| held.away_since.is_none());
        let Some((held, id)) = here.zip(id) else {
            return;
        };
        held.unanswered.retain(|(_, message)| message.id != id);
        held.replies = held.replies.map(|heard| heard + 1);
    }

    /// The page says something where it sits.
    pub(in crate::model) fn record_sent(&mut self, message: &ClientMessage) {
        if let Some(held) = self.held.as_mut().filter(|held| held.away_since.is_none()) {
            held.sent += 1;
            held.unanswered.push_back((held.sent, message.clone()));
        }
    }

    /// The relay welcomes the page to a lab.
    pub(in crate::model) fn handle_welcome(&mut self, welcome: &Welcome, now: Millis) -> Arrival {
        let moved = self.moving.take();
        let back = moved.is_some_and(|moving| moving.to == Destination::Held);
        self.catching_up = None;
        self.park(welcome, now);
        let seat = welcome
            .seat
            .as_ref()
            .filter(|_| welcome.lab.kind != LabKind::Open);
        let Some(seat) = seat else {
            if let Some(held) = self.held.as_mut().filter(|held| held.away_since.is_none()) {
                held.detach(now);
            }
            return Arrival::Anew;
        };
        // What was in the one that was left for another is of no use in that.
        let is_known = |held: &HeldSession| back && !seat.is_new && held.replies.is_some();
        let known = self.held.take().filter(is_known);
        let mut held = known.unwrap_or_default();
        let arrival = match held.replies {
            Some(_) => Arrival::Back(held.resend_unreceived(seat.heard)),
            None => Arrival::Anew,
        };
        held.token.clone_from(&seat.token);
        held.kind = welcome.lab.kind;
        held.kept_for = seat.keep_seconds * 1_000;
        (held.away_since, held.wants_back, held.sent) = (None, false, seat.heard);
        held.sent += match &arrival {
            Arrival::Back(again) => again.len() as u64,
            Arrival::Anew => 0,
        };
        held.replies.get_or_insert(0);
        self.held = Some(held);
        arrival
    }

    /// Keeps the seat in the class while the page is in a private lab; anywhere else the page has one seat only.
    fn park(&mut self, welcome: &Welcome, now: Millis) {
        let is_out = welcome.lab.kind == LabKind::Private && welcome.class.is_some();
        if !is_out {
            // From the private lab to the open one: the page returns to the class.
            let class = self.parked.take();
            if let Some(class) = class.filter(|_| welcome.lab.kind == LabKind::Open) {
                self.held = Some(class);
            }
        } else if self.parked.is_none() {
            let class = self.held.take_if(|held| held.kind == LabKind::Class);
            self.parked = class.map(|mut class| {
                class.detach(now);
                class
            });
        }
    }

    /// The connection broke.
    pub(in crate::model) fn handle_disconnect(&mut self, now: Millis) {
        (self.moving, self.catching_up) = (None, None);
        if let Some(held) = self.held.as_mut().filter(|held| held.away_since.is_none()) {
            held.away_since = Some(now);
            held.wants_back = true;
        }
    }

    /// Another page has come with the same token; what was under way is that page's matter.
    pub(in crate::model) fn handle_takeover(&mut self, now: Millis) {
        if let Some(class) = self.parked.take() {
            self.held = Some(class);
        }
        if let Some(held) = &mut self.held {
            held.detach(now);
        }
    }

    /// The page wants to have it back.
    pub(in crate::model) fn reclaim(&mut self) {
        if let Some(held) = &mut self.held {
            held.wants_back = true;
        }
    }

    /// Forgets a kept lab when its time is over. Returns whether there was one.
    pub(in crate::model) fn expire(&mut self, now: Millis) -> bool {
        let is_over = self.moving.is_none() && self.kept_for(now) == Some(0);
        self.held
            .take_if(|held| is_over && !held.wants_back)
            .is_some()
    }

    /// The token, for the page to find it after a reload.
    pub(in crate::model) fn token(&self) -> Option<&str> {
        // A page that is loaded again goes back to the class.
        let lasting = self.parked.as_ref().or(self.held.as_ref());
        lasting.map(|held| held.token.as_str())
    }

    /// When the countdown is to be looked at again.
    pub(in crate::model) fn wakes_at(&self, now: Millis) -> Option<Millis> {
        let left = self.kept_for(now).filter(|left| *left > 0)?;
        Some(now + (left - 1) % 1_000 + 1)
    }
}
