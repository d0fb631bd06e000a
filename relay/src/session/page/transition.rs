//! A page's transitions from one lab's session to another's: into a new one, or back to one it left.

use shared::{
    lab::LabKind,
    outcome::{Failed, Reason},
};

use super::{connected::ConnectedPage, core::Transition, session::PageSession};
use crate::{
    admission::{ClientOrigin, pause_after_failures},
    class::AwayMembership,
    failure,
    session::{SessionContext, ws::WsConnection},
};

/// Performs a transition. Where it fails, the page gets the reason and stays in its session.
pub(super) async fn perform(
    mut page: ConnectedPage,
    id: u64,
    transition: Transition,
) -> ConnectedPage {
    let context = page.session.context.clone();
    let origin = page.origin;
    match transition {
        Transition::Enter(kind) => {
            let is_own = kind == LabKind::Private;
            let mut session = session_in(kind, &context, origin);
            // A member of a class stays in it.
            if let Ok(session) = session.as_mut()
                && is_own
            {
                session.excursion = page.session.begin_excursion();
            }
            // A page needs one lab of its own; keeping the previous ones would soon exhaust them.
            let ends_previous = is_own && page.session.is_in_own_lab();
            enter(page, id, session, ends_previous)
        }
        Transition::Create { title, admin } => {
            let creating = context
                .classes
                .create(&title, admin.as_deref(), origin, &context.labs);
            let created = attempt(&mut page, creating).await;
            let session =
                created.map(|joined| PageSession::in_class(&context, joined, origin, false));
            enter(page, id, session, false)
        }
        Transition::Join(newcomer) => {
            let joining = context.classes.join(newcomer, origin, &context.labs);
            let joined = attempt(&mut page, joining).await;
            let session =
                joined.map(|joined| PageSession::in_class(&context, joined, origin, false));
            enter(page, id, session, false)
        }
        Transition::Resume { token, received } => resume(page, id, &token, received).await,
    }
}

/// Makes an attempt that fails with a wrong code or token, after a pause that grows with the connection's failed ones.
async fn attempt<T>(
    page: &mut ConnectedPage,
    attempt: impl Future<Output = Result<T, Failed>>,
) -> Result<T, Failed> {
    let mut shutdown = page.session.context.shutdown.clone();
    tokio::select! {
        () = tokio::time::sleep(pause_after_failures(page.wrong_attempts)) => {}
        _ = shutdown.wait_for(|is_ending| *is_ending) => {}
    }
    let result = attempt.await;
    let wrong = [Reason::NoSuchClass, Reason::OnlyWithAdminToken];
    let is_wrong = |failed: &Failed| failed.reason.is_some_and(|reason| wrong.contains(&reason));
    if result.as_ref().is_err_and(is_wrong) {
        page.wrong_attempts = page.wrong_attempts.saturating_add(1);
    }
    result
}

fn session_in(
    kind: LabKind,
    context: &SessionContext,
    origin: ClientOrigin,
) -> Result<Box<PageSession>, Failed> {
    match kind {
        LabKind::Open => Ok(PageSession::in_open_lab(context, origin)),
        LabKind::Class => {
            let message = "a class is created or joined";
            Err(failure::relay(Reason::OutOfRange, message))
        }
        LabKind::Private => {
            let lease = context.labs.open_private(origin.address)?;
            Ok(PageSession::in_own_lab(context, lease, origin))
        }
    }
}

/// Enters a new session, if there is one, and ends or leaves the previous one.
fn enter(
    mut page: ConnectedPage,
    id: u64,
    session: Result<Box<PageSession>, Failed>,
    ends_previous: bool,
) -> ConnectedPage {
    let session = match session {
        Ok(session) => session,
        Err(failed) => {
            page.send_result(id, Err(failed));
            return page;
        }
    };
    let ConnectedPage {
        mut ws,
        session: previous,
        origin,
        wrong_attempts,
    } = page;
    if ends_previous {
        drop(previous);
    } else {
        leave(&mut ws, previous);
    }
    arrive(ConnectedPage::new(ws, session, origin, wrong_attempts), id)
}

