//! What filters and rows ask of calls and processes: only names, for as long as packets may still belong to them.

use std::collections::{BTreeMap, VecDeque};

use shared::{
    conditions::{Direction, Fate},
    outcome::Outcome,
    trace::{CallId, CallName, Event, ProcessId, Role, What},
};

use super::record::Record;
use crate::model::trace::{log::Side, outcome_fields};

/// So many calls are remembered until their packets have come.
const MAX_CALLS: usize = 4_096;
/// So many failures and processes are remembered.
const MAX_ENTRIES: usize = 4_096;

/// What outcome of a call, in numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallSummary {
    /// Whether it did not return at once.
    pub(crate) blocked: bool,
    /// The bytes it sent or received.
    pub(crate) len: Option<u64>,
    /// Whether it cut a datagram off.
    pub(crate) truncated: Option<bool>,
}

/// Calls and processes by name.
#[derive(Debug, Default)]
pub(crate) struct ProcessNames {
    started: VecDeque<(CallId, CallName)>,
    errnos: BTreeMap<CallId, Box<str>>,
    returns: BTreeMap<CallId, CallSummary>,
    fates: BTreeMap<CallId, (Fate, Direction)>,
    roles: BTreeMap<ProcessId, Role>,
}

impl ProcessNames {
    /// Takes in what an event tells of them.
    pub(crate) fn handle_event(&mut self, event: &Event) {
        match &event.what {
            What::Process(process) => {
                self.roles.insert(process.process, process.role);
                drop_oldest(&mut self.roles);
            }
            What::CallStarted(started) => {
                self.started.push_back((started.call, started.name));
                if self.started.len() > MAX_CALLS {
                    self.started.pop_front();
                }
            }
            What::CallReturned(returned) => {
                let what = CallSummary {
                    blocked: outcome_fields::is_long(returned.took_ns),
                    len: outcome_fields::len(&returned.outcome),
                    truncated: outcome_fields::truncated(&returned.outcome),
                };
                self.returns.insert(returned.call, what);
                drop_oldest(&mut self.returns);
                if let Outcome::Failed(failed) = &returned.outcome {
                    self.errnos
                        .insert(returned.call, failed.errno.as_str().into());
                    drop_oldest(&mut self.errnos);
                }
            }
            What::Edge(edge) => {
                if let Some(call) = edge.call {
                    self.fates.insert(call, (edge.fate, edge.direction));
                    drop_oldest(&mut self.fates);
                }
            }
            What::ProcessEnded { .. }
            | What::Packet(_)
            | What::Derived(_)
            | What::Facts(_)
            | What::Sockets(_)
            | What::Conditions(_)
            | What::Server(_)
            | What::CaptureLost { .. } => {}
        }
    }

    /// The name of a call that has started lately.
    pub(crate) fn name(&self, call: CallId) -> Option<CallName> {
        // Numbers are given as calls start, but two may be told in another order.
        self.started
            .iter()
            .rev()
            .find(|(known, _)| *known == call)
            .map(|(_, name)| *name)
    }

    /// The errno a call failed with.
    pub(crate) fn errno(&self, call: CallId) -> Option<&str> {
        self.errnos.get(&call).map(|errno| &**errno)
    }

    /// What outcome of a call.
    pub(crate) fn outcome(&self, call: CallId) -> Option<CallSummary> {
        self.returns.get(&call).copied()
    }

    /// What became of the datagram it sent.
    pub(crate) fn fate(&self, call: CallId) -> Option<(Fate, Direction)> {
        self.fates.get(&call).copied()
    }

    /// What kind of process has sent a packet.
    pub(crate) fn sender(&self, record: &Record) -> Option<&'static str> {
        if record.side == Some(Side::Server) {
            return Some(role_name(Role::Server));
        }
        self.role(record.process?)
    }

    /// What kind of process this is.
    pub(crate) fn role(&self, process: ProcessId) -> Option<&'static str> {
        self.roles.get(&process).map(|role| role_name(*role))
    }
}

fn drop_oldest<K: Ord, V>(map: &mut BTreeMap<K, V>) {
    while map.len() > MAX_ENTRIES {
        map.pop_first();
    }
}

/// As filters name it.
const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Page => "page",
        Role::Bridge => "bridge",
        Role::Terminal => "terminal",
        Role::Server => "server",
    }
}
