//! The ladder, the packets and the files to take along in real Chromium: one truth in many views, in both languages.

use fantoccini::key::Key;
use shared::{
    call::{
        Call,
        Transport::{Tcp, Udp},
    },
    lab::Level,
    saved::Saved,
    trace::{CallName, What},
};
use tests::{
    browser::{Browser, Row},
    capture::Capture,
    folder::Folder,
    inspector::{Arrow, Line, PacketRow},
    language::Language,
    page::Page,
    python::client_says,
    relay::Relay,
    story::{BrowserOptions, NO_CONVERSATION, in_both_languages},
    timeout::until,
    trace::{TCP_SERVER, Trace},
};

const SENTENCE: &str = "hello 世界 straße";
const SHOUTED: &str = "HELLO 世界 STRASSE";
/// Where the payload of a datagram begins: behind Ethernet, IPv4 without options, and UDP.
const PAYLOAD: usize = 14 + 20 + 8;

#[tokio::test]
async fn a_call_and_its_packet_are_one_selection_in_every_view() {
    let tell = async |relay: Relay, browser: &Browser, language: &Language| {
        if !Page::open(&relay).await.sees_packets() {
            return;
        }
        browser.exchanges(Tcp, SENTENCE, SHOUTED).await;
        let arrows = ends_of_both_sides(browser).await;
        let labels: Vec<&str> = arrows.iter().map(|arrow| arrow.label.as_str()).collect();
        assert_eq!(labels[..3], ["SYN", "SYN ACK", "ACK"]);
        let data = format!("PSH ACK {}\u{202f}B", SENTENCE.len());
        assert!(labels.contains(&data.as_str()), "{labels:?}");
        assert!(arrows.iter().all(|arrow| arrow.truth == "captured"));
        assert_eq!(
            browser.text("#legend").await.trim(),
            language.text("wire.captured"),
            "and only that"
        );
        every_call_has_a_bar(browser).await;

        browser.opens_packets().await;
        browser.opens_calls().await;
        browser
            .scrolls_and_clicks("#calls [data-call=send][data-side=client]")
            .await;
        browser.presses(&key(Key::Home)).await;
        let covered = "!document.activeElement.contains(document.elementFromPoint(...(box => \
            [box.x + box.width / 2, box.y + box.height / 2])(document.activeElement.getBoundingClientRect())))";
        assert_eq!(browser.asks(covered).await, false, "the focus can be seen");
        browser
            .scrolls_and_clicks("#calls [data-call=send][data-side=client]")
            .await;
        let sent = selected_alike(browser).await;
        assert_eq!((sent.call.as_str(), &*sent.label), ("send", &*data));

        browser.opens_packets().await;
        let fin = arrows.iter().find(|arrow| arrow.label == "FIN ACK");
        let fin = fin.expect("the client's FIN").seq.clone();
        browser
            .clicks(&format!("#packets [data-seq='{fin}']"))
            .await;
        let ended = selected_alike(browser).await;
        assert_eq!((ended.call.as_str(), &ended.seq), ("close", &fin));

        let syn = &arrows[0].seq;
        browser
            .clicks(&format!("#arrows g[data-seq='{syn}'] text"))
            .await;
        let began = selected_alike(browser).await;
        assert_eq!((began.call.as_str(), &began.seq), ("connect", syn));
    };
    in_both_languages(|| Relay::start(&[]), BrowserOptions::default(), tell).await;
}

#[tokio::test]
async fn two_sends_in_one_recv_are_shown() {
    let tell = async |relay: Relay, browser: &Browser, language: &Language| {
        let mut page = Page::open(&relay).await;
        two_sends_into_one_recv(&mut page).await;
        let recv = "#calls [data-call=recv][data-side=client]";
        browser.scrolls_and_clicks(recv).await;
        let sends = "[...document.querySelectorAll('#calls [data-call=send][data-side=server] [data-p=number]')]";
        let numbers: Vec<String> = browser
            .reads(&format!("{sends}.map(number => number.textContent)"))
            .await;
        assert_eq!(numbers.len(), 2);
        let came = |(from, to): (&str, &str), number: &str| {
            let bytes = language.fills("bytes.range", &[("from", from), ("to", to)]);
            let call = language.fills("bytes.call", &[("call", "send"), ("n", number)]);
            language.fills("bytes.came", &[("bytes", &bytes), ("call", &call)])
        };
        let pieces = [came(("0", "2"), &numbers[0]), came(("3", "8"), &numbers[1])];
        let pieces = pieces.join(language.text("bytes.and"));
        let told = language.fills("bytes.line", &[("call", "recv"), ("pieces", &pieces)]);
        becomes(browser, "#handover", &told).await;
        let partners = "document.querySelectorAll('#calls [data-partner]').length === 2";
        browser.waits_until(partners).await;
    };
    in_both_languages(|| Relay::start(&[]), BrowserOptions::default(), tell).await;
}

