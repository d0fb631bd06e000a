//! The page's files under the addresses at which browsers find them. Pure: sources in, assets out.
//!
//! A file's name carries the hash of its content, so a browser may keep it for ever; files that refer to
//! others are therefore finished after those. Only what must be found by a fixed name keeps it.

use std::collections::BTreeMap;

use kinds::Kind;
use links::Syntax;
use paths::INDEX;

mod cards;
mod kinds;
mod links;
mod paths;
#[cfg(test)]
mod tests;

/// A file as it will be served.
#[derive(Debug)]
pub(crate) struct Asset {
    /// Where browsers ask for it: `/assets/style.3f2a9c1b5d7e8f60.css`.
    pub(crate) path: String,
    /// What it is, and whether compressing it is worth trying.
    pub(crate) kind: &'static Kind,
    /// Stands for the content: in the name, and in the ETag.
    pub(crate) hash: String,
    /// Its name changes with its content.
    pub(crate) immutable: bool,
    /// The content, with every reference as browsers need it.
    pub(crate) bytes: Vec<u8>,
}

/// Loaded by `start.js`, and by the script that that one loads: late, unless the page announces them.
const HINTS: &[(&str, &str)] = &[
    ("first.js", "rel=\"modulepreload\""),
    (
        "first_bg.wasm",
        "rel=\"preload\" as=\"fetch\" type=\"application/wasm\" crossorigin",
    ),
];

/// Makes the site of `sources`: contents by name, as seen from `www/`. What has a fixed name is in it, and
/// all that this leads to; a hashed name that nobody tells could not be asked for.
pub(crate) fn build(mut sources: BTreeMap<String, Vec<u8>>) -> Result<Vec<Asset>, String> {
    cards::gather(&mut sources)?;
    if !sources.contains_key(INDEX) {
        return Err(format!("www/{INDEX} is missing, so there is no page"));
    }
    let entrances = sources.keys().filter(|name| paths::fixed(name).is_some());
    let entrances: Vec<String> = entrances.cloned().collect();
    let mut works = Works {
        sources,
        finished: BTreeMap::new(),
        open: Vec::new(),
    };
    for name in &entrances {
        works.finish(name)?;
    }
    let deeper = works.page_one_folder_deeper()?;
    let mut assets: Vec<Asset> = works.finished.into_values().collect();
    assets.push(deeper);
    assets.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(assets)
}

/// The site while it is being made.
struct Works {
    sources: BTreeMap<String, Vec<u8>>,
    finished: BTreeMap<String, Asset>,
    /// Files whose references are just being followed: meeting one again would never end.
    open: Vec<String>,
}

impl Works {
    fn finish(&mut self, name: &str) -> Result<(), String> {
        if self.finished.contains_key(name) {
            return Ok(());
        }
        if self.open.iter().any(|open| open == name) {
            return Err(format!(
                "www/{name} and {:?} refer to each other in a circle",
                self.open
            ));
        }
        self.open.push(name.to_owned());
        let kind = kinds::of(name)?;
        let mut bytes = self.sources.get(name).cloned().unwrap_or_default();
        if let Some(syntax) = kind.syntax {
            let here = paths::fixed(name).unwrap_or_else(|| format!("/assets/{name}"));
            let text = decode(name, bytes)?;
            bytes = self.link(name, &here, &text, syntax)?.into_bytes();
        }
        let hash = fingerprint(&bytes);
        let fixed = paths::fixed(name);
        let immutable = fixed.is_none();
        let path = fixed.unwrap_or_else(|| paths::hashed(name, kind, &hash));
        self.open.pop();
        self.finished.insert(
            name.to_owned(),
            Asset {
                path,
                kind,
                hash,
                immutable,
                bytes,
            },
        );
        Ok(())
    }

    /// The page with references for an address one folder deeper than `/`.
    fn page_one_folder_deeper(&mut self) -> Result<Asset, String> {
        let kind = kinds::of(INDEX)?;
        let page = decode(INDEX, self.sources.get(INDEX).cloned().unwrap_or_default())?;
        let page = self.link(INDEX, "/folder/page", &page, Syntax::Html)?;
        Ok(Asset {
            path: paths::ONE_FOLDER_DEEPER.to_owned(),
            kind,
            hash: fingerprint(page.as_bytes()),
            immutable: false,
            bytes: page.into_bytes(),
        })
    }

    /// The text of `name` with every reference as browsers need it when it is served at `here`.
    fn link(
        &mut self,
        name: &str,
        here: &str,
        text: &str,
        syntax: Syntax,
    ) -> Result<String, String> {
        let mut linked = String::with_capacity(text.len());
        let mut written = 0;
        for address in links::find(syntax, text) {
            linked.push_str(&text[written..address.start]);
            linked.push_str(&self.resolve(name, here, &text[address.clone()])?);
            written = address.end;
        }
        linked.push_str(&text[written..]);
        if name == INDEX {
            self.hint(here, linked)
        } else {
            Ok(linked)
        }
    }

    /// The address under which `from`, served at `here`, reaches what it calls `address`.
    fn resolve(&mut self, from: &str, here: &str, address: &str) -> Result<String, String> {
        let Some((file, rest)) = links::relative_file(address) else {
            return check_route(from, address);
        };
        let named = paths::join(from, file)
            .filter(|named| self.sources.contains_key(named))
            .ok_or_else(|| {
                format!("www/{from} refers to `{address}`: there is no such file in www/")
            })?;
        let target = self.path(&named)?;
        let mut relative = paths::relative(here, &target);
        if file.starts_with('.') && !relative.starts_with('.') {
            relative.insert_str(0, "./");
        }
        Ok(relative + rest)
    }

    /// Where `name` is served. What has a fixed path need not be finished, so such files may name each other.
    fn path(&mut self, name: &str) -> Result<String, String> {
        if let Some(path) = paths::fixed(name) {
            return Ok(path);
        }
        self.finish(name)?;
        let asset = self.finished.get(name);
        Ok(asset.map(|asset| asset.path.clone()).unwrap_or_default())
    }

    /// Announces what the page will load in a moment, if it does not do so itself.
    fn hint(&self, here: &str, mut page: String) -> Result<String, String> {
        let mut lines = String::new();
        for (name, attributes) in HINTS {
            if !self.sources.contains_key(*name) {
                continue;
            }
            let Some(asset) = self.finished.get(*name) else {
                return Err(format!("nothing that www/{INDEX} leads to loads {name}"));
            };
            let path = paths::relative(here, &asset.path);
            if !page.contains(&path) {
                lines += &format!("<link href=\"{path}\" {attributes}>\n");
            }
        }
        let head = page.find("</head>");
        let head = head.ok_or_else(|| format!("www/{INDEX} has no </head>"))?;
        page.insert_str(head, &lines);
        Ok(page)
    }
}

/// Lets other sites and the page itself pass. An address from the host's root on would leave the path of a proxy.
fn check_route(from: &str, address: &str) -> Result<String, String> {
    if address.starts_with('/') {
        return Err(format!(
            "www/{from} refers to `{address}`: write it without the first `/`"
        ));
    }
    Ok(address.to_owned())
}

fn decode(name: &str, bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|error| format!("www/{name} is not UTF-8: {error}"))
}

/// FNV-1a, 64 bits. Nobody attacks it: it only has to be the same everywhere and differ when the content does.
fn fingerprint(bytes: &[u8]) -> String {
    let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    format!("{:016x}", bytes.iter().fold(0xcbf2_9ce4_8422_2325, mix))
}
