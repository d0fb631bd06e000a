//! `/t/{link}`: the page, which then fetches the saved trace from `/t/{link}/trace.json`. Whoever has the link may
//! read it.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use tokio::sync::oneshot;

use super::{AppState, asset, assets::PAGE_ONE_FOLDER_DEEPER};
use crate::{admission::Peer, session::Command};

pub(super) async fn page(headers: HeaderMap) -> Response {
    asset(PAGE_ONE_FOLDER_DEEPER, &headers)
}

/// Redirects `/c/{code}/` to `/c/{code}`: the page finds the relay by the folder it is in. The new address is
/// relative (RFC 9110 §10.2.2), so it also holds under a path of a proxy.
pub(super) async fn without_last_slash(uri: Uri) -> Response {
    let path = uri.path().trim_end_matches('/');
    let last = path.rsplit('/').next().unwrap_or_default();
    let address = format!("../{last}");
    match HeaderValue::from_str(&address) {
        Ok(address) => (
            StatusCode::PERMANENT_REDIRECT,
            [(header::LOCATION, address)],
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
    let (wanted, coming) = oneshot::channel();
    state.send(Command::ReadLink(link, wanted));
    match coming.await {
        Ok(trace) => {
            let headers = [
                (
                    header::CONTENT_TYPE,
                    HeaderValue::from_static("application/json"),
                ),
                (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            ];
            (headers, permit.body(trace)).into_response()
        }
        Err(_) => (
            StatusCode::NOT_FOUND,
            "No trace is saved under this link: it has expired or was deleted\n",
        )
            .into_response(),
    }
}
