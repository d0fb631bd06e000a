//! The HTTP server: the embedded page, WebSocket handshakes, exports, and `/healthz`, `/readyz` and `/metrics` for
//! operators.
//!
//! Handlers are `Send`, but sessions live on the event loop and are not. Therefore a handler sends each upgraded
//! connection, and each request for a trace, through a channel (`AppState::send`) to `start`, which serves it on the
//! event loop. What happens on a WebSocket is in `session`; who is admitted is decided in `admission`.

mod accept;
pub mod assets;
mod checks;
mod connections;
mod downloads;
mod export;
mod links;
mod qr_code;
mod readiness;
mod refusal;
mod upgrade;
mod write_timeout;

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use shared::call::Transport;
use tokio::sync::{mpsc, oneshot};

pub use accept::accept;
pub use downloads::Downloads;

use crate::{admission::Trust, metrics::Metrics, session::Command};

/// The state that all request handlers share.
#[derive(Debug)]
pub struct AppState {
    /// Channel to the event loop, for upgraded connections and requests that need its state.
    pub commands: mpsc::UnboundedSender<Command>,
    /// The relay's counters.
    pub metrics: Arc<Metrics>,
    /// The trusted proxies and users.
    pub trust: Trust,
    /// Quota of concurrent downloads.
    pub downloads: Downloads,
    /// Accepted host names besides addresses and `localhost`.
    pub allow_host: Vec<String>,
    /// Address of the external server, if the relay runs none of its own.
    pub external_server: Option<SocketAddr>,
    /// URL at which other machines reach the relay, if known.
    pub network_url: Option<String>,
}

/// Returns the router of all HTTP requests.
pub fn router(state: Arc<AppState>) -> Router {
    Router::new()
        .route(
            "/",
            get(|headers: HeaderMap| async move { asset("/", &headers) }),
        )
        .route(
            "/ws",
            get(upgrade::conversation).post(upgrade::plain_request),
        )
        .route("/raw/udp", bridge(Transport::Udp))
        .route("/raw/tcp", bridge(Transport::Tcp))
        .route("/labs/{lab}/{file}", get(export::file))
        .route("/c/{code}", get(links::page))
        .route("/c/{code}/", get(links::without_last_slash))
        .route("/c/{code}/qr.svg", get(qr_code::qr_code))
        .route("/t/{link}", get(links::page))
        .route("/t/{link}/", get(links::without_last_slash))
        .route("/t/{link}/trace.json", get(links::trace))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readiness::ready))
        .route("/metrics", get(metrics))
        .route(
            "/{*path}",
            get(|Path(path): Path<String>, headers: HeaderMap| async move {
                asset(&format!("/{path}"), &headers)
            }),
        )
        .layer(middleware::from_fn_with_state(
            Arc::clone(&state),
            checks::admit,
        ))
        .with_state(state)
}

fn bridge(transport: Transport) -> MethodRouter<Arc<AppState>> {
    get(
        move |State(state): State<Arc<AppState>>, request| async move {
            upgrade::bridge(transport, &state, request)
        },
    )
}

fn asset(path: &str, headers: &HeaderMap) -> Response {
    assets::respond(path, headers)
        .unwrap_or_else(|| (StatusCode::NOT_FOUND, "Not found. The page is at /\n").into_response())
}

async fn metrics(State(state): State<Arc<AppState>>) -> Response {
    readiness::probe_servers(&state);
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], state.metrics.to_text()).into_response()
}

impl AppState {
    fn send(&self, command: Command) {
        // The receiver is closed only while the relay ends.
        self.commands.send(command).ok();
    }

    /// Sends the command that `with_sender` makes, and waits for its result; `None` if the event loop has none.
    async fn request<T>(
        &self,
        with_sender: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Option<T> {
        let (sender, result) = oneshot::channel();
        self.send(with_sender(sender));
        result.await.ok()
    }

    fn count_request(&self) {
        self.metrics.requests.fetch_add(1, Relaxed);
    }
}
