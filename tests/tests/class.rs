//! Classes: a teacher, members who join by a code, a wall, and a relay that may be killed in the midst of it.

use shared::{
    call::{Call, Transport},
    class::{Act, CODE_LENGTH, Card, Drive, News, Phase, Roster, Tile, Whose, You},
    lab::{LabKind, Program},
    message::{Ask, GoodbyeReason},
    outcome::Reason,
    trace::{Event, ProcessId, What},
};
use tests::{
    calls::ExpectReply,
    class::{
        act, acts, class, joins, refused, resume, resumes, teacher, token, waits_for_news,
        waits_for_tile, you,
    },
    folder::Folder,
    http::{get, get_with},
    page::{Page, VISITORS_NAME},
    relay::Relay,
};

#[tokio::test]
async fn a_teacher_creates_a_class_and_students_share_its_server() {
    let relay = Relay::start(&[]);
    let mut teacher = teacher(&relay).await;
    let class = class(&teacher).clone();
    assert_eq!(class.code.len(), CODE_LENGTH);
    assert_eq!(teacher.welcome.lab.kind, LabKind::Class);
    assert!(teacher.welcome.may_control);
    let mut ada = joins(&relay, &class.code, "Ada").await;
    let spelt = format!(" {}-{} ", &class.code[..3].to_lowercase(), &class.code[3..]);
    let mut bob = joins(&relay, &spelt, " 小明 ").await;
    assert!(!ada.welcome.may_control);
    assert_eq!(you(&bob).name, "小明");
    assert_ne!(you(&ada).member, you(&bob).member);
    assert_eq!(
        ada.welcome.lab.servers[1].address,
        bob.welcome.lab.servers[1].address
    );
    assert_eq!(ada.welcome.lab.servers[1].program, Program::Sturdy);
    assert_eq!(ada.exchanges_by_udp("hello").await, "HELLO");
    assert_eq!(bob.exchanges_by_tcp("hello").await, "HELLO");
    assert_eq!(teacher.exchanges_by_udp("hello").await, "HELLO");
}

#[tokio::test]
async fn the_wall_shows_the_members_and_their_activity() {
    let relay = Relay::start(&[]);
    let mut teacher = teacher(&relay).await;
    let mut ada = joins(&relay, &class(&teacher).code, "Ada").await;
    let member = you(&ada).member;
    ada.exchanges_by_udp("hello").await;
    let fd = ada.makes_socket(Transport::Udp).await;
    ada.fails(Call::Send {
        fd,
        data: "nobody".into(),
    })
    .await;
    let done = |tile: &Tile| tile.sentences == 1 && tile.errors == 1;
    let tile = waits_for_tile(&mut teacher, member, done).await;
    assert_eq!((tile.name.as_str(), tile.connected), ("Ada", true));
    assert_eq!(tile.process, Some(ada.welcome.process));
    assert_eq!(tile.error.expect("an error").errno, "EDESTADDRREQ");
    ada.vanishes();
    let tile = waits_for_tile(&mut teacher, member, |tile| !tile.connected).await;
    assert_eq!(tile.sentences, 1, "what was done stays");
}

#[tokio::test]
async fn a_member_sees_its_own_until_the_class_is_opened() {
    let relay = Relay::start(&[]);
    let mut teacher = teacher(&relay).await;
    let code = class(&teacher).code.clone();
    let (mut ada, mut bob) = (
        joins(&relay, &code, "Ada").await,
        joins(&relay, &code, "Bob").await,
    );
    let adas = ada.welcome.process;
    ada.exchanges_by_udp("secret").await;
    bob.exchanges_by_udp("hello").await;
    for whose in [Whose::Process(adas), Whose::All] {
        let failed = bob.asks(watch(whose)).await.failed();
        assert_eq!(failed.reason, Some(Reason::NotVisible), "{whose:?}");
    }
    bob.asks(watch(Whose::Own)).await.returned();
    assert_eq!(foreign(&mut bob, &[adas]).await, 0);
    acts(&mut teacher, Act::Open(true)).await;
    bob.asks(watch(Whose::Process(adas))).await.returned();
    sees_call_of(&mut bob, adas).await;
    waits_for_tile(&mut bob, you(&ada).member, |tile| tile.sentences == 1).await;
    acts(&mut teacher, Act::Open(false)).await;
    let is_closed = |news: &News| matches!(news, News::Class(class) if !class.open);
    waits_for_news(&mut bob, is_closed).await;
    ada.exchanges_by_udp("secret again").await;
    bob.exchanges_by_udp("hello").await;
    bob.forgets_events();
    assert_eq!(foreign(&mut bob, &[adas]).await, 0);
}

