//! What the servers do with a sentence. Pure.

use std::{fmt, str::Utf8Error};

use shared::{lab::Task, udp::MAX_PAYLOAD_BYTES};

use super::uppercase::{UppercaseStream, append_uppercase};

/// The robust servers' answer to a whole sentence.
#[must_use]
pub fn answer(task: Task, sentence: &[u8]) -> Vec<u8> {
    let mut answer = Vec::with_capacity(sentence.len());
    append_answer(task, sentence, &mut answer);
    answer
}

fn append_answer(task: Task, sentence: &[u8], answers: &mut Vec<u8>) {
    match task {
        Task::Upper => append_uppercase(sentence, answers),
        Task::Count(letter) => answers.extend(count(letter, sentence).to_string().into_bytes()),
        Task::Reverse => answers.extend(reverse(sentence)),
        Task::Echo => answers.extend(sentence),
    }
}

/// The same, held to what one datagram can carry: what does not fit is said instead.
#[must_use]
pub fn datagram_answer(task: Task, sentence: &[u8]) -> Vec<u8> {
    let mut answer = Vec::with_capacity(sentence.len());
    append_datagram_answer(task, sentence, &mut answer);
    answer
}

/// The same behind others.
pub fn append_datagram_answer(task: Task, sentence: &[u8], answers: &mut Vec<u8>) {
    let before = answers.len();
    append_answer(task, sentence, answers);
    let length = answers.len() - before;
    if length > MAX_PAYLOAD_BYTES {
        answers.truncate(before);
        let why = format!(
            "[the answer has {length} bytes; one datagram holds at most {MAX_PAYLOAD_BYTES}]"
        );
        answers.extend(why.into_bytes());
    }
}

/// Character by character from the end; what is no character stays where its turn comes, byte by byte.
fn reverse(sentence: &[u8]) -> Vec<u8> {
    let mut answer = Vec::with_capacity(sentence.len());
    for part in sentence.utf8_chunks().collect::<Vec<_>>().iter().rev() {
        answer.extend(part.invalid().iter().rev());
        answer.extend(part.valid().chars().rev().collect::<String>().as_bytes());
    }
    answer
}

/// How often the letter is in the sentence, in either case.
fn count(letter: char, sentence: &[u8]) -> usize {
    let same = |other: char| other == letter || other.to_lowercase().eq(letter.to_lowercase());
    String::from_utf8_lossy(sentence)
        .chars()
        .filter(|other| same(*other))
        .count()
}

/// The robust TCP server's answers to one connection, chunk by chunk.
#[derive(Debug)]
pub struct Stream {
    task: Task,
    uppercase: UppercaseStream,
}

impl Stream {
    /// At the start of a connection.
    #[must_use]
    pub fn new(task: Task) -> Self {
        Self {
            task,
            uppercase: UppercaseStream::default(),
        }
    }

    /// Answers what has come. A count has a line of its own: in a stream nothing else tells one from the next.
    #[must_use]
    pub fn answer(&mut self, chunk: &[u8]) -> Vec<u8> {
        match self.task {
            Task::Upper => {
                let mut answer = Vec::with_capacity(chunk.len() + 3);
                self.uppercase.push(chunk, &mut answer);
                answer
            }
            Task::Count(letter) => format!("{}\n", count(letter, chunk)).into_bytes(),
            Task::Reverse | Task::Echo => answer(self.task, chunk),
        }
    }

    /// The client will send no more: answers what was kept of a character that was cut.
    #[must_use]
    pub fn end(&mut self) -> Vec<u8> {
        let mut answer = Vec::new();
        self.uppercase.finish(&mut answer);
        answer
    }
}

/// Why the book's program cannot go on with a sentence.
#[derive(Debug, PartialEq, Eq)]
pub struct NotText(Utf8Error);

impl fmt::Display for NotText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.0.error_len().is_some() {
            "an invalid byte"
        } else {
            "an unfinished character"
        };
        write!(
            f,
            "decode: not UTF-8, {what} at position {}",
            self.0.valid_up_to()
        )
    }
}

/// The book's programs decode first, and die of what is no text.
///
/// # Errors
/// [`NotText`], where Python's `decode` raises `UnicodeDecodeError`.
pub fn book_answer(task: Task, sentence: &[u8]) -> Result<Vec<u8>, NotText> {
    std::str::from_utf8(sentence).map_err(NotText)?;
    Ok(answer(task, sentence))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_reversed_by_characters_and_echoed_as_it_is() {
        assert_eq!(
            answer(Task::Reverse, "ab 世界".as_bytes()),
            "界世 ba".as_bytes()
        );
        assert_eq!(answer(Task::Reverse, b"a\xff\xfeb"), b"b\xfe\xffa");
        assert_eq!(answer(Task::Echo, b"a\xff"), b"a\xff");
    }

    #[test]
    fn sentences_come_back_in_upper_case() {
        let answer = answer(Task::Upper, "hello 世界 straße".as_bytes());
        assert_eq!(answer, "HELLO 世界 STRASSE".as_bytes());
    }

    #[test]
    fn what_is_not_utf8_is_upper_cased_as_ascii() {
        assert_eq!(answer(Task::Upper, b"abc\xffdef"), b"ABC\xffDEF");
    }

    #[test]
    fn letters_are_counted_in_either_case() {
        assert_eq!(answer(Task::Count('s'), b"Some sentences"), b"3");
        assert_eq!(answer(Task::Count('S'), b""), b"0");
        assert_eq!(answer(Task::Count('ä'), "Ähnlich ä".as_bytes()), b"2");
    }

    #[test]
    fn an_answer_too_long_for_a_datagram_says_so() {
        let grows = "ΐ".repeat(MAX_PAYLOAD_BYTES / 2);
        let answer = datagram_answer(Task::Upper, grows.as_bytes());
        assert!(
            answer.starts_with(b"[the answer has 196518 bytes"),
            "{}",
            String::from_utf8_lossy(&answer)
        );
    }

    #[test]
    fn a_character_cut_by_a_chunk_border_is_kept() {
        let mut stream = Stream::new(Task::Upper);
        let text = "für".as_bytes();
        let mut out = stream.answer(&text[..2]);
        assert_eq!(out, b"F");
        out.extend(stream.answer(&text[2..]));
        assert_eq!(out, "FÜR".as_bytes());
        assert_eq!(stream.answer(b"\xc3"), b"");
        assert_eq!(stream.end(), b"\xc3");
    }

    #[test]
    fn the_book_dies_of_what_is_no_text() {
        let why = book_answer(Task::Upper, b"ab\xff")
            .expect_err("no text")
            .to_string();
        assert_eq!(why, "decode: not UTF-8, an invalid byte at position 2");
        let why = book_answer(Task::Upper, b"ab\xc3")
            .expect_err("no text")
            .to_string();
        assert_eq!(
            why,
            "decode: not UTF-8, an unfinished character at position 2"
        );
    }
}
