//! Who belongs to a class: out in a lab of one's own and back, removed and let in again, of the same name as another
//! one, muted, and told of no sockets but its own.

use std::collections::BTreeSet;

use shared::{
    call::{Call, Transport},
    class::{Act, Drive, Driven, News, Outsider, Progress, You},
    lab::LabKind,
    message::{Ask, GoodbyeReason},
    outcome::Reason,
    trace::{SocketState, Sockets, What},
};
use tests::{
    calls::ExpectReply,
    class::{
        act, acts, class, join, joins, refused, resume, resumes, teacher, token, waits_for_news,
        waits_for_tile, you,
    },
    folder::Folder,
    page::Page,
    relay::Relay,
};

#[tokio::test]
async fn a_member_plays_in_a_lab_of_its_own_and_stays_in_the_class() {
    let relay = Relay::start(&["--keep-seconds", "1"]);
    let mut teacher = teacher(&relay).await;
    let code = class(&teacher).code.clone();
    let mut ada = joins(&relay, &code, "Ada").await;
    let (ticket, process) = (token(&ada), ada.welcome.process);
    let fd = ada.makes_socket(Transport::Udp).await;
    ada.moves_to(enter(LabKind::Private)).await;
    assert_eq!(ada.welcome.lab.kind, LabKind::Private);
    assert!(ada.welcome.may_control, "its own lab is its own");
    assert_eq!(class(&ada).code, code, "and it is still in the class");
    let tile = waits_for_tile(&mut teacher, 1, |tile| tile.elsewhere).await;
    assert!(tile.connected);
    assert_eq!(ada.exchanges_by_tcp("mine").await, "MINE");
    stops_its_server(&mut ada).await;

    // Messages and questions of the class arrive, and so does an answer.
    acts(&mut teacher, Act::Message(Some("look up".to_owned()))).await;
    let told = |news: &News| matches!(news, News::Class(class) if class.message.is_some());
    waits_for_news(&mut ada, told).await;
    let (id, choices) = ("40-lost-either-way".to_owned(), 3);
    acts(&mut teacher, Act::AskCard { id, choices }).await;
    waits_for_news(
        &mut ada,
        |news| matches!(news, News::Class(class) if class.card.is_some()),
    )
    .await;
    acts(&mut ada, Act::Predict { choice: 1 }).await;
    let card = Progress {
        id: "40-lost-either-way".to_owned(),
        step: 3,
        steps: 5,
        done: false,
    };
    acts(&mut ada, Act::Progress(Some(card.clone()))).await;
    let tile = waits_for_tile(&mut teacher, 1, |tile| tile.card.is_some()).await;
    assert_eq!(tile.card, Some(card));

    // Another card, another lab; and the seat in the class is kept for longer than any other.
    ada.moves_to(enter(LabKind::Private)).await;
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    ada.moves_to(resume(&ticket)).await;
    assert_eq!(
        (ada.welcome.lab.kind, ada.welcome.process),
        (LabKind::Class, process)
    );
    assert!(!ada.welcome.seat.as_ref().expect("a seat").is_new);
    ada.makes(Call::Close { fd }).await;
    assert_eq!(ada.exchanges_by_udp("back").await, "BACK");
    let back = waits_for_tile(&mut teacher, 1, |tile| tile.connected && !tile.elsewhere).await;
    assert_eq!(back.card, None, "it plays no card any more");
}

#[tokio::test]
async fn a_break_while_out_leads_back_out_and_a_reload_to_the_class() {
    let relay = Relay::start(&[]);
    let mut teacher = teacher(&relay).await;
    let mut ada = joins(&relay, &class(&teacher).code, "Ada").await;
    let (ticket, process) = (token(&ada), ada.welcome.process);
    ada.moves_to(enter(LabKind::Private)).await;
    let (own, lab) = (token(&ada), ada.welcome.lab.id.clone());
    assert_ne!(own, ticket);
    // To the very seat it is in.
    ada.moves_to(resume(&own)).await;
    assert_eq!(
        (&ada.welcome.lab.id, you(&ada).name.as_str()),
        (&lab, "Ada")
    );
    ada.vanishes();
    waits_for_tile(&mut teacher, 1, |tile| !tile.connected).await;
    let ada = resumes(&relay, &own).await;
    assert_eq!(ada.welcome.lab.id, lab);
    assert_eq!(you(&ada).name, "Ada", "still in the class");
    waits_for_tile(&mut teacher, 1, |tile| tile.connected && tile.elsewhere).await;
    let loaded_again = resumes(&relay, &ticket).await;
    assert_eq!(loaded_again.welcome.process, process);
    let parting = ada.receives_close().await;
    let goodbye = parting.goodbye.expect("a word");
    assert_eq!(goodbye.reason, GoodbyeReason::TakenOver);
}

