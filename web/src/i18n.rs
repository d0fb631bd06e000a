//! The page's words in both languages. What they are about (calls, errnos, addresses) is the same in each.

pub(crate) mod fields;
pub(crate) mod lines;
mod shelf;

pub(crate) use shelf::{TextFile, keep, read};

/// A language the page speaks.
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

    /// The language of a tag such as `zh-Hans-SG`, if the page speaks it.
    pub(crate) fn of_tag(tag: &str) -> Option<Self> {
        match tag.split('-').next()?.to_ascii_lowercase().as_str() {
            "en" => Some(Self::English),
            "zh" => Some(Self::Chinese),
            _ => None,
        }
    }

    /// The first that is spoken here, in the order in which somebody prefers them.
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

/// All words of one language.
#[derive(Debug)]
pub(crate) struct Texts {
    /// Which.
    pub(crate) language: Language,
    texts: Vec<(&'static str, &'static str)>,
}

impl Texts {
    /// As far as they have come.
    pub(crate) fn new(language: Language) -> Self {
        let source = read(TextFile::Words(language)).unwrap_or_default();
        Self {
            language,
            texts: source.lines().filter_map(entry).collect(),
        }
    }

    /// The text of a key; the key itself where it is missing, so that it shows.
    pub(crate) fn get<'a>(&self, key: &'a str) -> &'a str {
        self.texts
            .iter()
            .find(|(known, _)| *known == key)
            .map_or(key, |(_, text)| text)
    }

    /// The same with its `{gaps}` filled.
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

    /// One or many, where a language tells them apart.
    pub(crate) fn number(&self, one: &str, many: &str, number: usize) -> String {
        self.fill(
            if number == 1 { one } else { many },
            &[("n", &number.to_string())],
        )
    }
}

/// `"key": "text",` on a line of its own; the texts need no escapes, and the tests see to it.
fn entry(line: &'static str) -> Option<(&'static str, &'static str)> {
    line.trim()
        .trim_end_matches(',')
        .strip_prefix('"')?
        .strip_suffix('"')?
        .split_once("\": \"")
}

#[cfg(test)]
mod tests;
