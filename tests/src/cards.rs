//! The cards of `www/cards/`, and how they are played in Chromium.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::json;

use crate::{browser::Browser, timeout::until};

/// A card, as far as stories need it.
#[derive(Debug, Deserialize)]
pub struct Card {
    /// The name of its file.
    #[serde(skip)]
    pub id: String,
    steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
struct Step {
    #[serde(default)]
    decisive: bool,
}

/// All cards in order.
///
/// # Panics
/// When there are none, or one cannot be read.
#[must_use]
pub fn all() -> Vec<Card> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../www/cards");
    let entries = std::fs::read_dir(folder).expect("the cards").flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).expect("a card");
        let card: Card = serde_json::from_str(&text).expect("steps");
        let id = path.file_stem().and_then(|stem| stem.to_str());
        let id = id.expect("a name").to_owned();
        Card { id, ..card }
    };
    let cards: Vec<Card> = paths.iter().map(read).collect();
    assert!(!cards.is_empty(), "no cards");
    cards
}

impl Card {
    /// The steps that are not decisive, by their places.
    ///
    /// # Panics
    /// When it is not one that is.
    #[must_use]
    pub fn without_the_decisive(&self) -> Vec<usize> {
        let steps = self.steps.iter().enumerate();
        let others: Vec<usize> = steps
            .filter(|(_, step)| !step.decisive)
            .map(|(at, _)| at)
            .collect();
        assert_eq!(others.len() + 1, self.steps.len(), "{}", self.id);
        others
    }

    /// All steps, by their places.
    #[must_use]
    pub fn every_step(&self) -> Vec<usize> {
        (0..self.steps.len()).collect()
    }
}

impl Browser {
    /// Opens the cards, and waits until they are loaded.
    pub async fn turns_to_cards(&self) {
        self.clicks("#view-cards").await;
        self.sees("#cards-list > li").await;
    }

    /// Opens a card from the list, and skips its prediction.
    pub async fn opens_card(&self, card: &Card) {
        let item = format!("#cards-list > [data-id='{}'] button", card.id);
        self.scrolls_and_clicks(&item).await;
        self.scrolls_and_clicks("#card-skip").await;
    }

    /// Performs these steps, each as soon as the one before is done. Skips a step whose socket a skipped step would have made.
    pub async fn performs_steps(&self, card: &Card, steps: &[usize]) {
        for at in steps {
            let step = format!("#card-steps > li:nth-child({})", at + 1);
            let state = format!("document.querySelector({})?.dataset.state", json!(step));
            self.scrolls_and_clicks(&format!("{step} button")).await;
            let over =
                format!("{state} === 'done' || !document.getElementById('card-lacks').hidden");
            let over = async || (self.asks(&over).await == json!(true)).then_some(());
            until(&format!("step {} of {}", at + 1, card.id), over).await;
        }
    }

    /// Waits until the trace has everything that was done so far.
    pub async fn waits_for_trace(&self) {
        self.scrolls_and_clicks("#view-workbench").await;
        self.scrolls_and_clicks("#bench-resolve button").await;
        self.sees("#bench-log > li:last-child[data-call=getaddrinfo]:not([data-state=blocked])")
            .await;
        self.scrolls_and_clicks("#view-cards").await;
    }

    /// Whether the check of the card in play holds.
    pub async fn has_seen_all(&self) -> bool {
        self.has("#card-verdict[data-holds=true]").await
    }
}
