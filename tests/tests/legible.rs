//! No text lies over another and none is cut, whatever came of a sentence: in every pane, at every size of the window,
//! in both languages, with the program's lines folded and unfolded.

use serde_json::json;
use shared::call::Transport::{Tcp, Udp};
use tests::{
    browser::Browser,
    language::Language,
    relay::Relay,
    story::{BrowserOptions, NO_CONVERSATION, in_both_languages},
};

/// A desk, two laptops, a phone and a tablet.
const SIZES: [(u32, u32); 5] = [
    (1280, 800),
    (1366, 768),
    (1366, 650),
    (375, 740),
    (768, 1024),
];
/// What no text may lie over, beside other texts and controls.
const BARS: &str = ".bar-of-call";

#[tokio::test]
async fn every_outcome_of_a_sentence_is_readable() {
    let tell = async |relay: Relay, browser: &Browser, _language: &Language| {
        browser.enters_own_lab().await;
        browser.unfolds("#listing").await;
        browser.sees("#client-lines code").await;
        can_be_read(browser, "before the first sentence").await;
        browser.exchanges(Udp, "hello", "HELLO").await;
        can_be_read(browser, "a reply").await;
        let long = "all work and no play ".repeat(80);
        browser.pastes(long.trim()).await;
        browser.sends().await;
        browser.reads_reply(&long.trim().to_uppercase()).await;
        can_be_read(browser, "a long reply").await;
        browser.opens_packets().await;
        browser.clicks("#packets [data-seq]:not([hidden])").await;
        browser.filters("frame.len > 60 && tcp.fl").await;
        browser.sees("#filter-fields:not([hidden])").await;
        can_be_read(browser, "a packet taken apart").await;
        browser.opens_calls().await;
        browser.types("").await;
        browser.sends().await;
        browser.sees("#reply-text:not([hidden])").await;
        can_be_read(browser, "an empty datagram").await;

        browser.clicks("#server-stop").await;
        browser.sees("#server[data-state=stopped]").await;
        browser.types("anybody?").await;
        browser.sends().await;
        browser.sees("#waiting:not([hidden])").await;
        can_be_read(browser, "blocked").await;
        browser.clicks("#cancel").await;
        browser.sees("#reply-errno:not([hidden])").await;
        can_be_read(browser, "cancelled").await;
        browser.chooses(Tcp).await;
        browser.clicks("#server-stop").await;
        browser.sees("#server[data-state=stopped]").await;
        browser.sends().await;
        refused(browser).await;
        can_be_read(browser, "refused").await;

        browser.chooses(Udp).await;
        browser.sends().await;
        browser.sees("#waiting:not([hidden])").await;
        let _ended = relay.stop();
        browser.sees("#connection[data-state=lost]").await;
        can_be_read(browser, "lost").await;
    };
    let options = BrowserOptions {
        forgives: NO_CONVERSATION,
        ..BrowserOptions::default()
    };
    in_both_languages(|| Relay::start(&["--program", "book"]), options, tell).await;
}

#[tokio::test]
async fn the_ladder_shows_the_networks_effects() {
    let tell = async |_relay: Relay, browser: &Browser, language: &Language| {
        browser.enters_own_lab().await;
        browser.sets_network(100, 1).await;
        browser.sends_sentence("lost").await;
        browser.sees("#arrows [data-fate=lost]").await;
        browser.sees("#waiting:not([hidden])").await;
        let blocked = language.fills("wire.blocked", &[("time", "")]);
        let said =
            "[...document.querySelectorAll('#client-names [data-state=blocked]:not([hidden])')]";
        browser
            .waits_until(&format!(
                "{said}.some(name => name.textContent.includes({}))",
                json!(blocked.trim())
            ))
            .await;
        can_be_read(browser, "a request is lost").await;
        browser.activates("#cancel").await;
        browser.sees("#reply-errno:not([hidden])").await;
        browser.activates("[data-preset=by-hand]").await;
        browser.sends_sentence("held").await;
        browser.sees("#held [data-datagram]").await;
        can_be_read(browser, "a request is held").await;
        // The client gives up, and the reply reaches a closed port.
        browser.decides("double").await;
        can_be_read(browser, "a request is doubled").await;
    };
    in_both_languages(|| Relay::start(&[]), BrowserOptions::default(), tell).await;
}

async fn refused(browser: &Browser) {
    let errno = "document.getElementById('reply-errno').textContent === 'ECONNREFUSED'";
    browser.waits_until(errno).await;
}

#[tokio::test]
async fn every_view_can_be_read() {
    let tell = async |_relay: Relay, browser: &Browser, _language: &Language| {
        browser.enters_own_lab().await;
        browser.exchanges(Udp, "hello", "HELLO").await;
        for packets in [false, true] {
            if packets {
                browser.opens_packets().await;
                browser.clicks("#packets [data-seq]:not([hidden])").await;
            }
            browser.turns_to_bench().await;
            if !packets {
                browser.makes_socket(Tcp, 3).await;
            }
            at_every_size(browser, "the workbench").await;
            browser.turns_to_cards().await;
            at_every_size(browser, "the cards").await;
            browser.activates("#view-class").await;
            browser.sees("#class:not([hidden])").await;
            at_every_size(browser, "the class").await;
            browser.activates("#view-play").await;
        }
    };
    in_both_languages(|| Relay::start(&[]), BrowserOptions::default(), tell).await;
}

/// At every size, with the program's lines folded and not.
async fn can_be_read(browser: &Browser, when: &str) {
    for open in [false, true] {
        let opens = format!("(document.getElementById('listing').open = {open})");
        browser.asks(&opens).await;
        at_every_size(browser, &format!("{when}, lines unfolded: {open}")).await;
    }
}

async fn at_every_size(browser: &Browser, when: &str) {
    for size in SIZES {
        browser.resizes(size).await;
        let found = browser.illegible("body", BARS).await;
        assert!(found.is_empty(), "{when}, {size:?}: {found:#?}");
    }
    browser.resizes(SIZES[0]).await;
}
