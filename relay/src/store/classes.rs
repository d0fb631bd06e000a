//! Classes and their members.

use rusqlite::{Connection, params};
use shared::{class::MemberId, outcome::Failed};

use super::Store;
use crate::token::Digest;

/// Seconds a class is kept after it was last joined or changed.
const CLASS_RETENTION_S: u64 = 180 * 24 * 3600;

/// A class as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredClass {
    /// Its code.
    pub code: String,
    /// The name of its lab, which cannot be guessed.
    pub lab: String,
    /// Of the teacher's token.
    pub teacher: Digest,
    /// How it is, as JSON of [`shared::class::Class`].
    pub state: String,
    /// The number the next member gets.
    pub next_member: MemberId,
    /// Its members, in the order of joining.
    pub members: Vec<StoredMember>,
}

/// A member as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMember {
    /// Its number.
    pub number: MemberId,
    /// Its name.
    pub name: String,
    /// The name it gave; empty where it joined before that was kept.
    pub given_name: String,
    /// Of its token.
    pub token: Digest,
    /// Whether its calls are refused.
    pub muted: bool,
    /// Whether the teacher has removed it.
    pub removed: bool,
}

impl Store {
    /// All classes; those long unused are forgotten.
    ///
    /// # Errors
    /// Where they could not be read.
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

    /// Keeps a new class.
    ///
    /// # Errors
    /// Where it could not be kept.
    pub async fn add_class(&self, class: StoredClass, unix_time_s: u64) -> Result<(), Failed> {
        self.run(move |connection| {
            let StoredClass {
                code,
                lab,
                teacher,
                state,
                next_member,
                ..
            } = class;
            connection.execute(
                "INSERT INTO class (code, lab, teacher, state, next_member, used_s) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![code, lab, teacher, state, next_member, unix_time_s],
            )?;
            Ok(())
        })
        .await
    }

    /// Keeps how a class is now.
    ///
    /// # Errors
    /// Where it could not be kept.
    pub async fn set_state(
        &self,
        code: String,
        state: String,
        unix_time_s: u64,
    ) -> Result<(), Failed> {
        self.run(move |connection| {
            let set = "UPDATE class SET state = ?2, used_s = ?3 WHERE code = ?1";
            connection.execute(set, params![code, state, unix_time_s])?;
            Ok(())
        })
        .await
    }

    /// Forgets a class with its members.
    ///
    /// # Errors
    /// Where it could not be forgotten.
    pub async fn delete_class(&self, code: String) -> Result<(), Failed> {
        self.run(move |connection| {
            connection.execute("DELETE FROM class WHERE code = ?1", [code])?;
            Ok(())
        })
        .await
    }

    /// Keeps a new member.
    ///
    /// # Errors
    /// Where it could not be kept.
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

    /// Keeps whether a member is muted.
    ///
    /// # Errors
    /// Where it could not be kept.
    pub async fn set_muted(
        &self,
        code: String,
        number: MemberId,
        muted: bool,
    ) -> Result<(), Failed> {
        self.run(move |connection| {
            let set = "UPDATE member SET muted = ?3 WHERE code = ?1 AND number = ?2";
            connection.execute(set, params![code, number, muted])?;
            Ok(())
        })
        .await
    }

    /// Keeps whether a member has been removed.
    ///
    /// # Errors
    /// Where it could not be kept.
    pub async fn set_removed(
        &self,
        code: String,
        number: MemberId,
        removed: bool,
    ) -> Result<(), Failed> {
        self.run(move |connection| {
            let set = "UPDATE member SET removed = ?3 WHERE code = ?1 AND number = ?2";
            connection.execute(set, params![code, number, removed])?;
            Ok(())
        })
        .await
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
