//! What was done at the workbench as a program of its own, in the languages people know: the same calls in the same
//! order, with the addresses of this lab. What failed is there with its errno; what blocked for good, or what the relay
//! would not do, stands as a comment.

mod c;
mod nc;
mod python;
mod rust;

use std::net::SocketAddr;

use shared::{
    call::{Family, Transport},
    data::Data,
    outcome::{Outcome, Returned},
    trace::CallName,
};

use super::{CallRecord, Workbench};
use crate::{i18n::Texts, model::text::visible};

/// A language a program can be read in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ProgramLanguage {
    #[default]
    Python,
    C,
    Rust,
    Nc,
}

impl ProgramLanguage {
    pub(crate) const ALL: [Self; 4] = [Self::Python, Self::C, Self::Rust, Self::Nc];

    /// Its tab's id.
    pub(crate) const fn id(self) -> &'static str {
        match self {
            Self::Python => "equivalent-python",
            Self::C => "equivalent-c",
            Self::Rust => "equivalent-rust",
            Self::Nc => "equivalent-nc",
        }
    }
}

/// One line of what was done.
#[derive(Clone, Debug)]
struct RecordedStep<'a> {
    /// The socket's variable; none for `getaddrinfo`, and for a `socket` that failed.
    socket: String,
    /// Whether its addresses are IPv6.
    v6: bool,
    transport: Transport,
    name: CallName,
    address: Option<SocketAddr>,
    data: &'a [u8],
    number: Option<i64>,
    word: &'a str,
    fate: StepOutcome<'a>,
    /// `settimeout` alone: the socket was told before not to wait at all.
    unblocks: bool,
}

