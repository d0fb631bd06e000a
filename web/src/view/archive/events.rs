//! Turns buttons, the file field and dropped files into events.

use shared::saved::Form;
use web_sys::{Element, Event as DomEvent, File};

use crate::{
    dom::{self, Listener},
    files,
    inbox::send,
    model::{
        WholeEvent,
        past::archive::{ArchiveCommand, MAX_FILE_BYTES, OpenError},
    },
};

/// Listens for all events about files.
pub(in crate::view) fn listen() -> Vec<Listener> {
    let handlers: [(&str, dom::Handler); 5] = [
        ("click", |_, source| click(source)),
        ("change", |_, source| change(source)),
        ("dragover", |event, _| drag(event, true)),
        ("dragleave", |_, _| highlight_drop(false)),
        ("drop", |event, _| {
            drag(event, false);
            files::dropped_file(event).iter().for_each(open);
        }),
    ];
    dom::listen(&dom::document(), handlers)
}

fn click(source: &Element) {
    let button = dom::closest_attribute(source, "button", "id");
    let command = match button.as_deref() {
        Some("export-json") => ArchiveCommand::Trace,
        Some("pcapng-captured") => ArchiveCommand::Packets(Form::Captured),
        Some("pcapng-completed") => ArchiveCommand::Packets(Form::Completed),
        Some("open-trace") => return dom::click("open-file"),
        Some("copy-close") => return dom::close_dialog("copy-dialog"),
        Some("copy-ladder") => ArchiveCommand::CopyLadder,
        Some("back-to-lab") => ArchiveCommand::Leave,
        Some("open-wrong-close") => ArchiveCommand::Understood,
        _ => return,
    };
    send(WholeEvent::Archive(command));
}

fn change(source: &Element) {
    match source.id().as_str() {
        "open-file" => files::chosen_file(source).iter().for_each(open),
        "who" => send(WholeEvent::OnlyMine(dom::value("who") == "mine")),
        _ => {}
    }
}

/// Files may be dropped anywhere; the browser handles anything else that is dragged.
fn drag(event: &DomEvent, over: bool) {
    if files::are_dragged(event) {
        event.prevent_default();
        highlight_drop(over);
    }
}

fn highlight_drop(over: bool) {
    dom::toggle(&dom::root(), "data-drop", over);
}

fn open(file: &File) {
    let (name, length) = (file.name(), files::len(file));
    if length > MAX_FILE_BYTES {
        let text = Err(OpenError::TooLong(length));
        return send(WholeEvent::Archive(ArchiveCommand::Open { name, text }));
    }
    files::read(file, move |text| {
        let text = text.ok_or(OpenError::Unreadable);
        let name = name.clone();
        send(WholeEvent::Archive(ArchiveCommand::Open { name, text }));
    });
}