#[tokio::test]
async fn a_packet_is_a_row_fields_and_bytes() {
    let tell = async |relay: Relay, browser: &Browser, language: &Language| {
        if !Page::open(&relay).await.sees_packets() {
            return;
        }
        browser.exchanges(Udp, SENTENCE, SHOUTED).await;
        browser.opens_packets().await;
        has_packets(browser, 2).await;
        for column in [
            "time",
            "delta",
            "source",
            "destination",
            "protocol",
            "length",
            "info",
        ] {
            let head = browser.text(&format!("#packets-head .{column}")).await;
            assert_eq!(head, language.text(&format!("packets.{column}")));
        }
        let walked = browser.walks_through_packets().await;
        let [(there, lines), (back, _)] = &walked[..] else {
            panic!("two datagrams: {walked:#?}")
        };
        let own = there.cell("source").to_owned();
        assert!(browser.text("#facts").await.contains(&own), "{own}");
        let server = relay.udp.to_string();
        let length = (PAYLOAD + SENTENCE.len()).to_string();
        let info = format!("Len={}", SENTENCE.len());
        let written = [
            "number",
            "source",
            "destination",
            "protocol",
            "length",
            "info",
        ]
        .map(|cell| there.cell(cell));
        assert_eq!(written, ["1", &own, &server, "UDP", &length, &info]);
        assert_eq!((there.cell("time"), there.cell("delta")), ("0.000000", ""));
        assert_eq!([back.cell("number"), back.cell("source")], ["2", &server]);
        assert_eq!(back.cell("destination"), own);
        assert!(
            back.cell("time") > there.cell("time") && back.cell("delta").ends_with('s'),
            "{back:?}"
        );

        browser.presses(&key(Key::Home)).await;
        let first = async || browser.packet().await.filter(|row| row.place == 1);
        until("the first row again", first).await;
        for (field, source) in [
            ("frame.number", "computed"),
            ("frame.time_relative", "kernel"),
            ("ip.src", "captured"),
            ("udp.dstport", "captured"),
        ] {
            let line = line(lines, field);
            let said = language.text(&format!("source.{source}"));
            assert_eq!((&*line.source, &*line.said), (source, said), "{field}");
        }

        browser
            .clicks("#packet-detail [data-field='udp.dstport']")
            .await;
        let meaning = "#packet-detail [data-field='udp.dstport'] [data-p=means]";
        becomes(browser, meaning, language.field_meaning("udp.dstport")).await;
        let port: Vec<String> = relay.udp.port().to_be_bytes().map(hex).into();
        assert_eq!(
            lit(browser).await,
            (PAYLOAD - 6, port),
            "the bytes of that field"
        );

        let place = PAYLOAD + SENTENCE.find('世').expect("a character");
        browser
            .clicks(&format!("#byte-rows .hex [data-byte='{place}']"))
            .await;
        let told = language.fills(
            "packets.byte_character",
            &[
                ("at", &place.to_string()),
                ("value", "e4"),
                ("character", "世"),
                ("code", "U+4E16"),
                ("length", "3"),
            ],
        );
        becomes(browser, "#byte-said", &told).await;
        let bytes = "世".bytes().map(hex).collect();
        assert_eq!(
            lit(browser).await,
            (place, bytes),
            "the bytes of that character"
        );
        let said = language.fills("tree.character", &[("code", "U+4E16"), ("length", "3")]);
        let characters = lines.iter().filter(|line| line.field == "data.text");
        let characters: Vec<_> = characters.map(|line| (&*line.name, &*line.value)).collect();
        assert_eq!(characters.len(), 3, "世, 界 and ß: {characters:?}");
        assert_eq!(characters[0], ("世", &*said));
    };
    in_both_languages(|| Relay::start(&[]), BrowserOptions::default(), tell).await;
}

