//! Receiving at the edge: one socket, and what stands between it and its program.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    rc::Rc,
    time::Duration,
};

use shared::{
    call::Transport,
    conditions::Direction,
    trace::{CallId, CallName},
};
use tokio::{io::Interest, net::UdpSocket};

use super::{
    Edge, Lane,
    conditions::Arriving,
    crossing::{Crossing, LONGEST, Through, is_at, kernel_time, whole},
    line::{Delivery, Place},
};
use crate::sys::receive;

/// So many datagrams are taken from the kernel before the event loop has a say again.
const PORTION: usize = 64;

/// What stands before one socket. Where nothing happens it is open, and costs one look; dropped, what waited for the
/// socket is gone with it.
#[derive(Debug)]
pub struct Gate {
    edge: Rc<Edge>,
    side: Side,
    place: Place,
}

/// Whose socket it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Side {
    /// The server's.
    Server,
    /// That of a client on this host, whose replies come from that server.
    Client { host: IpAddr, server: SocketAddr },
}

impl Gate {
    pub(super) const fn new(edge: Rc<Edge>, side: Side, place: Place) -> Self {
        Self { edge, side, place }
    }

    /// Receives one datagram.
    ///
    /// # Errors
    /// The kernel's.
    pub async fn receive(
        &self,
        socket: &UdpSocket,
        buffer: &mut [u8],
    ) -> io::Result<receive::Received> {
        let direct = || receive::datagram(socket, buffer);
        match self.directly(socket, direct).await? {
            Some(received) => Ok(received),
            None => Ok(self.through(socket).await?.put_into(buffer)),
        }
    }

