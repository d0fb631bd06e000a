//! The receiving side of one UDP socket: datagrams are read from the kernel, impaired, and delivered to the program.

mod attribute;

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
    DirectionState, Netem,
    delay_queue::{Delivery, ReceiverId},
    impairment::IncomingDatagram,
    in_transit::{Delivered, InTransit, kernel_time},
    wake_hint::WakeHint,
};
use crate::sys::{
    bursts::{self, Burst},
    receive,
    retry::Pauses,
};

/// Maximum number of datagrams read from the kernel before other tasks run.
const MAX_READS: usize = 64;

/// Receives for one socket. While the direction is unimpaired the program reads from the kernel itself, at the cost
/// of one check. Dropping the receiver drops what waits for the socket.
#[derive(Debug)]
pub struct ImpairedReceiver {
    netem: Rc<Netem>,
    side: ReceiverSide,
    id: ReceiverId,
    /// The rest of a burst, of which one datagram was taken.
    rest: RefCell<VecDeque<Burst>>,
    /// Whether the kernel may have more than [`MAX_READS`] datagrams.
    has_more: Cell<bool>,
    wake_hint: Rc<WakeHint>,
    /// The address under which the hint is registered.
    address: Cell<Option<SocketAddr>>,
}

/// Whose socket it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum ReceiverSide {
    /// The server's.
    Server,
    /// A client's, on this host; its replies come from this server.
    Client { host: IpAddr, server: SocketAddr },
}

impl ImpairedReceiver {
    pub(super) const fn new(
        netem: Rc<Netem>,
        side: ReceiverSide,
        id: ReceiverId,
        wake_hint: Rc<WakeHint>,
    ) -> Self {
        Self {
            netem,
            side,
            id,
            rest: RefCell::new(VecDeque::new()),
            has_more: Cell::new(false),
            wake_hint,
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
        let from_kernel = || receive::datagram(socket, buffer);
        match self.receive_directly(socket, from_kernel).await? {
            Some(received) => Ok(received),
            None => Ok(self.next_delivered(socket).await?.copy_into(buffer)),
        }
    }

    /// Receives a whole burst if the direction is unimpaired, otherwise the next datagram that is delivered.
    ///
    /// # Errors
    /// The kernel's.
    pub async fn receive_burst(&self, socket: &UdpSocket) -> io::Result<Burst> {
        if let Some(rest) = self.take_rest() {
            return Ok(rest);
        }
        let from_kernel = || bursts::receive(socket);
        match self.receive_directly(socket, from_kernel).await? {
            Some(burst) => Ok(burst),
            None => Ok(self.next_delivered(socket).await?.to_burst()),
        }
    }

    /// Receives a burst from the kernel; none if the direction is impaired.
    ///
    /// # Errors
    /// The kernel's; `WouldBlock` if the socket is reported readable and is empty: try again after a pause.
    pub fn poll_burst(
        &self,
        context: &mut Context<'_>,
        socket: &UdpSocket,
    ) -> Poll<io::Result<Option<Burst>>> {
        if let Some(rest) = self.take_rest() {
            return Poll::Ready(Ok(Some(rest)));
        }
        self.poll_directly(context, socket, || bursts::receive(socket))
    }

    /// Receives from the kernel with `receive`; none if the direction is impaired. A change of the conditions is noticed
    /// when the socket becomes readable.
    ///
    /// # Errors
    /// The kernel's.
    pub async fn receive_directly<T>(
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
        let mut was_empty = false;
        while self.is_bypassed() {
            let is_hinted = self.wake_hint.is_pending();
            let received = if is_hinted {
                receive().inspect_err(|_| self.wake_hint.clear())
            } else {
                self.wake_hint.register_waker(context);
                ready!(socket.poll_recv_ready(context))?;
                // The conditions may have changed in the meantime.
                if !self.is_bypassed() {
                    break;
                }
                socket.try_io(Interest::READABLE, &mut receive)
            };
            match received {
                // A socket that is closed for reading stays readable (see `sys::retry`).
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && !was_empty => {
                    was_empty = !is_hinted;
                }
                other => {
                    self.wake_hint.consume();
                    return Poll::Ready(other.map(Some));
                }
            }
        }
        Poll::Ready(Ok(None))
    }

    /// Registers the socket's address, so that the server's sends wake this receiver.
    pub fn register_address(&self, address: SocketAddr) {
        if self.address.get() == Some(address) {
            return;
        }
        let mut hints = self.netem.client_hints.borrow_mut();
        if let Some(before) = self.address.replace(Some(address)) {
            hints.remove(&before);
        }
        hints.insert(address, Rc::clone(&self.wake_hint));
    }

    /// Hints to the server that a client has sent something.
    pub fn hint_server(&self) {
        self.netem.server_hint.notify();
    }

    /// Hints to a client that the server has sent something.
    pub fn hint_client(&self, client: SocketAddr) {
        if let Some(hint) = self.netem.client_hints.borrow().get(&client) {
            hint.notify();
        }
    }

    fn take_rest(&self) -> Option<Burst> {
        let rest = self
            .is_bypassed()
            .then(|| self.rest.borrow_mut().pop_front());
        rest.flatten()
    }

    /// Whether the program may read from the kernel itself: no conditions are in force and nothing waits.
    #[must_use]
    pub fn is_bypassed(&self) -> bool {
        self.direction_state().idle.get()
    }

    /// Waits for the next datagram that is delivered.
    ///
    /// # Errors
    /// The kernel's, before anything that waits.
    pub async fn next_delivered(&self, socket: &UdpSocket) -> io::Result<Delivered> {
        let mut pauses = Pauses::default();
        loop {
            match self.try_next_delivered(socket) {
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
                () = self.netem.changed.notified() => {}
                () = self.until_due() => {}
            }
        }
    }

    /// The datagram that is delivered now.
    ///
    /// # Errors
    /// The kernel's; `WouldBlock` if there is none.
    pub fn try_next_delivered(&self, socket: &UdpSocket) -> io::Result<Delivered> {
        if self.direction_state().impairment.borrow().is_clear() {
            // What waits was received before anything the kernel still has.
            return self
                .pop_due()
                .map_or_else(|| self.receive_unimpaired(socket), Ok);
        }
        self.impair_received(socket)?;
        self.pop_due()
            .ok_or_else(|| io::ErrorKind::WouldBlock.into())
    }

    /// Decides about all datagrams that the kernel has received, because a later one may have the smaller delay.
    /// When the queue is full, datagrams stay in the kernel as long as another one can be delivered.
    fn impair_received(&self, socket: &UdpSocket) -> io::Result<()> {
        for _ in 0..MAX_READS {
            if self.has_enough() {
                return Ok(());
            }
            match self.receive_in_transit(socket) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                other => self.impair(other?),
            }
        }
        self.has_more.set(true);
        Ok(())
    }

