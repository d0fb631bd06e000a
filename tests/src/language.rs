//! The page's two languages, as its own text files have them.

use std::collections::HashMap;

/// One of them.
#[derive(Debug)]
pub struct Language {
    /// What a browser asks for to get it.
    pub wanted: &'static str,
    texts: HashMap<String, String>,
    fields: HashMap<String, String>,
}

impl Language {
    /// English and Chinese.
    #[must_use]
    pub fn both() -> [Self; 2] {
        [
            Self {
                wanted: "en-US,en",
                texts: read(include_str!("../../www/text/en.json")),
                fields: read(include_str!("../../www/text/fields.en.json")),
            },
            Self {
                wanted: "zh-CN,zh",
                texts: read(include_str!("../../www/text/zh.json")),
                fields: read(include_str!("../../www/text/fields.zh.json")),
            },
        ]
    }

    /// A text of the page.
    ///
    /// # Panics
    /// When there is none of this key.
    #[must_use]
    pub fn text(&self, key: &str) -> &str {
        self.texts
            .get(key)
            .unwrap_or_else(|| panic!("no text {key}"))
    }

    /// A text of the page with its gaps filled.
    #[must_use]
    pub fn fills(&self, key: &str, gaps: &[(&str, &str)]) -> String {
        let fill = |text: String, (name, value): &(&str, &str)| {
            text.replace(&format!("{{{name}}}"), value)
        };
        gaps.iter().fold(self.text(key).to_owned(), fill)
    }

    /// The sentence about a field.
    ///
    /// # Panics
    /// When it has none.
    #[must_use]
    pub fn field_meaning(&self, field: &str) -> &str {
        self.fields
            .get(field)
            .unwrap_or_else(|| panic!("nothing about {field}"))
    }
}

fn read(json: &str) -> HashMap<String, String> {
    serde_json::from_str(json).expect("texts by their keys")
}
