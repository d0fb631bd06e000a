//! A relay with few file descriptors: what it logs, which connections it refuses, and that it recovers.

use std::time::Duration;

use shared::{
    call::{
        Call,
        Transport::{Tcp, Udp},
    },
    message::GoodbyeReason,
    outcome::{FailureSource, Outcome},
    trace::CallName,
};
use tests::{
    bridge::{Bridge, Crossed},
    http::{Answer, get},
    page::Page,
    relay::{Relay, refuses_to_start_with_descriptors},
    timeout::{until, within},
    trace::{TCP_SERVER, Trace},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const LIMIT: u32 = 256;
/// The log message, and its lowest interval.
const EXHAUSTED: &str = "no file descriptor is left";

#[tokio::test]
async fn without_descriptors_new_connections_get_a_reason_and_others_continue() {
    for program in ["sturdy", "book"] {
        println!("with the {program} server");
        let relay = Relay::start_with_descriptors(LIMIT, &["--program", program]);
        let mut page = Page::open(&relay).await;
        let fd = page.makes_socket(Udp).await;
        page.sends_to_server(fd, "before").await;
        assert_eq!(page.receives_text(fd).await, "BEFORE");
        let hogs = exhaust(&relay).await;
        newcomers_are_refused(&relay).await;
        let mut waiting = TcpStream::connect(relay.tcp)
            .await
            .expect("the kernel accepts");
        waiting
            .write_all(b"from a terminal")
            .await
            .expect("buffered");
        let accepts = |trace: &Trace| {
            let accepted = trace.results(TCP_SERVER, CallName::Accept);
            accepted.iter().any(|call| errno(&call.outcome) == "EMFILE")
        };
        Trace::watched(&mut page, accepts).await;
        is_idle(&relay);
        page.sends_to_server(fd, "meanwhile").await;
        assert_eq!(page.receives_text(fd).await, "MEANWHILE");
        let diary = relay.output();
        assert_eq!(diary.matches(EXHAUSTED).count(), 1, "{diary}");
        drop(hogs);
        let mut answer = vec![0; 15];
        let answered = waiting.read_exact(&mut answer);
        within("the server answering", answered)
            .await
            .expect("an answer");
        assert_eq!(answer, b"FROM A TERMINAL");
        drop(waiting);
        let mut newcomer = until("a page again", async || Page::try_open(&relay).await.ok()).await;
        assert_eq!(newcomer.exchanges_by_udp("after").await, "AFTER");
        assert_eq!(newcomer.exchanges_by_tcp("after").await, "AFTER");
        assert_eq!(get(relay.http, "/").await.status, 200);
    }
}

#[tokio::test]
async fn however_many_knock_there_is_an_answer_for_this_machine() {
    let relay = Relay::start_with_descriptors(LIMIT, &[]);
    let _hogs = exhaust(&relay).await;
    let mut silent = Vec::new();
    for _ in 0..40 {
        silent.push(
            TcpStream::connect(relay.http)
                .await
                .expect("the kernel accepts"),
        );
    }
    let health = within("an answer in spite of them", answer(&relay, "/healthz")).await;
    assert_eq!(health.text(), "ok\n");
}

#[tokio::test]
async fn limits_beyond_the_descriptors_are_lowered_and_logged() {
    let relay = Relay::start_with_descriptors(LIMIT, &[]);
    let page = Page::open(&relay).await;
    let limits = &page.welcome.limits;
    assert_eq!((limits.pages, limits.connections), (51, 22));
    let diary = relay.output();
    for line in [
        "--max-pages is lowered from 8192 to 51",
        "--max-connections is lowered from 8192 to 22",
    ] {
        assert!(diary.contains(line), "{diary}");
    }
    let metrics = get(relay.http, "/metrics").await;
    assert!(
        metrics
            .text()
            .contains("playground_descriptors_limit 256\n")
    );
    let few = refuses_to_start_with_descriptors(100);
    assert!(few.contains("100 file descriptors are too few"), "{few}");
}

/// Pages open sockets until the kernel has no descriptor left for one more.
async fn exhaust(relay: &Relay) -> Vec<Page> {
    let mut hogs = Vec::new();
    for _ in 0..LIMIT / 50 + 1 {
        hogs.push(Page::open(relay).await);
    }
    for hog in &mut hogs {
        for _ in 0..60 {
            match opens(hog).await {
                Outcome::Returned(_) => {}
                Outcome::Failed(failed) => {
                    assert_eq!(
                        (failed.errno.as_str(), failed.source),
                        ("EMFILE", FailureSource::Kernel)
                    );
                    return hogs;
                }
            }
        }
    }
    panic!("there is no end of descriptors");
}

async fn opens(page: &mut Page) -> Outcome {
    let call = Call::Socket {
        transport: Tcp,
        family: None,
    };
    page.calls(call).await.outcome
}

async fn newcomers_are_refused(relay: &Relay) {
    let parting = Page::try_open(relay).await.expect_err("no room for a page");
    assert_eq!(parting.code, Some(1013));
    let goodbye = parting.goodbye.expect("a goodbye");
    assert_eq!(
        (goodbye.reason, goodbye.limit),
        (GoodbyeReason::OutOfDescriptors, Some(LIMIT.into()))
    );
    let mut bridge = Bridge::open(relay, "/raw/udp").await;
    assert_eq!(bridge.receives().await, Crossed::End(Some(1013)));
    let page = answer(relay, "/").await;
    assert_eq!(page.status, 503);
    assert!(
        page.text().contains("no file descriptor left"),
        "{}",
        page.text()
    );
    assert_eq!(answer(relay, "/healthz").await.text(), "ok\n");
    let metrics = answer(relay, "/metrics").await;
    let metrics = metrics.text();
    let refused = metrics
        .lines()
        .find_map(|line| {
            line.strip_prefix("playground_connections_refused_total{limit=\"descriptors\"} ")
        })
        .expect("a metric");
    assert!(refused.parse::<u64>().expect("a number") >= 3, "{metrics}");
}

async fn answer(relay: &Relay, path: &str) -> Answer {
    get(relay.http, path).await
}

/// The relay uses next to no processor time while it waits for a descriptor.
fn is_idle(relay: &Relay) {
    let used = |relay: &Relay| {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", relay.pid())).expect("it runs");
        // After the name in brackets: user and system time are fields 14 and 15 (proc(5)).
        let (_, rest) = stat.rsplit_once(')').expect("a name");
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let ticks = |field: usize| fields[field].parse::<u64>().expect("a number");
        ticks(11) + ticks(12)
    };
    let before = used(relay);
    std::thread::sleep(Duration::from_secs(1));
    let ticks = used(relay) - before;
    assert!(ticks <= 30, "it used {ticks} hundredths of a second in one");
}

fn errno(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Failed(failed) => &failed.errno,
        Outcome::Returned(_) => "",
    }
}
