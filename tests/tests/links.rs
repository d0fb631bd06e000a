//! Saved traces: whoever has the link reads them, whoever has the secret deletes them, and a relay that was killed
//! still has them.

use shared::{
    message::Ask,
    outcome::{Outcome, Reason, Returned},
    saved::Saved,
    trace::{CallName, Event},
};
use tests::{
    calls::ExpectReply,
    folder::Folder,
    http::get,
    page::{Page, VISITORS_NAME},
    relay::{Relay, refuses_to_start},
    trace::{Trace, started},
};

const ALL: Ask = Ask::Save {
    events: None,
    days: None,
};

#[tokio::test]
async fn a_saved_trace_has_only_what_its_page_was_sent() {
    let relay = Relay::start(&["--max-level", "l0", "--allow-host", VISITORS_NAME]);
    let mut other = Page::open(&relay).await;
    other.exchanges_by_udp("not yours").await;
    let mut page = Page::open_as_visitor(&relay).await;
    page.exchanges_by_udp("hello").await;
    let me = page.welcome.process;
    let closed = |trace: &Trace| !trace.returns(me, CallName::Close).is_empty();
    let told = Trace::watched(&mut page, closed).await;
    let (link, _) = saves(&mut page, ALL).await;
    let saved = read(&relay, &link).await.expect("a saved trace");
    for event in &told.events {
        assert!(saved.events.contains(event), "{event:?}");
    }
    let foreign =
        |event: &&Event| started(event).is_some_and(|call| call.process == other.welcome.process);
    assert_eq!(saved.events.iter().find(foreign), None);
    assert_eq!(
        saved.head.lab.id, "saved",
        "nothing that opens the lab itself"
    );
    let page_there = get(relay.http, &format!("/t/{link}")).await;
    let index = get(relay.http, "/").await;
    assert_eq!(
        page_there.text(),
        index.text().replace("\"assets/", "\"../assets/"),
        "the same page, one folder deeper"
    );
    let slash = get(relay.http, &format!("/t/{link}/")).await;
    let there = format!("../{link}");
    assert_eq!((slash.status, slash.header("location")), (308, &*there));
}

#[tokio::test]
async fn a_part_is_saved_alone() {
    let relay = Relay::start(&["--max-level", "l0"]);
    let mut page = Page::open(&relay).await;
    page.exchanges_by_udp("hello").await;
    let me = page.welcome.process;
    let closed = |trace: &Trace| !trace.returns(me, CallName::Close).is_empty();
    let told = Trace::watched(&mut page, closed).await;
    let numbers: Vec<u64> = told.events.iter().map(|event| event.seq).collect();
    let (first, last) = (numbers[1], numbers[numbers.len() - 1]);
    let part = Ask::Save {
        events: Some(vec![(last, last), (first, first + 1)]),
        days: Some(1),
    };
    let (link, _) = saves(&mut page, part).await;
    let saved = read(&relay, &link).await.expect("a saved trace");
    let saved: Vec<u64> = saved.events.iter().map(|event| event.seq).collect();
    assert_eq!(saved, [first, first + 1, last]);
}

#[tokio::test]
async fn only_its_secret_deletes_it() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    let (link, secret) = saves(&mut page, ALL).await;
    let mut other = Page::open(&relay).await;
    let delete = |secret: &str| Ask::DeleteLink {
        link: link.clone(),
        secret: secret.to_owned(),
    };
    for wrong in ["", link.as_str(), "x", &secret.to_lowercase()] {
        let failed = other.asks(delete(wrong)).await.failed();
        assert_eq!(failed.reason, Some(Reason::NoSuchLink), "{wrong}");
    }
    assert!(read(&relay, &link).await.is_some(), "it is still there");
    other.asks(delete(&secret)).await.returned();
    assert!(read(&relay, &link).await.is_none(), "it is gone");
    let failed = page.asks(delete(&secret)).await.failed();
    assert_eq!(failed.reason, Some(Reason::NoSuchLink));
}

#[tokio::test]
async fn limits_are_reported_to_the_page_that_reaches_them() {
    let relay = Relay::start(&[
        "--max-links",
        "2",
        "--max-link-bytes",
        "20000",
        "--link-days",
        "7",
    ]);
    let mut page = Page::open(&relay).await;
    let save = |events, days| Ask::Save { events, days };
    for days in [0, 8, u64::MAX] {
        let failed = page.asks(save(None, Some(days))).await.failed();
        assert_eq!(
            (failed.reason, failed.limit),
            (Some(Reason::OutOfRange), Some(7))
        );
    }
    for nothing in [vec![], vec![(9, 3)], vec![(u64::MAX, u64::MAX)]] {
        let failed = page.asks(save(Some(nothing), None)).await.failed();
        assert_eq!(failed.reason, Some(Reason::NothingToSave));
    }
    let (link, secret) = saves(&mut page, ALL).await;
    saves(&mut page, ALL).await;
    let failed = page.asks(ALL).await.failed();
    assert_eq!(
        (failed.reason, failed.limit),
        (Some(Reason::TooManyLinks), Some(2))
    );
    page.asks(Ask::DeleteLink { link, secret }).await.returned();
    page.exchanges_by_tcp(&"long ".repeat(8000)).await;
    let failed = page.asks(ALL).await.failed();
    assert_eq!(
        (failed.reason, failed.limit),
        (Some(Reason::TraceTooLong), Some(20_000))
    );
    assert_eq!(page.exchanges_by_udp("and on").await, "AND ON");
}