#[tokio::test]
async fn a_member_in_a_private_lab_is_notified_of_removal_and_end() {
    let relay = Relay::start(&[]);
    let mut teacher = teacher(&relay).await;
    let code = class(&teacher).code.clone();
    for reason in [GoodbyeReason::Removed, GoodbyeReason::ClassEnded] {
        let mut member = joins(&relay, &code, &format!("{reason:?}")).await;
        let number = you(&member).member;
        member.moves_to(enter(LabKind::Private)).await;
        let act = if reason == GoodbyeReason::Removed {
            Act::Remove(number)
        } else {
            Act::End
        };
        acts(&mut teacher, act).await;
        let parting = member.receives_close().await;
        assert_eq!(parting.goodbye.expect("a word").reason, reason);
    }
}

#[tokio::test]
async fn progress_that_cannot_be_is_refused() {
    let relay = Relay::start(&[]);
    let mut teacher = teacher(&relay).await;
    let mut ada = joins(&relay, &class(&teacher).code, "Ada").await;
    let progress = |id: &str, step, steps| {
        Act::Progress(Some(Progress {
            id: id.to_owned(),
            step,
            steps,
            done: false,
        }))
    };
    for (wrong, reason) in [
        (progress("a", 2, 1), Reason::OutOfRange),
        (progress("a", 0, 101), Reason::OutOfRange),
        (progress("a\u{202e}b", 0, 1), Reason::TextNotPlain),
        (progress(&"a".repeat(65), 0, 1), Reason::TextTooLong),
        (progress("", 0, 1), Reason::TextMissing),
    ] {
        assert_eq!(act(&mut ada, wrong).await.failed().reason, Some(reason));
    }
    let failed = act(&mut teacher, progress("a", 0, 1)).await.failed();
    assert_eq!(failed.reason, Some(Reason::NotInClass));
}

#[tokio::test]
async fn a_removed_member_stays_out_until_readmitted_also_after_a_restart() {
    let folder = Folder::new();
    let data = folder.path().join("data").display().to_string();
    let relay = Relay::start(&["--data", &data]);
    let mut teacher = teacher(&relay).await;
    let code = class(&teacher).code.clone();
    let ana = joins(&relay, &code, "Ana").await;
    let (member, ticket) = (you(&ana).member, token(&ana));
    acts(&mut teacher, Act::Remove(member)).await;
    ana.receives_close().await;
    let outsider = |knocks| Outsider {
        member,
        name: "Ana".to_owned(),
        knocks,
    };
    waits_for_news(&mut teacher, |news| {
        *news == News::Outsiders(vec![outsider(false)])
    })
    .await;
    for again in [
        resume(&ticket),
        join(&code, "Ana"),
        join(&code, " ＡＮＡ"),
        join_from(&code, "Somebody else", &ticket),
    ] {
        let failed = Page::open(&relay).await.asks(again).await.failed();
        assert_eq!(failed.reason, Some(Reason::Removed));
    }
    waits_for_news(&mut teacher, |news| {
        *news == News::Outsiders(vec![outsider(true)])
    })
    .await;
    let ticket_of_teacher = token(&teacher);
    let relay = Relay::start_again(&relay.kill(), &["--data", &data]);
    let failed = Page::open(&relay)
        .await
        .asks(resume(&ticket))
        .await
        .failed();
    assert_eq!(
        failed.reason,
        Some(Reason::Removed),
        "a restart lets nobody in"
    );
    let mut teacher = resumes(&relay, &ticket_of_teacher).await;
    waits_for_news(&mut teacher, |news| {
        *news == News::Outsiders(vec![outsider(true)])
    })
    .await;
    acts(&mut teacher, Act::LetIn(member)).await;
    waits_for_news(&mut teacher, |news| *news == News::Outsiders(Vec::new())).await;
    let mut ana = resumes(&relay, &ticket).await;
    assert_eq!(you(&ana).member, member, "it is who it was");
    assert_eq!(ana.exchanges_by_udp("hello").await, "HELLO");
    let failed = act(&mut teacher, Act::LetIn(member)).await.failed();
    assert_eq!(failed.reason, Some(Reason::NoSuchMember));
}

