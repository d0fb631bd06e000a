//! Whose runs one looks at: one's own, or those of everybody who talks to the servers.

use std::net::SocketAddr;

use super::{
    Model,
    log::{Kind, Run, Side},
};
use crate::i18n::Texts;

impl Model {
    /// The runs one wants to see; what is said of the lab itself is always among them.
    pub(crate) fn runs_in_view(&self) -> impl DoubleEndedIterator<Item = &Run> {
        let runs = self.log.runs().iter();
        runs.filter(|run| !self.only_mine || !run.is_foreign())
    }

    /// One's own runs alone, or everybody's.
    pub(super) const fn see_only_mine(&mut self, only: bool) {
        self.only_mine = only;
        self.log.touch();
    }

    /// Whether anybody else was seen.
    pub(crate) fn is_in_company(&self) -> bool {
        self.log.runs().iter().any(Run::is_foreign)
    }

    /// Who the client of a run is, as its column is headed.
    pub(crate) fn client_of(&self, run: &Run, texts: &Texts) -> String {
        let address = self.client_address(run).map(|address| address.to_string());
        let address = address.unwrap_or_default();
        match &run.kind {
            Kind::Stranger(_, from) => {
                texts.fill("wire.terminal", &[("address", &from.to_string())])
            }
            Kind::Page(_, process) => texts.fill(
                "wire.page",
                &[("n", &process.to_string()), ("address", &address)],
            ),
            Kind::Own(..)
            | Kind::ServerStart(_)
            | Kind::Server(_)
            | Kind::Conditions(_)
            | Kind::Gap(_)
            | Kind::CaptureLost(_) => address,
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
        matches!(self.kind, Kind::Stranger(..) | Kind::Page(..))
    }
}
