//! Every character's upper case by its UTF-8 bytes, derived from `char::to_uppercase` at first use.

use std::{array, sync::LazyLock};

use super::LONGEST;

/// All pairs of bytes. Most are never asked for and so never in the cache, but no index can be too high.
const PAIRS: usize = 1 << 16;

/// No character from here on has an upper case; the tests look at all of them.
const END_OF_CASE: char = '\u{20000}';

/// How many values a continuation byte has.
const CONTINUATIONS: usize = 0x40;

/// The longest upper case in bytes: `char::to_uppercase` gives three characters at most. Rounded up, to copy well.
pub(super) const LONGEST_UPPER: usize = 16;

/// Derived once, in some two milliseconds.
pub(super) static TABLES: LazyLock<Tables> = LazyLock::new(Tables::derive);

/// One entry by the first two bytes, which is enough for most; by the others, where needed, a page.
#[derive(Debug)]
pub(super) struct Tables {
    pairs: Box<[Pair; PAIRS]>,
    pages: Vec<Page>,
    resized: Vec<Resized>,
}

/// By a character's last byte: its upper case, or for the third of four bytes the page of the fourth.
type Page = [Answer; CONTINUATIONS];

/// What becomes of the first two bytes of a character.
///
/// The low 16 bits are the bytes to write for them, as they lie in memory. The sign says that more is to be looked up, and
/// the bits between are then where: a page by the third byte, or for two-byte characters a [`Resized`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair(i32);

impl Pair {
    fn same(bytes: [u8; 2]) -> Self {
        Self(i32::from(u16::from_le_bytes(bytes)))
    }

    fn look_up(bytes: [u8; 2], place: usize) -> Self {
        let Self(unchanged) = Self::same(bytes);
        // There are some dozens of places; 15 bits are left for them.
        let place = i32::try_from(place).unwrap_or(0) << 16;
        Self(i32::MIN | place | unchanged)
    }

    fn answering(bytes: [u8; 2], answer: Answer) -> Self {
        if answer.is_place() {
            return Self::look_up(bytes, answer.place());
        }
        let [first, second, ..] = answer.0.to_le_bytes();
        Self::same([first, second])
    }

    /// What to write in place of the two bytes, before anything is looked up.
    pub(super) fn bytes(self) -> [u8; 2] {
        let [first, second, ..] = self.0.to_le_bytes();
        [first, second]
    }

    /// All bits set if there is more to look up, none if not.
    pub(super) fn more(self) -> u64 {
        (i64::from(self.0) >> 63).cast_unsigned()
    }

    /// Has more to look up if one of the two has; of no other use.
    pub(super) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn place(self) -> usize {
        let Self(bits) = self;
        ((bits & i32::MAX) >> 16).cast_unsigned() as usize
    }
}

/// One entry of a page: the upper case if that is as long as the character, as it lies in memory. Where the
/// first byte would be 0, the rest is a place: of a [`Resized`], or for the third of four bytes of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Answer(u32);

impl Answer {
    /// The page of characters without case.
    const NO_PAGE: Self = Self(0xFFFF_FF00);

    fn same(upper: &[u8]) -> Self {
        Self(u32::from_le_bytes(array::from_fn(|at| {
            upper.get(at).copied().unwrap_or(0)
        })))
    }

    fn look_up(place: usize) -> Self {
        u32::try_from(place << 8).map_or(Self::NO_PAGE, Self)
    }

    fn place(self) -> usize {
        (self.0 >> 8) as usize
    }

    fn is_place(self) -> bool {
        self.0 & 0xFF == 0
    }
}

/// An upper case longer or shorter than its character.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resized {
    /// The upper case in the first `length` bytes.
    pub(super) bytes: [u8; LONGEST_UPPER],
    /// Bytes of the upper case.
    pub(super) length: usize,
    /// Bytes of the character.
    pub(super) replaces: usize,
}

/// A character's upper case.
#[derive(Clone, Copy, Debug)]
pub(super) enum Upper<'a> {
    /// Not a character, or one without case.
    Unchanged,
    /// As long as the character; the fourth byte is 0 if that has three.
    Same([u8; LONGEST]),
    /// Longer or shorter.
    Resized(&'a Resized),
}

/// A continuation byte of UTF-8: 0x80..=0xBF, the lowest quarter of the signed bytes.
#[inline]
pub(super) fn is_continuation(byte: u8) -> bool {
    byte.cast_signed() < -0x40
}

