//! From start to end, and the checks in between.

use std::fs;
use std::net::Ipv4Addr;

use tgprobe::engine::ecs::action::StartErrorKind;
use tgprobe::model::ecs::definition::{PortMapping, Secret};
use tgprobe::model::ecs::task::{Binding, ContainerOverride};
use tgprobe::model::failure::Failure;
use tgprobe::model::outcome::{Cause, Outcome};

use super::*;

#[test]
fn a_container_has_its_words_variables_and_place() {
    let place = Place::new();
    let mut container =
        shell("echo \"$0 $1 $KIND $TGPROBE_TASK_ADDRESS $TGPROBE_CONTAINER\"; pwd; cat; exit 4");
    container.command.extend(words(&["zero", "one two"]));
    container.environment.insert("KIND".into(), "own".into());
    container.working_directory = Some("/usr".into());
    container.ports = vec![PortMapping { container_port: 8080, host_port: 0, udp: false }];
    let address = Ipv4Addr::new(127, 0, 1, 9).into();
    let wish = wish_of(container, Task { address: Some(address), ..Task::default() });
    on_runtime(async {
        let processes = place.processes();
        let started = processes.start(&wish, |_| {}).await.unwrap().unwrap();
        let binding = Binding { address, container_port: 8080, host_port: 8080, udp: false };
        assert_eq!((started.address, started.bindings), (address, vec![binding]));
        assert_eq!(processes.ended(&started.runtime_id).await.unwrap(), (Some(4), None));
        let log = fs::read_to_string(processes.log_path(&wish.key.task, "app")).unwrap();
        let mark = format!("{}/{}/0/0", place.owner, wish.key.task);
        assert_eq!(log, format!("zero one two own 127.0.1.9 {mark}\n/usr\n"));
        assert_eq!(processes.last_lines(&wish.key.task, "app", 1), ["/usr"]);
    });
}

#[test]
fn what_is_overridden_is_run_instead() {
    let place = Place::new();
    let mut task = Task::default();
    let overrides = ContainerOverride {
        command: Some(words(&["exit $CODE"])),
        environment: [("CODE".into(), "7".into())].into(),
    };
    task.overrides.insert("app".into(), overrides);
    on_runtime(async {
        let processes = place.processes();
        let started = processes.start(&wish_of(shell("exit 1"), task), |_| {}).await.unwrap().unwrap();
        assert_eq!(processes.ended(&started.runtime_id).await.unwrap(), (Some(7), None));
    });
}

#[test]
fn a_container_that_cannot_start_says_why() {
    let place = Place::new();
    let mut missing = shell("");
    missing.entry_point = words(&["no-such-program"]);
    let mut secret = shell("");
    secret.secrets.insert("KEY".into(), Secret::Variable("NO_SUCH_VARIABLE".into()));
    let mut user = shell("");
    user.user = Some("no-such-user".into());
    let empty = ContainerDefinition { name: "app".into(), ..ContainerDefinition::default() };
    let cases = [
        (missing, StartErrorKind::CannotStart, "cannot start \"no-such-program\": No such file"),
        (secret, StartErrorKind::ResourceInitialization, "cannot read the variable NO_SUCH_VARIABLE"),
        (user, StartErrorKind::CannotStart, "there is no user \"no-such-user\""),
        (empty, StartErrorKind::CannotStart, "it has no command"),
    ];
    on_runtime(async {
        for (container, kind, message) in cases {
            let error = try_start(&place.processes(), container).await.unwrap_err();
            assert_eq!(error.kind, kind);
            assert!(error.message.starts_with(message), "{}", error.message);
        }
    });
}

#[test]
fn sigterm_goes_to_the_whole_group_and_sigkill_ends_who_ignores_it() {
    let place = Place::new();
    on_runtime(async {
        let processes = place.processes();
        // The shell passes nothing on: its child has to be reached itself.
        let script = format!("echo up >{}; sleep 97; exit 0", place.path("up"));
        let started = start(&processes, &script).await;
        place.contents("up").await;
        processes.terminate(&started.runtime_id).await.unwrap();
        assert_eq!(processes.ended(&started.runtime_id).await.unwrap(), (Some(143), None));
        let script = format!("trap '' TERM; echo up >{}; while :; do sleep 97; done", place.path("again"));
        let started = start(&processes, &script).await;
        place.contents("again").await;
        processes.terminate(&started.runtime_id).await.unwrap();
        processes.kill(&started.runtime_id).await.unwrap();
        assert_eq!(processes.ended(&started.runtime_id).await.unwrap(), (Some(137), None));
        assert_eq!(marked(&place.owner), Vec::<String>::new());
    });
}

