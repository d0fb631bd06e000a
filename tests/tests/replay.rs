//! The past in real Chromium: saved as a link and opened elsewhere, replayed event by event, and a client's calls made
//! again on fresh sockets.

use fantoccini::key::Key;
use shared::call::Transport::{Tcp, Udp};
use tests::{
    browser::{Browser, Row},
    language::Language,
    relay::Relay,
    story::{BrowserOptions, PHONE, in_both_languages, in_both_languages_at, story_at},
};

/// The browser reports an address that is not found.
const NOT_FOUND: &[&str] = &["404"];

#[tokio::test]
async fn a_link_shows_elsewhere_what_was_saved_here() {
    let tell = async |relay: Relay, browser: &Browser, language: &Language| {
        browser.exchanges(Udp, "hello", "HELLO").await;
        both_sides_are_there(browser).await;
        let (calls, ladder) = (seen(browser).await, labels(browser).await);
        browser.activates("#links-open").await;
        browser.activates("#link-save").await;
        browser.sees("#link-list a").await;
        assert_eq!(
            browser.text("#link-said").await,
            language.text("link.saved")
        );
        assert_eq!(browser.accessibility_findings().await, [""; 0]);
        let link: String = browser
            .reads("document.querySelector('#link-list a').href")
            .await;
        assert!(link.starts_with(&format!("{}t/", relay.url())), "{link}");

        let options = BrowserOptions {
            languages: language.wanted,
            ..BrowserOptions::default()
        };
        story_at(&link, options, async |other: &Browser| {
            other.sees("#saved:not([hidden])").await;
            both_sides_are_there(other).await;
            assert_eq!(seen(other).await, calls);
            assert_eq!(labels(other).await, ladder);
            assert!(
                other.has("#send:disabled").await,
                "nothing is sent into the past"
            );
            assert_eq!(other.accessibility_findings().await, [""; 0]);
            repeats(other, language).await;
        })
        .await;

        browser
            .activates("#link-list button[data-delete-link]")
            .await;
        browser
            .waits_until("document.querySelector('#link-list a') === null")
            .await;
        assert_eq!(
            browser.text("#link-said").await,
            language.text("link.deleted")
        );
        browser.visits(&link).await;
        browser.sees("#open-wrong:not([hidden])").await;
        let name = link.trim_start_matches(relay.url().trim_end_matches('/'));
        let said = browser.text("#open-wrong-text").await;
        assert_eq!(
            said,
            language.fills("wrong.no_such_link", &[("file", name)])
        );
        browser.activates("#open-wrong-close").await;
        browser.waits_until("location.pathname === '/'").await;
        browser.exchanges(Udp, "hello", "HELLO").await;
    };
    let options = BrowserOptions {
        forgives: NOT_FOUND,
        ..BrowserOptions::default()
    };
    in_both_languages(|| Relay::start(&[]), options, tell).await;
}

#[tokio::test]
async fn the_past_is_stepped_through_and_rewound_by_keys() {
    let tell = async |_relay: Relay, browser: &Browser, language: &Language| {
        browser.exchanges(Tcp, "hello", "HELLO").await;
        both_sides_are_there(browser).await;
        let whole = seen(browser).await;
        browser.activates("#replay-begin").await;
        browser.activates("#replay-run").await;
        let run = format!(
            "document.querySelector('#replay-run').textContent === '{}'",
            language.text("replay.run")
        );
        browser.waits_until(&run).await;
        assert_eq!(browser.accessibility_findings().await, [""; 0]);

        browser.reaches("#replay-at").await;
        browser.keys(&key(Key::Home)).await;
        is_at(browser, "0").await;
        browser
            .waits_until("document.querySelector('#calls [data-call]') === null")
            .await;
        assert_eq!(
            browser.text("#replay-latest").await,
            language.text("replay.before")
        );

        browser.activates("#replay-call").await;
        browser
            .waits_until("document.querySelectorAll('#calls [data-state=returned]').length === 1")
            .await;
        browser.reaches("#replay-at").await;
        browser.keys(&key(Key::End)).await;
        let end = "document.querySelector('#replay-at').max";
        browser
            .waits_until(&format!(
                "document.querySelector('#replay-at').value === {end}"
            ))
            .await;
        browser
            .waits_until(&format!(
                "document.querySelectorAll('#calls [data-side=client]').length === {}",
                whole.len()
            ))
            .await;
        assert_eq!(seen(browser).await, whole);

        browser.activates("#replay-event-back").await;
        browser
            .waits_until(&format!(
                "+document.querySelector('#replay-at').value === {end} - 1"
            ))
            .await;
        browser.activates("#replay-rewind").await;
        is_at(browser, "0").await;
        browser.moves_to("#replay-speed", "100").await;
        browser.activates("#replay-run").await;
        browser
            .waits_until(&format!(
                "document.querySelector('#replay-at').value === {end}"
            ))
            .await;
        browser.activates("#replay-end").await;
        browser.waits_until("document.querySelector('#replay').hidden && !document.querySelector('#send').disabled").await;
        assert_eq!(seen(browser).await, whole, "the lab is as it was");
    };
    let (start, options) = (|| Relay::start(&[]), BrowserOptions::default());
    in_both_languages_at([options.size, PHONE], start, options, tell).await;
}

