//! The filter of runs: the page's own only, or those of all clients of the servers.

use std::net::SocketAddr;

use shared::trace::ProcessId;

use crate::{
    WHOLE,
    i18n::Texts,
    model::{
        Model,
        panes::class::MemberName,
        trace::log::{Run, RunKind, Side},
    },
};

impl Model {
    /// The runs that pass the filter; notes about the lab always do.
    pub(crate) fn runs_in_view(&self) -> impl DoubleEndedIterator<Item = &Run> {
        let runs = self.log.runs().iter();
        runs.filter(|run| !self.only_mine || !run.is_foreign())
    }

    /// The run the ladder shows: the one looked at, else the last.
    pub(crate) fn shown_run(&self) -> Option<&Run> {
        let packet = self.inspector.selected;
        let of_packet = packet.and_then(|seq| self.log.run_with(seq));
        let of_call = || self.selected.and_then(|call| self.log.run_of(call));
        let at_hand = || self.workbench.last_call().filter(|_| self.workbench.open);
        let of_bench = || at_hand().and_then(|call| self.log.run_of(call));
        let selected = of_packet.or_else(of_call).or_else(of_bench);
        let is_last = |run: &&Run| run.is_talk() && (!WHOLE || self.is_shown_run(run));
        selected.or_else(|| self.runs_in_view().rev().find(is_last))
    }

    /// One's own runs alone, or everybody's.
    pub(in crate::model) const fn show_only_mine(&mut self, only: bool) {
        self.only_mine = only;
        self.log.touch();
    }

    /// Whether anybody else was seen.
    pub(crate) fn is_in_company(&self) -> bool {
        self.log.runs().iter().any(Run::is_foreign)
    }

    /// What a client is called in the class: the same wherever it is seen.
    pub(crate) fn name_of(&self, process: ProcessId, texts: &Texts) -> Option<String> {
        Some(match self.classroom.member_name(process)? {
            MemberName::Name(name) => name.to_owned(),
            MemberName::Teacher => texts.get("class.the_teacher").to_owned(),
            MemberName::Number(number) => texts.fill("class.number", &[("n", &number.to_string())]),
        })
    }

    /// The client's name, for the heading of its column.
    pub(crate) fn client_of(&self, run: &Run, texts: &Texts) -> String {
        let address = self.client_address(run).map(|address| address.to_string());
        let address = address.unwrap_or_default();
        match &run.kind {
            RunKind::Stranger(_, from) => {
                texts.fill("wire.terminal", &[("address", &from.to_string())])
            }
            RunKind::Page(_, process) => {
                let name = self.name_of(*process, texts);
                let n = process.to_string();
                match &name {
                    Some(name) => [name, " ", &address].concat(),
                    None => texts.fill("wire.page", &[("n", &n), ("address", &address)]),
                }
            }
            RunKind::Own(..)
            | RunKind::ServerStart(_)
            | RunKind::Server(_)
            | RunKind::Conditions(_)
            | RunKind::Gap(_)
            | RunKind::CaptureLost(_) => address,
        }
    }

    /// A client's address as others see it: bound to no address in particular, it sends from the one the kernel
    /// takes for that.
    pub(crate) fn seen_as(&self, local: SocketAddr) -> SocketAddr {
        let lab = self.welcome.as_ref().map(|welcome| &welcome.lab);
        let host = lab.map(|lab| lab.client_source.unwrap_or(lab.client_host));
        match host.filter(|_| local.ip().is_unspecified()) {
            Some(host) => SocketAddr::new(host, local.port()),
            None => local,
        }
    }

    /// The server's address, for the head of its column.
    pub(crate) fn server_of(&self, run: &Run) -> String {
        let transport = run.transport().unwrap_or(self.transport());
        let server = self.servers.get(transport);
        server
            .map(|server| server.address.to_string())
            .unwrap_or_default()
    }

    /// The client's address, as the last call that knows tells it.
    fn client_address(&self, run: &Run) -> Option<SocketAddr> {
        let ends = run
            .calls
            .iter()
            .filter_map(|call| Some((call.side, call.end.as_ref()?)));
        let mut addresses = ends.filter_map(|(side, end)| match side {
            Side::Client => end.local,
            Side::Server => end.peer,
        });
        addresses.next_back().map(|address| self.seen_as(address))
    }
}

impl Run {
    /// Whether somebody else than this page talks in it.
    pub(crate) const fn is_foreign(&self) -> bool {
        matches!(self.kind, RunKind::Stranger(..) | RunKind::Page(..))
    }
}