/// How it ended, as far as a program is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
enum StepOutcome<'a> {
    Returned(&'a Returned),
    /// The errno.
    Failed(&'a str),
    /// It blocks still, or until somebody stopped waiting: a program would wait for ever.
    Blocked,
    /// By a rule of the relay's alone: no kernel was asked. The errno.
    Refused(&'a str),
    /// It failed, and this language does not let anybody write it. The errno.
    Unwritable(&'a str),
}

impl RecordedStep<'_> {
    /// Whether a program is to make this call at all.
    const fn is_made(&self) -> bool {
        matches!(self.fate, StepOutcome::Returned(_) | StepOutcome::Failed(_))
    }

    const fn errno(&self) -> Option<&str> {
        if let StepOutcome::Failed(errno) = self.fate {
            Some(errno)
        } else {
            None
        }
    }

    /// What is said beside it.
    fn remark(&self, texts: &Texts) -> Option<String> {
        let (key, errno) = match self.fate {
            StepOutcome::Failed(errno) => ("code.failed", errno),
            StepOutcome::Blocked => ("code.blocked", ""),
            StepOutcome::Refused(errno) => ("code.refused", errno),
            StepOutcome::Unwritable(errno) => ("code.unwritable", errno),
            StepOutcome::Returned(Returned::EndOfStream) => ("code.end_of_stream", ""),
            StepOutcome::Returned(_) => return None,
        };
        Some(texts.fill(key, &[("errno", errno)]))
    }

    /// Whether what it received is text to be printed as such.
    fn brings_text(&self) -> bool {
        if let StepOutcome::Returned(Returned::Chunk { data } | Returned::Datagram { data, .. }) =
            self.fate
        {
            data.as_text().is_some()
        } else {
            true
        }
    }

    /// Bytes a receive takes at most.
    fn size(&self) -> i64 {
        self.number.unwrap_or_default()
    }
}

/// The program in one language; empty where nothing was done yet.
pub(crate) fn write(bench: &Workbench, language: ProgramLanguage, texts: &Texts) -> String {
    let steps = steps(bench);
    if steps.is_empty() {
        return String::new();
    }
    match language {
        ProgramLanguage::Python => python::write(&steps, texts),
        ProgramLanguage::C => c::write(&steps, texts),
        ProgramLanguage::Rust => rust::write(&steps, texts),
        ProgramLanguage::Nc => nc::write(&steps, texts),
    }
}

fn steps(bench: &Workbench) -> Vec<RecordedStep<'_>> {
    let mut steps: Vec<RecordedStep<'_>> =
        bench.calls.iter().map(|made| step(made, bench)).collect();
    let mut hasty: Vec<String> = Vec::new();
    for step in &mut steps {
        if step.name == CallName::SetTimeout && step.is_made() {
            step.unblocks = hasty.contains(&step.socket);
            hasty.retain(|socket| *socket != step.socket);
            if step.number == Some(0) {
                hasty.push(step.socket.clone());
            }
        }
    }
    steps
}

fn step<'a>(made: &'a CallRecord, bench: &'a Workbench) -> RecordedStep<'a> {
    let card = made.card.and_then(|key| bench.card(key));
    let CallRecord { arguments, .. } = made;
    let fate = match &made.end {
        Some((Outcome::Returned(returned), _)) => StepOutcome::Returned(returned),
        Some((Outcome::Failed(failed), _)) if failed.errno == "ECANCELED" => StepOutcome::Blocked,
        Some((Outcome::Failed(failed), _)) if made.is_refused() => {
            StepOutcome::Refused(&failed.errno)
        }
        Some((Outcome::Failed(failed), _)) => StepOutcome::Failed(&failed.errno),
        None => StepOutcome::Blocked,
    };
    RecordedStep {
        socket: variable(made, bench),
        v6: made.family.or(card.map(|card| card.family)) == Some(Family::Inet6),
        transport: made.transport,
        name: made.name,
        address: arguments.address,
        data: arguments.data.as_ref().map_or(&[], |Data(bytes)| bytes),
        number: arguments.number,
        word: arguments.word.as_deref().unwrap_or_default(),
        fate,
        unblocks: false,
    }
}

/// `s3`, after the socket's number; `s3b` where that number is used a second time.
fn variable(made: &CallRecord, bench: &Workbench) -> String {
    let fd = |key| bench.made_socket(key);
    let Some(key) = made.card else {
        return "s".to_owned();
    };
    let Some(number) = fd(key) else {
        return made
            .fd
            .map_or_else(|| "s".to_owned(), |fd| format!("s{fd}"));
    };
    let earlier = (1..key).filter(|other| fd(*other) == Some(number)).count();
    let nth = u8::try_from(earlier).unwrap_or(u8::MAX);
    match nth {
        0 => format!("s{number}"),
        1..=25 => format!("s{number}{}", char::from(b'a' + nth)),
        _ => format!("s{number}_{earlier}"),
    }
}

impl Workbench {
    /// The number of the socket with this key, as far as its making is remembered.
    fn made_socket(&self, key: u64) -> Option<u32> {
        let made = self
            .calls_on(key)
            .find(|made| made.name == CallName::Socket)?;
        match made.end {
            Some((Outcome::Returned(Returned::Socket { fd }), _)) => Some(fd),
            Some(_) | None => None,
        }
    }
}

/// A byte as a language writes it in a text that is quoted; none where it stands for itself.
fn quoted(bytes: &[u8], escape: impl Fn(u8) -> String) -> String {
    let mut text = String::with_capacity(bytes.len() + 2);
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match u8::try_from(character) {
                Ok(byte) if byte.is_ascii_graphic() || byte == b' ' => match byte {
                    b'"' | b'\\' | b'\'' | b'%' | b'?' => text.push_str(&escape(byte)),
                    _ => text.push(character),
                },
                Ok(byte) if byte.is_ascii() => text.push_str(&escape(byte)),
                _ if visible::is_unseen(character) => {
                    let mut bytes = [0; 4];
                    let bytes = character.encode_utf8(&mut bytes).bytes();
                    bytes.for_each(|byte| text.push_str(&escape(byte)));
                }
                _ => text.push(character),
            }
        }
        chunk
            .invalid()
            .iter()
            .for_each(|byte| text.push_str(&escape(*byte)));
    }
    text
}

/// `\xff`
fn hex_escape(byte: u8) -> String {
    format!("\\x{byte:02x}")
}

/// `\377`
fn octal_escape(byte: u8) -> String {
    format!("\\{byte:03o}")
}

/// Seconds with three digits of a fraction, from milliseconds.
fn seconds(milliseconds: i64) -> String {
    format!("{}.{:03}", milliseconds / 1_000, milliseconds % 1_000)
}

/// Whether a program makes one of these calls.
fn uses(steps: &[RecordedStep<'_>], names: &[CallName]) -> bool {
    let mut made = steps.iter().filter(|step| step.is_made());
    made.any(|step| names.contains(&step.name))
}

/// `b"hello"`; readable text beyond ASCII as a literal of text, followed by the call that gives its bytes.
fn bytes_literal(bytes: &[u8], quote: char, encode: &str, escape: fn(u8) -> String) -> String {
    let readable = |text: &str| !text.chars().any(|c| visible::is_unseen(c) && !c.is_ascii());
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.is_ascii() && readable(text) => {
            format!("{quote}{}{quote}{encode}", quoted(bytes, escape))
        }
        Ok(_) | Err(_) => {
            let bytes = bytes.iter().map(|byte| quoted(&[*byte], escape));
            format!("b{quote}{}{quote}", bytes.collect::<String>())
        }
    }
}

#[cfg(test)]
mod tests;
