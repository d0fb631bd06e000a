//! Private labs in Chromium by keyboard alone: servers, network and sessions.

use std::net::{SocketAddr, UdpSocket};

use serde::Deserialize;
use serde_json::json;
use shared::call::Transport::{Tcp, Udp};
use tests::{
    browser::Browser,
    faulty_proxy::{Fault, FaultyProxy},
    language::Language,
    relay::Relay,
    story::{BrowserOptions, DESK, NO_CONVERSATION, PHONE, in_both_languages_at, in_every_way},
    timeout::{TIMEOUT, until},
};

#[tokio::test]
async fn a_lab_of_ones_own_is_refused_by_tcp_and_silent_by_udp() {
    let tell = async |relay: Relay, browser: &Browser, language: &Language| {
        let server = browser.enters_own_lab().await;
        assert_ne!(server, relay.udp, "not the open lab's");
        let ip = server.ip().to_string();
        let chip = language.fills("truth.lab", &[("lab", &ip)]);
        browser.reads_line("#truth-lab", &chip).await;
        answers_from_beside(server);

        browser.turns_to(Tcp).await;
        browser.commands_server("#server-stop", "stopped").await;
        let state = language.text("server.stopped").to_owned();
        browser.reads_line("#server-state", &state).await;
        browser.sends_sentence("anybody there?").await;
        browser
            .sees("#calls [data-call=connect][data-errno=ECONNREFUSED]")
            .await;
        let why = language.text("errno.ECONNREFUSED");
        browser
            .reads_line("#reply-text", &format!("connect: {why}"))
            .await;
        assert_eq!(browser.reply().await, "");

        browser.turns_to_bench().await;
        browser.makes_socket(Udp, 3).await;
        browser.sees("body[data-transport=udp]").await;
        browser.commands_server("#server-stop", "stopped").await;
        browser.performs(3, &["sendto"]).await;
        let waits = browser.makes(3, "recvfrom").await;
        browser.blocks(waits, language).await;
        browser.makes_socket(Udp, 4).await;
        browser.performs(4, &["connect", "send"]).await;
        let told = browser.makes(4, "recv").await;
        browser
            .fails(told, "ECONNREFUSED", language, "errno.ECONNREFUSED")
            .await;
        assert!(
            browser.is_blocked(waits).await,
            "who is not connected hears nothing"
        );
        browser.gives_up(waits, language).await;
    };
    in_every_way(start, BrowserOptions::default(), tell).await;
}

#[tokio::test]
async fn the_books_server_dies_of_a_byte_and_is_started_again() {
    let tell = async |_relay: Relay, browser: &Browser, language: &Language| {
        browser.enters_own_lab().await;
        browser.turns_to_bench().await;
        browser.makes_socket(Udp, 3).await;
        browser.sets_to(3, "form", "hex").await;
        browser.puts(3, "data", "ff").await;
        browser.performs(3, &["sendto"]).await;
        dies_and_starts_again(browser, language).await;
        browser.sets_to(3, "form", "text").await;
        browser.puts(3, "data", "hello").await;
        browser.performs(3, &["sendto", "recvfrom"]).await;
        let heard = browser.bench_rows().await.len();
        reads_result(browser, heard, "HELLO").await;

        // It closes first when it dies: without SO_REUSEADDR it could not be started again for a minute.
        browser.makes_socket(Tcp, 4).await;
        browser.sees("body[data-transport=tcp]").await;
        browser.commands_server("#server-stop", "stopped").await;
        browser.unfolds("#server-settings").await;
        browser.ticks("#server-reuse", true).await;
        browser.commands_server("#server-start", "running").await;
        browser.sets_to(4, "form", "hex").await;
        browser.puts(4, "data", "ff").await;
        browser.performs(4, &["connect", "send"]).await;
        dies_and_starts_again(browser, language).await;
        browser.makes_socket(Tcp, 5).await;
        browser.performs(5, &["connect", "send", "recv"]).await;
        let heard = browser.bench_rows().await.len();
        reads_result(browser, heard, "HELLO").await;
    };
    in_every_way(start, BrowserOptions::default(), tell).await;
}

