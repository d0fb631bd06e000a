//! The only room that touches WebSocket. It carries texts; what they mean is the model's matter.

use shared::PROTOCOL;
use wasm_bindgen::JsCast;
use web_sys::{MessageEvent, WebSocket};

use crate::dom::Listener;

/// An open WebSocket, or one on its way. Dropped, it is closed and heard of no more.
pub(crate) struct Socket {
    /// None once it was given away.
    socket: Option<WebSocket>,
    _listeners: [Listener; 2],
}

impl Socket {
    /// Opens one. `heard` gets each text; `closed` comes once, also where it never opened.
    pub(crate) fn open(
        url: &str,
        heard: impl Fn(String) + 'static,
        closed: impl Fn() + 'static,
    ) -> Option<Self> {
        let socket = WebSocket::new_with_str(url, PROTOCOL).ok()?;
        Some(Self::adopt(socket, heard, closed))
    }

    /// Takes over one that is open already.
    pub(crate) fn adopt(
        socket: WebSocket,
        heard: impl Fn(String) + 'static,
        closed: impl Fn() + 'static,
    ) -> Self {
        let on_message = Listener::on(&socket, "message", move |event| {
            if let Some(text) = event
                .dyn_ref::<MessageEvent>()
                .and_then(|event| event.data().as_string())
            {
                heard(text);
            }
        });
        let on_close = Listener::on(&socket, "close", move |_| closed());
        Self {
            socket: Some(socket),
            _listeners: [on_message, on_close],
        }
    }

    /// Gives it away as it is.
    pub(crate) fn give_away(mut self) -> Option<WebSocket> {
        self.socket.take()
    }

    /// Says something. To a socket that closes it is lost; that it closes is told by `closed`.
    pub(crate) fn say(&self, text: &str) {
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