#[tokio::test]
async fn no_student_gets_at_the_trace_of_all_over_http() {
    let relay = Relay::start(&[]);
    let teacher = teacher(&relay).await;
    let ada = joins(&relay, &class(&teacher).code, "Ada").await;
    let status = async |page: &Page| {
        let path = format!("/labs/{}/trace.json", page.welcome.lab.id);
        get(relay.http, &path).await.status
    };
    assert_eq!(status(&ada).await, 404);
    assert_eq!(status(&teacher).await, 200);
}

#[tokio::test]
async fn the_teacher_opens_a_tile_and_drives_the_class() {
    let relay = Relay::start(&[]);
    let mut teacher = teacher(&relay).await;
    let code = class(&teacher).code.clone();
    let (mut ada, mut bob) = (
        joins(&relay, &code, "Ada").await,
        joins(&relay, &code, "Bob").await,
    );
    let adas = ada.welcome.process;
    ada.exchanges_by_udp("look here").await;
    teacher.asks(watch(Whose::Process(adas))).await.returned();
    let seq = sees_call_of(&mut teacher, adas).await;
    let drive = Drive {
        process: adas,
        seq: Some(seq),
        hides_name: false,
    };
    acts(&mut teacher, Act::Drive(Some(drive))).await;
    let drives = |news: &News| matches!(news, News::Class(class) if class.drive == Some(drive));
    waits_for_news(&mut bob, drives).await;
    bob.asks(watch(Whose::Process(adas))).await.returned();
    sees_call_of(&mut bob, adas).await;
    acts(&mut teacher, Act::Drive(None)).await;
    let failed = bob.asks(watch(Whose::Process(adas))).await.failed();
    assert_eq!(failed.reason, Some(Reason::NotVisible));
}

#[tokio::test]
async fn a_card_is_predicted_closed_and_revealed() {
    let relay = Relay::start(&[]);
    let mut teacher = teacher(&relay).await;
    let code = class(&teacher).code.clone();
    let (mut ada, mut bob) = (
        joins(&relay, &code, "Ada").await,
        joins(&relay, &code, "Bob").await,
    );
    let too_early = act(&mut ada, Act::Predict { choice: 0 }).await.failed();
    assert_eq!(too_early.reason, Some(Reason::NoCard));
    let card = Act::AskCard {
        id: "udp-lost".to_owned(),
        choices: 3,
    };
    acts(&mut teacher, card).await;
    let asks = |news: &News| card_of(news).is_some_and(|card| card.phase == Phase::Asking);
    waits_for_news(&mut ada, asks).await;
    acts(&mut ada, Act::Predict { choice: 0 }).await;
    acts(&mut ada, Act::Predict { choice: 2 }).await;
    acts(&mut bob, Act::Predict { choice: 2 }).await;
    let both = |news: &News| matches!(news, News::Roster(Roster { totals: Some(totals), .. }) if totals.predictions == 2);
    waits_for_news(&mut teacher, both).await;
    acts(&mut teacher, Act::CloseCard).await;
    let closes = |news: &News| card_of(news).is_some_and(|card| card.phase == Phase::Closed);
    let News::Class(told) = waits_for_news(&mut bob, closes).await else {
        panic!("a class")
    };
    assert_eq!(told.card.expect("a card").counts, Some(vec![0, 0, 2]));
    let too_late = act(&mut ada, Act::Predict { choice: 0 }).await.failed();
    assert_eq!(too_late.reason, Some(Reason::NoCard));
    acts(&mut teacher, Act::RevealCard { outcome: 1 }).await;
    let revealed = |news: &News| card_of(news).is_some_and(|card| card.outcome == Some(1));
    waits_for_news(&mut ada, revealed).await;
}

