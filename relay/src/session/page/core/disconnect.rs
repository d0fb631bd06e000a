//! Why a page's connection is closed.

use shared::message::{Goodbye, GoodbyeReason};

/// The last message to a page, and the code of the close frame.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct Disconnect {
    pub(in super::super) goodbye: Goodbye,
    pub(in super::super) code: u16,
}

impl Disconnect {
    pub(in super::super) fn new(reason: GoodbyeReason, limit: Option<u64>, message: &str) -> Self {
        Self {
            goodbye: Goodbye {
                reason,
                limit,
                message: message.to_owned(),
            },
            code: reason.close_code(),
        }
    }

    /// The page sends something that is no message of the protocol.
    pub(in super::super) fn not_a_conversation(code: u16, message: &str) -> Self {
        Self {
            code,
            ..Self::new(GoodbyeReason::NotAConversation, None, message)
        }
    }
}
