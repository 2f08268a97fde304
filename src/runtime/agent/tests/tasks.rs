//! Tasks from their wish to their end.

use super::*;
use crate::model::ecs::service::{DeploymentConfiguration, ServiceKey, ServiceSpec};

fn stopped(state: &State) -> bool {
    state.tasks.values().all(|task| task.is_stopped())
}

#[tokio::test]
async fn a_task_runs_and_is_seen_by_the_next_reader() {
    let house = House::start();
    let definition = house.define().await;
    let task = house.run(definition).await.unwrap();
    assert!(house.agent.state().tasks.contains_key(&task.id));
    house.until(|state| state.tasks[&task.id].last_status == TaskStatus::Running).await;
    assert_eq!(house.containers.started(), [format!("{}/0/0", task.id).into()]);
    house.stop().await;
}

#[tokio::test]
async fn nothing_is_started_before_its_task_is_kept() {
    let house = House::start();
    let definition = house.define().await;
    let hangs = house.memory.hangs.clone().lock_owned().await;
    let asked = house.memory.asked.load(SeqCst);
    let at_the_disk = async {
        while house.memory.asked.load(SeqCst) == asked {
            tokio::task::yield_now().await;
        }
    };
    let mut call = Box::pin(house.run(definition));
    tokio::select! {
        _ = &mut call => panic!("answered before it was kept"),
        () = at_the_disk => {}
    }
    assert!(house.view.ecs().tasks.is_empty(), "nobody sees what is not kept");
    assert!(house.containers.started().is_empty());
    drop(hangs);
    let task = call.await.unwrap();
    assert!(house.memory.kept().tasks.contains_key(&task.id));
    house.until(|state| state.tasks[&task.id].last_status == TaskStatus::Running).await;
    house.stop().await;
}

#[tokio::test]
async fn what_cannot_be_kept_has_not_happened() {
    let house = House::start();
    let definition = house.define().await;
    house.memory.full.store(true, SeqCst);
    let refused = house.run(definition.clone()).await.unwrap_err();
    assert_eq!(refused, Unwritten::NotDurable("the disk is full".to_owned()));
    assert!(house.view.ecs().tasks.is_empty());
    house.memory.full.store(false, SeqCst);
    let task = house.run(definition).await.unwrap();
    house.until(|state| state.tasks[&task.id].last_status == TaskStatus::Running).await;
    assert_eq!(house.containers.started().len(), 1, "of the refused call nothing was started");
    house.stop().await;
}

#[tokio::test]
async fn a_call_that_refuses_changes_nothing() {
    let house = House::start();
    let refused = house.agent.call(|ecs, _| {
        ecs.create_cluster("other", Tags::new());
        Err::<(), _>("no")
    });
    assert_eq!(refused.await, Err(Unwritten::Refused("no")));
    assert!(!house.agent.state().clusters.contains_key("other"));
    house.stop().await;
}

#[tokio::test]
async fn what_is_only_seen_is_written_again_once_the_disk_has_room() {
    let house = House::start();
    let task = house.running().await;
    house.memory.full.store(true, SeqCst);
    // Its end is seen and shown, though it cannot be kept.
    house.containers.terminate(&format!("{}/0/0", task.id)).await.unwrap();
    house.until(stopped).await;
    assert!(!stopped(&house.memory.kept()));
    house.memory.full.store(false, SeqCst);
    while !stopped(&house.memory.kept()) {
        tokio::task::yield_now().await;
    }
    assert!(house.memory.refused.load(SeqCst) > 0);
    house.stop().await;
}

#[tokio::test]
async fn a_runtime_that_is_lost_and_found_again_costs_no_task() {
    let house = House::start();
    let task = house.running().await;
    house.containers.lose(true);
    let lost = house.until(|state| state.connectivity == Connectivity::Disconnected).await;
    assert_eq!(lost.tasks[&task.id].last_status, TaskStatus::Running);
    assert_eq!(lost.tasks[&task.id].connectivity, Connectivity::Disconnected);
    house.containers.lose(false);
    let found = house.until(|state| state.connectivity == Connectivity::Connected).await;
    assert_eq!(found.tasks[&task.id].last_status, TaskStatus::Running);
    assert_eq!(house.containers.started().len(), 1);
    // Its end is noticed as before.
    house.containers.terminate(&format!("{}/0/0", task.id)).await.unwrap();
    house.until(stopped).await;
    house.stop().await;
}

