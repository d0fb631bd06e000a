//! The rest of the browser: clock, timer, frames, random numbers, languages, storage and the page's address.

use js_sys::{Date, Function, JsString};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{EventTarget, Url, Window};

use crate::{
    dom,
    i18n::TextFile,
    model::core::{
        address::{Address, Opens},
        time::Millis,
    },
};

fn window() -> Option<Window> {
    web_sys::window()
}

/// Milliseconds since the page was opened.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "never negative, and far from 2^53"
)]
pub(crate) fn now() -> Millis {
    window()
        .and_then(|window| window.performance())
        .map_or(0, |performance| performance.now() as Millis)
}

/// A random number below 2^31.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "below 2^31 by construction"
)]
pub(crate) fn random() -> u32 {
    (js_sys::Math::random() * f64::from(i32::MAX)) as u32
}

/// The length of a text in upper case, in UTF-8 bytes. The browser computes it, as it has the tables.
pub(crate) fn upper_case_len(text: &str) -> usize {
    String::from(JsString::from(text).to_upper_case()).len()
}

/// A date and time in a language and the local time zone, from microseconds since 1970-01-01 UTC.
#[expect(clippy::cast_precision_loss, reason = "far from 2^53 milliseconds")]
pub(crate) fn date(us: u64, language: &str) -> String {
    let date = Date::new(&JsValue::from_f64((us / 1_000) as f64));
    date.to_locale_string(language, &JsValue::UNDEFINED).into()
}

/// The user's preferred languages, best first.
pub(crate) fn languages() -> Vec<String> {
    let Some(window) = window() else {
        return Vec::new();
    };
    window
        .navigator()
        .languages()
        .iter()
        .filter_map(|tag| tag.as_string())
        .collect()
}

/// Whether the system asks for dark colours.
pub(crate) fn prefers_dark() -> bool {
    matches("(prefers-color-scheme: dark)")
}

/// Whether the user wants no animations.
pub(crate) fn prefers_reduced_motion() -> bool {
    matches("(prefers-reduced-motion: reduce)")
}

/// Whether the pointer is a finger.
pub(crate) fn has_coarse_pointer() -> bool {
    matches("(pointer: coarse)")
}

/// Whether the window is large enough for the layout in columns, as in the stylesheet.
pub(crate) fn is_wide() -> bool {
    matches("(min-width: 66rem) and (min-height: 40rem)")
}

fn matches(query: &str) -> bool {
    let list = window().and_then(|window| window.match_media(query).ok().flatten());
    list.is_some_and(|list| list.matches())
}

/// A value from local storage; `None` if it has none or is not available.
pub(crate) fn stored(key: &str) -> Option<String> {
    window()?.local_storage().ok()??.get_item(key).ok()?
}

/// Writes a value to local storage, if it is available.
pub(crate) fn store(key: &str, value: &str) {
    if let Some(Ok(Some(storage))) = window().map(|window| window.local_storage()) {
        storage.set_item(key, value).ok();
    }
}

/// The beginning of the storage keys of classes.
fn class_prefix() -> String {
    [&relay_key("class"), ":"].concat()
}

/// Stores the seat in a class, or removes it. Each class has a key of its own, so that other tabs' classes stay.
pub(crate) fn store_class(code: &str, line: Option<&str>) {
    let Some(Ok(Some(storage))) = window().map(|window| window.local_storage()) else {
        return;
    };
    let key = [&class_prefix(), code].concat();
    match line {
        Some(line) => storage.set_item(&key, line).ok(),
        None => storage.remove_item(&key).ok(),
    };
}

/// The stored seats in classes.
pub(crate) fn stored_classes() -> Vec<String> {
    let Some(Ok(Some(storage))) = window().map(|window| window.local_storage()) else {
        return Vec::new();
    };
    let keys = (0..storage.length().unwrap_or_default()).filter_map(|at| storage.key(at).ok()?);
    let prefix = class_prefix();
    let mut keys: Vec<String> = keys.filter(|key| key.starts_with(&prefix)).collect();
    keys.sort();
    let read = |key: &String| storage.get_item(key).ok()?;
    keys.iter().filter_map(read).collect()
}

/// A storage key of this relay alone: pages under other paths of the host are of other relays.
pub(crate) fn relay_key(key: &str) -> String {
    let path = path();
    match Address::of(&path).root {
        "/" => key.to_owned(),
        root => [key, " ", root].concat(),
    }
}

/// A value from session storage, which this tab keeps over a reload.
pub(crate) fn session_value(key: &str) -> Option<String> {
    window()?.session_storage().ok()??.get_item(key).ok()?
}

/// Writes a value to session storage, or removes it.
pub(crate) fn set_session_value(key: &str, value: Option<&str>) {
    let Some(Ok(Some(storage))) = window().map(|window| window.session_storage()) else {
        return;
    };
    match value {
        Some(value) => storage.set_item(key, value).ok(),
        None => storage.remove_item(key).ok(),
    };
}

/// The path of the page's address.
pub(crate) fn path() -> String {
    let path = window().map(|window| window.location().pathname());
    path.and_then(Result::ok).unwrap_or_default()
}

/// Makes the page's address that of the lab.
pub(crate) fn set_lab_address() {
    if let Some(Ok(history)) = window().map(|window| window.history()) {
        let nothing = JsValue::NULL;
        let path = path();
        let root = Address::of(&path).root;
        resolve_links();
        history
            .replace_state_with_url(&nothing, "", Some(root))
            .ok();
    }
}

/// Makes the addresses of the page's links absolute: browsers resolve relative ones again when the page's address
/// changes.
fn resolve_links() {
    for link in dom::all("head link[href]") {
        let address = link.get_attribute("href").unwrap_or_default();
        let base = link.base_uri().ok().flatten().unwrap_or_default();
        if let Ok(whole) = Url::new_with_base(&address, &base) {
            dom::set(&link, "href", &whole.href());
        }
    }
}

