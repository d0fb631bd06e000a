//! The book's programs, line by line, in real Chromium and by keyboard alone: what each side is at, and what it knows.

use std::net::TcpStream;

use fantoccini::key::Key;
use serde_json::json;
use shared::call::Transport::{Tcp, Udp};
use tests::{
    browser::Browser,
    language::Language,
    relay::Relay,
    story::{BrowserOptions, DESK, PHONE, in_both_languages_at},
};

const TABLET: (u32, u32) = (768, 1024);

#[tokio::test]
async fn udp_line_by_line_with_every_variable_on_both_sides() {
    let tell = async |_relay: Relay, browser: &Browser, language: &Language| {
        let server = browser.enters_own_lab().await;
        browser.unfolds("#listing").await;
        browser.writes("#sentence", "hi 世").await;
        browser.steps_to("serverName").await;
        let name = format!("serverName = '{}'", server.ip());
        browser.sees_line("client", "next", &name).await;
        browser.steps_to("input").await;
        browser
            .sees_value("client", "clientSocket", "<socket fd=3")
            .await;
        let made = "#calls [data-side=client][data-call=socket][aria-selected=true]";
        browser.sees(made).await;
        browser.steps_to("sendto").await;
        browser.sees_value("client", "message", "'hi 世'").await;
        browser.steps_to("recvfrom").await;
        let encoded = r"b'hi \xe4\xb8\x96'";
        browser
            .sees_value("client", "message.encode()", encoded)
            .await;
        // The server has had it, and waits for the next: its program is followed, not run here.
        browser.sees_line("server", "in", "recvfrom(2048)").await;
        browser.sees_value("server", "message", encoded).await;
        browser
            .sees_value("server", "modifiedMessage", "'HI 世'")
            .await;
        browser
            .sees_value("server", "clientAddress", &format!("('{}', ", server.ip()))
            .await;
        let about = language.fills("listing.waits", &[("n", "9")]);
        says(browser, "server", &about).await;
        browser.steps_to("print").await;
        browser
            .sees_value("client", "modifiedMessage", r"b'HI \xe4\xb8\x96'")
            .await;
        browser.steps_to("close").await;
        browser
            .sees_value("client", "modifiedMessage.decode()", "'HI 世'")
            .await;
        browser.reads_reply("HI 世").await;
        browser.activates("#listing-step").await;
        says(browser, "client", "").await;
        browser
            .sees_value("client", "clientSocket", "[closed]")
            .await;
        one_selection(browser).await;
    };
    in_both_languages_at([DESK, PHONE], start, BrowserOptions::default(), tell).await;
}

/// What is looked at in one place is looked at in all of them.
async fn one_selection(browser: &Browser) {
    browser.reaches("#client-lines").await;
    browser.keys(&char::from(Key::Home).to_string()).await;
    let lit = |side: &str, text: &str| {
        let line = format!("document.querySelector('#{side}-lines [aria-selected=true]')");
        format!("{line}?.textContent.includes({}) === true", json!(text))
    };
    browser.waits_until(&lit("client", "= socket(")).await;
    browser.keys(&char::from(Key::Down).to_string()).await;
    browser.waits_until(&lit("client", "sendto")).await;
    let row = "#calls [data-side=client][data-call=sendto][aria-selected=true]";
    browser.sees(row).await;
    browser.sees("#client-lane [data-selected]").await;
    let captured = "document.getElementById('packets-number').textContent !== '0'";
    if browser.asks(captured).await == json!(true) {
        browser.sees("#arrows [data-selected]").await;
    }
    browser.reaches("#server-lines").await;
    browser.keys(&char::from(Key::End).to_string()).await;
    browser.waits_until(&lit("server", "sendto")).await;
    browser.sees("#server-lane [data-selected]").await;
    assert!(!browser.has("#client-lines [aria-selected=true]").await);
    // And the other way round: a row that gets the focus lights its line.
    browser.reaches("#calls [tabindex='0']").await;
    browser.keys(&char::from(Key::Up).to_string()).await;
    browser.waits_until(&lit("server", "upper")).await;
}