/// That the address becomes free is waited for once, in English at a desk: nothing in it depends on that. It is waited
/// for rather than avoided with SO_REUSEADDR, because only then the countdown itself is held to what the kernel does.
#[tokio::test]
async fn the_side_that_closes_first_keeps_the_address_for_a_minute() {
    let tell = async |_relay: Relay, browser: &Browser, language: &Language| {
        let server = browser.enters_own_lab().await;
        browser.turns_to(Tcp).await;
        browser.sends_sentence("hello").await;
        browser.reads_reply("HELLO").await;
        kernel_holds(server).await;
        browser.commands_server("#server-stop", "stopped").await;
        browser.activates("#server-start").await;
        browser.sees("#server-in-use:not([hidden])").await;
        let why = language.text("server.in_use").to_owned();
        browser.reads_line("#server-in-use .why", &why).await;
        assert!(browser.has("#server[data-state=stopped]").await);
        let left = browser.seconds("#server-time-wait").await;
        assert!((1.0..=60.0).contains(&left), "{left}");
        let said = language.fills("server.time_wait", &[("time", "\u{0}")]);
        let [before, after] = said.split('\u{0}').collect::<Vec<_>>()[..] else {
            panic!("one gap: {said}")
        };
        let text = browser.text("#server-time-wait").await;
        assert!(
            text.starts_with(before.trim()) && text.ends_with(after),
            "{text}"
        );
        browser.sees("#doors-list [data-door=fading]").await;
        browser.sees("#doors-list [data-door=held]").await;
        let mut left = counts_down(browser, language, left).await;
        kernel_holds(server).await;
        if language.wanted.starts_with("zh") || is_narrow(browser).await {
            return;
        }
        let free = language.text("server.free");
        while left > 0.0 {
            left = counts_down(browser, language, left).await;
        }
        browser.reads_line("#server-time-wait", free).await;
        browser.commands_server("#server-start", "running").await;
        browser
            .waits_until("document.getElementById('server-in-use').hidden")
            .await;
        browser.sends_sentence("again").await;
        browser.reads_reply("AGAIN").await;
    };
    in_every_way(start, BrowserOptions::default(), tell).await;
}

/// The kernel lets in one more than the backlog. A silent client keeps the book's server from accepting anybody.
#[tokio::test]
async fn a_client_waits_while_the_queue_is_full() {
    let tell = async |_relay: Relay, browser: &Browser, language: &Language| {
        browser.enters_own_lab().await;
        browser.turns_to_bench().await;
        browser.makes_socket(Tcp, 3).await;
        let backlog = if language.wanted.starts_with("zh") {
            browser.commands_server("#server-stop", "stopped").await;
            browser.unfolds("#server-settings").await;
            browser.writes("#server-backlog", "0").await;
            browser.commands_server("#server-start", "running").await;
            0
        } else {
            1
        };
        browser.performs(3, &["connect"]).await;
        let silent = browser.own_address(3).await;
        in_rooms(browser, language, silent, "ESTABLISHED").await;
        let mut waiting = Vec::new();
        for fd in 4..=4 + backlog {
            browser.makes_socket(Tcp, fd).await;
            browser.performs(fd, &["connect"]).await;
            waiting.push(browser.own_address(fd).await);
        }
        let [gives_up, stays] = [5 + backlog, 6 + backlog];
        let mut hang = Vec::new();
        for fd in [gives_up, stays] {
            browser.makes_socket(Tcp, fd).await;
            let made = browser.makes(fd, "connect").await;
            browser.blocks(made, language).await;
            browser
                .sees(&format!(
                    "#bench-cards [data-fd='{fd}'][data-state=SYN-SENT]"
                ))
                .await;
            hang.push(made);
        }
        let lines = |addresses: &[SocketAddr]| -> Vec<String> {
            let line = |address: &SocketAddr| {
                language.fills("doors.waiting", &[("address", &address.to_string())])
            };
            addresses.iter().map(line).collect()
        };
        browser.sees_doors("waiting", &lines(&waiting)).await;
        let queue = [
            ("port", server_port(browser).await),
            ("n", waiting.len().to_string()),
            ("most", backlog.to_string()),
        ];
        let queue = queue
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        browser
            .sees_doors("welcome", &[language.fills("doors.queue", &queue)])
            .await;

        let result = format!("#bench-log > li:nth-child({}) [data-p=result]", hang[0].0);
        let waited = browser.seconds(&result).await;
        let longer = async || (browser.seconds(&result).await > waited).then_some(());
        until("the wait growing", longer).await;
        browser.gives_up(hang[0], language).await;
        assert!(browser.is_blocked(hang[1]).await, "only that one");
        // The kernel would go on to connect it.
        browser.performs(gives_up, &["close"]).await;

        browser.performs(3, &["close"]).await;
        in_rooms(browser, language, waiting[0], "ESTABLISHED").await;
        browser.returns(hang[1]).await;
        waiting.push(browser.own_address(stays).await);
        browser.sees_doors("waiting", &lines(&waiting[1..])).await;
        browser.performs(4, &["send", "recv"]).await;
        reads_result(browser, browser.bench_rows().await.len(), "HELLO").await;
    };
    in_every_way(start, BrowserOptions::default(), tell).await;
}

