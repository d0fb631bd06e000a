//! The form that saves a trace under a link, and the list of the user's links.

use web_sys::Element;

use crate::{
    dom::{self, Listener, el},
    i18n::{Language, Texts},
    inbox::send,
    model::{
        Model, WholeEvent,
        past::archive::{
            self,
            extent::{Extent, can_be},
            link::{LinkCommand, LinkStatus, SavedLink},
        },
        text::explain,
    },
    window,
};

/// The storage key of the links.
pub(crate) const LINKS_KEY: &str = "links";
/// The beginning of a saved trace's path.
const SAVED: &str = "t/";

/// The choices by their ids.
const EXTENTS: [(&str, Extent); 3] = [
    ("link-all", Extent::All),
    ("link-run", Extent::Run),
    ("link-filtered", Extent::Filtered),
];

/// The list's elements and cache key.
#[derive(Default)]
pub(super) struct SavedLinks {
    rows: Vec<Element>,
    drawn: Option<(u64, Language, bool)>,
}

impl SavedLinks {
    pub(super) fn draw(&mut self, model: &Model, texts: &Texts) {
        let links = &model.links;
        for (id, extent) in EXTENTS {
            let can = can_be(extent, model);
            dom::toggle(&el(id), "disabled", !can);
            if !can && dom::is_checked(id) {
                dom::check("link-all", true);
            }
        }
        let most = model
            .welcome
            .as_ref()
            .map_or(1, |welcome| welcome.limits.link_days);
        dom::set(&el("link-days"), "max", &most.to_string());
        dom::toggle(&el("link-save"), "disabled", !model.can_save());
        dom::write_or_hide(&el("link-why-not"), why_not(model, texts));
        let wanted = (links.version, texts.language, model.can_ask());
        if self.drawn.replace(wanted) == Some(wanted) {
            return;
        }
        dom::write_or_hide(&el("link-said"), &status_text(&links.news, texts));
        let list = el("link-list");
        dom::resize_stamped(&mut self.rows, links.mine.len(), "link-template", &list);
        for (row, mine) in self.rows.iter().zip(&links.mine) {
            draw_row(row, mine, model, texts);
        }
        dom::show(&el("link-none"), links.mine.is_empty());
    }
}

fn draw_row(row: &Element, mine: &SavedLink, model: &Model, texts: &Texts) {
    let address = window::address(&[SAVED, &mine.link].concat());
    let link = dom::part(row, "link");
    dom::set(&link, "href", &address);
    dom::write(&link, &address);
    let date = window::date(mine.expires_s * 1_000_000, texts.language.tag());
    let expires = texts.fill("link.expires", &[("date", &date)]);
    dom::write(&dom::part(row, "expires"), &expires);
    let is_copied = model.links.copied.as_ref() == Some(&address);
    for (part, key) in [
        ("copy", if is_copied { "copy.done" } else { "code.copy" }),
        ("delete", "link.delete"),
    ] {
        let button = dom::part(row, part);
        dom::write(&button, texts.get(key));
        let label = [texts.get(key), " ", &address].concat();
        dom::set(&button, "aria-label", &label);
    }
    dom::set(&dom::part(row, "copy"), "data-copy-link", &address);
    let delete = dom::part(row, "delete");
    dom::set(&delete, "data-delete-link", &mine.link);
    dom::toggle(&delete, "disabled", !model.can_ask());
}

/// Why nothing can be saved; empty if something can.
fn why_not<'a>(model: &Model, texts: &'a Texts) -> &'a str {
    if model.can_save() || model.links.is_asked() {
        return "";
    }
    texts.get(if model.archive.opened.is_some() {
        "link.is_saved"
    } else if model.raw_events.len() == 0 {
        "link.nothing"
    } else {
        "link.not_connected"
    })
}

fn status_text(news: &LinkStatus, texts: &Texts) -> String {
    let key = match news {
        LinkStatus::None => return String::new(),
        LinkStatus::Refused(failed) => return explain::failure(failed, texts),
        LinkStatus::Asked => "link.asked",
        LinkStatus::Saved => "link.saved",
        LinkStatus::Deleted => "link.deleted",
        LinkStatus::WasGone => "link.was_gone",
        LinkStatus::Lost => "link.lost",
    };
    texts.get(key).to_owned()
}

/// Opens the saved trace whose address the page has.
pub(super) fn opened() -> Option<WholeEvent> {
    let follow = || WholeEvent::Archive(archive::ArchiveCommand::Follow(window::path()));
    window::is_at_saved_trace().then(follow)
}

/// The links stored in this browser.
pub(super) fn stored() -> WholeEvent {
    let remembered = window::stored(&window::relay_key(LINKS_KEY)).unwrap_or_default();
    WholeEvent::Link(LinkCommand::See(remembered, window::unix_time_s()))
}

/// Listens for clicks on its buttons.
pub(super) fn listen() -> Vec<Listener> {
    let handlers: [(&str, dom::Handler); 1] = [("click", |_, source| {
        click(source).into_iter().for_each(send);
    })];
    dom::listen(&dom::document(), handlers)
}

fn click(source: &Element) -> Option<WholeEvent> {
    if let Some(address) =
        dom::closest_attribute(source, "button[data-copy-link]", "data-copy-link")
    {
        return Some(WholeEvent::Link(LinkCommand::Copy(address)));
    }
    if let Some(link) =
        dom::closest_attribute(source, "button[data-delete-link]", "data-delete-link")
    {
        return Some(WholeEvent::Link(LinkCommand::Delete(link)));
    }
    match dom::closest_attribute(source, "button", "id")?.as_str() {
        "links-open" => Some(stored()),
        "link-save" => {
            let chosen = EXTENTS.iter().find(|(id, _)| dom::is_checked(id));
            let extent = chosen.map_or(Extent::All, |(_, extent)| *extent);
            let days = dom::number("link-days", u32::MAX);
            Some(WholeEvent::Link(LinkCommand::Save(extent, days.into())))
        }
        _ => None,
    }
}
