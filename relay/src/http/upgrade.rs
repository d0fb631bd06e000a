//! WebSocket handshakes (RFC 6455 §4.2). After the handshake the connection leaves this room: `session` serves it.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use hyper::upgrade::{OnUpgrade, Parts};
use hyper_util::rt::TokioIo;
use shared::{PROTOCOL_V1, PROTOCOL_V2, call::Transport};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{AppState, write_timeout::WriteTimeout};
use crate::{
    admission::{ClientOrigin, Peer},
    session::{Command, Encoding, Protocol, Purpose, UpgradedConnection},
};

/// The error for a request without the headers of a WebSocket handshake.
const NOT_A_WEBSOCKET: &str =
    "this path serves WebSockets only, and the request is not a WebSocket handshake";

/// `GET /ws`: a page's connection. If the client offers subprotocols, one of the relay's must be among them.
pub(super) async fn conversation(State(state): State<Arc<AppState>>, request: Request) -> Response {
    let offered = elements(request.headers(), &header::SEC_WEBSOCKET_PROTOCOL);
    let chosen = Protocol::choose(offered.iter().map(String::as_str));
    if !offered.is_empty() && chosen.is_none() {
        return refused(&format!(
            "the subprotocol must be {PROTOCOL_V2} or {PROTOCOL_V1}, but the client offered {}",
            offered.join(", ")
        ));
    }
    let purpose = Purpose::Conversation(chosen.unwrap_or_default());
    upgrade(purpose, chosen.map(Protocol::name), &state, request)
}

/// `POST /ws`: browsers hide the response to a failed handshake from the page, so the page requests the reason with a
/// POST. Browsers send the `Origin` with a POST, so the same checks refuse it.
pub(super) async fn plain_request() -> Response {
    refused(NOT_A_WEBSOCKET)
}

/// `GET /raw/…`: a bridge. Accepts the subprotocols `binary` and `base64`. Others are not chosen, because the server
/// behind the bridge does not speak them (RFC 6455 §4.2.2); a browser then reports why it cannot connect.
pub(super) fn bridge(transport: Transport, state: &Arc<AppState>, request: Request) -> Response {
    let offered = elements(request.headers(), &header::SEC_WEBSOCKET_PROTOCOL);
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
            Purpose::Conversation(_) => {
                (state.trust).origin(peer, request.version(), request.headers())
            }
            Purpose::Bridge(..) => state.trust.origin_without_rights(peer, request.headers()),
        });
    let (Some(upgrading), Some(from)) = (request.extensions_mut().remove::<OnUpgrade>(), from)
    else {
        return refused("this connection cannot be upgraded; use HTTP/1.1");
    };
    tokio::task::spawn_local(forward_upgraded(
        purpose,
        upgrading,
        from,
        Arc::clone(state),
    ));
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

async fn forward_upgraded(
    purpose: Purpose,
    upgrading: OnUpgrade,
    from: ClientOrigin,
    state: Arc<AppState>,
) {
    // A client that disconnects during the handshake is ignored.
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
    let has_element = |name, element: &str| {
        elements(headers, &name)
            .iter()
            .any(|found| found.eq_ignore_ascii_case(element))
    };
    if !has_element(header::CONNECTION, "upgrade") || !has_element(header::UPGRADE, "websocket") {
        return Err(NOT_A_WEBSOCKET);
    }
    if !has_element(header::SEC_WEBSOCKET_VERSION, "13") {
        return Err("the header Sec-WebSocket-Version must be 13");
    }
    let key = headers
        .get(header::SEC_WEBSOCKET_KEY)
        .ok_or("the header Sec-WebSocket-Key is missing")?;
    HeaderValue::from_str(&derive_accept_key(key.as_bytes()))
        .map_err(|_| "the header Sec-WebSocket-Key is invalid")
}

/// Returns the comma-separated elements of a header, over all its lines.
fn elements(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let lines = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok());
    lines
        .flat_map(|line| line.split(','))
        .map(|element| element.trim().to_owned())
        .filter(|element| !element.is_empty())
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
