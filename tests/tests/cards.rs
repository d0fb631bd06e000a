//! The cards in Chromium: the check of each passes, and fails without its decisive step.

use tests::{
    browser::Browser,
    cards::{self, Card},
    language::Language,
    relay::Relay,
    story::{BrowserOptions, story},
};

#[tokio::test]
async fn every_card_shows_what_it_promises_in_english() {
    every_card(&Language::both()[0]).await;
}

#[tokio::test]
async fn every_card_shows_what_it_promises_in_chinese() {
    every_card(&Language::both()[1]).await;
}

/// A newcomer: the keyboard alone, from the first sentence to the first card's explanation.
#[tokio::test]
async fn after_the_first_sentence_the_page_offers_the_first_card() {
    let relay = Relay::start(&[]);
    story(&relay, BrowserOptions::default(), async |browser| {
        assert!(browser.has("#cards-lead[hidden]").await, "not before");
        browser.sends_sentence("hello").await;
        browser.reads_reply("HELLO").await;
        browser.activates("#cards-begin").await;
        browser.sees("#card-title:focus").await;
        browser
            .activates("#card-choices button[data-choice='2']")
            .await;
        for at in 1..=3 {
            let step = format!("#card-steps > li:nth-child({at})");
            browser.activates(&format!("{step} button")).await;
            browser.sees(&format!("{step}[data-state=done]")).await;
        }
        browser.sees("#card-verdict[data-holds=true]").await;
        browser.sees("#card-why:not([hidden])").await;
        browser.activates("#card-next").await;
        browser.sees("#card-title:focus").await;
        browser.reloads().await;
        browser.sees("#cards-list > [data-done]").await;
        browser.activates("#view-play").await;
        browser.sees("#cards:is([hidden])").await;
    })
    .await;
}

/// After a card is left or finished, server and network are as before.
#[tokio::test]
async fn a_card_puts_back_what_it_has_changed() {
    let relay = Relay::start(&[]);
    let all = cards::all();
    let lost = all.iter().find(|card| card.id == "40-lost-either-way");
    let lost = lost.expect("the card");
    story(&relay, BrowserOptions::default(), async |browser| {
        browser.turns_to_cards().await;
        browser.opens_card(lost).await;
        browser.performs_steps(lost, &lost.every_step()).await;
        browser.sees("#card-verdict[data-holds=true]").await;
        browser.sees("#card-restored:not([hidden])").await;
        browser.activates("#view-play").await;
        browser.sends_sentence("hello").await;
        browser.reads_reply("HELLO").await;
        // The same of a card that is left in the midst of it.
        browser.turns_to_cards().await;
        browser.clicks("#card-again").await;
        browser.scrolls_and_clicks("#card-skip").await;
        browser.performs_steps(lost, &[0]).await;
        browser.clicks("#card-back").await;
        browser.sees("#card-restored:not([hidden])").await;
        browser.activates("#view-play").await;
        browser.sends_sentence("again").await;
        browser.reads_reply("AGAIN").await;
    })
    .await;
}

#[tokio::test]
async fn cards_are_accessible_and_nothing_is_cut_off_or_covered() {
    let relay = Relay::start(&[]);
    let sizes = [(360, 740), (768, 1024), (1280, 800)];
    for (language, (size, dark)) in Language::both().iter().cycle().zip(
        sizes
            .into_iter()
            .flat_map(|size| [(size, false), (size, true)]),
    ) {
        let options = BrowserOptions {
            languages: language.wanted,
            size,
            dark,
            ..BrowserOptions::default()
        };
        story(&relay, options, async |browser| {
            browser.turns_to_cards().await;
            is_in_order(browser, &format!("the list, {options:?}")).await;
            let first = &cards::all()[0];
            browser.opens_card(first).await;
            is_in_order(browser, &format!("a card, {options:?}")).await;
            browser.performs_steps(first, &first.every_step()).await;
            browser.sees("#card-verdict[data-holds=true]").await;
            is_in_order(browser, &format!("a card that is done, {options:?}")).await;
        })
        .await;
    }
}

/// No serious finding, no sideways scrolling, nothing beyond the card's edge, no two lines over each other.
async fn is_in_order(browser: &Browser, when: &str) {
    let findings = browser.accessibility_findings().await;
    assert!(findings.is_empty(), "{when}: {findings:#?}");
    let wrong = browser.asks(OUT_OF_ORDER).await;
    assert_eq!(wrong, serde_json::json!([]), "{when}");
}

const OUT_OF_ORDER: &str = "(() => {
    const home = document.getElementById('cards');
    // What is clipped away is for screen readers only.
    const seen = [...home.querySelectorAll('*')]
        .filter(one => one.checkVisibility() && getComputedStyle(one).clipPath === 'none');
    const name = one => `${one.tagName} ${one.id || one.dataset.p || one.textContent.slice(0, 30)}`;
    const box = one => one.getBoundingClientRect();
    const wrong = seen.filter(one => box(one).right > box(home).right + 1 || one.scrollWidth > one.clientWidth + 1
        && getComputedStyle(one).display !== 'inline').map(name);
    if (document.documentElement.scrollWidth > innerWidth) wrong.push('the page scrolls sideways');
    const leaves = seen.filter(one => one.children.length === 0 && one.textContent && box(one).height > 1);
    for (const [at, one] of leaves.entries()) for (const other of leaves.slice(at + 1)) {
        const [a, b] = [box(one), box(other)];
        const over = Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
            && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4;
        if (over && getComputedStyle(one).display !== 'inline' && getComputedStyle(other).display !== 'inline')
            wrong.push(`${name(one)} over ${name(other)}`);
    }
    return wrong;
})()";

async fn every_card(language: &Language) {
    let relay = Relay::start(&[]);
    let options = BrowserOptions {
        languages: language.wanted,
        ..BrowserOptions::default()
    };
    story(&relay, options, async |browser| {
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
    browser.opens_card(card).await;
    browser.performs_steps(card, &card.every_step()).await;
    browser.sees("#card-verdict[data-holds=true]").await;
    browser
        .reads_line("#card-verdict", language.text("cards.holds"))
        .await;
    browser.sees("#card-why:not([hidden])").await;
    browser.clicks("#card-back").await;
    let done = format!("#cards-list > [data-id='{}'][data-done]", card.id);
    browser.sees(&done).await;
}

async fn leaves_out_what_decides(browser: &Browser, card: &Card) {
    browser.opens_card(card).await;
    browser
        .performs_steps(card, &card.without_the_decisive())
        .await;
    browser.waits_for_trace().await;
    assert!(!browser.has_seen_all().await, "{}", card.id);
    assert!(browser.has("#card-why[hidden]").await, "{}", card.id);
    browser.scrolls_and_clicks("#card-back").await;
}

/// All cards, or those whose name contains `CARD`, for authors of cards.
fn chosen() -> Vec<Card> {
    let wanted = std::env::var("CARD").unwrap_or_default();
    let cards = cards::all().into_iter();
    cards.filter(|card| card.id.contains(&wanted)).collect()
}
