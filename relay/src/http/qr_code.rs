//! `/c/{code}/qr.svg`: a class's link as a QR code.

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

/// Maximum bytes of a link. A camera at the back of a classroom cannot read the code of a longer one.
const MAX_LINK_BYTES: usize = 512;

/// `?link=…`: the class's link as the page shows it. Only the page knows a proxy's path, and whether the proxy uses
/// https.
#[derive(Debug, Default, Deserialize)]
pub(super) struct QrParams {
    link: Option<String>,
}

/// Responds for every well-formed code, whether or not a class has it.
pub(super) async fn qr_code(
    State(state): State<Arc<AppState>>,
    Path(code): Path<String>,
    Query(params): Query<QrParams>,
    headers: HeaderMap,
) -> Response {
    let Some(code) = normalize_code(&code) else {
        return (StatusCode::NOT_FOUND, "This is not a class code\n").into_response();
    };
    let host = headers.get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    let network_url = state.network_url.as_deref();
    let link = match params.link {
        Some(link) if !is_class_link(&code, &link, host, network_url) => {
            return (
                StatusCode::BAD_REQUEST,
                "This link does not lead to the class on this relay\n",
            )
                .into_response();
        }
        Some(link) => link,
        None => match network_url.filter(|_| is_loopback_host(host)) {
            Some(network_url) => format!("{network_url}/c/{code}"),
            None => format!("http://{host}/c/{code}"),
        },
    };
    // Other machines cannot use a loopback host.
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
            "This link is too long for a QR code\n",
        )
            .into_response(),
    }
}

/// The response for a link that only works on this machine.
fn unreachable_link(host: &str) -> Response {
    let message = format!(
        "Only this machine can open a link to {host}. To let others join, start the relay with --http 0.0.0.0:8080, or \
         open the page under the name of its proxy\n"
    );
    (StatusCode::CONFLICT, message).into_response()
}

/// Whether `link` leads to the class with this code on this relay, under any path. The relay draws no links to other
/// sites.
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

/// Returns the host and port of an http or https link.
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