#[tokio::test]
async fn a_member_is_muted_and_removed() {
    let relay = Relay::start(&[]);
    let mut teacher = teacher(&relay).await;
    let code = class(&teacher).code.clone();
    let mut ada = joins(&relay, &code, "Ada").await;
    let mut bob = joins(&relay, &code, "Bob").await;
    let (member, token) = (you(&ada).member, token(&ada));
    acts(
        &mut teacher,
        Act::Mute {
            member,
            muted: true,
        },
    )
    .await;
    let mutes = |news: &News| matches!(news, News::You(You { muted: true, .. }));
    waits_for_news(&mut ada, mutes).await;
    let failed = ada
        .fails(Call::Socket {
            transport: Transport::Udp,
            family: None,
        })
        .await;
    assert_eq!(failed.reason, Some(Reason::Muted));
    assert_eq!(bob.exchanges_by_udp("not me").await, "NOT ME");
    acts(
        &mut teacher,
        Act::Mute {
            member,
            muted: false,
        },
    )
    .await;
    assert_eq!(ada.exchanges_by_udp("again").await, "AGAIN");
    acts(&mut teacher, Act::Remove(member)).await;
    let parting = ada.receives_close().await;
    assert_eq!(
        parting.goodbye.expect("a word").reason,
        GoodbyeReason::Removed
    );
    let failed = Page::open(&relay).await.asks(resume(&token)).await.failed();
    assert_eq!(failed.reason, Some(Reason::Removed));
    let gone = |news: &News| matches!(news, News::Roster(roster) if roster.removed == [member]);
    waits_for_news(&mut teacher, gone).await;
    let failed = act(&mut teacher, Act::Remove(member)).await.failed();
    assert_eq!(failed.reason, Some(Reason::NoSuchMember));
    assert_eq!(bob.exchanges_by_udp("still here").await, "STILL HERE");
}

#[tokio::test]
async fn nobody_joins_a_class_that_is_locked_full_or_over() {
    let relay = Relay::start(&["--max-members-per-address", "3"]);
    let mut teacher = teacher(&relay).await;
    let code = class(&teacher).code.clone();
    let ada = joins(&relay, &code, "Ada").await;
    acts(&mut teacher, Act::Lock(true)).await;
    assert_eq!(
        refused(&relay, &code, "Bob").await.reason,
        Some(Reason::ClassLocked)
    );
    let back = resumes(&relay, &token(&ada)).await;
    assert_eq!(you(&back), you(&ada), "who was there comes back");
    acts(&mut teacher, Act::Lock(false)).await;
    acts(&mut teacher, Act::Cap(1)).await;
    let failed = refused(&relay, &code, "Bob").await;
    assert_eq!(
        (failed.reason, failed.limit),
        (Some(Reason::ClassFull), Some(1))
    );
    acts(&mut teacher, Act::Cap(9)).await;
    let others = [
        joins(&relay, &code, "Bob").await,
        joins(&relay, &code, "Eve").await,
    ];
    let failed = refused(&relay, &code, "Mallory").await;
    assert_eq!(
        (failed.reason, failed.limit),
        (Some(Reason::TooManyMembersFromAddress), Some(3))
    );
    let removed = you(&others[1]).member;
    acts(&mut teacher, Act::Remove(removed)).await;
    joins(&relay, &code, "Mallory").await;
    acts(&mut teacher, Act::End).await;
    let parting = back.receives_close().await;
    assert_eq!(
        parting.goodbye.expect("a word").reason,
        GoodbyeReason::ClassEnded
    );
    assert_eq!(
        refused(&relay, &code, "Bob").await.reason,
        Some(Reason::NoSuchClass)
    );
}

