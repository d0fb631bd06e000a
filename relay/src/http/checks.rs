//! Checks of every request's `Host` and `Origin`, and the security headers of every response.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::AppState;
use crate::admission::{is_allowed_host, is_same_origin};

/// Allows only the relay's own page to run, and no other page to frame it. `wasm-unsafe-eval` allows WebAssembly and no
/// other evaluation (CSP Level 3).
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self'; \
    font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

const SECURITY_HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// Middleware: refuses requests whose `Host` is not accepted or whose `Origin`, if present, is not the relay's page.
pub(super) async fn admit(
    State(state): State<Arc<AppState>>,
    request: Request,
    next: Next,
) -> Response {
    state.count_request();
    let mut response = match refusal(&state, &request) {
        Some(refusal) => refusal.into_response(),
        None => next.run(request).await,
    };
    for (name, value) in SECURITY_HEADERS {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

fn refusal(state: &AppState, request: &Request) -> Option<(StatusCode, String)> {
    let text = |name| {
        request
            .headers()
            .get(name)
            .map(|value: &HeaderValue| value.to_str().unwrap_or_default())
    };
    let host = text(header::HOST).unwrap_or_default();
    if !is_allowed_host(host, &state.allow_host) {
        let message = format!(
            "This relay does not accept the host name {host:?}. To allow it, start the relay with --allow-host NAME\n"
        );
        return Some((StatusCode::MISDIRECTED_REQUEST, message));
    }
    match text(header::ORIGIN) {
        Some(origin) if !is_same_origin(origin, host) => Some((
            StatusCode::FORBIDDEN,
            format!("Pages of {origin:?} may not use this relay\n"),
        )),
        _ => None,
    }
}
