//! Saved traces (links) and their quota.

use rusqlite::{Connection, OptionalExtension, ToSql, params};
use shared::outcome::Failed;

use super::Store;
use crate::token::Digest;

/// A trace to save.
#[derive(Debug)]
pub struct Link {
    /// The random id by which it is found.
    pub id: String,
    /// The digest of the token with which it can be deleted.
    pub secret: Digest,
    /// The digest of the address that saves it.
    pub address: Digest,
    /// When it expires, in seconds since 1970-01-01 UTC.
    pub expires_s: u64,
    /// The file's bytes.
    pub trace: Vec<u8>,
}

/// Limits of all saved traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkQuota {
    /// Number of traces in total, and per address.
    pub links: [u64; 2],
    /// Bytes in total, and per address.
    pub bytes: [u64; 2],
}

/// Whether the quota allows another saved trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkSpace {
    /// It does.
    Available,
    /// The number in total is reached.
    TooMany,
    /// The number per address is reached.
    TooManyFromAddress,
    /// The bytes in total would exceed their limit.
    TooManyBytes,
    /// The bytes per address would exceed their limit.
    TooManyBytesFromAddress,
}

/// Number and bytes of saved traces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Usage {
    links: u64,
    bytes: u64,
}

/// Whether another trace of `bytes` fits. Pure.
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
    /// Whether this address may save another trace of any size.
    ///
    /// # Errors
    /// If the store cannot be read.
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

    /// Saves a trace if the quota allows it. Saved traces are never deleted to make space.
    ///
    /// # Errors
    /// If it cannot be stored.
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

    /// Returns a saved trace that has not expired.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn link(&self, id: String, unix_time_s: u64) -> Result<Option<Vec<u8>>, Failed> {
        self.run(move |connection| {
            let find = "SELECT trace FROM link WHERE id = ?1 AND expires_s > ?2";
            let row = connection.query_row(find, params![id, unix_time_s], |row| row.get(0));
            row.optional()
        })
        .await
    }

    /// Deletes a saved trace. Returns whether there was one with this id and token.
    ///
    /// # Errors
    /// If the store cannot be changed.
    pub async fn delete_link(&self, id: String, secret: Digest) -> Result<bool, Failed> {
        // Comparing digests in SQL reveals nothing about the token through timing.
        let delete = "DELETE FROM link WHERE id = ?1 AND secret = ?2";
        Ok(self.execute(delete, (id, secret)).await? > 0)
    }
}

/// Usage in total, and of one address.
fn usage(connection: &Connection, address: Digest) -> rusqlite::Result<[Usage; 2]> {
    // SQLite stores a blob's length in front of it, so this does not read the blobs.
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
