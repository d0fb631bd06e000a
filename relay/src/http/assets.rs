//! The embedded page: its files as `build.rs` packed them, and the answer to a request for one of them.
//! Only this room includes bytes; `http` decides which route leads here.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// One file of the page.
#[derive(Debug)]
struct Asset {
    /// The path at which it is served: `/` for the page itself, `/assets/<build>/name` for all others.
    path: &'static str,
    content_type: &'static str,
    /// The plain form, and the compressed ones that are smaller, the smallest last.
    forms: &'static [Form],
}

/// The bytes of an asset in one content coding.
#[derive(Debug)]
struct Form {
    coding: &'static str,
    etag: &'static str,
    bytes: &'static [u8],
}

/// The coding of plain bytes.
const IDENTITY: &str = "identity";

/// The page in the form for addresses one folder deeper than `/`, such as `/c/{code}`: its references begin with `../`.
pub const PAGE_ONE_FOLDER_DEEPER: &str = "one-folder-deeper/";

/// Cache lifetime of what is served under its own build's folder.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// Cache lifetime of what another build would serve differently at the same address.
const UNTIL_ASKED: &str = "no-cache";

/// Answers a GET (or, through axum, a HEAD) for `path` with the smallest form that the client accepts, or with 304.
/// `None` if the page has no file there.
pub fn respond(path: &str, request: &HeaderMap) -> Option<Response> {
    let (asset, lifetime) = find(path)?;
    Some(asset.respond(lifetime, request))
}

/// The file served at `path`, with its cache lifetime.
///
/// A page of an earlier build asks in the folder of its own build. It gets this build's texts there, but not its code:
/// the parts of two builds do not fit together.
fn find(path: &str) -> Option<(&'static Asset, &'static str)> {
    let at = |path: &str| ASSETS.iter().find(|asset| asset.path == path);
    if let Some(asset) = at(path) {
        let is_of_a_build = path.starts_with("/assets/");
        return Some((asset, if is_of_a_build { FOR_EVER } else { UNTIL_ASKED }));
    }
    let (_other_build, name) = path.strip_prefix("/assets/")?.split_once('/')?;
    let is_code = name.ends_with(".js") || name.ends_with(".wasm");
    let asset = at(&format!("/assets/{BUILD}/{name}"))?;
    (!is_code).then_some((asset, UNTIL_ASKED))
}

impl Asset {
    fn respond(&self, lifetime: &'static str, request: &HeaderMap) -> Response {
        let chosen = self.choose(request);
        let mut response = Response::default();
        let headers = response.headers_mut();
        let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
        set(header::CACHE_CONTROL, lifetime);
        set(header::ETAG, chosen.etag);
        set(header::VARY, "accept-encoding");
        if has_current(request, chosen.etag) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        set(header::CONTENT_TYPE, self.content_type);
        if chosen.coding != IDENTITY {
            set(header::CONTENT_ENCODING, chosen.coding);
        }
        headers.insert(header::CONTENT_LENGTH, chosen.bytes.len().into());
        *response.body_mut() = Body::from(chosen.bytes);
        response
    }

    /// The form that the client prefers; the smaller one where it has no preference. The plain form is never refused:
    /// even a client that forbids every coding can do more with it than with an error.
    fn choose(&self, request: &HeaderMap) -> &'static Form {
        let weight = |form: &Form| {
            let weight = weight(request, form.coding);
            if form.coding == IDENTITY {
                weight.unwrap_or(0).max(1)
            } else {
                weight.or_else(|| self::weight(request, "*")).unwrap_or(0)
            }
        };
        // Of equal ones, `max_by_key` takes the last.
        self.forms
            .iter()
            .max_by_key(|form| weight(form))
            .unwrap_or(&self.forms[0])
    }
}

/// The weight of `coding` in `Accept-Encoding`, in thousandths (RFC 9110 §12.4.2); `None` if it is not named there.
fn weight(request: &HeaderMap, coding: &str) -> Option<u16> {
    items(request, &header::ACCEPT_ENCODING).find_map(|item| {
        let mut parts = item.split(';').map(str::trim);
        let named = parts.next()?.eq_ignore_ascii_case(coding);
        let quality = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        named.then(|| quality.map_or(1000, |quality| thousandths(quality).unwrap_or(0)))
    })
}

