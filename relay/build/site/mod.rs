//! The page's files as the relay serves them. Pure: the sources of `www/` in, assets out.
//!
//! All files but the page itself lie in one folder that is named after the build, `/assets/<build>/`, so browsers may
//! keep them for ever. They name each other by relative addresses; only `index.html` has to name that folder.

use std::collections::BTreeMap;

mod cards;
mod styles;
#[cfg(test)]
mod tests;

/// The page itself, and the word in it that stands for the folder of its assets.
const INDEX: &str = "index.html";
const PLACEHOLDER: &str = "{assets}";

/// The key of the page's second form, for addresses one folder deeper, such as `/c/{code}`. No request asks for
/// it, because it does not begin with `/`.
const ONE_FOLDER_DEEPER: &str = "one-folder-deeper/";

/// All that is served.
#[derive(Debug)]
pub(crate) struct Site {
    /// The hash of all sources.
    pub(crate) build: String,
    pub(crate) assets: Vec<Asset>,
}

/// A file as it is served.
#[derive(Debug)]
pub(crate) struct Asset {
    /// The path of its address, such as `/assets/3f2a9c1b5d7e8f60/style.css`.
    pub(crate) path: String,
    pub(crate) content_type: &'static str,
    /// The hash of its content, for the ETag.
    pub(crate) hash: String,
    pub(crate) bytes: Vec<u8>,
}

/// Makes the site of `sources`, which are contents by their names as seen from `www/`.
pub(crate) fn build(mut sources: BTreeMap<String, Vec<u8>>) -> Result<Site, String> {
    cards::join(&mut sources)?;
    styles::join(&mut sources)?;
    let build = hash(
        sources
            .iter()
            .flat_map(|(name, bytes)| [name.as_bytes(), bytes]),
    );
    let page = sources
        .remove(INDEX)
        .ok_or_else(|| format!("www/{INDEX} is missing, so there is no page"))?;
    let page = decode(INDEX, page)?;
    for name in named_assets(&page) {
        if !sources.contains_key(name) {
            return Err(format!(
                "www/{INDEX} refers to `{name}`: there is no such file in www/"
            ));
        }
    }

    let folder = format!("assets/{build}");
    let page_from = |root: &str| {
        page.replace(PLACEHOLDER, &format!("{root}{folder}"))
            .into_bytes()
    };
    let mut assets = vec![
        asset("/".to_owned(), INDEX, page_from(""))?,
        asset(ONE_FOLDER_DEEPER.to_owned(), INDEX, page_from("../"))?,
    ];
    for (name, bytes) in sources {
        assets.push(asset(format!("/{folder}/{name}"), &name, bytes)?);
    }
    Ok(Site { build, assets })
}

fn asset(path: String, name: &str, bytes: Vec<u8>) -> Result<Asset, String> {
    Ok(Asset {
        path,
        content_type: content_type(name)?,
        hash: hash([&*bytes]),
        bytes,
    })
}

/// The names of the assets to which the page refers.
fn named_assets(page: &str) -> impl Iterator<Item = &str> {
    let references = page.split(PLACEHOLDER).skip(1);
    references.filter_map(|rest| rest.strip_prefix('/')?.split('"').next())
}

/// The content type of the file called `name`. A new kind of file needs one line here.
fn content_type(name: &str) -> Result<&'static str, String> {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    Ok(match extension {
        "css" => "text/css; charset=utf-8",
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "py" => "text/x-python; charset=utf-8",
        "svg" => "image/svg+xml",
        "wasm" => "application/wasm",
        _ => {
            return Err(format!(
                "www/{name}: relay/build/site knows no content type for `.{extension}`"
            ));
        }
    })
}

fn decode(name: &str, bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|error| format!("www/{name} is not UTF-8: {error}"))
}

/// FNV-1a with 64 bits: the same on every machine. It need not withstand an attacker.
fn hash<'b>(parts: impl IntoIterator<Item = &'b [u8]>) -> String {
    let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    let hash = parts.into_iter().flatten().fold(0xcbf2_9ce4_8422_2325, mix);
    format!("{hash:016x}")
}