/// Resumes the session under this token: one that is kept or held by another page, or a membership in a class.
async fn resume(page: ConnectedPage, id: u64, token: &str, received: Option<u64>) -> ConnectedPage {
    let context = page.session.context.clone();
    let origin = page.origin;
    if !context.sessions.contains(token) {
        let found = context.classes.rejoin(token, origin, &context.labs);
        let session = found.and_then(|found| match found {
            Some(joined) => Ok(PageSession::in_class(&context, joined, origin, true)),
            None => Err(no_such_session()),
        });
        return enter(page, id, session, false);
    }
    let ConnectedPage {
        mut ws,
        mut session,
        wrong_attempts,
        ..
    } = page;
    // A page that waits for a session must not hold one that others wait for, not even the same one.
    let previous = match session.token().map(str::to_owned) {
        Some(token) => {
            let excursion = session.excursion.take();
            session.detach();
            Previous::Detached(token, excursion)
        }
        None => Previous::Held(session),
    };
    match take_over(&context, token, received).await {
        Ok(mut session) => {
            match previous {
                Previous::Held(previous) => leave(&mut ws, previous),
                Previous::Detached(own, excursion) if own == token => session.excursion = excursion,
                // The excursion is over, and with it the page's own lab.
                Previous::Detached(own, Some(_)) => context.sessions.end(own),
                Previous::Detached(_, None) => {}
            }
            arrive(ConnectedPage::new(ws, session, origin, wrong_attempts), id)
        }
        Err(failed) => {
            let (session, is_back) = previous.restore(&context, origin).await;
            let mut page = ConnectedPage::new(ws, session, origin, wrong_attempts);
            page.send_result(id, Err(failed));
            if !is_back {
                page.send_welcome();
            }
            page
        }
    }
}

/// The previous session of a page while it waits for another one.
enum Previous {
    /// One that cannot be resumed.
    Held(Box<PageSession>),
    /// One that is kept under this token, and the page's excursion from its class.
    Detached(String, Option<AwayMembership>),
}

impl Previous {
    /// The session the page returns to, and whether it is the previous one.
    async fn restore(
        self,
        context: &SessionContext,
        origin: ClientOrigin,
    ) -> (Box<PageSession>, bool) {
        match self {
            Self::Held(session) => (session, true),
            Self::Detached(token, excursion) => match context.sessions.take_over(&token).await {
                Some(mut session) => {
                    session.excursion = excursion;
                    (session, true)
                }
                None => (PageSession::in_open_lab(context, origin), false),
            },
        }
    }
}

/// Replies to the transition and welcomes the page to its new session.
fn arrive(mut page: ConnectedPage, id: u64) -> ConnectedPage {
    page.session.core.record_id(id);
    page.send_result(id, Ok(()));
    page.send_welcome();
    page
}

async fn take_over(
    context: &SessionContext,
    token: &str,
    received: Option<u64>,
) -> Result<Box<PageSession>, Failed> {
    let session = context.sessions.take_over(token).await;
    let mut session = session.ok_or_else(no_such_session)?;
    match session.resume(received) {
        Ok(()) => Ok(session),
        Err(failed) => {
            session.detach();
            Err(failed)
        }
    }
}

/// Leaves a session. One that cannot be resumed ends, and every call in flight with a reply.
fn leave(ws: &mut WsConnection, mut session: Box<PageSession>) {
    if session.token().is_none() {
        session.core.handle_abandoned();
        while let Some(reply) = session.core.poll_reply() {
            ws.send_text(reply);
        }
    }
    session.detach();
}

fn no_such_session() -> Failed {
    let message = "nothing is kept under this token, or no longer";
    failure::relay(Reason::NoSuchSeat, message)
}
