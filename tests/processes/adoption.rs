//! Containers that outlive us are found again, and nobody else is taken for one.

use std::fs;

use serde_json::Value;

use super::*;

const ADOPTED: &str = "its exit code is not known: tgprobe was started after it";
const MISSED: &str = "its exit code is not known: it ended while tgprobe did not run";

/// Starts a container and forgets it, as if we had been killed: even the runtime is gone.
fn start_and_forget(place: &Place, script: &str) -> Started {
    on_runtime(async {
        let processes = place.processes();
        let started = start(&processes, &format!("echo up >{}; {script}", place.path("up"))).await;
        place.contents("up").await;
        drop(processes);
        started
    })
}

/// The file that says which process a container is.
fn record(place: &Place) -> String {
    place.path(&format!("tasks/{}/0.json", key(0).task))
}

fn change_record(place: &Place, change: impl FnOnce(&mut Value)) {
    let mut value = serde_json::from_slice(&fs::read(record(place)).unwrap()).unwrap();
    change(&mut value);
    fs::write(record(place), value.to_string()).unwrap();
}

#[test]
fn containers_outlive_us_and_are_taken_over() {
    let place = Place::new();
    let started = start_and_forget(&place, "sleep 97 & sleep 97");
    on_runtime(async {
        // Dropping kills nobody.
        until("three processes", || (marked(&place.owner).len() == 3).then_some(())).await;
        let later = place.processes();
        let found = later.inventory().await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((&found[0].key, &found[0].runtime_id), (&key(0), &started.runtime_id));
        assert_eq!((found[0].ended.clone(), found[0].address), (None, started.address));
        assert!(found[0].started_at.is_some());
        let asked = wish(shell(""));
        let (outcome, _) = later.probe(&probe(&started, &asked, "true", PATIENCE)).await.unwrap();
        assert_eq!(outcome, tgprobe::model::outcome::Outcome::Pass);
        later.terminate(&started.runtime_id).await.unwrap();
        let end = later.ended(&started.runtime_id).await.unwrap();
        assert_eq!(end, (None, Some(ADOPTED.into())));
        assert_eq!(marked(&place.owner), Vec::<String>::new());
    });
}

#[test]
fn one_that_ignores_sigterm_is_killed_by_whoever_took_it_over() {
    let place = Place::new();
    let started = start_and_forget(&place, "trap '' TERM; while :; do sleep 97; done");
    on_runtime(async {
        let later = place.processes();
        later.inventory().await.unwrap();
        later.terminate(&started.runtime_id).await.unwrap();
        later.kill(&started.runtime_id).await.unwrap();
        assert_eq!(later.ended(&started.runtime_id).await.unwrap(), (None, Some(ADOPTED.into())));
        assert_eq!(marked(&place.owner), Vec::<String>::new());
    });
}

#[test]
fn what_ended_while_we_were_away_is_told_and_its_children_are_killed() {
    let place = Place::new();
    let go = place.path("go");
    let script = format!("sleep 97 & setsid sleep 97 & until test -e {go}; do sleep 0.01; done");
    let started = start_and_forget(&place, &script);
    fs::write(go, "").unwrap();
    on_runtime(async {
        until("the end of the shell", || (marked(&place.owner).len() == 2).then_some(())).await;
        let later = place.processes();
        let found = later.inventory().await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].ended, Some((None, Some(MISSED.into()))));
        assert_eq!(marked(&place.owner), Vec::<String>::new());
        assert_eq!(later.ended(&started.runtime_id).await.unwrap(), (None, Some(MISSED.into())));
        later.remove(&started.runtime_id).await.unwrap();
        assert_eq!(later.inventory().await.unwrap(), vec![]);
    });
}

#[test]
fn a_container_that_was_not_written_down_any_more_is_found_by_its_mark() {
    let place = Place::new();
    let started = start_and_forget(&place, "setsid sleep 97 & sleep 97");
    fs::remove_file(record(&place)).unwrap();
    on_runtime(async {
        let later = place.processes();
        let found = later.inventory().await.unwrap();
        let ids: Vec<_> = found.iter().map(|found| &found.runtime_id).collect();
        assert_eq!(ids, [&started.runtime_id], "the first of those with its mark");
        assert!(found[0].started_at.is_some());
        later.kill(&started.runtime_id).await.unwrap();
        later.ended(&started.runtime_id).await.unwrap();
        assert_eq!(marked(&place.owner), Vec::<String>::new());
    });
}

#[test]
fn whoever_has_a_number_now_is_not_taken_for_who_had_it() {
    for change in [
        // Another process of the same number, and the same number after the machine was started again.
        |record: &mut Value| {
            let id = record["runtime_id"].as_str().unwrap().to_owned();
            record["runtime_id"] = format!("{}1", id).into();
        },
        |record: &mut Value| record["boot"] = "another".into(),
    ] {
        let place = Place::new();
        let mut other = std::process::Command::new("sleep").arg("97").spawn().unwrap();
        let started = start_and_forget(&place, "exit 0");
        change_record(&place, |record| {
            let start = started.runtime_id.split_once('-').unwrap().1;
            record["runtime_id"] = format!("{}-{start}", other.id()).into();
            change(record);
        });
        on_runtime(async {
            let later = place.processes();
            let found = later.inventory().await.unwrap();
            assert_eq!(found[0].ended, Some((None, Some(MISSED.into()))));
            later.terminate(&found[0].runtime_id).await.unwrap();
            later.kill(&found[0].runtime_id).await.unwrap();
        });
        assert_eq!(other.try_wait().unwrap(), None, "a stranger has been killed");
        other.kill().unwrap();
        other.wait().unwrap();
    }
}

#[test]
fn the_containers_of_others_are_left_alone() {
    let place = Place::new();
    start_and_forget(&place, "exec sleep 97");
    on_runtime(async {
        let other = Processes::new("somebody", place.folder.path().join("tasks"), Clock::start());
        assert_eq!(other.inventory().await.unwrap(), vec![]);
    });
    assert_eq!(marked(&place.owner).len(), 1);
}

#[test]
fn checks_that_were_under_way_when_we_were_killed_are_ended() {
    let place = Place::new();
    let started = start_and_forget(&place, "sleep 97");
    let mark = format!("{}/{}/0/0/5", place.owner, key(0).task);
    let mut check = std::process::Command::new("sleep").arg("97").env("TGPROBE_CHECK", mark).spawn().unwrap();
    on_runtime(async {
        let found = place.processes().inventory().await.unwrap();
        assert_eq!((found.len(), &found[0].runtime_id), (1, &started.runtime_id));
    });
    use std::os::unix::process::ExitStatusExt as _;
    assert_eq!(check.wait().unwrap().signal(), Some(9));
}
