//! The stored packets. The oldest are dropped and counted when there are too many.

use std::collections::VecDeque;

use super::record::Record;

/// Maximum number of stored packets.
pub(crate) const MAX_PACKETS: usize = 200_000;
/// Maximum memory of the stored packets, in bytes.
pub(crate) const MAX_PACKET_BYTES: usize = 64 << 20;

/// The stored packets, numbered from 1 in the order of their arrival.
#[derive(Debug, Default)]
pub(crate) struct Store {
    records: VecDeque<Record>,
    /// The number of dropped packets.
    dropped: u64,
    weight: usize,
    began_ns: Option<u64>,
}

impl Store {
    /// Adds a packet.
    pub(crate) fn push(&mut self, record: Record) {
        self.began_ns.get_or_insert(record.at_ns);
        self.weight += record.weight();
        self.records.push_back(record);
        while self.records.len() > MAX_PACKETS || self.weight > MAX_PACKET_BYTES {
            let Some(oldest) = self.records.pop_front() else {
                return;
            };
            self.weight -= oldest.weight();
            self.dropped += 1;
        }
    }

    /// The number of stored packets.
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// The number of dropped packets.
    pub(crate) const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The number of the first stored packet.
    pub(crate) const fn first(&self) -> u64 {
        self.dropped + 1
    }

    /// The number of the next packet.
    pub(crate) fn next(&self) -> u64 {
        self.first() + self.records.len() as u64
    }

    /// The packet of this number.
    pub(crate) fn get(&self, number: u64) -> Option<&Record> {
        let at = number.checked_sub(self.first())?;
        self.records.get(usize::try_from(at).ok()?)
    }

    /// The packets from this number on, with their numbers.
    pub(crate) fn from(&self, number: u64) -> impl Iterator<Item = (u64, &Record)> {
        let skipped = usize::try_from(number.saturating_sub(self.first())).unwrap_or(usize::MAX);
        let start = skipped.min(self.records.len());
        (self.first() + start as u64..).zip(self.records.range(start..))
    }

    /// The number of the packet with this event.
    pub(crate) fn number_of(&self, seq: u64) -> Option<u64> {
        let at = self.records.partition_point(|record| record.seq < seq);
        let found = self.records.get(at).filter(|record| record.seq == seq);
        found.map(|_| self.first() + at as u64)
    }

    /// The time of the very first packet on the lab's clock, in nanoseconds.
    pub(crate) fn began_ns(&self) -> u64 {
        self.began_ns.unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use shared::{call::Transport, trace::DerivedKind};

    use super::*;
    use crate::model::panes::inspector::record::{Inferred, PacketData};

    fn record(seq: u64, payload: usize) -> Record {
        let [from, to] =
            ["127.0.0.1:49152", "127.0.0.1:12000"].map(|end| end.parse().expect("an address"));
        let inferred = Inferred {
            kind: DerivedKind::Datagram,
            transport: Transport::Udp,
            from,
            to,
            length: payload as u64,
            payload: vec![0; payload].into(),
        };
        let (process, call, name, side) = (None, None, None, None);
        Record {
            seq,
            at_ns: seq * 10,
            process,
            call,
            name,
            side,
            conversation_hash: 0,
            data: PacketData::Inferred(inferred),
        }
    }

    #[test]
    fn the_oldest_make_room_for_number() {
        let mut store = Store::default();
        for seq in 0..MAX_PACKETS as u64 + 3 {
            store.push(record(seq * 2, 1));
        }
        assert_eq!(
            (store.len(), store.dropped(), store.first()),
            (MAX_PACKETS, 3, 4)
        );
        assert_eq!(store.get(3).map(|record| record.seq), None);
        assert_eq!(store.get(4).map(|record| record.seq), Some(6));
        assert_eq!(store.get(store.next()).map(|record| record.seq), None);
        assert_eq!(
            (store.number_of(6), store.number_of(7), store.number_of(4)),
            (Some(4), None, None)
        );
        assert_eq!(store.from(0).next().map(|(number, _)| number), Some(4));
        assert_eq!(store.from(store.next() - 2).count(), 2);
        assert_eq!(store.began_ns(), 0);
    }

    #[test]
    fn the_oldest_make_room_for_bytes() {
        let mut store = Store::default();
        for seq in 0..3_000 {
            store.push(record(seq, 65_000));
        }
        let held: usize = store.from(0).map(|(_, record)| record.weight()).sum();
        assert!(held <= MAX_PACKET_BYTES && held > MAX_PACKET_BYTES - 70_000);
        assert_eq!(store.dropped() + store.len() as u64, 3_000);
    }
}
