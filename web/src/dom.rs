//! The only room that touches the document. Everything it writes is text or an attribute, never markup, and only if it
//! has changed.
//!
//! Elements are found by their ids; a missing one throws an exception that names it. Files are in [`crate::files`], the
//! rest of the browser in [`crate::window`].

mod fields;

use wasm_bindgen::{JsCast, closure::Closure, throw_str};
use web_sys::{
    Document, Element, Event, EventTarget, FocusEvent, HtmlDialogElement, HtmlElement,
    HtmlTemplateElement, KeyboardEvent, Node, SvgElement,
};

pub(crate) use self::fields::{
    check, form_value, is_being_rewritten, is_checked, number, rewrite, select_option, select_text,
    set_and_select, set_value, value,
};

const SVG: &str = "http://www.w3.org/2000/svg";
/// The `keyCode` of a key that an input method handles (UI Events, 7.3.1).
const TAKEN_BY_INPUT_METHOD: u32 = 229;

fn missing(what: &str) -> ! {
    throw_str(&["the page lacks ", what].concat())
}

pub(crate) fn document() -> Document {
    web_sys::window()
        .and_then(|window| window.document())
        .unwrap_or_else(|| missing("a document"))
}

/// `<html>`
pub(crate) fn root() -> Element {
    document()
        .document_element()
        .unwrap_or_else(|| missing("a root"))
}

/// The element with this id.
pub(crate) fn el(id: &str) -> Element {
    document()
        .get_element_by_id(id)
        .unwrap_or_else(|| missing(id))
}

/// The part of an element made from a template, by its `data-p`.
pub(crate) fn part(of: &Element, name: &str) -> Element {
    let found = of.query_selector(&["[data-p=", name, "]"].concat());
    found.ok().flatten().unwrap_or_else(|| missing(name))
}

/// Adds a copy of a template's element at the end of `inside`.
pub(crate) fn stamp(template: &str, inside: &Element) -> Element {
    let copy = || {
        let template = el(template).dyn_into::<HtmlTemplateElement>().ok()?;
        template
            .content()
            .first_element_child()?
            .clone_node_with_deep(true)
            .ok()?
            .dyn_into::<Element>()
            .ok()
    };
    let copy = copy().unwrap_or_else(|| missing(template));
    inside.append_child(&copy).ok();
    copy
}

/// Adds an SVG element at the end of another.
pub(crate) fn svg(name: &str, inside: &Element) -> Element {
    let element = document()
        .create_element_ns(Some(SVG), name)
        .unwrap_or_else(|_| missing(name));
    inside.append_child(&element).ok();
    element
}

/// All elements that match a selector.
pub(crate) fn all(selector: &str) -> Vec<Element> {
    all_in(&root(), selector)
}

/// Writes a text if it has changed.
pub(crate) fn write(element: &Element, text: &str) {
    if element.text_content().as_deref() != Some(text) {
        element.set_text_content(Some(text));
    }
}

/// Writes code if it has changed; a long line may break behind an opening bracket.
pub(crate) fn write_code(element: &Element, code: &str) {
    if element.text_content().as_deref() == Some(code) {
        return;
    }
    empty(element);
    for piece in code.split_inclusive('(') {
        element.append_with_str_1(piece).ok();
        if let Ok(place) = document().create_element("wbr") {
            element.append_child(&place).ok();
        }
    }
}

/// Writes a text if it has changed; a part between backticks becomes code.
pub(crate) fn write_with_code(element: &Element, text: &str) {
    if element.get_attribute("data-said").as_deref() == Some(text) {
        return;
    }
    set(element, "data-said", text);
    empty(element);
    for (at, part) in text.split('`').enumerate() {
        let kind = if at % 2 == 1 { "code" } else { "span" };
        if let Ok(piece) = document().create_element(kind) {
            piece.set_text_content(Some(part));
            element.append_child(&piece).ok();
        }
    }
}

/// Writes an attribute if it has changed.
pub(crate) fn set(element: &Element, name: &str, value: &str) {
    if element.get_attribute(name).as_deref() != Some(value) {
        element.set_attribute(name, value).ok();
    }
}