#[tokio::test]
async fn bad_input_is_refused_with_a_reason_and_affects_no_other_page() {
    let relay = Relay::start(&[]);
    let mut teacher = teacher(&relay).await;
    let code = class(&teacher).code.clone();
    let mut ada = joins(&relay, &code, "Ada").await;
    let long = "x".repeat(10 << 10);
    for (name, reason) in [
        ("", Reason::TextMissing),
        (" \t ", Reason::TextMissing),
        (long.as_str(), Reason::TextTooLong),
        ("Ada\u{202e}evE", Reason::TextNotPlain),
        ("Ada\u{0}", Reason::TextNotPlain),
        ("A\nB", Reason::TextNotPlain),
    ] {
        assert_eq!(
            refused(&relay, &code, name).await.reason,
            Some(reason),
            "{name:.20?}"
        );
    }
    for code in [
        "",
        "AAAAA",
        "AAAAAAA",
        "0O1I0O",
        long.as_str(),
        "\u{202e}AAAAA",
    ] {
        assert_eq!(
            refused(&relay, code, "Bob").await.reason,
            Some(Reason::NoSuchClass)
        );
    }
    let member = you(&ada).member;
    for act in [
        Act::Lock(true),
        Act::Cap(1),
        Act::Open(true),
        Act::Message(Some("I rule".to_owned())),
        Act::Drive(None),
        Act::Mute {
            member,
            muted: false,
        },
        Act::Remove(member),
        Act::CloseCard,
        Act::End,
    ] {
        let failed = ada.asks(Ask::Class { act }).await.failed();
        assert_eq!(failed.reason, Some(Reason::OnlyTeacher));
    }
    let failed = ada
        .asks(Ask::KillServer {
            transport: Transport::Udp,
        })
        .await
        .failed();
    assert_eq!(failed.reason, Some(Reason::OnlyTeacher));
    let mut stranger = Page::open(&relay).await;
    let failed = act(&mut stranger, Act::End).await.failed();
    assert_eq!(failed.reason, Some(Reason::NotInClass));
    assert_eq!(
        act(&mut teacher, Act::Predict { choice: 0 })
            .await
            .failed()
            .reason,
        Some(Reason::NotInClass)
    );
    let failed = act(&mut teacher, Act::Message(Some(long))).await.failed();
    assert_eq!(
        (failed.reason, failed.limit),
        (Some(Reason::TextTooLong), Some(500))
    );
    assert_eq!(ada.exchanges_by_udp("all is well").await, "ALL IS WELL");
}

#[tokio::test]
async fn however_many_wrong_codes_and_tokens_come_from_an_address_the_right_one_is_let_in() {
    let relay = Relay::start(&["--admin-token", "sesame"]);
    let teacher = teacher(&relay).await;
    let ada = joins(&relay, &class(&teacher).code, "Ada").await;
    // More than may be wrong at once, each page as often as costs it no pause.
    for _ in 0..25 {
        let mut guesser = Page::open(&relay).await;
        for _ in 0..5 {
            let guess = Ask::JoinClass {
                code: "AAAAAA".to_owned(),
                name: "Eve".to_owned(),
                token: None,
            };
            let failed = guesser.asks(guess).await.failed();
            assert_eq!(failed.reason, Some(Reason::NoSuchClass));
        }
        let failed = guesser.asks(resume("guess")).await.failed();
        assert_eq!(failed.reason, Some(Reason::NoSuchSeat));
    }
    let bob = joins(&relay, &class(&teacher).code, "Bob").await;
    assert_eq!(you(&bob).name, "Bob");
    let back = resumes(&relay, &token(&ada)).await;
    assert_eq!(you(&back), you(&ada));
    assert!(counted(&relay, "wrong_attempts_total").await >= 125);
}

