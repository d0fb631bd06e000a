//! Persistence: classes with their members, and saved traces, in SQLite. It runs on its own thread, so that the event loop
//! never waits for a disk, and in memory if no folder is given. Tokens are stored as digests only.
//!
//! `schema` has the tables and migrations, `classes` and `links` the queries. What a class may do is in `class`.

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
use rusqlite::{Connection, ErrorCode, Params};
use shared::outcome::{Failed, Reason};
use tokio::sync::oneshot;

use crate::{failure, sys::process};

/// Name of the database file in the folder.
const FILE: &str = "playground.sqlite";
/// Name of a new file until it is complete.
const NEW_FILE: &str = "playground.sqlite.new";
/// Files that SQLite keeps beside the database (<https://sqlite.org/tempfiles.html>).
const COMPANIONS: [&str; 2] = ["playground.sqlite-wal", "playground.sqlite-journal"];

/// A job for the store's thread.
type StoreJob = Box<dyn FnOnce(&mut Connection) + Send>;

/// A handle to the store. Every operation is atomic. When it resolves, the operating system has the data: it survives if
/// the relay is killed then.
#[derive(Clone, Debug)]
pub struct Store {
    jobs: mpsc::Sender<StoreJob>,
}

impl Store {
    /// Opens the store in a folder, which is created if necessary, or else in memory.
    ///
    /// # Errors
    /// What is wrong with the folder or file, and what to do.
    pub fn open(folder: Option<&Path>) -> Result<Self, OpenError> {
        let connection = match folder {
            None => open_in_memory()
                .map_err(|error| OpenError::from_schema(Path::new(":memory:"), &error))?,
            Some(folder) => {
                let path = folder.join(FILE);
                match inspect_folder(folder, &path)
                    .map_err(|error| OpenError::unusable(&path, &error))?
                {
                    FolderState::Nothing => {
                        create_file(folder, &path)
                            .map_err(|error| OpenError::from_schema(&path, &error))?;
                    }
                    FolderState::File => {}
                    FolderState::Emptied => return Err(OpenError::Emptied { path }),
                    FolderState::OrphanedCompanion => return Err(OpenError::Missing { path }),
                }
                open_file(&path).map_err(|error| OpenError::from_schema(&path, &error))?
            }
        };
        let (jobs, waiting) = mpsc::channel();
        let runs = thread::Builder::new().name("store".to_owned());
        let mut connection = connection;
        let work = move || {
            // Each thread has to drop its own privileges, and this one starts before the main thread drops its.
            if let Err(error) = process::drop_privileges() {
                eprintln!(
                    "relay: the store's thread cannot drop its privileges, so nothing is stored: {error}"
                );
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

    /// Runs one statement on the store's thread. Returns the number of changed rows.
    async fn execute(
        &self,
        statement: &'static str,
        parameters: impl Params + Send + 'static,
    ) -> Result<usize, Failed> {
        self.run(move |connection| connection.execute(statement, parameters))
            .await
    }

    /// Runs `work` on the store's thread, and waits for its result.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Failed> {
        let (sender, result) = oneshot::channel();
        let job = move |connection: &mut Connection| {
            // The caller may have been dropped meanwhile; the work is done all the same.
            sender.send(work(connection)).ok();
        };
        self.jobs.send(Box::new(job)).ok();
        match result.await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(store_failure(&error.to_string())),
            Err(_) => Err(store_failure("the store's thread has ended")),
        }
    }
}

fn store_failure(why: &str) -> Failed {
    eprintln!("relay: a change could not be stored: {why}");
    let message = format!("this could not be stored: {why}");
    failure::relay(Reason::NotKept, message)
}

/// The current time in seconds since 1970-01-01 UTC.
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
    // A second relay would not know the classes that the first one has in memory.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    // The data survive a killed relay. If the machine loses power, the last moments may be lost.
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    schema::check(&connection)?;
    schema::migrate(&mut connection)?;
    Ok(connection)
}

/// The state of the folder.
enum FolderState {
    /// There is no store yet.
    Nothing,
    /// There is a file, which may be a store.
    File,
    /// The file is empty. The relay never leaves an empty file, so another program has emptied it.
    Emptied,
    /// The file is missing, but its companions exist.
    OrphanedCompanion,
}

/// Inspects the folder, and creates it if it does not exist.
fn inspect_folder(folder: &Path, path: &Path) -> io::Result<FolderState> {
    fs::create_dir_all(folder)?;
    match fs::metadata(path) {
        Ok(file) if file.len() == 0 => Ok(FolderState::Emptied),
        Ok(_) => {
            // Detects now whether the file can be written.
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

/// Creates a new file that only this user can read. It receives its final name when it is complete, so that a relay killed
/// before that leaves nothing that looks like an emptied store.
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

/// Why the store cannot be opened. `Display` is one line that says what to do.
#[derive(Debug)]
pub enum OpenError {
    /// The folder or the file cannot be used, or the disk is full.
    Unusable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        why: String,
    },
    /// The file is damaged.
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Another relay uses the file.
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A newer relay has written the file.
    Newer {
        /// The file.
        path: PathBuf,
    },
    /// The file has been emptied.
    Emptied {
        /// The file.
        path: PathBuf,
    },
    /// The file is missing, but its companions exist.
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file is another program's database.
    Foreign {
        /// The file.
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

    fn from_schema(path: &Path, error: &schema::SchemaError) -> Self {
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
                "cannot store classes and saved traces in {}: {why}. Free some space, choose another folder with --data \
                 DIR, or leave out --data to keep them in memory",
                path.display()
            ),
            Self::Damaged { path, why } => write!(
                f,
                "{} is damaged: {why}. Restore an undamaged copy, or move the file away to start with an empty store",
                path.display()
            ),
            Self::InUse { path } => write!(
                f,
                "another relay is using {}: stop it, or choose another folder with --data DIR",
                path.display()
            ),
            Self::Newer { path } => write!(
                f,
                "{} was written by a newer relay: run that version, or choose another folder with --data DIR",
                path.display()
            ),
            Self::Emptied { path } => write!(
                f,
                "{} is empty: another program has emptied it, and its classes and saved traces are gone. Restore a \
                 copy, or delete the file to start with an empty store",
                path.display()
            ),
            Self::Missing { path } => write!(
                f,
                "{} is missing, but its companion files exist. Restore the file, or delete {} to start with an empty store",
                path.display(),
                COMPANIONS.join(" and ")
            ),
            Self::Foreign { path } => write!(
                f,
                "{} is another program's database: choose another folder with --data DIR, or move the file away to \
                 start with an empty store",
                path.display()
            ),
        }
    }
}

impl Error for OpenError {}

#[cfg(test)]
mod tests;
