//! What keys mean while somebody types: Enter that ends an input method's word sends nothing, Escape takes nothing away,
//! and undo brings back what was written.

use fantoccini::key::Key;
use serde_json::json;
use shared::call::Transport::Udp;
use tests::{
    browser::Browser,
    language::Language,
    relay::Relay,
    story::{BrowserOptions, in_both_languages, story},
};

/// How browsers tell of Enter that ends a composition: each event by its kind, and of a key its name, its code, and
/// whether it is said to compose.
const ORDERS: [(&str, &str); 3] = [
    (
        "Chrome",
        "[['compositionstart'], ['keydown', 'Enter', 229, true], ['compositionend'], ['keyup', 'Enter', 13, false]]",
    ),
    (
        "Firefox",
        "[['compositionstart'], ['keydown', 'Process', 229, true], ['compositionend'], ['keyup', 'Enter', 13, false]]",
    ),
    (
        "Safari",
        "[['compositionstart'], ['compositionend'], ['keydown', 'Enter', 229, false], ['keyup', 'Enter', 13, false]]",
    ),
];
/// A plain Enter in the same form.
const ENTER: &str = "[['keydown', 'Enter', 13, false], ['keyup', 'Enter', 13, false]]";

/// Sends such events to an element, as the browser does.
const SEND: &str = "((selector, events) => { const to = document.querySelector(selector); to.focus(); \
    for (const [kind, key, keyCode, isComposing] of events) { \
        const init = { key, keyCode, isComposing, bubbles: true, cancelable: true, composed: true }; \
        to.dispatchEvent(key ? new KeyboardEvent(kind, init) : new CompositionEvent(kind, init)); } return null; })";

async fn meets(browser: &Browser, selector: &str, events: &str) {
    browser
        .asks(&format!("{SEND}({}, {events})", json!(selector)))
        .await;
    browser.is_drawn().await;
}

#[tokio::test]
async fn enter_that_ends_a_composition_sends_no_sentence() {
    let relay = Relay::start(&[]);
    story(&relay, BrowserOptions::default(), async |browser| {
        browser.pastes("你好").await;
        for (_, events) in ORDERS {
            meets(browser, "#sentence", events).await;
        }
        meets(browser, "#sentence", ENTER).await;
        browser.reads_reply("你好").await;
        let sent = browser.calls_of("client").await;
        let sent = sent.iter().filter(|call| *call == "sendto").count();
        assert_eq!(sent, 1, "only the plain Enter has sent");
    })
    .await;
}

#[tokio::test]
async fn enter_that_ends_a_composition_makes_no_call_and_takes_no_field() {
    let relay = Relay::start(&[]);
    story(&relay, BrowserOptions::default(), async |browser| {
        browser.enters_own_lab().await;
        browser.turns_to_bench().await;
        browser.makes_socket(Udp, 3).await;
        let data = "#bench-cards .socket [data-argument=data]";
        for (_, events) in ORDERS {
            meets(browser, data, events).await;
        }
        assert_eq!(browser.bench_rows().await.len(), 1, "only socket() so far");
        meets(browser, data, ENTER).await;
        browser.sees("#bench-log > li:nth-child(2)").await;

        browser.activates("#view-play").await;
        browser.exchanges(Udp, "hello", "HELLO").await;
        browser.opens_packets().await;
        browser.filters("udp.dstp").await;
        browser.presses(&char::from(Key::Down).to_string()).await;
        browser.sees("#filter[aria-activedescendant]").await;
        for (who, events) in ORDERS {
            meets(browser, "#filter", events).await;
            let written: String = browser.reads(FILTER).await;
            assert_eq!(written, "udp.dstp", "{who}");
        }
        meets(browser, "#filter", ENTER).await;
        browser
            .waits_until(&format!("{FILTER} === 'udp.dstport'"))
            .await;
    })
    .await;
}

/// In Safari's order, and as the browser itself sends keys: forms must not be sent by what belongs to the input method.
#[tokio::test]
async fn enter_that_ends_a_composition_sends_no_form() {
    let relay = Relay::start(&[]);
    story(&relay, BrowserOptions::default(), async |browser| {
        browser.activates("#view-class").await;
        for (field, says) in [
            ("#class-code-field", "#class-code-wrong"),
            ("#class-name-field", "#class-code-wrong"),
        ] {
            browser.reaches(field).await;
            composes(browser).await;
            assert!(browser.has(&format!("{says}[hidden]")).await, "{field}");
        }
        browser.keys(&char::from(Key::Enter).to_string()).await;
        browser.sees("#class-code-wrong:not([hidden])").await;
    })
    .await;
}

