//! The replies of a session: said in order, and kept for a while in case they were not heard. Pure.

use std::collections::VecDeque;

use tokio_tungstenite::tungstenite::Utf8Bytes;

/// Numbered from 1 in the order in which they are made.
#[derive(Debug)]
pub(super) struct Replies {
    kept: VecDeque<Utf8Bytes>,
    /// The number of the oldest one kept.
    first: u64,
    /// So many of the kept ones were said.
    said: usize,
    said_bytes: usize,
    unsaid_bytes: usize,
    most_bytes: usize,
}

/// So few replies were ever made, or so few of those said are kept, that the next_takeover ones cannot be repeated.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CannotRepeat {
    /// Only so many were made.
    NeverMade(u64),
    /// The oldest next_takeover ones are no longer kept.
    Forgotten,
}

impl Replies {
    /// Of those that were said about `most_bytes` bytes are kept; with 0 none is.
    pub(super) const fn new(most_bytes: usize) -> Self {
        Self {
            kept: VecDeque::new(),
            first: 1,
            said: 0,
            said_bytes: 0,
            unsaid_bytes: 0,
            most_bytes,
        }
    }

    /// One is made.
    pub(super) fn push(&mut self, reply: Utf8Bytes) {
        self.unsaid_bytes += reply.len();
        self.kept.push_back(reply);
    }

    /// The next one to say. The oldest that were said make room.
    pub(super) fn next(&mut self) -> Option<Utf8Bytes> {
        if self.most_bytes == 0 {
            let reply = self.kept.pop_front()?;
            self.unsaid_bytes -= reply.len();
            self.first += 1;
            return Some(reply);
        }
        let reply = self.kept.get(self.said)?.clone();
        self.said += 1;
        self.unsaid_bytes -= reply.len();
        self.said_bytes += reply.len();
        while self.said_bytes > self.most_bytes
            && let Some(oldest) = self.kept.pop_front()
        {
            self.said_bytes -= oldest.len();
            self.said -= 1;
            self.first += 1;
        }
        Some(reply)
    }

    /// Bytes of those not said yet.
    pub(super) const fn unsaid_bytes(&self) -> usize {
        self.unsaid_bytes
    }

    /// From now on those after the first `heard` are said, whether they were said before or not.
    pub(super) fn repeat_after(&mut self, heard: u64) -> Result<(), CannotRepeat> {
        let made = self.first - 1 + self.kept.len() as u64;
        if heard > made {
            return Err(CannotRepeat::NeverMade(made));
        }
        let place = (heard + 1).checked_sub(self.first);
        let place = place.and_then(|place| usize::try_from(place).ok());
        self.said = place.ok_or(CannotRepeat::Forgotten)?;
        let bytes = |replies: &mut dyn Iterator<Item = &Utf8Bytes>| replies.map(|r| r.len()).sum();
        self.said_bytes = bytes(&mut self.kept.iter().take(self.said));
        self.unsaid_bytes = bytes(&mut self.kept.iter().skip(self.said));
        Ok(())
    }

    /// None of those made so far is said any more, and the next one has number 1.
    pub(super) fn begin_anew(&mut self) {
        *self = Self::new(self.most_bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replies(most_bytes: usize, made: &[&'static str]) -> Replies {
        let mut replies = Replies::new(most_bytes);
        for reply in made {
            replies.push(Utf8Bytes::from_static(reply));
        }
        replies
    }

    fn said(replies: &mut Replies) -> Vec<String> {
        std::iter::from_fn(|| replies.next())
            .map(|reply| reply.as_str().to_owned())
            .collect()
    }

    #[test]
    fn each_is_said_once_in_order() {
        let mut replies = replies(100, &["a", "b"]);
        assert_eq!(said(&mut replies), ["a", "b"]);
        assert_eq!(replies.next(), None);
        replies.push(Utf8Bytes::from_static("c"));
        assert_eq!(replies.unsaid_bytes(), 1);
        assert_eq!(said(&mut replies), ["c"]);
        assert_eq!(replies.unsaid_bytes(), 0);
    }

    #[test]
    fn what_was_not_heard_is_said_again() {
        let mut replies = replies(100, &["a", "b", "c"]);
        let _two = (replies.next(), replies.next());
        assert_eq!(replies.repeat_after(1), Ok(()));
        assert_eq!(said(&mut replies), ["b", "c"]);
        assert_eq!(replies.repeat_after(3), Ok(()));
        assert_eq!(said(&mut replies), [""; 0]);
        assert_eq!(replies.repeat_after(0), Ok(()));
        assert_eq!(said(&mut replies), ["a", "b", "c"]);
    }

    #[test]
    fn what_cannot_be_repeated_is_told() {
        let mut replies = replies(4, &["aa", "bb", "cc"]);
        assert_eq!(said(&mut replies), ["aa", "bb", "cc"]);
        assert_eq!(replies.repeat_after(4), Err(CannotRepeat::NeverMade(3)));
        assert_eq!(
            replies.repeat_after(u64::MAX),
            Err(CannotRepeat::NeverMade(3))
        );
        assert_eq!(replies.repeat_after(0), Err(CannotRepeat::Forgotten));
        assert_eq!(replies.repeat_after(1), Ok(()));
        assert_eq!(said(&mut replies), ["bb", "cc"]);
    }

    #[test]
    fn what_was_not_said_yet_is_never_forgotten() {
        let mut replies = replies(1, &["aa", "bb"]);
        assert_eq!(replies.repeat_after(0), Ok(()));
        assert_eq!(said(&mut replies), ["aa", "bb"]);
        assert_eq!(replies.repeat_after(2), Ok(()));
    }

    #[test]
    fn where_none_is_kept_each_is_gone_once_it_is_said() {
        let mut replies = replies(0, &["a", "b"]);
        assert_eq!(said(&mut replies), ["a", "b"]);
        assert!(replies.kept.is_empty());
    }

    #[test]
    fn beginning_anew_forgets_and_counts_from_one() {
        let mut replies = replies(100, &["a", "b"]);
        replies.begin_anew();
        assert_eq!(replies.next(), None);
        replies.push(Utf8Bytes::from_static("c"));
        assert_eq!(replies.repeat_after(0), Ok(()));
        assert_eq!(said(&mut replies), ["c"]);
    }
}
