//! Small sites, built in memory: what refers to what, and what must not.

use super::*;

const PAGE: &str =
    "<head><link rel=stylesheet href=style.css></head><script src=\"./start.js\"></script>";
const GLUE: &str = "new URL('first_bg.wasm', import.meta.url)";

fn site(files: &[(&str, &str)]) -> Result<Vec<Asset>, String> {
    let owned = files
        .iter()
        .map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()));
    build(owned.collect())
}

fn whole(style: &str, module: &str) -> Vec<Asset> {
    site(&[
        (INDEX, PAGE),
        ("style.css", style),
        ("icons/dot.svg", "<svg/>"),
        ("start.js", "import init from './first.js'; init();"),
        ("first.js", GLUE),
        ("first_bg.wasm", module),
    ])
    .expect("a site")
}

fn served<'s>(site: &'s [Asset], start: &str) -> (&'s str, &'s str) {
    let asset = site
        .iter()
        .find(|asset| asset.path.starts_with(start))
        .expect(start);
    (&asset.path, str::from_utf8(&asset.bytes).expect("text"))
}

#[test]
fn every_reference_leads_to_the_hashed_name() {
    let site = whole("a { b: url('icons/dot.svg#x') }", "\0asm");
    let (_, index) = served(&site, "/");
    for name in ["style", "start", "first", "first_bg"] {
        let (path, _) = served(&site, &format!("/assets/{name}."));
        assert!(index.contains(&path[1..]), "{name} in {index}");
    }
    let from_assets = |start| served(&site, start).0.trim_start_matches("/assets/");
    let glue = GLUE.replace("first_bg.wasm", from_assets("/assets/first_bg."));
    assert_eq!(served(&site, "/assets/first.").1, glue);
    let dot = from_assets("/assets/icons/dot.");
    let style = format!("a {{ b: url('{dot}#x') }}");
    assert_eq!(served(&site, "/assets/style.").1, style);
}

#[test]
fn the_page_has_a_second_form_for_addresses_one_folder_deeper() {
    let site = whole("a{}", "\0asm");
    let (_, index) = served(&site, "/");
    let (path, deeper) = served(&site, "one-folder-deeper");
    assert!(!path.starts_with('/'), "no request can ask for it");
    assert_ne!(index, deeper);
    assert_eq!(
        index
            .replace("assets/", "../assets/")
            .replace("./../", "../"),
        deeper
    );
    assert!(!index.contains("\"/") && !index.contains("=/"), "{index}");
}

#[test]
fn a_new_module_renames_all_that_lead_to_it_and_nothing_else() {
    let (old, new) = (whole("a{}", "\0asm"), whole("a{}", "\0asm!"));
    for (name, renamed) in [
        ("first_bg", true),
        ("first", true),
        ("start", true),
        ("style", false),
    ] {
        let start = format!("/assets/{name}.");
        let differs = served(&old, &start).0 != served(&new, &start).0;
        assert_eq!(differs, renamed, "{name}");
    }
}

#[test]
fn hints_are_added_once() {
    let own = "<head><link rel=modulepreload href=first.js></head><script src=start.js></script>";
    let files = [
        ("start.js", "import './first.js'"),
        ("first.js", GLUE),
        ("first_bg.wasm", "\0asm"),
    ];
    let site = site(&[&[(INDEX, own)], &files[..]].concat()).expect("a site");
    let index = served(&site, "/").1;
    assert_eq!(index.matches("modulepreload").count(), 1, "{index}");
    assert_eq!(index.matches("as=\"fetch\"").count(), 1, "{index}");
}

#[test]
fn what_leads_nowhere_stops_the_build() {
    let refusal = |body: &str| {
        let page = format!("<head></head>{body}");
        let files = [
            (INDEX, &*page),
            ("style.css", ""),
            ("a.exe", ""),
            ("first.js", ""),
        ];
        site(&files).expect_err("refused")
    };
    for (body, reason) in [
        ("<a href=stlye.css>", "`stlye.css`: there is no such file"),
        ("<a href=../style.css>", "no such file"),
        ("<a href=/style.css>", "without the first `/`"),
        ("<a href=/healthz>", "without the first `/`"),
        ("<a href=a.exe>", "no content type for `.exe`"),
        ("", "nothing that www/index.html leads to loads first.js"),
    ] {
        assert!(refusal(body).contains(reason), "{}", refusal(body));
    }
    assert!(site(&[]).expect_err("refused").contains("is missing"));
    assert!(
        site(&[(INDEX, "")])
            .expect_err("refused")
            .contains("</head>")
    );
}

#[test]
fn modules_that_import_each_other_stop_the_build() {
    let files = [
        (INDEX, "<head></head><script src=a.js></script>"),
        ("a.js", "import './b.js'"),
        ("b.js", "import './a.js'"),
    ];
    assert!(site(&files).expect_err("refused").contains("circle"));
}

#[test]
fn fixed_names_stay_and_pages_may_name_each_other() {
    let files = [
        (
            INDEX,
            "<head></head><a href=help.html>?</a><link href=favicon.ico><a href=https://example.org/x>",
        ),
        ("help.html", "<a href=index.html>back</a>"),
        ("favicon.ico", "icon"),
        ("data.json", "{}"),
    ];
    let site = site(&files).expect("a site");
    let body = served(&site, "/").1.strip_prefix("<head></head>");
    assert_eq!(body, files[0].1.strip_prefix("<head></head>"));
    assert_eq!(served(&site, "/favicon.ico").1, "icon");
    assert_eq!(served(&site, "/help.html").1, "<a href=./>back</a>");
    assert_eq!(site.len(), 4, "nobody leads to data.json");
}

#[test]
fn only_what_has_a_hash_in_its_name_is_immutable() {
    let files = [
        (INDEX, "<head></head><img src=a.svg><img src=b.png>"),
        ("robots.txt", ""),
        ("a.svg", "<svg/>"),
        ("b.png", "x"),
    ];
    for asset in site(&files).expect("a site") {
        let Asset {
            path,
            kind,
            hash,
            immutable,
            ..
        } = asset;
        assert_eq!(immutable, path.contains(&hash), "{path}");
        assert_eq!(
            kind.compressible,
            kind.content_type != "image/png",
            "{path}"
        );
    }
}

#[test]
fn a_file_reaches_another_from_any_folder() {
    let reached = |from, to| paths::relative(from, to);
    assert_eq!(reached("/", "/assets/a.js"), "assets/a.js");
    assert_eq!(reached("/folder/page", "/assets/a.js"), "../assets/a.js");
    assert_eq!(reached("/folder/page", "/"), "../");
    assert_eq!(reached("/assets/a.js", "/assets/b.js"), "b.js");
    assert_eq!(reached("/assets/sub/a.css", "/assets/b.svg"), "../b.svg");
    assert_eq!(reached("/assets/a.css", "/favicon.ico"), "../favicon.ico");
    assert_eq!(reached("/help.html", "/"), "./");
    assert_eq!(
        paths::join("sub/a.css", "./../b.svg").as_deref(),
        Some("b.svg")
    );
    assert_eq!(paths::join("a.css", "../b.svg"), None);
}

#[test]
fn the_hash_is_the_published_one() {
    assert_eq!(fingerprint(b""), "cbf29ce484222325");
    assert_eq!(fingerprint(b"foobar"), "85944171f73967e8");
}
