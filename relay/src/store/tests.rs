//! A store that is opened again has what it had, and one that cannot be used expected why.

use std::{env, fs, process};

use super::*;
use crate::token::digest;

/// A folder of this test alone, gone when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("playground-{}-{name}", process::id()));
        fs::remove_dir_all(&path).ok();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join(FILE)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// Opens it; the thread of one dropped a moment ago may still hold it.
fn opened(folder: &Folder) -> Store {
    loop {
        match Store::open(Some(&folder.0)) {
            Ok(store) => return store,
            Err(error) if matches!(error.problem, Problem::InUse) => thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    }
}

fn class(code: &str) -> StoredClass {
    StoredClass {
        code: code.to_owned(),
        lab: "a-lab".to_owned(),
        teacher: digest("teacher"),
        state: "{}".to_owned(),
        next_member: 1,
        members: Vec::new(),
    }
}

fn member(number: MemberNumber) -> StoredMember {
    StoredMember {
        number,
        name: "小明".to_owned(),
        token: digest(&format!("member {number}")),
        given_name: String::new(),
        muted: false,
        removed: false,
    }
}

const ROOMY: LinkQuota = LinkQuota {
    links: [5, 5],
    bytes: [1 << 30, 1 << 30],
};

type MemberNumber = shared::class::MemberId;

fn link(id: &str, from: &str, expires_s: u64) -> Link {
    Link {
        id: id.to_owned(),
        secret: digest("secret"),
        address: digest(from),
        expires_s,
        trace: b"{}".to_vec(),
    }
}

#[tokio::test]
async fn stored_data_is_read_when_the_store_is_opened_again() {
    let folder = Folder::new("again");
    let store = opened(&folder);
    store.add_class(class("AAAAAA"), 10).await.expect("kept");
    for number in [1, 2, 3] {
        let added = store.add_member("AAAAAA".to_owned(), member(number), 10);
        added.await.expect("kept");
    }
    let code = || "AAAAAA".to_owned();
    store.set_muted(code(), 1, true).await.expect("kept");
    store.set_removed(code(), 3, true).await.expect("kept");
    store
        .set_state(code(), "[]".to_owned(), 11)
        .await
        .expect("kept");
    store
        .save_link(link("here", "a", 100), ROOMY, 10)
        .await
        .expect("kept");
    drop(store);
    let store = opened(&folder);
    let muted = StoredMember {
        muted: true,
        ..member(1)
    };
    let removed = StoredMember {
        removed: true,
        ..member(3)
    };
    let expected = StoredClass {
        state: "[]".to_owned(),
        next_member: 4,
        members: vec![muted, member(2), removed],
        ..class("AAAAAA")
    };
    assert_eq!(store.classes(12).await.expect("read"), [expected]);
    let found = store.link("here".to_owned(), 99).await.expect("read");
    assert_eq!(found.as_deref(), Some(&b"{}"[..]));
    store.delete_class(code()).await.expect("forgotten");
    assert_eq!(store.classes(12).await.expect("read"), []);
}

#[tokio::test]
async fn unused_classes_are_deleted() {
    let store = Store::open(None).expect("memory");
    store.add_class(class("AAAAAA"), 10).await.expect("kept");
    let half_a_year = 180 * 24 * 3600;
    assert_eq!(
        store.classes(10 + half_a_year).await.expect("read").len(),
        1
    );
    assert_eq!(
        store.classes(11 + half_a_year).await.expect("read").len(),
        0
    );
}

#[tokio::test]
async fn saved_traces_expire_are_limited_and_are_deleted_with_their_token() {
    let store = Store::open(None).expect("memory");
    let save = |id: &'static str, from: &'static str, now| {
        let quota = LinkQuota {
            links: [3, 2],
            ..ROOMY
        };
        let saving = store.save_link(link(id, from, 100), quota, now);
        async { saving.await.expect("asked") }
    };
    assert_eq!(save("1", "a", 10).await, LinkSpace::Available);
    assert_eq!(save("2", "a", 10).await, LinkSpace::Available);
    assert_eq!(save("3", "a", 10).await, LinkSpace::TooManyFromAddress);
    assert_eq!(save("3", "b", 10).await, LinkSpace::Available);
    assert_eq!(save("4", "c", 10).await, LinkSpace::TooMany);
    let wrong = store.delete_link("1".to_owned(), digest("Secret"));
    assert!(!wrong.await.expect("asked"));
    let right = store.delete_link("1".to_owned(), digest("secret"));
    assert!(right.await.expect("asked"));
    let read = |id: &str, now| store.link(id.to_owned(), now);
    assert_eq!(read("1", 10).await.expect("asked"), None);
    assert!(read("2", 99).await.expect("asked").is_some());
    assert_eq!(read("2", 100).await.expect("asked"), None);
    assert_eq!(
        save("5", "a", 100).await,
        LinkSpace::Available,
        "the expired make room"
    );
}

#[tokio::test]
async fn saved_traces_are_limited_in_bytes_and_never_deleted_to_make_space() {
    let store = Store::open(None).expect("memory");
    let quota = LinkQuota {
        links: [100, 100],
        bytes: [100, 60],
    };
    let save = |id: &str, from: &str, bytes: usize| {
        let trace = vec![b' '; bytes];
        store.save_link(
            Link {
                trace,
                ..link(id, from, 100)
            },
            quota,
            10,
        )
    };
    assert_eq!(
        save("1", "a", 60).await.expect("asked"),
        LinkSpace::Available
    );
    let full = store.link_space(digest("a"), quota, 10).await;
    assert_eq!(full.expect("asked"), LinkSpace::TooManyBytesFromAddress);
    assert_eq!(
        save("2", "a", 1).await.expect("asked"),
        LinkSpace::TooManyBytesFromAddress
    );
    assert_eq!(
        save("3", "b", 40).await.expect("asked"),
        LinkSpace::Available
    );
    assert_eq!(
        save("4", "c", 1).await.expect("asked"),
        LinkSpace::TooManyBytes
    );
    for (id, bytes) in [("1", 60), ("3", 40)] {
        let kept = store.link(id.to_owned(), 10).await.expect("asked");
        assert_eq!(kept.map(|trace| trace.len()), Some(bytes), "{id}");
    }
    let deleted = store.delete_link("1".to_owned(), digest("secret"));
    assert!(deleted.await.expect("asked"));
    assert_eq!(
        save("5", "c", 60).await.expect("asked"),
        LinkSpace::Available
    );
}

#[test]
fn a_file_that_cannot_be_used_says_what_to_do() {
    let folder = Folder::new("unusable");
    let held = opened(&folder);
    let error = Store::open(Some(&folder.0))
        .expect_err("two relays")
        .to_string();
    assert!(error.starts_with("another relay is using"), "{error}");
    drop(held);
    drop(opened(&folder));
    let newer = loop {
        match Connection::open(folder.file())
            .and_then(|file| file.pragma_update(None, "user_version", "99"))
        {
            Ok(()) => break Store::open(Some(&folder.0)).expect_err("a newer one"),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                thread::yield_now();
            }
            Err(error) => panic!("{error}"),
        }
    };
    assert!(
        newer.to_string().contains("written by a newer relay"),
        "{newer}"
    );
    fs::write(
        folder.file(),
        "this is a letter to my aunt, not a database at all",
    )
    .expect("written");
    let damaged = Store::open(Some(&folder.0))
        .expect_err("a letter")
        .to_string();
    assert!(
        damaged.contains("is damaged") && damaged.contains("move the file away"),
        "{damaged}"
    );
    let file = Folder::new("file");
    fs::write(&file.0, "").expect("written");
    let error = Store::open(Some(&file.0)).expect_err("a file").to_string();
    fs::remove_file(&file.0).ok();
    assert!(
        error.starts_with("cannot store") && error.contains("--data DIR"),
        "{error}"
    );
}

