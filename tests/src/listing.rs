//! The book's programs line by line in Chromium.

use serde_json::json;

use crate::{browser::Browser, timeout::until};

impl Browser {
    /// Waits until the program of a side is at a line that holds this text, in this way: `next`, `in`, `died`.
    pub async fn sees_line(&self, side: &str, at: &str, text: &str) {
        let line = format!("document.querySelector('#{side}-lines [data-at={at}] code')");
        let text = json!(text);
        self.waits_until(&format!("{line}?.textContent.includes({text}) === true"))
            .await;
    }

    /// Waits until a variable of a side's program has this value.
    pub async fn sees_value(&self, side: &str, name: &str, value: &str) {
        let rows = format!("[...document.querySelectorAll('#{side}-values tr')]");
        let row = format!(
            "{rows}.find(row => row.querySelector('th').textContent === {})",
            json!(name)
        );
        let value = json!(value);
        let holds = format!(
            "{row}?.querySelector('[data-p=value]').textContent.includes({value}) === true"
        );
        self.waits_until(&holds).await;
    }

    /// Presses *Step* until the client's program is before, or in, a line that holds this text.
    ///
    /// # Panics
    /// When it does not come there.
    pub async fn steps_to(&self, text: &str) {
        let line = "document.querySelector('#client-lines :is([data-at=next], [data-at=in]) code')?.textContent ?? ''";
        for _ in 0..20 {
            let before: String = self.reads(line).await;
            if before.contains(text) {
                return;
            }
            self.activates("#listing-step").await;
            let moved = async || (self.reads::<String>(line).await != before).then_some(());
            until("the next line", moved).await;
        }
        panic!("no line holds {text}");
    }
}
