//! Clusters, definitions, and tasks that are asked for.

use super::*;
use crate::engine::ecs::Tags;
use crate::engine::ecs::refusal::Refusal;
use crate::model::ecs::definition::{DefinitionId, NetworkMode};
use crate::model::ecs::task::ContainerOverride;

fn wish(world: &World) -> TaskWish {
    let definition = world.ecs.state().latest("web").unwrap().id.clone();
    TaskWish { cluster: "default".into(), definition, count: 1, ..TaskWish::default() }
}

#[test]
fn the_cluster_default_is_always_there_and_others_come_and_go() {
    let mut world = World::new();
    assert!(world.ecs.state().clusters.contains_key("default"));
    let tags: Tags = [("team".into(), "a".into())].into();
    let made = world.ecs.create_cluster("blue", tags);
    assert_eq!(world.ecs.create_cluster("blue", Tags::new()), made, "the one there is");
    world.define(vec![container("web")]);
    let wish = TaskWish { cluster: "blue".into(), ..wish(&world) };
    let id = world.ecs.run_task(wish.clone(), world.now).unwrap()[0].id.clone();
    assert_eq!(world.ecs.delete_cluster("blue"), Err(Refusal::ClusterContainsTasks));
    world.ecs.stop_task(&id, None, false, world.now).unwrap();
    world.start(&id, "web");
    world.end(&id, "web", 0);
    assert!(world.ecs.delete_cluster("blue").unwrap().inactive);
    assert!(world.ecs.state().clusters["blue"].inactive);
    assert_eq!(world.ecs.delete_cluster("blue"), Err(Refusal::ClusterNotFound));
    assert_eq!(world.ecs.run_task(wish, world.now), Err(Refusal::ClusterNotFound));
    assert!(world.ecs.delete_cluster("default").unwrap().inactive);
    assert!(!world.ecs.state().clusters["default"].inactive);
}

#[test]
fn revisions_count_up_and_no_number_comes_again() {
    let mut world = World::new();
    for revision in 1..=3 {
        world.define(vec![container("web")]);
        assert_eq!(world.ecs.state().latest("web").unwrap().id.revision, revision);
    }
    let id = |revision| DefinitionId { family: "web".into(), revision };
    world.ecs.deregister_definition(&id(3), world.now).unwrap();
    assert_eq!(world.ecs.state().latest("web").unwrap().id.revision, 2);
    let wish = TaskWish { definition: id(3), ..wish(&world) };
    let refused = world.ecs.run_task(wish, world.now);
    assert_eq!(refused, Err(Refusal::Client("TaskDefinition is inactive".to_owned())));
    world.define(vec![container("web")]);
    assert_eq!(world.ecs.state().latest("web").unwrap().id.revision, 4);
    assert!(world.ecs.deregister_definition(&id(9), world.now).is_err());
}

#[test]
fn the_same_call_with_the_same_token_makes_tasks_once() {
    let mut world = World::new();
    world.define(vec![container("web")]);
    let call = TaskWish { count: 2, client_token: Some("one".into()), ..wish(&world) };
    let made = world.ecs.run_task(call.clone(), world.now).unwrap();
    let again = world.ecs.run_task(call.clone(), world.now).unwrap();
    assert_eq!(
        made.iter().map(|task| &task.id).collect::<Vec<_>>(),
        again.iter().map(|task| &task.id).collect::<Vec<_>>()
    );
    assert_eq!(world.ecs.state().tasks.len(), 2);
    let other = TaskWish { count: 1, ..call };
    assert!(matches!(world.ecs.run_task(other, world.now), Err(Refusal::Conflict(_))));
    assert_eq!(made[0].group.as_ref(), "family:web");
}

#[test]
fn a_call_that_could_make_nothing_may_be_made_again() {
    let task_addresses = (Ipv4Addr::new(127, 0, 9, 9), 32);
    let mut world = World::of(State::default(), Settings { task_addresses, ..Settings::default() });
    world.report(Report::Connectivity(Connectivity::Connected));
    world.report(Report::Inventory(Vec::new()));
    let network_mode = NetworkMode::Awsvpc;
    let containers = vec![container("web")];
    let blueprint = Blueprint { family: "web".into(), containers, network_mode, ..Blueprint::default() };
    world.ecs.register_definition(blueprint, Tags::new(), world.now).unwrap();
    let first = world.run_again();
    let call = TaskWish { count: 1, client_token: Some("one".into()), ..wish(&world) };
    assert!(world.ecs.run_task(call.clone(), world.now).unwrap().is_empty(), "no address is left");
    world.ecs.stop_task(&first, None, false, world.now).unwrap();
    world.start(&first, "web");
    world.end(&first, "web", 0);
    assert_eq!(world.ecs.run_task(call, world.now).unwrap().len(), 1);
}

