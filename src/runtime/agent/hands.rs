//! What the rules ask of the runtime is done here, beside the agent's task, and told to it when it is done.
//!
//! While the runtime cannot be reached nothing is asked of it but what runs there. Then the rules go on from what was
//! found: a start without an answer is theirs to ask for again. The end of a container, once it is wished for, is asked
//! for until there is an answer; what has ended ends no more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};

use crate::engine::ecs::action::{
    Action, ContainerKey, Found, Probe, Report, StartContainer, StartError, StartErrorKind,
};
use crate::model::ecs::health::CheckResult;
use crate::model::ecs::task::Task;
use crate::model::outcome::{Cause, Outcome};
use crate::runtime::agent::targets::Order;
use crate::runtime::clock::Clock;
use crate::runtime::containers::{Runtime, Started, Unreachable};
use crate::runtime::fleet::or_abort;

/// Containers that are started at once: an image is pulled and unpacked for some of them, and a service of hundreds of
/// tasks must not take the machine from those that run already.
const STARTS: usize = 16;

/// Checks that run at once. Each is a process or more; one that finds no place waits for it, and its time limit begins
/// when it runs.
const PROBES: usize = 128;

/// Containers that are signalled or removed at once.
const ENDINGS: usize = 32;

/// The first wait before a runtime that cannot be reached is asked again; it doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What the agent's task is told by those that work for it.
#[derive(Debug)]
pub(super) enum Told {
    /// Something for the rules.
    Report(Report),
    /// A container has started.
    Started(ContainerKey, Started),
    /// A check has ended: which one, of what, and how.
    Probed(u64, ContainerKey, Arc<Task>, Outcome, CheckResult),
    /// This host had no room to start a container, in a time of the runtime's being reachable that has this number.
    NoRoom(u64, StartContainer, StartError),
    /// The runtime could not be reached, in a time of its being reachable that has this number.
    Lost(u64, String),
    /// It can be reached, and this is what runs there.
    Found(Vec<Found>),
}

/// Whether the runtime can be reached, as far as is known.
#[derive(Clone, Copy, Debug, Default)]
struct Link {
    up: bool,
    /// How often it was lost.
    losses: u64,
}

/// Those that work for the agent's task.
pub(super) struct Hands<R> {
    worker: Worker<R>,
    link: watch::Sender<Link>,
    starts: Arc<Semaphore>,
    probes: Arc<Semaphore>,
    endings: Arc<Semaphore>,
    /// Everything that is under way; it ends with this.
    under_way: JoinSet<()>,
    /// Signals and removals that are under way, for which the end waits.
    ending: JoinSet<()>,
    /// The check that runs, or waits for its place, of each container.
    checks: BTreeMap<ContainerKey, (u64, AbortHandle)>,
    serial: u64,
    /// The containers whose end somebody waits for.
    watched: BTreeSet<ContainerKey>,
}

impl<R: Runtime> Hands<R> {
    /// Looks at once for what runs already.
    pub(super) fn new(runtime: R, told: mpsc::Sender<Told>, clock: Clock) -> Self {
        let (link, seen) = watch::channel(Link::default());
        let worker = Worker { runtime: Arc::new(runtime), told, link: seen, clock };
        let room = |places| Arc::new(Semaphore::new(places));
        let (starts, probes, endings) = (room(STARTS), room(PROBES), room(ENDINGS));
        let (under_way, ending) = (JoinSet::new(), JoinSet::new());
        let (checks, watched) = (BTreeMap::new(), BTreeSet::new());
        let mut hands =
            Self { worker, link, starts, probes, endings, under_way, ending, checks, serial: 0, watched };
        hands.look();
        hands
    }

    /// Has something else run for as long as these do.
    pub(super) fn look_out(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        self.spawn(work);
    }

    /// What the agent's task is told with.
    pub(super) fn teller(&self) -> mpsc::Sender<Told> {
        self.worker.told.clone()
    }

