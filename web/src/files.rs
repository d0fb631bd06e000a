//! Files in and out of the browser, requests to the relay, and the clipboard.

use std::cell::RefCell;

use js_sys::{Array, Uint8Array};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{
    Blob, BlobPropertyBag, DragEvent, Event, File, FileList, FileReader, HtmlAnchorElement,
    HtmlInputElement, Url, XmlHttpRequest,
};

use crate::dom::{self, Listener};

/// Timeout of [`probe`], in milliseconds.
const PROBE_TIMEOUT_MS: u32 = 5_000;

/// A callback of a promise.
type PromiseCallback = Closure<dyn FnMut(JsValue)>;

/// The operations that the browser has not finished; a new one replaces the last of its kind.
#[derive(Default)]
struct Pending {
    download: Option<ObjectUrl>,
    read: Option<PendingRead>,
    fetch: Option<PendingRequest>,
    probe: Option<PendingRequest>,
    copy: Option<[PromiseCallback; 2]>,
}

thread_local! {
    static PENDING: RefCell<Pending> = RefCell::default();
}

/// The object URL of a download, revoked when it is dropped.
struct ObjectUrl(String);

impl Drop for ObjectUrl {
    fn drop(&mut self) {
        Url::revoke_object_url(&self.0).ok();
    }
}

/// A file that is being read.
struct PendingRead {
    _reader: FileReader,
    _end: Listener,
}

/// A request that has no answer yet.
struct PendingRequest {
    request: XmlHttpRequest,
    _end: Listener,
}

/// Downloads a file, as if the user had followed a link to it.
pub(crate) fn download(name: &str, kind: &str, bytes: &[u8]) {
    let options = BlobPropertyBag::new();
    options.set_type(kind);
    let parts = Array::of1(&Uint8Array::from(bytes));
    let blob = Blob::new_with_u8_array_sequence_and_options(&parts, &options);
    let Some(url) = blob
        .ok()
        .and_then(|blob| Url::create_object_url_with_blob(&blob).ok())
    else {
        return;
    };
    let link = dom::document().create_element("a");
    if let Some(link) = link
        .ok()
        .and_then(|link| link.dyn_into::<HtmlAnchorElement>().ok())
    {
        link.set_href(&url);
        link.set_download(name);
        link.click();
    }
    PENDING.with_borrow_mut(|all| all.download = Some(ObjectUrl(url)));
}

/// The file chosen in a field. The field is cleared, so that the same file can be chosen again.
pub(crate) fn chosen_file(field: &web_sys::Element) -> Option<File> {
    let field = field.dyn_ref::<HtmlInputElement>()?;
    let file = first(field.files());
    field.set_value("");
    file
}

/// The file dropped onto the page.
pub(crate) fn dropped_file(event: &Event) -> Option<File> {
    let dragged = event.dyn_ref::<DragEvent>()?.data_transfer()?;
    first(dragged.files())
}

/// Whether files are dragged, and not a text.
pub(crate) fn are_dragged(event: &Event) -> bool {
    let dragged = event
        .dyn_ref::<DragEvent>()
        .and_then(DragEvent::data_transfer);
    dragged.is_some_and(|dragged| dragged.types().includes(&"Files".into(), 0))
}

fn first(files: Option<FileList>) -> Option<File> {
    files?.get(0)
}

/// The length of a file in bytes.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "never negative, and below 2^53"
)]
pub(crate) fn len(file: &File) -> u64 {
    file.size() as u64
}

/// Reads a file as text; `done` gets `None` if the browser cannot read it.
pub(crate) fn read(file: &File, done: impl Fn(Option<String>) + 'static) {
    let Ok(reader) = FileReader::new() else {
        return done(None);
    };
    let ended = reader.clone();
    let end = Listener::on(&reader, "loadend", move |_| {
        done(ended.result().ok().and_then(|text| text.as_string()));
    });
    reader.read_as_text(file).ok();
    let pending = PendingRead {
        _reader: reader,
        _end: end,
    };
    PENDING.with_borrow_mut(|all| all.read = Some(pending));
}

/// Fetches a file of the relay as text; `done` gets the HTTP status and the text, or `None` without an answer.
pub(crate) fn fetch(path: &str, done: impl Fn(Option<(u16, String)>) + 'static) {
    let pending = request("GET", path, done);
    PENDING.with_borrow_mut(|all| all.fetch = pending);
}

/// Sends a plain request to the relay; `done` as in [`fetch`]. A POST, because browsers send its origin, as with a
/// WebSocket's handshake (Fetch §3.1).
pub(crate) fn probe(path: &str, done: impl Fn(Option<(u16, String)>) + 'static) {
    let pending = request("POST", path, done);
    if let Some(pending) = &pending {
        pending.request.set_timeout(PROBE_TIMEOUT_MS);
    }
    PENDING.with_borrow_mut(|all| all.probe = pending);
}

fn request(
    method: &str,
    path: &str,
    done: impl Fn(Option<(u16, String)>) + 'static,
) -> Option<PendingRequest> {
    let Ok(request) = XmlHttpRequest::new() else {
        done(None);
        return None;
    };
    let ended = request.clone();
    let end = Listener::on(&request, "loadend", move |_| {
        let status = ended.status().ok().filter(|status| *status != 0);
        done(status.zip(ended.response_text().ok().flatten()));
    });
    if request.open(method, path).is_ok() {
        request.send().ok();
    }
    Some(PendingRequest { request, _end: end })
}

/// Copies a text to the clipboard; `done` gets whether the browser allowed it.
pub(crate) fn copy(text: &str, done: impl Fn(bool) + Clone + 'static) {
    let clipboard = web_sys::window().map(|window| window.navigator().clipboard());
    // There is none over plain HTTP, except on localhost (Clipboard API, secure contexts).
    let Some(clipboard) = clipboard.filter(|clipboard| !clipboard.is_undefined()) else {
        return done(false);
    };
    let refused = done.clone();
    let closures = [
        PromiseCallback::new(move |_| done(true)),
        PromiseCallback::new(move |_| refused(false)),
    ];
    let [copy, refused] = &closures;
    let _settled = clipboard.write_text(text).then2(copy, refused);
    PENDING.with_borrow_mut(|all| all.copy = Some(closures));
}
