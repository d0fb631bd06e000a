//! The page for everybody: with the system's own few colours, by ear, by key, by small movements, and on paper.

use fantoccini::key::Key;
use serde_json::json;
use shared::call::Transport::{Tcp, Udp};
use tests::{
    browser::Browser,
    language::Language,
    relay::Relay,
    story::{BrowserOptions, DESK, PHONE, in_both_languages, in_both_languages_at, story},
    timeout::until,
};

/// The colours an element is drawn in.
const COLOURS: &str = "(selector => { const style = getComputedStyle(document.querySelector(selector)); \
    return [style.color, style.backgroundColor, style.borderTopColor, style.stroke, style.strokeDasharray, \
    style.outlineStyle].join(' | '); })";

#[tokio::test]
async fn forced_colours_show_what_is_chosen() {
    let relay = Relay::start(&[]);
    for scheme in ["light", "dark"] {
        story(&relay, BrowserOptions::default(), async |browser| {
            let features = json!({ "features": [
                { "name": "forced-colors", "value": "active" },
                { "name": "prefers-color-scheme", "value": scheme },
            ] });
            browser.sets("Emulation.setEmulatedMedia", features).await;
            browser
                .waits_until("matchMedia('(forced-colors: active)').matches")
                .await;
            browser.exchanges(Udp, "hello", "HELLO").await;
            differ(browser, ".transports .udp", ".transports .tcp").await;
            browser.chooses(Tcp).await;
            differ(browser, ".transports .tcp", ".transports .udp").await;
            differ(browser, "#view-play", "#view-workbench").await;
            differ(browser, "#calls-tab", "#packets-tab").await;

            let [sent, other] = ["sendto", "recvfrom"]
                .map(|call| format!("#calls [data-call={call}][data-side=client]"));
            browser.scrolls_and_clicks(&sent).await;
            browser.sees("#calls [aria-selected=true]").await;
            differ(browser, &sent, &other).await;
            let cell = |row: &str| format!("{row} .text");
            differ(browser, &cell(&sent), &cell(&other)).await;
            browser.sees("#client-names [data-selected]").await;
            differ(
                browser,
                "#client-names [data-selected]",
                "#client-names .name:not([data-selected], [hidden])",
            )
            .await;
            differ(
                browser,
                "#client-lane [data-selected]",
                "#client-lane :not([data-selected])",
            )
            .await;
            let arrows = [
                "#arrows g[data-selected] line",
                "#arrows g:not([data-selected]) line",
            ];
            browser.sees(arrows[0]).await;
            differ(browser, arrows[0], arrows[1]).await;

            browser.opens_packets().await;
            browser.sees("#packet-rows [aria-selected=true]").await;
            differ(
                browser,
                "#packet-rows [aria-selected=true]",
                "#packet-rows [aria-selected=false]:not([hidden])",
            )
            .await;
            focus_is_seen(browser).await;
            let findings = browser.accessibility_findings().await;
            assert!(findings.is_empty(), "{scheme}: {findings:#?}");
        })
        .await;
    }
}

#[tokio::test]
async fn forced_colours_distinguish_captured_derived_and_lost() {
    for (level, dashed) in [("l2", false), ("l0", true)] {
        let relay = Relay::start(&["--max-level", level]);
        story(&relay, BrowserOptions::default(), async |browser| {
            let features = json!({ "features": [{ "name": "forced-colors", "value": "active" }] });
            browser.sets("Emulation.setEmulatedMedia", features).await;
            browser.enters_own_lab().await;
            browser.exchanges(Udp, "hello", "HELLO").await;
            browser.sees("#arrows g[data-truth] line").await;
            let truth: String = browser
                .reads("document.querySelector('#arrows g[data-truth]').dataset.truth")
                .await;
            let dashes: String = browser
                .reads("getComputedStyle(document.querySelector('#arrows g[data-truth] line')).strokeDasharray")
                .await;
            assert_eq!(dashes != "none", truth == "derived", "{truth}: {dashes}");
            assert!(truth == "derived" || !dashed, "nothing is captured at {level}");
            browser.sets_network(100, 1).await;
            browser.sends_sentence("lost").await;
            browser.sees("#arrows [data-fate=lost] line").await;
            let mark = "document.querySelector('#arrows [data-fate=lost] line').getAttribute('marker-end')";
            assert_eq!(browser.asks(mark).await, json!("url(#gone)"));
            let [ink, ground]: [String; 2] = browser
                .reads("[getComputedStyle(document.querySelector('#gone path')).stroke, getComputedStyle(document.body).backgroundColor]")
                .await;
            assert_ne!(ink, ground, "the cross can be seen");
        })
        .await;
    }
}

