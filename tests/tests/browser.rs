//! The page in Chromium does what section 2.7 does, and shows what happened.

use fantoccini::key::Key;
use shared::call::Transport::{self, Tcp, Udp};
use tests::{
    address_allocator,
    browser::Browser,
    page::Page,
    relay::Relay,
    story::{BrowserOptions, NO_CONVERSATION, story, story_at},
};

const SENTENCE: &str = "hello 世界 straße";
const SHOUTED: &str = "HELLO 世界 STRASSE";

#[tokio::test]
async fn a_sentence_by_udp_returns_in_upper_case() {
    let relay = Relay::start(&[]);
    story(&relay, BrowserOptions::default(), async |browser| {
        browser.exchanges(Udp, "hello", "HELLO").await;
        has_made(
            browser,
            "client",
            &["socket", "sendto", "recvfrom", "close"],
        )
        .await;
        has_made(browser, "server", &["recvfrom", "upper", "sendto"]).await;
    })
    .await;
}

#[tokio::test]
async fn a_sentence_by_tcp_returns_in_upper_case() {
    let relay = Relay::start(&[]);
    story(&relay, BrowserOptions::default(), async |browser| {
        browser.exchanges(Tcp, "hello", "HELLO").await;
        has_made(
            browser,
            "client",
            &["socket", "connect", "send", "recv", "close"],
        )
        .await;
        has_made(browser, "server", &["accept", "recv", "upper", "send"]).await;
    })
    .await;
}

