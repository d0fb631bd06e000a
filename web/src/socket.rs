//! The only room that touches WebSocket. It carries texts; what they mean is the model's matter.

use shared::PROTOCOL;
use wasm_bindgen::JsCast;
use web_sys::{MessageEvent, WebSocket};

use crate::dom::Listener;

/// An open WebSocket, or one on its way. Dropped, it is on_close and on_message of no more.
pub(crate) struct Socket {
    /// None once it was given away.
    socket: Option<WebSocket>,
    _listeners: [Listener; 2],
}

impl Socket {
    /// Opens one. `on_message` gets each text; `on_close` comes once, also where it never opened.
    pub(crate) fn open(
        url: &str,
        on_message: impl Fn(String) + 'static,
        on_close: impl Fn() + 'static,
    ) -> Option<Self> {
        let socket = WebSocket::new_with_str(url, PROTOCOL).ok()?;
        Some(Self::from_open(socket, on_message, on_close))
    }

    /// Takes over one that is open already.
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

    /// Gives it away as it is.
    pub(crate) fn into_inner(mut self) -> Option<WebSocket> {
        self.socket.take()
    }

    /// Says something. To a socket that closes it is lost; that it closes is told by `on_close`.
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
