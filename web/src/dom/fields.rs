//! Form fields: reads and writes their values.

use std::cell::Cell;

use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlDocument, HtmlInputElement, HtmlSelectElement, HtmlTextAreaElement};

use super::{el, find};

/// The value of a field.
pub(crate) fn value(id: &str) -> String {
    let field = el(id);
    if let Some(field) = field.dyn_ref::<HtmlTextAreaElement>() {
        return field.value();
    }
    if let Some(field) = field.dyn_ref::<HtmlInputElement>() {
        return field.value();
    }
    field
        .dyn_ref::<HtmlSelectElement>()
        .map(HtmlSelectElement::value)
        .unwrap_or_default()
}

/// The whole number in a field, at most `most`; 0 if it has none.
pub(crate) fn number(id: &str, most: u32) -> u32 {
    value(id)
        .trim()
        .parse()
        .map_or(0, |number: u32| number.min(most))
}

/// Writes into an input field.
pub(crate) fn set_value(id: &str, value: &str) {
    if let Some(field) = el(id).dyn_ref::<HtmlInputElement>() {
        rewrite(field, value);
    }
}

/// Writes a text into a field. While the user edits it, the change can be undone: a browser clears the undo history
/// when a script sets the value.
pub(crate) fn rewrite(field: &HtmlInputElement, text: &str) {
    let old = field.value();
    if old == text {
        return;
    }
    let is_edited = super::focused().as_ref() == Some(field.as_ref());
    if !is_edited || !replace(field, &changed(&old, text)) || field.value() != text {
        field.set_value(text);
    }
}

/// Whether the page itself is writing into a field.
pub(crate) fn is_being_rewritten() -> bool {
    IS_REWRITING.get()
}

thread_local! {
    static IS_REWRITING: Cell<bool> = const { Cell::new(false) };
}

/// A replacement in a text. Offsets are in UTF-16 code units, as browsers count.
#[derive(Debug, PartialEq, Eq)]
struct Change<'a> {
    start: u32,
    end: u32,
    new: &'a str,
}

/// The smallest change from one text to another.
fn changed<'a>(old: &str, new: &'a str) -> Change<'a> {
    let same = |(one, other): &(char, char)| one == other;
    let before: usize = old
        .chars()
        .zip(new.chars())
        .take_while(same)
        .map(|(same, _)| same.len_utf8())
        .sum();
    let (old_rest, new_rest) = (&old[before..], &new[before..]);
    let after: usize = old_rest
        .chars()
        .rev()
        .zip(new_rest.chars().rev())
        .take_while(same)
        .map(|(same, _)| same.len_utf8())
        .sum();
    let units = |text: &str| u32::try_from(text.encode_utf16().count()).unwrap_or(u32::MAX);
    let start = units(&old[..before]);
    Change {
        start,
        end: start + units(&old_rest[..old_rest.len() - after]),
        new: &new_rest[..new_rest.len() - after],
    }
}

/// Edits the field as if the user had typed. Returns whether the browser did.
fn replace(field: &HtmlInputElement, change: &Change<'_>) -> bool {
    let Some(document) = super::document().dyn_into::<HtmlDocument>().ok() else {
        return false;
    };
    if field.set_selection_range(change.start, change.end).is_err() {
        return false;
    }
    let command = if change.new.is_empty() {
        "delete"
    } else {
        "insertText"
    };
    IS_REWRITING.set(true);
    let done = document.exec_command_with_show_ui_and_value(command, false, change.new);
    IS_REWRITING.set(false);
    done == Ok(true)
}

/// Checks or unchecks a box or a radio button.
pub(crate) fn check(id: &str, on: bool) {
    if let Some(field) = el(id).dyn_ref::<HtmlInputElement>() {
        field.set_checked(on);
    }
}

/// The value of the field with this name in a form.
pub(crate) fn form_value(form: &Element, name: &str) -> String {
    let Some(field) = find(form, &["[data-argument=", name, "]"].concat()) else {
        return String::new();
    };
    match field.dyn_ref::<HtmlInputElement>() {
        Some(field) => field.value(),
        None => field
            .dyn_ref::<HtmlSelectElement>()
            .map(HtmlSelectElement::value)
            .unwrap_or_default(),
    }
}

/// Selects an option of a list.
pub(crate) fn select_option(id: &str, value: &str) {
    if let Some(list) = el(id).dyn_ref::<HtmlSelectElement>() {
        list.set_value(value);
    }
}

/// Writes into a text area, and selects the text.
pub(crate) fn set_and_select(id: &str, text: &str) {
    if let Some(field) = el(id).dyn_ref::<HtmlTextAreaElement>() {
        field.set_value(text);
        field.select();
    }
}

/// Selects the text of a field.
pub(crate) fn select_text(id: &str) {
    if let Some(field) = el(id).dyn_ref::<HtmlTextAreaElement>() {
        field.select();
    }
}

/// Whether a box or a radio button is checked.
pub(crate) fn is_checked(id: &str) -> bool {
    el(id)
        .dyn_ref::<HtmlInputElement>()
        .is_some_and(HtmlInputElement::checked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_replaced() {
        let change = |start, end, new| Change { start, end, new };
        for (old, new, expected) in [
            ("udp.dstp == 1", "udp.dstport == 1", change(8, 8, "ort")),
            ("udp", "", change(0, 3, "")),
            ("", "udp", change(0, 0, "udp")),
            ("aa", "aaa", change(2, 2, "a")),
            ("😀x", "😀yx", change(2, 2, "y")),
            ("😀", "😁", change(0, 2, "😁")),
        ] {
            assert_eq!(changed(old, new), expected, "{old} {new}");
        }
    }
}
