//! What each line of the book's programs does, in one or two sentences.

use super::{Language, TextFile, fields::find};

/// What the line of this name does; empty before the file is loaded.
pub(crate) fn meaning(line: &str, language: Language) -> &'static str {
    find(TextFile::Lines(language), line)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::i18n::read;

    fn sentences(language: Language) -> BTreeMap<String, String> {
        let source = read(TextFile::Lines(language)).expect("the file is built into the tests");
        serde_json::from_str(source).expect("valid JSON")
    }

    #[test]
    fn both_languages_explain_the_same_lines() {
        let (english, chinese) = (sentences(Language::English), sentences(Language::Chinese));
        assert!(english.keys().eq(chinese.keys()));
        for (language, sentences) in [(Language::English, english), (Language::Chinese, chinese)] {
            for (name, sentence) in sentences {
                assert_eq!(meaning(&name, language), sentence, "{name}");
                assert!(
                    sentence.ends_with(['.', '。']) && sentence.chars().count() <= 140,
                    "{sentence}"
                );
            }
        }
    }
}
