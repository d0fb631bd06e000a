//! Makes the page that the relay carries: `web/` becomes wasm and its JavaScript glue (`build/wasm.rs`),
//! these and the files of `www/` get hashed names (`build/site/`), are compressed,
//! and become the table that `src/http/assets.rs` includes (`build/pack.rs`).
//!
//! There is no placeholder page: what cannot be built stops the build and says why.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[path = "build/pack.rs"]
mod pack;
#[path = "build/site/mod.rs"]
mod site;
#[path = "build/wasm.rs"]
mod wasm;

/// What the build script's steps give; an error is a sentence for whoever typed `cargo`.
type Outcome<T> = Result<T, Box<dyn Error>>;

/// All that the page is made of, seen from the workspace's root. Never an output, never a clock.
const INGREDIENTS: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "relay/build",
    "relay/build.rs",
    "shared/Cargo.toml",
    "shared/src",
    "web/Cargo.toml",
    "web/src",
    "www",
];

/// Not a panic: a compile error in `web/` should end with rustc's words, not with a backtrace of ours.
fn main() -> ExitCode {
    match make_page() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn make_page() -> Outcome<()> {
    let root = directory("CARGO_MANIFEST_DIR")?.join("..");
    let out = directory("OUT_DIR")?;

    let glue = wasm::build(&root, &out)?;
    let mut sources = BTreeMap::new();
    read_tree(&root.join("www"), "", &mut sources)?;
    for (name, bytes) in glue {
        if sources.insert(name.clone(), bytes).is_some() {
            return Err(format!("www/{name}: this name belongs to a generated file").into());
        }
    }
    pack::write(&site::build(sources)?, &out)?;

    for ingredient in INGREDIENTS {
        println!("cargo::rerun-if-changed=../{ingredient}");
    }
    Ok(())
}

fn directory(variable: &str) -> Outcome<PathBuf> {
    match std::env::var_os(variable) {
        Some(value) => Ok(value.into()),
        None => Err(format!("cargo did not set {variable}").into()),
    }
}

/// Collects a folder's files by their names seen from `www/`; editors' hidden ones stay out.
fn read_tree(folder: &Path, prefix: &str, into: &mut BTreeMap<String, Vec<u8>>) -> Outcome<()> {
    let entries = fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return Err(format!("{}: its name is not UTF-8", path.display()).into());
        };
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            read_tree(&path, &format!("{prefix}{name}/"), into)?;
        } else {
            let bytes = fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
            into.insert(format!("{prefix}{name}"), bytes);
        }
    }
    Ok(())
}
