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
use schema::SchemaError;
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
        let mut connection = match folder {
            None => {
                open_in_memory().map_err(|error| Problem::from(error).at(Path::new(":memory:")))?
            }
            Some(folder) => {
                let path = folder.join(FILE);
                open_in(folder, &path).map_err(|problem| problem.at(&path))?
            }
        };
        let (jobs, waiting) = mpsc::channel::<StoreJob>();
        let runs = thread::Builder::new().name("store".to_owned());
        let work = move || {
            // Each thread has to drop its own privileges, and this one starts before the main thread drops its.
            if let Err(error) = process::drop_privileges() {
                eprintln!(
                    "relay: the store's thread cannot drop its privileges, so nothing is stored: {error}"
                );
                return;
            }
            for job in waiting {
                job(&mut connection);
            }
        };
        let path = folder.unwrap_or(Path::new(""));
        runs.spawn(work)
            .map_err(|error| Problem::from(error).at(path))?;
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

/// Opens the store's file in a folder, and creates it if there is none.
fn open_in(folder: &Path, path: &Path) -> Result<Connection, Problem> {
    match inspect_folder(folder, path)? {
        FolderState::Nothing => create_file(folder, path)?,
        FolderState::File => {}
        FolderState::Emptied => return Err(Problem::Emptied),
        FolderState::OrphanedCompanion => return Err(Problem::Missing),
    }
    Ok(open_file(path)?)
}

fn open_in_memory() -> Result<Connection, SchemaError> {
    let mut connection = Connection::open_in_memory()?;
    schema::migrate(&mut connection)?;
    Ok(connection)
}

fn open_file(path: &Path) -> Result<Connection, SchemaError> {
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
fn create_file(folder: &Path, path: &Path) -> Result<(), SchemaError> {
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
pub struct OpenError {
    /// The file.
    path: PathBuf,
    problem: Problem,
}

/// What is wrong with the store's file.
#[derive(Debug)]
enum Problem {
    /// The folder or the file cannot be used, or the disk is full: the system's error.
    Unusable(String),
    /// The file is damaged: how.
    Damaged(String),
    /// Another relay uses the file.
    InUse,
    /// A newer relay has written the file.
    Newer,
    /// The file has been emptied.
    Emptied,
    /// The file is missing, but its companions exist.
    Missing,
    /// The file is another program's database.
    Foreign,
}

impl Problem {
    fn at(self, path: &Path) -> OpenError {
        let path = path.to_owned();
        OpenError {
            path,
            problem: self,
        }
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Unusable(error.to_string())
    }
}

impl From<SchemaError> for Problem {
    fn from(error: SchemaError) -> Self {
        let why = error.to_string();
        match error {
            SchemaError::Newer => Self::Newer,
            SchemaError::Empty => Self::Emptied,
            SchemaError::Foreign => Self::Foreign,
            SchemaError::Io(_) => Self::Unusable(why),
            SchemaError::Damaged(_) => Self::Damaged(why),
            SchemaError::Sqlite(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::InUse,
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(why),
                _ => Self::Unusable(why),
            },
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.problem {
            Problem::Unusable(why) => write!(
                f,
                "cannot store classes and saved traces in {path}: {why}. Free some space, choose another folder with \
                 --data DIR, or leave out --data to keep them in memory"
            ),
            Problem::Damaged(why) => write!(
                f,
                "{path} is damaged: {why}. Restore an undamaged copy, or move the file away to start with an empty store"
            ),
            Problem::InUse => write!(
                f,
                "another relay is using {path}: stop it, or choose another folder with --data DIR"
            ),
            Problem::Newer => write!(
                f,
                "{path} was written by a newer relay: run that version, or choose another folder with --data DIR"
            ),
            Problem::Emptied => write!(
                f,
                "{path} is empty: another program has emptied it, and its classes and saved traces are gone. Restore a \
                 copy, or delete the file to start with an empty store"
            ),
            Problem::Missing => write!(
                f,
                "{path} is missing, but its companion files exist. Restore the file, or delete {} to start with an \
                 empty store",
                COMPANIONS.join(" and ")
            ),
            Problem::Foreign => write!(
                f,
                "{path} is another program's database: choose another folder with --data DIR, or move the file away to \
                 start with an empty store"
            ),
        }
    }
}

impl Error for OpenError {}

#[cfg(test)]
mod tests;
