//! Turns clicks, keys and forms of a class into events.

use shared::{
    call::Transport,
    class::{Act, MOST_CHOICES, MemberId},
};
use web_sys::{Element, Event as DomEvent};

use crate::{
    dom::{self, Listener, el},
    inbox::send,
    model::{
        Event, WholeEvent,
        panes::class::{ClassCommand, WallOrder},
    },
    view::common::current_texts,
    window,
};

/// The storage key of whether names are hidden.
const NAMES: &str = "names";

/// Listens for all events of a class.
pub(in crate::view) fn listen() -> Vec<Listener> {
    let handlers: [(&str, dom::Handler); 5] = [
        ("click", |_, source| click(source)),
        ("submit", submit),
        ("change", |_, source| change(&source.id())),
        ("input", |_, source| {
            if source.id() == "wall-filter" {
                send_command(ClassCommand::Filter(dom::value("wall-filter")));
            }
        }),
        ("keydown", key),
    ];
    dom::listen(&dom::document(), handlers)
}

/// The page's initial class events: the code in its address, stored seats, and whether names are hidden.
pub(in crate::view) fn stored() -> Vec<WholeEvent> {
    let hides = window::stored(NAMES).as_deref() == Some("hidden");
    let open_join_link = window::class_code_in_path();
    if let Some(code) = &open_join_link {
        dom::set_value("class-code-field", code);
    }
    let wishes = [
        Some(ClassCommand::Here),
        Some(ClassCommand::Remember(window::stored_classes())),
        open_join_link.map(ClassCommand::CameBy),
        hides.then_some(ClassCommand::HideNames(true)),
    ];
    wishes
        .into_iter()
        .flatten()
        .map(WholeEvent::Class)
        .collect()
}

fn send_command(command: ClassCommand) {
    send(WholeEvent::Class(command));
}

fn click(source: &Element) {
    let id = dom::closest_attribute(source, "button", "id").unwrap_or_default();
    match id.as_str() {
        "class-enlarge" => return dom::open_dialog("class-large"),
        "class-large-close" => return dom::close_dialog("class-large"),
        "class-sure-no" => return dom::close_dialog("class-sure"),
        "class-do-end" => return make_sure("end"),
        "class-do-remove" => return make_sure("remove"),
        "wall-names" => return turn_names(),
        "class-udp" => return send(Event::ChooseTransport(Transport::Udp)),
        "class-tcp" => return send(Event::ChooseTransport(Transport::Tcp)),
        _ => {}
    }
    if let Some(wanted) = simple(&id)
        .or_else(|| changed(&id))
        .or_else(|| of_one(source))
    {
        send_command(wanted);
    }
}

/// The command of a button that does one thing.
fn simple(id: &str) -> Option<ClassCommand> {
    Some(match id {
        "view-class" => ClassCommand::Look,
        "class-return" => ClassCommand::Return,
        "class-forget" => ClassCommand::Forget,
        "class-step-out" => ClassCommand::StepOut,
        "class-lost-close" => ClassCommand::Dismiss,
        "class-namesakes-close" => ClassCommand::DismissNamesakes,
        "class-back" => ClassCommand::Return,
        "class-copy-teachers" => ClassCommand::CopyTeachersLink(teachers_origin()),
        "class-drive-leave" => ClassCommand::Follow(false),
        "class-drive-follow" => ClassCommand::Follow(true),
        "class-close-tile" => ClassCommand::Open(None),
        "class-copy" => ClassCommand::Copy(el("class-link").text_content().unwrap_or_default()),
        "class-unsay" => ClassCommand::Do(Act::Message(None)),
        "class-card-close" => ClassCommand::Do(Act::CloseCard),
        "class-card-end" => ClassCommand::Do(Act::EndCard),
        "class-sure-yes" => return sure(),
        _ => return None,
    })
}

/// The command of a button that toggles something.
fn changed(id: &str) -> Option<ClassCommand> {
    let on = || !is_pressed(id);
    Some(match id {
        "class-do-drive" => ClassCommand::Drive(on()),
        "class-do-lock" => ClassCommand::Do(Act::Lock(on())),
        "class-do-open" => ClassCommand::Do(Act::Open(on())),
        "class-do-mute" => {
            let (member, muted) = (opened()?, on());
            ClassCommand::Do(Act::Mute { member, muted })
        }
        _ => return None,
    })
}