/// Writes an attribute as `true` or `false`.
pub(crate) fn set_bool(element: &Element, name: &str, on: bool) {
    set(element, name, if on { "true" } else { "false" });
}

/// Whether an attribute is `true`.
pub(crate) fn is_true(element: &Element, name: &str) -> bool {
    element.get_attribute(name).as_deref() == Some("true")
}

/// Sets or removes an attribute that has no value.
pub(crate) fn toggle(element: &Element, name: &str, on: bool) {
    if element.has_attribute(name) != on {
        element.toggle_attribute_with_force(name, on).ok();
    }
}

/// Shows or hides.
pub(crate) fn show(element: &Element, on: bool) {
    toggle(element, "hidden", !on);
}

/// Writes a text; hides the element if the text is empty.
pub(crate) fn write_or_hide(element: &Element, text: &str) {
    write(element, text);
    show(element, !text.is_empty());
}

/// Sets a style in pixels, through the object model as the content security policy demands.
pub(crate) fn set_style_px(element: &Element, name: &str, pixels: i32) {
    let Some(element) = element.dyn_ref::<HtmlElement>() else {
        return;
    };
    let (style, value) = (
        element.style(),
        [pixels.to_string().as_str(), "px"].concat(),
    );
    if style.get_property_value(name).ok().as_deref() != Some(value.as_str()) {
        style.set_property(name, &value).ok();
    }
}

/// Sets a number that the stylesheet reads, on an SVG element.
pub(crate) fn set_style_number(element: &Element, name: &str, number: usize) {
    let (Some(element), number) = (element.dyn_ref::<SvgElement>(), number.to_string()) else {
        return;
    };
    let style = element.style();
    if style.get_property_value(name).ok().as_deref() != Some(number.as_str()) {
        style.set_property(name, &number).ok();
    }
}

/// Makes `pool` hold exactly `length` elements.
pub(crate) fn resize(pool: &mut Vec<Element>, length: usize, make: &dyn Fn() -> Element) {
    while pool.len() > length {
        if let Some(last) = pool.pop() {
            last.remove();
        }
    }
    while pool.len() < length {
        pool.push(make());
    }
}

/// Makes `pool` hold this many copies of a template's element, each inside `inside`.
pub(crate) fn resize_stamped(
    pool: &mut Vec<Element>,
    length: usize,
    template: &str,
    inside: &Element,
) {
    resize(pool, length, &|| stamp(template, inside));
}

/// The first element in another that matches.
pub(crate) fn find(of: &Element, selector: &str) -> Option<Element> {
    of.query_selector(selector).ok().flatten()
}

/// All elements in another that match.
pub(crate) fn all_in(of: &Element, selector: &str) -> Vec<Element> {
    let Ok(nodes) = of.query_selector_all(selector) else {
        return Vec::new();
    };
    (0..nodes.length())
        .filter_map(|at| nodes.item(at)?.dyn_into().ok())
        .collect()
}

/// Scrolls a box, and nothing around it, so that an element in it is in the middle. The box must be positioned.
pub(crate) fn center_in(list: &Element, element: &Element) {
    if let Some(element) = element.dyn_ref::<HtmlElement>() {
        let middle = element.offset_top() + element.offset_height() / 2;
        list.set_scroll_top(middle - list.client_height() / 2);
    }
}

/// Scrolls a box as little as possible so that an element in it is visible. The box must be positioned.
pub(crate) fn reveal_in(list: &Element, element: &Element) {
    let Some(element) = element.dyn_ref::<HtmlElement>() else {
        return;
    };
    let top = element.offset_top();
    let bottom = top + element.offset_height();
    if top < list.scroll_top() {
        list.set_scroll_top(top);
    } else if bottom > list.scroll_top() + list.client_height() {
        list.set_scroll_top(bottom - list.client_height());
    }
}

/// Removes an element's content.
pub(crate) fn empty(element: &Element) {
    element.set_text_content(None);
}

/// Opens a modal dialog.
pub(crate) fn open_dialog(id: &str) {
    if let Some(dialog) = el(id).dyn_ref::<HtmlDialogElement>() {
        dialog.show_modal().ok();
    }
}

