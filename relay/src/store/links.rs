//! Saved traces.

use rusqlite::{Connection, OptionalExtension, params};
use shared::outcome::Failed;

use super::Store;
use crate::lab::secret::Digest;

/// A trace to be saved.
#[derive(Debug)]
pub struct Link {
    /// What it is found by; cannot be guessed.
    pub id: String,
    /// Of the secret that deletes it.
    pub secret: Digest,
    /// Of the address it comes from.
    pub address: Digest,
    /// When it is to be deleted, in seconds since 1970-01-01 UTC.
    pub expires_s: u64,
    /// The file.
    pub trace: Vec<u8>,
}

/// Whether there was room for a saved trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// It is saved.
    Enough,
    /// There are as many as there may be.
    NoneInTotal,
    /// There are as many of this address as there may be.
    NoneFromAddress,
}

impl Store {
    /// Saves a trace, if there are fewer than `most`, and of its address fewer than `most_here`.
    ///
    /// # Errors
    /// Where it could not be kept.
    pub async fn save_link(
        &self,
        link: Link,
        (most, most_here): (u64, u64),
        now_s: u64,
    ) -> Result<Room, Failed> {
        self.does(move |connection| {
            let transaction = connection.transaction()?;
            forget_expired(&transaction, now_s)?;
            let total: u64 =
                transaction.query_row("SELECT count(*) FROM link", [], |row| row.get(0))?;
            let of_address = "SELECT count(*) FROM link WHERE address = ?1";
            let here: u64 = transaction.query_row(of_address, [link.address], |row| row.get(0))?;
            if total >= most {
                return Ok(Room::NoneInTotal);
            }
            if here >= most_here {
                return Ok(Room::NoneFromAddress);
            }
            transaction.execute(
                "INSERT INTO link (id, secret, address, expires_s, trace) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![link.id, link.secret, link.address, link.expires_s, link.trace],
            )?;
            transaction.commit()?;
            Ok(Room::Enough)
        })
        .await
    }

    /// The saved trace under this name; none where there is none, or no longer.
    ///
    /// # Errors
    /// Where it could not be read.
    pub async fn link(&self, id: String, now_s: u64) -> Result<Option<Vec<u8>>, Failed> {
        self.does(move |connection| {
            let find = "SELECT trace FROM link WHERE id = ?1 AND expires_s > ?2";
            let row = connection.query_row(find, params![id, now_s], |row| row.get(0));
            row.optional()
        })
        .await
    }

    /// Deletes a saved trace; tells whether there was one with that name and that secret.
    ///
    /// # Errors
    /// Where it could not be deleted.
    pub async fn delete_link(&self, id: String, secret: Digest) -> Result<bool, Failed> {
        self.does(move |connection| {
            // Digests of secrets are compared, not secrets: how long that takes tells nothing of them.
            let delete = "DELETE FROM link WHERE id = ?1 AND secret = ?2";
            Ok(connection.execute(delete, params![id, secret])? > 0)
        })
        .await
    }
}

fn forget_expired(connection: &Connection, now_s: u64) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM link WHERE expires_s <= ?1", [now_s])?;
    Ok(())
}
