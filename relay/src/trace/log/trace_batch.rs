//! Batches: the messages of [`shared::codec::join_events`], and those that several viewers read. Pure.

use std::{collections::VecDeque, rc::Rc};

use bytes::Bytes;
use shared::{
    codec::{join_events, joined_bytes},
    message::{Gap, MAX_BATCH_BYTES},
};

use super::{LogChunk, RecordedEvent};

/// The number of batches kept for viewers that have not read them yet: one megabyte at most.
const MAX_RECENT_BATCHES: usize = 16;

/// The next events that a viewer sees, as one message.
#[derive(Clone, Debug)]
pub struct TraceBatch {
    /// The numbers that were asked for and are no longer kept.
    pub gap: Option<Gap>,
    /// The protocol's message, JSON in UTF-8; `None` without events. Viewers who see the same share its bytes.
    pub message: Option<Bytes>,
    /// The number from which to read next.
    pub next: u64,
}

impl TraceBatch {
    /// Joins as many events of a chunk as one message may have, at least one.
    pub(super) fn new(chunk: &LogChunk) -> Self {
        let mut texts = Vec::with_capacity(chunk.events.len());
        let mut bytes = 0;
        for event in &chunk.events {
            let text = event.event_json();
            bytes += text.len();
            if !texts.is_empty() && joined_bytes(texts.len() + 1, bytes) > MAX_BATCH_BYTES {
                break;
            }
            texts.push(text);
        }
        let rest = chunk.events.get(texts.len());
        Self {
            gap: chunk.gap,
            message: (!texts.is_empty()).then(|| join_events(&texts).into()),
            next: rest.map_or(chunk.next, |event: &Rc<RecordedEvent>| event.event.seq),
        }
    }
}

/// The latest batches of viewers that see all events, by their first number. Viewers that are a little behind read the
/// same batches as the others, so that their places stay the same.
#[derive(Debug, Default)]
pub(super) struct RecentBatches(VecDeque<(u64, TraceBatch)>);

impl RecentBatches {
    /// The batch from this number on, if it is kept.
    pub(super) fn get(&self, from: u64) -> Option<TraceBatch> {
        let mut known = self.0.iter().rev();
        let (_, batch) = known.find(|(first, _)| *first == from)?;
        Some(batch.clone())
    }

    /// Keeps a batch that has events and no gap.
    pub(super) fn insert(&mut self, from: u64, batch: &TraceBatch) {
        if batch.message.is_none() || batch.gap.is_some() {
            return;
        }
        if self.0.len() == MAX_RECENT_BATCHES {
            self.0.pop_front();
        }
        self.0.push_back((from, batch.clone()));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shared::{
        call::Transport,
        codec::decode_server,
        data::Data,
        message::ServerMessage,
        trace::{Arguments, CallName, CallStarted, Event, ProcessId, What},
    };

    use super::{
        super::{Log, Visibility},
        *,
    };

    fn call(process: ProcessId, bytes: usize) -> What {
        What::CallStarted(Box::new(CallStarted {
            call: 1,
            process,
            fd: None,
            transport: Transport::Udp,
            name: CallName::Send,
            arguments: Arguments {
                data: Some(Data::from(&*"a".repeat(bytes))),
                ..Arguments::default()
            },
            request: None,
        }))
    }

    fn log_of(events: &[(ProcessId, usize)], max_bytes: u64) -> Log {
        let mut log = Log::new(max_bytes);
        for (process, bytes) in events {
            log.append((0, 0), call(*process, *bytes), Some(*process));
        }
        log
    }

    /// Reads to the end, event by event as a viewer of v1 does.
    fn read_singles(log: &mut Log, from: u64, sight: Visibility) -> (Vec<Gap>, Vec<Event>) {
        let chunk = log.read(from, sight, usize::MAX);
        let events = chunk.events.iter().map(|recorded| {
            let message = recorded.message();
            let text = std::str::from_utf8(&message).expect("UTF-8");
            match decode_server(text) {
                Ok(ServerMessage::Trace(event)) => event,
                other => panic!("{other:?}"),
            }
        });
        (chunk.gap.into_iter().collect(), events.collect())
    }

    /// Reads to the end, batch by batch as a viewer of v2 does.
    fn read_batches(
        log: &mut Log,
        mut from: u64,
        sight: Visibility,
    ) -> (Vec<Gap>, Vec<Vec<Event>>, Vec<Bytes>) {
        let (mut gaps, mut batches, mut messages) = (Vec::new(), Vec::new(), Vec::new());
        while from < log.range().1 {
            let batch = log.read_batch(from, sight, true);
            gaps.extend(batch.gap);
            if let Some(message) = batch.message {
                let text = std::str::from_utf8(&message).expect("UTF-8");
                match decode_server(text) {
                    Ok(ServerMessage::Traces(events)) => batches.push(events),
                    other => panic!("{other:?}"),
                }
                messages.push(message);
            }
            assert!(batch.next > from, "reading goes on");
            from = batch.next;
        }
        (gaps, batches, messages)
    }

    #[test]
    fn viewers_at_the_same_place_share_the_bytes() {
        let mut log = log_of(&[(3, 10); 2_000], u64::MAX);
        let (_, _, first) = read_batches(&mut log, 1, Visibility::All);
        assert!(first.len() > 1);
        log.append((0, 0), call(3, 10), Some(3));
        let (_, _, second) = read_batches(&mut log, 1, Visibility::All);
        for (one, other) in first.iter().zip(&second) {
            assert_eq!(one.as_ptr(), other.as_ptr());
        }
    }

    #[test]
    fn a_viewer_of_its_own_events_gets_no_shared_batch() {
        let mut log = log_of(&[(3, 10), (4, 10)], u64::MAX);
        assert_eq!(
            read_batches(&mut log, 1, Visibility::All).1.concat().len(),
            2
        );
        let (_, own, _) = read_batches(&mut log, 1, Visibility::own(4));
        assert_eq!(own.concat().len(), 1);
    }

    #[test]
    fn the_number_of_kept_batches_is_bounded() {
        let mut recent = RecentBatches::default();
        let batch = TraceBatch {
            gap: None,
            message: Some(Bytes::from_static(b"{}")),
            next: 2,
        };
        for from in 0..100 {
            recent.insert(from, &batch);
        }
        assert_eq!(recent.0.len(), MAX_RECENT_BATCHES);
        assert!(recent.get(99).is_some() && recent.get(0).is_none());
    }

    proptest! {
        #[test]
        fn viewers_of_both_protocols_see_the_same(
            events in proptest::collection::vec((2_u32..5, prop_oneof![0_usize..200, 0_usize..80_000]), 1..80),
            from in 0_u64..100,
            max_bytes in prop_oneof![Just(u64::MAX), 1_000_u64..200_000],
            sees_all: bool,
        ) {
            let sight = if sees_all { Visibility::All } else { Visibility::own(3) };
            let mut log = log_of(&events, max_bytes);
            let singles = read_singles(&mut log, from, sight);
            let (gaps, batches, messages) = read_batches(&mut log, from, sight);
            for (batch, message) in batches.iter().zip(&messages) {
                prop_assert!(batch.len() == 1 || message.len() <= MAX_BATCH_BYTES);
            }
            if from < log.range().1 {
                prop_assert_eq!(singles, (gaps, batches.concat()));
            }
        }
    }
}
