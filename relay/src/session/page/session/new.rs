//! New sessions: in the open lab, in a lab of the page's own, and in a class.

use std::{collections::HashMap, rc::Rc};

use futures_util::stream::FuturesUnordered;
use shared::trace::Role;
use tokio::time::Instant;

use super::{PageSession, Resumable};
use crate::{
    admission::ClientOrigin,
    class::Joined,
    client::Process,
    lab::{Lab, LabLease},
    session::{SessionContext, page::core::Core},
    token,
};

impl Resumable {
    fn new(token: String, context: &SessionContext) -> Self {
        Self {
            takeovers: context.sessions.add(token.clone()),
            token,
            is_new: false,
            _lab_lease: None,
        }
    }
}

impl PageSession {
    /// A session in the open lab, which watches the trace from now on. Only the user of this machine controls that lab.
    pub(in crate::session::page) fn in_open_lab(
        context: &SessionContext,
        origin: ClientOrigin,
    ) -> Box<Self> {
        let lab = Rc::clone(context.labs.open());
        let next_event = lab.trace().range().1;
        let may_control = origin.is_this_machine();
        Self::new(context, lab, origin, may_control, next_event, None)
    }

    /// A session in a lab of its own, which watches the trace from the beginning.
    pub(in crate::session::page) fn in_own_lab(
        context: &SessionContext,
        lease: LabLease,
        origin: ClientOrigin,
    ) -> Box<Self> {
        let lab = Rc::clone(&lease);
        let next_event = lab.trace().range().0;
        let resumable = Resumable {
            _lab_lease: Some(lease),
            ..Resumable::new(token::random_token(), context)
        };
        Self::new(context, lab, origin, true, next_event, Some(resumable))
    }

    /// A session in a class. The teacher watches the trace from the beginning, a new member from now on; a returning page
    /// asks for the events it wants.
    pub(in crate::session::page) fn in_class(
        context: &SessionContext,
        joined: Joined,
        origin: ClientOrigin,
        is_returning: bool,
    ) -> Box<Self> {
        let Joined { membership, token } = joined;
        let lab = Rc::clone(membership.lab_lease());
        let (first, next) = lab.trace().range();
        let is_teacher = membership.is_teacher();
        let next_event = if is_teacher { first } else { next };
        let resumable = Resumable {
            is_new: is_returning,
            ..Resumable::new(token, context)
        };
        let mut session = Self::new(
            context,
            lab,
            origin,
            is_teacher,
            next_event,
            Some(resumable),
        );
        if is_returning {
            session.next_event = None;
        }
        membership.set_process(session.process.id());
        session.membership = Some(membership);
        session
    }

    fn new(
        context: &SessionContext,
        lab: Rc<Lab>,
        origin: ClientOrigin,
        may_control: bool,
        next_event: u64,
        resumable: Option<Resumable>,
    ) -> Box<Self> {
        let SessionContext { labs, limits, .. } = context;
        let id = lab.join(Role::Page);
        let (trace, netem) = (Rc::clone(lab.trace()), Rc::clone(lab.netem()));
        let host = labs.client_host(&lab, origin.is_this_machine());
        let process = Process::new(id, host, trace, netem);
        Box::new(Self {
            core: Core::new(Rc::clone(limits), resumable.is_some(), Instant::now()),
            calls: FuturesUnordered::new(),
            cancels: HashMap::new(),
            process: Rc::new(process),
            may_control,
            next_event: Some(next_event),
            trace_end: lab.trace().subscribe(),
            resumable,
            membership: None,
            excursion: None,
            excursion_end: None,
            context: SessionContext {
                lab,
                ..context.clone()
            },
        })
    }
}
