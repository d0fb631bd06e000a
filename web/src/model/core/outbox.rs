//! What the page is about to say, with the numbers it says it under.

use shared::{
    call::Call,
    message::{Ask, ClientMessage, Request},
};

/// A run's number on this page.
pub(crate) type RunId = u64;

/// Messages in the order in which they will be sent. Numbers are never used twice, not even after a reconnect.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    last_id: u64,
    messages: Vec<(ClientMessage, Option<RunId>)>,
}

impl Outbox {
    /// Makes a call for a run; its reply will have the id returned here.
    pub(crate) fn call(&mut self, call: Call, run: RunId) -> u64 {
        self.say(Request::Call(call), Some(run))
    }

    /// Makes a call for no run: the trace tells where it belongs.
    pub(crate) fn make(&mut self, call: Call) -> u64 {
        self.say(Request::Call(call), None)
    }

    /// Asks something of the lab.
    pub(crate) fn ask(&mut self, ask: Ask) -> u64 {
        self.say(Request::Ask(ask), None)
    }

    /// A number for what is not said through here.
    pub(crate) const fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Continues after the numbers that an earlier page of this session has used.
    pub(crate) fn number_from(&mut self, id: u64) {
        self.last_id = self.last_id.max(id.saturating_sub(1));
    }

    /// Nothing of it is to be sent any more.
    pub(crate) fn empty(&mut self) {
        self.messages.clear();
    }

    fn say(&mut self, request: Request, run: Option<RunId>) -> u64 {
        self.last_id += 1;
        self.messages.push((
            ClientMessage {
                id: self.last_id,
                request,
            },
            run,
        ));
        self.last_id
    }

    /// Takes all that is to be sent now.
    #[must_use]
    pub(crate) fn take(&mut self) -> Vec<(ClientMessage, Option<RunId>)> {
        std::mem::take(&mut self.messages)
    }
}