/// What the relay expected about a folder it cannot use.
fn refused(folder: &Folder) -> String {
    Store::open(Some(&folder.0))
        .expect_err("an unusable store")
        .to_string()
}

/// A folder with a store that is closed, all of it in its one file.
async fn closed(name: &str) -> Folder {
    let folder = Folder::new(name);
    let store = opened(&folder);
    store.add_class(class("AAAAAA"), 10).await.expect("kept");
    store
        .run(|connection| connection.pragma_update(None, "journal_mode", "DELETE"))
        .await
        .expect("all in one file");
    drop(store);
    drop(opened(&folder));
    folder
}

#[tokio::test]
async fn an_emptied_truncated_or_missing_file_is_not_replaced() {
    let folder = closed("emptied").await;
    let whole = fs::read(folder.file()).expect("a file");
    fs::write(folder.file(), "").expect("emptied");
    let error = refused(&folder);
    assert!(
        error.contains("is empty") && error.contains("Restore a copy, or delete the file"),
        "{error}"
    );
    for cut in [1, 512, 4096, whole.len() / 2, whole.len() - 4096] {
        fs::write(folder.file(), &whole[..cut]).expect("cut");
        for companion in COMPANIONS {
            fs::remove_file(folder.0.join(companion)).ok();
        }
        let error = refused(&folder);
        // Less than the smallest page (512 bytes) is nothing to SQLite.
        let expected = if cut < 512 { "is empty" } else { "is damaged" };
        assert!(error.contains(expected), "{cut}: {error}");
    }
    fs::remove_file(folder.file()).expect("lost");
    fs::write(folder.0.join(COMPANIONS[0]), "left").expect("written");
    let error = refused(&folder);
    assert!(
        error.contains("is missing") && error.contains(COMPANIONS[0]),
        "{error}"
    );
    fs::remove_file(folder.0.join(COMPANIONS[0])).expect("removed");
    let anew = opened(&folder).classes(12).await.expect("read");
    assert_eq!(anew, [], "a folder with nothing in it is a new start");
}

