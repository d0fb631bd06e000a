//! Behind a real nginx: under a path, with idle connections, and what the page says when no WebSocket opens.

use std::net::Ipv4Addr;

use futures_util::future::join_all;
use serde_json::json;
use shared::{
    call::Transport::{Tcp, Udp},
    saved::Saved,
};
use tests::{
    address_allocator,
    bridge::{Bridge, Crossed},
    browser::Browser,
    faulty_proxy::{Fault, FaultyProxy},
    language::Language,
    proxy::Nginx,
    relay::Relay,
    story::{BrowserOptions, DESK, NO_CONVERSATION, PHONE, in_both_languages_at, story_at},
};

/// The lines that pass WebSockets on.
const UPGRADE: &str = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; \
    proxy_set_header Connection $http_connection;";
/// The directive that passes on the name in the address bar; without it nginx sends the relay's own address.
const NAME: &str = "proxy_set_header Host $http_host;";
/// A name that browsers resolve to 127.0.0.1 (RFC 6761 §6.3), and that is another machine's for the relay.
const HOST: &str = "lab.localhost";
/// The admin token: through a proxy, no client has the rights of the relay's machine.
const TOKEN: &str = "let me teach";

fn start() -> Relay {
    Relay::start(&["--admin-token", TOKEN, "--allow-host", HOST])
}

/// A relay under a path of a proxy, and the URL of its page.
fn under_a_path(relay: &Relay) -> (Nginx, String) {
    // The name leads to 127.0.0.1, and nginx listens on an address of the story's own.
    let free = address_allocator::free_address(Ipv4Addr::LOCALHOST.into());
    let proxy = Nginx::with(&format!(
        "listen {free}; location /a/lab/ {{ proxy_pass http://{}/; {NAME} {UPGRADE} \
         proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; }}",
        relay.http
    ));
    (proxy, format!("http://{HOST}:{}/a/lab/", free.port()))
}

#[tokio::test]
async fn pings_keep_quiet_connections_from_a_proxys_read_timeout() {
    let quiet = async |ping_seconds: &str| {
        let relay = Relay::start(&["--ping-seconds", ping_seconds]);
        let proxy = Nginx::with(&format!(
            "location / {{ proxy_pass http://{}; proxy_read_timeout 3s; {NAME} {UPGRADE} }}",
            relay.http
        ));
        (relay, proxy)
    };
    let (_relay, proxy) = quiet("1").await;
    let visits = ["/ws", "/raw/udp", "/raw/tcp"].map(async |path| {
        let mut bridge = Bridge::open_at(proxy.address, path).await;
        bridge.answers_pings(5).await;
        if path != "/ws" {
            bridge.sends_text("still there").await;
            assert_eq!(bridge.receives_bytes(11).await, b"STILL THERE", "{path}");
        }
    });
    join_all(visits).await;
    // Without pings that proxy cuts: the story could fail.
    let (_relay, proxy) = quiet("3600").await;
    let mut bridge = Bridge::open_at(proxy.address, "/raw/udp").await;
    assert_eq!(bridge.receives().await, Crossed::End(None));
}

#[tokio::test]
async fn under_a_path_of_a_proxy_everything_works() {
    let tell = async |relay: Relay, browser: &Browser, _: &Language| {
        let (_proxy, root) = under_a_path(&relay);
        browser.visits(&root).await;
        browser.exchanges(Udp, "hello", "HELLO").await;
        browser.exchanges(Tcp, "again", "AGAIN").await;

        // A card has its text.
        browser.activates("#view-cards").await;
        browser.activates("#cards-list button").await;
        browser.sees("#card:not([hidden])").await;
        browser
            .waits_until("document.getElementById('card-title').textContent.length > 3")
            .await;
        browser.activates("#view-play").await;

        // A trace is taken along, and saved as a link.
        let json = browser.downloads_file("#export-json").await;
        let saved: Saved = serde_json::from_slice(&json.bytes).expect("a saved trace");
        assert!(!saved.events.is_empty());
        browser.activates("#links-open").await;
        browser.activates("#link-save").await;
        browser.sees("#link-list a").await;
        let link: String = browser
            .reads("document.querySelector('#link-list a').href")
            .await;
        assert!(link.starts_with(&[&root, "t/"].concat()), "{link}");
        browser.visits(&link).await;
        browser.sees("#saved:not([hidden])").await;
        browser.sees("#calls [data-call=sendto]").await;
        browser.activates("#back-to-lab").await;
        browser.waits_until("location.pathname === '/a/lab/'").await;

        // A class is created, its QR code drawn, and joined by its link, with a slash at its end too.
        browser.activates("#view-class").await;
        browser.writes("#class-title-field", "Tuesday").await;
        browser.activates("#class-create-do").await;
        browser.writes("#class-admin-field", TOKEN).await;
        browser.activates("#class-create-do").await;
        browser.sees("body[data-class=teacher]").await;
        browser
            .waits_until("document.getElementById('class-qr').naturalWidth > 0")
            .await;
        let link = browser.text("#class-link").await;
        assert!(link.starts_with(&[&root, "c/"].concat()), "{link}");
        let src = browser
            .asks("document.getElementById('class-qr').src")
            .await;
        let query = format!("?link={}", escaped(&link));
        assert!(
            src.as_str().is_some_and(|src| src.ends_with(&query)),
            "{src} is the code of {link}"
        );
        browser.opens_another(&[&link, "/"].concat()).await;
        browser.sees("#class-join:not([hidden])").await;
        browser.writes("#class-name-field", "Ada").await;
        browser.activates("#class-join-do").await;
        browser.sees("body[data-class=student]").await;
    };
    in_both_languages_at([DESK, PHONE], start, BrowserOptions::default(), tell).await;
}

