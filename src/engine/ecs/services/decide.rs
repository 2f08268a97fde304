//! Which tasks of a service to stop and how many to start: the rule alone, over plain facts (docs/semantics.md,
//! "Replacement" and "Deployments").
//!
//! Each deployment keeps a number of tasks: the newest all that are desired, an older one what the minimum still needs of
//! it. Whatever a deployment has above what it keeps is surplus, and what it lacks is started as far as the maximum allows.
//! An unhealthy task counts as lacking, so its replacement comes first and makes it surplus.

use crate::engine::ecs::services::capacity::Capacity;
use crate::engine::ecs::services::facts::{Facts, Fault, Standing};
use crate::model::ecs::task::{TaskId, TaskStatus};

/// A deployment as the rule sees it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Lane {
    /// Its id.
    pub(super) id: Box<str>,
    /// How many tasks it was to keep so far.
    pub(super) desired: usize,
    /// Whether it may start tasks: it has not been given up.
    pub(super) launching: bool,
}

/// What to do.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Decided {
    /// How many tasks each deployment keeps, in their order.
    pub(super) kept: Vec<usize>,
    /// Tasks to stop.
    pub(super) stops: Vec<Stop>,
    /// Tasks to start.
    pub(super) starts: Vec<Start>,
    /// Whether a deployment is held up because neither bound leaves room.
    pub(super) stuck: bool,
}

/// A task to stop.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Stop {
    /// Which.
    pub(super) task: TaskId,
    /// What is wrong with it; `None` where it is only one too many.
    pub(super) fault: Option<Fault>,
    /// Whether it goes before its replacement comes.
    pub(super) first: bool,
}

/// Tasks to start.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Start {
    /// For which deployment.
    pub(super) deployment: Box<str>,
    /// How many.
    pub(super) count: usize,
    /// How many of them take the place of unhealthy tasks that are still there.
    pub(super) replaces: usize,
}

/// The tasks of one deployment that should run.
#[derive(Default)]
struct Crew<'a> {
    keep: usize,
    good: Vec<&'a Facts>,
    undecided: Vec<&'a Facts>,
    bad: Vec<&'a Facts>,
}

impl<'a> Crew<'a> {
    fn of(tasks: impl Iterator<Item = &'a Facts>) -> Self {
        let mut crew = Self::default();
        for task in tasks.filter(|task| task.wanted) {
            match task.standing {
                Standing::Good => crew.good.push(task),
                Standing::Undecided => crew.undecided.push(task),
                Standing::Bad(_) => crew.bad.push(task),
            }
        }
        crew
    }

    fn is_empty(&self) -> bool {
        self.good.is_empty() && self.undecided.is_empty() && self.bad.is_empty()
    }

    /// What it lacks: unhealthy tasks do not count.
    fn missing(&self) -> usize {
        self.keep.saturating_sub(self.good.len() + self.undecided.len())
    }

    /// Replacements whose unhealthy task has not been stopped yet.
    fn replacements(&self) -> usize {
        let all = self.good.iter().chain(&self.undecided).chain(&self.bad);
        all.filter(|task| task.replacement).count()
    }
}

/// Decides. `deployments` come newest first; `pick` gives a number below the one it is told.
pub(super) fn decide(
    capacity: Capacity,
    deployments: &[Lane],
    tasks: &[Facts],
    pick: &mut dyn FnMut(usize) -> usize,
) -> Decided {
    let mut crews: Vec<Crew<'_>> = deployments
        .iter()
        .map(|lane| Crew::of(tasks.iter().filter(|task| task.deployment == lane.id)))
        .collect();
    let kept = keep(capacity, deployments, &crews);
    for (crew, keep) in crews.iter_mut().zip(&kept) {
        crew.keep = *keep;
    }
    let there = |task: &&Facts| task.status != TaskStatus::Stopped;
    let total = tasks.iter().filter(there).count();
    let stopping = tasks.iter().filter(there).filter(|task| !task.wanted).count();

    let mut stops = surplus(capacity, &crews, pick);
    let strays = tasks.iter().filter(|task| task.wanted);
    let strays = strays.filter(|task| deployments.iter().all(|lane| lane.id != task.deployment));
    stops.extend(strays.map(|task| Stop { task: task.id.clone(), fault: None, first: false }));

    let starts = lacking(deployments, &crews, capacity.upper.saturating_sub(total));
    if starts.is_empty() && stops.is_empty() && stopping == 0 {
        stops.extend(make_room(deployments, &crews, pick));
    }
    let held_up = deployments.len() > 1 && deployments.first().is_some_and(|lane| lane.launching);
    let waits = crews.iter().any(|crew| !crew.undecided.is_empty());
    let lacks = crews.first().is_some_and(|crew| crew.missing() > 0);
    let stuck = held_up && lacks && !waits && stopping == 0 && starts.is_empty() && stops.is_empty();
    Decided { kept, stops, starts, stuck }
}

