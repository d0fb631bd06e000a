//! What became of a datagram at the relay's edge, in words.

use shared::conditions::Direction;

use crate::{
    i18n::Texts,
    model::trace::log::{Becoming, Run},
};

/// As the markup names it.
pub(crate) const fn name(becoming: Becoming) -> &'static str {
    match becoming {
        Becoming::Lost(_) => "lost",
        Becoming::Killed(_) => "killed",
        Becoming::NoRoom => "no_room",
        Becoming::Unclaimed => "unclaimed",
        Becoming::Delayed(_) => "delayed",
        Becoming::Doubled => "doubled",
        Becoming::Overtaken => "overtaken",
        Becoming::Held => "held",
        Becoming::Released => "released",
    }
}

/// In two or three words. Which way it went is said where it was lost: only an onlooker can tell.
pub(crate) fn brief(becoming: Becoming, texts: &Texts) -> String {
    let key = match becoming {
        Becoming::Lost(Direction::Request) => "fate.request_lost",
        Becoming::Lost(Direction::Reply) => "fate.reply_lost",
        Becoming::Killed(Direction::Request) => "fate.request_killed",
        Becoming::Killed(Direction::Reply) => "fate.reply_killed",
        Becoming::NoRoom => "fate.no_room",
        Becoming::Unclaimed => "fate.unclaimed",
        Becoming::Delayed(_) => "fate.delayed",
        Becoming::Doubled => "fate.doubled",
        Becoming::Overtaken => "fate.overtaken",
        Becoming::Held => "fate.held",
        Becoming::Released => "fate.released",
    };
    if let Becoming::Delayed(ms) = becoming {
        return texts.fill(key, &[("n", &ms.to_string())]);
    }
    texts.get(key).to_owned()
}

/// What became of a run's datagrams, for its title; nothing where nothing did.
pub(crate) fn of_run(run: &Run, texts: &Texts) -> String {
    let mut said = String::new();
    let becomings = run
        .touched()
        .filter_map(|touch| run.becoming(touch.edge.datagram));
    for (becoming, _) in becomings {
        said.push_str(" · ");
        said.push_str(&brief(becoming, texts));
    }
    said
}

/// Why a client that waits for a datagram may wait: the key of the sentence that says it.
pub(crate) fn blocked_key(run: &Run) -> Option<&'static str> {
    let last = run.touched().last()?;
    let (becoming, _) = run.becoming(last.edge.datagram)?;
    Some(match becoming {
        Becoming::Lost(Direction::Request) | Becoming::Killed(Direction::Request) => {
            "blocked.request_lost"
        }
        Becoming::Lost(Direction::Reply) | Becoming::Killed(Direction::Reply) => {
            "blocked.reply_lost"
        }
        Becoming::NoRoom => "blocked.no_room",
        Becoming::Held => "blocked.held",
        Becoming::Delayed(_) => "blocked.delayed",
        Becoming::Unclaimed | Becoming::Doubled | Becoming::Overtaken | Becoming::Released => {
            return None;
        }
    })
}
