//! A session's replies: sent in order, and kept for a page that resumes without having received them. Pure.

use std::collections::VecDeque;

use tokio_tungstenite::tungstenite::Utf8Bytes;

/// The replies, numbered from 1 in the order in which they are made.
#[derive(Debug)]
pub(super) struct Replies {
    kept: VecDeque<Utf8Bytes>,
    /// The number of the oldest one kept.
    first: u64,
    /// How many of the kept ones are sent.
    sent: usize,
    sent_bytes: usize,
    unsent_bytes: usize,
    max_sent_bytes: usize,
}

/// Why replies cannot be repeated.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CannotRepeat {
    /// Only this many were made.
    NeverMade(u64),
    /// The oldest of them are no longer kept.
    Forgotten,
}

impl Replies {
    /// Of the sent replies, up to `max_sent_bytes` bytes are kept.
    pub(super) const fn new(max_sent_bytes: usize) -> Self {
        Self {
            kept: VecDeque::new(),
            first: 1,
            sent: 0,
            sent_bytes: 0,
            unsent_bytes: 0,
            max_sent_bytes,
        }
    }

    pub(super) fn push(&mut self, reply: Utf8Bytes) {
        self.unsent_bytes += reply.len();
        self.kept.push_back(reply);
    }

    /// The next reply to send. The oldest sent ones make room.
    pub(super) fn next(&mut self) -> Option<Utf8Bytes> {
        if self.max_sent_bytes == 0 {
            let reply = self.kept.pop_front()?;
            self.unsent_bytes -= reply.len();
            self.first += 1;
            return Some(reply);
        }
        let reply = self.kept.get(self.sent)?.clone();
        self.sent += 1;
        self.unsent_bytes -= reply.len();
        self.sent_bytes += reply.len();
        while self.sent_bytes > self.max_sent_bytes
            && let Some(oldest) = self.kept.pop_front()
        {
            self.sent_bytes -= oldest.len();
            self.sent -= 1;
            self.first += 1;
        }
        Some(reply)
    }

    /// The bytes of those that are not sent.
    pub(super) const fn unsent_bytes(&self) -> usize {
        self.unsent_bytes
    }

    /// Sends those after the first `received` next, whether they were sent before or not.
    pub(super) fn repeat_after(&mut self, received: u64) -> Result<(), CannotRepeat> {
        let made = self.first - 1 + self.kept.len() as u64;
        if received > made {
            return Err(CannotRepeat::NeverMade(made));
        }
        let place = (received + 1).checked_sub(self.first);
        let place = place.and_then(|place| usize::try_from(place).ok());
        self.sent = place.ok_or(CannotRepeat::Forgotten)?;
        let bytes = |replies: &mut dyn Iterator<Item = &Utf8Bytes>| replies.map(|r| r.len()).sum();
        self.sent_bytes = bytes(&mut self.kept.iter().take(self.sent));
        self.unsent_bytes = bytes(&mut self.kept.iter().skip(self.sent));
        Ok(())
    }

    /// Forgets all replies. The next one has number 1.
    pub(super) fn reset(&mut self) {
        *self = Self::new(self.max_sent_bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replies(max_sent_bytes: usize, made: &[&'static str]) -> Replies {
        let mut replies = Replies::new(max_sent_bytes);
        for reply in made {
            replies.push(Utf8Bytes::from_static(reply));
        }
        replies
    }

    fn sent(replies: &mut Replies) -> Vec<String> {
        std::iter::from_fn(|| replies.next())
            .map(|reply| reply.as_str().to_owned())
            .collect()
    }

    #[test]
    fn replies_are_sent_once_in_order() {
        let mut replies = replies(100, &["a", "b"]);
        assert_eq!(sent(&mut replies), ["a", "b"]);
        assert_eq!(replies.next(), None);
        replies.push(Utf8Bytes::from_static("c"));
        assert_eq!(replies.unsent_bytes(), 1);
        assert_eq!(sent(&mut replies), ["c"]);
        assert_eq!(replies.unsent_bytes(), 0);
    }

    #[test]
    fn replies_that_were_not_received_are_sent_again() {
        let mut replies = replies(100, &["a", "b", "c"]);
        let _two = (replies.next(), replies.next());
        assert_eq!(replies.repeat_after(1), Ok(()));
        assert_eq!(sent(&mut replies), ["b", "c"]);
        assert_eq!(replies.repeat_after(3), Ok(()));
        assert_eq!(sent(&mut replies), [""; 0]);
        assert_eq!(replies.repeat_after(0), Ok(()));
        assert_eq!(sent(&mut replies), ["a", "b", "c"]);
    }

    #[test]
    fn replies_that_are_not_kept_cannot_be_repeated() {
        let mut replies = replies(4, &["aa", "bb", "cc"]);
        assert_eq!(sent(&mut replies), ["aa", "bb", "cc"]);
        assert_eq!(replies.repeat_after(4), Err(CannotRepeat::NeverMade(3)));
        assert_eq!(
            replies.repeat_after(u64::MAX),
            Err(CannotRepeat::NeverMade(3))
        );
        assert_eq!(replies.repeat_after(0), Err(CannotRepeat::Forgotten));
        assert_eq!(replies.repeat_after(1), Ok(()));
        assert_eq!(sent(&mut replies), ["bb", "cc"]);
    }

    #[test]
    fn unsent_replies_are_always_kept() {
        let mut replies = replies(1, &["aa", "bb"]);
        assert_eq!(replies.repeat_after(0), Ok(()));
        assert_eq!(sent(&mut replies), ["aa", "bb"]);
        assert_eq!(replies.repeat_after(2), Ok(()));
    }

    #[test]
    fn without_room_sent_replies_are_dropped() {
        let mut replies = replies(0, &["a", "b"]);
        assert_eq!(sent(&mut replies), ["a", "b"]);
        assert!(replies.kept.is_empty());
    }

    #[test]
    fn a_reset_forgets_replies_and_counts_from_one() {
        let mut replies = replies(100, &["a", "b"]);
        replies.reset();
        assert_eq!(replies.next(), None);
        replies.push(Utf8Bytes::from_static("c"));
        assert_eq!(replies.repeat_after(0), Ok(()));
        assert_eq!(sent(&mut replies), ["c"]);
    }
}
