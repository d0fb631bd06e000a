//! The files with the page's words, and the programs it shows. They are fetched when they are wanted, and kept for good.

use std::cell::RefCell;

use shared::call::Transport;

use super::Language;
use crate::model::{panes::listing::Program, trace::log::Side};

/// A file of words in one language, or a program, which is the same in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextFile {
    /// All that the page itself says.
    Words(Language),
    /// What the fields of packets and calls mean.
    Fields(Language),
    /// What the lines of the programs do.
    Lines(Language),
    /// One of the book's programs.
    Program(Program),
    /// The cards, in both languages: they are no words by their keys, and go to the model.
    Cards,
}

impl TextFile {
    /// All with words.
    pub(crate) const WORDS: [Self; 6] = [
        Self::Words(Language::English),
        Self::Words(Language::Chinese),
        Self::Fields(Language::English),
        Self::Fields(Language::Chinese),
        Self::Lines(Language::English),
        Self::Lines(Language::Chinese),
    ];

    /// Its name as seen from `www/`; `start.js` knows where it is served.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Words(Language::English) => "text/en.json",
            Self::Words(Language::Chinese) => "text/zh.json",
            Self::Fields(Language::English) => "text/fields.en.json",
            Self::Fields(Language::Chinese) => "text/fields.zh.json",
            Self::Lines(Language::English) => "text/lines.en.json",
            Self::Lines(Language::Chinese) => "text/lines.zh.json",
            Self::Program(program) => match (program.transport, program.side) {
                (Transport::Udp, Side::Client) => "programs/UDPClient.py",
                (Transport::Udp, Side::Server) => "programs/UDPServer.py",
                (Transport::Tcp, Side::Client) => "programs/TCPClient.py",
                (Transport::Tcp, Side::Server) => "programs/TCPServer.py",
            },
            Self::Cards => "deck.json",
        }
    }
}

thread_local! {
    static SHELF: RefCell<Vec<(TextFile, &'static str)>> = const { RefCell::new(Vec::new()) };
}

/// Keeps what was fetched under this name.
pub(crate) fn keep(name: &str, text: String) {
    let of = |transport| [Side::Client, Side::Server].map(|side| Program { transport, side });
    let programs = Transport::ALL
        .into_iter()
        .flat_map(of)
        .map(TextFile::Program);
    let mut all = TextFile::WORDS.into_iter().chain(programs);
    let named = all.find(|file| file.name() == name);
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
        TextFile::Lines(Language::English) => include_str!("../../../www/text/lines.en.json"),
        TextFile::Lines(Language::Chinese) => include_str!("../../../www/text/lines.zh.json"),
        TextFile::Program(program) => match (program.transport, program.side) {
            (Transport::Udp, Side::Client) => include_str!("../../../www/programs/UDPClient.py"),
            (Transport::Udp, Side::Server) => include_str!("../../../www/programs/UDPServer.py"),
            (Transport::Tcp, Side::Client) => include_str!("../../../www/programs/TCPClient.py"),
            (Transport::Tcp, Side::Server) => include_str!("../../../www/programs/TCPServer.py"),
        },
    })
}

#[cfg(not(test))]
const fn beside(_: TextFile) -> Option<&'static str> {
    None
}
