//! Where a file of the page names another one. Pure: text in, byte ranges of addresses out.
//! No parser of any language, only enough to find what `www/` uses; whether the file exists is asked in `site.rs`.

use std::ops::Range;

/// The ways in which a file can name another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syntax {
    /// `href` and `src` of any tag; also the scripts and styles inside a page.
    Html,
    /// `url(…)` and `@import "…"`.
    Css,
    /// `import … from "./…"`, `import("./…")`, `export … from "./…"`, `new URL("…", import.meta.url)`.
    JavaScript,
    /// A web app manifest's `"src": "…"`.
    Manifest,
}

/// The addresses in `text`, in the order in which they stand there, without their quotes.
pub(super) fn find(syntax: Syntax, text: &str) -> Vec<Range<usize>> {
    let mut found = match syntax {
        Syntax::Html => html(text),
        Syntax::Css => css(text),
        Syntax::JavaScript => javascript(text),
        Syntax::Manifest => manifest(text),
    };
    found.sort_by_key(|address| address.start);
    found
}

/// Splits an address into a file's relative path and what follows it (`?…`, `#…`).
/// `None`: no file is meant, but another site, a route of the relay, or the page itself.
pub(super) fn relative_file(address: &str) -> Option<(&str, &str)> {
    let end = address.find(['?', '#']).unwrap_or(address.len());
    let (path, rest) = address.split_at(end);
    let elsewhere = path.starts_with('/') || path.contains(':');
    let here = matches!(path, "" | "." | "./");
    (!elsewhere && !here).then_some((path, rest))
}

fn html(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(open) = position(text, at, "<") {
        if text[open..].starts_with("<!--") {
            at = position(text, open, "-->").unwrap_or(text.len());
            continue;
        }
        let name = until(text, open + 1, |byte| !byte.is_ascii_alphanumeric());
        at = attributes(text, name.end, &mut found);
        let inside: fn(&str) -> Vec<Range<usize>> = match &text[name] {
            "script" => javascript,
            "style" => css,
            _ => continue,
        };
        let end = position(text, at, "</").unwrap_or(text.len());
        let addresses = inside(&text[at..end]);
        found.extend(addresses.into_iter().map(|a| a.start + at..a.end + at));
        at = end;
    }
    found
}

/// Reads a tag's attributes from `at` and gives the place of its end.
fn attributes(text: &str, mut at: usize, found: &mut Vec<Range<usize>>) -> usize {
    loop {
        at = skip_space(text, at);
        if at == text.len() || text[at..].starts_with('>') {
            return at;
        }
        let name = until(text, at, |b| {
            b.is_ascii_whitespace() || b == b'=' || b == b'>'
        });
        let equals = skip_space(text, name.end);
        if !text[equals..].starts_with('=') {
            at = name.end;
            continue;
        }
        let start = skip_space(text, equals + 1);
        let bare = || until(text, start, |b| b.is_ascii_whitespace() || b == b'>');
        let value = quoted(text, start).unwrap_or_else(bare);
        // Behind the closing quote, if there is one: it would only be read as a name of its own.
        at = value.end;
        if value.start > start {
            at += 1;
        }
        if matches!(&text[name], "href" | "src") {
            found.push(value);
        }
    }
}

fn css(text: &str) -> Vec<Range<usize>> {
    let mut found = after_each(text, "@import", |at| quoted(text, at));
    found.extend(after_each(text, "url(", |at| {
        let bare = || until(text, at, |byte| byte == b')');
        Some(quoted(text, at).unwrap_or_else(bare))
    }));
    found.retain(|address| {
        let before = &text[..address.start];
        before.rfind("/*") <= before.rfind("*/")
    });
    found
}

fn javascript(text: &str) -> Vec<Range<usize>> {
    // Only `./…` and `../…`: browsers take nothing else here, and a comment's prose stays prose.
    let module = |at| quoted(text, at).filter(|address| text[address.clone()].starts_with('.'));
    let mut found = after_each(text, "from", module);
    found.extend(after_each(text, "import", |at| {
        let called = text[skip_space(text, at)..].starts_with('(');
        module(if called { skip_space(text, at) + 1 } else { at })
    }));
    found.extend(after_each(text, "new URL(", |at| {
        let address = quoted(text, at)?;
        let base = text[address.end + 1..].trim_start().strip_prefix(',')?;
        let beside = base.trim_start().starts_with("import.meta.url");
        beside.then_some(address)
    }));
    found
}

