//! The names of processes, and the names and results of calls, that filters and rows need. Old ones are dropped.

use std::collections::{BTreeMap, VecDeque};

use shared::{
    conditions::{Direction, Fate},
    outcome::Outcome,
    trace::{CallId, CallName, Event, ProcessId, Role, What},
};

use super::record::Record;
use crate::model::trace::{log::Side, outcome_fields};

/// Maximum number of calls whose names are kept.
const MAX_CALLS: usize = 4_096;
/// Maximum number of entries in each map.
const MAX_ENTRIES: usize = 4_096;

/// The result of a call, as far as filters need it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallSummary {
    /// Whether it blocked.
    pub(crate) blocked: bool,
    /// The bytes it sent or received.
    pub(crate) len: Option<u64>,
    /// Whether its datagram was truncated.
    pub(crate) truncated: Option<bool>,
}

/// The latest calls and processes.
#[derive(Debug, Default)]
pub(crate) struct ProcessNames {
    started: VecDeque<(CallId, CallName)>,
    errnos: BTreeMap<CallId, Box<str>>,
    returns: BTreeMap<CallId, CallSummary>,
    fates: BTreeMap<CallId, (Fate, Direction)>,
    roles: BTreeMap<ProcessId, Role>,
}

impl ProcessNames {
    /// Takes what it needs from an event.
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

    /// The name of a recent call.
    pub(crate) fn name(&self, call: CallId) -> Option<CallName> {
        // Calls are numbered as they start, but two may be reported in another order.
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

    /// The result of a call.
    pub(crate) fn outcome(&self, call: CallId) -> Option<CallSummary> {
        self.returns.get(&call).copied()
    }

    /// The fate of the datagram it sent.
    pub(crate) fn fate(&self, call: CallId) -> Option<(Fate, Direction)> {
        self.fates.get(&call).copied()
    }

    /// The role of the process that sent a packet.
    pub(crate) fn sender(&self, record: &Record) -> Option<&'static str> {
        if record.side == Some(Side::Server) {
            return Some(role_name(Role::Server));
        }
        self.role(record.process?)
    }

    /// The role of a process.
    pub(crate) fn role(&self, process: ProcessId) -> Option<&'static str> {
        self.roles.get(&process).map(|role| role_name(*role))
    }
}

fn drop_oldest<K: Ord, V>(map: &mut BTreeMap<K, V>) {
    while map.len() > MAX_ENTRIES {
        map.pop_first();
    }
}

/// The role's name in filters.
const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Page => "page",
        Role::Bridge => "bridge",
        Role::Terminal => "terminal",
        Role::Server => "server",
    }
}
