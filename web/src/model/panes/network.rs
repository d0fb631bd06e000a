//! The conditions of the lab's network, and the datagrams that wait at its edge for somebody's decision.

use shared::{
    conditions::{Conditions, DatagramId, Direction, Fate, Verdict, Way},
    message::{Ask, Reply},
    outcome::{Failed, Outcome},
    trace::Edge,
};

use crate::model::core::outbox::Outbox;

/// A command for the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NetworkCommand {
    /// These conditions.
    Set(Conditions),
    /// This to become of a datagram that is held.
    Decide(DatagramId, Verdict),
}

/// The network as it is known.
#[derive(Debug, Default)]
pub(crate) struct Network {
    /// The conditions in force.
    pub(crate) conditions: Conditions,
    /// What is held, the oldest first.
    pub(crate) held: Vec<Edge>,
    /// Why the last ask was refused.
    pub(crate) refused: Option<Failed>,
    asked: Option<u64>,
}

/// Conditions that have a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Preset {
    /// Nothing happens.
    Clear,
    /// Three of ten are lost, either way.
    Lossy,
    /// A third of a second either way, nearly.
    Slow,
    /// Each is held.
    ByHand,
}

impl Preset {
    /// All of them, with the names they have in the markup.
    pub(crate) const ALL: [(&'static str, Self); 4] = [
        ("clear", Self::Clear),
        ("lossy", Self::Lossy),
        ("slow", Self::Slow),
        ("by-hand", Self::ByHand),
    ];

    /// What happens on either way.
    pub(crate) fn way(self) -> Way {
        let clear = Way::default();
        match self {
            Self::Clear => clear,
            Self::Lossy => Way {
                loss_percent: 30,
                ..clear
            },
            Self::Slow => Way {
                delay_ms: 300,
                ..clear
            },
            Self::ByHand => Way {
                by_hand: true,
                ..clear
            },
        }
    }

    /// The one that is in force.
    pub(crate) fn of(conditions: &Conditions) -> Option<Self> {
        let is_it = |preset: &Self| {
            let way = preset.way();
            way == conditions.request && way == conditions.reply
        };
        Self::ALL.into_iter().map(|(_, preset)| preset).find(is_it)
    }
}

impl Network {
    /// These conditions are in force.
    pub(in crate::model) fn set_conditions(&mut self, conditions: Conditions) {
        self.conditions = conditions;
        self.refused = None;
    }

    /// Something became of a datagram.
    pub(in crate::model) fn record_impairment(&mut self, edge: &Edge) {
        self.held.retain(|held| held.datagram != edge.datagram);
        if edge.fate == Fate::Held {
            self.held.push(edge.clone());
        }
        self.refused = None;
    }

    pub(in crate::model) fn handle_command(&mut self, wish: NetworkCommand, outbox: &mut Outbox) {
        let ask = match wish {
            NetworkCommand::Set(conditions) => Ask::SetConditions { conditions },
            NetworkCommand::Decide(datagram, verdict) => Ask::Decide { datagram, verdict },
        };
        self.refused = None;
        self.asked = Some(outbox.ask(ask));
    }

    pub(in crate::model) fn handle_reply(&mut self, reply: &Reply) {
        if self.asked.is_none() || reply.id != self.asked {
            return;
        }
        self.asked = None;
        if let Outcome::Failed(failed) = &reply.outcome {
            self.refused = Some(failed.clone());
        }
    }

    /// Whether an answer to an ask is still to come.
    pub(crate) const fn is_asked(&self) -> bool {
        self.asked.is_some()
    }

    /// Another lab: nothing is held there.
    pub(in crate::model) fn reset(&mut self) {
        self.held.clear();
        (self.asked, self.refused) = (None, None);
    }
}

/// One way's conditions in a few words; nothing where it is clear.
pub(crate) fn brief(way: &Way, texts: &crate::i18n::Texts) -> String {
    let number =
        |key, number: u32| (number > 0).then(|| texts.fill(key, &[("n", &number.to_string())]));
    let parts = [
        number("network.loses", way.loss_percent.into()),
        number("network.delays", way.delay_ms),
        number("network.jitters", way.jitter_ms),
        number("network.doubles", way.duplicate_percent.into()),
        number("network.reorders", way.reorder_percent.into()),
        way.by_hand.then(|| texts.get("network.holds").to_owned()),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    parts.join(texts.get("conn.and"))
}

/// The conditions in a few words.
pub(crate) fn summary(conditions: &Conditions, texts: &crate::i18n::Texts) -> String {
    let Conditions { request, reply, .. } = conditions;
    if request == reply {
        let both = brief(request, texts);
        return if both.is_empty() {
            texts.get("network.clear").to_owned()
        } else {
            texts.fill("network.both", &[("what", &both)])
        };
    }
    let say = |direction, way| {
        let what = brief(way, texts);
        (!what.is_empty()).then(|| texts.fill(way_key(direction), &[("what", &what)]))
    };
    let parts = [
        say(Direction::Request, request),
        say(Direction::Reply, reply),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

const fn way_key(direction: Direction) -> &'static str {
    match direction {
        Direction::Request => "network.of_request",
        Direction::Reply => "network.of_reply",
    }
}
