//! Registers tasks in their target groups and ends their registrations, through the writer as every other wish.
//!
//! What waits is asked for together: a service of a hundred tasks waits for the disk once. A group that is not there
//! refuses its tasks alone.

use std::collections::{BTreeSet, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;

use crate::engine::catalog::{Catalog, Wish};
use crate::engine::ecs::action::Report;
use crate::model::change::Change;
use crate::model::ecs::task::{TaskId, TaskTarget};
use crate::model::protocol::TargetType;
use crate::model::target::TargetDescription;
use crate::model::target_group::GroupName;
use crate::model::target_id;
use crate::model::tick::Tick;
use crate::runtime::staged::Unwritten;
use crate::runtime::writer::Writer;

/// Tasks whose targets are asked for together.
const TOGETHER: usize = 64;

/// What is to become of the targets of a task.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) task: TaskId,
    pub(super) targets: Vec<TaskTarget>,
    pub(super) register: bool,
}

/// What the rules are to hear, or the orders that have to be given again and why.
pub(super) type Answer = Result<Vec<Report>, (Vec<Order>, String)>;

/// The next orders that can be given together: one for each task, so that each finds what the one before it has done.
pub(super) fn next(orders: &mut VecDeque<Order>) -> Vec<Order> {
    let mut tasks = BTreeSet::new();
    let count = orders.iter().take(TOGETHER).take_while(|order| tasks.insert(order.task.clone())).count();
    orders.drain(..count).collect()
}

/// Gives these orders.
pub(super) async fn carry_out(writer: Writer, orders: Vec<Order>) -> Answer {
    let asked = orders.clone();
    let decided = writer.call(move |catalog, now| Ok::<_, Infallible>(decide(catalog, &asked, now))).await;
    match decided {
        Ok(reports) => Ok(reports),
        Err(Unwritten::Refused(never)) => match never {},
        Err(Unwritten::NotDurable(why) | Unwritten::Unknown(why)) => Err((orders, why)),
        // The next start takes up what is left.
        Err(Unwritten::Stopping) => Ok(Vec::new()),
    }
}

fn decide(catalog: &Catalog, orders: &[Order], now: Tick) -> (Vec<Change>, Vec<Report>) {
    let (mut changes, mut reports) = (Vec::new(), Vec::new());
    for Order { task, targets, register } in orders {
        if *register {
            let each: Result<Vec<_>, String> = targets.iter().map(|target| enter(catalog, target)).collect();
            match each {
                Ok(each) => {
                    changes.extend(each.into_iter().flatten());
                    reports.push(Report::Registered(task.clone()));
                }
                Err(why) => reports.push(Report::NotRegistered(task.clone(), why.into())),
            }
        } else {
            let leave =
                |target: &TaskTarget| find(catalog, &target.arn)?.1.deregister(&target.id, target.port, now);
            changes.extend(targets.iter().filter_map(leave));
        }
    }
    (changes, reports)
}

/// What registers a target; nothing where it is registered already.
fn enter(catalog: &Catalog, target: &TaskTarget) -> Result<Option<Change>, String> {
    let Some((name, wish)) = find(catalog, &target.arn) else {
        return Err(format!("The target group {} does not exist", target.arn));
    };
    let kind = wish.group().map_or(TargetType::Ip, |group| group.target_type);
    if let Err(why) = target_id::read(kind, &target.id) {
        return Err(format!("{} cannot be registered in the target group {name}: {why}", target.id));
    }
    if wish.registered(&target.id, target.port).is_some() {
        return Ok(None);
    }
    let target = TargetDescription::new(&target.id, target.port);
    Ok(Some(Change::Register(name.clone(), Arc::new(target))))
}

/// A group by its ARN, or by its name where the file tells it so and the group was not there when it was read.
fn find<'a>(catalog: &'a Catalog, arn: &str) -> Option<(GroupName, &'a Wish)> {
    let named = || {
        let name = GroupName::parse(arn).ok()?;
        catalog.get(&name).map(|wish| (name, wish))
    };
    catalog.find(arn).map(|(name, wish)| (name.clone(), wish)).or_else(named)
}
