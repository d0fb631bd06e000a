//! Many datagrams in one call (udp(7), `UDP_SEGMENT`, `UDP_GRO`): sent as one where they are of one size, received
//! as one where they were sent so. On the wire, and to any other program, they are datagrams like all others.

use std::{io, net::SocketAddr};

use bytes::Bytes;
use shared::udp::{MAX_DATAGRAM_BYTES, MAX_PAYLOAD_BYTES};
use tokio::{io::Interest, net::UdpSocket};

use super::Ancillary;

/// Most datagrams the kernel takes at once (`UDP_MAX_SEGMENTS` of every kernel with `UDP_SEGMENT`).
pub const MAX_SEGMENTS: usize = 64;

/// Datagrams from one sender, received together: all of one size, only the last may be shorter.
#[derive(Clone, Debug)]
pub struct Burst {
    /// The sender's address.
    pub from: SocketAddr,
    /// Their ancillary data, the same for each.
    pub ancillary: Ancillary,
    bytes: Bytes,
    size: usize,
}

impl Burst {
    /// These bytes, cut into datagrams of this size; of no bytes it is one empty datagram.
    #[must_use]
    pub const fn new(from: SocketAddr, ancillary: Ancillary, bytes: Bytes, size: usize) -> Self {
        Self {
            from,
            ancillary,
            bytes,
            size,
        }
    }

    /// A single datagram.
    #[must_use]
    pub const fn one(from: SocketAddr, ancillary: Ancillary, bytes: Bytes) -> Self {
        let size = bytes.len();
        Self::new(from, ancillary, bytes, size)
    }

    /// The bytes of all datagrams.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// How many there are, one at least.
    #[must_use]
    pub fn count(&self) -> usize {
        self.bytes.len().div_ceil(self.size.max(1)).max(1)
    }

    /// All bytes, of one datagram after the other.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// One of them, by its place; of none, nothing.
    #[must_use]
    pub fn datagram(&self, at: usize) -> &[u8] {
        let from = self.bytes.len().min(at * self.size);
        &self.bytes[from..self.bytes.len().min(from + self.size)]
    }

    /// The datagrams, in order.
    pub fn datagrams(&self) -> impl Iterator<Item = Bytes> {
        (0..self.count()).map(|at| self.bytes.slice_ref(self.datagram(at)))
    }
}

/// Bytes to be sent, as datagrams of these lengths or as one piece of a stream, and how much of it has been.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    bytes: Bytes,
    lengths: Vec<usize>,
    sent: usize,
    sent_bytes: usize,
}

/// A batch that is being put together.
#[derive(Debug, Default)]
pub struct BatchBuilder {
    bytes: Vec<u8>,
    lengths: Vec<usize>,
}

impl BatchBuilder {
    /// Adds a datagram.
    pub fn add(&mut self, datagram: &[u8]) {
        self.add_with(|bytes| bytes.extend_from_slice(datagram));
    }

    /// Adds the datagram that `append` writes.
    pub fn add_with(&mut self, append: impl FnOnce(&mut Vec<u8>)) {
        let before = self.bytes.len();
        append(&mut self.bytes);
        self.lengths.push(self.bytes.len() - before);
    }

    /// Ready to be sent.
    #[must_use]
    pub fn finish(self) -> Batch {
        Batch {
            bytes: self.bytes.into(),
            lengths: self.lengths,
            sent: 0,
            sent_bytes: 0,
        }
    }
}

