//! How a session comes to be: in the open lab, in a lab of its own, in a class.

use std::rc::Rc;

use futures_util::stream::FuturesUnordered;
use shared::trace::Role;

use super::{PageSession, Resumable};
use crate::{
    admission::ClientOrigin,
    class::Joined,
    client::Process,
    lab::LabLease,
    session::{
        SessionContext,
        page::{replies::Replies, socket_table::SocketTable},
    },
    token,
};

impl Resumable {
    fn under(token: String, around: &SessionContext) -> Self {
        Self {
            next_takeover: around.sessions.add(token.clone()),
            token,
            heard: 0,
            next_id: 1,
            is_new: false,
            _tenancy: None,
        }
    }
}

impl PageSession {
    /// A session in the open lab; its trace is told from now on.
    pub(in crate::session) fn in_the_open_lab(
        around: &SessionContext,
        from: ClientOrigin,
    ) -> Box<Self> {
        let lab = Rc::clone(around.labs.open());
        let first = lab.trace().range().1;
        Self::new(
            SessionContext {
                lab,
                ..around.clone()
            },
            from,
            from.is_this_machine(),
            first,
            None,
        )
    }

    /// A session in a lab of its own; its trace is told from the beginning.
    pub(in crate::session) fn in_its_own_lab(
        around: &SessionContext,
        tenancy: LabLease,
        from: ClientOrigin,
    ) -> Box<Self> {
        let lab = Rc::clone(&tenancy);
        let first = lab.trace().range().0;
        let resumable = Resumable {
            _tenancy: Some(tenancy),
            ..Resumable::under(token::random_token(), around)
        };
        Self::new(
            SessionContext {
                lab,
                ..around.clone()
            },
            from,
            true,
            first,
            Some(resumable),
        )
    }

    /// A session in a class. The teacher is told of the trace from the beginning, a member from now on; whoever has
    /// come back knows what it wants to watch.
    pub(in crate::session) fn in_a_class(
        around: &SessionContext,
        arriving: Joined,
        from: ClientOrigin,
        is_new: bool,
    ) -> Box<Self> {
        let Joined {
            membership: place,
            token,
        } = arriving;
        let lab = Rc::clone(place.lab_lease());
        let (first, next) = lab.trace().range();
        let is_teacher = place.is_teacher();
        let resumable = Resumable {
            is_new,
            ..Resumable::under(token, around)
        };
        let mut session = Self::new(
            SessionContext {
                lab,
                ..around.clone()
            },
            from,
            is_teacher,
            if is_teacher { first } else { next },
            Some(resumable),
        );
        if is_new {
            session.trace_from = None;
        }
        place.set_process(session.process.id());
        session.place = Some(place);
        session
    }

    fn new(
        context: SessionContext,
        from: ClientOrigin,
        may_control: bool,
        trace_from: u64,
        resumable: Option<Resumable>,
    ) -> Box<Self> {
        let SessionContext {
            lab, labs, limits, ..
        } = &context;
        let queued = usize::try_from(limits.queued_bytes).unwrap_or(usize::MAX);
        let id = lab.join(Role::Page);
        let (trace, netem) = (Rc::clone(lab.trace()), Rc::clone(lab.netem()));
        let host = labs.client_host(lab, from.is_this_machine());
        let process = Process::new(id, host, trace, netem);
        Box::new(Self {
            process: Rc::new(process),
            may_control,
            calls: FuturesUnordered::new(),
            trace_until: lab.trace().subscribe(),
            trace_from: Some(trace_from),
            table: SocketTable::new(limits.sockets, limits.calls, limits.queued_bytes),
            replies: Replies::new(if resumable.is_some() { queued } else { 0 }),
            resumable,
            place: None,
            excursion: None,
            out: None,
            context,
        })
    }
}
