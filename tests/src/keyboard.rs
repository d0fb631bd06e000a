//! Using the page by keyboard alone: Tab, Enter, text, arrow keys.

use fantoccini::{
    actions::{InputSource, KeyAction, KeyActions},
    key::Key,
};
use serde_json::json;

use crate::{browser::Browser, timeout::within};

/// So many rounds of looking and pressing lead from anywhere to anywhere.
const ROUNDS: usize = 200;
/// So many rounds may take several steps at once; then each step is looked at.
const HASTY_ROUNDS: usize = 4;

/// How many stops of Tab lie between the focus and an element; negative where it stands before.
const STEPS: &str = "(target => {
    if (target === document.activeElement) return 0;
    const all = [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex]')];
    const stops = all.filter(stop => stop === document.activeElement || stop === target
        || stop.tabIndex >= 0 && !stop.matches(':disabled') && stop.checkVisibility());
    return stops.indexOf(target) - stops.indexOf(document.activeElement);
})";

impl Browser {
    /// Presses keys one after the other, wherever the focus is.
    ///
    /// # Panics
    /// When the browser does not take them.
    pub async fn keys(&self, keys: &str) {
        self.keys_while(None, keys).await;
    }

    /// The same while a key is held down.
    pub async fn keys_while(&self, held: Option<Key>, keys: &str) {
        let held = held.map(char::from);
        let down = |value| KeyAction::Down { value };
        let up = |value| KeyAction::Up { value };
        let pressed = keys.chars().flat_map(|key| [down(key), up(key)]);
        let all = held.map(down).into_iter().chain(pressed);
        let all = all.chain(held.map(up));
        let keyboard = KeyActions::new("keyboard".to_owned());
        let actions = all.fold(keyboard, InputSource::then);
        let pressing = self.client.perform_actions(actions);
        within("keys being pressed", pressing)
            .await
            .expect("keys are taken");
    }

    /// Waits until it can be seen and used, and goes there with Tab, on or back, as is shorter.
    ///
    /// # Panics
    /// When Tab does not lead there.
    pub async fn reaches(&self, selector: &str) {
        let element = format!("document.querySelector({})", json!(selector));
        let usable =
            "element !== null && element.checkVisibility() && !element.matches(':disabled')";
        self.waits_until(&format!("(element => {usable})({element})"))
            .await;
        for round in 0..ROUNDS {
            let steps: i64 = self.reads(&format!("{STEPS}({element})")).await;
            let several = if round < HASTY_ROUNDS {
                usize::try_from(steps.unsigned_abs()).unwrap_or(1)
            } else {
                1
            };
            let tabs = char::from(Key::Tab).to_string().repeat(several);
            match steps {
                0 => return,
                1.. => self.keys(&tabs).await,
                _ => self.keys_while(Some(Key::Shift), &tabs).await,
            }
        }
        panic!("{selector} cannot be reached with Tab");
    }

    /// Goes to a button and presses Enter.
    pub async fn activates(&self, selector: &str) {
        self.reaches(selector).await;
        self.keys(&char::from(Key::Enter).to_string()).await;
    }

    /// Goes to a field and writes it anew.
    pub async fn writes(&self, selector: &str, text: &str) {
        self.reaches(selector).await;
        self.keys_while(Some(Key::Control), "a").await;
        self.keys(&char::from(Key::Delete).to_string()).await;
        self.keys(text).await;
        self.holds(selector, text).await;
    }

    /// Goes to a list of choices and moves to one with the arrows.
    pub async fn moves_to(&self, selector: &str, value: &str) {
        self.reaches(selector).await;
        let list = format!("document.querySelector({})", json!(selector));
        let way = "(list, value) => [...list.options].findIndex(option => option.value === value) - list.selectedIndex";
        let way: i64 = self
            .reads(&format!("({way})({list}, {})", json!(value)))
            .await;
        let key = if way < 0 { Key::Up } else { Key::Down };
        let steps = usize::try_from(way.unsigned_abs()).unwrap_or(0);
        self.keys(&char::from(key).to_string().repeat(steps)).await;
        self.holds(selector, value).await;
    }

    /// Goes to a box and ticks it with the space bar, or unticks it.
    pub async fn ticks(&self, selector: &str, on: bool) {
        self.reaches(selector).await;
        let is_on = format!("document.querySelector({}).checked", json!(selector));
        if self.asks(&is_on).await != json!(on) {
            self.keys(" ").await;
        }
        self.waits_until(&format!("{is_on} === {on}")).await;
    }

    /// Opens what is folded.
    pub async fn unfolds(&self, details: &str) {
        let is_open = format!("document.querySelector({})?.open", json!(details));
        if self.asks(&is_open).await != json!(true) {
            self.activates(&format!("{details} > summary")).await;
        }
        self.waits_until(&is_open).await;
    }

    async fn holds(&self, selector: &str, value: &str) {
        let field = format!("document.querySelector({}).value", json!(selector));
        self.waits_until(&format!("{field} === {}", json!(value)))
            .await;
    }
}