#[tokio::test]
async fn two_members_of_the_same_name_are_numbered_and_both_notified() {
    let relay = Relay::start(&[]);
    let teacher = teacher(&relay).await;
    let code = class(&teacher).code.clone();
    let mut first = joins(&relay, &code, "Li Wei").await;
    let second = joins(&relay, &code, "ＬＩ  ＷＥＩ").await;
    let other = you(&second).name.clone();
    assert_eq!(other, "ＬＩ  ＷＥＩ 2");
    assert_eq!(you(&second).namesakes, ["Li Wei"]);
    let told = |news: &News| matches!(news, News::You(You { namesakes, .. }) if *namesakes == [other.clone()]);
    waits_for_news(&mut first, told).await;
    let third = joins(&relay, &code, "li wei").await;
    assert_eq!(you(&third).name, "li wei 3");
    let named_so = joins(&relay, &code, "Li Wei 2").await;
    assert_eq!(
        you(&named_so).name,
        "Li Wei 2 2",
        "no two are called the same"
    );
}

#[tokio::test]
async fn names_and_codes_are_taken_as_people_type_them() {
    let relay = Relay::start(&[]);
    let teacher = teacher(&relay).await;
    let code = class(&teacher).code.clone();
    let wide = |text: &str| -> String {
        let widen = |letter: char| char::from_u32(u32::from(letter) + 0xFEE0).unwrap_or(letter);
        text.chars().map(widen).collect()
    };
    let halves = [&code[..3], &code[3..]];
    let looked_alike: String = code
        .chars()
        .map(|letter| match letter {
            '5' => 's',
            '8' => 'B',
            '2' => 'z',
            'V' => 'u',
            'A' => 'А',
            other => other,
        })
        .collect();
    for (typed, name) in [
        (wide(&code), "می\u{200c}ترا"),
        (wide(&code.to_lowercase()), "👩\u{200d}🎓"),
        (halves.join("　"), "Ame\u{301}lie"),
        (halves.join(" – "), "ක්\u{200d}රිස්"),
        (looked_alike, "小明"),
    ] {
        let member = joins(&relay, &typed, name).await;
        let kept = name.replace("e\u{301}", "\u{e9}");
        assert_eq!(you(&member).name, kept, "{typed}");
    }
    for name in [
        "\u{200c}Ada",
        "Ada\u{200d}",
        "\u{200d}",
        "A\u{200c}\u{200c}da",
    ] {
        let failed = refused(&relay, &code, name).await;
        assert_eq!(failed.reason, Some(Reason::TextNotPlain), "{name:?}");
    }
}

#[tokio::test]
async fn a_muted_member_may_still_finish_its_sockets() {
    let relay = Relay::start(&[]);
    let mut teacher = teacher(&relay).await;
    let mut ada = joins(&relay, &class(&teacher).code, "Ada").await;
    let (member, muted) = (you(&ada).member, true);
    let fd = ada.makes_socket(Transport::Udp).await;
    ada.sends_to_server(fd, "hello").await;
    ada.receives_text(fd).await;
    let waiting = ada.starts(Call::RecvFrom { fd, size: 2048 }).await;
    acts(&mut teacher, Act::Mute { member, muted }).await;
    waits_for_news(&mut ada, |news| matches!(news, News::You(you) if you.muted)).await;
    let failed = ada.fails(Call::GetSockName { fd }).await;
    assert_eq!(failed.reason, Some(Reason::Muted));
    assert_eq!(failed.errno, "", "no kernel has said anything");
    ada.makes(Call::Cancel { of: waiting }).await;
    let ended = ada.waits_for_reply(waiting).await.failed();
    assert_eq!(ended.reason, Some(Reason::Cancelled));
    ada.makes(Call::Close { fd }).await;
}

