//! The book's picture of a server: the process is a house, a socket a door. Drawn from the kernel's list of sockets;
//! where nobody has it, from what `accept` and `close` returned, and that is said. Nothing is invented.

use std::net::SocketAddr;

use shared::{
    call::{Fd, Transport},
    lab::{Server, ServerState},
    outcome::{Outcome, Returned},
    trace::{CallName, Event, KernelSocket, ProcessId, SocketState},
};

use crate::model::{
    core::time::Millis,
    trace::{kernel::Kernel, log::same_address},
};

/// The process of the TCP server.
const TCP_SERVER: ProcessId = 2;

/// The connections that `accept` brought and `close` has not ended.
#[derive(Debug, Default)]
pub(crate) struct Accepted(Vec<(Fd, SocketAddr)>);

impl Accepted {
    /// Takes in an event.
    pub(crate) fn handle_event(&mut self, event: &Event) {
        let what = &event.what;
        if what
            .server()
            .is_some_and(|server| server.transport == Transport::Tcp)
        {
            self.0.clear();
        }
        if what.process() != Some(TCP_SERVER) {
            return;
        }
        if let Some(returned) = what.call_returned() {
            if let Outcome::Returned(Returned::Accepted { fd, from }) = returned.outcome {
                self.0.retain(|(known, _)| *known != fd);
                self.0.push((fd, from));
            }
        } else if let Some(started) = what.call_started()
            && started.name == CallName::Close
        {
            self.0.retain(|(fd, _)| Some(*fd) != started.fd);
        }
    }

    /// Another lab.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

/// A server as a house.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct House {
    /// Whether the kernel's list says so; else it follows from the calls.
    pub(crate) by_list: bool,
    /// Whether the first door is there: the welcoming one, or UDP's only one.
    pub(crate) welcomes: bool,
    /// TCP: how many the queue before it may hold, where that is told.
    pub(crate) backlog: Option<u64>,
    /// UDP: bytes that wait to be received.
    pub(crate) bytes: u64,
    /// The clients in the handshake.
    pub(crate) arriving: Vec<SocketAddr>,
    /// The connected clients that wait to be accepted.
    pub(crate) waiting: Vec<SocketAddr>,
    /// The doors of accepted connections, with who is at the other end and the state, where it is told.
    pub(crate) rooms: Vec<(SocketAddr, Option<SocketState>)>,
    /// What the program has left to the kernel, with the milliseconds it still takes where that is told.
    pub(crate) fading: Vec<(SocketAddr, SocketState, Option<Millis>)>,
    /// Milliseconds for which the address is held though nobody is there to welcome.
    pub(crate) held: Option<Millis>,
}

/// The house of a server; none where nothing is known of its doors.
pub(crate) fn house(
    server: &Server,
    kernel: &Kernel,
    accepted: &Accepted,
    now: Millis,
) -> Option<House> {
    let runs = matches!(server.state, ServerState::Running);
    if kernel.is_known() {
        return Some(by_list(server, kernel, now));
    }
    if !runs {
        return None;
    }
    let rooms = match server.transport {
        Transport::Udp => Vec::new(),
        Transport::Tcp => accepted.0.iter().map(|(_, from)| (*from, None)).collect(),
    };
    Some(House {
        welcomes: true,
        backlog: server
            .settings
            .filter(|_| server.transport == Transport::Tcp)
            .map(|settings| settings.backlog.into()),
        rooms,
        ..House::default()
    })
}

fn by_list(server: &Server, kernel: &Kernel, now: Millis) -> House {
    let mut house = House {
        by_list: true,
        ..House::default()
    };
    let its = |socket: &&KernelSocket| {
        socket.transport == server.transport && same_address(socket.local, server.address)
    };
    for socket in kernel.sockets().filter(its) {
        let Some(peer) = socket.peer else {
            house.welcomes |= socket.held;
            match server.transport {
                Transport::Udp => house.bytes = socket.receive_queue,
                Transport::Tcp => house.backlog = Some(socket.send_queue),
            }
            continue;
        };
        let state = socket.state;
        let is_through = matches!(state, SocketState::Established | SocketState::CloseWait);
        let left = kernel.remaining(socket, now);
        if state == SocketState::SynReceived {
            house.arriving.push(peer);
        } else if socket.held {
            house.rooms.push((peer, Some(state)));
        } else if is_through {
            house.waiting.push(peer);
        } else if left != Some(0) {
            house.fading.push((peer, state, left));
        }
    }
    if !house.welcomes {
        house.held = kernel.free_in(server.address, now);
    }
    house
}
