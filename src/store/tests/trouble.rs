//! Disks that do not take what they are given.

use super::*;

fn register(number: u32) -> Change {
    let id = format!("{number}-{}", "x".repeat(200));
    Change::Register(name("web"), Arc::new(TargetDescription::new(&id, 80)))
}

/// As many as a database of a few pages does not hold.
fn too_many() -> Vec<Change> {
    (1_000..2_000).map(register).collect()
}

#[test]
fn a_full_disk_refuses_a_write_whole_and_heals_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    store.write(&[register(1)], NOW).unwrap();
    let room = |store: &Store, pages: i64| {
        let connection = store.connection.as_ref().unwrap();
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
    };
    room(&store, 1);
    let before = store.load(NOW).unwrap();
    for _ in 0..3 {
        let error = store.write(&too_many(), NOW).unwrap_err().to_string();
        assert!(error.contains("the disk is full") && error.contains(FILE), "{error}");
        let seen: Vec<_> = (0..1_000)
            .map(|id| (name("web"), target(&id.to_string()), Some(life(State::Healthy, NOW))))
            .collect();
        assert!(store.record(&[], &seen, NOW).is_err());
        assert_eq!(store.load(NOW).unwrap(), before);
    }
    room(&store, 1_000_000);
    store.write(&too_many(), NOW).unwrap();
    drop(store);
    assert_eq!(open(dir.path()).load(NOW).unwrap().registrations.len(), 1_001);
}

#[test]
fn a_write_that_finds_the_database_locked_leaves_no_trace_and_the_next_one_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    store.connection.as_ref().unwrap().busy_timeout(Duration::ZERO).unwrap();
    let shell = Connection::open(dir.path().join(FILE)).unwrap();
    shell.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = store.write(&[register(1)], NOW).unwrap_err().to_string();
    assert!(error.contains("another program holds it locked"), "{error}");
    assert!(store.try_out().is_err());
    shell.execute_batch("ROLLBACK").unwrap();
    store.try_out().unwrap();
    store.write(&[register(2)], NOW).unwrap();
    assert_eq!(store.load(NOW).unwrap().registrations.len(), 1);
}

#[test]
fn what_cannot_be_written_is_read_and_written_once_it_can_be() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    store.write(&[register(1)], NOW).unwrap();
    // As if the file could not be opened for writing when the process began.
    store.connection = None;
    assert_eq!(store.load(NOW).unwrap().registrations.len(), 1);
    store.write(&[register(2)], NOW).unwrap();
    assert_eq!(store.load(NOW).unwrap().registrations.len(), 2);
}
