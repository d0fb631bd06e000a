//! Classes as pages see them: create, join, resume, act, and wait for news.

use shared::{
    class::{Act, Class, MemberId, News, Tile, You},
    message::{Ask, Reply},
    outcome::{Failed, Outcome},
};

use crate::{calls::ExpectReply, page::Page, relay::Relay};

/// A page that has created a class.
pub async fn teacher(relay: &Relay) -> Page {
    let mut page = Page::open(relay).await;
    let create = Ask::CreateClass {
        title: "Networks".to_owned(),
        admin: None,
    };
    page.moves_to(create).await;
    page
}

/// A page that has joined the class.
pub async fn joins(relay: &Relay, code: &str, name: &str) -> Page {
    let mut page = Page::open(relay).await;
    page.moves_to(join(code, name)).await;
    page
}

/// Why a page may not join the class.
pub async fn refused(relay: &Relay, code: &str, name: &str) -> Failed {
    let mut page = Page::open(relay).await;
    page.asks(join(code, name)).await.failed()
}

/// A page that has resumed the session of this token.
pub async fn resumes(relay: &Relay, token: &str) -> Page {
    let mut page = Page::open(relay).await;
    page.moves_to(resume(token)).await;
    page
}

/// The request to join as a new member.
#[must_use]
pub fn join(code: &str, name: &str) -> Ask {
    Ask::JoinClass {
        code: code.to_owned(),
        name: name.to_owned(),
        token: None,
    }
}

/// The request to resume a session from its first event.
#[must_use]
pub fn resume(token: &str) -> Ask {
    Ask::Resume {
        token: token.to_owned(),
        heard: None,
    }
}

/// Requests an act in the page's class.
pub async fn act(page: &mut Page, act: Act) -> Reply {
    page.asks(Ask::Class { act }).await
}

/// Requests an act that must succeed.
///
/// # Panics
/// When it fails.
pub async fn acts(page: &mut Page, act: Act) {
    let named = format!("{act:?}");
    let reply = page.asks(Ask::Class { act }).await;
    assert!(
        matches!(reply.outcome, Outcome::Returned(_)),
        "{named}: {reply:?}"
    );
}

/// The page's class, as of its welcome.
///
/// # Panics
/// When it is in none.
#[must_use]
pub fn class(page: &Page) -> &Class {
    &page.welcome.class.as_ref().expect("in a class").class
}

/// The page's own member, as of its welcome.
///
/// # Panics
/// When it is none.
#[must_use]
pub fn you(page: &Page) -> &You {
    let standing = page.welcome.class.as_ref().expect("in a class");
    standing.you.as_ref().expect("a member")
}

/// The token of the page's session.
///
/// # Panics
/// When it has none.
#[must_use]
pub fn token(page: &Page) -> String {
    page.welcome.seat.as_ref().expect("a seat").token.clone()
}

/// Waits for news that match.
pub async fn waits_for_news(page: &mut Page, wanted: impl Fn(&News) -> bool) -> News {
    loop {
        let news = page.receives_news().await;
        if wanted(&news) {
            return news;
        }
    }
}

/// Waits until the tile of `member` matches.
pub async fn waits_for_tile(
    page: &mut Page,
    member: MemberId,
    wanted: impl Fn(&Tile) -> bool,
) -> Tile {
    loop {
        let News::Roster(roster) = page.receives_news().await else {
            continue;
        };
        let matches = |tile: &Tile| tile.member == member && wanted(tile);
        if let Some(tile) = roster.tiles.into_iter().find(matches) {
            return tile;
        }
    }
}
