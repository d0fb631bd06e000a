//! What a card has changed in a lab, put back when the card is over or left: the network's conditions and the servers.
//! What somebody else has changed meanwhile stays as it is, and that is told.

use std::collections::VecDeque;

use shared::{
    call::Transport,
    conditions::Conditions,
    lab::{Server, ServerState},
};

use crate::model::{
    Model,
    panes::{network, server},
};

/// What a card has changed, and how it was before.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// The lab where.
    lab: String,
    /// The servers before the card's first action in the lab.
    before: Vec<Server>,
    network: Option<ChangedNetwork>,
    servers: Vec<ChangedServer>,
}

#[derive(Debug)]
struct ChangedNetwork {
    before: Conditions,
    /// What the card has set last.
    set: Conditions,
    /// Somebody has set it by hand since.
    by_hand: bool,
}

/// A server that a card has changed.
#[derive(Debug)]
struct ChangedServer {
    before: Server,
    /// How the card has left it; none while that is under way.
    after: Option<Server>,
    /// Whether the user has changed it by hand since.
    by_hand: bool,
}

/// What is put back, or was changed by somebody else meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RestoredPart {
    /// The network.
    Network,
    /// A server.
    Server(Transport),
}

/// What was put back, to be told.
#[derive(Debug, Default)]
pub(crate) struct Restored {
    /// These are as they were before the card.
    pub(crate) back: Vec<RestoredPart>,
    /// These are as somebody has set them since.
    pub(crate) left: Vec<RestoredPart>,
    /// Servers that are still to be asked for, one after the other.
    servers: VecDeque<(String, Transport, server::ServerCommand)>,
}

impl Restored {
    /// What was told is old news; what is still to be asked for stays.
    pub(super) fn clear_notes(&mut self) {
        self.back.clear();
        self.left.clear();
    }
}

impl Changes {
    /// Of this lab; what was changed in another one is of no use here.
    fn at(&mut self, lab: &str) -> &mut Self {
        if self.lab != lab {
            *self = Self {
                lab: lab.to_owned(),
                ..Self::default()
            };
        }
        self
    }

    const fn is_empty(&self) -> bool {
        self.network.is_none() && self.servers.is_empty()
    }
}

impl Model {
    /// The card is about to set the network's conditions.
    pub(super) fn note_network_change(&mut self, set: Conditions) {
        let before = self.network.conditions;
        let Some(changes) = self.changes() else {
            return;
        };
        let known = changes.network.take();
        let before = known.map_or(before, |known| known.before);
        changes.network = Some(ChangedNetwork {
            before,
            set,
            by_hand: false,
        });
    }

    /// The card is about to do something: as the servers are now they are to be again.
    pub(super) fn note_servers(&mut self) {
        let servers: Vec<_> = Transport::ALL
            .into_iter()
            .filter_map(|transport| self.servers.get(transport).cloned())
            .collect();
        if let Some(changes) = self.changes().filter(|changes| changes.before.is_empty()) {
            changes.before = servers;
        }
    }

    /// A server that ran before the card and has died of what the card sent is to run again.
    pub(super) fn note_died_servers(&mut self) {
        let servers = &self.servers;
        let Some(changes) = self.cards.play.as_mut().map(|play| &mut play.changes) else {
            return;
        };
        let is_turned = |server: &&Server| {
            let mut changed = changes.servers.iter();
            changed.any(|changed| changed.before.transport == server.transport)
        };
        let ran = |server: &&Server| server.state == ServerState::Running;
        let unturned = changes.before.iter().filter(|server| !is_turned(server));
        let died = unturned.filter(ran).filter_map(|before| {
            let now = servers.get(before.transport)?;
            matches!(now.state, ServerState::Dead { .. }).then(|| ChangedServer {
                before: before.clone(),
                after: Some(now.clone()),
                by_hand: false,
            })
        });
        let died: Vec<_> = died.collect();
        changes.servers.extend(died);
    }

    /// The card is about to turn a server, which is like this.
    pub(super) fn note_server_change(&mut self, known: Server) {
        let Some(changes) = self.changes() else {
            return;
        };
        let mut before = changes.before.iter();
        let known = before
            .find(|server| server.transport == known.transport)
            .cloned()
            .unwrap_or(known);
        let mut servers = changes.servers.iter_mut();
        match servers.find(|changed| changed.before.transport == known.transport) {
            Some(changed) => (changed.after, changed.by_hand) = (None, false),
            None => changes.servers.push(ChangedServer {
                before: known,
                after: None,
                by_hand: false,
            }),
        }
    }

    /// What the card has changed where the page is.
    fn changes(&mut self) -> Option<&mut Changes> {
        let lab = &self.welcome.as_ref()?.lab.id;
        Some(self.cards.play.as_mut()?.changes.at(lab))
    }

    /// A step goes on: what it has asked of servers is done.
    pub(super) fn note_finished_changes(&mut self) {
        let (servers, play) = (&self.servers, self.cards.play.as_mut());
        for changed in play.into_iter().flat_map(|play| &mut play.changes.servers) {
            if changed.after.is_none() && !servers.is_asked() {
                changed.after = servers.get(changed.before.transport).cloned();
            }
        }
    }