/// What became of a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Answered,
    RequestLost,
    ReplyLost,
}

const SEED: u64 = 7;
const SENTENCES: [&str; 6] = ["one", "two", "three", "four", "five", "six"];

#[tokio::test]
async fn the_same_seed_loses_the_same_datagrams() {
    let tell = async |_relay: Relay, browser: &Browser, language: &Language| {
        browser.enters_own_lab().await;
        browser.turns_to(Udp).await;
        let mut ladders = Vec::new();
        for round in 1..=2 {
            browser.sets_network(30, SEED).await;
            let loses = language.fills("network.loses", &[("n", "30")]);
            let both = language.fills("network.both", &[("what", &loses)]);
            browser.reads_line("#network-now", &both).await;
            let note = language.fills("run.conditions", &[("what", &both)]);
            let notes = format!(
                "[...document.querySelectorAll('#calls [data-kind=note]')].filter(note => \
                 note.textContent.includes({})).length === {round}",
                json!(note)
            );
            browser.waits_until(&notes).await;
            let mut ladder = Vec::new();
            for sentence in SENTENCES {
                ladder.push(fate_of(browser, language, sentence).await);
            }
            ladders.push(ladder);
        }
        let [first, second] = &ladders[..] else {
            unreachable!("two rounds")
        };
        assert_eq!(first, second, "the same dice");
        for fate in [Fate::Answered, Fate::RequestLost, Fate::ReplyLost] {
            assert!(first.contains(&fate), "{fate:?} is in {first:?}");
        }
    };
    in_every_way(start, BrowserOptions::default(), tell).await;
}

/// Says a sentence and sees what becomes of it; one that is lost is waited for no longer.
async fn fate_of(browser: &Browser, language: &Language, sentence: &str) -> Fate {
    const TALKS: &str = "[...document.querySelectorAll('#calls [data-kind=talk]')]";
    let before: usize = browser.reads(&format!("{TALKS}.length")).await;
    browser.sends_sentence(sentence).await;
    let title = format!("{TALKS}[{before}]?.querySelector('.title').textContent ?? ''");
    let answered = format!(
        "{TALKS}[{before}]?.querySelector('[data-side=client][data-call=recvfrom][data-state=returned]') != null"
    );
    let [request, reply] = ["fate.request_lost", "fate.reply_lost"].map(|key| language.text(key));
    let seen = async || {
        let title: String = browser.reads(&title).await;
        if title.contains(request) {
            Some(Fate::RequestLost)
        } else if title.contains(reply) {
            Some(Fate::ReplyLost)
        } else {
            (browser.asks(&answered).await == json!(true)).then_some(Fate::Answered)
        }
    };
    let fate = until(&format!("the fate of {sentence}"), seen).await;
    let (said, note) = match fate {
        Fate::Answered => {
            browser.reads_reply(&sentence.to_uppercase()).await;
            assert!(!browser.has("#arrows [data-fate=lost]").await);
            return fate;
        }
        Fate::RequestLost => (request, "blocked.request_lost"),
        Fate::ReplyLost => (reply, "blocked.reply_lost"),
    };
    let lost = "#arrows [data-fate=lost] text:last-of-type".to_owned();
    browser.reads_line(&lost, said).await;
    let note = language.text(note).to_owned();
    browser.reads_line("#reply-text", &note).await;
    browser.activates("#cancel").await;
    browser
        .waits_until(&format!(
            "{TALKS}[{before}].querySelector('[data-call=recvfrom][data-errno=ECANCELED]') !== null"
        ))
        .await;
    fate
}