    /// Begins to do what concerns containers; what concerns targets is an order for the writer.
    pub(super) fn carry_out(&mut self, action: Action) -> Option<Order> {
        // Their places are needed again.
        while self.under_way.try_join_next().is_some() {}
        while self.ending.try_join_next().is_some() {}
        match action {
            Action::Start(container) => {
                let (worker, room) = (self.worker.clone(), Arc::clone(&self.starts));
                let link = *self.link.borrow();
                self.spawn(async move {
                    let _place = room.acquire().await;
                    worker.start(container, link).await;
                });
            }
            Action::Terminate(_, id) => self.end(Ending::Terminate, vec![id]),
            Action::Kill(_, id) => self.end(Ending::Kill, vec![id]),
            Action::Remove(_, ids) => self.end(Ending::Remove, ids),
            Action::Probe(probe) => self.probe(probe),
            Action::CancelProbe(key) => {
                if let Some((_, check)) = self.checks.remove(&key) {
                    check.abort();
                }
            }
            Action::Register(task, targets) => return Some(Order { task, targets, register: true }),
            Action::Deregister(task, targets) => return Some(Order { task, targets, register: false }),
        }
        None
    }

    /// Whether this check is the one that runs, and was not cancelled.
    pub(super) fn is_probed(&mut self, key: &ContainerKey, serial: u64) -> bool {
        let current = self.checks.get(key).is_some_and(|(current, _)| *current == serial);
        if current {
            self.checks.remove(key);
        }
        current
    }

    /// A container has ended.
    pub(super) fn ended(&mut self, key: &ContainerKey) {
        self.watched.remove(key);
        if let Some((_, check)) = self.checks.remove(key) {
            check.abort();
        }
    }

    /// Waits for the end of a container, unless somebody does already.
    pub(super) fn watch(&mut self, key: ContainerKey, id: Box<str>) {
        if !self.watched.insert(key.clone()) {
            return;
        }
        let mut worker = self.worker.clone();
        self.spawn(async move {
            let ask = move |runtime: Arc<R>| {
                let id = id.clone();
                async move { runtime.ended(&id).await }
            };
            if let Some((exit_code, reason)) = worker.insist(ask).await {
                worker.tell(Told::Report(Report::Ended { key, exit_code, reason })).await;
            }
        });
    }

    /// The runtime could not be reached: whether that is news.
    pub(super) fn lost(&mut self, losses: u64) -> bool {
        let Link { up, losses: known } = *self.link.borrow();
        if known != losses || !up {
            // Until it has been reached once, whoever looks tells of it.
            return known == losses && losses == 0;
        }
        self.link.send_modify(|link| {
            link.up = false;
            link.losses += 1;
        });
        self.look();
        true
    }

    /// It has been reached, and this is there.
    pub(super) fn found(&mut self, found: &[Found]) {
        for container in found.iter().filter(|container| container.ended.is_none()) {
            self.watch(container.key.clone(), container.runtime_id.clone());
        }
        self.link.send_modify(|link| link.up = true);
    }

    fn look(&mut self) {
        let (worker, losses) = (self.worker.clone(), self.link.borrow().losses);
        self.spawn(async move {
            let mut wait = FIRST_WAIT;
            loop {
                match worker.runtime.inventory().await {
                    Ok(found) => return worker.tell(Told::Found(found)).await,
                    Err(Unreachable(why)) => worker.tell(Told::Lost(losses, why)).await,
                }
                worker.clock.sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        });
    }

    fn probe(&mut self, probe: Probe) {
        self.serial += 1;
        let (serial, key) = (self.serial, probe.key.clone());
        let (worker, room) = (self.worker.clone(), Arc::clone(&self.probes));
        let check = self.spawn(async move {
            let _place = room.acquire().await;
            worker.probe(serial, probe).await;
        });
        if let Some((_, before)) = self.checks.insert(key, (serial, check)) {
            before.abort();
        }
    }

    /// Waits until what has been asked for is done that ends containers, or removes what is left of them: nobody would
    /// ask for it again. While the runtime cannot be reached, nothing can be waited for.
    pub(super) async fn finish(&mut self) {
        if self.link.borrow().up {
            while self.ending.join_next().await.is_some() {}
        }
    }

    /// Whether the runtime has been reachable ever since it was lost for this many times.
    pub(super) fn has_been_up_since(&self, losses: u64) -> bool {
        let link = self.link.borrow();
        link.up && link.losses == losses
    }

    fn end(&mut self, ending: Ending, ids: Vec<Box<str>>) {
        let (mut worker, room) = (self.worker.clone(), Arc::clone(&self.endings));
        self.ending.spawn(or_abort(async move {
            let _place = room.acquire().await;
            for id in ids {
                let ask = move |runtime: Arc<R>| {
                    let id = id.clone();
                    async move {
                        match ending {
                            Ending::Terminate => runtime.terminate(&id).await,
                            Ending::Kill => runtime.kill(&id).await,
                            Ending::Remove => runtime.remove(&id).await,
                        }
                    }
                };
                if worker.insist(ask).await.is_none() {
                    return;
                }
            }
        }));
    }

    fn spawn(&mut self, work: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        self.under_way.spawn(or_abort(work))
    }
}

/// What is done to a container that is to be no more.
#[derive(Clone, Copy)]
enum Ending {
    Terminate,
    Kill,
    Remove,
}

struct Worker<R> {
    runtime: Arc<R>,
    told: mpsc::Sender<Told>,
    link: watch::Receiver<Link>,
    clock: Clock,
}

impl<R> Clone for Worker<R> {
    fn clone(&self) -> Self {
        Self {
            runtime: Arc::clone(&self.runtime),
            told: self.told.clone(),
            link: self.link.clone(),
            clock: self.clock,
        }
    }
}

impl<R: Runtime> Worker<R> {
    async fn tell(&self, told: Told) {
        // Without the agent's task nobody wants to know.
        _ = self.told.send(told).await;
    }