#[test]
fn a_token_is_known_again_whatever_became_of_the_definition() {
    let mut world = World::new();
    world.define(vec![container("web")]);
    let call = TaskWish { named: "web".into(), client_token: Some("one".into()), ..wish(&world) };
    let made = world.ecs.run_task(call.clone(), world.now).unwrap();
    world.define(vec![container("web")]);
    world.ecs.deregister_definition(&call.definition, world.now).unwrap();
    let newer = TaskWish { definition: wish(&world).definition, ..call.clone() };
    for again in [newer, TaskWish { definition: DefinitionId::default(), ..call.clone() }] {
        let found = world.ecs.run_task(again, world.now).unwrap();
        assert_eq!((found.len(), &found[0].id), (1, &made[0].id));
    }
    let other = TaskWish { named: "web:1".into(), ..call };
    assert!(matches!(world.ecs.run_task(other, world.now), Err(Refusal::Conflict(_))));
}

#[test]
fn what_cannot_be_run_is_refused_in_words() {
    let mut world = World::new();
    world.define(vec![container("web")]);
    let wish = wish(&world);
    for count in [0, 11] {
        let refused = world.ecs.run_task(TaskWish { count, ..wish.clone() }, world.now);
        assert!(matches!(refused, Err(Refusal::InvalidParameter(_))), "{count}");
    }
    let overrides = [("api".into(), ContainerOverride::default())].into();
    let refused = world.ecs.run_task(TaskWish { overrides, ..wish.clone() }, world.now);
    let text = "Override for container named api is not a container in the TaskDefinition.";
    assert_eq!(refused, Err(Refusal::InvalidParameter(text.to_owned())));
    for _ in 0..100 {
        world.ecs.run_task(TaskWish { count: 10, ..wish.clone() }, world.now).unwrap();
    }
    assert!(matches!(world.ecs.run_task(wish, world.now), Err(Refusal::LimitExceeded(_))));
}

#[test]
fn each_task_of_mode_awsvpc_has_its_own_address_until_it_has_stopped() {
    let settings = Settings { task_addresses: (Ipv4Addr::new(127, 9, 0, 0), 30), ..Settings::default() };
    let mut world = World::of(State::default(), settings);
    world.report(Report::Inventory(Vec::new()));
    let containers = vec![container("web")];
    let network_mode = NetworkMode::Awsvpc;
    let blueprint = Blueprint { family: "web".into(), containers, network_mode, ..Blueprint::default() };
    world.ecs.register_definition(blueprint, Tags::new(), world.now).unwrap();
    let wish = TaskWish { count: 3, ..wish(&world) };
    let made = world.ecs.run_task(wish, world.now).unwrap();
    let address = |task: &Task| task.address.unwrap().to_string();
    assert_eq!(made.iter().map(|task| address(task)).collect::<Vec<_>>(), ["127.9.0.1", "127.9.0.2"]);
    let id = &made[0].id;
    world.ecs.stop_task(id, None, false, world.now).unwrap();
    world.start(id, "web");
    world.end(id, "web", 0);
    let next = world.run_again();
    assert_eq!(address(world.task(&next)), "127.9.0.1");
}

#[test]
fn what_does_not_change_is_shared_with_what_was_before() {
    let mut world = World::new();
    let (first, second) = (world.run(vec![container("web")]), world.run_again());
    let before = world.ecs.state().clone();
    world.start(&first, "web");
    world.ecs.tick(world.now);
    let after = world.ecs.state();
    assert!(std::sync::Arc::ptr_eq(&before.tasks[&second], &after.tasks[&second]));
    assert!(!std::sync::Arc::ptr_eq(&before.tasks[&first], &after.tasks[&first]));
    assert_eq!(before.tasks[&first].last_status, TaskStatus::Activating, "a copy is a copy");
}

#[test]
fn tags_are_given_by_arn() {
    let mut world = World::new();
    let id = world.run(vec![container("web")]);
    let tags: Tags = [("team".into(), "a".into())].into();
    let account = world.ecs.account().clone();
    for arn in [
        account.cluster_arn("default"),
        account.task_arn(world.task(&id)),
        account.definition_arn(&world.task(&id).definition),
    ] {
        world.ecs.set_tags(&arn, tags.clone()).unwrap();
    }
    let state = world.ecs.state();
    assert_eq!(state.clusters["default"].tags, tags);
    assert_eq!(state.tasks[&id].tags, tags);
    assert_eq!(state.latest("web").unwrap().tags, tags);
    assert!(world.ecs.set_tags("arn:aws:ecs:us-east-1:000000000000:task/other/0f", tags).is_err());
}
