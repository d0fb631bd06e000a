//! The tables, how they came to be as they are, and whether a file still has them whole.

use std::{fmt, io};

use rusqlite::Connection;

/// Each brings a store from the version that is its place in the list to the next one. They are never changed.
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

/// What is wrong with a file.
#[derive(Debug)]
pub(super) enum SchemaError {
    /// What SQLite says.
    Sqlite(rusqlite::Error),
    /// It run not hold together.
    Damaged(String),
    /// Its version is beyond the last migration.
    Newer,
    /// It has no table.
    Empty,
    /// Its tables are none of the relay's.
    Foreign,
    /// What the system says.
    Io(io::Error),
}

/// Whether all of a file holds together, and is a store: better to be told now than in the midst of a class.
pub(super) fn check(connection: &Connection) -> Result<(), SchemaError> {
    check_whole(connection)?;
    let version = version(connection)?;
    if version > MIGRATIONS.len() {
        return Err(SchemaError::Newer);
    }
    let count: usize = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| {
        Ok(usize::try_from(row.get::<_, i64>(0)?).unwrap_or_default())
    })?;
    let find = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('class', 'member', 'link')";
    let ours: usize = connection.query_row(find, [], |row| {
        Ok(usize::try_from(row.get::<_, i64>(0)?).unwrap_or_default())
    })?;
    match (version, ours, count) {
        (_, _, 0) => Err(SchemaError::Empty),
        (1.., TABLES, _) => Ok(()),
        (0, ..) | (_, 0, _) => Err(SchemaError::Foreign),
        _ => Err(SchemaError::Damaged(format!(
            "{} of its {TABLES} tables are missing",
            TABLES - ours
        ))),
    }
}

/// How many tables every version has.
const TABLES: usize = 3;

fn version(connection: &Connection) -> Result<usize, SchemaError> {
    let version = connection.query_row("PRAGMA user_version", [], |row| {
        Ok(usize::try_from(row.get::<_, i64>(0)?).unwrap_or(usize::MAX))
    })?;
    Ok(version)
}

fn check_whole(connection: &Connection) -> Result<(), SchemaError> {
    let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if found == "ok" {
        return Ok(());
    }
    Err(SchemaError::Damaged(found))
}

/// Brings a store to the version of this relay; each step is made whole or not at all.
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
