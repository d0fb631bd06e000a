//! The only room that touches WebSocket. It carries texts; the model reads them.

use shared::PROTOCOL_V1;
use wasm_bindgen::JsCast;
use web_sys::{MessageEvent, WebSocket};

use crate::dom::Listener;

/// A WebSocket that is open or connecting. Dropping it closes it and removes its listeners.
pub(crate) struct Socket {
    /// `None` after [`Socket::into_inner`].
    socket: Option<WebSocket>,
    _listeners: [Listener; 2],
}

impl Socket {
    /// Opens a WebSocket. `on_message` gets each text; `on_close` is called once, also if it never opened.
    pub(crate) fn open(
        url: &str,
        on_message: impl Fn(String) + 'static,
        on_close: impl Fn() + 'static,
    ) -> Option<Self> {
        let socket = WebSocket::new_with_str(url, PROTOCOL_V1).ok()?;
        Some(Self::from_open(socket, on_message, on_close))
    }

    /// Wraps a WebSocket that is open already.
    pub(crate) fn from_open(
        socket: WebSocket,
        on_message: impl Fn(String) + 'static,
        on_close: impl Fn() + 'static,
    ) -> Self {
        let on_message = Listener::on(&socket, "message", move |event| {
            if let Some(text) = event
                .dyn_ref::<MessageEvent>()
                .and_then(|event| event.data().as_string())
            {
                on_message(text);
            }
        });
        let close_listener = Listener::on(&socket, "close", move |_| on_close());
        Self {
            socket: Some(socket),
            _listeners: [on_message, close_listener],
        }
    }

    /// Returns the WebSocket without closing it.
    pub(crate) fn into_inner(mut self) -> Option<WebSocket> {
        self.socket.take()
    }

    /// Sends a text. It is lost if the socket is closing, which `on_close` reports.
    pub(crate) fn send(&self, text: &str) {
        if let Some(socket) = &self.socket {
            socket.send_with_str(text).ok();
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Some(socket) = &self.socket {
            socket.close().ok();
        }
    }
}