/// What is chosen is drawn in other colours than what is not, and can be read.
async fn differ(browser: &Browser, chosen: &str, other: &str) {
    let colours = async |selector: &str| {
        browser
            .reads::<String>(&format!("{COLOURS}({})", json!(selector)))
            .await
    };
    let seen = async || {
        let (chosen, other) = (colours(chosen).await, colours(other).await);
        (chosen != other).then_some(())
    };
    until(&format!("{chosen} and {other} look different"), seen).await;
    let is_readable = format!(
        "(element => (style => element.textContent === '' || style.color !== style.backgroundColor)\
         (getComputedStyle(element)))(document.querySelector({}))",
        json!(chosen)
    );
    assert_eq!(browser.asks(&is_readable).await, json!(true), "{chosen}");
}

async fn focus_is_seen(browser: &Browser) {
    browser.reaches("#view-cards").await;
    let outline = "(style => [style.outlineStyle, parseFloat(style.outlineWidth)])(getComputedStyle(document.activeElement.closest('.views')))";
    let (style, width): (String, f64) = browser.reads(outline).await;
    assert!(style == "solid" && width >= 2.0, "{style} {width}");
}

#[tokio::test]
async fn a_reply_has_the_colour_of_its_own_transport() {
    let relay = Relay::start(&[]);
    story(&relay, BrowserOptions::default(), async |browser| {
        browser.exchanges(Udp, "hello", "HELLO").await;
        let colour = async |what: &str, property: &str| {
            let style = format!("getComputedStyle(document.querySelector('{what}')).{property}");
            browser.reads::<String>(&style).await
        };
        let udp = colour("#reply", "color").await;
        let button = colour("#send", "backgroundColor").await;
        browser.chooses(Tcp).await;
        browser.sees("#page[data-transport=tcp]").await;
        assert_ne!(colour("#send", "backgroundColor").await, button);
        assert_eq!(colour("#reply", "color").await, udp);
        assert_eq!(browser.text("#reply-by").await, "UDP");
        browser.exchanges(Tcp, "again", "AGAIN").await;
        assert_ne!(colour("#reply", "color").await, udp);
        assert_eq!(browser.text("#reply-by").await, "TCP");
    })
    .await;
}

#[tokio::test]
async fn a_screen_reader_reads_the_ladder_in_order_of_time() {
    let tell = async |_relay: Relay, browser: &Browser, language: &Language| {
        browser.exchanges(Udp, "hello", "HELLO").await;
        let lines =
            "[...document.querySelectorAll('#ladder-told > li')].map(line => line.textContent)";
        let word = |who: &str, call: &str| {
            let who = language.text(who);
            let gaps = [("time", ""), ("who", who), ("call", call), ("value", "")];
            let said = language.fills("told.call", &gaps);
            said.trim_matches([':', ' ', '.', '：', '。']).to_owned()
        };
        let order = [
            word("wire.client", "socket("),
            word("wire.client", "sendto("),
            "UDP 5\u{202f}B".to_owned(),
            word("wire.server", "upper("),
            word("wire.server", "sendto("),
            language.text("wire.client").to_owned(),
        ];
        let heard = async || {
            let lines: Vec<String> = browser.reads(lines).await;
            let mut rest = lines.iter();
            let all = order
                .iter()
                .all(|part| rest.any(|line| line.contains(part.as_str())));
            all.then_some(())
        };
        until(&format!("{order:?} in this order"), heard).await;
        assert!(browser.has("#canvas[aria-hidden=true]").await);
    };
    in_both_languages(|| Relay::start(&[]), BrowserOptions::default(), tell).await;
}

/// The levels of the headings that are there, in their order.
const HEADINGS: &str = "[...document.querySelectorAll('h1, h2, h3, h4')].filter(heading => heading.checkVisibility()) \
    .map(heading => [Number(heading.localName[1]), heading.textContent])";

/// What is pressed and smaller than 24 px (WCAG 2.2, 2.5.8); a label is pressed with its box.
const SMALL: &str = "[...document.querySelectorAll('button, input, select, textarea, summary')].filter(one => one.checkVisibility() && \
    !one.closest('[popover]')).map(one => [one, (one.matches('[type=checkbox], [type=radio]') && one.closest('label') || one) \
    .getBoundingClientRect()]).filter(([one, box]) => box.width > 1 && (box.width < 24 || box.height < 24)) \
    .map(([one, box]) => `${one.id || one.outerHTML.slice(0, 80)} ${box.width} × ${box.height}`)";

#[tokio::test]
async fn headings_have_an_order_and_targets_a_size_in_every_view() {
    let tell = async |_relay: Relay, browser: &Browser, _language: &Language| {
        browser.enters_own_lab().await;
        browser.unfolds("#listing").await;
        browser.unfolds("#network").await;
        browser.exchanges(Udp, "hello", "HELLO").await;
        is_in_order(browser, "play").await;
        browser.opens_packets().await;
        browser.clicks("#packets [data-seq]:not([hidden])").await;
        browser.activates("#follow").await;
        is_in_order(browser, "packets").await;
        browser.activates("#view-workbench").await;
        browser.makes_socket(Udp, 3).await;
        is_in_order(browser, "workbench").await;
        browser.turns_to_cards().await;
        is_in_order(browser, "cards").await;
        browser.activates("#cards-list button").await;
        browser.sees("#card:not([hidden])").await;
        is_in_order(browser, "a card").await;
        browser.activates("#view-class").await;
        is_in_order(browser, "class").await;
    };
    in_both_languages_at(
        [DESK, PHONE],
        || Relay::start(&[]),
        BrowserOptions::default(),
        tell,
    )
    .await;
}

