//! The tables, their migrations, and the checks of a file when it is opened.

use std::{fmt, io};

use rusqlite::Connection;

/// The migration at index `n` upgrades a store from version `n` to `n + 1`. Migrations must never be changed.
const MIGRATIONS: [&str; 2] = [
    "
    CREATE TABLE class (
        code TEXT PRIMARY KEY,
        lab TEXT NOT NULL,
        teacher BLOB NOT NULL,
        state TEXT NOT NULL,
        next_member INTEGER NOT NULL,
        used_s INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE member (
        code TEXT NOT NULL REFERENCES class (code) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        name TEXT NOT NULL,
        token BLOB NOT NULL,
        muted INTEGER NOT NULL,
        PRIMARY KEY (code, number)
    ) STRICT;
    CREATE TABLE link (
        id TEXT PRIMARY KEY,
        secret BLOB NOT NULL,
        address BLOB NOT NULL,
        expires_s INTEGER NOT NULL,
        trace BLOB NOT NULL
    ) STRICT;
    CREATE INDEX link_by_address ON link (address);
    CREATE INDEX link_by_expiry ON link (expires_s);
",
    "
    ALTER TABLE member ADD COLUMN said TEXT NOT NULL DEFAULT '';
    ALTER TABLE member ADD COLUMN removed INTEGER NOT NULL DEFAULT 0;
",
];

/// Why a file cannot be used.
#[derive(Debug)]
pub(super) enum SchemaError {
    /// An error of SQLite.
    Sqlite(rusqlite::Error),
    /// The file is inconsistent.
    Damaged(String),
    /// Its version is newer than the last migration.
    Newer,
    /// It has no table.
    Empty,
    /// It has the tables of another program.
    Foreign,
    /// An error of the system.
    Io(io::Error),
}

/// Checks that a file is consistent and is a store, so that damage is found at start and not during a class.
pub(super) fn check(connection: &Connection) -> Result<(), SchemaError> {
    check_whole(connection)?;
    let version = version(connection)?;
    if version > MIGRATIONS.len() {
        return Err(SchemaError::Newer);
    }
    let all = number(connection, "SELECT count(*) FROM sqlite_schema")?;
    let find = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('class', 'member', 'link')";
    let ours = number(connection, find)?;
    match (version, ours, all) {
        (_, _, 0) => Err(SchemaError::Empty),
        (1.., TABLES, _) => Ok(()),
        (0, ..) | (_, 0, _) => Err(SchemaError::Foreign),
        _ => Err(SchemaError::Damaged(format!(
            "{} of its {TABLES} tables are missing",
            TABLES - ours
        ))),
    }
}

/// Number of tables in every version.
const TABLES: usize = 3;

fn version(connection: &Connection) -> Result<usize, SchemaError> {
    number(connection, "PRAGMA user_version")
}

/// Returns the single number that a query selects. A negative one becomes `usize::MAX`.
fn number(connection: &Connection, query: &str) -> Result<usize, SchemaError> {
    let number: i64 = connection.query_row(query, [], |row| row.get(0))?;
    Ok(usize::try_from(number).unwrap_or(usize::MAX))
}

fn check_whole(connection: &Connection) -> Result<(), SchemaError> {
    let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if found == "ok" {
        return Ok(());
    }
    Err(SchemaError::Damaged(found))
}

/// Upgrades a store to the current version. Each migration is atomic.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), SchemaError> {
    connection.pragma_update(None, "foreign_keys", true)?;
    let version = version(connection)?;
    let steps = MIGRATIONS.get(version..).ok_or(SchemaError::Newer)?;
    for (step, next) in steps.iter().zip(version + 1..) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", next.to_string())?;
        transaction.commit()?;
    }
    Ok(())
}

impl From<rusqlite::Error> for SchemaError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<io::Error> for SchemaError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(error) => error.fmt(f),
            Self::Damaged(found) => f.write_str(found),
            Self::Newer => f.write_str("its version is unknown"),
            Self::Empty => f.write_str("it has no table"),
            Self::Foreign => f.write_str("its tables are another program's"),
            Self::Io(error) => error.fmt(f),
        }
    }
}