#[tokio::test]
async fn tcp_runs_pauses_and_is_reset() {
    let tell = async |_relay: Relay, browser: &Browser, language: &Language| {
        browser.enters_own_lab().await;
        browser.turns_to(Tcp).await;
        browser.unfolds("#listing").await;
        browser.writes("#sentence", "straße").await;
        browser.moves_to("#listing-pace", "0").await;
        browser.activates("#listing-run").await;
        browser.reads_reply("STRASSE").await;
        let screen = "Input lowercase sentence: straße\nFrom Server: STRASSE\n";
        browser.reads_line("#listing-screen", screen).await;
        browser.sees_line("server", "in", "accept()").await;
        browser
            .sees_value("server", "connectionSocket", "[closed]")
            .await;
        browser
            .sees_value("server", "capitalizedSentence", "'STRASSE'")
            .await;

        browser.moves_to("#listing-pace", "1500").await;
        browser.activates("#listing-run").await;
        browser
            .reads_line("#listing-run", language.text("listing.pause"))
            .await;
        browser.sees_line("client", "next", "serverName").await;
        browser.activates("#listing-run").await;
        browser
            .reads_line("#listing-run", language.text("listing.run"))
            .await;
        browser.activates("#listing-reset").await;
        let fresh = language.text("listing.fresh");
        says(browser, "client", fresh).await;
        assert_eq!(browser.reply().await, "");
        assert!(
            !browser
                .has("#client-lines :is([data-at=next], [data-at=in])")
                .await
        );

        // Without a sentence it is blocked by the keyboard, and reads what is sent.
        browser.writes("#sentence", "").await;
        browser.moves_to("#listing-pace", "0").await;
        browser.activates("#listing-run").await;
        browser.sees_line("client", "in", "input(").await;
        browser.sees_line("server", "in", "recv(1024)").await;
        browser.sends_sentence("again").await;
        browser.reads_reply("AGAIN").await;
    };
    in_both_languages_at([DESK, TABLET], start, BrowserOptions::default(), tell).await;
}

#[tokio::test]
async fn a_line_stays_blocked_until_ctrl_c_and_a_refused_one_ends_the_program() {
    let tell = async |_relay: Relay, browser: &Browser, language: &Language| {
        browser.enters_own_lab().await;
        browser.commands_server("#server-stop", "stopped").await;
        let down = language.text("listing.down");
        says(browser, "server", down).await;
        browser.unfolds("#listing").await;
        browser.writes("#sentence", "anybody?").await;
        browser.steps_to("recvfrom").await;
        browser.activates("#listing-step").await;
        browser.sees_line("client", "in", "recvfrom").await;
        let row = "#calls [data-side=client][data-call=recvfrom][data-state=blocked]";
        browser.sees(row).await;
        assert!(
            !browser.has("#send:not(:disabled)").await,
            "it reads no keyboard"
        );
        browser.activates("#listing-interrupt").await;
        browser.sees_line("client", "died", "recvfrom").await;
        ends_with(browser, "\nKeyboardInterrupt\n").await;
        browser
            .sees("#calls [data-call=recvfrom][data-errno=ECANCELED]")
            .await;

        browser.turns_to(Tcp).await;
        browser.commands_server("#server-stop", "stopped").await;
        browser.steps_to("connect").await;
        browser.activates("#listing-step").await;
        browser.sees_line("client", "died", "connect").await;
        let refused = "\nConnectionRefusedError: [Errno 111] Connection refused\n";
        ends_with(browser, refused).await;
        let died = language.fills("listing.died", &[("n", "6")]);
        says(browser, "client", &died).await;
        browser
            .sees("#calls [data-call=connect][data-errno=ECONNREFUSED][aria-selected=true]")
            .await;
    };
    in_both_languages_at([DESK, PHONE], start, BrowserOptions::default(), tell).await;
}

#[tokio::test]
async fn the_server_dies_in_the_line_that_decodes_and_is_started_again() {
    let tell = async |_relay: Relay, browser: &Browser, language: &Language| {
        browser.enters_own_lab().await;
        browser.turns_to_bench().await;
        browser.makes_socket(Udp, 3).await;
        browser.sets_to(3, "form", "hex").await;
        browser.puts(3, "data", "61 ff").await;
        browser.performs(3, &["sendto"]).await;
        browser.sees("#server[data-state=dead]").await;
        browser
            .sees_line("server", "died", "message.decode().upper()")
            .await;
        let died = language.fills("listing.died_at", &[("n", "10")]);
        let why = "UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff in position 1: invalid start byte";
        says(browser, "server", &format!("{died}{why}")).await;
        browser.sees_value("server", "message", r"b'a\xff'").await;
        browser.commands_server("#server-start", "running").await;
        browser.sees_line("server", "in", "recvfrom(2048)").await;
        let none = "document.getElementById('server-variables').hidden";
        browser.waits_until(none).await;
    };
    in_both_languages_at([PHONE, DESK], start, BrowserOptions::default(), tell).await;
}

