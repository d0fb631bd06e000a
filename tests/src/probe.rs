//! How quick a page is: by the browser's own clocks, asked over the DevTools protocol.

use std::time::Duration;

use serde_json::{Value, json};

use crate::browser::Browser;

/// Notes when a sentence can be sent. It is there before the page's own scripts are.
const NOTE_READY: &str = "new MutationObserver((_, observer) => {
    if (document.documentElement?.dataset.ready) {
        window.readyAt = performance.now();
        observer.disconnect();
    }
}).observe(document, { subtree: true, childList: true, attributes: true });";

/// What came with the first view: the document, and all style and code that had been fetched by the time it could be
/// used; its words, which are of one language or the other, apart.
const LOAD: &str = "(() => {
    const came = performance.getEntriesByType('resource').filter(entry =>
        entry.startTime <= window.readyAt && /\\.(js|css|wasm)$/.test(new URL(entry.name).pathname));
    const all = came.concat(performance.getEntriesByType('navigation'));
    return {
        painted: performance.getEntriesByName('first-contentful-paint')[0].startTime,
        ready: window.readyAt,
        bytes: all.reduce((sum, entry) => sum + entry.encodedBodySize, 0),
    };
})()";

/// Counts frames from now on.
const BEGIN_FRAMES: &str = "(() => {
    window.frames_ms = [];
    let last = performance.now();
    const tick = now => {
        window.frames_ms.push(now - last);
        last = now;
        window.frame_to_come = requestAnimationFrame(tick);
    };
    window.frame_to_come = requestAnimationFrame(tick);
    return true;
})()";

/// The first one began before it was asked for.
const END_FRAMES: &str = "(cancelAnimationFrame(window.frame_to_come), window.frames_ms.slice(1))";

/// How a page came up that nothing was known of.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Milliseconds until its first content was to be seen.
    pub painted_ms: f64,
    /// Milliseconds until a sentence could be sent.
    pub ready_ms: f64,
    /// Bytes that crossed for it, words apart: bodies only, as they were compressed.
    pub bytes: u64,
}

impl Browser {
    /// Loads the page as for the first time: nothing of it is kept from before.
    ///
    /// # Panics
    /// When it does not become ready.
    pub async fn loads_cold(&self, url: &str) -> Load {
        let note = json!({ "source": NOTE_READY });
        self.sets("Page.addScriptToEvaluateOnNewDocument", note)
            .await;
        self.sets("Network.clearBrowserCache", json!({})).await;
        self.visits(url).await;
        self.waits_until("performance.getEntriesByName('first-contentful-paint').length > 0")
            .await;
        let load = self.asks(LOAD).await;
        Load {
            painted_ms: number(&load["painted"]),
            ready_ms: number(&load["ready"]),
            bytes: load["bytes"].as_u64().unwrap_or_default(),
        }
    }

    /// How long each frame took for a while, in milliseconds.
    pub async fn frames(&self, time: Duration) -> Vec<f64> {
        self.asks(BEGIN_FRAMES).await;
        tokio::time::sleep(time).await;
        let frames = self.asks(END_FRAMES).await;
        frames
            .as_array()
            .into_iter()
            .flatten()
            .map(number)
            .collect()
    }

    /// Bytes of the page's own memory that are in use, after what nobody needs was thrown away.
    pub async fn heap_bytes(&self) -> f64 {
        self.sets("HeapProfiler.collectGarbage", json!({})).await;
        number(&self.asks("performance.memory.usedJSHeapSize").await)
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}
