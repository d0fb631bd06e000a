//! `/c/{code}` and `/t/{link}`: the page for a class and for a saved trace, which the page then fetches from
//! `/t/{link}/trace.json`. Whoever has the link may read the trace.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};

use super::{AppState, asset, assets::PAGE_ONE_FOLDER_DEEPER};
use crate::{admission::Peer, session::Command};

pub(super) async fn page(headers: HeaderMap) -> Response {
    asset(PAGE_ONE_FOLDER_DEEPER, &headers)
}

/// Redirects `/c/{code}/` to `/c/{code}`, because the page finds the relay relative to its own folder. The location is
/// relative (RFC 9110 §10.2.2), so it also works under a proxy's path.
pub(super) async fn without_last_slash(uri: Uri) -> Response {
    let path = uri.path().trim_end_matches('/');
    let last = path.rsplit('/').next().unwrap_or_default();
    let location = format!("../{last}");
    match HeaderValue::from_str(&location) {
        Ok(location) => (
            StatusCode::PERMANENT_REDIRECT,
            [(header::LOCATION, location)],
        )
            .into_response(),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

pub(super) async fn trace(
    State(state): State<Arc<AppState>>,
    Extension(peer): Extension<Peer>,
    Path(link): Path<String>,
    headers: HeaderMap,
) -> Response {
    let address = state.trust.origin_without_rights(&peer, &headers).address;
    let permit = match state.downloads.permit(address).await {
        Ok(permit) => permit,
        Err(busy) => return busy,
    };
    let trace = state.request(|sender| Command::ReadLink(link, sender));
    match trace.await {
        Some(trace) => {
            let headers = [
                (
                    header::CONTENT_TYPE,
                    HeaderValue::from_static("application/json"),
                ),
                (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            ];
            (headers, permit.body(trace)).into_response()
        }
        None => (
            StatusCode::NOT_FOUND,
            "No trace is saved under this link. It may have expired or been deleted\n",
        )
            .into_response(),
    }
}
