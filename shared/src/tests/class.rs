//! One of each message of a class, for the golden files.

use crate::{
    class::{
        Act, Card, Class, Drive, Driven, LastCall, LastError, News, Outsider, Phase, Progress,
        Roster, Standing, Tile, Totals, Whose, You,
    },
    message::{Ask, ServerMessage},
    trace::CallName,
};

pub(super) fn asks() -> Vec<(&'static str, Ask)> {
    let acts = [
        ("class_lock", Act::Lock(true)),
        ("class_cap", Act::Cap(300)),
        ("class_open", Act::Open(true)),
        ("class_message", Act::Message(Some("看屏幕 👀".to_owned()))),
        ("class_message_none", Act::Message(None)),
        ("class_drive", Act::Drive(Some(drive()))),
        ("class_drive_none", Act::Drive(None)),
        (
            "class_mute",
            Act::Mute {
                member: 7,
                muted: true,
            },
        ),
        ("class_remove", Act::Remove(7)),
        (
            "class_ask_card",
            Act::AskCard {
                id: "udp-lost".to_owned(),
                choices: 3,
            },
        ),
        ("class_close_card", Act::CloseCard),
        ("class_reveal_card", Act::RevealCard { outcome: 2 }),
        ("class_end_card", Act::EndCard),
        ("class_predict", Act::Predict { choice: 2 }),
        ("class_end", Act::End),
    ];
    let create = Ask::CreateClass {
        title: "Networks, Tuesday".to_owned(),
        admin: Some("b3BlbnNlc2FtZQ".to_owned()),
    };
    let join = Ask::JoinClass {
        code: "K7XM3P".to_owned(),
        name: "小明".to_owned(),
        token: None,
    };
    let join_again = Ask::JoinClass {
        code: "Ｋ７ｘ-m3p".to_owned(),
        name: "小明".to_owned(),
        token: Some("dGhlc2VhdG9mdGhpc2Jyb3dz".to_owned()),
    };
    let watch = |whose| Ask::Watch {
        from: 17,
        whose: Some(whose),
    };
    let save = Ask::Save {
        events: Some(vec![(3, 9), (12, 12)]),
        days: Some(7),
    };
    let delete = Ask::DeleteLink {
        link: "Zm9yd2hvZXZlcmhhc2l0MQ".to_owned(),
        secret: "b2Z0aGVvbmV3aG9tYWRlaQ".to_owned(),
    };
    let acts = acts.map(|(name, act)| (name, Ask::Class { act }));
    let others = [
        ("create_class", create),
        ("join_class", join),
        ("watch_own", watch(Whose::Own)),
        ("watch_process", watch(Whose::Process(7))),
        ("watch_all", watch(Whose::All)),
        ("save", save),
        ("delete_link", delete),
        ("join_class_again", join_again),
    ];
    let later = [
        ("class_let_in", Act::LetIn(7)),
        ("class_progress", Act::Progress(Some(progress()))),
        ("class_progress_none", Act::Progress(None)),
    ];
    let later = later.map(|(name, act)| (name, Ask::Class { act }));
    acts.into_iter().chain(others).chain(later).collect()
}

pub(super) fn news() -> Vec<(&'static str, ServerMessage)> {
    let roster = Roster {
        anew: true,
        tiles: vec![tile(), quiet_tile()],
        removed: vec![3],
        totals: Some(totals()),
    };
    let news = [
        ("class_class", News::Class(class())),
        ("class_you", News::You(you())),
        ("class_roster", News::Roster(roster)),
        ("class_outsiders", News::Outsiders(outsiders())),
    ];
    news.map(|(name, news)| (name, ServerMessage::Class(news)))
        .into()
}

pub(super) fn standing() -> Standing {
    Standing {
        is_teacher: false,
        you: Some(you()),
        class: class(),
        reach: Some("http://192.168.1.5:8080".to_owned()),
    }
}

const fn drive() -> Drive {
    Drive {
        process: 3,
        seq: Some(120),
        hides_name: false,
    }
}

fn progress() -> Progress {
    Progress {
        id: "40-lost-either-way".to_owned(),
        step: 3,
        steps: 5,
        done: false,
    }
}

fn outsiders() -> Vec<Outsider> {
    let outsider = |member, name: &str, knocks| Outsider {
        member,
        name: name.to_owned(),
        knocks,
    };
    vec![outsider(3, "Ana", true), outsider(5, "小红", false)]
}

fn class() -> Class {
    Class {
        code: "K7XM3P".to_owned(),
        title: "Networks, Tuesday".to_owned(),
        locked: false,
        open: true,
        cap: 300,
        message: Some("看屏幕 👀".to_owned()),
        drive: Some(drive()),
        driven: Some(Driven {
            member: 7,
            name: Some("小明".to_owned()),
        }),
        card: Some(Card {
            id: "udp-lost".to_owned(),
            choices: 3,
            phase: Phase::Revealed,
            counts: Some(vec![4, 9, 21]),
            outcome: Some(2),
        }),
    }
}

fn you() -> You {
    You {
        member: 7,
        name: "小明".to_owned(),
        muted: false,
        choice: Some(2),
        namesakes: vec!["小明 2".to_owned()],
    }
}

fn tile() -> Tile {
    Tile {
        member: 7,
        name: "小明".to_owned(),
        connected: true,
        muted: true,
        process: Some(9),
        call: Some(LastCall {
            name: CallName::Recv,
            mono_ns: 61_000_000_000,
            blocked: true,
        }),
        error: Some(LastError {
            name: CallName::Connect,
            errno: "ECONNREFUSED".to_owned(),
            mono_ns: 58_000_000_000,
        }),
        errors: 2,
        sentences: 14,
        elsewhere: true,
        card: Some(progress()),
    }
}

fn quiet_tile() -> Tile {
    Tile {
        member: 8,
        name: "Ada".to_owned(),
        connected: false,
        muted: false,
        process: None,
        call: None,
        error: None,
        errors: 0,
        sentences: 0,
        elsewhere: false,
        card: None,
    }
}

const fn totals() -> Totals {
    Totals {
        members: 2,
        connected: 1,
        calls_per_second: 12,
        packets_per_second: 9,
        errors: 2,
        predictions: 1,
    }
}
