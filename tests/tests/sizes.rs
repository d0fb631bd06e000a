//! The table of packets in windows of any size: the rows that have room are there, whatever has changed that room.

use fantoccini::key::Key;
use shared::call::Transport::Udp;
use tests::{
    browser::Browser,
    relay::Relay,
    story::{BrowserOptions, story},
    timeout::until,
};

/// The rows that are seen, the rows that have room, and whether the last one is seen to its end.
const SEEN: &str = "(() => { \
    const scroller = document.getElementById('packets-scroll'); \
    const window = scroller.getBoundingClientRect(); \
    const rows = [...document.querySelectorAll('#packet-rows [data-seq]:not([hidden])')]; \
    const boxes = rows.map(row => row.getBoundingClientRect()); \
    const seen = boxes.filter(box => box.bottom > window.top + 1 && box.top < window.bottom - 1); \
    const height = boxes[0]?.height ?? 0; \
    const all = Number(document.getElementById('packets').ariaRowCount) - 1; \
    const room = height === 0 ? 1 : Math.min(all, Math.ceil(scroller.clientHeight / height)); \
    return { seen: seen.length, room, height: scroller.clientHeight, \
        ends: Math.max(...boxes.map(box => box.bottom)) >= window.bottom - 2 || seen.length === all }; })()";

#[derive(Debug, serde::Deserialize)]
struct Seen {
    seen: usize,
    room: usize,
    height: u32,
    ends: bool,
}

#[tokio::test]
async fn packets_are_seen_as_soon_as_they_are_looked_at() {
    let relay = Relay::start(&[]);
    for size in [
        (375, 740),
        (700, 900),
        (768, 1024),
        (1024, 768),
        (1280, 800),
    ] {
        let options = BrowserOptions {
            size,
            ..BrowserOptions::default()
        };
        story(&relay, options, async |browser| {
            browser.exchanges(Udp, "hello", "HELLO").await;
            browser.opens_packets().await;
            browser.is_drawn().await;
            browser.is_drawn().await;
            all_have_rows(browser, "opened").await;
            // A filter that lets nothing through, and then all.
            browser.filters("tcp && udp").await;
            browser.sees("#packets-empty:not([hidden])").await;
            browser.filters("ip").await;
            browser.sees("#packets:not([hidden])").await;
            all_have_rows(browser, "after a filter").await;
            // Turned on its side, and back.
            for turned in [(size.1, size.0), size, (375, 740), (1280, 800), size] {
                browser.resizes(turned).await;
                all_have_rows(browser, &format!("{turned:?}")).await;
            }
        })
        .await;
    }
}

#[tokio::test]
async fn the_first_packets_appear_in_the_open_pane() {
    let relay = Relay::start(&[]);
    for size in [(375, 740), (768, 1024)] {
        let options = BrowserOptions {
            size,
            ..BrowserOptions::default()
        };
        story(&relay, options, async |browser| {
            browser.opens_packets().await;
            says(browser, "hello").await;
            let two = async || (browser.packet_count().await == 2).then_some(());
            until("both packets", two).await;
            all_have_rows(browser, "the first two").await;
            for number in 0..10 {
                let sentence = format!("sentence {number}");
                says(browser, &sentence).await;
            }
            let all = async || (browser.packet_count().await == 22).then_some(());
            until("all packets", all).await;
            all_have_rows(browser, "the newest").await;
            // A row that is selected by keyboard scrolls into view.
            for (key, place) in [(Key::Home, 1), (Key::End, 22)] {
                browser
                    .asks("document.getElementById('packets').focus()")
                    .await;
                browser.presses(&char::from(key).to_string()).await;
                let there = async || browser.packet().await.filter(|row| row.place == place);
                until("the chosen row", there).await;
                all_have_rows(browser, "gone to an end").await;
            }
        })
        .await;
    }
}

/// The list of calls is not drawn meanwhile, so the reply shows the end.
async fn says(browser: &Browser, sentence: &str) {
    browser.types(sentence).await;
    browser.sees("#send:not(:disabled)").await;
    browser.sends().await;
    browser.reads_reply(&sentence.to_uppercase()).await;
}

/// As many rows as have room are there, and the window is not empty below them.
async fn all_have_rows(browser: &Browser, when: &str) {
    let full = async || {
        let seen: Seen = browser.reads(SEEN).await;
        (seen.seen >= seen.room && seen.height > 0 && seen.ends).then_some(())
    };
    until(&format!("{when}: rows wherever there is room"), full).await;
}
