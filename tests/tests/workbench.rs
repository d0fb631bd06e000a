//! The workbench in Chromium by keyboard alone: any call in any order, valid or not.

use shared::call::Transport::{Tcp, Udp};
use tests::{
    browser::Browser,
    language::Language,
    relay::Relay,
    story::{BrowserOptions, DESK, PHONE, in_both_languages_at},
};

/// A failure: the call, what is set in its card before, the error, and the text that explains it.
type Failure = (
    &'static str,
    Option<(&'static str, &'static str)>,
    &'static str,
    &'static str,
);

#[tokio::test]
async fn every_call_returns_and_every_call_fails_with_a_reason() {
    let tell = async |_relay: Relay, browser: &Browser, language: &Language| {
        browser.enters_own_lab().await;
        browser.turns_to_bench().await;
        browser.makes_socket(Tcp, 3).await;
        options(browser, 3).await;
        // Not connected yet.
        let too_early: [Failure; 6] = [
            (
                "bind",
                Some(("port", "80")),
                "EACCES",
                "reason.port_reserved",
            ),
            ("send", None, "EPIPE", "errno.EPIPE"),
            ("recv", None, "ENOTCONN", "errno.ENOTCONN"),
            ("getpeername", None, "ENOTCONN", "errno.ENOTCONN"),
            ("shutdown", None, "ENOTCONN", "errno.ENOTCONN"),
            (
                "connect",
                Some(("to", "nobody")),
                "ECONNREFUSED",
                "errno.ECONNREFUSED",
            ),
        ];
        fail(browser, language, 3, &too_early).await;
        browser.makes_socket(Tcp, 4).await;
        options(browser, 4).await;
        let calls = [
            "setsockopt",
            "bind",
            "connect",
            "getsockname",
            "getpeername",
            "settimeout",
            "send",
            "recv",
            "shutdown",
            "close",
        ];
        browser.performs(4, &calls).await;

        browser.makes_socket(Udp, 4).await;
        options(browser, 4).await;
        let of_udp: [Failure; 5] = [
            ("send", None, "EDESTADDRREQ", "errno.EDESTADDRREQ"),
            (
                "sendto",
                Some(("to", "localhost6")),
                "EAFNOSUPPORT",
                "errno.EAFNOSUPPORT",
            ),
            (
                "setsockopt",
                Some(("option", "TCP_NODELAY")),
                "ENOPROTOOPT",
                "errno.ENOPROTOOPT",
            ),
            // Nothing was sent, so nothing arrives.
            ("settimeout", Some(("timeout", "1")), "", ""),
            ("recvfrom", None, "EAGAIN", "reason.timed_out"),
        ];
        fail(browser, language, 4, &of_udp).await;
        browser
            .sees("#bench-cards [data-fd='4'][data-state=bound]")
            .await;
        browser.sets_to(4, "to", "server").await;
        browser.puts(4, "timeout", "").await;
        browser
            .performs(4, &["settimeout", "sendto", "recvfrom", "close"])
            .await;
        // Its descriptor is free now.
        let closed: [Failure; 3] = [
            ("getsockname", None, "EBADF", "reason.no_such_socket"),
            ("settimeout", None, "EBADF", "reason.no_such_socket"),
            ("close", None, "EBADF", "reason.no_such_socket"),
        ];
        fail(browser, language, 4, &closed).await;

        let resolve = "#bench-resolve button";
        let made = browser.adds(resolve, "getaddrinfo").await;
        assert!(browser.returns(made).await.contains("127.0.0.1"));
        browser
            .writes("#bench-resolve input", "nowhere.example")
            .await;
        let made = browser.adds(resolve, "getaddrinfo").await;
        browser
            .fails(made, "EAI_NONAME", language, "reason.unknown_name")
            .await;

        browser.makes_socket(Udp, 4).await;
        let made = browser.begins("#bench-new", "socket", Udp).await;
        let too_many = language.fills("reason.too_many_sockets", &[("limit", "2")]);
        browser.fails_saying(made, "EMFILE", &too_many).await;
    };
    let start = || Relay::start(&["--max-sockets", "2"]);
    in_both_languages_at([DESK, PHONE], start, BrowserOptions::default(), tell).await;
}

#[tokio::test]
async fn calls_wait_for_their_turn_and_can_be_given_up() {
    let tell = async |_relay: Relay, browser: &Browser, language: &Language| {
        browser.enters_own_lab().await;
        browser.turns_to_bench().await;
        browser.makes_socket(Udp, 3).await;
        browser.performs(3, &["bind"]).await;
        let first = browser.makes(3, "recvfrom").await;
        browser.blocks(first, language).await;
        let sends = browser.makes(3, "sendto").await;
        let second = browser.makes(3, "recvfrom").await;
        let turn = language.text("bench.turn").to_owned();
        for made in [sends, second] {
            let result = format!("#bench-log > li:nth-child({}) [data-p=result]", made.0);
            browser.reads_line(&result, &turn).await;
        }
        // Another socket does not wait for this one.
        browser.makes_socket(Tcp, 4).await;
        browser.performs(4, &["connect"]).await;
        assert!(browser.is_blocked(sends).await);
        browser.gives_up(first, language).await;
        browser.returns(sends).await;
        let heard = browser.returns(second).await;
        assert!(heard.starts_with("\"HELLO\""), "{heard}");

        // A call can be given up before its turn.
        let first = browser.makes(3, "recvfrom").await;
        browser.blocks(first, language).await;
        let second = browser.makes(3, "sendto").await;
        browser.gives_up(second, language).await;
        assert!(browser.is_blocked(first).await, "only that one");
        browser.gives_up(first, language).await;
    };
    let start = || Relay::start(&[]);
    in_both_languages_at([PHONE, DESK], start, BrowserOptions::default(), tell).await;
}

/// The calls that stand behind a fold of a card.
async fn options(browser: &Browser, fd: u32) {
    browser
        .unfolds(&format!("#bench-cards .socket[data-fd='{fd}'] details"))
        .await;
}

/// Makes calls that fail, each explained in the page's language; one without an error must return.
async fn fail(browser: &Browser, language: &Language, fd: u32, failures: &[Failure]) {
    for (call, set, errno, key) in failures {
        match set {
            Some((list @ ("to" | "option" | "how"), value)) => {
                browser.sets_to(fd, list, value).await
            }
            Some((field, value)) => browser.puts(fd, field, value).await,
            None => {}
        }
        let made = browser.makes(fd, call).await;
        if errno.is_empty() {
            browser.returns(made).await;
        } else {
            browser.fails(made, errno, language, key).await;
        }
    }
}
