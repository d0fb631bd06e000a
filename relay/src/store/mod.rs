//! What outlives the relay: classes with their members, and saved traces. SQLite, on a thread of its own, so that
//! the event loop never waits for a disk; in memory where no folder is given. Secrets are kept as digests only.

mod classes;
mod links;
mod schema;

use std::{
    error::Error,
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
    time::{SystemTime, UNIX_EPOCH},
};

pub use classes::{StoredClass, StoredMember};
pub use links::{Link, LinkQuota, LinkSpace};
use rusqlite::{Connection, ErrorCode};
use shared::outcome::{Failed, Reason};
use tokio::sync::oneshot;

use crate::{failure, sys::process};

/// The file in the folder that was given.
const FILE: &str = "playground.sqlite";
/// What a new one is called until it is whole.
const NEW_FILE: &str = "playground.sqlite.new";
/// What SQLite keeps beside a file it writes to (<https://sqlite.org/tempfiles.html>).
const COMPANIONS: [&str; 2] = ["playground.sqlite-wal", "playground.sqlite-journal"];

/// Something the store's thread run.
type StoreJob = Box<dyn FnOnce(&mut Connection) + Send>;

/// The store. Each thing asked of it is done whole or not at all, and is on its way to the disk when the answer
/// comes: a relay killed then has it when it is started again.
#[derive(Clone, Debug)]
pub struct Store {
    jobs: mpsc::Sender<StoreJob>,
}

impl Store {
    /// Opens the store in a folder, which is made if it is not there; or one in memory.
    ///
    /// # Errors
    /// What is wrong with the folder or the file, and what to do about it.
    pub fn open(folder: Option<&Path>) -> Result<Self, OpenError> {
        let connection = match folder {
            None => {
                open_in_memory().map_err(|error| OpenError::of(Path::new(":memory:"), &error))?
            }
            Some(folder) => {
                let path = folder.join(FILE);
                match inspect_folder(folder, &path)
                    .map_err(|error| OpenError::unusable(&path, &error))?
                {
                    FolderState::Nothing => {
                        create_file(folder, &path).map_err(|error| OpenError::of(&path, &error))?;
                    }
                    FolderState::File => {}
                    FolderState::Emptied => return Err(OpenError::Emptied { path }),
                    FolderState::OrphanedCompanion => return Err(OpenError::Missing { path }),
                }
                open_file(&path).map_err(|error| OpenError::of(&path, &error))?
            }
        };
        let (jobs, waiting) = mpsc::channel();
        let runs = thread::Builder::new().name("store".to_owned());
        let mut connection = connection;
        let work = move || {
            // It begins before the relay gives up its privileges, which a thread can only do for itself.
            if let Err(error) = process::drop_privileges() {
                eprintln!("relay: the store cannot give up its privileges: {error}");
                return;
            }
            while let Ok(job) = waiting.recv() {
                let job: StoreJob = job;
                job(&mut connection);
            }
        };
        runs.spawn(work).map_err(|error| OpenError::Unusable {
            path: folder.map(Path::to_owned).unwrap_or_default(),
            why: error.to_string(),
        })?;
        Ok(Self { jobs })
    }

    /// Has something done on the store's thread and waits for how it went.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Failed> {
        let (answer, coming) = oneshot::channel();
        let job = move |connection: &mut Connection| {
            // Who run not wait any longer has it done all the same.
            answer.send(work(connection)).ok();
        };
        self.jobs.send(Box::new(job)).ok();
        match coming.await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(store_failure(&error.to_string())),
            Err(_) => Err(store_failure("its thread has ended")),
        }
    }
}

fn store_failure(why: &str) -> Failed {
    eprintln!("relay: the store could not do what it was asked: {why}");
    let message = format!("this could not be kept: {why}");
    failure::relay(Reason::NotKept, message)
}

/// Now, in seconds since 1970-01-01 UTC.
#[must_use]
pub fn unix_time_s() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}

fn open_in_memory() -> Result<Connection, schema::SchemaError> {
    let mut connection = Connection::open_in_memory()?;
    schema::migrate(&mut connection)?;
    Ok(connection)
}

fn open_file(path: &Path) -> Result<Connection, schema::SchemaError> {
    let mut connection = Connection::open(path)?;
    // A second relay would not know what the first one has in its memory.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    // Both survive a relay that is killed; a machine that loses its power may lose the last moments, no more.
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    schema::check(&connection)?;
    schema::migrate(&mut connection)?;
    Ok(connection)
}