    /// Whether a datagram is due now and the queue may have no room for another one.
    fn has_enough(&self) -> bool {
        let impairment = self.direction_state().impairment.borrow();
        impairment.is_full(MAX_DATAGRAM_BYTES)
            && impairment
                .next_due(self.id)
                .is_some_and(|due| due <= self.netem.trace.now())
    }

    fn receive_unimpaired(&self, socket: &UdpSocket) -> io::Result<Delivered> {
        Ok(Delivered {
            datagram: Rc::new(self.receive_in_transit(socket)?),
            number: None,
        })
    }

    /// Lets the conditions decide about a datagram.
    fn impair(&self, datagram: InTransit) {
        let trace = &self.netem.trace;
        let now = trace.now();
        let received_ns = kernel_time(trace, &datagram.ancillary);
        let datagram = self.attribute(datagram, received_ns);
        let incoming = IncomingDatagram {
            number: self.netem.next_number(),
            receiver: self.id,
            received_ns: received_ns.unwrap_or(now),
            length: datagram.data.len(),
            datagram: Rc::new(datagram),
        };
        let record = |decided| self.netem.record(decided);
        self.direction_state().update(
            |impairment| impairment.handle_datagram(incoming, now),
            record,
        );
    }

    /// The next single datagram of the kernel. An empty socket clears its readiness, so that the event loop waits.
    fn receive_one(&self, socket: &UdpSocket) -> io::Result<Burst> {
        if let Some(rest) = self.rest.borrow_mut().pop_front() {
            return Ok(rest);
        }
        let burst = match bursts::receive(socket) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                socket.try_io(Interest::READABLE, || bursts::receive(socket))?
            }
            other => other?,
        };
        let Burst {
            from, ancillary, ..
        } = burst;
        let mut each = burst
            .datagrams()
            .map(|data| Burst::one(from, ancillary, data));
        let first = each.next().unwrap_or_else(|| burst.clone());
        self.rest.borrow_mut().extend(each);
        Ok(first)
    }

    fn receive_in_transit(&self, socket: &UdpSocket) -> io::Result<InTransit> {
        let burst = self.receive_one(socket)?;
        let local = socket.local_addr()?;
        let to = match self.side {
            // The address that others see: see `ClientSocket::seen_as`.
            ReceiverSide::Client { host, .. } => {
                let ip = local.ip().to_canonical();
                SocketAddr::new(if ip.is_unspecified() { host } else { ip }, local.port())
            }
            ReceiverSide::Server => local,
        };
        Ok(InTransit {
            direction: self.direction(),
            from: burst.from,
            to,
            ancillary: burst.ancillary,
            data: burst.into_bytes(),
            process: None,
            call: None,
        })
    }

    fn pop_due(&self) -> Option<Delivered> {
        let state = self.direction_state();
        let mut impairment = state.impairment.borrow_mut();
        let delivery = impairment.pop_due(self.id, self.netem.trace.now());
        state.idle.set(impairment.is_idle());
        let Delivery {
            number,
            datagram,
            touched,
        } = delivery?;
        Some(Delivered {
            datagram,
            number: touched.then_some(number),
        })
    }

    async fn until_due(&self) {
        let due = self.direction_state().impairment.borrow().next_due(self.id);
        let Some(due) = due else {
            return std::future::pending().await;
        };
        let rest = due.saturating_sub(self.netem.trace.now());
        tokio::time::sleep(Duration::from_nanos(rest)).await;
    }

    const fn direction(&self) -> Direction {
        match self.side {
            ReceiverSide::Server => Direction::Request,
            ReceiverSide::Client { .. } => Direction::Reply,
        }
    }

    fn direction_state(&self) -> &DirectionState {
        self.netem.direction_state(self.direction())
    }
}

impl Drop for ImpairedReceiver {
    fn drop(&mut self) {
        if let Some(address) = self.address.get() {
            self.netem.client_hints.borrow_mut().remove(&address);
        }
        let id = self.id;
        let record = |decided| self.netem.record(decided);
        self.direction_state()
            .update(|impairment| impairment.remove_receiver(id), record);
    }
}
