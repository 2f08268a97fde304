//! Directories and files as they may be found.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::*;
use rusqlite::Connection;

/// Everything in a directory, by name.
fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.unwrap().path();
        (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap())
    };
    fs::read_dir(dir).unwrap().map(read).collect()
}

/// A store with something in it, closed.
fn filled() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    for number in 0..200 {
        let register = Change::Register(name("web"), target(&format!("10.0.0.{number}")));
        store.write(&[Change::PutGroup(Arc::new(rich("web"))), register], NOW).unwrap();
    }
    dir
}

/// Fails unless the directory is refused in these words and everything in it stays as it is.
#[track_caller]
fn refused(dir: &Path, words: &str) {
    let before = contents(dir);
    let error = Store::open(dir, Limits::default()).unwrap_err().to_string();
    assert!(error.contains(words), "{error}");
    assert!(error.contains(&*dir.to_string_lossy()), "{error}");
    assert!(contents(dir) == before, "something was changed");
}

#[test]
fn a_missing_directory_is_made_for_its_owner_alone() {
    let outer = tempfile::tempdir().unwrap();
    let dir = outer.path().join("var/lib with space/tg%20probe?");
    assert_eq!(open(&dir).load(NOW).unwrap(), Kept::default());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&dir), mode(&dir.join(FILE)), mode(&dir.join("lock"))), (0o700, 0o600, 0o600));
    assert_eq!(contents(&dir).into_keys().collect::<Vec<_>>(), ["lock", FILE], "nothing is left beside them");
    assert_eq!(open(&dir).load(NOW).unwrap(), Kept::default());
}

#[test]
fn a_directory_has_one_store_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path());
    let error = Store::open(dir.path(), Limits::default()).unwrap_err();
    assert!(matches!(&error, OpenError::InUse(path) if path == dir.path()), "{error}");
    assert!(error.to_string().contains(&*dir.path().to_string_lossy()), "{error}");
    drop(first);
    open(dir.path());
}

#[test]
fn what_a_dead_process_left_half_made_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    for stale in ["tgprobe.db.new", "tgprobe.db.new-journal", "tgprobe.db-wal", "tgprobe.db-shm"] {
        fs::write(dir.path().join(stale), "half of something").unwrap();
    }
    let mut store = open(dir.path());
    store.write(&[Change::PutGroup(Arc::new(plain("web")))], NOW).unwrap();
    drop(store);
    assert_eq!(open(dir.path()).load(NOW).unwrap().groups.len(), 1);
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    for (bytes, words) in [
        (&b""[..], "it is empty"),
        (b"not a database, but somebody's notes", "is not a SQLite database"),
        (b"SQLite format 3\0", "is the SQLite database of another program"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        drop(lock::take(dir.path()).unwrap());
        fs::write(dir.path().join(FILE), bytes).unwrap();
        refused(dir.path(), words);
    }
}

#[test]
fn another_programs_database_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    drop(lock::take(dir.path()).unwrap());
    let other = Connection::open(dir.path().join(FILE)).unwrap();
    other.execute_batch("CREATE TABLE bookmarks (url TEXT); INSERT INTO bookmarks VALUES ('a');").unwrap();
    drop(other);
    refused(dir.path(), "is the SQLite database of another program");
}

#[test]
fn a_newer_database_is_refused_and_left_alone() {
    let dir = filled();
    let newer = Connection::open(dir.path().join(FILE)).unwrap();
    newer.execute_batch("PRAGMA user_version = 99; CREATE TABLE news (a);").unwrap();
    drop(newer);
    refused(dir.path(), "its schema is 99, and this version knows 2");
}

#[test]
fn a_newer_database_that_was_not_closed_is_refused_and_left_alone() {
    let dir = filled();
    let newer = Connection::open(dir.path().join(FILE)).unwrap();
    newer.execute_batch("PRAGMA user_version = 99; CREATE TABLE news (a);").unwrap();
    // The version stands in the log only, as after a process was killed.
    let copy = tempfile::tempdir().unwrap();
    for (name, bytes) in contents(dir.path()) {
        fs::write(copy.path().join(name), bytes).unwrap();
    }
    assert!(contents(copy.path())["tgprobe.db-wal"].len() > 4_096);
    let before = contents(copy.path());
    let error = Store::open(copy.path(), Limits::default()).unwrap_err();
    assert!(matches!(error, OpenError::Newer(_, 99, 2)), "{error}");
    let after = contents(copy.path());
    for file in [FILE, "tgprobe.db-wal"] {
        assert!(before[file] == after[file], "{file} was changed");
    }
}

#[test]
fn a_damaged_database_is_refused_and_left_alone() {
    let whole = fs::read(filled().path().join(FILE)).unwrap();
    assert!(whole.len() > 16_384);
    let zeroed = {
        let mut bytes = whole.clone();
        bytes[4_096..12_288].fill(0);
        bytes
    };
    for (what, bytes) in
        [("cut off", whole[..8_192].to_vec()), ("only a header", whole[..100].to_vec()), ("zeroed", zeroed)]
    {
        let dir = tempfile::tempdir().unwrap();
        drop(lock::take(dir.path()).unwrap());
        fs::write(dir.path().join(FILE), bytes).unwrap();
        let before = contents(dir.path());
        let error = Store::open(dir.path(), Limits::default()).unwrap_err();
        assert!(matches!(error, OpenError::Damaged(..)), "{what}: {error}");
        assert!(contents(dir.path()) == before, "{what}: something was changed");
    }
}

#[test]
fn a_word_that_means_nothing_is_told_with_its_place() {
    let dir = filled();
    let shell = Connection::open(dir.path().join(FILE)).unwrap();
    shell.execute("UPDATE target_groups SET protocol = 'HTP'", []).unwrap();
    drop(shell);
    let error = open(dir.path()).load(NOW).unwrap_err().to_string();
    assert!(
        error.ends_with("it holds what cannot be understood: in target_groups, protocol is `HTP`"),
        "{error}"
    );
}

#[test]
fn a_path_that_is_no_directory_is_refused() {
    let outer = tempfile::tempdir().unwrap();
    let file = outer.path().join("file");
    fs::write(&file, "x").unwrap();
    let error = Store::open(&file, Limits::default()).unwrap_err().to_string();
    assert!(error.starts_with("cannot make the directory") && error.contains("file"), "{error}");
}