    /// Somebody turns a server by hand.
    pub(in crate::model) fn note_server_set_by_hand(&mut self, transport: Transport) {
        let play = self.cards.play.as_mut();
        for changed in play.into_iter().flat_map(|play| &mut play.changes.servers) {
            changed.by_hand |= changed.before.transport == transport;
        }
    }

    /// Somebody sets the network by hand.
    pub(in crate::model) fn note_network_set_by_hand(&mut self) {
        let play = self.cards.play.as_mut();
        if let Some(network) = play.and_then(|play| play.changes.network.as_mut()) {
            network.by_hand = true;
        }
    }

    /// A card that is over puts the network back at once; servers too, unless its own connections stand there: they
    /// are what there is to see, until one turns away.
    pub(in crate::model) fn restore_when_over(&mut self) {
        let Some(play) = self.cards.play.as_ref().filter(|play| play.is_over()) else {
            return;
        };
        if play.changes.is_empty() {
            return;
        }
        let sockets = play.keys().filter_map(|(_, key)| self.workbench.card(key));
        let open = sockets.filter(|card| !card.closed && !card.gone);
        let connected = open.filter(|card| card.transport == Transport::Tcp).count() > 0;
        self.restore(!connected || !self.cards.open);
    }

    /// Puts back what the card has changed; of servers only if wanted.
    pub(super) fn restore(&mut self, with_servers: bool) {
        let here = self.welcome.as_ref().map(|welcome| welcome.lab.id.clone());
        let Some((play, here)) = self.cards.play.as_mut().zip(here) else {
            return;
        };
        if play.changes.lab != here || !self.connection.is_open() {
            return;
        }
        let network = play.changes.network.take();
        let servers = if with_servers {
            std::mem::take(&mut play.changes.servers)
        } else {
            Vec::new()
        };
        if let Some(network) = network {
            self.restore_network(&network);
        }
        for changed in servers {
            self.restore_server(&here, changed);
        }
        self.restore_next_server();
    }

    fn restore_network(&mut self, changed: &ChangedNetwork) {
        let now = self.network.conditions;
        if changed.by_hand || now != changed.set {
            if now != changed.before {
                self.cards.restored.left.push(RestoredPart::Network);
            }
        } else if now != changed.before {
            // What is held goes on where its way is clear again.
            let wish = network::NetworkCommand::Set(changed.before);
            self.network.handle_command(wish, &mut self.outbox);
            self.cards.restored.back.push(RestoredPart::Network);
        }
    }

    fn restore_server(&mut self, lab: &str, changed: ChangedServer) {
        let transport = changed.before.transport;
        let Some(now) = self.servers.get(transport) else {
            return;
        };
        let part = RestoredPart::Server(transport);
        let ChangedServer {
            before,
            after,
            by_hand,
        } = changed;
        if is_same_server_state(now, &before) {
            return;
        }
        if by_hand || after.is_some_and(|after| is_changed_by_others(now, &after)) {
            self.cards.restored.left.push(part);
            return;
        }
        let runs = now.state == ServerState::Running;
        let wanted = server::ServerOptions {
            program: Some(before.program),
            task: Some(before.task),
            settings: before.settings,
        };
        let wish = match (before.state == ServerState::Running, runs) {
            (true, true) => server::ServerCommand::Restart(wanted),
            (true, false) => server::ServerCommand::Start(wanted),
            (false, true) => server::ServerCommand::Stop,
            (false, false) => return,
        };
        let restored = &mut self.cards.restored;
        restored.back.push(part);
        restored
            .servers
            .push_back((lab.to_owned(), transport, wish));
    }

    /// Whether something is still on its way back to what it was before a card.
    pub(super) fn is_restoring(&self) -> bool {
        let here = self.welcome.as_ref().map(|welcome| &welcome.lab.id);
        let mut servers = self.cards.restored.servers.iter();
        servers.any(|(lab, ..)| Some(lab) == here)
            || self.servers.is_asked()
            || self.network.is_asked()
    }

    /// Asks for the next server that is to be put back.
    pub(in crate::model) fn restore_next_server(&mut self) {
        let here = self.welcome.as_ref().map(|welcome| &welcome.lab.id);
        let servers = &mut self.cards.restored.servers;
        servers.retain(|(lab, ..)| Some(lab) == here);
        if self.servers.is_asked() || !self.connection.is_open() {
            return;
        }
        if let Some((_, transport, wish)) = servers.pop_front() {
            let may_control = self.may_control();
            self.servers
                .handle_command(transport, wish, may_control, &mut self.outbox);
        }
    }
}

/// Whether a server is as it was.
fn is_same_server_state(now: &Server, before: &Server) -> bool {
    let runs = |server: &Server| server.state == ServerState::Running;
    runs(now) == runs(before) && (!runs(now) || has_same_options(now, before))
}

fn has_same_options(one: &Server, other: &Server) -> bool {
    let set = |server: &Server| (server.program, server.task, server.settings);
    set(one) == set(other)
}

/// Whether somebody has changed a server since the card. A server that died was not changed.
fn is_changed_by_others(now: &Server, after: &Server) -> bool {
    let runs = |server: &Server| server.state == ServerState::Running;
    let has_died = matches!(now.state, ServerState::Dead { .. });
    !has_same_options(now, after) || (runs(now) != runs(after) && !has_died)
}
