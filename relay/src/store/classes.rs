//! Stored classes and their members.

use rusqlite::{Connection, params};
use shared::{class::MemberId, outcome::Failed};

use super::Store;
use crate::token::Digest;

/// Seconds for which a class is kept after it was last joined or changed.
const CLASS_RETENTION_S: u64 = 180 * 24 * 3600;

/// A class as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredClass {
    /// Its code.
    pub code: String,
    /// The random id of its lab.
    pub lab: String,
    /// The digest of the teacher's token.
    pub teacher: Digest,
    /// Its settings: JSON of [`shared::class::Class`].
    pub state: String,
    /// The number of the next member.
    pub next_member: MemberId,
    /// Its members, in the order of joining.
    pub members: Vec<StoredMember>,
}

/// A member as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMember {
    /// Its number.
    pub number: MemberId,
    /// Its name.
    pub name: String,
    /// The name it gave; empty if an older relay stored the member.
    pub given_name: String,
    /// The digest of its token.
    pub token: Digest,
    /// Whether its calls are refused.
    pub muted: bool,
    /// Whether the teacher has removed it.
    pub removed: bool,
}

impl Store {
    /// Deletes classes that have not been used for 180 days, and returns the others.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn classes(&self, unix_time_s: u64) -> Result<Vec<StoredClass>, Failed> {
        self.run(move |connection| {
            let unused = unix_time_s.saturating_sub(CLASS_RETENTION_S);
            connection.execute("DELETE FROM class WHERE used_s < ?1", [unused])?;
            let mut find =
                connection.prepare("SELECT code, lab, teacher, state, next_member FROM class")?;
            let rows = find.query_map([], |row| {
                Ok(StoredClass {
                    code: row.get(0)?,
                    lab: row.get(1)?,
                    teacher: row.get(2)?,
                    state: row.get(3)?,
                    next_member: row.get(4)?,
                    members: Vec::new(),
                })
            })?;
            let mut classes = rows.collect::<rusqlite::Result<Vec<_>>>()?;
            for class in &mut classes {
                class.members = members(connection, &class.code)?;
            }
            Ok(classes)
        })
        .await
    }

    /// Stores a new class.
    ///
    /// # Errors
    /// If it cannot be stored.
    pub async fn add_class(&self, class: StoredClass, unix_time_s: u64) -> Result<(), Failed> {
        let StoredClass {
            code,
            lab,
            teacher,
            state,
            next_member,
            ..
        } = class;
        let insert = "INSERT INTO class (code, lab, teacher, state, next_member, used_s) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let row = (code, lab, teacher, state, next_member, unix_time_s);
        self.execute(insert, row).await?;
        Ok(())
    }

    /// Stores the settings of a class.
    ///
    /// # Errors
    /// If it cannot be stored.
    pub async fn set_state(
        &self,
        code: String,
        state: String,
        unix_time_s: u64,
    ) -> Result<(), Failed> {
        let update = "UPDATE class SET state = ?2, used_s = ?3 WHERE code = ?1";
        self.execute(update, (code, state, unix_time_s)).await?;
        Ok(())
    }

    /// Deletes a class and its members.
    ///
    /// # Errors
    /// If the store cannot be changed.
    pub async fn delete_class(&self, code: String) -> Result<(), Failed> {
        let delete = "DELETE FROM class WHERE code = ?1";
        self.execute(delete, (code,)).await?;
        Ok(())
    }

    /// Stores a new member.
    ///
    /// # Errors
    /// If it cannot be stored.
    pub async fn add_member(
        &self,
        code: String,
        member: StoredMember,
        unix_time_s: u64,
    ) -> Result<(), Failed> {
        self.run(move |connection| {
            let StoredMember {
                number,
                name,
                given_name,
                token,
                muted,
                removed,
            } = member;
            let transaction = connection.transaction()?;
            transaction.execute(
                "INSERT INTO member (code, number, name, said, token, muted, removed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![code, number, name, given_name, token, muted, removed],
            )?;
            let next = "UPDATE class SET next_member = max(next_member, ?2 + 1), used_s = ?3 WHERE code = ?1";
            transaction.execute(next, params![code, number, unix_time_s])?;
            transaction.commit()
        })
        .await
    }

    /// Stores whether a member is muted.
    ///
    /// # Errors
    /// If it cannot be stored.
    pub async fn set_muted(
        &self,
        code: String,
        number: MemberId,
        muted: bool,
    ) -> Result<(), Failed> {
        let update = "UPDATE member SET muted = ?3 WHERE code = ?1 AND number = ?2";
        self.execute(update, (code, number, muted)).await?;
        Ok(())
    }

    /// Stores whether a member has been removed.
    ///
    /// # Errors
    /// If it cannot be stored.
    pub async fn set_removed(
        &self,
        code: String,
        number: MemberId,
        removed: bool,
    ) -> Result<(), Failed> {
        let update = "UPDATE member SET removed = ?3 WHERE code = ?1 AND number = ?2";
        self.execute(update, (code, number, removed)).await?;
        Ok(())
    }
}

fn members(connection: &Connection, code: &str) -> rusqlite::Result<Vec<StoredMember>> {
    let mut find = connection
        .prepare("SELECT number, name, said, token, muted, removed FROM member WHERE code = ?1 ORDER BY number")?;
    let rows = find.query_map([code], |row| {
        Ok(StoredMember {
            number: row.get(0)?,
            name: row.get(1)?,
            given_name: row.get(2)?,
            token: row.get(3)?,
            muted: row.get(4)?,
            removed: row.get(5)?,
        })
    })?;
    rows.collect()
}
