//! Makes the page that the relay serves. `build/wasm.rs` compiles `web/` to wasm with its JavaScript glue,
//! `build/site` joins these and the files of `www/` under one folder named after the build, and `build/pack.rs`
//! compresses them and writes the table that `src/http/assets.rs` includes.
//!
//! There is no placeholder page: an error stops the build with its reason.

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

/// The result of a step of the build; its error is a sentence for the person who ran cargo.
type Outcome<T> = Result<T, Box<dyn Error>>;

/// All that the page is made of, by paths from the workspace's root. Outputs and clocks are not among it.
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

/// Returns instead of panicking, so that a compile error in `web/` ends with rustc's message and no backtrace.
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

/// Reads a folder's files into `into`, by their paths from `www/`. Skips hidden files, which editors leave there.
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