#[tokio::test]
async fn a_filter_applies_to_later_packets_too() {
    let tell = async |relay: Relay, browser: &Browser, language: &Language| {
        if !Page::open(&relay).await.sees_packets() {
            return;
        }
        browser.exchanges(Udp, "hello", "HELLO").await;
        browser.exchanges(Udp, SENTENCE, SHOUTED).await;
        browser.exchanges(Tcp, "hello", "HELLO").await;
        ends_of_both_sides(browser).await;
        browser.opens_packets().await;
        let all = browser.packet_count().await;

        let port = relay.udp.port();
        let long = format!("udp.port == {port} && ip.src == 127.0.0.1 && frame.len > 60");
        browser.filters(&long).await;
        lets_through(browser, language, 2, all).await;
        for row in browser.packets().await {
            let length: usize = row.cell("length").parse().expect("a number");
            assert!(row.protocol == "udp" && length > 60, "{row:?}");
        }
        browser.chooses(Udp).await;
        says(browser, "straße 世界 hello").await;
        says(browser, "short").await;
        lets_through(browser, language, 4, all + 4).await;

        browser.filters("tcp.flags.syn == 1").await;
        lets_through(browser, language, 2, all + 4).await;
        let rows = browser.packets().await;
        assert!(
            rows.iter().all(|row| row.cell("info").contains("SYN")),
            "{rows:#?}"
        );

        browser.filters("frame contains \"世界\"").await;
        lets_through(browser, language, 4, all + 4).await;

        browser.filters("udp.prot == 1").await;
        let mistake = language.fills(
            "filter.unknown_field_nearest",
            &[("part", "udp.prot"), ("field", "udp.port")],
        );
        becomes(browser, "#filter-error", &mistake).await;
        let marked = "document.querySelector('#filter-mirror mark').textContent";
        assert_eq!(browser.asks(marked).await, "udp.prot");
        assert!(browser.has("#filter[aria-invalid=true]").await);
        let udp = browser.packet_count().await;
        assert_eq!(udp, 8, "in force is what could be read last: udp");

        browser.filters("udp.dstp").await;
        let offered = "#filter-fields [role=option]:not([hidden])";
        becomes(browser, &format!("{offered} code"), "udp.dstport").await;
        let meaning = browser.text(&format!("{offered} .means")).await;
        assert_eq!(meaning, language.field_meaning("udp.dstport"));
        browser.presses(&key(Key::Down)).await;
        browser.presses(&key(Key::Enter)).await;
        browser.presses(&format!(" == {port}")).await;
        lets_through(browser, language, 4, all + 4).await;
        let rows = browser.packets().await;
        let server = relay.udp.to_string();
        assert!(
            rows.iter().all(|row| row.cell("destination") == server),
            "{rows:#?}"
        );
    };
    in_both_languages(|| Relay::start(&[]), BrowserOptions::default(), tell).await;
}

#[tokio::test]
async fn a_conversation_is_followed_while_it_continues() {
    follows_to_the_end(|| Relay::start(&[])).await;
}

#[tokio::test]
async fn a_conversation_that_is_not_captured_is_followed_to_its_end_too() {
    follows_to_the_end(|| Relay::start(&["--max-level", "l1"])).await;
}