    /// Waits until the runtime can be reached; gives how often it was lost before. `None` at the end of the agent.
    async fn reachable(&mut self) -> Option<u64> {
        let link = self.link.wait_for(|link| link.up).await.ok()?;
        Some(link.losses)
    }

    /// Says that the runtime could not be reached, and waits until it can be.
    async fn lost(&mut self, losses: u64, Unreachable(why): Unreachable) -> Option<()> {
        self.tell(Told::Lost(losses, why)).await;
        self.link.wait_for(|link| link.up && link.losses > losses).await.ok().map(|_| ())
    }

    /// Asks until there is an answer. `None` at the end of the agent.
    async fn insist<T, F>(&mut self, ask: impl Fn(Arc<R>) -> F + Send) -> Option<T>
    where
        F: Future<Output = Result<T, Unreachable>> + Send,
    {
        loop {
            let losses = self.reachable().await?;
            match ask(Arc::clone(&self.runtime)).await {
                Ok(answer) => return Some(answer),
                Err(unreachable) => self.lost(losses, unreachable).await?,
            }
        }
    }

    async fn start(self, container: StartContainer, asked: Link) {
        let now = *self.link.borrow();
        if !now.up || now.losses != asked.losses {
            return;
        }
        let key = container.key.clone();
        let told = match self.try_start(&container).await {
            Ok(Ok(started)) => Told::Started(key, started),
            Ok(Err(error)) if error.kind == StartErrorKind::NoRoom => {
                Told::NoRoom(now.losses, container, error)
            }
            Ok(Err(error)) => Told::Report(Report::NotStarted(key, error)),
            Err(Unreachable(why)) => Told::Lost(now.losses, why),
        };
        self.tell(told).await;
    }

    async fn try_start(
        &self,
        container: &StartContainer,
    ) -> Result<Result<Started, StartError>, Unreachable> {
        // The pull of an image, its beginning and its end, and what else a runtime may say of it.
        let (tell, mut heard) = mpsc::channel(8);
        let started = self.runtime.start(container, move |report| _ = tell.try_send(report));
        let forward = async {
            while let Some(report) = heard.recv().await {
                self.tell(Told::Report(report)).await;
            }
        };
        tokio::join!(started, forward).0
    }

    async fn probe(self, serial: u64, probe: Probe) {
        let Link { up, losses } = *self.link.borrow();
        let started = self.clock.now();
        let answer =
            if up { self.runtime.probe(&probe).await } else { Err(Unreachable("it was lost".to_owned())) };
        let (outcome, result) = match answer {
            Ok(answer) => answer,
            Err(Unreachable(why)) => {
                let (ended, output) = (self.clock.now(), why.clone().into());
                self.tell(Told::Lost(losses, why)).await;
                let result = CheckResult { started, ended, exit_code: -1, output };
                (Outcome::Inconclusive(Cause::Internal), result)
            }
        };
        self.tell(Told::Probed(serial, probe.key, probe.task, outcome, result)).await;
    }
}
