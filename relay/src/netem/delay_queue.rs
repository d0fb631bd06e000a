//! The queue of the datagrams that wait in one direction, ordered by when they are due; bounded. Pure.

use std::collections::BTreeMap;

use shared::conditions::DatagramId;

/// Maximum number of datagrams that wait in one direction.
pub(super) const MAX_WAITING: usize = 1024;
/// Maximum number of bytes that wait in one direction.
pub(super) const MAX_WAITING_BYTES: usize = 4 << 20;
/// When a held datagram is due.
pub(super) const NEVER: u64 = u64::MAX;

/// A receiver of the direction. Datagrams overtake each other only at the same receiver.
pub(super) type ReceiverId = u64;

/// Datagrams that wait, each for its receiver and its time. Cloning a datagram must be cheap.
#[derive(Debug)]
pub(super) struct DelayQueue<D> {
    /// By number, which is the order of arrival.
    waiting: BTreeMap<DatagramId, Waiting<D>>,
    order: BTreeMap<QueueKey, DatagramId>,
    last_key: u64,
    bytes: usize,
}

/// The receiver, the time a datagram is due, and a serial number that orders equal times.
type QueueKey = (ReceiverId, u64, u64);

#[derive(Debug)]
struct Waiting<D> {
    queued: Queued<D>,
    key: QueueKey,
}

/// A datagram in the queue.
#[derive(Debug)]
pub(super) struct Queued<D> {
    /// The datagram.
    pub(super) datagram: D,
    /// Its length in bytes.
    pub(super) length: usize,
    /// How often it is still to be delivered.
    pub(super) copies: u8,
    /// Whether it was impaired.
    pub(super) touched: bool,
}

/// A datagram that is delivered now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Delivery<D> {
    /// Its number.
    pub(super) number: DatagramId,
    /// The datagram.
    pub(super) datagram: D,
    /// Whether it was impaired.
    pub(super) touched: bool,
}

impl<D: Clone> DelayQueue<D> {
    /// An empty queue.
    pub(super) const fn new() -> Self {
        Self {
            waiting: BTreeMap::new(),
            order: BTreeMap::new(),
            last_key: 0,
            bytes: 0,
        }
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether there is no room for one more datagram of this length.
    pub(super) fn is_full(&self, length: usize) -> bool {
        self.waiting.len() >= MAX_WAITING || self.bytes + length > MAX_WAITING_BYTES
    }

    /// Adds a datagram behind all others of that receiver and time.
    pub(super) fn insert(
        &mut self,
        number: DatagramId,
        receiver: ReceiverId,
        due: u64,
        queued: Queued<D>,
    ) {
        let key = self.next_key(receiver, due);
        self.order.insert(key, number);
        self.bytes += queued.length;
        self.waiting.insert(number, Waiting { queued, key });
    }

    /// Changes when a datagram is due; it goes behind all others of that time.
    pub(super) fn reschedule(&mut self, number: DatagramId, due: u64) {
        let Some(receiver) = self.waiting.get(&number).map(|waiting| waiting.key.0) else {
            return;
        };
        let key = self.next_key(receiver, due);
        if let Some(waiting) = self.waiting.get_mut(&number) {
            self.order.remove(&waiting.key);
            waiting.key = key;
            self.order.insert(key, number);
        }
    }

    const fn next_key(&mut self, receiver: ReceiverId, due: u64) -> QueueKey {
        self.last_key += 1;
        (receiver, due, self.last_key)
    }

    /// Removes a datagram with all its copies.
    pub(super) fn remove(&mut self, number: DatagramId) -> Option<D> {
        let waiting = self.waiting.remove(&number)?;
        self.order.remove(&waiting.key);
        self.bytes -= waiting.queued.length;
        Some(waiting.queued.datagram)
    }

    /// Takes the next copy that is due at this receiver.
    pub(super) fn pop_due(&mut self, receiver: ReceiverId, now: u64) -> Option<Delivery<D>> {
        let (number, _) = self
            .waiting_at(receiver)
            .next()
            .filter(|(_, due)| *due <= now)?;
        let queued = self.get_mut(number)?;
        queued.copies -= 1;
        let is_last = queued.copies == 0;
        let delivery = Delivery {
            number,
            datagram: queued.datagram.clone(),
            touched: queued.touched,
        };
        if is_last {
            self.remove(number);
        }
        Some(delivery)
    }

    /// The datagrams that wait at this receiver, and when each is due, in the order of delivery.
    pub(super) fn waiting_at(
        &self,
        receiver: ReceiverId,
    ) -> impl Iterator<Item = (DatagramId, u64)> {
        let keys = self
            .order
            .range((receiver, 0, 0)..=(receiver, NEVER, u64::MAX));
        keys.map(|((_, due, _), number)| (*number, *due))
    }

    /// The numbers of all datagrams, in the order of arrival.
    pub(super) fn numbers(&self) -> Vec<DatagramId> {
        self.waiting.keys().copied().collect()
    }

    /// When a datagram is due, if it waits.
    pub(super) fn due(&self, number: DatagramId) -> Option<u64> {
        self.waiting.get(&number).map(|waiting| waiting.key.1)
    }

    /// A datagram that waits.
    pub(super) fn get_mut(&mut self, number: DatagramId) -> Option<&mut Queued<D>> {
        self.waiting
            .get_mut(&number)
            .map(|waiting| &mut waiting.queued)
    }
}
