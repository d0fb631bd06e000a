//! What people do with files: buttons, the file field, and files let go over the page.

use shared::saved::Form;
use web_sys::{Element, Event as DomEvent, File};

use crate::{
    dom::{self, Listener},
    files,
    model::{
        Event,
        past::archive::{ArchiveCommand, LONGEST, OpenError},
    },
    shell::tell,
};

/// Listens to everything that has to do with files.
pub(in crate::view) fn listen() -> Vec<Listener> {
    let document = dom::document();
    vec![
        Listener::on(&document, "click", |event| on_source(&event, click)),
        Listener::on(&document, "change", |event| on_source(&event, change)),
        Listener::on(&document, "dragover", |event| drag(&event, true)),
        Listener::on(&document, "dragleave", |_| mark(false)),
        Listener::on(&document, "drop", |event| {
            drag(&event, false);
            files::dropped(&event).iter().for_each(open);
        }),
    ]
}

fn on_source(event: &DomEvent, hear: fn(&Element)) {
    if let Some(source) = dom::source(event) {
        hear(&source);
    }
}

fn click(source: &Element) {
    let button = dom::around(source, "button", "id");
    let wish = match button.as_deref() {
        Some("export-json") => ArchiveCommand::Trace,
        Some("pcapng-captured") => ArchiveCommand::Packets(Form::Captured),
        Some("pcapng-completed") => ArchiveCommand::Packets(Form::Completed),
        Some("open-trace") => return dom::press("open-file"),
        Some("copy-close") => return dom::close("copy-dialog"),
        Some("copy-ladder") => ArchiveCommand::CopyLadder,
        Some("back-to-lab") => ArchiveCommand::Leave,
        Some("open-wrong-close") => ArchiveCommand::Understood,
        _ => return,
    };
    tell(Event::Archive(wish));
}

fn change(source: &Element) {
    match source.id().as_str() {
        "open-file" => files::chosen(source).iter().for_each(open),
        "who" => tell(Event::OnlyMine(dom::value("who") == "mine")),
        _ => {}
    }
}

/// Files may be let go anywhere; what else is dragged is the browser's matter.
fn drag(event: &DomEvent, over: bool) {
    if files::are_dragged(event) {
        event.prevent_default();
        mark(over);
    }
}

fn mark(over: bool) {
    dom::toggle(&dom::root(), "data-drop", over);
}

fn open(file: &File) {
    let (name, length) = (file.name(), files::length(file));
    if length > LONGEST {
        let text = Err(OpenError::TooLong(length));
        return tell(Event::Archive(ArchiveCommand::Open { name, text }));
    }
    files::read(file, move |text| {
        let text = text.ok_or(OpenError::Unreadable);
        let name = name.clone();
        tell(Event::Archive(ArchiveCommand::Open { name, text }));
    });
}
