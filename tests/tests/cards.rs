//! The cards in real Chromium: what each has to show is seen, and not without what decides it.

use tests::{
    browser::Browser,
    cards::{self, Card},
    language::Language,
    relay::Relay,
    story::{Wish, story},
};

#[tokio::test]
async fn every_card_shows_what_it_promises_in_english() {
    every_card(&Language::both()[0]).await;
}

#[tokio::test]
async fn every_card_shows_what_it_promises_in_chinese() {
    every_card(&Language::both()[1]).await;
}

async fn every_card(language: &Language) {
    let relay = Relay::start(&[]);
    let wish = Wish {
        languages: language.wanted,
        ..Wish::default()
    };
    story(&relay, wish, async |browser| {
        browser.turns_to_cards().await;
        for card in chosen() {
            eprintln!("{}", card.id);
            leaves_out_what_decides(browser, &card).await;
            is_played(browser, language, &card).await;
        }
    })
    .await;
}

async fn is_played(browser: &Browser, language: &Language, card: &Card) {
    browser.takes_card(card).await;
    browser.does_steps(card, &card.every_step()).await;
    browser.sees("#card-verdict[data-holds=true]").await;
    browser
        .reads_line("#card-verdict", language.says("cards.holds"))
        .await;
    browser.sees("#card-why:not([hidden])").await;
    browser.clicks("#card-back").await;
    let done = format!("#cards-list > [data-id='{}'][data-done]", card.id);
    browser.sees(&done).await;
}

async fn leaves_out_what_decides(browser: &Browser, card: &Card) {
    browser.takes_card(card).await;
    browser.does_steps(card, &card.without_the_decisive()).await;
    browser.has_heard_all().await;
    assert!(!browser.has_seen_all().await, "{}", card.id);
    assert!(browser.has("#card-why[hidden]").await, "{}", card.id);
    browser.scrolls_and_clicks("#card-back").await;
}

/// All, or those whose name holds what `CARD` says: for whoever writes one.
fn chosen() -> Vec<Card> {
    let wanted = std::env::var("CARD").unwrap_or_default();
    let cards = cards::all().into_iter();
    cards.filter(|card| card.id.contains(&wanted)).collect()
}
