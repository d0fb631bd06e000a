//! The rules of the code: which room may hold what.

use std::{
    fs,
    path::{Path, PathBuf},
};

mod rooms;

/// The most lines that a file may have, its tests apart.
const LONGEST_FILE: usize = 400;

#[test]
fn every_file_opens_with_a_door_sign() {
    let signless = sources()
        .into_iter()
        .filter(|source| !source.text.starts_with("//! "));
    let signless: Vec<_> = signless.map(|source| source.path).collect();
    assert!(
        signless.is_empty(),
        "these do not begin with //!: {signless:#?}"
    );
}

#[test]
fn no_file_is_too_long_to_be_read() {
    let long = sources()
        .into_iter()
        .filter(|source| !source.is_test() && source.code().count() > LONGEST_FILE);
    let long: Vec<_> = long
        .map(|source| format!("{}: {} lines", source.path, source.code().count()))
        .collect();
    assert!(
        long.is_empty(),
        "longer than {LONGEST_FILE} lines without their tests: {long:#?}"
    );
}

#[test]
fn the_browser_is_touched_in_few_rooms() {
    let rooms = [
        "web/src/dom.rs",
        "web/src/dom/",
        "web/src/files.rs",
        "web/src/socket.rs",
        "web/src/view/",
        "web/src/view.rs",
        "web/src/lib.rs",
        "web/src/shell.rs",
        "web/src/window.rs",
    ];
    for (path, line) in lines_with(&["web_sys", "js_sys", "wasm_bindgen::"]) {
        assert!(in_any(&path, &rooms), "{path} touches the browser: {line}");
    }
}

/// That room distinguishes an input method's Enter from a plain one, and keeps what is written undoable.
#[test]
fn keys_are_read_and_fields_written_in_one_room() {
    // The field for files holds no text.
    let rooms = ["web/src/dom.rs", "web/src/dom/", "web/src/files.rs"];
    for (path, line) in lines_with(&["KeyboardEvent", ".set_value("]) {
        assert!(in_any(&path, &rooms), "{path}: {line}");
    }
}

#[test]
fn the_pages_model_is_pure() {
    // One room of it writes programs for people, and what these use is only a text there.
    let programs = "web/src/model/panes/workbench/equivalent/";
    let model = |path: &str| path.starts_with("web/src/model") && !path.starts_with(programs);
    let impure = [
        "web_sys",
        "js_sys",
        "wasm_bindgen",
        "std::time",
        "crate::view",
        "crate::dom",
        "crate::socket",
    ];
    for (path, line) in lines_with(&impure) {
        assert!(!model(&path), "{path}: {line}");
    }
}

#[test]
fn the_page_is_embedded_in_one_room() {
    // The build writes the lines that the room includes.
    let rooms = ["relay/src/http/assets.rs", "relay/build/"];
    for (path, line) in lines_with(&["include_bytes!"]) {
        assert!(in_any(&path, &rooms), "{path} embeds a file: {line}");
    }
}

#[test]
fn the_unsafe_is_in_one_room() {
    for (path, line) in lines_with(&["unsafe {", "unsafe fn", "unsafe impl", "unsafe_code"]) {
        assert!(in_any(&path, &["relay/src/sys/"]), "{path}: {line}");
    }
}

#[test]
fn shared_is_pure() {
    let impure = [
        "TcpListener",
        "UdpSocket",
        "net::TcpStream",
        "std::time",
        "std::io",
        "std::fs",
        "std::thread",
        "tokio",
        "async fn",
    ];
    for (path, line) in lines_with(&impure) {
        assert!(!path.starts_with("shared/src"), "{path}: {line}");
    }
}

#[test]
fn arrows_point_downward() {
    let manifest =
        |of: &str| fs::read_to_string(root().join(of).join("Cargo.toml")).expect("a manifest");
    let names = |of: &str, other: &str| {
        manifest(of).lines().any(|line| {
            line.starts_with(&format!("{other}.")) || line.starts_with(&format!("{other} "))
        })
    };
    for (of, others) in [
        ("shared", &["relay", "web", "tests"][..]),
        ("relay", &["web", "tests"]),
        ("web", &["relay", "tests"]),
    ] {
        for other in others {
            assert!(!names(of, other), "{of} depends on {other}");
        }
    }
}

#[test]
fn json_of_the_conversation_is_written_in_one_room() {
    // What a class keeps in the store is JSON too, and no conversation.
    let rooms = [
        "shared/src/codec.rs",
        "shared/src/message/",
        "relay/src/class/",
    ];
    for (path, line) in lines_with(&["serde_json"]) {
        assert!(
            in_any(&path, &rooms),
            "{path} should leave JSON to shared: {line}"
        );
    }
}

#[test]
fn threads_and_locks_are_only_where_readme_says() {
    let readme = fs::read_to_string(root().join("README.md")).expect("README");
    let (_, list) = readme
        .split_once("Threads and locks are only in")
        .expect("a list of threads and locks");
    let list = list.trim_start().split("\n\n").next().unwrap_or_default();
    let rooms: Vec<&str> = list
        .split('`')
        .filter(|path| path.starts_with("relay/"))
        .collect();
    let words = ["thread::", "spawn_blocking", "Mutex", "RwLock", "Condvar"];
    let lines = lines_with(&words);
    for (path, line) in &lines {
        assert!(in_any(path, &rooms), "{path}: {line}");
    }
    for room in rooms {
        let has_one = lines.iter().any(|(path, _)| path.starts_with(room));
        assert!(has_one, "README names {room}, which has none");
    }
}

