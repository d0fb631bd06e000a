//! A person who reads: no text lies over another, and none is cut where nothing scrolls.

use serde_json::json;

use crate::browser::Browser;

/// Finds what cannot be read in a part of the page.
const FIND: &str = include_str!("legible.js");
/// Two frames: the first is drawn by then, and laid out.
const DRAWN: &str = "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done)));";

impl Browser {
    /// Gives the window another inner size, and waits until the page is drawn in it.
    pub async fn resizes(&self, size: (u32, u32)) {
        self.sets_size(size).await;
        let (width, height) = size;
        self.waits_until(&format!(
            "innerWidth === {width} && innerHeight === {height}"
        ))
        .await;
        self.is_drawn().await;
    }

    /// Waits until what has happened so far is drawn.
    ///
    /// # Panics
    /// When no frame comes.
    pub async fn is_drawn(&self) {
        let drawing = self.client.execute_async(DRAWN, Vec::new());
        crate::timeout::within("two frames", drawing)
            .await
            .expect("frames come");
    }

    /// All that cannot be read in a part of the page. `solid` selects further boxes that no text may lie over.
    ///
    /// # Panics
    /// When there is no such part.
    pub async fn illegible(&self, part: &str, solid: &str) -> Vec<String> {
        let found = self.runs(FIND, vec![json!(part), json!(solid)]).await;
        serde_json::from_value(found).expect("a list of findings")
    }
}