#[tokio::test]
async fn wrong_admin_tokens_are_counted_by_whatever_way_they_come() {
    const ELSEWHERE: (&str, &str) = ("Via", "1.1 a proxy");
    let relay = Relay::start(&["--admin-token", "sesame", "--allow-host", VISITORS_NAME]);
    let trace = async |token: &str| {
        let bearer = format!("Bearer {token}");
        let headers = [ELSEWHERE, ("Authorization", bearer.as_str())];
        get_with(relay.http, "/labs/open/trace.json", &headers)
            .await
            .status
    };
    for guess in 0..110 {
        assert_eq!(trace(&guess.to_string()).await, 403);
    }
    assert_eq!(
        trace("sesame").await,
        200,
        "after more than may be wrong at once"
    );
    let mut visitor = Page::open_as_visitor(&relay).await;
    let create = |admin: &str| Ask::CreateClass {
        title: String::new(),
        admin: Some(admin.to_owned()),
    };
    let failed = visitor.asks(create("Sesame")).await.failed();
    assert_eq!(failed.reason, Some(Reason::OnlyWithAdminToken));
    assert_eq!(counted(&relay, "wrong_attempts_total").await, 111);
    visitor.moves_to(create("sesame")).await;
}

/// A number of `/metrics`.
async fn counted(relay: &Relay, name: &str) -> u64 {
    let answer = get(relay.http, "/metrics").await;
    let name = format!("playground_{name} ");
    let found = answer
        .text()
        .lines()
        .find_map(|line| line.strip_prefix(&name));
    found
        .and_then(|value| value.parse().ok())
        .expect("it is counted")
}

#[tokio::test]
async fn elsewhere_a_class_is_created_with_the_admin_token() {
    let relay = Relay::start(&["--allow-host", VISITORS_NAME, "--admin-token", "sesame"]);
    let create = |admin: Option<&str>| Ask::CreateClass {
        title: String::new(),
        admin: admin.map(str::to_owned),
    };
    let mut visitor = Page::open_as_visitor(&relay).await;
    for admin in [None, Some(""), Some("Sesame"), Some("sesame ")] {
        let failed = visitor.asks(create(admin)).await.failed();
        assert_eq!(failed.reason, Some(Reason::OnlyWithAdminToken), "{admin:?}");
    }
    visitor.moves_to(create(Some("sesame"))).await;
    assert!(visitor.welcome.class.expect("a class").is_teacher);
}

#[tokio::test]
async fn a_broken_connection_leads_back_to_sockets_and_a_second_page_takes_over() {
    let relay = Relay::start(&[]);
    let teacher = teacher(&relay).await;
    let mut ada = joins(&relay, &class(&teacher).code, "Ada").await;
    let (token, before) = (token(&ada), you(&ada).clone());
    let fd = ada.makes_socket(Transport::Udp).await;
    let process = ada.welcome.process;
    ada.vanishes();
    let mut back = resumes(&relay, &token).await;
    assert_eq!((you(&back), back.welcome.process), (&before, process));
    assert!(!back.welcome.seat.as_ref().expect("a seat").is_new);
    back.makes(Call::Close { fd }).await;
    let mut second = resumes(&relay, &token).await;
    let parting = back.receives_close().await;
    assert_eq!(
        parting.goodbye.expect("a word").reason,
        GoodbyeReason::TakenOver
    );
    assert_eq!(second.exchanges_by_udp("it is me").await, "IT IS ME");
}

#[tokio::test]
async fn a_relay_that_is_killed_in_mid_class_has_the_class_when_it_is_back() {
    let folder = Folder::new();
    let data = folder.path().join("data").display().to_string();
    let relay = Relay::start(&["--data", &data]);
    let mut teacher = teacher(&relay).await;
    let code = class(&teacher).code.clone();
    let mut ada = joins(&relay, &code, "Ada").await;
    let bob = joins(&relay, &code, "Bob").await;
    let muted = you(&bob).member;
    acts(
        &mut teacher,
        Act::Mute {
            member: muted,
            muted: true,
        },
    )
    .await;
    acts(&mut teacher, Act::Message(Some("wait here".to_owned()))).await;
    ada.makes_socket(Transport::Udp).await;
    let tokens = [&teacher, &ada, &bob].map(token);
    let before = you(&ada).clone();
    let relay = Relay::start_again(&relay.kill(), &["--data", &data]);
    let mut ada = resumes(&relay, &tokens[1]).await;
    assert_eq!(you(&ada), &before);
    assert_eq!(class(&ada).message.as_deref(), Some("wait here"));
    let seat = ada.welcome.seat.clone().expect("a seat");
    assert!(
        seat.is_new && seat.heard == 0,
        "its sockets are gone, and it is told"
    );
    assert_eq!(ada.exchanges_by_tcp("here again").await, "HERE AGAIN");
    let mut bob = resumes(&relay, &tokens[2]).await;
    assert!(you(&bob).muted);
    let failed = bob
        .fails(Call::Socket {
            transport: Transport::Udp,
            family: None,
        })
        .await;
    assert_eq!(failed.reason, Some(Reason::Muted));
    let mut teacher = resumes(&relay, &tokens[0]).await;
    assert!(teacher.welcome.may_control);
    waits_for_tile(&mut teacher, before.member, |tile| tile.sentences == 1).await;
    let eve = joins(&relay, &code, "Eve").await;
    assert_eq!(you(&eve).member, muted + 1, "no number is given again");
}