#[tokio::test]
async fn loading_the_page_again_in_mid_conversation_loses_nothing() {
    let tell = async |_relay: Relay, browser: &Browser, language: &Language| {
        let server = browser.enters_own_lab().await;
        begins_two_conversations(browser, language).await;
        let before = Snapshot::of(browser).await;
        assert!(!before.arrows.is_empty());
        browser.reloads().await;
        assert_eq!(browser.is_in_own_lab().await.ip(), server.ip());
        let same = async || (Snapshot::of(browser).await == before).then_some(());
        let all = async { until("all as it was", same).await };
        if tokio::time::timeout(TIMEOUT / 2, all).await.is_err() {
            assert_eq!(Snapshot::of(browser).await, before, "all as it was");
        }
        they_go_on(browser, language).await;
    };
    in_every_way(start, BrowserOptions::default(), tell).await;
}

/// The console has to complain while the way is cut: browsers write every failed WebSocket into it.
#[tokio::test]
async fn a_broken_connection_loses_and_repeats_nothing() {
    let options = BrowserOptions {
        forgives: NO_CONVERSATION,
        ..BrowserOptions::default()
    };
    let tell = async |relay: Relay, browser: &Browser, language: &Language| {
        let proxy = FaultyProxy::to(relay.http).await;
        browser.visits(&proxy.url()).await;
        browser.enters_own_lab().await;
        begins_two_conversations(browser, language).await;
        let before = Snapshot::of(browser).await;

        proxy.set_fault(Fault::Cut);
        browser.sees("#connection[data-state=lost]").await;
        // It asks for the reason, and gets no answer either.
        let url = format!("ws://{}/ws", proxy.address);
        let why = language.fills("refused.unreachable", &[("url", &url)]);
        let lost = [language.text("conn.lost"), language.text("conn.then"), &why].concat();
        browser.reads_line("#connection-text", &lost).await;
        browser.sees("#connection-countdown:not([hidden])").await;
        let left = browser.seconds("#lab-kept").await;
        assert!((1.0..=60.0).contains(&left), "{left}");
        let kept = async || (browser.seconds("#lab-kept").await < left).then_some(());
        until("the time it is kept for running out", kept).await;
        proxy.set_fault(Fault::None);
        browser.sees("#connection[data-state=open]").await;
        browser.sees("#lab[data-kind=private]").await;
        let same = async || (Snapshot::of(browser).await == before).then_some(());
        until("all as it was", same).await;

        browser
            .unfolds("#bench-cards .socket[data-fd='3'] details")
            .await;
        // A request that did not arrive is sent again; one whose reply did not arrive is not.
        for loses in [Fault::LoseRequests, Fault::LoseReplies] {
            proxy.set_fault(loses);
            let asked = browser.makes(3, "getsockname").await;
            assert!(browser.is_blocked(asked).await);
            proxy.set_fault(Fault::Cut);
            browser.sees("#connection[data-state=lost]").await;
            proxy.set_fault(Fault::None);
            browser.sees("#connection[data-state=open]").await;
            browser.returns(asked).await;
        }
        let asked =
            "[...document.querySelectorAll('#bench-log [data-call=getsockname]')].length === 2";
        assert_eq!(browser.asks(asked).await, json!(true));
        they_go_on(browser, language).await;
    };
    in_both_languages_at([PHONE, DESK], start, options, tell).await;
}

