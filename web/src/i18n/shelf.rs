//! The files with the page's words. They are fetched when they are wanted, and kept for good.

use std::cell::RefCell;

use super::Language;

/// A file of words in one language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextFile {
    /// All that the page itself says.
    Words(Language),
    /// What the fields of packets and calls mean.
    Fields(Language),
    /// The cards, in both languages: they are no words by their keys, and go to the model.
    Cards,
}

impl TextFile {
    /// Those with words.
    pub(crate) const ALL: [Self; 4] = [
        Self::Words(Language::English),
        Self::Words(Language::Chinese),
        Self::Fields(Language::English),
        Self::Fields(Language::Chinese),
    ];

    /// Its name as seen from `www/`; `start.js` knows where it is served.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Words(Language::English) => "text/en.json",
            Self::Words(Language::Chinese) => "text/zh.json",
            Self::Fields(Language::English) => "text/fields.en.json",
            Self::Fields(Language::Chinese) => "text/fields.zh.json",
            Self::Cards => "deck.json",
        }
    }
}

thread_local! {
    static SHELF: RefCell<Vec<(TextFile, &'static str)>> = const { RefCell::new(Vec::new()) };
}

/// Keeps what was fetched under this name.
pub(crate) fn keep(name: &str, text: String) {
    let named = TextFile::ALL.into_iter().find(|file| file.name() == name);
    if let Some(file) = named.filter(|file| read(*file).is_none()) {
        SHELF.with_borrow_mut(|shelf| shelf.push((file, text.leak())));
    }
}

/// What stands in it, once it has come.
pub(crate) fn read(file: TextFile) -> Option<&'static str> {
    let kept = SHELF.with_borrow(|shelf| {
        let found = shelf.iter().find(|(kept, _)| *kept == file);
        found.map(|(_, text)| *text)
    });
    kept.or_else(|| beside(file))
}

/// Nobody has to fetch what lies beside the tests.
#[cfg(test)]
const fn beside(file: TextFile) -> Option<&'static str> {
    Some(match file {
        TextFile::Cards => return None,
        TextFile::Words(Language::English) => include_str!("../../../www/text/en.json"),
        TextFile::Words(Language::Chinese) => include_str!("../../../www/text/zh.json"),
        TextFile::Fields(Language::English) => include_str!("../../../www/text/fields.en.json"),
        TextFile::Fields(Language::Chinese) => include_str!("../../../www/text/fields.zh.json"),
    })
}

#[cfg(not(test))]
const fn beside(_: TextFile) -> Option<&'static str> {
    None
}