/// What is in a folder.
enum FolderState {
    /// No store yet.
    Nothing,
    /// A file that may be one.
    File,
    /// A file without a byte. The relay never leaves such a one, so something else emptied it.
    Emptied,
    /// What belongs to a file that is gone.
    OrphanedCompanion,
}

/// Looks into the folder, which is made if it is not there.
fn inspect_folder(folder: &Path, path: &Path) -> io::Result<FolderState> {
    fs::create_dir_all(folder)?;
    match fs::metadata(path) {
        Ok(file) if file.len() == 0 => Ok(FolderState::Emptied),
        Ok(_) => {
            // Opened for writing once, so that a file that cannot be written to is found out now.
            fs::OpenOptions::new().write(true).open(path)?;
            Ok(FolderState::File)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let is_left = COMPANIONS.iter().any(|name| folder.join(name).exists());
            Ok(if is_left {
                FolderState::OrphanedCompanion
            } else {
                FolderState::Nothing
            })
        }
        Err(error) => Err(error),
    }
}

/// Makes a new file, for nobody else to read. It has its name only when it is whole: a relay killed before leaves
/// nothing that looks like a store that was emptied.
fn create_file(folder: &Path, path: &Path) -> Result<(), schema::SchemaError> {
    let new = folder.join(NEW_FILE);
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&new)?;
    let mut connection = Connection::open(&new)?;
    schema::migrate(&mut connection)?;
    connection.close().map_err(|(_, error)| error)?;
    fs::rename(&new, path)?;
    Ok(())
}

/// Why the store cannot be used: one line that says what to do.
#[derive(Debug)]
pub enum OpenError {
    /// The folder or the file cannot be had, or there is no room.
    Unusable {
        /// Which.
        path: PathBuf,
        /// The system's own words.
        why: String,
    },
    /// The file is none of the relay's, or no longer as it was written.
    Damaged {
        /// Which.
        path: PathBuf,
        /// What was found.
        why: String,
    },
    /// Another relay has it.
    InUse {
        /// Which.
        path: PathBuf,
    },
    /// A newer relay has written it.
    Newer {
        /// Which.
        path: PathBuf,
    },
    /// The file has no byte, or no table, any more.
    Emptied {
        /// Which.
        path: PathBuf,
    },
    /// The file is gone, and what SQLite kept beside it is still there.
    Missing {
        /// Which.
        path: PathBuf,
    },
    /// Another program's database.
    Foreign {
        /// Which.
        path: PathBuf,
    },
}

impl OpenError {
    fn unusable(path: &Path, error: &io::Error) -> Self {
        Self::Unusable {
            path: path.to_owned(),
            why: error.to_string(),
        }
    }

    fn of(path: &Path, error: &schema::SchemaError) -> Self {
        let path = path.to_owned();
        let why = error.to_string();
        match error {
            schema::SchemaError::Newer => Self::Newer { path },
            schema::SchemaError::Empty => Self::Emptied { path },
            schema::SchemaError::Foreign => Self::Foreign { path },
            schema::SchemaError::Io(_) => Self::Unusable { path, why },
            schema::SchemaError::Damaged(_) => Self::Damaged { path, why },
            schema::SchemaError::Sqlite(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::InUse { path },
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                    Self::Damaged { path, why }
                }
                _ => Self::Unusable { path, why },
            },
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unusable { path, why } => write!(
                f,
                "cannot keep classes and saved traces in {}: {why}. Make room or choose another folder with --data \
                 DIR, or leave it out to keep them in memory",
                path.display()
            ),
            Self::Damaged { path, why } => write!(
                f,
                "{} is damaged: {why}. Put back a copy that is whole, or move the file away to begin anew",
                path.display()
            ),
            Self::InUse { path } => write!(
                f,
                "another relay uses {}: stop it, or choose another folder with --data DIR",
                path.display()
            ),
            Self::Newer { path } => write!(
                f,
                "{} was written by a newer relay: run that one, or choose another folder with --data DIR",
                path.display()
            ),
            Self::Emptied { path } => write!(
                f,
                "{} is empty: something other than the relay emptied it, and the classes and saved traces in it are \
                 gone. Put back a copy, or delete the file to begin anew",
                path.display()
            ),
            Self::Missing { path } => write!(
                f,
                "{} is gone, but what belongs to it is still there. Put the file back, or delete {} to begin anew",
                path.display(),
                COMPANIONS.join(" and ")
            ),
            Self::Foreign { path } => write!(
                f,
                "{} is another program's database: choose another folder with --data DIR, or move the file away to \
                 begin anew",
                path.display()
            ),
        }
    }
}

impl Error for OpenError {}

#[cfg(test)]
mod tests;