    /// Whether it is open: the program may receive from the kernel itself.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.lane().idle.get()
    }

    /// Receives from the kernel itself, for as long as the gate is open; then nothing. It need not be looked at
    /// before something came: what there is to happen happens to that.
    ///
    /// # Errors
    /// The kernel's.
    pub async fn directly<T>(
        &self,
        socket: &UdpSocket,
        mut attempt: impl FnMut() -> io::Result<T>,
    ) -> io::Result<Option<T>> {
        if !self.is_open() {
            return Ok(None);
        }
        let attempt = || {
            if self.is_open() {
                attempt().map(Some)
            } else {
                Ok(None)
            }
        };
        socket.async_io(Interest::READABLE, attempt).await
    }

    /// Waits for the next datagram to come through.
    ///
    /// # Errors
    /// The kernel's, at once, whatever waits.
    pub async fn through(&self, socket: &UdpSocket) -> io::Result<Through> {
        loop {
            match self.try_through(socket) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return other,
            }
            tokio::select! {
                biased;
                readable = socket.readable() => readable?,
                () = self.edge.changed.notified() => {}
                () = self.until_due() => {}
            }
        }
    }

    /// The datagram that comes through now.
    ///
    /// # Errors
    /// The kernel's; `WouldBlock` where there is none.
    pub fn try_through(&self, socket: &UdpSocket) -> io::Result<Through> {
        if self.lane().passage.borrow().is_clear() {
            // What waits came before anything the kernel still has.
            return self.due().map_or_else(|| self.untouched(socket), Ok);
        }
        self.gather(socket)?;
        self.due().ok_or_else(|| io::ErrorKind::WouldBlock.into())
    }

    /// Decides about all that the kernel has received: of two the later one may have less delay. What has to wait
    /// for room waits in the kernel, as long as something else goes on.
    fn gather(&self, socket: &UdpSocket) -> io::Result<()> {
        for _ in 0..PORTION {
            if self.has_enough() {
                return Ok(());
            }
            match whole(socket, |received, data| {
                self.crosses(socket, received, data)
            }) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                other => self.meets(other?),
            }
        }
        Ok(())
    }

    /// Whether something goes on now and nothing more is sure to find room.
    fn has_enough(&self) -> bool {
        let passage = self.lane().passage.borrow();
        passage.is_full(LONGEST)
            && passage
                .next_due(self.place)
                .is_some_and(|due| due <= self.edge.trace.now())
    }

    /// The next datagram as the kernel has it, where nothing is to happen to it.
    fn untouched(&self, socket: &UdpSocket) -> io::Result<Through> {
        let crossing = whole(socket, |received, data| {
            self.crosses(socket, received, data)
        })?;
        Ok(Through {
            crossing: Rc::new(crossing),
            number: None,
        })
    }

    /// The conditions decide about a datagram.
    fn meets(&self, crossing: Crossing) {
        let trace = &self.edge.trace;
        let now = trace.now();
        let received_ns = kernel_time(trace, &crossing.facts);
        let crossing = self.belongs(crossing, received_ns);
        let arriving = Arriving {
            number: self.edge.next_number(),
            place: self.place,
            received_ns: received_ns.unwrap_or(now),
            length: crossing.data.len(),
            datagram: Rc::new(crossing),
        };
        let tell = |happened| self.edge.tell(happened);
        self.lane()
            .act(|passage| passage.arrives(arriving, now), tell);
    }

    fn crosses(
        &self,
        socket: &UdpSocket,
        received: receive::Received,
        data: &[u8],
    ) -> io::Result<Crossing> {
        let local = socket.local_addr()?;
        let to = match self.side {
            Side::Client { host, .. } if local.ip().is_unspecified() => {
                SocketAddr::new(host, local.port())
            }
            Side::Client { .. } | Side::Server => local,
        };
        Ok(Crossing {
            direction: self.direction(),
            from: received.from,
            to,
            data: data.to_owned(),
            facts: received.facts,
            process: None,
            call: None,
        })
    }

    /// Whose it is, and which call sent it. Without the kernel's time of it the call is not known: of several it
    /// may be any.
    fn belongs(&self, crossing: Crossing, received_ns: Option<u64>) -> Crossing {
        let trace = &self.edge.trace;
        let client = match self.side {
            Side::Server => crossing.from,
            Side::Client { .. } => crossing.to,
        };
        let door = (Transport::Udp, client);
        let sent = |by_ns| -> Option<CallId> {
            let last = match self.side {
                Side::Server => trace.last_call(door, by_ns, |lately| {
                    !lately.by_server && matches!(lately.name, CallName::Send | CallName::SendTo)
                }),
                Side::Client { server, .. } if is_at(server, crossing.from) => {
                    trace.last_call(door, by_ns, |lately| {
                        lately.by_server && lately.name == CallName::SendTo
                    })
                }
                // Somebody else's, whose calls are not seen.
                Side::Client { .. } => None,
            };
            last.map(|lately| lately.call)
        };
        Crossing {
            process: Some(trace.client_at(door)),
            call: received_ns.and_then(sent),
            ..crossing
        }
    }

    fn due(&self) -> Option<Through> {
        let lane = self.lane();
        let mut passage = lane.passage.borrow_mut();
        let delivery = passage.due(self.place, self.edge.trace.now());
        lane.idle.set(passage.is_idle());
        let Delivery {
            number,
            datagram,
            touched,
        } = delivery?;
        Some(Through {
            crossing: datagram,
            number: touched.then_some(number),
        })
    }

    async fn until_due(&self) {
        let due = self.lane().passage.borrow().next_due(self.place);
        let Some(due) = due else {
            return std::future::pending().await;
        };
        let rest = due.saturating_sub(self.edge.trace.now());
        tokio::time::sleep(Duration::from_nanos(rest)).await;
    }

    const fn direction(&self) -> Direction {
        match self.side {
            Side::Server => Direction::Request,
            Side::Client { .. } => Direction::Reply,
        }
    }

    fn lane(&self) -> &Lane {
        self.edge.lane(self.direction())
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        let place = self.place;
        let tell = |happened| self.edge.tell(happened);
        self.lane().act(|passage| passage.leaves(place), tell);
    }
}