#[tokio::test]
async fn tasks_are_taken_up_by_the_next_process() {
    let (house, mut keep) = (House::start(), Vec::new());
    let task = house.running().await;
    let (memory, containers) = (house.memory.clone(), house.containers.clone());
    house.stop().await;
    for _ in 0..3 {
        let house = House::with(memory.clone(), containers.clone());
        house.until(|state| state.connectivity == Connectivity::Connected).await;
        keep.push(house.agent.state().tasks[&task.id].started_at);
        assert_eq!(containers.started().len(), 1, "started twice");
        house.stop().await;
    }
    assert_eq!(keep, [task.started_at; 3]);
    let house = House::with(memory, containers.clone());
    house.agent.stop_tasks().await;
    assert!(containers.running().is_empty());
    house.stop().await;
}

#[tokio::test]
async fn stopping_all_tasks_leaves_no_container_and_starts_none() {
    let house = House::start();
    house.running().await;
    house.agent.stop_tasks().await;
    assert!(stopped(&house.agent.state()));
    assert!(house.containers.running().is_empty());
    house.stop().await;
}

#[tokio::test]
async fn nothing_is_answered_once_the_task_has_ended() {
    let house = House::start();
    house.agent.end().await;
    let call = house.agent.call(|_, _| Ok::<_, ()>(()));
    assert_eq!(call.await, Err(Unwritten::Stopping));
    assert_eq!(house.agent.file(Vec::new()).await, None);
    house.stop().await;
}

/// A service of the file with one task.
fn of_file(blueprint: Blueprint) -> FileService {
    let spec = ServiceSpec {
        key: ServiceKey { cluster: "default".into(), name: "web".into() },
        definition: DefinitionId { family: blueprint.family.clone(), revision: 0 },
        desired_count: 1,
        daemon: false,
        load_balancers: Vec::new(),
        deployment: DeploymentConfiguration::of(false),
        grace_period: Duration::ZERO,
        launch_type: "EC2".into(),
        told: Default::default(),
        tags: BTreeMap::new(),
        client_token: None,
        in_file: true,
    };
    FileService { spec, blueprint }
}

#[tokio::test]
async fn stopping_all_tasks_replaces_none_of_a_service_of_the_file() {
    let house = House::start();
    let definition = house.define().await;
    let blueprint = house.agent.state().definitions[&definition].blueprint.clone();
    assert_eq!(house.agent.file(vec![of_file(blueprint)]).await, Some(Vec::new()));
    house.until(|state| state.tasks.values().any(|task| task.last_status == TaskStatus::Running)).await;
    house.agent.stop_tasks().await;
    assert!(stopped(&house.agent.state()));
    assert!(house.containers.running().is_empty());
    assert_eq!(house.containers.started().len(), 1, "another one was started");
    house.stop().await;
}

#[tokio::test]
async fn nothing_is_left_of_tasks_that_end_with_the_server() {
    let house = House::start();
    house.running().await;
    let containers = house.containers.clone();
    assert_eq!(containers.there(), 1);
    house.agent.stop_tasks().await;
    house.stop().await;
    assert_eq!(containers.there(), 0);
}

#[tokio::test]
async fn a_host_without_room_is_tried_again_and_no_task_has_failed() {
    let house = House::start();
    house.containers.crowd(3);
    let task = house.running().await;
    assert_eq!((house.containers.crowded(), house.containers.started().len()), (0, 1));
    assert_eq!(task.stop_code, None);
    house.stop().await;
}

#[tokio::test]
async fn a_task_that_finds_no_room_can_be_stopped() {
    let house = House::start();
    house.containers.crowd(usize::MAX);
    let definition = house.define().await;
    let task = house.run(definition).await.unwrap();
    while house.containers.crowded() == usize::MAX {
        tokio::task::yield_now().await;
    }
    let id = task.id.clone();
    house.agent.call(move |ecs, now| ecs.stop_task(&id, None, false, now)).await.unwrap();
    let state = house.until(stopped).await;
    let reason = state.tasks[&task.id].containers[0].reason.clone();
    assert_eq!(reason.as_deref(), Some("ResourceInitializationError: no process is left"));
    house.stop().await;
}
