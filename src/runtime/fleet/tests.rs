//! The task that commands the shards, without them, and a fleet that goes on after a restart.

use super::*;
use crate::engine::machine::Transition;
use crate::model::protocol::{Protocol, TargetType};
use crate::model::target::{More, Reach};
use crate::model::target_group::TargetGroup;
use crate::runtime::clock::Clock;

fn control(view: &Arc<View>) -> (Control, mpsc::Receiver<Vec<Ask>>) {
    let (asks, asked) = mpsc::channel(16);
    let (registry, view) = (Registry::new(1), Arc::clone(view));
    (Control { registry, view, shards: Vec::new(), asks, failing_open: BTreeMap::new() }, asked)
}

/// A group with these targets, in place of whatever it held.
fn apply(targets: Vec<TargetDescription>) -> (Apply, oneshot::Receiver<Changes>) {
    let name = GroupName::parse("web").unwrap();
    let group =
        TargetGroup { target_type: TargetType::Instance, ..TargetGroup::new(name, Protocol::Http, 80) };
    let groups =
        vec![DesiredGroup { group: Arc::new(group), targets: targets.into_iter().map(Arc::new).collect() }];
    let (done, answer) = oneshot::channel();
    (
        Apply {
            groups,
            gone: Vec::new(),
            deleted: Vec::new(),
            drains: Drains::new(),
            whole_file: true,
            done,
        },
        answer,
    )
}

fn instance(reach: Reach) -> TargetDescription {
    let more = Some(Box::new(More { reach, ..More::default() }));
    TargetDescription { more, ..TargetDescription::new("i-0123456789abcdef0", 80) }
}

#[tokio::test]
async fn a_loss_stands_in_the_journal_between_what_came_before_and_after_it() {
    let view = View::new(Clock::start(), 1);
    let (mut control, _asked) = control(&view);
    let changed = || {
        let target = TargetDescription::new("10.0.0.1", 80);
        let change = Transition { from: State::Initial, to: TargetHealth::HEALTHY, at: Tick(1) };
        (0, Happening::Changed(GroupName::parse("web").unwrap(), Arc::new(target), change))
    };
    let begin = view.journal.newest();
    control.on_happenings([changed(), (0, Happening::Lost), changed()].into_iter()).await;
    let before = view.journal.after(begin);
    assert_eq!((before.entries.len(), before.gap, before.more), (1, false, true));
    let after = view.journal.after(before.last);
    assert_eq!((after.entries.len(), after.gap, after.more), (1, true, false));
}

#[tokio::test]
async fn the_name_followed_is_that_of_the_host_and_forgotten_with_it() {
    let view = View::new(Clock::start(), 1);
    let (mut control, mut asked) = control(&view);
    let mut asks = |context: &str| {
        let word = |ask: Ask| match ask {
            Ask::Follow(name, (_, key)) => format!("+{name}.{}", key.generation),
            Ask::Forget(name, (_, key)) => format!("-{name}.{}", key.generation),
        };
        let asks = std::iter::from_fn(|| asked.try_recv().ok()).flatten().map(word);
        let asks = asks.collect::<Vec<_>>().join(" ");
        (asks, context.to_owned())
    };
    for (reach, expected) in [
        (Reach::At("a.test".into()), "+a.test.1"),
        (Reach::At("a.test".into()), ""),
        (Reach::At("b.test".into()), "-a.test.1 +b.test.2"),
        (Reach::At("10.0.0.5".into()), "-b.test.2"),
        (Reach::Nowhere, ""),
        (Reach::At("c.test".into()), "+c.test.5"),
    ] {
        let context = format!("{reach:?}");
        control.apply(apply(vec![instance(reach)]).0).await;
        assert_eq!(asks(&context), (expected.to_owned(), context));
    }
    control.apply(apply(Vec::new()).0).await;
    let listed = control.registry.listings()["web"].targets[0].clone();
    let name = GroupName::parse("web").unwrap();
    let removed = Happening::Removed(name, listed.target, listed.key, Tick(1));
    control.on_happenings([(0, removed)].into_iter()).await;
    assert_eq!(asks("removed").0, "-c.test.5");
}

#[tokio::test]
async fn lives_from_before_a_restart_are_seen_once_the_first_set_is_answered() {
    let view = View::new(Clock::start(), 2);
    let layout = Layout { shards: 2, in_flight_limit: 8, resolve_interval: Duration::from_secs(30) };
    let since = Tick(view.clock.now().0 - 60_000);
    let target = |number: u32| TargetDescription::new(&format!("127.0.{}.{}", number / 200, number % 200), 1);
    let life = Life {
        state: State::Healthy,
        since,
        conclusive_state: State::Healthy,
        failing: false,
        run: 9,
        failure: None,
        drain_ends: None,
        grid: None,
    };
    let name = GroupName::parse("web").unwrap();
    let lives = (0..2_000).map(|number| (name.clone(), Arc::new(target(number)), life)).collect();
    let fleet = Fleet::start(&view, layout, lives).unwrap();
    // The last one is not wished for any more.
    let (apply, answer) = apply((0..1_999).map(target).collect());
    fleet.applies().send(apply).await.unwrap();
    assert_eq!(answer.await.unwrap(), Changes { registered: 1_999, deregistered: 1, updated_groups: 0 });
    let snapshot = view.snapshot();
    let listing = &snapshot.groups["web"];
    let counts = snapshot.counts(listing);
    assert_eq!((counts.of(State::Healthy), counts.of(State::Draining)), (1_999, 1));
    assert!(view.is_ready(), "what has a verdict is not waited for");
    let record = snapshot.target(listing, &listing.targets[0]).unwrap().record.unwrap();
    assert_eq!(record.status.since, since);
    fleet.stop().await;
}

#[test]
fn what_is_checked_nowhere_is_told_as_such_before_its_shard_has_heard_of_it() {
    let view = View::new(Clock::start(), 1);
    let mut registry = Registry::new(1);
    let (apply, _) = apply(vec![instance(Reach::Nowhere)]);
    registry.apply_some(apply.groups, &[]);
    view.publish_listings(registry.listings());
    view.config.success_at.store(1, Relaxed);
    let snapshot = view.snapshot();
    let listing = &snapshot.groups["web"];
    let seen = snapshot.target(listing, &listing.targets[0]).unwrap();
    assert_eq!(seen.health, TargetHealth::because(State::Unavailable, Reason::ElbInternalError));
    let told = seen.description();
    assert!(
        told.as_ref().is_some_and(|text| text.starts_with("The instance i-0123456789abcdef0")),
        "{told:?}"
    );
    assert!(!fail_open(&listing.group, &snapshot.counts(listing)));
    assert!(view.is_ready(), "nobody waits for a check that never comes");
}