#[tokio::test]
async fn a_token_takes_a_session_over_and_another_page_takes_it_back() {
    let tell = async |relay: Relay, browser: &Browser, language: &Language| {
        let server = browser.enters_own_lab().await;
        browser.turns_to_bench().await;
        browser.makes_socket(Udp, 3).await;
        browser.performs(3, &["sendto"]).await;
        let ticket: String = browser.reads("sessionStorage.getItem('seat')").await;
        let first = browser.stands_at().await;
        let second = browser.opens_another(&relay.url()).await;
        let copy = format!("sessionStorage.setItem('seat', {}), null", json!(ticket));
        browser.asks(&copy).await;
        browser.reloads().await;
        assert_eq!(browser.is_in_own_lab().await.ip(), server.ip());
        browser
            .sees("#bench-cards [data-fd='3'][data-state=bound]")
            .await;

        browser.goes_to(&first).await;
        let told = language.text("goodbye.taken_over").to_owned();
        browser.sees("#connection[data-state=ended]").await;
        browser.reads_line("#connection-text", &told).await;
        assert!(
            browser.has("#connection-countdown[hidden]").await,
            "not by itself"
        );
        browser.activates("#take-back").await;
        browser.sees("#connection[data-state=open]").await;
        assert_eq!(browser.is_in_own_lab().await.ip(), server.ip());
        browser.performs(3, &["recvfrom"]).await;
        reads_result(browser, browser.bench_rows().await.len(), "HELLO").await;

        browser.goes_to(&second).await;
        browser.reads_line("#connection-text", &told).await;
        browser.sees("#take-back:not([hidden])").await;
    };
    in_both_languages_at([DESK, PHONE], start, BrowserOptions::default(), tell).await;
}

#[tokio::test]
async fn datagrams_are_decided_about_by_hand() {
    let tell = async |_relay: Relay, browser: &Browser, language: &Language| {
        browser.enters_own_lab().await;
        browser.turns_to(Udp).await;
        browser.unfolds("#network").await;
        browser.activates("#network [data-preset=by-hand]").await;
        let holds = language.text("network.holds");
        let both = language.fills("network.both", &[("what", holds)]);
        browser.reads_line("#network-now", &both).await;

        browser.sends_sentence("hello").await;
        sees_fate(browser, language, &["held"]).await;
        let note = language.fills("blocked.held", &[("call", "recvfrom")]);
        browser.reads_line("#reply-text", &note).await;
        let (request, said) = browser.decides("release").await;
        assert!(
            said.starts_with(&words_before(language, "network.held_request")),
            "{said}"
        );
        sees_fate(browser, language, &["released", "held"]).await;
        let (reply, said) = browser.decides("double").await;
        assert!(
            said.starts_with(&words_before(language, "network.held_reply")),
            "{said}"
        );
        assert_ne!(request, reply);
        browser.reads_reply("HELLO").await;
        sees_fate(browser, language, &["released", "doubled"]).await;

        browser.sends_sentence("again").await;
        sees_fate(browser, language, &["held"]).await;
        browser.decides("kill").await;
        browser.sees("#arrows [data-fate=killed]").await;
        let killed = language.text("fate.request_killed").to_owned();
        browser
            .reads_line("#arrows [data-fate=killed] text:last-of-type", &killed)
            .await;
        assert_eq!(browser.reply().await, "", "no reply, and none invented");
        browser.activates("#cancel").await;
        browser.sees("#calls [data-errno=ECANCELED]").await;
    };
    in_both_languages_at([PHONE, DESK], start, BrowserOptions::default(), tell).await;
}

#[tokio::test]
async fn an_audit_of_a_lab_of_ones_own_finds_nothing_grave() {
    let tell = async |_relay: Relay, browser: &Browser, language: &Language| {
        browser.enters_own_lab().await;
        browser.unfolds("#network").await;
        browser.activates("#network [data-preset=by-hand]").await;
        browser.sends_sentence("hello").await;
        browser.sees("#held [data-datagram]").await;
        is_sound(browser, "the network, and what it holds").await;
        browser.activates("#network > summary").await;
        browser.sees("#network:not([open])").await;
        browser.unfolds("#server-settings").await;
        is_sound(browser, "the server's settings").await;
        browser.activates("#server-settings > summary").await;
        browser.turns_to_bench().await;
        browser.makes_socket(Udp, 4).await;
        browser.performs(4, &["bind", "sendto"]).await;
        let made = browser.makes(4, "recvfrom").await;
        browser.blocks(made, language).await;
        browser.makes_socket(Tcp, 5).await;
        let made = browser.makes(5, "send").await;
        browser.fails(made, "EPIPE", language, "errno.EPIPE").await;
        browser.makes_socket(Tcp, 6).await;
        browser.performs(6, &["connect", "send"]).await;
        is_sound(browser, "the workbench with several sockets").await;
    };
    in_both_languages_at([DESK, PHONE], start, BrowserOptions::default(), tell).await;
}

