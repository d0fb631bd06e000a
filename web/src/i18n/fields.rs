//! The meaning of every field in a sentence: fields of packets, of calls, and facts of the kernel.

use super::{Language, TextFile, entry, read};

/// The meaning of a field; empty if it has none or the file is not loaded.
pub(crate) fn meaning(field: &str, language: Language) -> &'static str {
    find(TextFile::Fields(language), field)
}

/// The sentence of a name in a file; empty if it has none or the file is not loaded.
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
    use shared::filter::Field;

    fn source(language: Language) -> &'static str {
        read(TextFile::Fields(language)).expect("the file is built into the tests")
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
    fn entries_are_read_as_json_reads_them() {
        for language in [Language::English, Language::Chinese] {
            for (name, sentence) in sentences(language) {
                assert_eq!(meaning(&name, language), sentence, "{name}");
            }
        }
    }

    #[test]
    fn every_field_has_a_sentence() {
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
    fn sentences_are_short_and_end_with_a_full_stop() {
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
