//! Small sites, built in memory.

use super::*;

const PAGE: &str = "<link href=\"{assets}/style.css\"><script src=\"{assets}/start.js\"></script><a href=\"https://example.org/\">";

/// A site of these files, with an empty stylesheet for each that is missing.
fn site(files: &[(&str, &str)]) -> Result<Site, String> {
    let styles = styles::STYLES.iter().map(|(name, _)| (*name, ""));
    let files = styles.chain(files.iter().copied());
    build(
        files
            .map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()))
            .collect(),
    )
}

fn text<'s>(site: &'s Site, path: &str) -> &'s str {
    let asset = site.assets.iter().find(|asset| asset.path == path);
    str::from_utf8(&asset.expect(path).bytes).expect("text")
}

#[test]
fn all_files_but_the_page_lie_in_the_folder_of_the_build() {
    let site =
        site(&[(INDEX, PAGE), ("start.js", "go()"), ("text/en.json", "{}")]).expect("a site");
    let folder = format!("/assets/{}", site.build);
    let named = [
        ("start.js", "text/javascript; charset=utf-8"),
        ("style.css", "text/css; charset=utf-8"),
        ("text/en.json", "application/json"),
    ];
    let (pages, others) = site.assets.split_at(2);
    for (asset, (name, content_type)) in others.iter().zip(named) {
        assert_eq!(asset.path, format!("{folder}/{name}"));
        assert_eq!(asset.content_type, content_type);
        assert_eq!(asset.hash, hash([&*asset.bytes]));
    }
    assert_eq!((pages.len(), others.len()), (2, named.len()));
    let page = |folder| PAGE.replace(PLACEHOLDER, folder);
    assert_eq!(text(&site, "/"), page(&folder[1..]));
    assert_eq!(text(&site, ONE_FOLDER_DEEPER), page(&format!("..{folder}")));
}

#[test]
fn any_change_renames_the_folder() {
    let build = |files: &[(&str, &str)]| site(files).expect("a site").build;
    let files = [(INDEX, PAGE), ("start.js", "go()")];
    assert_eq!(build(&files), build(&files));
    for other in [
        (INDEX, "<link href=\"{assets}/style.css\">"),
        ("start.js", "stop()"),
        ("print.css", "a {}\n"),
        ("new.js", ""),
    ] {
        assert_ne!(
            build(&files),
            build(&[&files[..], &[other]].concat()),
            "{other:?}"
        );
    }
}

#[test]
fn the_stylesheets_are_joined_in_order_with_their_media() {
    let files = [
        (INDEX, PAGE),
        ("start.js", ""),
        ("print.css", "c {}\n"),
        ("style.css", "a {}\n"),
        ("card.css", "b {}\n"),
    ];
    let site = site(&files).expect("a site");
    let style = text(&site, &format!("/assets/{}/style.css", site.build));
    assert_eq!(
        style,
        "a {}\nb {}\n@media (forced-colors: active) {\n}\n@media print {\nc {}\n}\n"
    );
}

#[test]
fn an_error_stops_the_build_with_its_reason() {
    for (files, reason) in [
        (&[][..], "www/index.html is missing"),
        (&[(INDEX, PAGE)], "`start.js`: there is no such file"),
        (
            &[(INDEX, ""), ("more.css", "")],
            "www/more.css has no place in the order",
        ),
        (&[(INDEX, ""), ("a.exe", "")], "no content type for `.exe`"),
    ] {
        let error = site(files).expect_err("refused");
        assert!(error.contains(reason), "{error}");
    }
    let error = build(BTreeMap::from([(INDEX.to_owned(), Vec::new())])).expect_err("refused");
    assert!(error.contains("www/style.css is missing"), "{error}");
}

#[test]
fn the_hash_is_the_published_one() {
    assert_eq!(hash([&b""[..]]), "cbf29ce484222325");
    assert_eq!(hash([&b"foobar"[..]]), "85944171f73967e8");
}