/// Parses a weight such as `1`, `0.5`, `0.333`, which is at most one and has at most three decimals.
fn thousandths(quality: &str) -> Option<u16> {
    let (whole, decimals) = quality.split_once('.').unwrap_or((quality, ""));
    let digits = decimals.len() <= 3 && decimals.bytes().all(|byte| byte.is_ascii_digit());
    match whole {
        "0" if digits => format!("{decimals:0<3}").parse().ok(),
        "1" if digits && decimals.bytes().all(|byte| byte == b'0') => Some(1000),
        _ => None,
    }
}

/// Whether `If-None-Match` names `etag`; the comparison is weak (RFC 9110 §13.1.2).
fn has_current(request: &HeaderMap, etag: &str) -> bool {
    items(request, &header::IF_NONE_MATCH)
        .any(|item| item == "*" || item.strip_prefix("W/").unwrap_or(item) == etag)
}

/// The members of a list header, from all its lines.
fn items<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    let lines = headers
        .get_all(name)
        .into_iter()
        .filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

// Included for its tests alone: cargo runs none in a build script.
#[cfg(test)]
#[path = "../../build/site/mod.rs"]
mod site;

#[cfg(test)]
mod tests {
    use super::*;

    static SAMPLE: Asset = Asset {
        path: "/assets/0/sample.css",
        content_type: "text/css; charset=utf-8",
        forms: &[
            form(IDENTITY, "\"0\"", b"plain"),
            form("gzip", "\"0-gz\"", b"gzip"),
            form("br", "\"0-br\"", b"br"),
        ],
    };

    const fn form(coding: &'static str, etag: &'static str, bytes: &'static [u8]) -> Form {
        Form {
            coding,
            etag,
            bytes,
        }
    }

