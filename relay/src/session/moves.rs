//! A page goes from lab to lab: into one of its own, back to the open one, back to a seat it left.

use shared::{
    lab::LabKind,
    message::{Ask, Goodbye, GoodbyeReason, Request},
    outcome::{Failed, Outcome, Reason, Returned},
};

use super::{
    Surroundings,
    conversation::{Conversation, TAKEN_OVER},
    seat::{Seat, plain, to},
    seats::Demand,
    talk::Talk,
};
use crate::{
    admission::{ClientOrigin, pause_after_failures},
    class::{AwayMembership, JoinRequest},
    failure,
};

/// Where a page can go.
pub(super) enum Move {
    /// To a lab it has not been in.
    Enter(LabKind),
    /// To a class of its own.
    Create {
        title: String,
        admin: Option<String>,
    },
    /// To a class it has not been in.
    Join(JoinRequest),
    /// Back to a seat.
    Resume { token: String, heard: Option<u64> },
}

impl Move {
    /// What was asked as a move, or back what is none.
    pub(super) fn of(request: Request) -> Result<Self, Request> {
        match request {
            Request::Ask(Ask::Enter { lab }) => Ok(Self::Enter(lab)),
            Request::Ask(Ask::CreateClass { title, admin }) => Ok(Self::Create { title, admin }),
            Request::Ask(Ask::JoinClass { code, name, token }) => {
                Ok(Self::Join(JoinRequest { code, name, token }))
            }
            Request::Ask(Ask::Resume { token, heard }) => Ok(Self::Resume { token, heard }),
            other @ (Request::Call(_) | Request::Ask(_)) => Err(other),
        }
    }
}

impl Conversation {
    /// Goes there; where that cannot be, the page is told why and stays where it is.
    pub(super) async fn moves(mut self, id: u64, to: Move) -> Self {
        match to {
            Move::Enter(kind) => {
                let is_own = kind == LabKind::Private;
                let mut seat = self.seat_in(kind);
                // Who is in a class stays in it.
                if let Ok(seat) = seat.as_mut()
                    && is_own
                {
                    seat.excursion = self.seat.goes_out();
                }
                // Nobody needs two labs of their own; kept, they would soon be all there may be.
                let gives_up = is_own && self.seat.is_in_its_own_lab();
                self.enters(id, seat, gives_up)
            }
            Move::Create { title, admin } => {
                let (around, from) = (self.seat.surroundings.clone(), self.from);
                let creating =
                    around
                        .classes
                        .create(&title, admin.as_deref(), self.from, &around.labs);
                let seat = self.attempts(creating).await;
                self.enters(
                    id,
                    seat.map(|new| Seat::in_a_class(&around, new, from, false)),
                    false,
                )
            }
            Move::Join(newcomer) => {
                let (around, from) = (self.seat.surroundings.clone(), self.from);
                let joining = around.classes.join(newcomer, self.from, &around.labs);
                let seat = self.attempts(joining).await;
                self.enters(
                    id,
                    seat.map(|new| Seat::in_a_class(&around, new, from, false)),
                    false,
                )
            }
            Move::Resume { token, heard } => self.resumes(id, &token, heard).await,
        }
    }

    /// Makes an attempt that a wrong code or token makes fail, after the pause that this connection's wrong ones have
    /// earned it.
    async fn attempts<T>(
        &mut self,
        attempt: impl Future<Output = Result<T, Failed>>,
    ) -> Result<T, Failed> {
        let mut ending = self.seat.surroundings.ending.clone();
        tokio::select! {
            () = tokio::time::sleep(pause_after_failures(self.wrong_attempts)) => {}
            // Nobody waits for the end of a pause when all ends.
            _ = ending.wait_for(|is_ending| *is_ending) => {}
        }
        let made = attempt.await;
        let wrong = [Reason::NoSuchClass, Reason::OnlyWithAdminToken];
        let is_wrong =
            |failed: &Failed| failed.reason.is_some_and(|reason| wrong.contains(&reason));
        if made.as_ref().is_err_and(is_wrong) {
            self.wrong_attempts = self.wrong_attempts.saturating_add(1);
        }
        made
    }

    fn seat_in(&self, kind: LabKind) -> Result<Box<Seat>, Failed> {
        let around = &self.seat.surroundings;
        match kind {
            LabKind::Open => Ok(seat_in_the_open_lab(around, self.from)),
            LabKind::Class => Err(failure::relay(
                Reason::OutOfRange,
                "a class is created or joined",
            )),
            LabKind::Private => around
                .labs
                .open_private(self.from.address)
                .map(|tenancy| Seat::in_its_own_lab(around, tenancy, self.from)),
        }
    }

