//! What every field means, in one plain sentence: of packets, of calls, and of what the kernel tells.

use super::{Language, TextFile, entry, read};

/// What a field means, by its name; nothing where it has no sentence, or none has come yet.
pub(crate) fn meaning(field: &str, language: Language) -> &'static str {
    find(TextFile::Fields(language), field)
}

/// What a file of sentences has under this name; nothing where it has none, or has not come yet.
pub(super) fn find(file: TextFile, name: &str) -> &'static str {
    let mut entries = read(file).unwrap_or_default().lines().filter_map(entry);
    entries
        .find(|(known, _)| *known == name)
        .map_or("", |(_, sentence)| sentence)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::filter::Field;

    fn source(language: Language) -> &'static str {
        read(TextFile::Fields(language)).expect("it lies beside the tests")
    }

    fn sentences(language: Language) -> BTreeMap<String, String> {
        serde_json::from_str(source(language)).expect("valid JSON")
    }

    #[test]
    fn both_languages_explain_the_same_fields() {
        let (english, chinese) = (sentences(Language::English), sentences(Language::Chinese));
        assert_eq!(
            english.keys().collect::<Vec<_>>(),
            chinese.keys().collect::<Vec<_>>()
        );
    }

    #[test]
    fn the_simple_reading_is_the_true_one() {
        for language in [Language::English, Language::Chinese] {
            for (name, sentence) in sentences(language) {
                assert_eq!(meaning(&name, language), sentence, "{name}");
            }
        }
    }

    #[test]
    fn every_field_that_can_be_asked_for_or_shown_has_a_sentence() {
        for field in Field::ALL {
            for language in [Language::English, Language::Chinese] {
                assert!(
                    !meaning(field.name(), language).is_empty(),
                    "{}",
                    field.name()
                );
            }
        }
    }

    #[test]
    fn a_sentence_is_one_or_two_and_ends() {
        for (language, ends) in [
            (Language::English, ['.', '.']),
            (Language::Chinese, ['。', '。']),
        ] {
            for (name, sentence) in sentences(language) {
                assert!(sentence.ends_with(ends), "{name}: {sentence}");
                assert!(sentence.chars().count() <= 140, "{name}: {sentence}");
            }
        }
    }
}