impl Batch {
    /// Whether all of it was sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.left().is_empty()
    }

    /// The lengths of those still to be sent.
    #[must_use]
    pub fn left(&self) -> &[usize] {
        &self.lengths[self.sent..]
    }

    /// All bytes still to be sent.
    #[must_use]
    pub fn rest(&self) -> &[u8] {
        &self.bytes[self.sent_bytes..]
    }

    /// All bytes, sent or not.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The bytes of the next ones.
    #[must_use]
    pub fn next(&self, count: usize) -> &[u8] {
        let length: usize = self.left()[..count].iter().sum();
        &self.bytes[self.sent_bytes..self.sent_bytes + length]
    }

    /// Counts this number of datagrams as sent.
    pub fn advance(&mut self, count: usize) {
        self.sent_bytes += self.left()[..count].iter().sum::<usize>();
        self.sent += count;
    }

    /// Counts bytes that a stream has taken.
    pub const fn advance_bytes(&mut self, bytes: usize) {
        self.sent_bytes += bytes;
        if self.sent_bytes >= self.bytes.len() {
            self.sent = self.lengths.len();
        }
    }

    /// Drops what is left.
    pub const fn give_up(&mut self) {
        self.sent = self.lengths.len();
    }

    /// How many bytes all of it is.
    #[must_use]
    pub const fn length(&self) -> usize {
        self.bytes.len()
    }

    /// Sends the next ones in one call.
    ///
    /// # Errors
    /// The kernel's; `WouldBlock` where it has no room. None was sent then.
    pub fn send(&self, socket: &UdpSocket, to: Option<SocketAddr>, count: usize) -> io::Result<()> {
        let (bytes, size) = (self.next(count), self.left()[0]);
        socket.try_io(Interest::WRITABLE, || send(socket, to, bytes, size))
    }

    /// How many may leave in the next call; with `at_once` as many as the kernel takes.
    #[must_use]
    pub fn together(&self, at_once: bool) -> usize {
        if SENDS_MANY && at_once {
            count_sendable_together(self.left())
        } else {
            self.left().len().min(1)
        }
    }
}

/// How many datagrams from the first of these lengths on may leave in one call; one at least, where there are any.
#[must_use]
pub fn count_sendable_together(lengths: &[usize]) -> usize {
    let Some(&size) = lengths.first().filter(|size| **size > 0) else {
        return lengths.len().min(1);
    };
    let most = lengths
        .len()
        .min(MAX_SEGMENTS)
        .min(MAX_PAYLOAD_BYTES / size)
        .max(1);
    let alike = lengths[..most].iter().take_while(|length| **length == size);
    let alike = alike.count();
    // The last one may be shorter, but the kernel takes no empty one there.
    let shorter = lengths[..most]
        .get(alike)
        .is_some_and(|length| (1..size).contains(length));
    alike + usize::from(shorter)
}

#[cfg(target_os = "linux")]
mod linux {
    use std::{cell::RefCell, os::fd::AsRawFd};

    use nix::sys::socket::{
        ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg,
        setsockopt, sockopt,
    };

    use super::{Ancillary, Burst, Bytes, MAX_DATAGRAM_BYTES, SocketAddr, UdpSocket, io};
    use crate::sys::{
        facts,
        receive::{AncillaryBuffer, NOBODY, address},
    };

    /// Lets the kernel deliver bursts (`UDP_GRO`). Where it cannot, datagrams arrive one by one.
    pub fn enable_gro(socket: &UdpSocket) {
        setsockopt(socket, sockopt::UdpGroSegment, &true).ok();
    }

    thread_local! {
        /// Room for any burst, shared by all sockets of an event loop.
        static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; MAX_DATAGRAM_BYTES]);
    }

    /// Receives what comes next.
    ///
    /// # Errors
    /// The kernel's; `WouldBlock` where there is nothing.
    pub fn receive(socket: &UdpSocket) -> io::Result<Burst> {
        BUFFER.with_borrow_mut(|buffer| {
            let mut room = AncillaryBuffer::new();
            let mut parts = [io::IoSliceMut::new(buffer)];
            let flags = MsgFlags::MSG_DONTWAIT;
            let message = recvmsg::<SockaddrStorage>(
                socket.as_raw_fd(),
                &mut parts,
                Some(room.bytes()),
                flags,
            )?;
            let from = message.address.as_ref().and_then(address).unwrap_or(NOBODY);
            let (length, mut ancillary, mut size) =
                (message.bytes, Ancillary::default(), message.bytes);
            for message in message.cmsgs().into_iter().flatten() {
                if let ControlMessageOwned::UdpGroSegments(each) = message {
                    size = usize::try_from(each).unwrap_or(size);
                } else {
                    facts::add_message(&mut ancillary, &message);
                }
            }
            let bytes = Bytes::copy_from_slice(&buffer[..length]);
            Ok(Burst::new(from, ancillary, bytes, size))
        })
    }

    /// Sends one datagram, or in one call all that these bytes hold, each of this size and the last at most as long.
    ///
    /// # Errors
    /// The kernel's; `WouldBlock` where it has no room. Nothing was sent then.
    pub fn send(
        socket: &UdpSocket,
        to: Option<SocketAddr>,
        bytes: &[u8],
        size: usize,
    ) -> io::Result<()> {
        let parts = [io::IoSlice::new(bytes)];
        let to = to.map(SockaddrStorage::from);
        let each = u16::try_from(size).unwrap_or(u16::MAX);
        let many = [ControlMessage::UdpGsoSegments(&each)];
        let control = if bytes.len() > size { &many[..] } else { &[] };
        let flags = MsgFlags::MSG_DONTWAIT;
        sendmsg(socket.as_raw_fd(), &parts, control, flags, to.as_ref())?;
        Ok(())
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use super::{Ancillary, Burst, Bytes, MAX_DATAGRAM_BYTES, SocketAddr, UdpSocket, io};

    /// Datagrams come one by one here.
    pub const fn enable_gro(_socket: &UdpSocket) {}

    /// Receives the next datagram.
    ///
    /// # Errors
    /// The kernel's; `WouldBlock` where there is nothing.
    pub fn receive(socket: &UdpSocket) -> io::Result<Burst> {
        let mut buffer = vec![0; MAX_DATAGRAM_BYTES];
        let (length, from) = socket.try_recv_from(&mut buffer)?;
        buffer.truncate(length);
        Ok(Burst::new(
            from,
            Ancillary::default(),
            Bytes::from(buffer),
            length,
        ))
    }

    /// Sends one datagram, or all that these bytes hold, each of this size and the last at most as long.
    ///
    /// # Errors
    /// The kernel's; `WouldBlock` where it has no room.
    pub fn send(
        socket: &UdpSocket,
        to: Option<SocketAddr>,
        bytes: &[u8],
        size: usize,
    ) -> io::Result<()> {
        let mut parts = bytes.chunks(size.max(1));
        let first = parts.next().unwrap_or_default();
        for part in std::iter::once(first).chain(parts) {
            match to {
                Some(to) => socket.try_send_to(part, to)?,
                None => socket.try_send(part)?,
            };
        }
        Ok(())
    }
}

