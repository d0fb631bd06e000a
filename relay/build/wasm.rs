//! Compiles `web/` to wasm with a second cargo inside the first, and makes its JavaScript with wasm-bindgen.
//! This room knows cargo, rustup and wasm-bindgen; `site` knows the files of the page.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::Command;

use wasm_bindgen_cli_support::Bindgen;

use super::Outcome;

const TARGET: &str = "wasm32-unknown-unknown";
const PROFILE: &str = "web";

/// One of the page's two programs, which becomes `name.js` and `name_bg.wasm`.
struct Part {
    name: &'static str,
    features: &'static [&'static str],
}

/// The first part, which can exchange a sentence, and the whole page, which replaces it.
const PARTS: [Part; 2] = [
    Part {
        name: "first",
        features: &["--no-default-features"],
    },
    Part {
        name: "app",
        features: &[],
    },
];

/// Variables by which the outer cargo passes on settings of its own build (flags, wrappers such as clippy's, a
/// target). Jobserver, toolchain and network settings do apply to the page.
const OUTER_BUILD_VARIABLES: &[&str] = &[
    "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
    "CARGO_BUILD_RUSTC_WRAPPER",
    "CARGO_BUILD_TARGET",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_TARGET_DIR",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
];

/// Builds `web/` and returns the generated files with their names.
pub(super) fn build(root: &Path, out: &Path) -> Outcome<Vec<(String, Vec<u8>)>> {
    ensure_target()?;
    let dir = target_dir(out);
    fs::create_dir_all(&dir)?;
    // Held until the modules are read; otherwise a second cargo could replace them meanwhile.
    let _lock = lock(&dir.join("relay-build.lock"))?;
    let module = dir.join(TARGET).join(PROFILE).join("web.wasm");
    let mut files = Vec::new();
    for part in &PARTS {
        compile(root, &dir, part)?;
        files.extend(bind(&module, &out.join("glue"), part)?);
    }
    Ok(files)
}

/// A folder beside `debug/` and `release/`, so that dev, release, clippy and test builds share the compiled `web/`.
/// The outer cargo's own folder would be a deadlock: the outer cargo holds its lock.
fn target_dir(out: &Path) -> PathBuf {
    let build = out.ancestors().find(|folder| folder.ends_with("build"));
    let target = build.and_then(Path::parent).and_then(Path::parent);
    target.unwrap_or(out).join("wasm")
}

fn lock(path: &Path) -> Outcome<File> {
    let file = File::create(path)?;
    // Other errors are ignored: some network file systems have no locks, and cargo builds there too.
    if let Err(TryLockError::WouldBlock) = file.try_lock() {
        file.lock()?;
    }
    Ok(file)
}

fn compile(root: &Path, dir: &Path, part: &Part) -> Outcome<()> {
    let mut cargo = Command::new(tool("CARGO"));
    // Quiet, so that a failure shows only the compiler's messages.
    cargo.args(["build", "--quiet", "--locked", "-p", "web", "--lib"]);
    cargo.args(["--profile", PROFILE, "--target", TARGET]);
    cargo.args(part.features);
    cargo.arg("--manifest-path").arg(root.join("Cargo.toml"));
    cargo.arg("--target-dir").arg(dir);
    for variable in OUTER_BUILD_VARIABLES {
        cargo.env_remove(variable);
    }
    // Set, not removed: these also override a configuration file.
    cargo.env("CARGO_BUILD_BUILD_DIR", dir);
    cargo.env("CARGO_ENCODED_RUSTFLAGS", remap_registry());
    if !cargo.status()?.success() {
        return Err("The page (web/) did not build; the errors are above.".into());
    }
    Ok(())
}

/// The page's only flag. Panic messages name source files; without it they would show the paths of the builder's
/// disk.
fn remap_registry() -> OsString {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".cargo")));
    let mut flag = OsString::from("--remap-path-prefix=");
    flag.push(home.unwrap_or_default().join("registry").join("src"));
    flag.push("=registry");
    flag
}

fn bind(module: &Path, glue: &Path, part: &Part) -> Outcome<[(String, Vec<u8>); 2]> {
    if glue.exists() {
        fs::remove_dir_all(glue)?;
    }
    Bindgen::new()
        .input_path(module)
        .out_name(part.name)
        .web(true)?
        .typescript(false)
        .omit_default_module_path(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(glue)
        .map_err(|error| format!("wasm-bindgen: {error:#}"))?;
    if glue.join("snippets").exists() {
        let why = "a dependency of web/ brings JavaScript of its own, and the page has one script";
        return Err(format!("wasm-bindgen wrote `snippets/`: {why}").into());
    }
    let read = |ending| {
        let name = [part.name, ending].concat();
        Ok::<_, std::io::Error>((name.clone(), fs::read(glue.join(name))?))
    };
    Ok([read(".js")?, read("_bg.wasm")?])
}

/// Adds the wasm target if it is missing.
///
/// # Errors
/// The command to add it, if that fails.
fn ensure_target() -> Outcome<()> {
    if has_target() {
        return Ok(());
    }
    let mut add = vec!["target".to_owned(), "add".to_owned(), TARGET.to_owned()];
    if let Ok(toolchain) = env::var("RUSTUP_TOOLCHAIN") {
        add.extend(["--toolchain".to_owned(), toolchain]);
    }
    // The next check decides; rustup's own messages are on stderr.
    let added = Command::new("rustup").args(&add).status();
    if has_target() {
        return Ok(());
    }
    let mut advice = format!(
        "The page needs Rust's {TARGET} target. Type this and build again:\n    rustup {}",
        add.join(" ")
    );
    if added.is_err() {
        advice += "\n(Without rustup, get that target from where this Rust came.)";
    }
    Err(advice.into())
}

fn has_target() -> bool {
    let answer = Command::new(tool("RUSTC"))
        .args(["--print", "target-libdir", "--target", TARGET])
        .output();
    answer.is_ok_and(|answer| {
        let folder = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
        answer.status.success() && Path::new(&folder).is_dir()
    })
}

/// The tool of this build; the path may have another of that name.
fn tool(variable: &str) -> OsString {
    env::var_os(variable).unwrap_or_else(|| variable.to_lowercase().into())
}