    fn request(name: HeaderName, lines: &[&'static str]) -> HeaderMap {
        lines
            .iter()
            .map(|line| (name.clone(), HeaderValue::from_static(line)))
            .collect()
    }

    fn coding(accepted: &[&'static str]) -> Option<&'static str> {
        let form = SAMPLE.choose(&request(header::ACCEPT_ENCODING, accepted));
        Some(form.coding).filter(|coding| *coding != IDENTITY)
    }

    fn text(response: &Response, name: HeaderName) -> &str {
        let value = response.headers().get(name);
        value.map_or("", |value| value.to_str().expect("text"))
    }

    #[test]
    fn the_smallest_form_that_the_client_accepts_is_sent() {
        assert_eq!(coding(&["gzip, deflate, br, zstd"]), Some("br"));
        assert_eq!(coding(&["gzip, deflate"]), Some("gzip"));
        assert_eq!(coding(&["GZIP"]), Some("gzip"));
        assert_eq!(coding(&["gzip", "br"]), Some("br"));
        assert_eq!(coding(&["*"]), Some("br"));
        assert_eq!(coding(&["br;q=0, *"]), Some("gzip"));
    }

    #[test]
    fn weights_count_before_size() {
        assert_eq!(coding(&["br;q=0.5, gzip"]), Some("gzip"));
        assert_eq!(coding(&["br ; Q=0.501,gzip;q=0.5"]), Some("br"));
        assert_eq!(coding(&["identity, br;q=0.9"]), None);
        assert_eq!(coding(&["identity;q=0.5, gzip;q=0.5"]), Some("gzip"));
    }

    #[test]
    fn a_client_that_accepts_nothing_else_gets_the_plain_form() {
        for accepted in [
            "",
            "zstd",
            "brotli",
            "br;q=0",
            "br;q=0.000, gzip;q=0.0",
            "*;q=0",
            "identity",
        ] {
            assert_eq!(coding(&[accepted]), None, "{accepted}");
        }
        assert_eq!(coding(&[]), None);
    }

    #[test]
    fn an_invalid_weight_counts_as_zero() {
        for quality in [
            "", ".", "x", "2", "1.001", "-1", "0.+1", "0.1234", "00", "1e0",
        ] {
            assert_eq!(thousandths(quality), None, "{quality}");
        }
        assert_eq!(
            ["0", "0.", "0.04", "1.", "1.000"].map(thousandths),
            [0, 0, 40, 1000, 1000].map(Some)
        );
        assert_eq!(coding(&["br;q=much, gzip;q=0.1"]), Some("gzip"));
    }

    #[test]
    fn the_headers_describe_the_form() {
        let response = SAMPLE.respond(FOR_EVER, &request(header::ACCEPT_ENCODING, &["br"]));
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(text(&response, header::CONTENT_ENCODING), "br");
        assert_eq!(text(&response, header::CONTENT_LENGTH), "2");
        assert_eq!(
            text(&response, header::CONTENT_TYPE),
            "text/css; charset=utf-8"
        );
        assert_eq!(text(&response, header::ETAG), "\"0-br\"");
        assert_eq!(text(&response, header::VARY), "accept-encoding");
        assert_eq!(
            text(&response, header::CACHE_CONTROL),
            "public, max-age=31536000, immutable"
        );
        let plain = SAMPLE.respond(FOR_EVER, &HeaderMap::new());
        assert_eq!(text(&plain, header::CONTENT_ENCODING), "");
        assert_eq!(text(&plain, header::CONTENT_LENGTH), "5");
    }

    #[test]
    fn a_client_that_has_the_current_form_gets_304() {
        for held in ["\"0\"", "W/\"0\"", "\"x\", \"0\"", "*"] {
            let response = SAMPLE.respond(FOR_EVER, &request(header::IF_NONE_MATCH, &[held]));
            assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{held}");
            assert_eq!(text(&response, header::ETAG), "\"0\"");
            assert_eq!(text(&response, header::CONTENT_TYPE), "");
            assert_eq!(
                axum::body::HttpBody::size_hint(response.body()).exact(),
                Some(0)
            );
        }
        for held in ["", "0", "\"x\"", "\"0-br\""] {
            let response = SAMPLE.respond(FOR_EVER, &request(header::IF_NONE_MATCH, &[held]));
            assert_eq!(response.status(), StatusCode::OK, "{held}");
        }
        let mut both = request(header::IF_NONE_MATCH, &["\"y\"", "\"0-gz\""]);
        both.extend(request(header::ACCEPT_ENCODING, &["gzip"]));
        assert_eq!(
            SAMPLE.respond(FOR_EVER, &both).status(),
            StatusCode::NOT_MODIFIED
        );
    }

    #[test]
    fn the_page_is_complete() {
        let (index, lifetime) = find("/").expect("a page");
        assert_eq!(lifetime, UNTIL_ASKED);
        assert!(index.content_type.starts_with("text/html"));
        let page = str::from_utf8(index.forms[0].bytes).expect("text");
        for (name, content_type) in [
            ("first.js", "text/javascript; charset=utf-8"),
            ("first_bg.wasm", "application/wasm"),
            ("style.css", "text/css; charset=utf-8"),
        ] {
            let path = format!("/assets/{BUILD}/{name}");
            let (asset, lifetime) = find(&path).expect(name);
            assert_eq!((asset.content_type, lifetime), (content_type, FOR_EVER));
            assert!(page.contains(&format!("\"{}\"", &path[1..])), "{path}");
        }
        let (deeper, _) = find(PAGE_ONE_FOLDER_DEEPER).expect("its second form");
        let deeper = str::from_utf8(deeper.forms[0].bytes).expect("text");
        assert!(
            deeper.contains("\"../assets/") && !deeper.contains("\"assets/"),
            "{deeper:.2000}"
        );
        for path in ["/index.html", "/assets/app.js", "/assets/", ""] {
            assert!(find(path).is_none(), "{path}");
        }
    }

    #[test]
    fn a_page_of_an_earlier_build_gets_texts_but_no_code() {
        let lifetime = |name: &str| Some(find(&format!("/assets/0123/{name}"))?.1);
        assert_eq!(lifetime("text/zh.json"), Some(UNTIL_ASKED));
        for name in ["app.js", "app_bg.wasm", "index.html", "nothing.json"] {
            assert_eq!(lifetime(name), None, "{name}");
        }
    }
}