#[tokio::test]
async fn bytes_are_limited_in_all_and_from_one_address_and_none_is_dropped_for_another() {
    for (most, most_here, reason, limit) in [
        (
            "1000000",
            "40000",
            Reason::TooManyLinkBytesFromAddress,
            40_000,
        ),
        ("40000", "1000000", Reason::TooManyLinkBytes, 40_000),
    ] {
        let flags = [
            "--max-level",
            "l0",
            "--max-links-bytes",
            most,
            "--max-links-bytes-per-address",
            most_here,
        ];
        let relay = Relay::start(&flags);
        let mut page = Page::open(&relay).await;
        page.exchanges_by_udp("hello").await;
        let mut saved = Vec::new();
        let failed = loop {
            let reply = page.asks(ALL).await;
            match reply.outcome {
                Outcome::Returned(Returned::Saved { link, secret, .. }) => {
                    saved.push((link, secret))
                }
                Outcome::Returned(other) => panic!("saving returned {other:?}"),
                Outcome::Failed(failed) => break failed,
            }
            assert!(saved.len() < 100, "there is no end of it");
        };
        assert_eq!((failed.reason, failed.limit), (Some(reason), Some(limit)));
        assert!(saved.len() > 1);
        let mut bytes = 0;
        for (link, _) in &saved {
            let answer = get(relay.http, &format!("/t/{link}/trace.json")).await;
            assert_eq!(answer.status, 200, "an older one is still there");
            bytes += answer.body.len() as u64;
        }
        assert!(bytes <= limit, "{bytes}");
        let (link, secret) = saved.remove(0);
        page.asks(Ask::DeleteLink { link, secret }).await.returned();
        saves(&mut page, ALL).await;
    }
}

#[tokio::test]
async fn an_unknown_link_is_reported() {
    let relay = Relay::start(&[]);
    for link in ["nothing", "..", "%00", &"x".repeat(9000)] {
        let answer = get(relay.http, &format!("/t/{link}/trace.json")).await;
        assert!(
            [400, 404, 414].contains(&answer.status),
            "{}",
            answer.status
        );
    }
    let answer = get(relay.http, "/t/nothing/trace.json").await;
    assert!(
        answer.text().contains("expired or been deleted"),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn a_relay_that_was_killed_still_has_them() {
    let folder = Folder::new();
    let data = folder.path().join("data").display().to_string();
    let relay = Relay::start(&["--data", &data]);
    let mut page = Page::open(&relay).await;
    let (link, secret) = saves(&mut page, ALL).await;
    let before = read(&relay, &link).await.expect("a saved trace");
    let again = Relay::start_again(&relay.kill(), &["--data", &data]);
    assert_eq!(read(&again, &link).await, Some(before));
    let mut page = Page::open(&again).await;
    page.asks(Ask::DeleteLink {
        link: link.clone(),
        secret,
    })
    .await
    .returned();
    let again = Relay::start_again(&again.kill(), &["--data", &data]);
    assert_eq!(read(&again, &link).await, None, "nor does it come back");
}

#[test]
fn an_unusable_store_is_an_error_at_start() {
    let folder = Folder::new();
    let letter = folder.keeps(
        "playground.sqlite",
        &b"no database at all, but a letter. ".repeat(40),
    );
    let here = folder.path().display().to_string();
    let told = refuses_to_start(&[
        "--http",
        "127.0.0.1:0",
        "--server",
        "127.0.0.1:0",
        "--data",
        &here,
    ]);
    assert!(
        told.contains("is damaged") && told.contains("move the file away"),
        "{told}"
    );
    let file = letter.display().to_string();
    let told = refuses_to_start(&[
        "--http",
        "127.0.0.1:0",
        "--server",
        "127.0.0.1:0",
        "--data",
        &file,
    ]);
    assert!(told.contains("--data DIR"), "{told}");
}

#[test]
fn an_emptied_store_is_no_new_start() {
    let folder = Folder::new();
    folder.keeps("playground.sqlite", b"");
    let here = folder.path().display().to_string();
    let (http, server) = (["--http", "127.0.0.1:0"], ["--server", "127.0.0.1:0"]);
    let told = refuses_to_start(&[&http[..], &server[..], &["--data", &here]].concat());
    assert!(
        told.contains("is empty") && told.contains("delete the file to start with an empty store"),
        "{told}"
    );
    assert_eq!(
        folder.names(),
        ["playground.sqlite"],
        "and nothing was made"
    );
}

async fn saves(page: &mut Page, ask: Ask) -> (String, String) {
    let saved = page.asks(ask).await.returned();
    let Returned::Saved { link, secret, .. } = saved else {
        panic!("saving returned {saved:?}");
    };
    (link, secret)
}

async fn read(relay: &Relay, link: &str) -> Option<Saved> {
    let answer = get(relay.http, &format!("/t/{link}/trace.json")).await;
    (answer.status == 200).then(|| serde_json::from_str(answer.text()).expect("a saved trace"))
}
