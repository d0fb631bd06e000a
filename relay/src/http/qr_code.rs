//! `/c/{code}/qr.svg`: a class's link as a QR code, for cameras in a classroom.

use std::sync::Arc;

use axum::{
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use fast_qr::{QRBuilder, convert::svg::SvgBuilder};
use serde::Deserialize;

use super::AppState;
use crate::{admission::is_loopback_host, class::normalize_code};

/// The longest link that is drawn, in bytes: more would be too fine for a camera at the back of a classroom.
const MAX_LINK_BYTES: usize = 512;

/// `?link=…`: the class's link as the page shows it. The page knows the path that a proxy serves it under, and
/// whether the proxy speaks https; the relay knows neither.
#[derive(Debug, Default, Deserialize)]
pub(super) struct QrParams {
    link: Option<String>,
}

/// Of any code that could be one: whether there is such a class shows when it is joined.
pub(super) async fn qr_code(
    State(state): State<Arc<AppState>>,
    Path(code): Path<String>,
    Query(params): Query<QrParams>,
    headers: HeaderMap,
) -> Response {
    let Some(code) = normalize_code(&code) else {
        return (StatusCode::NOT_FOUND, "This is no code of a class\n").into_response();
    };
    let host = headers.get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    let network_url = state.network_url.as_deref();
    let link = match params.link {
        Some(link) if !is_class_link(&code, &link, host, network_url) => {
            return (
                StatusCode::BAD_REQUEST,
                "This is no link to the class on this relay\n",
            )
                .into_response();
        }
        Some(link) => link,
        None => match network_url.filter(|_| is_loopback_host(host)) {
            Some(network_url) => format!("{network_url}/c/{code}"),
            None => format!("http://{host}/c/{code}"),
        },
    };
    // No other machine gets anywhere with a name that means itself.
    if authority(&link).is_some_and(is_loopback_host) {
        return unreachable_link(host);
    }
    match QRBuilder::new(link).build() {
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
fn unreachable_link(host: &str) -> Response {
    let message = format!(
        "Only this machine can open a link to {host}. For others to join, start the relay with --http 0.0.0.0:8080, or \
         open the page under the name of the proxy before it\n"
    );
    (StatusCode::CONFLICT, message).into_response()
}

/// Whether `link` leads to the class with this code on this relay, under whatever path: nobody gets a picture of
/// another site's address from here.
fn is_class_link(code: &str, link: &str, host: &str, network_url: Option<&str>) -> bool {
    let Some(root) = link
        .strip_suffix(code)
        .and_then(|root| root.strip_suffix("/c/"))
    else {
        return false;
    };
    let named = authority(link);
    let is_ours = named.is_some_and(|named| named.eq_ignore_ascii_case(host))
        || named.is_some() && named == network_url.and_then(authority);
    is_ours && link.len() <= MAX_LINK_BYTES && root.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The host and port of an http or https link.
fn authority(link: &str) -> Option<&str> {
    let rest = link
        .strip_prefix("http://")
        .or_else(|| link.strip_prefix("https://"))?;
    rest.split('/').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_to_the_class_on_this_relay_are_drawn() {
        let network_url = Some("http://192.168.1.5:8080");
        let leads = |link| is_class_link("K7XM3P", link, "lab.example", network_url);
        for own in [
            "http://lab.example/c/K7XM3P",
            "https://LAB.example/c/K7XM3P",
            "https://lab.example/a/b/c/K7XM3P",
            "http://192.168.1.5:8080/c/K7XM3P",
        ] {
            assert!(leads(own), "{own}");
        }
        let long = format!("http://lab.example/{}/c/K7XM3P", "x".repeat(MAX_LINK_BYTES));
        for other in [
            "http://evil.example/c/K7XM3P",
            "http://lab.example@evil.example/c/K7XM3P",
            "http://lab.example.evil.example/c/K7XM3P",
            "http://evil.example/lab.example/c/K7XM3P",
            "http://lab.example/c/K7XM3Q",
            "http://lab.example/a b/c/K7XM3P",
            "javascript:alert(1)//lab.example/c/K7XM3P",
            "//lab.example/c/K7XM3P",
            "lab.example/c/K7XM3P",
            "",
            &long,
        ] {
            assert!(!leads(other), "{other}");
        }
    }
}