/// Readers of Rust expect that `is_`, `has_` and `are_` ask and change nothing.
#[test]
fn predicates_change_nothing_and_return_bool() {
    let mut wrong = Vec::new();
    for source in sources().into_iter().filter(|source| !source.is_test()) {
        let code = source.code().map(|line| [line.trim(), " "].concat());
        let code: String = code.collect();
        let starts = ["fn is_", "fn has_", "fn are_"].into_iter();
        for (at, _) in starts.flat_map(|start| code.match_indices(start)) {
            let mut depth = 0;
            let is_end = |next: char| {
                depth += i32::from("([".contains(next)) - i32::from(")]".contains(next));
                depth == 0 && "{;".contains(next)
            };
            let signature = code[at..].split(is_end).next().unwrap_or_default();
            let (parameters, returned) = signature.rsplit_once("-> ").unwrap_or((signature, ""));
            let kinds = ["bool", "impl Fn", "Result<bool", "Poll<bool"];
            let asks = kinds.iter().any(|kind| returned.starts_with(kind));
            if !asks || parameters.contains("&mut self") {
                wrong.push(format!("{}: {signature}", source.path));
            }
        }
    }
    wrong.retain(|found| !found.starts_with("tests/"));
    assert!(wrong.is_empty(), "these are no predicates: {wrong:#?}");
}

/// How long a kernel waits is not the same everywhere: a card shows where it was measured.
#[test]
fn no_card_names_a_time_that_was_not_measured() {
    let folder = root().join("www/cards");
    let mut explained = 0;
    for entry in fs::read_dir(folder).expect("the cards") {
        let path = entry.expect("a card").path();
        let card: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(&path).expect("a text")).expect("JSON");
        for text in ["en", "zh"].map(|language| card["why"][language].as_str()) {
            let text = text.expect("an explanation in both languages");
            assert_eq!(named_time(text), None, "{}: {text}", path.display());
            explained += 1;
        }
    }
    assert!(explained > 0, "there are cards");
    let found = [
        "after 1 s, 3 s",
        "for a minute",
        "等 1 秒",
        "停留一分钟",
        "3.5ms",
    ];
    assert!(found.iter().all(|text| named_time(text).is_some()));
    assert_eq!(named_time("port 53 serves 2 sockets"), None);
}

/// A time in words or in figures.
fn named_time(text: &str) -> Option<&str> {
    let words = [
        "a second",
        "a minute",
        "an hour",
        "一秒",
        "一分钟",
        "一小时",
    ];
    let in_words = words.into_iter().find(|word| text.contains(word));
    let units = [
        "ms", "µs", "s", "second", "minute", "min", "hour", "毫秒", "秒", "分钟", "小时",
    ];
    let ends = text
        .char_indices()
        .filter(|(_, figure)| figure.is_ascii_digit());
    let mut rests =
        ends.map(|(at, _)| text[at + 1..].trim_start_matches([' ', '\u{a0}', '\u{202f}']));
    let is_time = |rest: &&str| {
        units.into_iter().any(|unit| {
            let after = rest
                .strip_prefix(unit)
                .map(|after| after.strip_prefix('s').unwrap_or(after));
            after.is_some_and(|after| !after.starts_with(|next: char| next.is_ascii_alphanumeric()))
        })
    };
    in_words.or_else(|| rests.find(is_time))
}

#[test]
fn every_file_of_stories_is_a_module() {
    let told = fs::read_to_string(root().join("tests/tests/main.rs")).expect("the list of rooms");
    for Source { path, .. } in sources() {
        if let Some(name) = path
            .strip_prefix("tests/tests/")
            .and_then(|name| name.strip_suffix(".rs"))
        {
            let name = name.split('/').next().unwrap_or(name);
            assert!(
                name == "main" || told.contains(&format!("mod {name};")),
                "{path} is in no list of rooms"
            );
        }
    }
}

#[test]
fn dependencies_with_a_lock_name_no_place_to_fetch_from() {
    let lock = fs::read_to_string(root().join("tests/package-lock.json"))
        .expect("a lock of the browser stories");
    assert!(
        !lock.contains("\"resolved\""),
        "tests/package-lock.json names a registry's host"
    );
}

/// A Rust file of the workspace.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// Its lines before its own tests.
    fn code(&self) -> impl Iterator<Item = &str> {
        let code = self.text.split("\n#[cfg(test)]\nmod tests {").next();
        code.unwrap_or_default().lines()
    }

    fn is_test(&self) -> bool {
        self.path.starts_with("tests/tests/")
            || self.path.contains("/tests/")
            || self.path.ends_with("/tests.rs")
    }
}

fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    for room in ["shared", "relay", "web", "tests"] {
        collect(&root().join(room), &mut found);
    }
    assert!(
        found.len() > 30,
        "only {} files: this test looks in the wrong place",
        found.len()
    );
    found
}

fn collect(directory: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(directory)
        .expect("a room of the house")
        .flatten()
    {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() && name != "target" && name != "node_modules" {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source file");
            let path = path
                .strip_prefix(root())
                .expect("inside")
                .to_string_lossy()
                .replace('\\', "/");
            found.push(Source { path, text });
        }
    }
}

/// Lines of code, not of comments and not of tests, that hold any of these.
fn lines_with(words: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for source in sources().into_iter().filter(|source| !source.is_test()) {
        let code = source
            .code()
            .map(str::trim)
            .filter(|line| !line.starts_with("//"));
        let hits = code.filter(|line| words.iter().any(|word| line.contains(word)));
        found.extend(hits.map(|line| (source.path.clone(), line.to_owned())));
    }
    found.retain(|(path, _)| !path.starts_with("tests/"));
    found
}

fn in_any(path: &str, rooms: &[&str]) -> bool {
    rooms.iter().any(|room| path.starts_with(room))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .expect("the workspace")
}