fn manifest(text: &str) -> Vec<Range<usize>> {
    after_each(text, "\"src\"", |at| {
        let colon = text[at..].trim_start().starts_with(':');
        colon.then(|| quoted(text, skip_space(text, at) + 1))?
    })
}

/// What `read` makes of each place behind `word`.
fn after_each(
    text: &str,
    word: &str,
    read: impl Fn(usize) -> Option<Range<usize>>,
) -> Vec<Range<usize>> {
    let places = text.match_indices(word);
    places.filter_map(|(at, _)| read(at + word.len())).collect()
}

/// What stands between the quotes that open at `at`, white space aside.
fn quoted(text: &str, at: usize) -> Option<Range<usize>> {
    let open = skip_space(text, at);
    let quote = text.get(open..open + 1).filter(|c| "\"'`".contains(c))?;
    Some(open + 1..position(text, open + 1, quote)?)
}

fn skip_space(text: &str, at: usize) -> usize {
    until(text, at, |byte| !byte.is_ascii_whitespace()).end
}

/// From `at` to the first byte that ends it, or to the end of the text.
fn until(text: &str, at: usize, ends: impl Fn(u8) -> bool) -> Range<usize> {
    let length = text.as_bytes()[at..].iter().position(|&byte| ends(byte));
    at..length.map_or(text.len(), |length| at + length)
}

fn position(text: &str, at: usize, word: &str) -> Option<usize> {
    text[at..].find(word).map(|found| at + found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(syntax: Syntax, text: &str) -> Vec<&str> {
        find(syntax, text).into_iter().map(|a| &text[a]).collect()
    }

    #[test]
    fn a_page_names_files_in_its_tags_scripts_and_styles() {
        let page = r#"<!doctype html><!-- <a href="old.css"> --><link rel=stylesheet href='style.css'>
            <img data-src="no.png" alt="src" src = icons/a.png><p title="<a>">1 < 2</p>
            <style>p { background: url(b.svg) }</style>
            <script type="module">import init from "./app.js"; let href = "no";</script>
            <a href="help.html#ports">?</a>"#;
        let named = [
            "style.css",
            "icons/a.png",
            "b.svg",
            "./app.js",
            "help.html#ports",
        ];
        assert_eq!(addresses(Syntax::Html, page), named);
    }

    #[test]
    fn a_page_that_stops_in_the_middle_of_a_tag_is_read_to_its_end() {
        for page in [
            "<",
            "<a",
            "<a href",
            "<a href=",
            "<a href=\"x",
            "<a href='x'",
            "<script>ü",
        ] {
            assert!(find(Syntax::Html, page).len() <= 1, "{page}");
        }
    }

    #[test]
    fn a_style_names_files_outside_its_comments() {
        let style =
            r#"@import "base.css"; /* url(old.svg) */ a { b: url( "c.woff2" ) url(d.svg) }"#;
        assert_eq!(
            addresses(Syntax::Css, style),
            ["base.css", "c.woff2", "d.svg"]
        );
    }

    #[test]
    fn a_script_names_modules_and_urls_beside_itself() {
        let script = r#"import init, { a } from './app.js'; import "./b.js"; export * from "../c.js";
            const d = await import( "./d.js" ); // taken from "elsewhere"
            const u = new URL('app_bg.wasm', import.meta.url), v = new URL("x", document.baseURI);
            const imports = { "./app_bg.js": 0 };"#;
        let named = ["./app.js", "./b.js", "../c.js", "./d.js", "app_bg.wasm"];
        assert_eq!(addresses(Syntax::JavaScript, script), named);
    }

    #[test]
    fn a_manifest_names_its_icons() {
        let manifest = r#"{ "start_url": "/", "icons": [{ "src" : "icon.svg", "sizes": "any" }] }"#;
        assert_eq!(addresses(Syntax::Manifest, manifest), ["icon.svg"]);
    }

    #[test]
    fn only_relative_addresses_mean_files() {
        assert_eq!(
            relative_file("icons.svg#lock"),
            Some(("icons.svg", "#lock"))
        );
        assert_eq!(relative_file("./a/b.js?x"), Some(("./a/b.js", "?x")));
        for other in [
            "",
            "#top",
            "?lang=zh",
            "./",
            "/healthz",
            "//cdn",
            "https://x/y",
            "data:,",
        ] {
            assert_eq!(relative_file(other), None, "{other}");
        }
    }
}
