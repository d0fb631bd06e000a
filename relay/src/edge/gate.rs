//! Receiving at the edge: one socket, and what stands between it and its program.

mod sender;

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::poll_fn,
    io,
    net::{IpAddr, SocketAddr},
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use shared::{conditions::Direction, udp::MAX_DATAGRAM_BYTES};
use tokio::{io::Interest, net::UdpSocket};

use super::{
    Edge, Lane,
    bell::Bell,
    conditions::Arriving,
    crossing::{Crossing, Through, kernel_time},
    line::{Delivery, Place},
};
use crate::sys::{
    bursts::{self, Burst},
    receive,
    retry::Pauses,
};

/// So many datagrams are taken from the kernel before the event loop has a say again.
const PORTION: usize = 64;

/// What stands before one socket. Where nothing happens it is open, and costs one look; dropped, what waited for the
/// socket is gone with it.
#[derive(Debug)]
pub struct Gate {
    edge: Rc<Edge>,
    side: Side,
    place: Place,
    /// What the kernel handed over together with a datagram that came before.
    rest: RefCell<VecDeque<Burst>>,
    /// Whether the kernel had more than a [`PORTION`].
    has_more: Cell<bool>,
    bell: Rc<Bell>,
    /// Where the bell is known by.
    address: Cell<Option<SocketAddr>>,
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
    pub(super) const fn new(edge: Rc<Edge>, side: Side, place: Place, bell: Rc<Bell>) -> Self {
        Self {
            edge,
            side,
            place,
            rest: RefCell::new(VecDeque::new()),
            has_more: Cell::new(false),
            bell,
            address: Cell::new(None),
        }
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

    /// Receives what comes next: of an open gate all that was sent in one, else the datagram that comes through.
    ///
    /// # Errors
    /// The kernel's.
    pub async fn burst(&self, socket: &UdpSocket) -> io::Result<Burst> {
        if let Some(kept) = self.kept() {
            return Ok(kept);
        }
        match self.directly(socket, || bursts::receive(socket)).await? {
            Some(burst) => Ok(burst),
            None => Ok(self.through(socket).await?.burst()),
        }
    }

    /// The same, for as long as the gate is open; then nothing.
    ///
    /// # Errors
    /// The kernel's; `WouldBlock` where the socket is said to be ready and is not: to be tried again after a pause.
    pub fn poll_burst(
        &self,
        context: &mut Context<'_>,
        socket: &UdpSocket,
    ) -> Poll<io::Result<Option<Burst>>> {
        if let Some(kept) = self.kept() {
            return Poll::Ready(Ok(Some(kept)));
        }
        self.poll_directly(context, socket, || bursts::receive(socket))
    }

    /// Receives from the kernel itself, for as long as the gate is open; then nothing. It need not be looked at
    /// before something came: what there is to happen happens to that.
    ///
    /// # Errors
    /// The kernel's.
    pub async fn directly<T>(
        &self,
        socket: &UdpSocket,
        mut receive: impl FnMut() -> io::Result<T>,
    ) -> io::Result<Option<T>> {
        let mut pauses = Pauses::default();
        loop {
            match poll_fn(|context| self.poll_directly(context, socket, &mut receive)).await {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => pauses.pass().await,
                other => return other,
            }
        }
    }

    fn poll_directly<T>(
        &self,
        context: &mut Context<'_>,
        socket: &UdpSocket,
        mut receive: impl FnMut() -> io::Result<T>,
    ) -> Poll<io::Result<Option<T>>> {
        let mut in_vain = false;
        while self.is_open() {
            let rung = self.bell.is_rung();
            let received = if rung {
                receive().inspect_err(|_| self.bell.in_vain())
            } else {
                self.bell.wakes(context);
                ready!(socket.poll_recv_ready(context))?;
                // It may have been shut since it was waited for.
                if !self.is_open() {
                    break;
                }
                socket.try_io(Interest::READABLE, &mut receive)
            };
            match received {
                // One that stays ready is closed for reading (see `sys::retry`).
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && !in_vain => {
                    in_vain = !rung;
                }
                other => {
                    self.bell.answered();
                    return Poll::Ready(other.map(Some));
                }
            }
        }
        Poll::Ready(Ok(None))
    }

    /// The socket's address: from now on the server rings here.
    pub fn is_at(&self, address: SocketAddr) {
        if self.address.get() == Some(address) {
            return;
        }
        let mut bells = self.edge.bells.borrow_mut();
        if let Some(before) = self.address.replace(Some(address)) {
            bells.remove(&before);
        }
        bells.insert(address, Rc::clone(&self.bell));
    }

    /// A client has sent something to the server.
    pub fn rings_server(&self) {
        self.edge.server_bell.ring();
    }

    /// The server has sent something to a client.
    pub fn rings(&self, client: SocketAddr) {
        if let Some(bell) = self.edge.bells.borrow().get(&client) {
            bell.ring();
        }
    }

    fn kept(&self) -> Option<Burst> {
        let kept = self.is_open().then(|| self.rest.borrow_mut().pop_front());
        kept.flatten()
    }

    /// Whether it is open: the program may receive from the kernel itself.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.lane().idle.get()
    }