async fn follows_to_the_end(start: impl Fn() -> Relay) {
    let tell = async |_: Relay, browser: &Browser, language: &Language| {
        browser.exchanges(Udp, "elsewhere", "ELSEWHERE").await;
        browser.chooses(Tcp).await;
        browser.clicks_label_of("keep").await;
        says(browser, "one 世界").await;
        browser.opens_packets().await;
        browser
            .clicks("#packets [data-protocol=tcp]:not([hidden])")
            .await;
        browser.clicks("#follow").await;
        let (client, server) = (language.text("row.client"), language.text("row.server"));
        let mut turns = vec![
            (client, "one 世界".to_owned()),
            (server, "ONE 世界".to_owned()),
        ];
        is_said(browser, &turns).await;
        says(browser, "two").await;
        turns.extend([(client, "two".to_owned()), (server, "TWO".to_owned())]);
        is_said(browser, &turns).await;
        assert_eq!(
            browser.text("#follow-state").await,
            language.text("follow.live")
        );

        browser.clicks_label_of("follow-as-hex").await;
        let hexadecimal = "document.querySelector('#follow-text .turn-of-talk:nth-of-type(3) .said')?.textContent";
        browser
            .waits_until(&format!("{hexadecimal}?.includes('74 77 6f')"))
            .await;
        says(browser, "three").await;
        let fifth = hexadecimal.replace("(3)", "(5)");
        browser
            .waits_until(&format!("{fifth}?.includes('74 68 72 65 65')"))
            .await;
        browser.clicks("#close-connection").await;
        becomes(browser, "#follow-state", language.text("follow.finished")).await;
    };
    in_both_languages(start, BrowserOptions::default(), tell).await;
}

/// Browsers write every failed WebSocket into the console, so it has errors while no relay listens.
#[tokio::test]
async fn a_trace_is_taken_along_and_looked_at_without_a_relay() {
    let options = BrowserOptions {
        forgives: NO_CONVERSATION,
        ..BrowserOptions::default()
    };
    let tell = async |relay: Relay, browser: &Browser, language: &Language| {
        let is_captured = Page::open(&relay).await.sees_packets();
        browser.exchanges(Udp, SENTENCE, SHOUTED).await;
        browser.exchanges(Tcp, SENTENCE, SHOUTED).await;
        let arrows = ends_of_both_sides(browser).await;
        browser.opens_packets().await;
        let before = Sight::of(browser, Tcp).await;
        assert_eq!(before.arrows.len(), arrows.len());
        assert_eq!(before.state, language.text("follow.finished"));

        let json = browser.downloads_file("#export-json").await;
        let saved: Saved = serde_json::from_slice(&json.bytes).expect("a saved trace");
        let returned = saved
            .events
            .iter()
            .filter_map(tests::trace::returned)
            .count();
        assert!(returned >= before.calls.len(), "every call is in it");
        if is_captured {
            let packet = |what: &What| matches!(what, What::Packet(_));
            let packets = saved.events.iter().filter(|event| packet(&event.what));
            assert_eq!(packets.count(), before.packets.len());
            reads_back(&relay, browser, before.packets.len()).await;
        }
        let folder = Folder::new();
        folder.keeps(&json.name, &json.bytes);
        relay.stop();
        browser.sees("#connection[data-state=lost]").await;

        browser.opens_file(&folder, &json.name).await;
        browser
            .sees(&format!("#saved[data-file='{}']", json.name))
            .await;
        browser
            .waits_until("document.getElementById('send').disabled")
            .await;
        assert_eq!(
            Sight::of(browser, Tcp).await,
            before,
            "every view as it was"
        );
        if is_captured {
            let again = browser.downloads_capture("#pcapng-captured").await;
            assert!(!again.bytes.is_empty());
        }

        for (name, text, wrong) in [
            (
                "cut.json",
                &json.bytes[..json.bytes.len() / 2],
                "wrong.damaged",
            ),
            ("other.json", b"{\"a\":1}".as_slice(), "wrong.not_a_trace"),
            (
                "picture.json",
                b"\x89PNG\r\n".as_slice(),
                "wrong.not_a_trace",
            ),
        ] {
            folder.keeps(name, text);
            browser.opens_file(&folder, name).await;
            let wrong = language.fills(wrong, &[("file", name)]);
            becomes(browser, "#open-wrong-text", &wrong).await;
            browser.clicks("#open-wrong-close").await;
        }
        browser.clicks("#back-to-lab").await;
        browser
            .waits_until("document.getElementById('saved').hidden")
            .await;
        assert_eq!(
            Sight::of(browser, Tcp).await,
            before,
            "the lab is as it was left"
        );
    };
    in_both_languages(|| Relay::start(&[]), options, tell).await;
}

