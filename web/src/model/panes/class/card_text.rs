//! The card that is run, in words: those of the card's own file where the page has it, else only what the relay tells.

use shared::class::{Act, Card};

use crate::model::{Model, panes::cards::DeckEntry};

/// What a card says; code stands between backticks.
#[derive(Debug, Default)]
pub(crate) struct CardText {
    /// What it is member_name.
    pub(crate) title: String,
    /// What it asks; empty where that is asked in the room.
    pub(crate) question: String,
    /// The choices; none where they are only numbered.
    pub(crate) choices: Vec<String>,
}

impl Model {
    /// What a card that is run says.
    pub(crate) fn card_text(&self, card: &Card) -> CardText {
        let is_it = |dealt: &&DeckEntry| {
            dealt.id == card.id && dealt.card.choices.len() == card.choices as usize
        };
        let Some(dealt) = self.cards.deck.iter().find(is_it) else {
            return CardText {
                title: card.id.clone(),
                ..CardText::default()
            };
        };
        let choices = dealt.card.choices.iter();
        let language = self.language;
        CardText {
            title: dealt.card.title.get(language).to_owned(),
            question: dealt.card.question.get(language).to_owned(),
            choices: choices
                .map(|choice| choice.text.get(language).to_owned())
                .collect(),
        }
    }

    /// The cards that can be run: their names, and what they are member_name.
    pub(crate) fn deck_titles(&self) -> Vec<(String, String)> {
        let deck = self.cards.deck.iter();
        deck.map(|dealt| {
            let title = dealt.card.title.get(self.language);
            (dealt.id.clone(), title.replace('`', ""))
        })
        .collect()
    }

    /// Has the class predict a card of the deck.
    pub(super) fn ask_card(&mut self, id: String) {
        let dealt = self.cards.deck.iter().find(|dealt| dealt.id == id);
        let choices = dealt.and_then(|dealt| u32::try_from(dealt.card.choices.len()).ok());
        if let Some(choices) = choices {
            self.ask_class(Act::AskCard { id, choices });
        }
    }
}