#[tokio::test]
async fn the_link_serves_the_page_and_its_qr_code() {
    let relay = Relay::start(&[]);
    let teacher = teacher(&relay).await;
    let code = &class(&teacher).code;
    let page = get(relay.http, &format!("/c/{code}")).await;
    let index = get(relay.http, "/").await;
    assert_eq!(
        page.text(),
        index.text().replace("\"assets/", "\"../assets/"),
        "the same page, one folder deeper"
    );
    let slash = get(relay.http, &format!("/c/{code}/")).await;
    let there = format!("../{code}");
    assert_eq!((slash.status, slash.header("location")), (308, &*there));
    let qr = format!("/c/{code}/qr.svg");
    let host = "192.0.2.5:8080";
    let picture = get_with(relay.http, &qr, &[("Host", host)]).await;
    assert_eq!(
        (picture.status, picture.header("content-type")),
        (200, "image/svg+xml")
    );
    assert!(picture.text().starts_with("<svg"), "{:.40}", picture.text());
    assert_eq!(get(relay.http, "/c/0O1I/qr.svg").await.status, 404);
    for host in ["127.0.0.1:8080", "localhost", "[::1]:8080"] {
        let none = get_with(relay.http, &qr, &[("Host", host)]).await;
        assert_eq!(none.status, 409, "no camera gets anywhere with {host}");
        assert!(
            none.text().contains("--http 0.0.0.0:8080"),
            "{}",
            none.text()
        );
    }
    let of_link = async |link: &str| {
        let path = format!("/c/{code}/qr.svg?link={link}");
        get_with(relay.http, &path, &[("Host", host)]).await
    };
    let same = of_link(&format!("http://{host}/c/{code}")).await;
    assert_eq!(
        same.body, picture.body,
        "without a link it is the plain one"
    );
    let under_a_path = of_link(&format!("https://{host}/lab/c/{code}")).await;
    assert_eq!(under_a_path.status, 200);
    assert_ne!(under_a_path.body, picture.body);
    let elsewhere = of_link(&format!("https://evil.example/c/{code}")).await;
    assert_eq!(elsewhere.status, 400);
}

const fn watch(whose: Whose) -> Ask {
    Ask::Watch {
        from: 0,
        whose: Some(whose),
    }
}

fn card_of(news: &News) -> Option<&Card> {
    match news {
        News::Class(class) => class.card.as_ref(),
        News::You(_) | News::Roster(_) | News::Outsiders(_) => None,
    }
}

async fn sees_call_of(page: &mut Page, process: ProcessId) -> u64 {
    loop {
        let Event { seq, what, .. } = page.receives_event().await;
        if matches!(what, What::CallStarted(started) if started.process == process) {
            return seq;
        }
    }
}

/// The number of calls of these processes that the page receives before one of its own.
async fn foreign(page: &mut Page, others: &[ProcessId]) -> usize {
    let mut count = 0;
    let me = page.welcome.process;
    page.makes_socket(Transport::Tcp).await;
    loop {
        if let What::CallStarted(started) = page.receives_event().await.what {
            count += usize::from(others.contains(&started.process));
            if started.process == me && started.transport == Transport::Tcp {
                return count;
            }
        }
    }
}
