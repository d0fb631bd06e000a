//! Writes texts with their invisible characters shown.

use web_sys::Element;

use crate::{
    dom,
    model::text::visible::{self, TextPart},
};

/// Writes a text if it has changed. An invisible character is shown as its escape; a copy has the character itself.
pub(super) fn write(element: &Element, text: &str) {
    let pieces = visible::pieces(text);
    if let [] | [TextPart::Plain(_)] = pieces[..] {
        return dom::write(element, text);
    }
    if element.text_content().as_deref() == Some(text) {
        return;
    }
    dom::empty(element);
    for piece in pieces {
        match piece {
            TextPart::Plain(text) => {
                element.append_with_str_1(text).ok();
            }
            TextPart::Unseen(character) => unseen(element, character),
        }
    }
}

fn unseen(element: &Element, character: char) {
    let shown = dom::document().create_element("span");
    let itself = dom::document().create_element("span");
    if let (Ok(shown), Ok(itself)) = (shown, itself) {
        dom::set(&shown, "class", "unseen-character");
        dom::set(&shown, "data-shown", &visible::escape(character));
        itself.set_text_content(Some(character.encode_utf8(&mut [0; 4])));
        shown.append_child(&itself).ok();
        element.append_child(&shown).ok();
    }
}