/// Closes a dialog.
pub(crate) fn close_dialog(id: &str) {
    if let Some(dialog) = el(id).dyn_ref::<HtmlDialogElement>() {
        dialog.close();
    }
}

/// The element an event came from.
pub(crate) fn source(event: &Event) -> Option<Element> {
    event.target()?.dyn_into().ok()
}

/// An attribute of the nearest element that matches the selector: this one or one around it.
pub(crate) fn closest_attribute(
    element: &Element,
    selector: &str,
    attribute: &str,
) -> Option<String> {
    element.closest(selector).ok()??.get_attribute(attribute)
}

/// Whether an element is inside the one with this id.
pub(crate) fn is_inside(element: &Element, id: &str) -> bool {
    el(id).contains(Some(element))
}

/// The pressed key; `None` if an input method handles it. Safari ends the composition before it reports the key that
/// ended it, which only the key code shows.
pub(crate) fn key(event: &Event) -> Option<String> {
    let event = event.dyn_ref::<KeyboardEvent>()?;
    if event.is_composing() || event.key_code() == TAKEN_BY_INPUT_METHOD {
        return None;
    }
    let key = event.key();
    Some(if event.shift_key() {
        ["Shift+", &key].concat()
    } else {
        key
    })
}

/// Whether a modifier makes the key a shortcut of the browser or the system.
pub(crate) fn is_shortcut(event: &Event) -> bool {
    let event = event.dyn_ref::<KeyboardEvent>();
    event.is_some_and(|event| event.ctrl_key() || event.alt_key() || event.meta_key())
}

/// Whether the focus moves out of this element.
pub(crate) fn is_focus_leaving(event: &Event, element: &Element) -> bool {
    let to = event
        .dyn_ref::<FocusEvent>()
        .and_then(FocusEvent::related_target);
    let to = to.and_then(|target| target.dyn_into::<Node>().ok());
    !element.contains(to.as_ref())
}

/// Brings an element into view.
pub(crate) fn scroll_into_view(element: &Element) {
    element.scroll_into_view();
}

/// The element that has the focus.
pub(crate) fn focused() -> Option<Element> {
    document().active_element()
}

/// Puts an element into another, before a child or at the end.
pub(crate) fn insert_before(inside: &Element, element: &Element, before: Option<&Element>) {
    let before = before.map(AsRef::as_ref);
    inside.insert_before(element, before).ok();
}

/// Gives an element the focus.
pub(crate) fn focus(element: &Element) {
    if let Some(element) = element.dyn_ref::<HtmlElement>() {
        element.focus().ok();
    }
}

/// Clicks an element.
pub(crate) fn click(id: &str) {
    if let Some(element) = el(id).dyn_ref::<HtmlElement>() {
        element.click();
    }
}

/// An event listener, which is removed when it is dropped.
#[must_use = "dropped, it hears nothing"]
pub(crate) struct Listener {
    target: EventTarget,
    name: &'static str,
    closure: Closure<dyn FnMut(Event)>,
}

impl Listener {
    /// Adds a listener for one kind of event.
    pub(crate) fn on(
        target: &EventTarget,
        name: &'static str,
        handler: impl FnMut(Event) + 'static,
    ) -> Self {
        let closure = Closure::<dyn FnMut(Event)>::new(handler);
        target
            .add_event_listener_with_callback(name, closure.as_ref().unchecked_ref())
            .ok();
        Self {
            target: target.clone(),
            name,
            closure,
        }
    }
}

/// Handles an event, and the element it came from.
pub(crate) type Handler = fn(&Event, &Element);

/// One listener on `target` for each kind of event.
pub(crate) fn listen<const N: usize>(
    target: &EventTarget,
    handlers: [(&'static str, Handler); N],
) -> Vec<Listener> {
    let listener = |(name, handler): (&'static str, Handler)| {
        Listener::on(target, name, move |event| {
            if let Some(source) = source(&event) {
                handler(&event, &source);
            }
        })
    };
    handlers.into_iter().map(listener).collect()
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.target
            .remove_event_listener_with_callback(self.name, self.closure.as_ref().unchecked_ref())
            .ok();
    }
}
