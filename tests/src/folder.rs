//! A temporary folder, deleted with the story.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

/// A folder that every user of the machine may read and write; empty at first.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Makes it.
    ///
    /// # Panics
    /// Where there is no room for one.
    #[must_use]
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let nth = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("socket-playground-story-{}-{nth}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("room for a folder");
        open_to_all(&path);
        Self(path)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Puts a file into it.
    ///
    /// # Panics
    /// Where there is no room for it.
    pub fn keeps(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, bytes).expect("room for a file");
        path
    }

    /// Puts a copy of a program into it, that everybody may run.
    ///
    /// # Panics
    /// Where it cannot be copied.
    #[must_use]
    pub fn copies(&self, program: &Path) -> PathBuf {
        let path = self.0.join("program");
        fs::copy(program, &path).expect("room for a copy");
        open_to_all(&path);
        path
    }

    /// The names of the files in it.
    ///
    /// # Panics
    /// When it is gone.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).expect("the folder");
        let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        entries.filter_map(Result::ok).map(name).collect()
    }
}

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

#[cfg(unix)]
fn open_to_all(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let all = fs::Permissions::from_mode(0o755);
    fs::set_permissions(path, all).expect("our own file");
}

#[cfg(not(unix))]
fn open_to_all(_: &Path) {}