#[tokio::test]
async fn programs_of_the_terminal_are_in_every_view_and_can_be_left_out() {
    let tell = async |relay: Relay, browser: &Browser, language: &Language| {
        let is_captured = Page::open(&relay).await.sees_packets();
        assert_eq!(client_says("UDPClient.py", relay.udp, SENTENCE), SHOUTED);
        browser
            .sees("#calls [data-call=sendto][data-side=server][data-state=returned]")
            .await;
        let said = client_says("TCPClient.py", relay.tcp, SENTENCE);
        assert_eq!(said, format!("From Server: {SHOUTED}"));
        browser
            .sees("#calls [data-call=close][data-side=server][data-state=returned]")
            .await;
        let accepts = "#calls [data-call=accept][data-side=server][data-state=returned]";
        let client = browser.text(&format!("{accepts} [data-p=peer]")).await;
        if is_captured {
            ends_of_both_sides(browser).await;
        }
        becomes(
            browser,
            "#client-head",
            &language.fills("wire.terminal", &[("address", &client)]),
        )
        .await;
        let datagrams = if is_captured { 2 } else { 1 };
        browser.opens_packets().await;
        let rows = browser.packets().await;
        let of = |protocol: &str| rows.iter().filter(|row| row.protocol == protocol).count();
        assert!(of("udp") >= datagrams && of("tcp") > 1, "{rows:#?}");
        let ends = rows
            .iter()
            .map(|row| [row.cell("source"), row.cell("destination")]);
        assert!(
            ends.into_iter().any(|ends| ends.contains(&&*client)),
            "{rows:#?}"
        );
        assert!(
            browser.calls_of("client").await.is_empty(),
            "nobody saw its calls"
        );

        browser.opens_calls().await;
        browser.exchanges(Udp, "hello", "HELLO").await;
        browser.picks("#who", "mine").await;
        let own = "[...document.querySelectorAll('#calls [data-call=recvfrom][data-side=server]')].length === 1";
        browser.waits_until(own).await;
        browser.opens_packets().await;
        has_packets(browser, 2).await;
        is_copied(&relay, browser, language).await;
    };
    in_both_languages(|| Relay::start(&[]), BrowserOptions::default(), tell).await;
}

#[tokio::test]
async fn where_the_level_is_capped_nothing_is_shown_as_captured() {
    let start = || Relay::start(&["--max-level", "l1"]);
    only_what_is_known("obstacle.capped_by_choice", start).await;
}

#[cfg(unix)]
#[tokio::test]
async fn without_privileges_nothing_is_shown_as_captured() {
    let start = || Relay::start_unprivileged(&[]);
    only_what_is_known("obstacle.no_cap_net_raw", start).await;
}