#[tokio::test]
async fn sentences_in_all_alphabets_return_by_both() {
    let relay = Relay::start(&[]);
    story(&relay, BrowserOptions::default(), async |browser| {
        for transport in Transport::ALL {
            browser.exchanges(transport, SENTENCE, SHOUTED).await;
            browser
                .exchanges(transport, "你好，世界", "你好，世界")
                .await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_long_sentence_returns_whole() {
    let relay = Relay::start(&[]);
    let long = "all work and no play ".repeat(500);
    story(&relay, BrowserOptions::default(), async |browser| {
        for transport in Transport::ALL {
            browser.chooses(transport).await;
            browser.pastes(long.trim()).await;
            browser.sends().await;
            browser.reads_reply(&long.trim().to_uppercase()).await;
            browser.pastes("short").await;
            browser.sends().await;
            browser.reads_reply("SHORT").await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_stopped_server_refuses_and_a_started_one_answers() {
    let relay = Relay::start_at(address_allocator::own_host(), &[]);
    story(&relay, BrowserOptions::default(), async |browser| {
        browser.chooses(Tcp).await;
        browser.clicks("#server-stop").await;
        browser.sees("#server[data-state=stopped]").await;
        browser.types("anybody there?").await;
        browser.sends().await;
        browser
            .sees("#calls [data-call=connect][data-errno=ECONNREFUSED]")
            .await;
        assert_eq!(browser.reply().await, "", "no reply, and none invented");
        assert_ne!(browser.text("#reply-note").await, "", "it says why");
        browser.clicks("#server-start").await;
        browser.sees("#server[data-state=running]").await;
        browser.exchanges(Tcp, "hello again", "HELLO AGAIN").await;
    })
    .await;
}

#[tokio::test]
async fn a_dead_server_is_reported() {
    let relay = Relay::start_at(address_allocator::own_host(), &["--program", "book"]);
    let crash = relay.tcp;
    story(&relay, BrowserOptions::default(), async |browser| {
        browser.exchanges(Tcp, "before", "BEFORE").await;
        let mut rude = std::net::TcpStream::connect(crash).expect("a running server");
        std::io::Write::write_all(&mut rude, b"\xff").expect("an open connection");
        browser.sees("#server[data-state=dead]").await;
        browser.clicks("#server-start").await;
        browser.sees("#server[data-state=running]").await;
        browser.exchanges(Tcp, "after", "AFTER").await;
    })
    .await;
}

/// Browsers write every failed WebSocket into the console, so it has errors while no relay listens.
#[tokio::test]
async fn a_page_reconnects_to_a_restarted_relay() {
    let first = Relay::start_at(address_allocator::own_host(), &[]);
    let page = first.url();
    let options = BrowserOptions {
        forgives: NO_CONVERSATION,
        ..BrowserOptions::default()
    };
    story_at(&page, options, async move |browser| {
        browser.exchanges(Udp, "before", "BEFORE").await;
        let ended = first.stop();
        browser.sees("#connection[data-state=lost]").await;
        let _second = Relay::start_again(&ended, &[]);
        browser.sees("#connection[data-state=open]").await;
        browser.exchanges(Tcp, "after", "AFTER").await;
    })
    .await;
}

#[tokio::test]
async fn keyboard_alone_is_enough() {
    let relay = Relay::start(&[]);
    story(&relay, BrowserOptions::default(), async |browser| {
        browser.tabs_to("#sentence").await;
        browser.presses("by keyboard").await;
        browser.presses(&key(Key::Enter)).await;
        browser.reads_reply("BY KEYBOARD").await;
        browser.tabs_to("#transport-udp").await;
        browser.presses(&key(Key::Right)).await;
        browser.tabs_to("#send").await;
        let outline = "getComputedStyle(document.activeElement).outlineStyle";
        browser.waits_until(&format!("{outline} !== 'none'")).await;
        browser.presses(&key(Key::Space)).await;
        has_made(
            browser,
            "client",
            &["sendto", "connect", "send", "recv", "close"],
        )
        .await;
        browser.reads_reply("BY KEYBOARD").await;
    })
    .await;
}

#[tokio::test]
async fn a_kept_connection_carries_several_sentences() {
    let relay = Relay::start(&[]);
    story(&relay, BrowserOptions::default(), async |browser| {
        browser.chooses(Tcp).await;
        browser.clicks_label_of("keep").await;
        for sentence in ["one", "two", "three"] {
            browser.types(sentence).await;
            browser.sends().await;
            browser.reads_reply(&sentence.to_uppercase()).await;
        }
        let calls = browser.calls_of("client").await;
        let count = |name: &str| calls.iter().filter(|call| *call == name).count();
        assert_eq!(
            (count("connect"), count("send"), count("close")),
            (1, 3, 0),
            "{calls:?}"
        );
        browser.clicks("#close-connection").await;
        browser
            .sees("#calls [data-call=close][data-side=client]")
            .await;
    })
    .await;
}

#[tokio::test]
async fn a_call_that_waits_for_ever_can_be_given_up() {
    let relay = Relay::start_at(address_allocator::own_host(), &[]);
    story(&relay, BrowserOptions::default(), async |browser| {
        browser.chooses(Udp).await;
        browser.clicks("#server-stop").await;
        browser.sees("#server[data-state=stopped]").await;
        browser.types("anybody there?").await;
        browser.sends().await;
        browser
            .sees("#calls [data-call=recvfrom][data-side=client][data-state=blocked]")
            .await;
        browser.clicks("#cancel").await;
        browser
            .sees("#calls [data-call=recvfrom][data-errno=ECANCELED]")
            .await;
        browser.clicks("#server-start").await;
        browser.sees("#server[data-state=running]").await;
        browser
            .exchanges(Udp, "there you are", "THERE YOU ARE")
            .await;
    })
    .await;
}

#[tokio::test]
async fn a_chinese_browser_gets_a_chinese_page() {
    let relay = Relay::start(&[]);
    let options = BrowserOptions {
        languages: "zh-CN,zh",
        ..BrowserOptions::default()
    };
    story(&relay, options, async |browser| {
        browser
            .waits_until("document.documentElement.lang.startsWith('zh')")
            .await;
        let text = browser.text("body").await;
        assert!(
            text.chars()
                .filter(|c| ('\u{4e00}'..'\u{9fff}').contains(c))
                .count()
                > 20,
            "{text}"
        );
        browser.exchanges(Tcp, SENTENCE, SHOUTED).await;
    })
    .await;
}

#[tokio::test]
async fn the_language_can_be_changed_and_stays() {
    let relay = Relay::start(&[]);
    story(&relay, BrowserOptions::default(), async |browser| {
        browser
            .waits_until("document.documentElement.lang.startsWith('en')")
            .await;
        let english = browser.text("#send").await;
        browser.clicks("#language").await;
        browser
            .waits_until("document.documentElement.lang.startsWith('zh')")
            .await;
        assert_ne!(browser.text("#send").await, english);
        browser.reloads().await;
        browser
            .waits_until("document.documentElement.lang.startsWith('zh')")
            .await;
        browser.exchanges(Udp, "hello", "HELLO").await;
    })
    .await;
}

/// How wide the page is, and how wide the window.
const WIDTHS: &str = "[document.documentElement.scrollWidth, innerWidth]";

#[tokio::test]
async fn a_phone_needs_no_sideways_scrolling() {
    let relay = Relay::start(&[]);
    for languages in ["en-US,en", "zh-CN,zh"] {
        let options = BrowserOptions {
            size: (360, 740),
            languages,
            ..BrowserOptions::default()
        };
        story(&relay, options, async |browser| {
            browser.exchanges(Udp, SENTENCE, SHOUTED).await;
            browser
                .exchanges(
                    Tcp,
                    &"averylongwordwithoutanybreak".repeat(10),
                    &"AVERYLONGWORDWITHOUTANYBREAK".repeat(10),
                )
                .await;
            let widths = browser.asks(WIDTHS).await;
            assert!(
                widths[0].as_u64() <= widths[1].as_u64(),
                "the page is wider than the phone: {widths}"
            );
            let small = browser.asks(TOO_SMALL_TO_TOUCH).await;
            assert_eq!(small, serde_json::json!([]), "targets under 44 px");
            browser.opens_packets().await;
            browser.filters("tcp.flags.s").await;
            browser
                .sees("#filter-fields:not([hidden]) [role=option]")
                .await;
            let widths = browser.asks(WIDTHS).await;
            let is_wider = widths[0].as_u64() > widths[1].as_u64();
            assert!(!is_wider, "what a filter may say is too wide: {widths}");
        })
        .await;
    }
}

#[tokio::test]
async fn an_accessibility_audit_finds_nothing_grave() {
    let relay = Relay::start_at(address_allocator::own_host(), &[]);
    for (languages, dark) in [("en-US,en", false), ("en-US,en", true), ("zh-CN,zh", false)] {
        story(
            &relay,
            BrowserOptions {
                languages,
                dark,
                ..BrowserOptions::default()
            },
            async |browser| {
                is_accessible(browser, "as it opens").await;
                browser.exchanges(Udp, SENTENCE, SHOUTED).await;
                browser.exchanges(Tcp, SENTENCE, SHOUTED).await;
                is_accessible(browser, "after two sentences").await;
                browser.clicks("#server-stop").await;
                browser.sees("#server[data-state=stopped]").await;
                browser.sends().await;
                browser.sees("#calls [data-errno=ECONNREFUSED]").await;
                is_accessible(browser, "after a refusal").await;
                browser.clicks("#server-start").await;
                browser.sees("#server[data-state=running]").await;
            },
        )
        .await;
    }
}

#[tokio::test]
async fn the_page_shows_its_level_of_truth() {
    let relay = Relay::start(&[]);
    let level = format!("{:?}", Page::open(&relay).await.welcome.truth.level);
    story(&relay, BrowserOptions::default(), async |browser| {
        let truth = browser.text("#truth").await;
        assert!(truth.contains(&level), "{truth} tells of {level}");
    })
    .await;
}

const TOO_SMALL_TO_TOUCH: &str = "[...document.querySelectorAll('button, input:not([type=radio]):not([type=checkbox]), \
    select, textarea')].filter(e => e.checkVisibility()).filter(e => { const box = e.getBoundingClientRect(); \
    return box.width > 1 && (box.height < 44 || box.width < 44) }).map(e => e.id || e.outerHTML.slice(0, 80))";

/// All of these calls are listed for that side, in this order.
async fn has_made(browser: &Browser, side: &str, expected: &[&str]) {
    let all_there = async || {
        let calls = browser.calls_of(side).await;
        let mut rest = expected.iter();
        let mut next = rest.next();
        for call in &calls {
            if next.is_some_and(|next| next == call) {
                next = rest.next();
            }
        }
        next.is_none().then_some(())
    };
    tests::timeout::until(&format!("{expected:?} of the {side}"), all_there).await;
}

async fn is_accessible(browser: &Browser, when: &str) {
    let findings = browser.accessibility_findings().await;
    assert!(findings.is_empty(), "{when}: {findings:#?}");
}

fn key(key: Key) -> String {
    char::from(key).to_string()
}