/// The path of a resource of the relay, such as `t/{link}`.
pub(crate) fn relay_path(name: &str) -> String {
    [Address::of(&path()).root, name].concat()
}

/// The address of a resource of the relay.
pub(crate) fn address(name: &str) -> String {
    [origin(), relay_path(name)].concat()
}

/// Seconds since 1970-01-01 UTC.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "never negative, and far from 2^53"
)]
pub(crate) fn unix_time_s() -> u64 {
    (Date::now() / 1_000.0) as u64
}

/// A text percent-encoded for a query (RFC 3986 §3.4).
pub(crate) fn encode_query_value(text: &str) -> String {
    js_sys::encode_uri_component(text).into()
}

/// The address of the relay's WebSocket.
pub(crate) fn websocket_url() -> Option<String> {
    let location = window()?.location();
    let scheme = if location.protocol().ok()? == "https:" {
        "wss://"
    } else {
        "ws://"
    };
    Some([scheme, &location.host().ok()?, &relay_path("ws")].concat())
}

/// The page's origin, such as `http://192.168.1.5:8080`.
pub(crate) fn origin() -> String {
    window()
        .and_then(|window| window.location().origin().ok())
        .unwrap_or_default()
}

/// The port of this page.
pub(crate) fn port() -> String {
    const USUAL: &str = "80";
    let port = window().and_then(|window| window.location().port().ok());
    port.filter(|port| !port.is_empty())
        .unwrap_or_else(|| USUAL.to_owned())
}

/// The name of the page's host, without a port.
pub(crate) fn host_name() -> String {
    let name = window().and_then(|window| window.location().hostname().ok());
    name.unwrap_or_default()
}

/// Whether the page's host is a loopback address or name, which means another machine elsewhere.
pub(crate) fn is_loopback() -> bool {
    let name = host_name();
    name == "localhost" || name.starts_with("127.") || name == "[::1]"
}

/// The browser's window as a target of listeners.
pub(crate) fn event_target() -> Option<EventTarget> {
    window().map(Into::into)
}

/// The code of a class in the page's path `/c/{code}`.
pub(crate) fn class_code_in_path() -> Option<String> {
    match Address::of(&path()).opens {
        Opens::Class(code) => Some(code.to_owned()),
        Opens::Lab | Opens::Saved(_) => None,
    }
}

/// Whether the page's path is that of a saved trace, `/t/{link}`.
pub(crate) fn is_at_saved_trace() -> bool {
    matches!(Address::of(&path()).opens, Opens::Saved(_))
}

/// Takes the token of a teacher's link out of the page's address, so that nobody reads it from the screen.
pub(crate) fn take_teacher_token() -> Option<String> {
    let window = window()?;
    let hash = window.location().hash().ok()?;
    let token = hash.strip_prefix("#teacher=")?;
    if let Ok(history) = window.history() {
        let bare = window.location().pathname().ok();
        let nothing = JsValue::NULL;
        history
            .replace_state_with_url(&nothing, "", bare.as_deref())
            .ok();
    }
    Some(token.to_owned())
}

/// Requests the files of texts and the whole page from `start.js`, each once.
pub(crate) struct Fetcher {
    fetch: Function,
    requested: Vec<&'static str>,
}

impl Fetcher {
    pub(crate) const fn new(fetch: Function) -> Self {
        Self {
            fetch,
            requested: Vec::new(),
        }
    }

    /// Requests a file; `add_text` gets it.
    pub(crate) fn request(&mut self, file: TextFile) {
        self.request_once(file.path());
    }

    /// Requests the whole page, which replaces the first part.
    pub(crate) fn request_whole_page(&mut self) {
        self.request_once("app.js");
    }

    fn request_once(&mut self, name: &'static str) {
        if self.requested.contains(&name) {
            return;
        }
        self.requested.push(name);
        let name = JsValue::from_str(name);
        self.fetch.call1(&JsValue::UNDEFINED, &name).ok();
    }
}

/// A timer; a new setting replaces the last.
pub(crate) struct Timer {
    callback: Closure<dyn FnMut()>,
    set: Option<i32>,
}

impl Timer {
    pub(crate) fn new(callback: impl FnMut() + 'static) -> Self {
        Self {
            callback: Closure::new(callback),
            set: None,
        }
    }

    /// Calls back after this number of milliseconds, or not at all.
    pub(crate) fn set(&mut self, after: Option<Millis>) {
        let Some(window) = window() else { return };
        if let Some(set) = self.set.take() {
            window.clear_timeout_with_handle(set);
        }
        let Some(after) = after else { return };
        let after = i32::try_from(after).unwrap_or(i32::MAX);
        let callback = self.callback.as_ref().unchecked_ref();
        self.set = window
            .set_timeout_with_callback_and_timeout_and_arguments_0(callback, after)
            .ok();
    }
}

/// A request for the next frame, made at most once a frame.
pub(crate) struct Frame {
    draw: Closure<dyn FnMut()>,
    requested: bool,
}

impl Frame {
    pub(crate) fn new(draw: impl FnMut() + 'static) -> Self {
        Self {
            draw: Closure::new(draw),
            requested: false,
        }
    }

    /// Requests the next frame.
    pub(crate) fn request(&mut self) {
        if self.requested {
            return;
        }
        let asked = window()
            .map(|window| window.request_animation_frame(self.draw.as_ref().unchecked_ref()));
        self.requested = matches!(asked, Some(Ok(_)));
    }

    /// The requested frame has begun.
    pub(crate) const fn begin(&mut self) {
        self.requested = false;
    }
}