/// Without a capture the page says why, and shows derived packets differently from all others.
async fn only_what_is_known(obstacle: &str, start: impl Fn() -> Relay) {
    let tell = async |relay: Relay, browser: &Browser, language: &Language| {
        let level = Page::open(&relay).await.welcome.truth.level;
        if cfg!(target_os = "linux") {
            assert_eq!(level, Level::L1);
        }
        let level = language.text(if level == Level::L1 {
            "level.l1"
        } else {
            "level.l0"
        });
        assert_eq!(browser.text("#truth-level").await, level);
        browser.clicks("#truth summary").await;
        assert_eq!(
            browser.text("#truth-why-not").await,
            language.text(obstacle)
        );
        browser.clicks("#truth summary").await;

        browser.exchanges(Udp, SENTENCE, SHOUTED).await;
        browser.exchanges(Tcp, SENTENCE, SHOUTED).await;
        let over = "#calls [data-call=close][data-side=server][data-state=returned]";
        browser.sees(over).await;
        let data = format!("TCP {}\u{202f}B", SENTENCE.len());
        let arrows = ends_of_both_sides(browser).await;
        let labels: Vec<&str> = arrows.iter().map(|arrow| &*arrow.label).collect();
        // The handshake is three arrows, named once.
        assert_eq!(labels[1..], ["", "", &*data, &*data, "FIN", "FIN"]);
        assert!(
            arrows.iter().all(|arrow| arrow.truth == "derived"),
            "{arrows:#?}"
        );
        assert_eq!(arrows[0].label, language.text("wire.handshake"));
        let dashes = "[...document.querySelectorAll('#arrows line')].every(line => getComputedStyle(line).strokeDasharray !== 'none')";
        assert_eq!(browser.asks(dashes).await, true, "and they look like it");
        let legend = browser.text("#legend").await;
        assert_eq!(legend.trim(), language.text("wire.derived"));

        browser.opens_packets().await;
        let walked = browser.walks_through_packets().await;
        assert!(walked.len() >= 2 + 1 + 2, "{walked:#?}");
        let [(there, _), (back, _), ..] = &walked[..] else {
            panic!("two datagrams first: {walked:#?}")
        };
        let [from, to] = ["source", "destination"];
        assert_eq!(
            [there.cell(from), there.cell(to)],
            [back.cell(to), back.cell(from)],
            "there and back between the same"
        );
        let word = language.text("packets.derived");
        for (row, lines) in &walked {
            let says_so = row.truth == "derived" && row.cell("protocol").ends_with(word);
            assert!(says_so && row.cell("length").is_empty(), "{row:?}");
            let known = ["derived", "computed", "kernel"];
            let invented = lines.iter().find(|line| !known.contains(&&*line.source));
            assert_eq!(invented, None, "{row:?}");
            assert_eq!(lines[0].name, language.text("tree.derived"));
        }
        becomes(browser, "#no-bytes", language.text("packets.no_bytes")).await;
        let remarks = browser.text("#remarks").await;
        assert!(remarks.contains(language.text(obstacle)), "{remarks}");
        nothing_is_captured(browser).await;

        browser.clicks("#export-pcapng").await;
        let why = language.fills("take.not_captured", &[("level", level)]);
        becomes(browser, "#pcapng-why", &why).await;
        assert_eq!(
            browser.text("#pcapng-remedy").await,
            language.text(obstacle)
        );
        let choice = "document.getElementById('pcapng-choice').checkVisibility()";
        assert_eq!(browser.asks(choice).await, false, "nothing to choose from");
        browser.clicks("#pcapng-close").await;

        let before = Sight::of(browser, Tcp).await;
        assert_eq!(before.state, language.text("follow.finished"));
        let json = browser.downloads_file("#export-json").await;
        let folder = Folder::new();
        folder.keeps(&json.name, &json.bytes);
        browser.opens_file(&folder, &json.name).await;
        browser
            .sees(&format!("#saved[data-file='{}']", json.name))
            .await;
        assert_eq!(
            Sight::of(browser, Tcp).await,
            before,
            "every view as it was"
        );
        nothing_is_captured(browser).await;
    };
    in_both_languages(start, BrowserOptions::default(), tell).await;
}

/// All that the views show of one trace; the conversation is that of the last packet.
#[derive(Debug, PartialEq)]
struct Sight {
    calls: Vec<Row>,
    arrows: Vec<Arrow>,
    packets: Vec<(PacketRow, Vec<Line>)>,
    said: String,
    state: String,
}

impl Sight {
    async fn of(browser: &Browser, last: shared::call::Transport) -> Self {
        // Of calls and packets only those are drawn that are seen.
        browser.opens_calls().await;
        let calls = browser.calls().await;
        let mut arrows = browser.arrows().await;
        for arrow in &mut arrows {
            arrow.selected = false;
        }
        browser.opens_packets().await;
        let packets = browser.walks_through_packets().await;
        let row = &packets.last().expect("packets").0;
        assert_eq!(row.protocol, if last == Tcp { "tcp" } else { "udp" });
        browser.clicks("#follow").await;
        browser.sees("#follow[aria-pressed=true]").await;
        let said = browser.text("#follow-text").await;
        let state = browser.text("#follow-state").await;
        browser.clicks("#follow").await;
        browser.sees("#follow[aria-pressed=false]").await;
        assert!(said.contains(SENTENCE) && said.contains(SHOUTED), "{said}");
        Self {
            calls,
            arrows,
            packets,
            said,
            state,
        }
    }
}

/// What is selected, once all views agree on it.
struct Selected {
    call: String,
    seq: String,
    label: String,
}

