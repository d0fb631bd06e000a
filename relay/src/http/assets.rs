//! The embedded page: its files as `build.rs` packed them, and how one of them answers a request.
//! The only room that includes bytes; which route leads here is decided in `http`.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// One file of the page.
#[derive(Debug)]
pub struct Asset {
    /// Where it is served; the page itself is `/`, most others are `/assets/name.hash.ending`.
    pub path: &'static str,
    /// What it is.
    pub content_type: &'static str,
    /// Names the plain bytes; each compressed form has a name of its own.
    pub etag: &'static str,
    /// The path changes with the content, so whoever has it never need ask again.
    pub immutable: bool,
    plain: &'static [u8],
    brotli: Option<Encoded>,
    gzip: Option<Encoded>,
}

/// A compressed form, only there where it is smaller than the plain one.
#[derive(Debug)]
struct Encoded {
    etag: &'static str,
    bytes: &'static [u8],
}

/// The form of an asset that suits one request.
struct Representation {
    coding: Option<&'static str>,
    etag: &'static str,
    bytes: &'static [u8],
}

/// The page in the form for addresses one folder deeper than `/`, such as `/c/{code}`: its references begin with `../`.
pub const PAGE_ONE_FOLDER_DEEPER: &str = "one-folder-deeper/";

/// The file served at `path`, if the page has one there.
pub fn find(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}