    /// Into a new seat, if it could be had; the one before is given up, or left as it can be.
    fn enters(mut self, id: u64, seat: Result<Box<Seat>, Failed>, gives_up: bool) -> Self {
        match seat {
            Ok(seat) => {
                if gives_up {
                    drop(self.seat);
                } else {
                    leave(&mut self.talk, self.seat);
                }
                let wrong_attempts = self.wrong_attempts;
                let mut there = Self::new(self.talk, seat, self.from);
                there.wrong_attempts = wrong_attempts;
                there.arrives(id)
            }
            Err(failed) => {
                self.refuse(Some(id), failed);
                self
            }
        }
    }

    async fn resumes(self, id: u64, token: &str, heard: Option<u64>) -> Self {
        let around = self.seat.surroundings.clone();
        if !around.seats.has(token) {
            let back = around.classes.rejoin(token, self.from, &around.labs);
            let seat = back.and_then(|found| match found {
                Some(arriving) => Ok(Seat::in_a_class(&around, arriving, self.from, true)),
                None => Err(no_such_seat()),
            });
            return self.enters(id, seat, false);
        }
        let Self {
            mut talk,
            mut seat,
            from,
            ..
        } = self;
        let excursion = seat.excursion.take();
        // While it waits for that seat it holds none that others may wait for, not even the very same.
        let meanwhile = match seat.token().map(str::to_owned) {
            Some(token) => {
                seat.left();
                Meanwhile::Kept(token, excursion)
            }
            None => Meanwhile::Open(seat),
        };
        match come_back(&around, token, heard).await {
            Ok(mut seat) => {
                match meanwhile {
                    Meanwhile::Open(seat) => leave(&mut talk, seat),
                    // To the very seat it was in.
                    Meanwhile::Kept(own, out) if own == token => seat.excursion = out,
                    // Who was out for a while is back, and its own lab ends.
                    Meanwhile::Kept(own, Some(_)) => around.seats.end(own),
                    Meanwhile::Kept(_, None) => {}
                }
                Self::new(talk, seat, from).arrives(id)
            }
            Err(failed) => Self::stays(talk, meanwhile, from, &around, (id, failed)).await,
        }
    }

    /// Back where it was before it tried to go.
    async fn stays(
        talk: Talk,
        meanwhile: Meanwhile,
        from: ClientOrigin,
        around: &Surroundings,
        (id, failed): (u64, Failed),
    ) -> Self {
        let seat = match meanwhile {
            Meanwhile::Open(seat) => Some(seat),
            Meanwhile::Kept(token, excursion) => {
                let mut seat = around.seats.demand(&token).await;
                if let Some(seat) = &mut seat {
                    seat.excursion = excursion;
                }
                seat
            }
        };
        let is_back = seat.is_some();
        let seat = seat.unwrap_or_else(|| seat_in_the_open_lab(around, from));
        let mut conversation = Self::new(talk, seat, from);
        conversation.refuse(Some(id), failed);
        if !is_back {
            conversation.welcome();
        }
        conversation
    }

    fn arrives(mut self, id: u64) -> Self {
        self.seat.met_id(id);
        let done = Outcome::Returned(Returned::Nothing);
        self.talk.say(&to(Some(id), plain(done)));
        self.welcome();
        self
    }

    /// Lets another page have the seat; this one is told, and has to come in anew.
    pub(super) async fn hands_over(self, demand: Demand) {
        let Self { mut talk, seat, .. } = self;
        if let Err(seat) = demand.send(seat) {
            // Who wanted it is gone.
            seat.left();
        }
        let goodbye = Goodbye {
            reason: GoodbyeReason::TakenOver,
            limit: None,
            message: TAKEN_OVER.to_owned(),
        };
        talk.part(&goodbye).await;
    }
}

/// Where a page is while it waits for a seat.
enum Meanwhile {
    /// In the open lab, as before.
    Open(Box<Seat>),
    /// Nowhere: its own seat is kept under this token, and its place in a class while it is out.
    Kept(String, Option<AwayMembership>),
}

/// Where every page is at first; whoever is on this machine rules there.
pub(super) fn seat_in_the_open_lab(around: &Surroundings, from: ClientOrigin) -> Box<Seat> {
    Seat::in_the_open_lab(around, from)
}

async fn come_back(
    around: &Surroundings,
    token: &str,
    heard: Option<u64>,
) -> Result<Box<Seat>, Failed> {
    let seat = around.seats.demand(token).await;
    let mut seat = seat.ok_or_else(no_such_seat)?;
    match seat.resume(heard) {
        Ok(()) => Ok(seat),
        Err(failed) => {
            seat.left();
            Err(failed)
        }
    }
}

/// A seat that does not last ends, and every call in flight on it with a reply.
fn leave(talk: &mut Talk, mut seat: Box<Seat>) {
    if seat.token().is_none() {
        seat.gives_up_calls();
        while let Some(reply) = seat.next_reply() {
            talk.say_text(reply);
        }
    }
    seat.left();
}

fn no_such_seat() -> Failed {
    let message = "nothing is kept under this token, or no longer";
    failure::relay(Reason::NoSuchSeat, message)
}