/// How many tasks each deployment keeps. An older one never keeps more than before, and none is kept of what the minimum
/// does not need beside the healthy tasks of the newest. Where the newest has been given up, the older ones stay as they
/// are, up to what is desired in all.
fn keep(capacity: Capacity, deployments: &[Lane], crews: &[Crew<'_>]) -> Vec<usize> {
    let (Some(newest), Some(crew)) = (deployments.first(), crews.first()) else { return Vec::new() };
    let needed = if newest.launching { capacity.lower } else { capacity.desired };
    let mut left = needed.min(capacity.desired).saturating_sub(crew.good.len());
    let mut kept = vec![0; deployments.len()];
    kept[0] = capacity.desired;
    // What has proved itself goes before what has been given up.
    for launching in [true, false] {
        let older = deployments.iter().enumerate().skip(1).filter(|(_, lane)| lane.launching == launching);
        for (index, lane) in older {
            kept[index] = lane.desired.min(left);
            left -= kept[index];
        }
    }
    kept
}

/// Tasks above what their deployments keep.
fn surplus(capacity: Capacity, crews: &[Crew<'_>], pick: &mut dyn FnMut(usize) -> usize) -> Vec<Stop> {
    let mut stops = Vec::new();
    let healthy: usize = crews.iter().map(|crew| crew.good.len()).sum();
    let mut spare = healthy.saturating_sub(capacity.lower);
    for (place, crew) in crews.iter().enumerate() {
        // Unhealthy tasks go once a task that proved itself, or another unhealthy one, has their place.
        let bad = (crew.good.len() + crew.bad.len()).saturating_sub(crew.keep).min(crew.bad.len());
        let mut replaced = crew.replacements();
        for task in choose(&crew.bad, bad, pick) {
            let fault = match &task.standing {
                Standing::Bad(fault) if replaced > 0 => Some(fault.clone()),
                Standing::Bad(_) | Standing::Good | Standing::Undecided => None,
            };
            replaced = replaced.saturating_sub(1);
            stops.push(Stop { task: task.id.clone(), fault, first: false });
        }
        // A replacement is waited for even where the task it was started for has recovered: once both are healthy, either
        // goes. Nobody waits where nothing is kept, or for what is being replaced by a newer deployment.
        let awaited = if place == 0 && crew.keep > 0 { crew.replacements() } else { 0 };
        let needed = crew.keep.saturating_sub(crew.good.len()).max(awaited);
        let excess = crew.undecided.len().saturating_sub(needed);
        let mut order = choose(&crew.undecided, if excess > 0 { crew.undecided.len() } else { 0 }, pick);
        order.sort_by_key(|task| (task.replacement && awaited > 0, task.status == TaskStatus::Running));
        let undecided = order.into_iter().take(excess);
        let good = crew.good.len().saturating_sub(crew.keep).min(spare);
        spare -= good;
        let rest = undecided.chain(choose(&crew.good, good, pick));
        stops.extend(rest.map(|task| Stop { task: task.id.clone(), fault: None, first: false }));
    }
    stops
}

/// What the deployments lack, as far as there is room. The newest always gets a first task, or what is to mend a service
/// would wait for what is broken; then older ones that serve, the newest, and what does not serve.
fn lacking(deployments: &[Lane], crews: &[Crew<'_>], mut room: usize) -> Vec<Start> {
    let mut counts = vec![0; crews.len()];
    let mut fill = |place: usize, most: usize| {
        if deployments[place].launching {
            let count = (crews[place].missing() - counts[place]).min(room).min(most);
            room -= count;
            counts[place] += count;
        }
    };
    let newest_is_empty = crews.first().is_some_and(Crew::is_empty);
    if newest_is_empty {
        fill(0, 1);
    }
    let (serving, others): (Vec<usize>, Vec<usize>) =
        (1..crews.len()).partition(|place| !crews[*place].good.is_empty());
    let newest = (0..crews.len()).take(1);
    serving.into_iter().chain(newest).chain(others).for_each(|place| fill(place, usize::MAX));
    let start = |place: usize| Start {
        deployment: deployments[place].id.clone(),
        count: counts[place],
        replaces: counts[place].min(crews[place].bad.len()),
    };
    let older_first = (1..crews.len()).chain((0..crews.len()).take(1));
    older_first.filter(|place| counts[*place] > 0).map(start).collect()
}

/// Where there is no room for the replacement of an unhealthy task, one of them goes first.
fn make_room(deployments: &[Lane], crews: &[Crew<'_>], pick: &mut dyn FnMut(usize) -> usize) -> Option<Stop> {
    let short = deployments.iter().zip(crews).filter(|(lane, crew)| lane.launching && crew.missing() > 0);
    let bad: Vec<&Facts> = short.flat_map(|(_, crew)| crew.bad.iter().copied()).collect();
    let task = choose(&bad, 1, pick).pop()?;
    let Standing::Bad(fault) = &task.standing else { return None };
    Some(Stop { task: task.id.clone(), fault: Some(fault.clone()), first: true })
}

/// So many of `from` at random, without drawing where there is no choice of which.
fn choose<'a>(from: &[&'a Facts], count: usize, pick: &mut dyn FnMut(usize) -> usize) -> Vec<&'a Facts> {
    let mut left = from.to_vec();
    let count = count.min(left.len());
    (0..count)
        .map(|_| {
            let at = if left.len() > 1 { pick(left.len()).min(left.len() - 1) } else { 0 };
            left.swap_remove(at)
        })
        .collect()
}

#[cfg(test)]
mod tests;
