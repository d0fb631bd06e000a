//! Both languages have the same keys, and exactly the keys the page uses.

use std::{collections::BTreeMap, fs, path::Path};

use super::*;

type Keys = BTreeMap<String, String>;

fn texts(language: Language) -> Keys {
    let source = read(TextFile::Words(language)).expect("the file is built into the tests");
    serde_json::from_str(source).expect("valid JSON")
}

/// The page's source files: code and markup.
fn sources() -> Vec<String> {
    fn collect(folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            let is_source = path
                .extension()
                .is_some_and(|kind| kind == "rs" || kind == "html");
            if path.is_dir() {
                collect(&path, found);
            } else if is_source && !path.ends_with("tests.rs") {
                found.push(fs::read_to_string(&path).expect("a source"));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    collect(&root.join("src"), &mut found);
    collect(&root.join("../shared/src/filter"), &mut found);
    collect(&root.join("../www"), &mut found);
    found
}

#[test]
fn both_languages_have_the_same_keys() {
    let (english, chinese) = (texts(Language::English), texts(Language::Chinese));
    assert_eq!(
        english.keys().collect::<Vec<_>>(),
        chinese.keys().collect::<Vec<_>>()
    );
}

#[test]
fn both_languages_fill_the_same_gaps() {
    let gaps = |text: &str| {
        let mut gaps: Vec<String> = text
            .split('{')
            .skip(1)
            .filter_map(|rest| Some(rest.split_once('}')?.0.to_owned()))
            .collect();
        gaps.sort_unstable();
        gaps
    };
    let chinese = texts(Language::Chinese);
    for (key, english) in texts(Language::English) {
        assert_eq!(gaps(&english), gaps(&chinese[&key]), "{key}");
    }
}

#[test]
fn every_key_is_used_and_every_used_key_exists() {
    let known = texts(Language::English);
    let rooms: Vec<&str> = known
        .keys()
        .filter_map(|key| Some(key.split_once('.')?.0))
        .collect();
    let is_key = |text: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        let room = text
            .split_once('.')
            .filter(|(_, rest)| !rest.is_empty())
            .map(|(room, _)| room);
        text.chars().all(fits) && room.is_some_and(|room| rooms.contains(&room))
    };
    let mut used = Vec::new();
    for source in sources() {
        used.extend(
            source
                .split('"')
                .filter(|text| is_key(text))
                .map(str::to_owned),
        );
    }
    for key in &used {
        assert!(known.contains_key(key), "{key} has no text");
    }
    for key in known.keys() {
        assert!(used.contains(key), "{key} is never used");
    }
}

#[test]
fn entries_are_read_as_json_reads_them() {
    for language in [Language::English, Language::Chinese] {
        let read = Texts::new(language);
        let json = texts(language);
        assert_eq!(read.texts.len(), json.len());
        for (key, text) in &json {
            assert_eq!(read.get(key), text, "{key}");
        }
    }
}

#[test]
fn the_first_language_the_page_has_is_chosen() {
    for (tags, language) in [
        (&["fr", "zh-Hans-SG", "en"][..], Language::Chinese),
        (&["en-GB", "zh"], Language::English),
        (&["ZH"], Language::Chinese),
        (&["de"], Language::English),
        (&[], Language::English),
    ] {
        assert_eq!(Language::choose(tags.iter().copied()), language, "{tags:?}");
    }
}

#[test]
fn gaps_are_filled() {
    let texts = Texts::new(Language::English);
    assert_eq!(
        texts.fill("conn.lost_what", &[("what", "{what}")]),
        "Lost: {what}.",
        "once"
    );
    assert_eq!(
        texts.number("conn.lost_call", "conn.lost_calls", 1),
        "1 blocked call"
    );
    assert_eq!(
        texts.number("conn.lost_call", "conn.lost_calls", 2),
        "2 blocked calls"
    );
}