#[test]
fn who_handles_sigterm_ends_with_its_own_exit_code() {
    let place = Place::new();
    on_runtime(async {
        let processes = place.processes();
        let script = "trap 'exit 0' TERM; echo up >$UP; while :; do sleep 97 & wait $!; done";
        let mut container = shell(script);
        container.environment.insert("UP".into(), place.path("up").into());
        let started = try_start(&processes, container).await.unwrap();
        place.contents("up").await;
        processes.terminate(&started.runtime_id).await.unwrap();
        assert_eq!(processes.ended(&started.runtime_id).await.unwrap(), (Some(0), None));
    });
}

#[test]
fn the_end_of_the_main_process_is_the_end_of_all() {
    let place = Place::new();
    on_runtime(async {
        let processes = place.processes();
        // One stays in the group, one leaves it as a daemon does.
        let script = format!(
            "sleep 97 & setsid sh -c 'echo $$ >{0}; exec sleep 97' & until test -s {0}; do sleep 0.01; done; exit 5",
            place.path("daemon")
        );
        let started = start(&processes, &script).await;
        assert_eq!(processes.ended(&started.runtime_id).await.unwrap(), (Some(5), None));
        assert_eq!(marked(&place.owner), Vec::<String>::new(), "when its end is told, its ports are free");
        assert!(place.contents("daemon").await.trim().parse::<u32>().is_ok());
    });
}

#[test]
fn a_check_runs_where_and_as_what_its_container_does() {
    let place = Place::new();
    let mut container = shell("exec sleep 97");
    container.environment.insert("KIND".into(), "own".into());
    container.working_directory = Some("/usr".into());
    let wish = wish(container);
    on_runtime(async {
        let processes = place.processes();
        let started = processes.start(&wish, |_| {}).await.unwrap().unwrap();
        let script = "pwd; echo $KIND $TGPROBE_CONTAINER $TGPROBE_CHECK; exit 3";
        let (outcome, result) = processes.probe(&probe(&started, &wish, script, PATIENCE)).await.unwrap();
        let mark = format!("{}/{}/0/0", place.owner, wish.key.task);
        assert_eq!(outcome, Outcome::Fail(Failure::CommandExit(3)));
        assert!(result.output.starts_with(&format!("/usr\nown {mark}/")), "{}", result.output);
        let script = "sleep 97 & sleep 97";
        let short = Duration::from_millis(200);
        let (outcome, result) = processes.probe(&probe(&started, &wish, script, short)).await.unwrap();
        assert_eq!(outcome, Outcome::Fail(Failure::CommandTimeout));
        assert_eq!(&*result.output, "Health check exceeded timeout (200ms)");
        let alone = || (marked(&place.owner).len() == 1).then_some(());
        until("the end of all but the container", alone).await;
        processes.kill(&started.runtime_id).await.unwrap();
        processes.ended(&started.runtime_id).await.unwrap();
    });
}

#[test]
fn a_check_whose_variables_cannot_be_had_says_nothing_of_its_container() {
    let place = Place::new();
    let mut container = shell("sleep 97");
    container.environment_files = vec![place.path("a.env").into()];
    fs::write(place.path("a.env"), "A=1\n").unwrap();
    let wish = wish(container);
    on_runtime(async {
        let started = place.processes().start(&wish, |_| {}).await.unwrap().unwrap();
        fs::remove_file(place.path("a.env")).unwrap();
        let later = place.processes();
        later.inventory().await.unwrap();
        let (outcome, result) = later.probe(&probe(&started, &wish, "true", PATIENCE)).await.unwrap();
        assert_eq!(outcome, Outcome::Inconclusive(Cause::Internal));
        assert!(result.output.starts_with("cannot read the file of variables"), "{}", result.output);
    });
}