async fn is_in_order(browser: &Browser, view: &str) {
    browser.is_drawn().await;
    let headings: Vec<(u8, String)> = browser.reads(HEADINGS).await;
    assert_eq!(headings.first().map(|(level, _)| *level), Some(1), "{view}");
    for pair in headings.windows(2) {
        let skips = pair[1].0 > pair[0].0 + 1;
        assert!(!skips, "{view}: {:?} after {:?}", pair[1], pair[0]);
    }
    assert_eq!(browser.asks(SMALL).await, json!([]), "{view}: too small");
}

#[tokio::test]
async fn a_replay_is_controlled_by_keys_that_its_buttons_name() {
    let tell = async |_relay: Relay, browser: &Browser, language: &Language| {
        browser.exchanges(Udp, "hello", "HELLO").await;
        browser
            .sees("#calls [data-call=sendto][data-side=server][data-state=returned]")
            .await;
        browser.activates("#replay-begin").await;
        browser.sees("#replay:not([hidden])").await;
        browser.asks("document.activeElement.blur()").await;
        let place = "Number(document.getElementById('replay-at').value)";
        let last = "Number(document.getElementById('replay-at').max)";
        let at = async |expected: &str| {
            browser
                .waits_until(&format!("{place} === {expected}"))
                .await;
        };
        browser.keys(&char::from(Key::End).to_string()).await;
        at(last).await;
        browser.keys(&char::from(Key::Left).to_string()).await;
        at(&format!("{last} - 1")).await;
        browser.keys(&char::from(Key::Right).to_string()).await;
        at(last).await;
        browser
            .keys_while(Some(Key::Shift), &char::from(Key::Left).to_string())
            .await;
        browser.waits_until(&format!("{place} < {last}")).await;
        browser.keys(&char::from(Key::Home).to_string()).await;
        at("0").await;
        let run = async |key: &str| {
            let text = json!(language.text(key));
            browser
                .waits_until(&format!(
                    "document.getElementById('replay-run').textContent === {text}"
                ))
                .await;
        };
        run("replay.run").await;
        browser.keys(" ").await;
        run("replay.hold").await;
        browser.keys(" ").await;
        run("replay.run").await;
        // In a field keys are letters.
        browser.keys(&char::from(Key::Home).to_string()).await;
        at("0").await;
        browser.writes("#sentence", "a b").await;
        browser.keys(&char::from(Key::Left).to_string()).await;
        browser.is_drawn().await;
        at("0").await;
        for (button, label, key) in [
            ("rewind", "replay.rewind", "Home"),
            ("event-back", "replay.event_back", "←"),
            ("call", "replay.call", "Shift →"),
            ("run", "replay.run", language.text("replay.space")),
        ] {
            let title: String = browser
                .reads(&format!("document.getElementById('replay-{button}').title"))
                .await;
            assert_eq!(title, format!("{} ({key})", language.text(label)));
        }
    };
    in_both_languages(|| Relay::start(&[]), BrowserOptions::default(), tell).await;
}

#[tokio::test]
async fn paper_shows_what_happened_and_no_controls() {
    let relay = Relay::start(&[]);
    story(&relay, BrowserOptions::default(), async |browser| {
        browser.exchanges(Udp, "hello", "HELLO").await;
        browser
            .sets("Emulation.setEmulatedMedia", json!({ "media": "print" }))
            .await;
        browser.waits_until("matchMedia('print').matches").await;
        browser.is_drawn().await;
        let pressed = "[...document.querySelectorAll('button, input, select, textarea')].filter(one => one.checkVisibility()).map(one => one.id)";
        assert_eq!(browser.asks(pressed).await, json!(["calls-tab"]), "its tab is the list's title");
        for part in ["#reply", "#canvas", "#calls", "#server-address"] {
            let is_there = format!("document.querySelector('{part}').checkVisibility()");
            assert_eq!(browser.asks(&is_there).await, json!(true), "{part}");
        }
        let scrolls = "[...document.querySelectorAll('section, #ladder, #calls')].filter(one => one.checkVisibility() \
            && one.scrollHeight > one.clientHeight + 1 && getComputedStyle(one).overflowY !== 'visible').map(one => one.id)";
        assert_eq!(browser.asks(scrolls).await, json!([]), "all of it is printed");
        for part in ["#client", "#wire", "#list"] {
            assert_eq!(browser.illegible(part, "").await, [""; 0], "{part}");
        }
    })
    .await;
}