#[tokio::test]
async fn a_silent_client_is_served_while_another_waits_at_the_door() {
    let tell = async |_relay: Relay, browser: &Browser, language: &Language| {
        let server = browser.enters_own_lab().await;
        browser.turns_to(Tcp).await;
        browser.unfolds("#listing").await;
        browser.writes("#sentence", "first").await;
        // It is connected and has sent nothing.
        browser.steps_to("input").await;
        browser.sees_line("server", "in", "recv(1024)").await;
        let second = TcpStream::connect(server).expect("the kernel connects it");
        let address = second.local_addr().expect("its address").to_string();
        let waiting = language.fills("doors.waiting", &[("address", &address)]);
        browser.sees_doors("waiting", &[waiting]).await;
        browser.sees_line("server", "in", "recv(1024)").await;
        let peer = browser
            .reads::<String>("document.querySelector('#server-values td code').textContent")
            .await;
        assert!(!peer.contains(&second.local_addr().expect("its address").port().to_string()));
        in_sight_together(browser).await;
        browser.moves_to("#listing-pace", "0").await;
        browser.activates("#listing-run").await;
        browser.reads_reply("FIRST").await;
        browser.sees_doors("waiting", &[]).await;
        browser
            .sees_value("server", "connectionSocket", &address.replace(':', "', "))
            .await;
    };
    in_both_languages_at([DESK, DESK], start, BrowserOptions::default(), tell).await;
}

/// The server's current line, and its doors with the clients that wait there.
async fn in_sight_together(browser: &Browser) {
    for element in ["#server-lines [data-at=in]", "#doors-picture"] {
        let seen = format!(
            "(place => place.top >= 0 && place.bottom <= innerHeight)(document.querySelector('{element}').getBoundingClientRect())"
        );
        assert_eq!(
            browser.asks(&seen).await,
            json!(true),
            "{element} is in sight"
        );
    }
}

#[tokio::test]
async fn a_sturdy_server_has_no_listing_and_is_changed_for_the_books() {
    let tell = async |_relay: Relay, browser: &Browser, language: &Language| {
        let sturdy = language.text("listing.sturdy");
        browser.reads_line("#no-listing-why", sturdy).await;
        assert!(!browser.has("#server-listing:not([hidden])").await);
        browser.activates("#server-book").await;
        browser
            .sees("#server-listing:not([hidden]) [data-at=in]")
            .await;
        browser.sees_line("server", "in", "recvfrom(2048)").await;
        browser.unfolds("#listing").await;
        let allow = json!({ "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"] });
        browser.sets("Browser.grantPermissions", allow).await;
        browser.activates("#client-copy").await;
        browser
            .reads_line("#client-copy", language.text("copy.done"))
            .await;
        browser.activates("#listing-step").await;
        browser
            .reads_line("#client-copy", language.text("code.copy"))
            .await;
    };
    in_both_languages_at([DESK, PHONE], start, BrowserOptions::default(), tell).await;
}

#[tokio::test]
async fn unfolded_nothing_is_cut_off_and_an_audit_finds_nothing() {
    let tell = async |_relay: Relay, browser: &Browser, _language: &Language| {
        browser.enters_own_lab().await;
        fits(browser, "folded").await;
        browser.unfolds("#listing").await;
        browser.writes("#sentence", "hello").await;
        browser.steps_to("recvfrom").await;
        fits(browser, "unfolded").await;
        for dark in [false, true] {
            browser.prefers(dark).await;
            let findings = browser.accessibility_findings().await;
            assert!(findings.is_empty(), "dark: {dark}: {findings:#?}");
        }
    };
    in_both_languages_at([DESK, PHONE], start, BrowserOptions::default(), tell).await;
    in_both_languages_at([TABLET, TABLET], start, BrowserOptions::default(), tell).await;
}

/// No sideways scrolling; and where all stands beside each other, none of the page.
async fn fits(browser: &Browser, when: &str) {
    let [width, inner]: [u32; 2] = browser
        .reads("[document.documentElement.scrollWidth, innerWidth]")
        .await;
    assert!(width <= inner, "{when}: {width} > {inner}");
    if inner >= DESK.0 {
        let [height, inner]: [u32; 2] = browser
            .reads("[document.documentElement.scrollHeight, innerHeight]")
            .await;
        assert!(height <= inner, "{when}: {height} > {inner}");
    }
}

async fn says(browser: &Browser, side: &str, text: &str) {
    let said = format!("document.getElementById('{side}-said').textContent");
    browser
        .waits_until(&format!("{said}.startsWith({})", json!(text)))
        .await;
}

async fn ends_with(browser: &Browser, text: &str) {
    let screen = "document.getElementById('listing-screen').textContent";
    browser
        .waits_until(&format!("{screen}.endsWith({})", json!(text)))
        .await;
}

fn start() -> Relay {
    Relay::start(&[])
}