/// A link as it stands in a query.
fn escaped(link: &str) -> String {
    link.replace(':', "%3A").replace('/', "%2F")
}

/// What stands between a page and its relay, by the path of a proxy at which it does.
fn obstacles(relay: &Relay) -> String {
    let relay = relay.http;
    let page = |path: &str, conversation: String| {
        format!(
            "location /{path}/ {{ proxy_pass http://{relay}/; {NAME} }}\n\
             location = /{path}/ws {{ {conversation} }}\n"
        )
    };
    let to_relay = format!("proxy_pass http://{relay}/ws;");
    [
        page("origin", format!("{to_relay} {UPGRADE}")),
        page(
            "name",
            format!("{to_relay} {UPGRADE} proxy_set_header Host other.example;"),
        ),
        page("missing", "return 404;".to_owned()),
        page("plain", format!("{to_relay} {NAME}")),
        page("gone", "proxy_pass http://127.0.0.1:1/ws;".to_owned()),
        page(
            "other",
            "default_type text/html; return 200 '<p>Hello</p>';".to_owned(),
        ),
    ]
    .concat()
}

#[tokio::test]
async fn a_page_without_a_websocket_says_why() {
    let options = BrowserOptions {
        forgives: NO_CONVERSATION,
        ..BrowserOptions::default()
    };
    let relay = Relay::start(&[]);
    let proxy = Nginx::with(&obstacles(&relay));
    for language in Language::both() {
        let options = BrowserOptions {
            languages: language.wanted,
            ..options
        };
        // Any page will do to begin with.
        story_at(&relay.url(), options, async |browser| {
            for (path, key, gaps) in [
                ("origin", "refused.origin", vec![]),
                (
                    "name",
                    "refused.name",
                    vec![("host", proxy.address.ip().to_string())],
                ),
                (
                    "missing",
                    "refused.not_found",
                    vec![("status", "404".to_owned())],
                ),
                ("plain", "refused.no_upgrade", vec![]),
                (
                    "gone",
                    "refused.gateway",
                    vec![("status", "502".to_owned())],
                ),
                ("other", "refused.other", vec![("status", "200".to_owned())]),
            ] {
                browser.opens(&proxy.url(&format!("/{path}/"))).await;
                let url = format!("ws://{}/{path}/ws", proxy.address);
                let words = format!(
                    " Pages of {:?} may not use this relay",
                    format!("http://{}", proxy.address)
                );
                let mut gaps: Vec<_> = gaps
                    .iter()
                    .map(|(name, value)| (*name, value.as_str()))
                    .collect();
                gaps.extend([("url", url.as_str()), ("words", words.as_str())]);
                let why = language.fills(key, &gaps);
                let said = [language.text("conn.none"), language.text("conn.then"), &why].concat();
                let is_said = format!(
                    "document.getElementById('connection-text')?.textContent === {}",
                    json!(said)
                );
                browser.waits_until(&is_said).await;
                assert!(browser.has("#try-now").await);
            }
        })
        .await;
    }
}

/// The line goes silent, as when a phone leaves its network: the page notices by itself, keeps what is being written
/// and waits in its seat.
#[tokio::test]
async fn a_silent_connection_is_detected_and_replaced() {
    let options = BrowserOptions {
        forgives: NO_CONVERSATION,
        ..BrowserOptions::default()
    };
    let tell = async |relay: Relay, browser: &Browser, language: &Language| {
        let proxy = FaultyProxy::to(relay.http).await;
        browser.visits(&proxy.url()).await;
        let server = browser.enters_own_lab().await;
        browser.commands_server("#server-stop", "stopped").await;
        browser.sends_sentence("anybody there?").await;
        let down = language.text("blocked.server_down").to_owned();
        browser.reads_line("#reply-text", &down).await;
        proxy.set_fault(Fault::LoseAll);
        browser.sees("#connection[data-state=doubt]").await;
        let unheard = language.fills("blocked.unheard", &[("call", "recvfrom")]);
        browser.reads_line("#reply-text", &unheard).await;
        browser.sees("#connection[data-state=lost]").await;
        let silent = language.text("conn.silent").to_owned();
        assert_eq!(browser.text("#connection-text").await, silent);
        browser.reads_line("#reply-text", &unheard).await;
        browser.types("half a sent").await;
        proxy.set_fault(Fault::None);
        // The network is back: the browser fires an event, and the page does not wait.
        browser
            .asks("dispatchEvent(new Event('online')), null")
            .await;
        browser.sees("#connection[data-state=open]").await;
        browser.sees("#lab[data-kind=private]").await;
        assert_eq!(browser.server_address().await, server);
        browser.reads_line("#reply-text", &down).await;
        let written = "document.getElementById('sentence').value";
        assert_eq!(browser.asks(written).await, json!("half a sent"));
        browser.activates("#cancel").await;
        browser
            .sees("#calls [data-call=recvfrom][data-errno=ECANCELED]")
            .await;
    };
    in_both_languages_at([PHONE, DESK], start, options, tell).await;
}
