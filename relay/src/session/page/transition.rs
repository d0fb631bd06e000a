//! A page goes from lab to lab: into one of its own, back to the open one, back to a session it left.

use shared::{
    lab::LabKind,
    message::{Ask, Goodbye, GoodbyeReason, Request},
    outcome::{Failed, Outcome, Reason, Returned},
};

use super::{
    Takeover,
    driver::{Driver, TAKEN_OVER},
    session::{PageSession, plain, to},
};
use crate::{
    admission::{ClientOrigin, pause_after_failures},
    class::{AwayMembership, JoinRequest},
    failure,
    session::{SessionContext, ws::WsConnection},
};

/// Where a page can go.
pub(super) enum Transition {
    /// To a lab it has not been in.
    Enter(LabKind),
    /// To a class of its own.
    Create {
        title: String,
        admin: Option<String>,
    },
    /// To a class it has not been in.
    Join(JoinRequest),
    /// Back to a session.
    Resume { token: String, heard: Option<u64> },
}

impl Transition {
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

impl Driver {
    /// Goes there; where that cannot be, the page is told why and stays where it is.
    pub(super) async fn moves(mut self, id: u64, to: Transition) -> Self {
        match to {
            Transition::Enter(kind) => {
                let is_own = kind == LabKind::Private;
                let mut session = self.seat_in(kind);
                // Who is in a class stays in it.
                if let Ok(session) = session.as_mut()
                    && is_own
                {
                    session.excursion = self.session.goes_out();
                }
                // Nobody needs two labs of their own; kept, they would soon be all there may be.
                let gives_up = is_own && self.session.is_in_its_own_lab();
                self.enters(id, session, gives_up)
            }
            Transition::Create { title, admin } => {
                let (around, from) = (self.session.context.clone(), self.from);
                let creating =
                    around
                        .classes
                        .create(&title, admin.as_deref(), self.from, &around.labs);
                let session = self.attempts(creating).await;
                self.enters(
                    id,
                    session.map(|new| PageSession::in_a_class(&around, new, from, false)),
                    false,
                )
            }
            Transition::Join(newcomer) => {
                let (around, from) = (self.session.context.clone(), self.from);
                let joining = around.classes.join(newcomer, self.from, &around.labs);
                let session = self.attempts(joining).await;
                self.enters(
                    id,
                    session.map(|new| PageSession::in_a_class(&around, new, from, false)),
                    false,
                )
            }
            Transition::Resume { token, heard } => self.resumes(id, &token, heard).await,
        }
    }

