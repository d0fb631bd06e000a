//! WebSocket handshakes (RFC 6455 §4.2), after which the connection leaves HTTP and becomes a visitor.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use hyper::upgrade::{OnUpgrade, Parts};
use hyper_util::rt::TokioIo;
use shared::{PROTOCOL, call::Transport};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{AppState, write_timeout::WriteTimeout};
use crate::{
    admission::{ClientOrigin, Peer},
    session::{Command, Encoding, Purpose, UpgradedConnection},
};

/// The answer to a request that asks for no WebSocket, as far as the relay sees.
const NOT_A_WEBSOCKET: &str = "here a WebSocket is expected";

/// `/ws`: our subprotocol, where the visitor names any.
pub(super) async fn conversation(State(state): State<Arc<AppState>>, request: Request) -> Response {
    let offered = words(request.headers(), &header::SEC_WEBSOCKET_PROTOCOL);
    let ours = offered.iter().any(|name| name == PROTOCOL);
    if !offered.is_empty() && !ours {
        return refused(&format!(
            "this conversation is {PROTOCOL}; offered was {}",
            offered.join(", ")
        ));
    }
    let subprotocol = ours.then_some(PROTOCOL);
    upgrade(Purpose::Conversation, subprotocol, &state, request)
}

/// A plain POST to `/ws`: a page that got no WebSocket asks why, because browsers hide the answer to a handshake
/// from it. With a POST they tell its origin, so what refuses the handshake refuses this.
pub(super) async fn plain_request() -> Response {
    refused(NOT_A_WEBSOCKET)
}

/// `/raw/…`: `binary` or `base64`, where the visitor offers one of them. Of others none is chosen: the server behind the
/// bridge does not speak them (RFC 6455 §4.2.2), and a browser then says why it cannot connect.
pub(super) fn bridge(transport: Transport, state: &Arc<AppState>, request: Request) -> Response {
    let offered = words(request.headers(), &header::SEC_WEBSOCKET_PROTOCOL);
    let chosen = Encoding::choose(offered.iter().map(String::as_str));
    let purpose = Purpose::Bridge(transport, chosen.unwrap_or_default());
    upgrade(purpose, chosen.map(Encoding::name), state, request)
}

fn upgrade(
    purpose: Purpose,
    subprotocol: Option<&'static str>,
    state: &Arc<AppState>,
    mut request: Request,
) -> Response {
    let key = match accept_key(request.headers()) {
        Ok(key) => key,
        Err(why) => return refused(why),
    };
    let from = request
        .extensions()
        .get::<Peer>()
        .map(|peer| match purpose {
            Purpose::Conversation => {
                (state.trust).origin(peer, request.version(), request.headers())
            }
            Purpose::Bridge(..) => state.trust.origin_without_rights(peer, request.headers()),
        });
    let (Some(upgrading), Some(from)) = (request.extensions_mut().remove::<OnUpgrade>(), from)
    else {
        return refused("this connection cannot be upgraded");
    };
    tokio::task::spawn_local(hand_over(purpose, upgrading, from, Arc::clone(state)));
    let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, key);
    if let Some(name) = subprotocol {
        let name = HeaderValue::from_static(name);
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, name);
    }
    response
}

async fn hand_over(
    purpose: Purpose,
    upgrading: OnUpgrade,
    from: ClientOrigin,
    state: Arc<AppState>,
) {
    // A visitor who leaves in the middle of the handshake has never come.
    let Ok(upgraded) = upgrading.await else {
        return;
    };
    if let Ok(Parts { io, read_buf, .. }) = upgraded.downcast::<TokioIo<WriteTimeout>>() {
        let (stream, slot) = io.into_inner().into_parts();
        let connection = UpgradedConnection {
            purpose,
            stream,
            slot,
            read_ahead: read_buf.to_vec(),
            origin: from,
        };
        state.send(Command::Serve(connection));
    }
}

fn accept_key(headers: &HeaderMap) -> Result<HeaderValue, &'static str> {
    let says = |name, word: &str| {
        words(headers, &name)
            .iter()
            .any(|said| said.eq_ignore_ascii_case(word))
    };
    if !says(header::CONNECTION, "upgrade") || !says(header::UPGRADE, "websocket") {
        return Err(NOT_A_WEBSOCKET);
    }
    if !says(header::SEC_WEBSOCKET_VERSION, "13") {
        return Err("only WebSocket version 13 is spoken here");
    }
    let key = headers
        .get(header::SEC_WEBSOCKET_KEY)
        .ok_or("the header Sec-WebSocket-Key is missing")?;
    HeaderValue::from_str(&derive_accept_key(key.as_bytes()))
        .map_err(|_| "the header Sec-WebSocket-Key is unusable")
}

/// The comma-separated words of a header, over all its lines.
fn words(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let lines = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok());
    lines
        .flat_map(|line| line.split(','))
        .map(|word| word.trim().to_owned())
        .filter(|word| !word.is_empty())
        .collect()
}

fn refused(why: &str) -> Response {
    let version = [(header::SEC_WEBSOCKET_VERSION, "13")];
    (
        StatusCode::BAD_REQUEST,
        version,
        format!("No WebSocket: {why}\n"),
    )
        .into_response()
}
