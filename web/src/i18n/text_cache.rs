//! The files of texts, and the programs the page shows. Each is fetched when it is first needed, and never freed.

use std::cell::RefCell;

use super::Language;

/// A file of texts in one language, or one that is the same in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextFile {
    /// The page's own texts.
    Words(Language),
    /// The meanings of the fields of packets and calls.
    Fields(Language),
    /// What the lines of the programs do.
    Lines(Language),
    /// One of the book's programs, by its path such as `programs/UDPClient.py`.
    Program(&'static str),
    /// The cards, in both languages. The model reads them, this room does not.
    Cards,
}

impl TextFile {
    /// All that a language consists of.
    pub(crate) const WORDS: [Self; 6] = [
        Self::Words(Language::English),
        Self::Words(Language::Chinese),
        Self::Fields(Language::English),
        Self::Fields(Language::Chinese),
        Self::Lines(Language::English),
        Self::Lines(Language::Chinese),
    ];

    /// Its path below `www/`, by which `start.js` fetches it.
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Words(Language::English) => "text/en.json",
            Self::Words(Language::Chinese) => "text/zh.json",
            Self::Fields(Language::English) => "text/fields.en.json",
            Self::Fields(Language::Chinese) => "text/fields.zh.json",
            Self::Lines(Language::English) => "text/lines.en.json",
            Self::Lines(Language::Chinese) => "text/lines.zh.json",
            Self::Program(path) => path,
            Self::Cards => "deck.json",
        }
    }
}

thread_local! {
    /// The files by their paths.
    static LOADED: RefCell<Vec<(String, &'static str)>> = const { RefCell::new(Vec::new()) };
}

/// Adds a file that was fetched; one that is there already stays.
pub(crate) fn add(path: &str, text: String) {
    LOADED.with_borrow_mut(|loaded| {
        if loaded.iter().all(|(known, _)| known != path) {
            loaded.push((path.to_owned(), text.leak()));
        }
    });
}

/// The text of a file, once it is loaded.
pub(crate) fn read(file: TextFile) -> Option<&'static str> {
    let loaded = LOADED.with_borrow(|loaded| {
        let found = loaded.iter().find(|(known, _)| known == file.path());
        found.map(|(_, text)| *text)
    });
    loaded.or_else(|| built_in(file))
}

/// The files that tests read without fetching them.
#[cfg(test)]
fn built_in(file: TextFile) -> Option<&'static str> {
    Some(match file.path() {
        "text/en.json" => include_str!("../../../www/text/en.json"),
        "text/zh.json" => include_str!("../../../www/text/zh.json"),
        "text/fields.en.json" => include_str!("../../../www/text/fields.en.json"),
        "text/fields.zh.json" => include_str!("../../../www/text/fields.zh.json"),
        "text/lines.en.json" => include_str!("../../../www/text/lines.en.json"),
        "text/lines.zh.json" => include_str!("../../../www/text/lines.zh.json"),
        "programs/UDPClient.py" => include_str!("../../../www/programs/UDPClient.py"),
        "programs/UDPServer.py" => include_str!("../../../www/programs/UDPServer.py"),
        "programs/TCPClient.py" => include_str!("../../../www/programs/TCPClient.py"),
        "programs/TCPServer.py" => include_str!("../../../www/programs/TCPServer.py"),
        _ => return None,
    })
}

#[cfg(not(test))]
const fn built_in(_: TextFile) -> Option<&'static str> {
    None
}