#[test]
fn root_runs_containers_and_checks_as_the_user_they_name() {
    let place = Place::new();
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let mut container = shell("id -u; id -g; id -G; echo again >>/dev/stdout; sleep 97");
    container.user = Some("65534:65533".into());
    container.working_directory = Some("/".into());
    let wish = wish(container);
    on_runtime(async {
        let processes = place.processes();
        let started = processes.start(&wish, |_| {}).await.unwrap().unwrap();
        let log = processes.log_path(&wish.key.task, "app");
        let printed = || fs::read_to_string(&log).ok().filter(|text| text.lines().count() == 4);
        assert_eq!(until("four lines", printed).await, "65534\n65533\n65533\nagain\n");
        let (_, result) = processes.probe(&probe(&started, &wish, "id -u", PATIENCE)).await.unwrap();
        assert_eq!(&*result.output, "65534\n");
    });
}

#[test]
fn a_container_is_told_of_until_it_is_removed() {
    let place = Place::new();
    on_runtime(async {
        let processes = place.processes();
        let started = start(&processes, "exit 9").await;
        processes.ended(&started.runtime_id).await.unwrap();
        let found = processes.inventory().await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].key.clone(), found[0].ended.clone()), (key(0), Some((Some(9), None))));
        processes.remove(&started.runtime_id).await.unwrap();
        assert_eq!(processes.inventory().await.unwrap(), vec![]);
        assert_eq!(place.processes().inventory().await.unwrap(), vec![]);
        // Nobody knows it any more, and that is no error.
        processes.terminate(&started.runtime_id).await.unwrap();
        processes.kill(&started.runtime_id).await.unwrap();
        processes.remove(&started.runtime_id).await.unwrap();
        assert_eq!(processes.ended(&started.runtime_id).await.unwrap().0, None);
    });
}

#[test]
fn one_that_is_removed_while_it_dies_is_gone_once_it_is_dead() {
    let place = Place::new();
    on_runtime(async {
        let processes = place.processes();
        let started = start(&processes, "exec sleep 97").await;
        processes.remove(&started.runtime_id).await.unwrap();
        assert_eq!(processes.inventory().await.unwrap().len(), 1);
        processes.kill(&started.runtime_id).await.unwrap();
        processes.ended(&started.runtime_id).await.unwrap();
        let record = place.path(&format!("tasks/{}/0.json", key(0).task));
        until("no record", || fs::metadata(&record).is_err().then_some(())).await;
    });
}

#[test]
fn what_a_check_has_left_behind_is_killed_and_nobody_else() {
    let place = Place::new();
    let wish = wish(shell("setsid sleep 97 & exec sleep 97"));
    on_runtime(async {
        let processes = place.processes();
        let started = processes.start(&wish, |_| {}).await.unwrap().unwrap();
        until("the container's daemon", || (marked(&place.owner).len() == 2).then_some(())).await;
        // It is in a group of its own, and holds no output.
        let daemon = format!(
            "setsid sh -c 'echo $$ >{0}; exec sleep 97' >/dev/null 2>&1 & until test -s {0}; do sleep 0.01; done",
            place.path("daemon")
        );
        let (outcome, _) = processes.probe(&probe(&started, &wish, &daemon, PATIENCE)).await.unwrap();
        assert_eq!(outcome, Outcome::Pass);
        // The next check runs while it is looked for what the last one has left, and is let alone.
        let stat = format!("/proc/{}/stat", place.contents("daemon").await.trim());
        let next =
            format!("while read -r _ _ state _ <{stat} && [ $state != Z ]; do sleep 0.01; done; echo end");
        let (outcome, result) = processes.probe(&probe(&started, &wish, &next, PATIENCE)).await.unwrap();
        assert_eq!((outcome, result.exit_code), (Outcome::Pass, 0), "{}", result.output);
        until("the end of all but the container", || (marked(&place.owner).len() == 2).then_some(())).await;
        processes.kill(&started.runtime_id).await.unwrap();
        processes.ended(&started.runtime_id).await.unwrap();
    });
}
