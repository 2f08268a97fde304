//! Containers that start at once, pass every check, and end when they are told to.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use crate::engine::ecs::action::{
    ContainerKey, Found, Probe, Report, StartContainer, StartError, StartErrorKind,
};
use crate::model::ecs::health::CheckResult;
use crate::model::outcome::Outcome;
use crate::model::tick::Tick;
use crate::runtime::containers::{End, Runtime, Started, Unreachable};

/// A copy is the same containers.
#[derive(Clone, Default)]
pub(super) struct Containers(Arc<Inner>);

type There = BTreeMap<Box<str>, (ContainerKey, Option<i32>)>;

#[derive(Default)]
struct Inner {
    lost: AtomicBool,
    /// So many starts find no room.
    crowded: AtomicUsize,
    /// By what they are called: which one it is, and how it ended.
    there: Mutex<There>,
    started: Mutex<Vec<Box<str>>>,
    changes: watch::Sender<()>,
}

impl Containers {
    /// Everything that was ever started, in order.
    pub(super) fn started(&self) -> Vec<Box<str>> {
        self.0.started.lock().unwrap().clone()
    }

    /// What runs now.
    pub(super) fn running(&self) -> Vec<Box<str>> {
        let there = self.0.there.lock().unwrap();
        there.iter().filter(|(_, (_, ended))| ended.is_none()).map(|(id, _)| id.clone()).collect()
    }

    /// Makes them unreachable, or reachable again.
    pub(super) fn lose(&self, lost: bool) {
        self.0.lost.store(lost, SeqCst);
        self.0.changes.send_replace(());
    }

    /// Lets so many starts find no room.
    pub(super) fn crowd(&self, starts: usize) {
        self.0.crowded.store(starts, SeqCst);
    }

    /// How many starts will find no room.
    pub(super) fn crowded(&self) -> usize {
        self.0.crowded.load(SeqCst)
    }

    /// Everything there is, ended or not.
    pub(super) fn there(&self) -> usize {
        self.0.there.lock().unwrap().len()
    }

    fn reach(&self) -> Result<(), Unreachable> {
        let lost = self.0.lost.load(SeqCst);
        if lost { Err(Unreachable("nobody is there".to_owned())) } else { Ok(()) }
    }

    fn end(&self, id: &str, exit_code: i32) {
        if let Some((_, ended)) = self.0.there.lock().unwrap().get_mut(id) {
            ended.get_or_insert(exit_code);
        }
        self.0.changes.send_replace(());
    }
}

impl Runtime for Containers {
    async fn start(
        &self,
        container: &StartContainer,
        _: impl Fn(Report) + Send + Sync,
    ) -> Result<Result<Started, StartError>, Unreachable> {
        self.reach()?;
        let crowded = self.0.crowded.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
        if crowded.is_ok() {
            return Ok(Err(StartError {
                kind: StartErrorKind::NoRoom,
                message: "no process is left".into(),
            }));
        }
        let ContainerKey { task, index, run } = &container.key;
        let id: Box<str> = format!("{task}/{index}/{run}").into();
        self.0.there.lock().unwrap().insert(id.clone(), (container.key.clone(), None));
        self.0.started.lock().unwrap().push(id.clone());
        let address = container.task.address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        Ok(Ok(Started { runtime_id: id, address, bindings: Vec::new() }))
    }

    async fn terminate(&self, id: &str) -> Result<(), Unreachable> {
        self.reach()?;
        self.end(id, 143);
        Ok(())
    }

    async fn kill(&self, id: &str) -> Result<(), Unreachable> {
        self.reach()?;
        self.end(id, 137);
        Ok(())
    }

    async fn probe(&self, _: &Probe) -> Result<(Outcome, CheckResult), Unreachable> {
        self.reach()?;
        let result = CheckResult { started: Tick(1), ended: Tick(2), exit_code: 0, output: "".into() };
        Ok((Outcome::Pass, result))
    }

    async fn ended(&self, id: &str) -> Result<End, Unreachable> {
        let mut changes = self.0.changes.subscribe();
        loop {
            self.reach()?;
            match self.0.there.lock().unwrap().get(id) {
                Some((_, None)) => {}
                Some((_, Some(code))) => return Ok((Some(*code), None)),
                None => return Ok((None, None)),
            }
            changes.changed().await.unwrap();
        }
    }

    async fn remove(&self, id: &str) -> Result<(), Unreachable> {
        self.reach()?;
        // It takes its time, as every runtime does.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        self.0.there.lock().unwrap().remove(id);
        Ok(())
    }

    async fn inventory(&self) -> Result<Vec<Found>, Unreachable> {
        self.reach()?;
        let there = self.0.there.lock().unwrap();
        let found = there.iter().map(|(id, (key, ended))| Found {
            key: key.clone(),
            runtime_id: id.clone(),
            started_at: None,
            ended: ended.map(|code| (Some(code), None)),
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            bindings: Vec::new(),
        });
        Ok(found.collect())
    }
}
