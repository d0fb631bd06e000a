//! The ladder, the packets and the files of the page in Chromium.

use fantoccini::{Locator, key::Key};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;

use crate::{browser::Browser, folder::Folder, timeout::until};

/// A row of the packet table as text.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PacketRow {
    /// The number of its event.
    pub seq: String,
    /// The protocol, as filters name it.
    pub protocol: String,
    /// `captured` or `derived`.
    pub truth: String,
    /// Its position in the table from 1.
    pub place: usize,
    /// The cells by their names.
    pub cells: std::collections::BTreeMap<String, String>,
}

impl PacketRow {
    /// The text of a cell.
    #[must_use]
    pub fn cell(&self, name: &str) -> &str {
        &self.cells[name]
    }
}

/// A line of a dissected packet.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Line {
    /// The field's key.
    pub field: String,
    /// The source of the fact, as in the markup.
    pub source: String,
    /// The same in words.
    pub said: String,
    /// The field's label.
    pub name: String,
    /// Its value.
    pub value: String,
    /// The value in the bytes, if it differs.
    pub raw: String,
}

/// An arrow of the ladder.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Arrow {
    /// `captured` or `derived`.
    pub truth: String,
    /// The call it belongs to; empty where none is known.
    pub call: String,
    /// The number of its event; empty where it has none.
    pub seq: String,
    /// Its label.
    pub label: String,
    /// Whether it is selected.
    pub selected: bool,
}

/// A downloaded file.
#[derive(Debug)]
pub struct Download {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

const ROW: &str = "(row => row && ({ seq: row.dataset.seq, protocol: row.dataset.protocol, \
    truth: row.dataset.source, place: Number(row.ariaRowIndex) - 1, \
    cells: Object.fromEntries([...row.querySelectorAll('[data-p]')].map(cell => [cell.dataset.p, cell.textContent])) }))";

const LINES: &str = "[...document.querySelectorAll('#packet-detail [data-field]')].map(line => { \
    const part = name => line.querySelector(`[data-p=${name}]`).textContent; \
    return { field: line.dataset.field, source: line.dataset.source, said: part('source'), name: part('name'), \
    value: part('value'), raw: part('raw') } })";

const ARROWS: &str = "[...document.querySelectorAll('#arrows g[data-truth]')].map(arrow => ({ \
    truth: arrow.dataset.truth, call: arrow.dataset.id, seq: arrow.dataset.seq, label: arrow.textContent, \
    selected: 'selected' in arrow.dataset }))";

impl Browser {
    /// The ladder's arrows, from top to bottom.
    pub async fn arrows(&self) -> Vec<Arrow> {
        self.reads(ARROWS).await
    }

    /// The selected packet of the table, if its row is visible.
    pub async fn packet(&self) -> Option<PacketRow> {
        let row = "document.querySelector('#packets [data-seq][aria-selected=true]:not([hidden])')";
        self.reads(&format!("{ROW}({row})")).await
    }

    /// Opens the packets; a hidden pane is not drawn.
    pub async fn opens_packets(&self) {
        self.clicks("#packets-tab").await;
        self.sees("#packets-panel:not([hidden])").await;
    }

    /// Opens the list of calls.
    pub async fn opens_calls(&self) {
        self.clicks("#calls-tab").await;
        self.sees("#calls-panel:not([hidden])").await;
    }

    /// The number of rows of the packet table.
    pub async fn packet_count(&self) -> usize {
        let count = "document.getElementById('packets').hidden ? 0 : \
                     Number(document.getElementById('packets').ariaRowCount) - 1";
        self.reads(count).await
    }

    /// Walks through the table by keyboard from the first row to the last, and reads each packet.
    pub async fn walks_through_packets(&self) -> Vec<(PacketRow, Vec<Line>)> {
        let count = self.packet_count().await;
        if count > 0 {
            // A table that is not yet drawn takes no focus.
            let focused = "(table => (table.focus(), document.activeElement === table))\
                (document.getElementById('packets'))";
            self.waits_until(focused).await;
        }
        let mut all = Vec::new();
        for place in 1..=count {
            let key = if place == 1 { Key::Home } else { Key::Down };
            self.presses(&char::from(key).to_string()).await;
            let there = async || self.packet().await.filter(|row| row.place == place);
            let row = until(&format!("row {place}"), there).await;
            all.push((row, self.lines().await));
        }
        all
    }

    /// The rows of the table, as [`Self::walks_through_packets`] reads them.
    pub async fn packets(&self) -> Vec<PacketRow> {
        let all = self.walks_through_packets().await.into_iter();
        all.map(|(row, _)| row).collect()
    }

    /// The selected packet, field by field.
    pub async fn lines(&self) -> Vec<Line> {
        self.reads(LINES).await
    }

    /// Replaces the filter.
    pub async fn filters(&self, filter: &str) {
        self.clicks("#filter").await;
        let [control, released] = [Key::Control, Key::Null].map(char::from);
        let anew = format!("{control}a{released}{}", char::from(Key::Delete));
        self.presses(&format!("{anew}{filter}")).await;
        self.waits_until(&format!(
            "document.getElementById('filter').value === {}",
            json!(filter)
        ))
        .await;
    }

    /// Clicks a download button, and returns the file.
    pub async fn downloads_file(&self, button: &str) -> Download {
        let before = self.downloads.names();
        self.clicks(button).await;
        // While it comes, its place is held by an empty file of that name, beside the one that grows.
        let come = async || {
            let mut names = self.downloads.names().into_iter();
            let name = names.find(|name| {
                !before.contains(name) && !name.starts_with('.') && !name.ends_with(".crdownload")
            })?;
            let bytes = std::fs::read(self.downloads.path().join(&name)).ok()?;
            (!bytes.is_empty()).then_some((name, bytes))
        };
        let (name, bytes) = until(&format!("a file by {button}"), come).await;
        Download { name, bytes }
    }

    /// Downloads a capture file; `button` chooses the format.
    pub async fn downloads_capture(&self, button: &str) -> Download {
        self.clicks("#export-pcapng").await;
        self.downloads_file(button).await
    }

    /// Chooses a file to be opened.
    ///
    /// # Panics
    /// When there is nowhere to choose one.
    pub async fn opens_file(&self, folder: &Folder, name: &str) {
        let path = folder.path().join(name);
        let field = self.client.find(Locator::Css("#open-file")).await;
        let field = field.expect("a field for files");
        let path = path.to_str().expect("a readable path");
        field.send_keys(path).await.expect("it takes a file");
    }

    /// The value of an expression on the page.
    ///
    /// # Panics
    /// When that is something else.
    pub async fn reads<T: DeserializeOwned>(&self, expression: &str) -> T {
        let value = self.asks(expression).await;
        serde_json::from_value(value.clone())
            .unwrap_or_else(|error| panic!("{expression:.80}: {error}: {value}"))
    }
}
