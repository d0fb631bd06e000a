//! What another analyser is asked elsewhere, where nothing may be captured: as an unprivileged user, at L1.

use shared::{
    call::{
        Call,
        Transport::{Tcp, Udp},
    },
    lab::Level,
    trace::{CallName, What},
};
use tests::{
    browser::Browser,
    http::get,
    page::Page,
    relay::Relay,
    story::{BrowserOptions, story},
    timeout::until,
    trace::{TCP_SERVER, Trace},
};

#[tokio::test]
async fn without_privileges_sentences_and_refusals_follow_from_the_calls() {
    let relay = Relay::start_unprivileged(&[]);
    knows_what_the_kernel_tells(&relay).await;
    story(&relay, BrowserOptions::default(), async |browser| {
        browser.exchanges(Udp, "hello 世界", "HELLO 世界").await;
        shows(browser, "a sentence by UDP", &["UDP 12 B", "UDP 12 B"]).await;

        browser.exchanges(Tcp, "hello 世界", "HELLO 世界").await;
        let sentence = ["3-way handshake", "TCP 12 B", "TCP 12 B", "FIN", "FIN"];
        shows(browser, "a sentence by TCP", &sentence).await;

        browser.clicks_label_of("keep").await;
        browser.types("half").await;
        browser.sends().await;
        browser.reads_reply("HALF").await;
        browser.clicks("#end-sending").await;
        let half_close = ["3-way handshake", "TCP 4 B", "TCP 4 B", "FIN", "FIN"];
        shows(browser, "a half-close", &half_close).await;
        browser.clicks_label_of("keep").await;

        browser.clicks("#server-stop").await;
        browser.sees("#server[data-state=stopped]").await;
        browser.sends().await;
        let refused = "#calls [data-call=connect][data-errno=ECONNREFUSED]";
        browser.sees(refused).await;
        shows(browser, "a refused connection", &["RST"]).await;

        browser.chooses(Udp).await;
        browser.clicks("#server-stop").await;
        browser.sees("#server[data-state=stopped]").await;
        browser.sends().await;
        shows(browser, "a closed port", &["UDP 4 B"]).await;
        browser.clicks("#cancel").await;
    })
    .await;
    holds_no_packet(&relay).await;
}

#[tokio::test]
async fn without_privileges_bytes_are_followed_where_one_recv_is_not_one_send() {
    let relay = Relay::start_unprivileged(&["--program", "book"]);
    knows_what_the_kernel_tells(&relay).await;
    story(&relay, BrowserOptions::default(), async |browser| {
        browser.chooses(Tcp).await;
        browser.pastes(&"a".repeat(3_000)).await;
        browser.sends().await;
        let reset = ["3-way handshake", "TCP 3000 B", "TCP 1024 B", "RST"];
        shows(browser, "3,000 bytes into recv(1024)", &reset).await;

        let mut first = Page::open(&relay).await;
        let busy = first.connects(Tcp).await;
        let mut second = Page::open(&relay).await;
        let fd = second.connects(Tcp).await;
        second.sends_data(fd, "two ").await;
        second.sends_data(fd, "sends").await;
        first.sends_data(busy, "free").await;
        assert_eq!(first.reads_to_the_end(busy).await, "FREE");
        first.makes(Call::Close { fd: busy }).await;
        assert_eq!(second.reads_to_the_end(fd).await, "TWO SENDS");
        second.makes(Call::Close { fd }).await;
        let received = |trace: &Trace| trace.results(TCP_SERVER, CallName::Recv).len() == 3;
        let trace = Trace::watched(&mut second, received).await;
        let last = trace.results(TCP_SERVER, CallName::Recv).pop();
        let offset = last.and_then(|recv| recv.offset);
        assert_eq!(offset, Some(0), "one recv took it all");
        let two = [
            "3-way handshake",
            "TCP 4 B",
            "TCP 5 B",
            "TCP 9 B",
            "FIN",
            "FIN",
        ];
        shows(browser, "two sends in one recv", &two).await;
    })
    .await;
    holds_no_packet(&relay).await;
}

async fn knows_what_the_kernel_tells(relay: &Relay) {
    let truth = Page::open(relay).await.welcome.truth;
    let most = if cfg!(target_os = "linux") {
        Level::L1
    } else {
        Level::L0
    };
    assert_eq!(truth.level, most, "{truth:?}");
}

/// The ladder of the last conversation becomes this, all of it derived; and no view calls anything captured. Ends with
/// the page cleared for the next case.
async fn shows(browser: &Browser, case: &str, labels: &[&str]) {
    let alike = async || {
        let arrows = browser.arrows().await;
        let shown: Vec<_> = arrows
            .iter()
            .map(|arrow| arrow.label.replace('\u{202f}', " "))
            .filter(|label| !label.is_empty())
            .collect();
        (shown == labels).then_some(arrows)
    };
    let arrows = until(&format!("{case}: {labels:?}"), alike).await;
    assert!(
        arrows.iter().all(|arrow| arrow.truth == "derived"),
        "{case}: {arrows:#?}"
    );
    browser.opens_packets().await;
    for (row, lines) in browser.walks_through_packets().await {
        assert_eq!(row.truth, "derived", "{case}: {row:?}");
        let captured = lines.iter().find(|line| line.source == "captured");
        assert_eq!(captured, None, "{case}: {row:?}");
    }
    for name in ["data-source", "data-truth"] {
        let captured = format!("[{name}=captured]");
        assert!(!browser.has(&captured).await, "{case}: {name}");
    }
    browser.opens_calls().await;
    browser.clicks("#clear").await;
    browser
        .waits_until("document.getElementById('packets-number').textContent === '0'")
        .await;
}

/// Neither file of the trace has a packet.
async fn holds_no_packet(relay: &Relay) {
    let saved = get(relay.http, "/labs/open/trace.json").await;
    let saved: shared::saved::Saved = serde_json::from_str(saved.text()).expect("a saved trace");
    let packet = |what: &What| matches!(what, What::Packet(_));
    assert!(!saved.events.iter().any(|event| packet(&event.what)));
    let capture = get(relay.http, "/labs/open/trace.pcapng").await;
    assert_eq!(capture.status, 409, "{}", capture.text());
}
