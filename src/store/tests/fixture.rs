//! Databases of every version that was ever released, and the way from one to the next.

use super::*;
use rusqlite::Connection;

/// Makes a directory with a database from what a version wrote.
fn of_version(text: &str, version: i64) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let old = Connection::open(dir.path().join(FILE)).unwrap();
    old.execute_batch(text).unwrap();
    old.pragma_update(None, "application_id", schema::APPLICATION_ID).unwrap();
    old.pragma_update(None, "user_version", version).unwrap();
    dir
}

/// What every version so far has kept of targets.
fn tells_of_targets(kept: &Kept) {
    let group = rich("eu-west-1:web");
    assert_eq!(kept.groups, [Arc::new(group.clone())]);
    let zoned = TargetDescription::new("i-0abc", 443).in_zone(Some("eu-west-1a".into()));
    assert_eq!(kept.registrations, [(group.name.clone(), Arc::new(zoned.clone()))]);
    assert_eq!(kept.lives, [(group.name, Arc::new(zoned), life(State::Unhealthy, NOW))]);
}

#[test]
fn a_database_of_version_1_is_read() {
    let dir = of_version(include_str!("../schema/written-by-1.sql"), 1);
    let store = open(dir.path());
    tells_of_targets(&store.load(NOW).unwrap());
    let EcsKept { instance, state } = store.load_ecs().unwrap();
    assert_eq!((instance.len(), state), (16, Default::default()));
}

#[test]
fn a_database_of_version_2_is_read() {
    let dir = of_version(include_str!("../schema/written-by-2.sql"), 2);
    let store = open(dir.path());
    tells_of_targets(&store.load(NOW).unwrap());
    let EcsKept { instance, state } = store.load_ecs().unwrap();
    assert_eq!((&*instance, state), ("0123456789abcdef", ecs::everything()));
}

#[test]
fn each_migration_is_done_once_and_whole() {
    let two =
        [schema::MIGRATIONS[0], "ALTER TABLE registrations ADD COLUMN note TEXT; CREATE TABLE more (a);"];
    let dir = of_version(include_str!("../schema/written-by-1.sql"), 1);
    let mut old = Connection::open(dir.path().join(FILE)).unwrap();
    let version = |connection: &Connection| -> i64 {
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    };
    // One that fails half way leaves nothing of itself.
    let broken = [two[0], "CREATE TABLE half (a); CREATE TABLE half (a);"];
    assert!(schema::migrate(&mut old, &broken).is_err());
    assert_eq!(version(&old), 1);
    assert!(old.execute("INSERT INTO half VALUES (1)", []).is_err());
    for _ in 0..2 {
        schema::migrate(&mut old, &two).unwrap();
        assert_eq!(version(&old), 2);
    }
    let zone: String =
        old.query_row("SELECT zone FROM registrations WHERE note IS NULL", [], |row| row.get(0)).unwrap();
    assert_eq!(zone, "eu-west-1a");
}