#[tokio::test]
async fn a_call_with_another_result_is_marked() {
    let tell = async |_relay: Relay, browser: &Browser, language: &Language| {
        browser.exchanges(Tcp, "hello", "HELLO").await;
        both_sides_are_there(browser).await;
        browser.activates("#server-stop").await;
        browser.sees("#server[data-state=stopped]").await;
        browser.activates("#replay-begin").await;
        browser.activates("#replay-to-end").await;
        browser.activates("#again-run").await;
        browser
            .sees("#again-list [data-call=connect][data-beside=other]")
            .await;
        browser
            .waits_until("document.querySelector('#again-list [data-beside=open]') === null")
            .await;
        let connect = browser.text("#again-list [data-call=connect]").await;
        assert!(connect.contains("ECONNREFUSED"), "{connect}");
        assert!(
            connect.contains(language.text("again.differs")),
            "{connect}"
        );
        assert!(
            browser
                .has("#again-list [data-call=socket][data-beside=same]")
                .await
        );
        assert_eq!(browser.accessibility_findings().await, [""; 0]);
    };
    in_both_languages(|| Relay::start(&[]), BrowserOptions::default(), tell).await;
}

/// The calls of the sentence in the ladder, made again against the same server, end as they did.
async fn repeats(browser: &Browser, language: &Language) {
    browser.activates("#again-run").await;
    browser.sees("#again-list li").await;
    browser
        .waits_until("document.querySelector('#again-list li:not([data-beside=same])') === null")
        .await;
    let calls: Vec<String> = browser
        .reads("[...document.querySelectorAll('#again-list li')].map(row => row.dataset.call)")
        .await;
    assert_eq!(calls, ["socket", "sendto", "recvfrom", "close"]);
    let said = language.fills("again.all_same", &[("all", "4")]);
    assert_eq!(browser.text("#again-said").await, said);
    browser.sees("#bench-cards .socket").await;
    browser.activates("#again-back").await;
    browser.sees("#saved:not([hidden])").await;
}

/// Both sides of the sentence have arrived; only the server's next call is open.
async fn both_sides_are_there(browser: &Browser) {
    browser
        .waits_until(
            "(calls => calls('client').includes('close') && calls('server').some(name => name.startsWith('send')))\
             (side => [...document.querySelectorAll(`#calls [data-side=${side}]`)].map(call => call.dataset.call))",
        )
        .await;
}

/// The calls of clients, as they stand in the list.
async fn seen(browser: &Browser) -> Vec<Row> {
    let rows = browser.calls().await;
    rows.into_iter()
        .filter(|row| row.side == "client")
        .collect()
}

/// What stands at the arrows.
async fn labels(browser: &Browser) -> Vec<String> {
    let arrows = browser.arrows().await;
    arrows.into_iter().map(|arrow| arrow.label).collect()
}

async fn is_at(browser: &Browser, moment: &str) {
    browser
        .waits_until(&format!(
            "document.querySelector('#replay-at').value === '{moment}'"
        ))
        .await;
}

fn key(key: Key) -> String {
    char::from(key).to_string()
}