/// Answers a GET (or, through axum, a HEAD) for `asset`: smallest form that the asker reads, or 304.
pub fn respond(asset: &Asset, request_headers: &HeaderMap) -> Response {
    let chosen = asset.choose(request_headers);
    let lifetime = if asset.immutable {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let mut response = Response::default();
    let headers = response.headers_mut();
    let mut say = |name, value| headers.insert(name, HeaderValue::from_static(value));
    say(header::CACHE_CONTROL, lifetime);
    say(header::ETAG, chosen.etag);
    say(header::VARY, "accept-encoding");
    if knows(request_headers, chosen.etag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    say(header::CONTENT_TYPE, asset.content_type);
    if let Some(coding) = chosen.coding {
        say(header::CONTENT_ENCODING, coding);
    }
    headers.insert(header::CONTENT_LENGTH, chosen.bytes.len().into());
    *response.body_mut() = Body::from(chosen.bytes);
    response
}

impl Asset {
    /// The form that the asker wants most; the smaller one where it has no preference. Plain is never
    /// refused: to somebody who forbids everything it is still more use than an error.
    fn choose(&self, request: &HeaderMap) -> Representation {
        let mut chosen = Representation {
            coding: None,
            etag: self.etag,
            bytes: self.plain,
        };
        let mut most = weight(request, "identity").unwrap_or(0);
        for (coding, form) in [("gzip", &self.gzip), ("br", &self.brotli)] {
            let wish = weight(request, coding)
                .or_else(|| weight(request, "*"))
                .unwrap_or(0);
            if let Some(form) = form
                && wish > 0
                && wish >= most
            {
                chosen = Representation {
                    coding: Some(coding),
                    etag: form.etag,
                    bytes: form.bytes,
                };
                most = wish;
            }
        }
        chosen
    }
}

/// How much the asker wants `coding`, in thousandths; `None` where `Accept-Encoding` does not name it.
fn weight(request: &HeaderMap, coding: &str) -> Option<u16> {
    items(request, &header::ACCEPT_ENCODING).find_map(|item| {
        let mut parts = item.split(';').map(str::trim);
        let named = parts.next()?.eq_ignore_ascii_case(coding);
        let quality = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        named.then(|| quality.map_or(1000, |quality| thousandths(quality).unwrap_or(0)))
    })
}

/// Reads `1`, `0.5`, `0.333`: at most three decimals, at most one.
fn thousandths(quality: &str) -> Option<u16> {
    let (whole, decimals) = quality.split_once('.').unwrap_or((quality, ""));
    let digits = decimals.len() <= 3 && decimals.bytes().all(|byte| byte.is_ascii_digit());
    match whole {
        "0" if digits => format!("{decimals:0<3}").parse().ok(),
        "1" if digits && decimals.bytes().all(|byte| byte == b'0') => Some(1000),
        _ => None,
    }
}

/// Whether the asker already holds what `etag` names; compared weakly, as `If-None-Match` demands.
fn knows(request: &HeaderMap, etag: &str) -> bool {
    items(request, &header::IF_NONE_MATCH)
        .any(|item| item == "*" || item.strip_prefix("W/").unwrap_or(item) == etag)
}

/// The members of a list header, however many lines it came in.
fn items<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    let lines = headers
        .get_all(name)
        .into_iter()
        .filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

// What the build script makes of `www/`, for its tests alone: cargo runs none in a build script.
#[cfg(test)]
#[path = "../../build/site/mod.rs"]
mod site;

#[cfg(test)]
mod tests {
    use super::*;

    static SAMPLE: Asset = Asset {
        path: "/assets/sample.0.css",
        content_type: "text/css; charset=utf-8",
        etag: "\"0\"",
        immutable: true,
        plain: b"plain",
        brotli: encoded("\"0-br\"", b"br"),
        gzip: encoded("\"0-gz\"", b"gzip"),
    };

    const fn encoded(etag: &'static str, bytes: &'static [u8]) -> Option<Encoded> {
        Some(Encoded { etag, bytes })
    }

    fn request(name: HeaderName, lines: &[&'static str]) -> HeaderMap {
        lines
            .iter()
            .map(|line| (name.clone(), HeaderValue::from_static(line)))
            .collect()
    }

    fn coding(accepted: &[&'static str]) -> Option<&'static str> {
        SAMPLE
            .choose(&request(header::ACCEPT_ENCODING, accepted))
            .coding
    }

    fn text(response: &Response, name: HeaderName) -> &str {
        let value = response.headers().get(name);
        value.map_or("", |value| value.to_str().expect("text"))
    }

    #[test]
    fn the_smallest_form_that_the_asker_reads() {
        assert_eq!(coding(&["gzip, deflate, br, zstd"]), Some("br"));
        assert_eq!(coding(&["gzip, deflate"]), Some("gzip"));
        assert_eq!(coding(&["GZIP"]), Some("gzip"));
        assert_eq!(coding(&["gzip", "br"]), Some("br"));
        assert_eq!(coding(&["*"]), Some("br"));
        assert_eq!(coding(&["br;q=0, *"]), Some("gzip"));
    }

    #[test]
    fn wishes_count_before_size() {
        assert_eq!(coding(&["br;q=0.5, gzip"]), Some("gzip"));
        assert_eq!(coding(&["br ; Q=0.501,gzip;q=0.5"]), Some("br"));
        assert_eq!(coding(&["identity, br;q=0.9"]), None);
        assert_eq!(coding(&["identity;q=0.5, gzip;q=0.5"]), Some("gzip"));
    }

    #[test]
    fn plain_for_those_who_read_nothing_else() {
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
    fn a_weight_that_is_none_is_no_wish() {
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
    fn a_form_says_what_it_is() {
        let response = respond(&SAMPLE, &request(header::ACCEPT_ENCODING, &["br"]));
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
        let plain = respond(&SAMPLE, &HeaderMap::new());
        assert_eq!(text(&plain, header::CONTENT_ENCODING), "");
        assert_eq!(text(&plain, header::CONTENT_LENGTH), "5");
    }

    #[test]
    fn who_has_it_is_not_sent_it_again() {
        for held in ["\"0\"", "W/\"0\"", "\"x\", \"0\"", "*"] {
            let response = respond(&SAMPLE, &request(header::IF_NONE_MATCH, &[held]));
            assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{held}");
            assert_eq!(text(&response, header::ETAG), "\"0\"");
            assert_eq!(text(&response, header::CONTENT_TYPE), "");
            assert_eq!(
                axum::body::HttpBody::size_hint(response.body()).exact(),
                Some(0)
            );
        }
        for held in ["", "0", "\"x\"", "\"0-br\""] {
            let response = respond(&SAMPLE, &request(header::IF_NONE_MATCH, &[held]));
            assert_eq!(response.status(), StatusCode::OK, "{held}");
        }
        let mut both = request(header::IF_NONE_MATCH, &["\"y\"", "\"0-gz\""]);
        both.extend(request(header::ACCEPT_ENCODING, &["gzip"]));
        assert_eq!(respond(&SAMPLE, &both).status(), StatusCode::NOT_MODIFIED);
    }

    #[test]
    fn the_page_is_complete() {
        let index = find("/").expect("a page");
        assert!(!index.immutable && index.content_type.starts_with("text/html"));
        let page = str::from_utf8(index.plain).expect("text");
        for (start, content_type) in [
            ("/assets/first.", "text/javascript; charset=utf-8"),
            ("/assets/first_bg.", "application/wasm"),
        ] {
            let asset = ASSETS
                .iter()
                .find(|asset| asset.path.starts_with(start))
                .expect(start);
            assert_eq!(asset.content_type, content_type);
            assert!(
                asset.immutable && page.contains(&asset.path[1..]),
                "{}",
                asset.path
            );
        }
        let deeper = find(PAGE_ONE_FOLDER_DEEPER).expect("its second form");
        let deeper = str::from_utf8(deeper.plain).expect("text");
        assert!(
            deeper.contains("\"../assets/") && !deeper.contains("\"assets/"),
            "{deeper:.2000}"
        );
        assert!(
            find("/index.html").is_none() && find("/assets/app.js").is_none() && find("").is_none()
        );
    }
}