fn start() -> Relay {
    Relay::start(&[])
}

async fn is_narrow(browser: &Browser) -> bool {
    browser.reads(&format!("innerWidth <= {}", PHONE.0)).await
}

/// Nothing grave by light and dark; no sideways scrolling, and where all has room the page does not scroll at all.
async fn is_sound(browser: &Browser, what: &str) {
    for dark in [false, true] {
        browser.prefers(dark).await;
        let findings = browser.accessibility_findings().await;
        assert!(findings.is_empty(), "{what}, dark: {dark}: {findings:#?}");
    }
    let sizes = "[document.documentElement.scrollWidth, document.documentElement.scrollHeight, innerWidth, innerHeight]";
    let [width, height, inner_width, inner_height]: [u32; 4] = browser.reads(sizes).await;
    assert!(width <= inner_width, "{what}: {width} wide");
    if (inner_width, inner_height) == DESK {
        assert!(height <= inner_height, "{what}: {height} high");
    }
}

/// A plain socket beside the relay gets an answer there: it is a real server.
fn answers_from_beside(server: SocketAddr) {
    let socket = UdpSocket::bind((server.ip(), 0)).expect("a socket");
    socket
        .set_read_timeout(Some(TIMEOUT))
        .expect("a socket with patience");
    socket.send_to(b"beside", server).expect("a server");
    let mut buffer = [0; 16];
    let (length, from) = socket.recv_from(&mut buffer).expect("an answer");
    assert_eq!((&buffer[..length], from), (&b"BESIDE"[..], server));
}

async fn dies_and_starts_again(browser: &Browser, language: &Language) {
    browser.sees("#server[data-state=dead]").await;
    let why = "decode: not UTF-8, an invalid byte at position 0";
    let why = language.fills("server.died", &[("why", why)]);
    browser.reads_line("#server-why", &why).await;
    browser.commands_server("#server-start", "running").await;
    browser.sees("#server-why[hidden]").await;
}

/// The call of that row returned this text.
async fn reads_result(browser: &Browser, row: usize, text: &str) {
    let result = browser
        .text(&format!("#bench-log > li:nth-child({row}) [data-p=result]"))
        .await;
    assert!(result.starts_with(&format!("{text:?}")), "{result}");
}

/// The kernel has a connection of that server in TIME_WAIT.
async fn kernel_holds(server: SocketAddr) {
    until("the kernel holding the address", async || {
        tests::kernel::holds_in_time_wait(server).then_some(())
    })
    .await;
}

/// Waits until fewer seconds are left, or the address is free; returns the seconds.
async fn counts_down(browser: &Browser, language: &Language, from: f64) -> f64 {
    let text = "document.getElementById('server-time-wait').textContent";
    let free = json!(language.text("server.free"));
    let number = format!("{text} === {free} ? 0 : Number({text}.match(/[0-9]+(?=\\s*s)/)?.[0])");
    // At 0 the kernel's own timer may still be late.
    let less = async || {
        let left = browser.asks(&number).await.as_f64();
        left.filter(|left| *left < from)
    };
    until(&format!("less than {from} seconds"), less).await
}

async fn in_rooms(browser: &Browser, language: &Language, guest: SocketAddr, state: &str) {
    let room = language.fills("doors.room", &[("address", &guest.to_string())]);
    browser
        .sees_doors("connection", &[format!("{room} · {state}")])
        .await;
}

async fn server_port(browser: &Browser) -> String {
    browser.server_address().await.port().to_string()
}

