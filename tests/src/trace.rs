//! Reading a trace: which process made which call, and in which order.

use std::collections::HashMap;

use shared::{
    call::Transport,
    lab::{Server, ServerState},
    message::Ask,
    outcome::{Outcome, Returned},
    trace::{CallId, CallName, CallReturned, CallStarted, Event, ProcessId, What},
};

use crate::{calls::ExpectReply, page::Page};

/// The lab's UDP server among its processes.
pub const UDP_SERVER: ProcessId = 1;
/// The lab's TCP server among its processes.
pub const TCP_SERVER: ProcessId = 2;

/// Events in the order in which they arrived.
#[derive(Debug, Default)]
pub struct Trace {
    /// The events.
    pub events: Vec<Event>,
}

impl Trace {
    /// Requests the trace from its beginning, and receives it until `last` is true.
    pub async fn watched(page: &mut Page, last: impl Fn(&Self) -> bool) -> Self {
        page.asks(Ask::Watch {
            from: 0,
            whose: None,
        })
        .await
        .returned();
        page.forgets_events();
        let mut trace = Self::default();
        trace.continues(page, last).await;
        trace
    }

    /// Receives more events until `last` is true.
    pub async fn continues(&mut self, page: &mut Page, last: impl Fn(&Self) -> bool) {
        while !last(self) {
            self.events.push(page.receives_event().await);
        }
    }

    /// The positions at which this call of the process started.
    #[must_use]
    pub fn starts(&self, process: ProcessId, name: CallName) -> Vec<usize> {
        let begins = |event: &Event| {
            started(event).is_some_and(|call| call.process == process && call.name == name)
        };
        self.places(begins)
    }

    /// The positions at which this call of the process returned.
    #[must_use]
    pub fn returns(&self, process: ProcessId, name: CallName) -> Vec<usize> {
        let names: HashMap<CallId, CallName> = self
            .events
            .iter()
            .filter_map(started)
            .map(|call| (call.call, call.name))
            .collect();
        let ends = |event: &Event| {
            returned(event)
                .is_some_and(|call| call.process == process && names.get(&call.call) == Some(&name))
        };
        self.places(ends)
    }

    /// The calls of this name and process that returned.
    #[must_use]
    pub fn results(&self, process: ProcessId, name: CallName) -> Vec<&CallReturned> {
        self.returns(process, name)
            .into_iter()
            .filter_map(|at| returned(&self.events[at]))
            .collect()
    }

    /// The bytes of each call of this name by any process, sent or received.
    #[must_use]
    pub fn data(&self, name: CallName) -> Vec<(CallId, Vec<u8>)> {
        let names: HashMap<CallId, &CallStarted> = self
            .events
            .iter()
            .filter_map(started)
            .map(|call| (call.call, call))
            .collect();
        let about = |call: &CallReturned| {
            let began = names.get(&call.call).filter(|began| began.name == name)?;
            let given = began.arguments.data.as_ref();
            let data = match &call.outcome {
                Outcome::Returned(Returned::Chunk { data } | Returned::Datagram { data, .. }) => {
                    Some(data)
                }
                Outcome::Returned(_) | Outcome::Failed(_) => given,
            };
            Some((call.call, data?.0.clone()))
        };
        let returns = self.events.iter().filter_map(returned);
        returns.filter_map(about).collect()
    }

    /// The states this server went through.
    #[must_use]
    pub fn states(&self, transport: Transport) -> Vec<&ServerState> {
        self.events
            .iter()
            .filter_map(server)
            .filter(|server| server.transport == transport)
            .map(|server| &server.state)
            .collect()
    }

    /// The message with which this server died, if it did.
    #[must_use]
    pub fn death(&self, transport: Transport) -> Option<&str> {
        self.states(transport).into_iter().find_map(why)
    }

    fn places(&self, wanted: impl Fn(&Event) -> bool) -> Vec<usize> {
        let numbered = self.events.iter().enumerate();
        numbered
            .filter(|(_, event)| wanted(event))
            .map(|(at, _)| at)
            .collect()
    }
}

/// The call that this event starts, if any.
#[must_use]
pub fn started(event: &Event) -> Option<&CallStarted> {
    if let What::CallStarted(call) = &event.what {
        Some(call)
    } else {
        None
    }
}

/// The call that this event ends, if any.
#[must_use]
pub fn returned(event: &Event) -> Option<&CallReturned> {
    if let What::CallReturned(call) = &event.what {
        Some(call)
    } else {
        None
    }
}

fn why(state: &ServerState) -> Option<&str> {
    if let ServerState::Dead { why } = state {
        Some(why)
    } else {
        None
    }
}

fn server(event: &Event) -> Option<&Server> {
    if let What::Server(server) = &event.what {
        Some(server)
    } else {
        None
    }
}