async fn selected_alike(browser: &Browser) -> Selected {
    browser.opens_packets().await;
    let agree = async || {
        let packet = browser.packet().await?;
        let arrows = browser.arrows().await.into_iter();
        let selected: Vec<Arrow> = arrows.filter(|arrow| arrow.selected).collect();
        selected.into_iter().find(|arrow| arrow.seq == packet.seq)
    };
    let arrow = until("a selected packet with its arrow", agree).await;
    let arrows = browser.arrows().await;
    assert_eq!(arrows.iter().filter(|arrow| arrow.selected).count(), 1);
    let lines = browser.lines().await;
    assert_eq!(line(&lines, "trace.event").value, arrow.seq);
    browser.opens_calls().await;
    let id = &arrow.call;
    browser
        .sees(&format!("#calls [data-id='{id}'][aria-selected=true]"))
        .await;
    browser
        .sees(&format!(
            "#canvas .bar-of-call[data-id='{id}'][data-selected]"
        ))
        .await;
    let call: Vec<String> = browser
        .reads("[...document.querySelectorAll('#calls [aria-selected=true]')].map(row => row.dataset.call)")
        .await;
    assert_eq!(
        line(&lines, "trace.call").value,
        format!("{}() · {id}", call.concat())
    );
    Selected {
        call: call.concat(),
        seq: arrow.seq,
        label: arrow.label,
    }
}

/// The arrows, once the last of them is there: both sides' ends of the stream and, where it is captured, the last
/// word on them.
async fn ends_of_both_sides(browser: &Browser) -> Vec<Arrow> {
    let over = async || {
        let arrows = browser.arrows().await;
        let begin = |word: &str| {
            let alike = arrows.iter().filter(|arrow| arrow.label.starts_with(word));
            alike.count()
        };
        let is_last = |last: &Arrow| last.label == "ACK" || last.truth == "derived";
        (begin("FIN") == 2 && arrows.last().is_some_and(is_last)).then_some(arrows)
    };
    until("the ends of both sides", over).await
}

async fn every_call_has_a_bar(browser: &Browser) {
    let without = "[...document.querySelectorAll('#calls [data-id]')].filter(row => \
        !document.querySelector(`#${row.dataset.side}-lane .bar-of-call[data-id='${row.dataset.id}']`) || \
        !document.querySelector(`#${row.dataset.side}-names .name[data-id='${row.dataset.id}']`)).length";
    let rows = browser.calls().await;
    assert!(rows.len() >= 5 + 4, "{rows:?}");
    let own = without.replace("#calls [data-id]", "#calls .run:last-child [data-id]");
    assert_eq!(
        browser.asks(&own).await,
        0,
        "each on its side, with its name"
    );
}

/// A client whose one `recv` returns two sends of the server: it reads after both have arrived.
async fn two_sends_into_one_recv(page: &mut Page) {
    let fd = page.connects(Tcp).await;
    let mut trace = Trace::watched(page, |_| true).await;
    for (nth, sentence) in ["one", "second"].into_iter().enumerate() {
        page.sends_data(fd, sentence).await;
        trace
            .continues(page, |trace| {
                trace.returns(TCP_SERVER, CallName::Send).len() > nth
            })
            .await;
    }
    assert_eq!(page.reads(fd, 9).await, "ONESECOND");
    page.makes(Call::Close { fd }).await;
}

async fn says(browser: &Browser, sentence: &str) {
    browser.types(sentence).await;
    browser.sends().await;
    browser.reads_reply(&sentence.to_uppercase()).await;
}

async fn is_said(browser: &Browser, turns: &[(&str, String)]) {
    let said = "[...document.querySelectorAll('#follow-text .turn-of-talk')].map(turn => \
        [turn.querySelector('.who').textContent, turn.querySelector('.said').textContent])";
    let all = async || {
        let said: Vec<(String, String)> = browser.reads(said).await;
        let alike = |(said, turn): (&(String, String), &(&str, String))| {
            (&*said.0, &said.1) == (turn.0, &turn.1)
        };
        (said.len() == turns.len() && said.iter().zip(turns).all(alike)).then_some(())
    };
    until(&format!("the conversation {turns:?}"), all).await;
}

