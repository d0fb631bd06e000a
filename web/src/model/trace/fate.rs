//! What became of a datagram at the relay's edge, in words.

use shared::conditions::Direction;

use crate::{
    i18n::Texts,
    model::trace::log::{DatagramFate, Run},
};

/// As the markup names it.
pub(crate) const fn name(fate: DatagramFate) -> &'static str {
    match fate {
        DatagramFate::Lost(_) => "lost",
        DatagramFate::Killed(_) => "killed",
        DatagramFate::NoRoom => "no_room",
        DatagramFate::Unclaimed => "unclaimed",
        DatagramFate::Delayed(_) => "delayed",
        DatagramFate::Doubled => "doubled",
        DatagramFate::Overtaken => "overtaken",
        DatagramFate::Held => "held",
        DatagramFate::Released => "released",
    }
}

/// In two or three words. Which way it went is said where it was lost: only an onlooker can tell.
pub(crate) fn brief(fate: DatagramFate, texts: &Texts) -> String {
    let key = match fate {
        DatagramFate::Lost(Direction::Request) => "fate.request_lost",
        DatagramFate::Lost(Direction::Reply) => "fate.reply_lost",
        DatagramFate::Killed(Direction::Request) => "fate.request_killed",
        DatagramFate::Killed(Direction::Reply) => "fate.reply_killed",
        DatagramFate::NoRoom => "fate.no_room",
        DatagramFate::Unclaimed => "fate.unclaimed",
        DatagramFate::Delayed(_) => "fate.delayed",
        DatagramFate::Doubled => "fate.doubled",
        DatagramFate::Overtaken => "fate.overtaken",
        DatagramFate::Held => "fate.held",
        DatagramFate::Released => "fate.released",
    };
    if let DatagramFate::Delayed(ms) = fate {
        return texts.fill(key, &[("n", &ms.to_string())]);
    }
    texts.get(key).to_owned()
}

/// What became of a run's datagrams, for its title; nothing where nothing did.
pub(crate) fn of_run(run: &Run, texts: &Texts) -> String {
    let mut said = String::new();
    let becomings = run
        .impaired()
        .filter_map(|touch| run.fate(touch.edge.datagram));
    for (fate, _) in becomings {
        said.push_str(" · ");
        said.push_str(&brief(fate, texts));
    }
    said
}

/// Why a client that waits for a datagram may wait: the key of the sentence that says it.
pub(crate) fn blocked_key(run: &Run) -> Option<&'static str> {
    let last = run.impaired().last()?;
    let (fate, _) = run.fate(last.edge.datagram)?;
    Some(match fate {
        DatagramFate::Lost(Direction::Request) | DatagramFate::Killed(Direction::Request) => {
            "blocked.request_lost"
        }
        DatagramFate::Lost(Direction::Reply) | DatagramFate::Killed(Direction::Reply) => {
            "blocked.reply_lost"
        }
        DatagramFate::NoRoom => "blocked.no_room",
        DatagramFate::Held => "blocked.held",
        DatagramFate::Delayed(_) => "blocked.delayed",
        DatagramFate::Unclaimed
        | DatagramFate::Doubled
        | DatagramFate::Overtaken
        | DatagramFate::Released => {
            return None;
        }
    })
}
