//! The page's texts in both languages. Names of calls, errnos and addresses are not translated, and not here.

pub(crate) mod fields;
pub(crate) mod lines;
mod text_cache;

pub(crate) use text_cache::{TextFile, add, read};

/// A language of the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Language {
    /// English.
    #[default]
    English,
    /// 简体中文.
    Chinese,
}

impl Language {
    /// Its tag for the `lang` attribute.
    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-CN",
        }
    }

    /// The language of a tag such as `zh-Hans-SG`, if the page has it.
    pub(crate) fn of_tag(tag: &str) -> Option<Self> {
        match tag.split('-').next()?.to_ascii_lowercase().as_str() {
            "en" => Some(Self::English),
            "zh" => Some(Self::Chinese),
            _ => None,
        }
    }

    /// The first of these tags' languages that the page has, else English.
    pub(crate) fn choose<'a>(tags: impl IntoIterator<Item = &'a str>) -> Self {
        tags.into_iter().find_map(Self::of_tag).unwrap_or_default()
    }

    /// The other one.
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::English => Self::Chinese,
            Self::Chinese => Self::English,
        }
    }
}

/// The texts of one language by their keys.
#[derive(Debug)]
pub(crate) struct Texts {
    /// The language.
    pub(crate) language: Language,
    /// Sorted by key.
    texts: Vec<(&'static str, &'static str)>,
}

impl Texts {
    /// The texts of the language; empty before they are loaded.
    pub(crate) fn new(language: Language) -> Self {
        let source = read(TextFile::Words(language)).unwrap_or_default();
        let mut new = Self {
            language,
            texts: Vec::new(),
        };
        // Inserted one by one: a sort would make the first part larger.
        for (key, text) in source.lines().filter_map(entry) {
            if let Err(at) = new.position(key) {
                new.texts.insert(at, (key, text));
            }
        }
        new
    }

    /// The text of a key; the key itself if it has none, so that the lack is visible.
    pub(crate) fn get<'a>(&self, key: &'a str) -> &'a str {
        self.position(key).map_or(key, |at| self.texts[at].1)
    }

    /// The index of a key, or where to insert it.
    fn position(&self, key: &str) -> Result<usize, usize> {
        self.texts.binary_search_by(|(known, _)| (*known).cmp(key))
    }

    /// The text of a key, or an empty text.
    pub(crate) fn get_if<'a>(&self, condition: bool, key: &'a str) -> &'a str {
        if condition { self.get(key) } else { "" }
    }

    /// The text of a key with its `{gaps}` filled from `values`.
    pub(crate) fn fill(&self, key: &str, values: &[(&str, &str)]) -> String {
        let mut filled = String::new();
        let mut rest = self.get(key);
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else {
                break;
            };
            filled.push_str(before);
            filled.push_str(
                values
                    .iter()
                    .find(|(known, _)| *known == name)
                    .map_or(name, |(_, value)| value),
            );
            rest = after;
        }
        filled + rest
    }

    /// A number with the text for one or for many.
    pub(crate) fn number(&self, one: &str, many: &str, number: usize) -> String {
        self.fill(
            if number == 1 { one } else { many },
            &[("n", &number.to_string())],
        )
    }
}

/// The key and text of a line `"key": "text",`. The texts need no escapes, which the tests check.
fn entry(line: &'static str) -> Option<(&'static str, &'static str)> {
    line.trim()
        .trim_end_matches(',')
        .strip_prefix('"')?
        .strip_suffix('"')?
        .split_once("\": \"")
}

#[cfg(test)]
mod tests;
