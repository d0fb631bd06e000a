//! `web/` to wasm, by a second cargo inside the first, and its glue by wasm-bindgen.
//! What lives here knows cargo, rustup and wasm-bindgen; nothing here knows what the page looks like.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::Command;

use wasm_bindgen_cli_support::Bindgen;

use super::Outcome;

const TARGET: &str = "wasm32-unknown-unknown";
const PROFILE: &str = "web";

/// A part of the page: by its name `www/` may refer to `name.js`, and that leads to `name_bg.wasm`.
struct Part {
    name: &'static str,
    features: &'static [&'static str],
}

/// What the first sentence needs, and the whole that takes its place.
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

/// What the outer cargo was told about *its* build (flags, wrappers such as clippy's, a target) and
/// hands down through the environment. Jobserver, toolchain and network settings are meant to pass.
const NOT_FOR_THE_PAGE: &[&str] = &[
    "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
    "CARGO_BUILD_RUSTC_WRAPPER",
    "CARGO_BUILD_TARGET",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_TARGET_DIR",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
];

/// Builds `web/` and gives the generated files with their names.
pub(super) fn build(root: &Path, out: &Path) -> Outcome<Vec<(String, Vec<u8>)>> {
    ensure_target()?;
    let dir = target_dir(out);
    fs::create_dir_all(&dir)?;
    // Held until the modules are read: a second cargo could otherwise replace them in between.
    let _held = hold(&dir.join("relay-build.lock"))?;
    let module = dir.join(TARGET).join(PROFILE).join("web.wasm");
    let mut files = Vec::new();
    for part in &PARTS {
        compile(root, &dir, part)?;
        files.extend(bind(&module, &out.join("glue"), part)?);
    }
    Ok(files)
}

/// One folder beside `debug/` and `release/`, so that dev, release, clippy and tests compile `web/` once
/// between them. Never the outer cargo's own folder: it is locked, and both would wait for ever.
fn target_dir(out: &Path) -> PathBuf {
    let build = out.ancestors().find(|folder| folder.ends_with("build"));
    let target = build.and_then(Path::parent).and_then(Path::parent);
    target.unwrap_or(out).join("wasm")
}

fn hold(path: &Path) -> Outcome<File> {
    let file = File::create(path)?;
    // Any other refusal passes: some network file systems know no locks, and cargo builds there too.
    if let Err(TryLockError::WouldBlock) = file.try_lock() {
        file.lock()?;
    }
    Ok(file)
}

fn compile(root: &Path, dir: &Path, part: &Part) -> Outcome<()> {
    let mut cargo = Command::new(tool("CARGO"));
    // Quiet, so that a failure shows the compiler's words and nothing else.
    cargo.args(["build", "--quiet", "--locked", "-p", "web", "--lib"]);
    cargo.args(["--profile", PROFILE, "--target", TARGET]);
    cargo.args(part.features);
    cargo.arg("--manifest-path").arg(root.join("Cargo.toml"));
    cargo.arg("--target-dir").arg(dir);
    for variable in NOT_FOR_THE_PAGE {
        cargo.env_remove(variable);
    }
    // Set rather than removed: these also overrule what a configuration file says.
    cargo.env("CARGO_BUILD_BUILD_DIR", dir);
    cargo.env("CARGO_ENCODED_RUSTFLAGS", hide_home());
    if !cargo.status()?.success() {
        return Err("The page (web/) did not build: the reason stands above.".into());
    }
    Ok(())
}

/// The page's only flag: panic messages name source files, and without it would tell every visitor where
/// on the builder's disk these lie.
fn hide_home() -> OsString {
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

/// The wasm target: there, or added, or one line that says how to add it.
fn ensure_target() -> Outcome<()> {
    if has_target() {
        return Ok(());
    }
    let mut add = vec!["target".to_owned(), "add".to_owned(), TARGET.to_owned()];
    if let Ok(toolchain) = env::var("RUSTUP_TOOLCHAIN") {
        add.extend(["--toolchain".to_owned(), toolchain]);
    }
    // Whatever goes wrong here, rustup's words are on stderr and the next look decides.
    let tried = Command::new("rustup").args(&add).status();
    if has_target() {
        return Ok(());
    }
    let mut advice = format!(
        "The page needs Rust's {TARGET} target. Type this and build again:\n    rustup {}",
        add.join(" ")
    );
    if tried.is_err() {
        advice += "\n(Without rustup, get that target from where this Rust came.)";
    }
    Err(advice.into())
}

fn has_target() -> bool {
    let asked = Command::new(tool("RUSTC"))
        .args(["--print", "target-libdir", "--target", TARGET])
        .output();
    asked.is_ok_and(|answer| {
        let folder = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
        answer.status.success() && Path::new(&folder).is_dir()
    })
}

/// The very tool that runs this build, not another of that name on the path.
fn tool(variable: &str) -> OsString {
    env::var_os(variable).unwrap_or_else(|| variable.to_lowercase().into())
}
