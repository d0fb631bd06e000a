//! The relay's front door: the page, the WebSocket handshakes, and what operators look at.

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
use tokio::sync::mpsc;

pub use accept::accept;
pub use downloads::Downloads;

use crate::{admission::Trust, metrics::Metrics, session::Command};

/// What every request handler may use. Sessions live on the event loop; a handler only hands visitors over.
#[derive(Debug)]
pub struct AppState {
    /// Where visitors go once their handshake is done, and whoever wants a file.
    pub commands: mpsc::UnboundedSender<Command>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Whom the relay trusts.
    pub trust: Trust,
    /// Traces on their way as files.
    pub downloads: Downloads,
    /// Host names the relay answers to besides addresses and `localhost`.
    pub allow_host: Vec<String>,
    /// Where the learner's own server is to be, if the relay runs none.
    pub external_server: Option<SocketAddr>,
    /// Where other machines reach the relay, as far as it can know.
    pub network_url: Option<String>,
}

/// Everything the relay answers over HTTP.
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
    assets::respond(path, headers).unwrap_or_else(|| {
        (
            StatusCode::NOT_FOUND,
            "There is nothing here. The page is at /\n",
        )
            .into_response()
    })
}

async fn metrics(State(state): State<Arc<AppState>>) -> Response {
    readiness::probe_servers(&state);
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], state.metrics.text()).into_response()
}

impl AppState {
    fn send(&self, command: Command) {
        // The receiver is gone only while the relay ends; then there is nobody to go to.
        self.commands.send(command).ok();
    }

    fn count_request(&self) {
        self.metrics.requests.fetch_add(1, Relaxed);
    }
}