#[test]
fn another_programs_database_is_left_alone() {
    for (name, tables, expected) in [
        (
            "foreign",
            "CREATE TABLE bookmarks (url TEXT)",
            "another program's",
        ),
        (
            "foreign-version",
            "CREATE TABLE bookmarks (url TEXT); PRAGMA user_version = 1",
            "another program's",
        ),
        ("bare", "PRAGMA user_version = 1; VACUUM", "is empty"),
        (
            "half",
            "CREATE TABLE class (code TEXT); PRAGMA user_version = 1",
            "2 of its 3 tables are missing",
        ),
    ] {
        let folder = Folder::new(name);
        fs::create_dir(&folder.0).expect("a folder");
        let file = Connection::open(folder.file()).expect("a database");
        file.execute_batch(tables).expect("its tables");
        file.close().expect("closed");
        let before = fs::read(folder.file()).expect("a file");
        let error = refused(&folder);
        assert!(error.contains(expected), "{name}: {error}");
        let after = Connection::open(folder.file()).expect("a database");
        let ours: u32 = after
            .query_row(
                "SELECT count(*) FROM sqlite_schema WHERE name = 'link'",
                [],
                |row| row.get(0),
            )
            .expect("read");
        assert_eq!(ours, 0, "{name}: nothing was made in it");
        assert!(!before.is_empty());
    }
}

#[test]
fn a_store_is_created_again_if_its_creation_was_interrupted() {
    let folder = Folder::new("killed");
    fs::create_dir(&folder.0).expect("a folder");
    fs::write(folder.0.join(NEW_FILE), "half of").expect("written");
    drop(opened(&folder));
    assert!(!folder.0.join(NEW_FILE).exists());
    assert!(fs::metadata(folder.file()).expect("a file").len() > 0);
}

#[tokio::test]
async fn a_full_disk_is_reported_and_changes_nothing() {
    let folder = Folder::new("full");
    let store = opened(&folder);
    store
        .run(|connection| connection.pragma_update(None, "max_page_count", 24))
        .await
        .expect("a small disk");
    let big = Link {
        trace: vec![7; 1 << 20],
        ..link("big", "a", 100)
    };
    let failed = store.save_link(big, ROOMY, 10).await.expect_err("no room");
    assert_eq!(failed.reason, Some(Reason::NotKept));
    assert!(failed.message.contains("full"), "{failed:?}");
    assert_eq!(store.link("big".to_owned(), 10).await.expect("read"), None);
    store
        .add_class(class("AAAAAA"), 10)
        .await
        .expect("a small one has room");
}
