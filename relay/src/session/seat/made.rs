//! How a seat comes to be: in the open lab, in a lab of its own, in a class.

use std::rc::Rc;

use futures_util::stream::FuturesUnordered;
use shared::trace::Role;

use super::{Lasting, Seat, replies::Replies};
use crate::{
    admission::ClientOrigin,
    class::Joined,
    client::Process,
    lab::LabLease,
    session::{Surroundings, table::Table},
    token,
};

impl Lasting {
    fn under(token: String, around: &Surroundings) -> Self {
        Self {
            wanted: around.seats.add(token.clone()),
            token,
            heard: 0,
            next_id: 1,
            is_new: false,
            _tenancy: None,
        }
    }
}

impl Seat {
    /// A seat in the open lab; its trace is told from now on.
    pub(in crate::session) fn in_the_open_lab(
        around: &Surroundings,
        from: ClientOrigin,
    ) -> Box<Self> {
        let lab = Rc::clone(around.labs.open());
        let first = lab.trace().range().1;
        Self::new(
            Surroundings {
                lab,
                ..around.clone()
            },
            from,
            from.is_this_machine(),
            first,
            None,
        )
    }

    /// A seat in a lab of its own; its trace is told from the beginning.
    pub(in crate::session) fn in_its_own_lab(
        around: &Surroundings,
        tenancy: LabLease,
        from: ClientOrigin,
    ) -> Box<Self> {
        let lab = Rc::clone(&tenancy);
        let first = lab.trace().range().0;
        let lasting = Lasting {
            _tenancy: Some(tenancy),
            ..Lasting::under(token::random_token(), around)
        };
        Self::new(
            Surroundings {
                lab,
                ..around.clone()
            },
            from,
            true,
            first,
            Some(lasting),
        )
    }

    /// A seat in a class. The teacher is told of the trace from the beginning, a member from now on; whoever has
    /// come back knows what it wants to watch.
    pub(in crate::session) fn in_a_class(
        around: &Surroundings,
        arriving: Joined,
        from: ClientOrigin,
        is_new: bool,
    ) -> Box<Self> {
        let Joined { place, token } = arriving;
        let lab = Rc::clone(place.lab_lease());
        let (first, next) = lab.trace().range();
        let is_teacher = place.is_teacher();
        let lasting = Lasting {
            is_new,
            ..Lasting::under(token, around)
        };
        let mut seat = Self::new(
            Surroundings {
                lab,
                ..around.clone()
            },
            from,
            is_teacher,
            if is_teacher { first } else { next },
            Some(lasting),
        );
        if is_new {
            seat.trace_from = None;
        }
        place.set_process(seat.process.id());
        seat.place = Some(place);
        seat
    }

    fn new(
        surroundings: Surroundings,
        from: ClientOrigin,
        may_control: bool,
        trace_from: u64,
        lasting: Option<Lasting>,
    ) -> Box<Self> {
        let Surroundings {
            lab, labs, limits, ..
        } = &surroundings;
        let queued = usize::try_from(limits.queued_bytes).unwrap_or(usize::MAX);
        let id = lab.join(Role::Page);
        let (trace, netem) = (Rc::clone(lab.trace()), Rc::clone(lab.netem()));
        let host = labs.client_host(lab, from.is_this_machine());
        let process = Process::new(id, host, trace, netem);
        Box::new(Self {
            process: Rc::new(process),
            may_control,
            calls: FuturesUnordered::new(),
            trace_until: lab.trace().viewer(),
            trace_from: Some(trace_from),
            table: Table::new(limits.sockets, limits.calls, limits.queued_bytes),
            replies: Replies::new(if lasting.is_some() { queued } else { 0 }),
            lasting,
            place: None,
            excursion: None,
            out: None,
            surroundings,
        })
    }
}