/// The command of a button of a seat, removed member, choice or tile.
fn of_one(source: &Element) -> Option<ClassCommand> {
    if let Some(seat) = dom::closest_attribute(source, "[data-seat]", "data-seat") {
        return match dom::closest_attribute(source, "button", "data-p").as_deref() {
            Some("back") => Some(ClassCommand::BackTo(seat)),
            Some("forget") => Some(ClassCommand::ForgetSeat(seat)),
            _ => None,
        };
    }
    if let Some(outsider) = dom::closest_attribute(source, "[data-outsider]", "data-outsider") {
        dom::closest_attribute(source, "button", "data-p")?;
        return Some(ClassCommand::Do(Act::LetIn(outsider.parse().ok()?)));
    }
    if let Some(choice) = dom::closest_attribute(source, "[data-choice] button", "data-p") {
        let at = dom::closest_attribute(source, "[data-choice]", "data-choice")?;
        let at = at.parse().ok()?;
        return Some(ClassCommand::Do(match choice.as_str() {
            "reveal" => Act::RevealCard { outcome: at },
            _ => Act::Predict { choice: at },
        }));
    }
    let member = dom::closest_attribute(source, "#wall [data-member]", "data-member")?;
    let member: MemberId = member.parse().ok()?;
    let is_open = opened() == Some(member);
    Some(ClassCommand::Open((!is_open).then_some(member)))
}

/// The origin of the teacher's link: that of the link to join.
fn teachers_origin() -> String {
    let link = el("class-link").text_content().unwrap_or_default();
    let origin = link.rsplit_once("/c/").map(|(origin, _)| origin.to_owned());
    origin.unwrap_or_else(window::origin)
}

fn is_pressed(id: &str) -> bool {
    dom::is_true(&el(id), "aria-pressed")
}

/// The member whose tile is open.
fn opened() -> Option<MemberId> {
    let opened = el("class-opened");
    if opened.has_attribute("hidden") {
        return None;
    }
    opened.get_attribute("data-member")?.parse().ok()
}

/// Asks for confirmation of what cannot be undone.
fn make_sure(what: &str) {
    let texts = current_texts();
    let name = el("class-opened-name").text_content().unwrap_or_default();
    let (text, yes) = match what {
        "remove" => (
            texts.fill("class.sure_remove", &[("name", &name)]),
            "class.sure_remove_yes",
        ),
        _ => (texts.get("class.sure_end").to_owned(), "class.sure_end_yes"),
    };
    dom::write(&el("class-sure-text"), &text);
    dom::write(&el("class-sure-yes"), texts.get(yes));
    dom::set(&el("class-sure"), "data-what", what);
    dom::open_dialog("class-sure");
}

fn sure() -> Option<ClassCommand> {
    dom::close_dialog("class-sure");
    let what = el("class-sure").get_attribute("data-what");
    Some(ClassCommand::Do(match what.as_deref() {
        Some("remove") => Act::Remove(opened()?),
        _ => Act::End,
    }))
}

fn turn_names() {
    let hides = !is_pressed("wall-names");
    window::store(NAMES, if hides { "hidden" } else { "seen" });
    send_command(ClassCommand::HideNames(hides));
}

fn submit(event: &DomEvent, source: &Element) {
    let wanted = match source.id().as_str() {
        "class-join" => ClassCommand::Join {
            code: dom::value("class-code-field"),
            name: dom::value("class-name-field"),
        },
        "class-create" => ClassCommand::Create {
            title: dom::value("class-title-field"),
            admin: dom::value("class-admin-field"),
        },
        "class-say" => {
            let text = dom::value("class-say-field");
            ClassCommand::Do(Act::Message((!text.trim().is_empty()).then_some(text)))
        }
        "class-limit" => ClassCommand::Do(Act::Cap(dom::number("class-cap", u32::MAX))),
        "class-ask" => card(),
        _ => return,
    };
    event.prevent_default();
    send_command(wanted);
}

/// The chosen card, or the teacher's own question.
fn card() -> ClassCommand {
    let id = dom::value("class-deck");
    if !id.is_empty() {
        return ClassCommand::Ask(id);
    }
    let choices = dom::number("class-ask-choices", MOST_CHOICES).max(2);
    let id = dom::value("class-ask-field");
    ClassCommand::Do(Act::AskCard { id, choices })
}

fn change(id: &str) {
    match id {
        "wall-sort" => {
            let name = dom::value("wall-sort");
            let sort = WallOrder::ALL.into_iter().find(|(known, _)| *known == name);
            sort.into_iter()
                .for_each(|(_, sort)| send_command(ClassCommand::Sort(sort)));
        }
        // Draws again: the fields of an own question are shown for it alone.
        "class-deck" => send_command(ClassCommand::Look),
        _ => {}
    }
}

/// `n` hides or shows names, for a projector, unless a field has the focus.
fn key(event: &DomEvent, source: &Element) {
    let is_field = matches!(source.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT");
    let is_seen =
        !el("class").has_attribute("hidden") && !el("class-people").has_attribute("hidden");
    if is_seen && !is_field && dom::key(event).as_deref() == Some("n") {
        turn_names();
    }
}