    /// Waits for the next datagram to come through.
    ///
    /// # Errors
    /// The kernel's, at once, whatever waits.
    pub async fn through(&self, socket: &UdpSocket) -> io::Result<Through> {
        let mut pauses = Pauses::default();
        loop {
            match self.try_through(socket) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return other,
            }
            if self.has_more.take() {
                tokio::task::yield_now().await;
                continue;
            }
            tokio::select! {
                biased;
                readable = pauses.until_readable(socket) => readable?,
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
            match self.crosses(socket) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                other => self.meets(other?),
            }
        }
        self.has_more.set(true);
        Ok(())
    }

    /// Whether something goes on now and nothing more is sure to find room.
    fn has_enough(&self) -> bool {
        let passage = self.lane().passage.borrow();
        passage.is_full(MAX_DATAGRAM_BYTES)
            && passage
                .next_due(self.place)
                .is_some_and(|due| due <= self.edge.trace.now())
    }

    /// The next datagram as the kernel has it, where nothing is to happen to it.
    fn untouched(&self, socket: &UdpSocket) -> io::Result<Through> {
        Ok(Through {
            crossing: Rc::new(self.crosses(socket)?),
            number: None,
        })
    }

    /// The conditions decide about a datagram.
    fn meets(&self, crossing: Crossing) {
        let trace = &self.edge.trace;
        let now = trace.now();
        let received_ns = kernel_time(trace, &crossing.told);
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

    /// The kernel's next datagram, all of it. Where there is none, the event loop knows from then on that it has to
    /// wait for one.
    fn whole(&self, socket: &UdpSocket) -> io::Result<Burst> {
        if let Some(kept) = self.rest.borrow_mut().pop_front() {
            return Ok(kept);
        }
        let burst = match bursts::receive(socket) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                socket.try_io(Interest::READABLE, || bursts::receive(socket))?
            }
            other => other?,
        };
        let Burst { from, told, .. } = burst;
        let mut each = burst.datagrams().map(|data| Burst::one(from, told, data));
        let first = each.next().unwrap_or_else(|| burst.clone());
        self.rest.borrow_mut().extend(each);
        Ok(first)
    }

    fn crosses(&self, socket: &UdpSocket) -> io::Result<Crossing> {
        let burst = self.whole(socket)?;
        let local = socket.local_addr()?;
        let to = match self.side {
            // As others see it: see `ClientSocket::seen_as`.
            Side::Client { host, .. } => {
                let ip = local.ip().to_canonical();
                SocketAddr::new(if ip.is_unspecified() { host } else { ip }, local.port())
            }
            Side::Server => local,
        };
        Ok(Crossing {
            direction: self.direction(),
            from: burst.from,
            to,
            told: burst.told,
            data: burst.into_bytes(),
            process: None,
            call: None,
        })
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
        if let Some(address) = self.address.get() {
            self.edge.bells.borrow_mut().remove(&address);
        }
        let place = self.place;
        let tell = |happened| self.edge.tell(happened);
        self.lane().act(|passage| passage.leaves(place), tell);
    }
}
