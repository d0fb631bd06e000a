//! The card that is run, in words: those of the card's own file where the page has it, else only what the relay tells.

use shared::class::{Act, Card};

use super::super::Model;

/// What a card says.
#[derive(Debug, Default)]
pub(crate) struct Words {
    /// What it is called.
    pub(crate) title: String,
    /// What it asks; empty where that is asked in the room.
    pub(crate) question: String,
    /// The choices; none where they are only numbered.
    pub(crate) choices: Vec<String>,
}

impl Model {
    /// What a card that is run says.
    pub(crate) fn card_in_words(&self, card: &Card) -> Words {
        Words {
            title: card.id.clone(),
            ..Words::default()
        }
    }

    /// The cards that can be run: their names, and what they are called.
    pub(crate) fn deck_in_words(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// Has the class predict a card of the deck.
    pub(super) fn ask_card(&mut self, id: String) {
        self.ask_class(Act::AskCard { id, choices: 2 });
    }
}
