//! The form for the network's conditions, and the list of datagrams that are held for a decision.

use shared::{
    conditions::{Conditions, Direction, Verdict, Way},
    lab::LabKind,
    trace::Edge,
};
use web_sys::Element;

use crate::{
    dom::{self, Listener, el},
    i18n::Texts,
    inbox::send,
    model::{
        Model, WholeEvent,
        core::connection::ConnectionState,
        panes::network::{self, NetworkCommand, Preset},
        text::units,
    },
    view::common::write_failure,
    window,
};

/// The prefixes of the fields' ids, for both directions.
const WAYS: [&str; 2] = ["request-", "reply-"];
/// Maximum of the fields that are percentages.
const PERCENT: u32 = 100;

/// The network's panel.
#[derive(Default)]
pub(super) struct NetworkPanel {
    /// What the fields were filled with; the user's changes stay until other conditions are in force.
    filled: Option<(String, Conditions)>,
    held: Vec<Element>,
}

impl NetworkPanel {
    pub(super) fn draw(&mut self, model: &Model, texts: &Texts) {
        let Some(welcome) = &model.welcome else {
            return;
        };
        let conditions = model.network.conditions;
        let summary = network::summary(&conditions, texts);
        dom::write(&el("network-now"), &summary);
        let is_clear = Preset::of(&conditions) == Some(Preset::Clear);
        dom::set_bool(&el("network"), "data-clear", is_clear);
        let wanted = (welcome.lab.id.clone(), conditions);
        if self.filled.as_ref() != Some(&wanted) {
            fill(&conditions);
            self.filled = Some(wanted);
        }
        dom::show(
            &el("network-tcp"),
            model.transport() == shared::call::Transport::Tcp,
        );
        let (may_set, is_open) = (
            welcome.may_control,
            model.connection.state == ConnectionState::Open,
        );
        dom::show(
            &el("network-not-yours"),
            is_open && !may_set && welcome.lab.kind == LabKind::Open,
        );
        dom::show(
            &el("network-teachers"),
            is_open && !may_set && welcome.lab.kind == LabKind::Class,
        );
        dom::toggle(&el("network-form"), "disabled", !may_set || !is_open);
        write_failure("network-refused", model.network.refused.as_ref(), texts);
        self.draw_held(&model.network.held, may_set && is_open, texts);
    }

    fn draw_held(&mut self, held: &[Edge], may_decide: bool, texts: &Texts) {
        dom::show(&el("held"), !held.is_empty());
        dom::resize_stamped(
            &mut self.held,
            held.len(),
            "held-template",
            &el("held-list"),
        );
        for (item, edge) in self.held.iter().zip(held) {
            dom::set(item, "data-datagram", &edge.datagram.to_string());
            dom::write(&dom::part(item, "what"), &describe(edge, texts));
            for (part, key) in [
                ("release", "network.release"),
                ("kill", "network.kill"),
                ("double", "network.twice"),
            ] {
                let button = dom::part(item, part);
                dom::write(&button, texts.get(key));
                dom::toggle(&button, "disabled", !may_decide);
            }
        }
    }
}

fn describe(edge: &Edge, texts: &Texts) -> String {
    let (number, bytes) = (edge.datagram.to_string(), units::bytes(edge.length));
    let key = match edge.direction {
        Direction::Request => "network.held_request",
        Direction::Reply => "network.held_reply",
    };
    let values = [
        ("n", number.as_str()),
        ("bytes", &bytes),
        ("from", &edge.from.to_string()),
        ("to", &edge.to.to_string()),
    ];
    texts.fill(key, &values)
}

fn fill(conditions: &Conditions) {
    for (prefix, way) in WAYS.into_iter().zip([conditions.request, conditions.reply]) {
        let field = |name: &str| [prefix, name].concat();
        for (name, value) in [
            ("loss", way.loss_percent.into()),
            ("delay", way.delay_ms),
            ("jitter", way.jitter_ms),
            ("double", way.duplicate_percent.into()),
            ("reorder", way.reorder_percent.into()),
        ] {
            dom::set_value(&field(name), &value.to_string());
        }
        dom::check(&field("by-hand"), way.by_hand);
    }
    dom::set_value("network-seed", &conditions.seed.to_string());
}

/// Listens for clicks in the panel.
pub(super) fn listen() -> Vec<Listener> {
    let handlers: [(&str, dom::Handler); 1] = [("click", |_, source| {
        if let Some(command) = click(source) {
            send(WholeEvent::Network(command));
        }
    })];
    dom::listen(&dom::document(), handlers)
}

fn click(source: &Element) -> Option<NetworkCommand> {
    if let Some(verdict) = dom::closest_attribute(source, "[data-verdict]", "data-verdict") {
        let datagram = dom::closest_attribute(source, "[data-datagram]", "data-datagram")?;
        return Some(NetworkCommand::Decide(
            datagram.parse().ok()?,
            self::verdict(&verdict)?,
        ));
    }
    if let Some(name) = dom::closest_attribute(source, "[data-preset]", "data-preset") {
        let (_, preset) = Preset::ALL.into_iter().find(|(known, _)| *known == name)?;
        let conditions = Conditions {
            request: preset.way(),
            reply: preset.way(),
            seed: seed(),
        };
        // The fields show the last request, also before the relay has answered.
        fill(&conditions);
        return Some(NetworkCommand::Set(conditions));
    }
    match dom::closest_attribute(source, "button", "id")?.as_str() {
        "network-apply" => {
            // Write the values back: text that is no number, or out of bounds, was not applied.
            let conditions = read();
            fill(&conditions);
            Some(NetworkCommand::Set(conditions))
        }
        "network-new-seed" => {
            dom::set_value("network-seed", &window::random().to_string());
            None
        }
        _ => None,
    }
}

fn verdict(name: &str) -> Option<Verdict> {
    match name {
        "release" => Some(Verdict::Release),
        "kill" => Some(Verdict::Kill),
        "double" => Some(Verdict::Double),
        _ => None,
    }
}

fn read() -> Conditions {
    let [request, reply] = WAYS.map(way);
    Conditions {
        request,
        reply,
        seed: seed(),
    }
}

fn seed() -> u64 {
    dom::value("network-seed").trim().parse().unwrap_or(0)
}

fn way(prefix: &str) -> Way {
    let field = |name: &str| [prefix, name].concat();
    let percent = |name| u8::try_from(dom::number(&field(name), PERCENT)).unwrap_or(0);
    let milliseconds = |name| dom::number(&field(name), Way::LONGEST_MS);
    Way {
        loss_percent: percent("loss"),
        duplicate_percent: percent("double"),
        reorder_percent: percent("reorder"),
        delay_ms: milliseconds("delay"),
        jitter_ms: milliseconds("jitter"),
        by_hand: dom::is_checked(&field("by-hand")),
    }
}
