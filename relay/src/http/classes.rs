//! `/c/{code}/qr.svg`: a class's link as a QR code, for cameras in a classroom.

use std::sync::Arc;

use axum::{
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use fast_qr::{QRBuilder, convert::svg::SvgBuilder};
use serde::Deserialize;

use super::Desk;
use crate::{admission::is_of_this_machine, class::normal_code};

/// `?scheme=https` where a proxy before the relay speaks that.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Wish {
    scheme: Option<String>,
}

/// Of any code that could be one: whether there is such a class shows when it is joined.
pub(super) async fn qr(
    State(desk): State<Arc<Desk>>,
    Path(code): Path<String>,
    Query(wish): Query<Wish>,
    headers: HeaderMap,
) -> Response {
    let Some(code) = normal_code(&code) else {
        return (StatusCode::NOT_FOUND, "This is no code of a class\n").into_response();
    };
    let host = headers.get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    let scheme = wish.scheme.filter(|scheme| scheme == "https");
    // No other machine gets anywhere with a name that means itself.
    let origin = match (&desk.reach, is_of_this_machine(host)) {
        (Some(reach), true) => reach.clone(),
        (None, true) => return for_nobody_else(host),
        (_, false) => format!("{}://{host}", scheme.as_deref().unwrap_or("http")),
    };
    match QRBuilder::new(format!("{origin}/c/{code}")).build() {
        Ok(drawn) => {
            let kind = HeaderValue::from_static("image/svg+xml");
            let picture = SvgBuilder::default().to_str(&drawn);
            ([(header::CONTENT_TYPE, kind)], picture).into_response()
        }
        Err(_) => (
            StatusCode::URI_TOO_LONG,
            "This address is too long for a QR code\n",
        )
            .into_response(),
    }
}

/// A code for cameras would lie: they are on other machines.
fn for_nobody_else(host: &str) -> Response {
    let message = format!(
        "Only this machine can open a link to {host}. For others to join, start the relay with --http 0.0.0.0:8080, or \
         open the page under the name of the proxy before it\n"
    );
    (StatusCode::CONFLICT, message).into_response()
}