async fn lets_through(browser: &Browser, language: &Language, shown: usize, all: usize) {
    let (through, all) = (shown.to_string(), all.to_string());
    let count = language.fills("packets.of", &[("shown", &through), ("all", &all)]);
    becomes(browser, "#filter-count", &count).await;
    assert_eq!(browser.packet_count().await, shown);
}

async fn has_packets(browser: &Browser, number: usize) {
    let all = async || (browser.packet_count().await == number).then_some(());
    until(&format!("{number} packets"), all).await;
}

/// Both forms of the capture file, as tshark reads them.
async fn reads_back(relay: &Relay, browser: &Browser, packets: usize) {
    for (button, form) in [
        ("#pcapng-captured", "captured"),
        ("#pcapng-completed", "completed"),
    ] {
        let taken = browser.downloads_capture(button).await;
        let capture = Capture::new(relay, &taken.bytes);
        assert_eq!(capture.field("frame.number", "").len(), packets, "{form}");
        let payload: String = SENTENCE.bytes().map(hex).collect();
        let udp = format!("udp.dstport == {}", relay.udp.port());
        assert_eq!(capture.field("udp.payload", &udp), [payload.as_str()]);
        assert_eq!(capture.broken().is_empty(), form == "completed");
    }
}

/// The ladder is on the clipboard; where the browser refuses that, it is shown to be copied by hand.
async fn is_copied(relay: &Relay, browser: &Browser, language: &Language) {
    let permissions = serde_json::json!({
        "origin": relay.url().trim_end_matches('/'),
        "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"],
    });
    browser.sets("Browser.grantPermissions", permissions).await;
    browser.clicks("#copy-ladder").await;
    becomes(browser, "#copied", language.text("copy.done")).await;
    browser
        .asks("navigator.clipboard.readText().then(text => document.documentElement.dataset.copied = text), null")
        .await;
    browser
        .waits_until("document.documentElement.dataset.copied !== undefined")
        .await;
    let copied: String = browser
        .reads("document.documentElement.dataset.copied")
        .await;
    for part in [
        &format!("{} ", language.text("wire.client")),
        &format!("{} {}", language.text("wire.server"), relay.udp),
        "sendto(\"hello\")",
        "UDP 5 B",
        "upper(",
    ] {
        assert!(copied.contains(part), "{part} in\n{copied}");
    }
    let (captured, derived) = (
        language.text("text.captured"),
        language.text("text.derived"),
    );
    assert!(
        copied.contains(captured) != copied.contains(derived),
        "{copied}"
    );
    browser
        .asks("navigator.clipboard.writeText = () => Promise.reject(), null")
        .await;
    browser.clicks("#copy-ladder").await;
    let shown =
        "document.getElementById('copy-dialog').open && document.getElementById('copy-text').value";
    let shown = async || (browser.asks(shown).await == *copied).then_some(());
    until("the same text to copy by hand", shown).await;
    browser.clicks("#copy-close").await;
}

async fn nothing_is_captured(browser: &Browser) {
    for name in ["data-source", "data-truth"] {
        assert!(!browser.has(&format!("[{name}=captured]")).await, "{name}");
    }
}

async fn becomes(browser: &Browser, selector: &str, text: &str) {
    let same = async || (browser.text(selector).await == text).then_some(());
    until(&format!("{selector}: {text}"), same).await;
}

/// The place of the first byte that is marked, and what all marked bytes are.
async fn lit(browser: &Browser) -> (usize, Vec<String>) {
    let bytes =
        "[...document.querySelectorAll('#byte-rows .hex [data-byte][data-lit]:not([hidden])')]";
    let at = browser
        .reads(&format!("Number({bytes}[0]?.dataset.byte ?? -1)"))
        .await;
    let hex = browser
        .reads(&format!("{bytes}.map(byte => byte.textContent)"))
        .await;
    (at, hex)
}

fn line<'a>(lines: &'a [Line], field: &str) -> &'a Line {
    let found = lines.iter().find(|line| line.field == field);
    found.unwrap_or_else(|| panic!("{field} among {lines:#?}"))
}

fn hex(byte: u8) -> String {
    format!("{byte:02x}")
}

fn key(key: Key) -> String {
    char::from(key).to_string()
}