#[cfg(not(target_os = "linux"))]
pub use elsewhere::{enable_gro, receive, send};
#[cfg(target_os = "linux")]
pub use linux::{enable_gro, receive, send};

/// Whether more than one datagram may leave in one call here.
pub const SENDS_MANY: bool = cfg!(target_os = "linux");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_of_one_size_leaves_together_and_one_shorter_with_it() {
        assert_eq!(count_sendable_together(&[]), 0);
        assert_eq!(count_sendable_together(&[5]), 1);
        assert_eq!(count_sendable_together(&[5, 5, 5]), 3);
        assert_eq!(count_sendable_together(&[5, 5, 3, 5]), 3);
        assert_eq!(count_sendable_together(&[5, 6]), 1);
        assert_eq!(
            count_sendable_together(&[5, 5, 0]),
            2,
            "an empty one leaves alone"
        );
        assert_eq!(count_sendable_together(&[0, 0]), 1);
        assert_eq!(count_sendable_together(&[1; 100]), MAX_SEGMENTS);
        assert_eq!(count_sendable_together(&[30_000; 4]), 2);
        assert_eq!(count_sendable_together(&[65_507, 65_507]), 1);
    }

    #[test]
    fn a_burst_is_cut_as_it_was_sent() {
        let from = SocketAddr::from(([127, 0, 0, 1], 5000));
        let cut = |bytes: &'static [u8], size| -> Vec<Bytes> {
            let burst = Burst::new(from, Ancillary::default(), Bytes::from_static(bytes), size);
            burst.datagrams().collect()
        };
        assert_eq!(cut(b"aabbc", 2), ["aa", "bb", "c"]);
        assert_eq!(cut(b"aabb", 2), ["aa", "bb"]);
        assert_eq!(cut(b"whole", 5), ["whole"]);
        assert_eq!(cut(b"", 0), [""], "an empty datagram is a datagram");
    }

    #[tokio::test]
    async fn many_sent_in_one_call_are_datagrams_to_others_and_a_burst_to_who_hears_bursts() {
        let plain = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        let hearing = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        enable_gro(&hearing);
        for receiver in [&plain, &hearing] {
            let to = receiver.local_addr().expect("bound");
            let sender = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
            sender.writable().await.expect("room");
            send(&sender, Some(to), b"onetwoten!", 3).expect("sent");
            let mut heard = Vec::new();
            while heard.len() < 4 {
                receiver.readable().await.expect("something");
                let burst = receive(receiver).expect("a burst");
                assert_eq!(burst.from, sender.local_addr().expect("bound"));
                heard.extend(burst.datagrams());
            }
            assert_eq!(heard, ["one", "two", "ten", "!"]);
        }
    }
}
