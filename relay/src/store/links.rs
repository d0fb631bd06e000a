//! Saved traces.

use rusqlite::{Connection, OptionalExtension, ToSql, params};
use shared::outcome::Failed;

use super::Store;
use crate::token::Digest;

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

/// What saved traces may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkQuota {
    /// Traces in total, and of one address.
    pub links: [u64; 2],
    /// Bytes in total, and of one address.
    pub bytes: [u64; 2],
}

/// Whether there is room for a saved trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkSpace {
    /// There is; if it was to be saved, it is.
    Available,
    /// There are as many as there may be.
    TooMany,
    /// There are as many of this address as there may be.
    TooManyFromAddress,
    /// They would have more bytes than they may.
    TooManyBytes,
    /// Those of this address would have more bytes than they may.
    TooManyBytesFromAddress,
}

/// How many saved traces there are, and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Usage {
    links: u64,
    bytes: u64,
}

/// Whether one more of `bytes` fits. Pure.
const fn link_space_for(quota: LinkQuota, [total, here]: [Usage; 2], bytes: u64) -> LinkSpace {
    let [links, links_here] = quota.links;
    let [most, most_here] = quota.bytes;
    if total.links >= links {
        LinkSpace::TooMany
    } else if here.links >= links_here {
        LinkSpace::TooManyFromAddress
    } else if total.bytes.saturating_add(bytes) > most {
        LinkSpace::TooManyBytes
    } else if here.bytes.saturating_add(bytes) > most_here {
        LinkSpace::TooManyBytesFromAddress
    } else {
        LinkSpace::Available
    }
}

impl Store {
    /// Whether there is room for one more trace of this address, however short.
    ///
    /// # Errors
    /// Where that could not be read.
    pub async fn link_space(
        &self,
        address: Digest,
        quota: LinkQuota,
        unix_time_s: u64,
    ) -> Result<LinkSpace, Failed> {
        self.run(move |connection| {
            delete_expired(connection, unix_time_s)?;
            Ok(link_space_for(quota, usage(connection, address)?, 1))
        })
        .await
    }

    /// Saves a trace, if the quota has room for it. None that is saved makes room for it.
    ///
    /// # Errors
    /// Where it could not be kept.
    pub async fn save_link(
        &self,
        link: Link,
        quota: LinkQuota,
        unix_time_s: u64,
    ) -> Result<LinkSpace, Failed> {
        self.run(move |connection| {
            let transaction = connection.transaction()?;
            delete_expired(&transaction, unix_time_s)?;
            let used = usage(&transaction, link.address)?;
            let room = link_space_for(quota, used, link.trace.len() as u64);
            if room != LinkSpace::Available {
                return Ok(room);
            }
            transaction.execute(
                "INSERT INTO link (id, secret, address, expires_s, trace) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![link.id, link.secret, link.address, link.expires_s, link.trace],
            )?;
            transaction.commit()?;
            Ok(LinkSpace::Available)
        })
        .await
    }

    /// The saved trace under this name; none where there is none, or no longer.
    ///
    /// # Errors
    /// Where it could not be read.
    pub async fn link(&self, id: String, unix_time_s: u64) -> Result<Option<Vec<u8>>, Failed> {
        self.run(move |connection| {
            let find = "SELECT trace FROM link WHERE id = ?1 AND expires_s > ?2";
            let row = connection.query_row(find, params![id, unix_time_s], |row| row.get(0));
            row.optional()
        })
        .await
    }

    /// Deletes a saved trace; tells whether there was one with that name and that secret.
    ///
    /// # Errors
    /// Where it could not be deleted.
    pub async fn delete_link(&self, id: String, secret: Digest) -> Result<bool, Failed> {
        self.run(move |connection| {
            // Digests of secrets are compared, not secrets: how long that takes tells nothing of them.
            let delete = "DELETE FROM link WHERE id = ?1 AND secret = ?2";
            Ok(connection.execute(delete, params![id, secret])? > 0)
        })
        .await
    }
}

/// In total, and of one address.
fn usage(connection: &Connection, address: Digest) -> rusqlite::Result<[Usage; 2]> {
    // The length of a blob stands before it: none is read.
    let read = |which: &str, parameters: &[&dyn ToSql]| {
        let query = format!("SELECT count(*), coalesce(sum(length(trace)), 0) FROM link {which}");
        connection.query_row(&query, parameters, |row| {
            Ok(Usage {
                links: row.get(0)?,
                bytes: row.get(1)?,
            })
        })
    };
    Ok([read("", &[])?, read("WHERE address = ?1", &[&address])?])
}

fn delete_expired(connection: &Connection, unix_time_s: u64) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM link WHERE expires_s <= ?1", [unix_time_s])?;
    Ok(())
}