#[tokio::test]
async fn the_class_sees_whose_ladder_is_driven_and_by_which_name() {
    let relay = Relay::start(&[]);
    let mut teacher = teacher(&relay).await;
    let code = class(&teacher).code.clone();
    let ada = joins(&relay, &code, "Ada").await;
    let mut bob = joins(&relay, &code, "Bob").await;
    let member = you(&ada).member;
    let drive = |process, hides_name| {
        Act::Drive(Some(Drive {
            process,
            seq: None,
            hides_name,
        }))
    };
    let (adas, teachers) = (ada.welcome.process, teacher.welcome.process);
    for (act, driven) in [
        (drive(adas, false), Some(Some("Ada".to_owned()))),
        (drive(adas, true), Some(None)),
        (drive(teachers, false), None),
    ] {
        let wanted = driven.map(|name| Driven { member, name });
        acts(&mut teacher, act).await;
        let told = |news: &News| matches!(news, News::Class(class) if class.driven == wanted && class.drive.is_some());
        waits_for_news(&mut bob, told).await;
    }
    acts(&mut teacher, Act::Drive(None)).await;
    waits_for_news(&mut bob, |news| matches!(news, News::Class(class) if class.drive.is_none() && class.driven.is_none())).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_member_sees_only_its_own_and_the_servers_sockets() {
    let relay = Relay::start(&[]);
    let mut teacher = teacher(&relay).await;
    let code = class(&teacher).code.clone();
    let mut ada = joins(&relay, &code, "Ada").await;
    let mut bob = joins(&relay, &code, "Bob").await;
    let (adas, bobs) = (has_ports(&mut ada).await, has_ports(&mut bob).await);
    let both: BTreeSet<u16> = adas.union(&bobs).copied().collect();
    let seen = sees_ports(&mut teacher, &both).await;
    assert!(seen.0.is_superset(&both), "the teacher sees all");
    let mut has_others = false;
    for (page, own) in [(&mut ada, &adas), (&mut bob, &bobs)] {
        let (ports, listens, more) = sees_ports(page, own).await;
        assert_eq!(ports, *own);
        assert!(listens, "the server's door is everybody's");
        has_others |= more > 0;
        assert_eq!(
            foreign_ports(page, own),
            BTreeSet::new(),
            "in no event at all"
        );
    }
    assert!(has_others, "how many others there are is told");
    acts(&mut teacher, Act::Open(true)).await;
    waits_for_news(
        &mut bob,
        |news| matches!(news, News::Class(class) if class.open),
    )
    .await;
    bob.makes_socket(Transport::Udp).await;
    let mut third = joins(&relay, &code, "Cy").await;
    let thirds = has_ports(&mut third).await;
    sees_ports(&mut bob, &thirds).await;
}

/// Two connections that stand: their ports.
async fn has_ports(page: &mut Page) -> BTreeSet<u16> {
    let mut ports = BTreeSet::new();
    for _ in 0..2 {
        let fd = page.connects(Transport::Tcp).await;
        ports.insert(page.own_address(fd).await.port());
    }
    ports
}

/// Waits for a list of sockets in which these ports are: the clients' ports there, whether a server listens, and how
/// many more there are.
async fn sees_ports(page: &mut Page, wanted: &BTreeSet<u16>) -> (BTreeSet<u16>, bool, u64) {
    loop {
        let event = page.receives_event().await;
        let What::Sockets(sockets) = &event.what else {
            continue;
        };
        let ports = clients_ports(page, sockets);
        let mut all = sockets.sockets.iter();
        let listens = all.any(|it| it.state == SocketState::Listen);
        if ports.is_superset(wanted) {
            return (ports, listens, sockets.more);
        }
    }
}

fn clients_ports(page: &Page, sockets: &Sockets) -> BTreeSet<u16> {
    let servers = page.welcome.lab.servers.iter();
    let servers: Vec<_> = servers.map(|server| server.address).collect();
    let all = sockets.sockets.iter();
    let ends = all.flat_map(|socket| [Some(socket.local), socket.peer]);
    let clients = ends.flatten().filter(|end| !servers.contains(end));
    clients
        .map(|end| end.port())
        .filter(|port| *port != 0)
        .collect()
}

/// Ports of others in any list of sockets that the page has received.
fn foreign_ports(page: &Page, own: &BTreeSet<u16>) -> BTreeSet<u16> {
    let lists = page.events.iter().filter_map(|event| {
        let What::Sockets(sockets) = &event.what else {
            return None;
        };
        Some(clients_ports(page, sockets))
    });
    lists.flatten().filter(|port| !own.contains(port)).collect()
}

async fn stops_its_server(page: &mut Page) {
    let stop = Ask::StopServer {
        transport: Transport::Tcp,
    };
    page.asks(stop).await.returned();
}

fn join_from(code: &str, name: &str, token: &str) -> Ask {
    Ask::JoinClass {
        code: code.to_owned(),
        name: name.to_owned(),
        token: Some(token.to_owned()),
    }
}

const fn enter(lab: LabKind) -> Ask {
    Ask::Enter { lab }
}