/// Writes a word with an input method, and ends it with Enter.
async fn composes(browser: &Browser) {
    let word = json!({ "text": "ni", "selectionStart": 2, "selectionEnd": 2 });
    browser.sets("Input.imeSetComposition", word).await;
    browser
        .sets("Input.insertText", json!({ "text": "你" }))
        .await;
    for kind in ["rawKeyDown", "keyUp"] {
        let key =
            json!({ "type": kind, "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 229 });
        browser.sets("Input.dispatchKeyEvent", key).await;
    }
    browser.is_drawn().await;
}

const FILTER: &str = "document.getElementById('filter').value";

#[tokio::test]
async fn escape_leaves_the_filter_and_undo_restores_its_text() {
    let tell = async |_relay: Relay, browser: &Browser, _language: &Language| {
        browser.exchanges(Udp, "hello", "HELLO").await;
        browser.opens_packets().await;
        let is = async |text: &str| {
            browser
                .waits_until(&format!("{FILTER} === {}", json!(text)))
                .await;
        };
        browser.filters("udp.dstp").await;
        browser.sees("#filter-fields:not([hidden])").await;
        let escape = char::from(Key::Escape).to_string();
        browser.keys(&escape).await;
        browser.sees("#filter-fields[hidden]").await;
        is("udp.dstp").await;
        let stays = "document.activeElement.id === 'filter'";
        assert_eq!(browser.asks(stays).await, true, "first it closes the list");
        browser.keys(&escape).await;
        browser
            .waits_until("document.activeElement.id === 'packets'")
            .await;
        is("udp.dstp").await;

        // A field that is taken from the list is one step for undo.
        browser.clicks("#filter").await;
        browser.sees("#filter-fields:not([hidden])").await;
        browser.keys(&char::from(Key::Down).to_string()).await;
        browser.sees("#filter[aria-activedescendant]").await;
        browser.keys(&char::from(Key::Enter).to_string()).await;
        is("udp.dstport").await;
        browser.keys_while(Some(Key::Control), "z").await;
        is("udp.dstp").await;
        browser.keys_while(Some(Key::Control), "y").await;
        is("udp.dstport").await;

        // And so is what was wiped by hand.
        browser.filters("udp").await;
        browser.sees("#filter-count:not([hidden])").await;
        browser.keys(&escape).await;
        browser.sees("#filter-fields[hidden]").await;
        browser.keys(&escape).await;
        browser
            .waits_until("document.activeElement.id === 'packets'")
            .await;
        assert!(browser.has("#filter-count:not([hidden])").await, "it holds");
        browser.clicks("#filter").await;
        browser.keys_while(Some(Key::Control), "a").await;
        browser.keys(&char::from(Key::Delete).to_string()).await;
        is("").await;
        browser.sees("#filter-count[hidden]").await;
        browser.keys_while(Some(Key::Control), "z").await;
        is("udp").await;
        browser.sees("#filter-count:not([hidden])").await;
    };
    in_both_languages(|| Relay::start(&[]), BrowserOptions::default(), tell).await;
}

#[tokio::test]
async fn escape_does_not_wipe_the_walls_filter() {
    let relay = Relay::start(&[]);
    story(&relay, BrowserOptions::default(), async |browser| {
        browser.activates("#view-class").await;
        browser.activates("#class-create-do").await;
        browser.sees("#class-hall:not([hidden])").await;
        browser.writes("#wall-filter", "recv").await;
        browser.keys(&char::from(Key::Escape).to_string()).await;
        browser.is_drawn().await;
        let written: String = browser
            .reads("document.getElementById('wall-filter').value")
            .await;
        assert_eq!(written, "recv");
    })
    .await;
}

#[tokio::test]
async fn enter_is_the_keyboard_of_a_program_that_is_stepped() {
    let tell = async |_relay: Relay, browser: &Browser, language: &Language| {
        browser.enters_own_lab().await;
        browser.unfolds("#listing").await;
        // Before the line that reads: Enter is what it reads.
        browser.steps_to("input").await;
        browser.sends_sentence("first").await;
        browser.sees_value("client", "message", "'first'").await;
        browser
            .sees_value("client", "clientSocket", "<socket fd=3")
            .await;
        browser.sees_line("client", "next", "sendto").await;
        assert_eq!(browser.calls_of("client").await, ["socket"]);

        // Beyond it, nothing is sent and nothing is lost; the page says why.
        browser.sees("#send:disabled").await;
        assert_eq!(
            browser.text("#send-held span").await,
            language.text("listing.held")
        );
        browser.writes("#sentence", "second").await;
        browser.keys(&char::from(Key::Enter).to_string()).await;
        browser.is_drawn().await;
        browser.sees_value("client", "message", "'first'").await;
        browser.activates("#send-reset").await;
        browser.sees("#send:not(:disabled)").await;

        // On lines before it, the program runs until it has read, and halts.
        browser.moves_to("#listing-pace", "0").await;
        browser.activates("#listing-step").await;
        browser.sees_line("client", "next", "serverName").await;
        browser.sends_sentence("third").await;
        browser.sees_value("client", "message", "'third'").await;
        browser.sees_line("client", "next", "sendto").await;
        browser.activates("#listing-run").await;
        browser.reads_reply("THIRD").await;
    };
    in_both_languages(|| Relay::start(&[]), BrowserOptions::default(), tell).await;
}