    /// Makes an attempt that a wrong code or token makes fail, after the pause that this connection's wrong ones have
    /// earned it.
    async fn attempts<T>(
        &mut self,
        attempt: impl Future<Output = Result<T, Failed>>,
    ) -> Result<T, Failed> {
        let mut ending = self.session.context.shutdown.clone();
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

    fn seat_in(&self, kind: LabKind) -> Result<Box<PageSession>, Failed> {
        let around = &self.session.context;
        match kind {
            LabKind::Open => Ok(seat_in_the_open_lab(around, self.from)),
            LabKind::Class => Err(failure::relay(
                Reason::OutOfRange,
                "a class is created or joined",
            )),
            LabKind::Private => around
                .labs
                .open_private(self.from.address)
                .map(|tenancy| PageSession::in_its_own_lab(around, tenancy, self.from)),
        }
    }

    /// Into a new session, if it could be had; the one before is given up, or left as it can be.
    fn enters(
        mut self,
        id: u64,
        session: Result<Box<PageSession>, Failed>,
        gives_up: bool,
    ) -> Self {
        match session {
            Ok(session) => {
                if gives_up {
                    drop(self.session);
                } else {
                    leave(&mut self.ws, self.session);
                }
                let wrong_attempts = self.wrong_attempts;
                let mut there = Self::new(self.ws, session, self.from);
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
        let around = self.session.context.clone();
        if !around.sessions.contains(token) {
            let back = around.classes.rejoin(token, self.from, &around.labs);
            let session = back.and_then(|found| match found {
                Some(arriving) => Ok(PageSession::in_a_class(&around, arriving, self.from, true)),
                None => Err(no_such_seat()),
            });
            return self.enters(id, session, false);
        }
        let Self {
            mut ws,
            mut session,
            from,
            ..
        } = self;
        let excursion = session.excursion.take();
        // While it waits for that session it holds none that others may wait for, not even the very same.
        let previous = match session.token().map(str::to_owned) {
            Some(token) => {
                session.left();
                Previous::Kept(token, excursion)
            }
            None => Previous::Open(session),
        };
        match come_back(&around, token, heard).await {
            Ok(mut session) => {
                match previous {
                    Previous::Open(session) => leave(&mut ws, session),
                    // To the very session it was in.
                    Previous::Kept(own, out) if own == token => session.excursion = out,
                    // Who was out for a while is back, and its own lab ends.
                    Previous::Kept(own, Some(_)) => around.sessions.end(own),
                    Previous::Kept(_, None) => {}
                }
                Self::new(ws, session, from).arrives(id)
            }
            Err(failed) => Self::stays(ws, previous, from, &around, (id, failed)).await,
        }
    }

    /// Back where it was before it tried to go.
    async fn stays(
        ws: WsConnection,
        previous: Previous,
        from: ClientOrigin,
        around: &SessionContext,
        (id, failed): (u64, Failed),
    ) -> Self {
        let session = match previous {
            Previous::Open(session) => Some(session),
            Previous::Kept(token, excursion) => {
                let mut session = around.sessions.take_over(&token).await;
                if let Some(session) = &mut session {
                    session.excursion = excursion;
                }
                session
            }
        };
        let is_back = session.is_some();
        let session = session.unwrap_or_else(|| seat_in_the_open_lab(around, from));
        let mut conversation = Self::new(ws, session, from);
        conversation.refuse(Some(id), failed);
        if !is_back {
            conversation.welcome();
        }
        conversation
    }

    fn arrives(mut self, id: u64) -> Self {
        self.session.met_id(id);
        let done = Outcome::Returned(Returned::Nothing);
        self.ws.send(&to(Some(id), plain(done)));
        self.welcome();
        self
    }

    /// Lets another page have the session; this one is told, and has to come in anew.
    pub(super) async fn hand_over(self, takeover: Takeover) {
        let Self {
            mut ws, session, ..
        } = self;
        if let Err(session) = takeover.send(session) {
            // Who next_takeover it is gone.
            session.left();
        }
        let goodbye = Goodbye {
            reason: GoodbyeReason::TakenOver,
            limit: None,
            message: TAKEN_OVER.to_owned(),
        };
        ws.close(&goodbye).await;
    }
}

/// Where a page is while it waits for a session.
enum Previous {
    /// In the open lab, as before.
    Open(Box<PageSession>),
    /// Nowhere: its own session is kept under this token, and its place in a class while it is out.
    Kept(String, Option<AwayMembership>),
}

/// Where every page is at first; whoever is on this machine rules there.
pub(super) fn seat_in_the_open_lab(
    around: &SessionContext,
    from: ClientOrigin,
) -> Box<PageSession> {
    PageSession::in_the_open_lab(around, from)
}

async fn come_back(
    around: &SessionContext,
    token: &str,
    heard: Option<u64>,
) -> Result<Box<PageSession>, Failed> {
    let session = around.sessions.take_over(token).await;
    let mut session = session.ok_or_else(no_such_seat)?;
    match session.resume(heard) {
        Ok(()) => Ok(session),
        Err(failed) => {
            session.left();
            Err(failed)
        }
    }
}

/// A session that does not last ends, and every call in flight on it with a reply.
fn leave(ws: &mut WsConnection, mut session: Box<PageSession>) {
    if session.token().is_none() {
        session.gives_up_calls();
        while let Some(reply) = session.next_reply() {
            ws.send_text(reply);
        }
    }
    session.left();
}

fn no_such_seat() -> Failed {
    let message = "nothing is kept under this token, or no longer";
    failure::relay(Reason::NoSuchSeat, message)
}
