//! The only room that touches the document. Everything written here is text or an attribute, never markup.

use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{
    Document, Element, Event, EventTarget, FocusEvent, HtmlElement, HtmlTemplateElement,
    KeyboardEvent, Node,
};

/// What goes wrong where the page's markup is not what the code expects.
pub(crate) type Result<T> = std::result::Result<T, JsValue>;

const SVG: &str = "http://www.w3.org/2000/svg";

fn missing(what: &str) -> JsValue {
    JsValue::from_str(&format!("the page lacks {what}"))
}

pub(crate) fn document() -> Result<Document> {
    web_sys::window()
        .and_then(|window| window.document())
        .ok_or_else(|| missing("a document"))
}

/// `<html>`
pub(crate) fn root() -> Result<Element> {
    document()?
        .document_element()
        .ok_or_else(|| missing("a root"))
}

/// The element with this id.
pub(crate) fn by_id<T: JsCast>(id: &str) -> Result<T> {
    let element = document()?
        .get_element_by_id(id)
        .ok_or_else(|| missing(id))?;
    element.dyn_into().map_err(|_| missing(id))
}

/// The part of something made from a template.
pub(crate) fn part(of: &Element, name: &str) -> Result<Element> {
    of.query_selector(&format!("[data-p={name}]"))?
        .ok_or_else(|| missing(name))
}

/// A copy of the one element in a template.
pub(crate) fn stamp(template: &str) -> Result<Element> {
    let template: HtmlTemplateElement = by_id(template)?;
    let element = template
        .content()
        .first_element_child()
        .ok_or_else(|| missing("the template's content"))?;
    element
        .clone_node_with_deep(true)?
        .dyn_into()
        .map_err(|_| missing("an element"))
}

/// A new SVG element inside another.
pub(crate) fn svg(inside: &Element, name: &str) -> Result<Element> {
    let element = document()?.create_element_ns(Some(SVG), name)?;
    inside.append_child(&element)?;
    Ok(element)
}

/// All elements that match.
pub(crate) fn all(selector: &str) -> Result<Vec<Element>> {
    let nodes = document()?.query_selector_all(selector)?;
    Ok((0..nodes.length())
        .filter_map(|at| nodes.item(at)?.dyn_into().ok())
        .collect())
}

/// Writes a text where it is another one.
pub(crate) fn set_text(element: &Element, text: &str) {
    if element.text_content().as_deref() != Some(text) {
        element.set_text_content(Some(text));
    }
}

/// Writes an attribute where it is another one. What a browser refuses to set, it shows in its own way.
pub(crate) fn set(element: &Element, name: &str, value: &str) {
    if element.get_attribute(name).as_deref() != Some(value) {
        element.set_attribute(name, value).ok();
    }
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

/// Writes a text, and hides the element where there is none.
pub(crate) fn say(element: &Element, text: &str) {
    set_text(element, text);
    show(element, !text.is_empty());
}

/// Sets one style, through the object model as the content policy wants it.
pub(crate) fn style(element: &Element, name: &str, pixels: i32) {
    let Some(element) = element.dyn_ref::<HtmlElement>() else {
        return;
    };
    let (style, value) = (element.style(), format!("{pixels}px"));
    if style.get_property_value(name).ok().as_deref() != Some(value.as_str()) {
        style.set_property(name, &value).ok();
    }
}

/// Makes `pool` hold exactly so many of a thing inside `parent`.
pub(crate) fn resize<T>(
    pool: &mut Vec<T>,
    length: usize,
    mut make: impl FnMut() -> Result<T>,
    element: impl Fn(&T) -> &Element,
) -> Result<()> {
    while pool.len() > length {
        if let Some(last) = pool.pop() {
            element(&last).remove();
        }
    }
    while pool.len() < length {
        pool.push(make()?);
    }
    Ok(())
}

/// The value of `data-…` on the element an event came from, or on one around it.
pub(crate) fn data_around(event: &Event, name: &str) -> Option<String> {
    let target = event.target()?.dyn_into::<Element>().ok()?;
    target
        .closest(&format!("[data-{name}]"))
        .ok()??
        .get_attribute(&format!("data-{name}"))
}

/// The key that was pressed.
pub(crate) fn key(event: &Event) -> Option<String> {
    event.dyn_ref::<KeyboardEvent>().map(KeyboardEvent::key)
}

/// Enter that means "go": not a new line, and not the choice of a word in an input method.
pub(crate) fn is_plain_enter(event: &Event) -> bool {
    let enter = event
        .dyn_ref::<KeyboardEvent>()
        .filter(|event| event.key() == "Enter");
    enter.is_some_and(|event| !event.shift_key() && !event.is_composing())
}

/// Whether the focus goes from inside this element to somewhere outside.
pub(crate) fn leaves(event: &Event, element: &Element) -> bool {
    let to = event
        .dyn_ref::<FocusEvent>()
        .and_then(FocusEvent::related_target);
    let to = to.and_then(|target| target.dyn_into::<Node>().ok());
    !element.contains(to.as_ref())
}

/// The element that has the focus.
pub(crate) fn focused() -> Option<Element> {
    document().ok()?.active_element()
}

/// Gives an element the focus.
pub(crate) fn focus(element: &Element) {
    if let Some(element) = element.dyn_ref::<HtmlElement>() {
        element.focus().ok();
    }
}

/// A listener that leaves when it is dropped.
#[must_use = "dropped, it hears nothing"]
pub(crate) struct Listener {
    target: EventTarget,
    name: &'static str,
    closure: Closure<dyn FnMut(Event)>,
}

impl Listener {
    /// Listens to one kind of event.
    pub(crate) fn on(
        target: &EventTarget,
        name: &'static str,
        hear: impl FnMut(Event) + 'static,
    ) -> Result<Self> {
        let closure = Closure::<dyn FnMut(Event)>::new(hear);
        target.add_event_listener_with_callback(name, closure.as_ref().unchecked_ref())?;
        Ok(Self {
            target: target.clone(),
            name,
            closure,
        })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.target
            .remove_event_listener_with_callback(self.name, self.closure.as_ref().unchecked_ref())
            .ok();
    }
}