impl Tables {
    /// What the first two bytes of a character tell.
    #[inline]
    pub(super) fn pair(&self, pair: [u8; 2]) -> Pair {
        self.pairs[index(pair)]
    }

    /// For bytes whose [`Pair`] has more to look up.
    #[inline]
    pub(super) fn look_up(&self, bytes: [u8; LONGEST]) -> Upper<'_> {
        let [first, second, third, fourth] = bytes;
        let place = self.pair([first, second]).place();
        let answer = match first {
            ..0xE0 => Some(Answer::look_up(place)),
            0xE0..0xF0 => self.answer_on(place, third),
            0xF0.. => self
                .answer_on(place, third)
                .and_then(|page| self.answer_on(page.place(), fourth)),
        };
        match answer {
            None => Upper::Unchanged,
            Some(answer) if answer.is_place() => self
                .resized
                .get(answer.place())
                .map_or(Upper::Unchanged, Upper::Resized),
            Some(Answer(bytes)) => Upper::Same(bytes.to_le_bytes()),
        }
    }

    #[inline]
    fn answer_on(&self, page: usize, byte: u8) -> Option<Answer> {
        let page = self.pages.get(page).filter(|_| is_continuation(byte))?;
        Some(page[on_page(byte)])
    }

    fn derive() -> Self {
        let mut tables = Self {
            pairs: Box::new([Pair(0); PAIRS]),
            pages: Vec::new(),
            resized: Vec::new(),
        };
        for (pair, bytes) in tables.pairs.iter_mut().zip(0..=u16::MAX) {
            *pair = Pair::same(bytes.to_be_bytes());
        }
        for character in '\u{80}'..END_OF_CASE {
            if !character.to_uppercase().eq([character]) {
                tables.learn(character);
            }
        }
        tables
    }

    fn learn(&mut self, character: char) {
        let answer = self.answer_for(character);
        match *character.encode_utf8(&mut [0; LONGEST]).as_bytes() {
            [first, second] => {
                self.pairs[index([first, second])] = Pair::answering([first, second], answer)
            }
            [first, second, third] => {
                let page = self.page_for([first, second], |third| {
                    Answer::same(&[first, second, third])
                });
                self.pages[page][on_page(third)] = answer;
            }
            [first, second, third, fourth] => {
                let pages = self.page_for([first, second], |_| Answer::NO_PAGE);
                let mut page = self.pages[pages][on_page(third)];
                if page == Answer::NO_PAGE {
                    page = Answer::look_up(
                        self.new_page(|fourth| Answer::same(&[first, second, third, fourth])),
                    );
                    self.pages[pages][on_page(third)] = page;
                }
                self.pages[page.place()][on_page(fourth)] = answer;
            }
            _ => {}
        }
    }

    fn answer_for(&mut self, character: char) -> Answer {
        let upper: String = character.to_uppercase().collect();
        if upper.len() == character.len_utf8() {
            return Answer::same(upper.as_bytes());
        }
        let bytes = array::from_fn(|at| upper.as_bytes().get(at).copied().unwrap_or(0));
        self.resized.push(Resized {
            bytes,
            length: upper.len(),
            replaces: character.len_utf8(),
        });
        Answer::look_up(self.resized.len() - 1)
    }

    /// The page of the characters that begin so; a new one if these had no case until now.
    fn page_for(&mut self, pair: [u8; 2], unlearned: impl Fn(u8) -> Answer) -> usize {
        if self.pair(pair).more() == 0 {
            self.pairs[index(pair)] = Pair::look_up(pair, self.new_page(unlearned));
        }
        self.pair(pair).place()
    }

    fn new_page(&mut self, unlearned: impl Fn(u8) -> Answer) -> usize {
        let mut page = [Answer::NO_PAGE; CONTINUATIONS];
        for (answer, last) in page.iter_mut().zip(0x80..=0xBF) {
            *answer = unlearned(last);
        }
        self.pages.push(page);
        self.pages.len() - 1
    }
}

#[inline]
fn index(pair: [u8; 2]) -> usize {
    usize::from(u16::from_be_bytes(pair))
}

#[inline]
fn on_page(continuation: u8) -> usize {
    usize::from(continuation) % CONTINUATIONS
}