/// What a page shows of a lab: the workbench, the calls, and the ladder.
#[derive(Debug, PartialEq, Eq)]
struct Snapshot {
    sockets: Vec<tests::workbench::WorkbenchSocket>,
    made: Vec<tests::workbench::WorkbenchRow>,
    calls: Vec<tests::browser::Row>,
    arrows: Vec<Drawn>,
}

/// An arrow, without what is of the page that draws it.
#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Drawn {
    label: String,
    fate: String,
}

impl Snapshot {
    async fn of(browser: &Browser) -> Self {
        let arrows = "[...document.querySelectorAll('#arrows g[data-truth]')].map(arrow => ({ \
            label: arrow.textContent, fate: arrow.dataset.fate }))";
        Self {
            sockets: browser.bench_sockets().await,
            made: browser.bench_rows().await,
            calls: browser.calls().await,
            arrows: browser.reads(arrows).await,
        }
    }
}

/// At the workbench: fd 3 waits for a held reply, fd 4 is connected and has sent nothing.
async fn begins_two_conversations(browser: &Browser, language: &Language) {
    browser.unfolds("#network").await;
    browser.ticks("#reply-by-hand", true).await;
    browser.activates("#network-apply").await;
    let holds = language.fills(
        "network.of_reply",
        &[("what", language.text("network.holds"))],
    );
    browser.reads_line("#network-now", &holds).await;
    browser.activates("#network > summary").await;
    browser.turns_to_bench().await;
    browser.makes_socket(Tcp, 3).await;
    browser.performs(3, &["connect"]).await;
    browser.makes_socket(Udp, 4).await;
    browser.performs(4, &["sendto"]).await;
    let waits = browser.makes(4, "recvfrom").await;
    browser.blocks(waits, language).await;
    browser.sees("#held [data-datagram]").await;
    browser
        .sees("#bench-cards [data-fd='3'][data-state=ESTABLISHED]")
        .await;
    browser.sees("#arrows [data-fate=held]").await;
}

/// The held reply arrives once, and the connection continues.
async fn they_go_on(browser: &Browser, language: &Language) {
    let rows = browser.bench_rows().await;
    let waits = rows.iter().position(|row| row.call.starts_with("recvfrom"));
    let waits = waits.expect("the call that waits");
    assert_eq!(rows[waits].state, "blocked");
    browser
        .blocks(tests::workbench::Made(waits + 1), language)
        .await;
    browser.decides("release").await;
    browser.returns(tests::workbench::Made(waits + 1)).await;
    reads_result(browser, waits + 1, "HELLO").await;
    let received = async || {
        let calls = browser.calls().await.into_iter();
        let receives = calls.filter(|row| row.side == "client" && row.call == "recvfrom");
        receives.map(|row| row.state).collect::<Vec<_>>()
    };
    let once = async || (received().await == ["returned"]).then_some(());
    until("one reply", once).await;
    browser.performs(3, &["send", "recv"]).await;
    reads_result(browser, browser.bench_rows().await.len(), "HELLO").await;
    assert_eq!(received().await, ["returned"], "exactly one");
}

/// The ladder shows these fates at the edge, from above, each in the page's words.
async fn sees_fate(browser: &Browser, language: &Language, fates: &[&str]) {
    let lines: Vec<String> = fates
        .iter()
        .map(|fate| language.text(&format!("fate.{fate}")).to_owned())
        .collect();
    for fate in fates {
        browser.sees(&format!("#arrows [data-fate={fate}]")).await;
    }
    let told = "[...document.querySelectorAll('#arrows g[data-fate]:not([data-fate=\"\"]) text:last-of-type')]\
                .map(text => text.textContent).filter(text => text !== '')";
    let same = async || {
        let told: Vec<String> = browser.reads(told).await;
        lines.iter().all(|line| told.contains(line)).then_some(())
    };
    until(&format!("{lines:?} in the ladder"), same).await;
}

/// A text of the page as far as its first gap.
fn words_before(language: &Language, key: &str) -> String {
    let text = language.text(key);
    text.split('{').next().unwrap_or(text).to_owned()
}
