//! The agent's task: takes what has come, has the rules decide, keeps it, shows it, and has it done.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tracing::{info, warn};

use crate::engine::ecs::Ecs;
use crate::engine::ecs::action::{Action, Report, StartContainer, StartError, StartErrorKind};
use crate::model::ecs::event::Happened;
use crate::model::ecs::state::{Difference, State};
use crate::model::ecs::task::Connectivity;
use crate::model::tick::Tick;
use crate::runtime::agent::crowd::Crowd;
use crate::runtime::agent::hands::{Hands, Told};
use crate::runtime::agent::inbox::{Inbox, finished};
use crate::runtime::agent::targets::{self, Answer, Order};
use crate::runtime::agent::{Ask, EcsKeeper, log, lookout};
use crate::runtime::containers::Runtime;
use crate::runtime::staged::Done;
use crate::runtime::view::View;
use crate::runtime::writer::Writer;

/// Calls that are made durable together: the disk is waited for once for all of them.
const TOGETHER: usize = 64;

/// Reports that may wait; who has one more waits with it, and each of those is one container.
const REPORTS: usize = 1_024;

/// From a turn to the next one that nobody asked for, at least.
const BREATH: Duration = Duration::from_millis(1);

/// How long a store or a writer that has failed is left alone, unless a call asks for it.
const AGAIN: Duration = Duration::from_secs(1);

/// What will be kept, and how that goes.
type Keeping = (Arc<State>, JoinHandle<Result<(), String>>);

/// The task's own.
pub(super) struct Task<R, K> {
    ecs: Ecs,
    hands: Hands<R>,
    told: mpsc::Receiver<Told>,
    keeper: Arc<K>,
    writer: Writer,
    view: Arc<View>,
    /// What the keeper has.
    kept: Arc<State>,
    /// Whether there is more than that.
    unkept: bool,
    /// What is being kept without anybody waiting for it, and how it goes.
    keeping: Option<Keeping>,
    /// What readers see.
    shown: Arc<State>,
    /// What is to be done once what asked for it is kept.
    actions: Vec<Action>,
    happened: Vec<Happened>,
    /// Containers of tasks that could not be kept yet.
    held: Vec<StartContainer>,
    orders: VecDeque<Order>,
    ordered: Option<JoinHandle<Answer>>,
    connected: Option<bool>,
    /// Containers for which this host has no room at this moment.
    crowd: Crowd,
    /// Neither the keeper nor the writer is tried again before this.
    patient_until: Option<Tick>,
}

impl<R: Runtime, K: EcsKeeper> Task<R, K> {
    pub(super) fn new(ecs: Ecs, (runtime, keeper): (R, K), writer: Writer, view: Arc<View>) -> Self {
        let (tell, told) = mpsc::channel(REPORTS);
        let hands = Hands::new(runtime, tell, view.clock);
        Self {
            ecs,
            hands,
            told,
            kept: Arc::new(keeper.kept()),
            keeper: Arc::new(keeper),
            writer,
            shown: view.ecs(),
            view,
            unkept: false,
            keeping: None,
            actions: Vec::new(),
            happened: Vec::new(),
            held: Vec::new(),
            orders: VecDeque::new(),
            ordered: None,
            connected: None,
            crowd: Crowd::new(),
            patient_until: None,
        }
    }

    /// Runs until it is asked to end, or nobody can ask for anything any more.
    pub(super) async fn run(mut self, mut asked: mpsc::Receiver<Ask>) {
        self.hands.look_out(lookout::run(Arc::clone(&self.view), self.hands.teller()));
        loop {
            let Some(mut inbox) = self.receive(&mut asked).await else { return self.end().await };
            let end = inbox.asks.extract_if(.., |ask| matches!(ask, Ask::End(_))).next();
            self.turn(inbox).await;
            if let Some(Ask::End(done)) = end {
                self.end().await;
                // Whoever asked may have lost patience.
                _ = done.send(());
                return;
            }
        }
    }

    /// Waits for something to do. `None` once nobody can ask any more.
    async fn receive(&mut self, asked: &mut mpsc::Receiver<Ask>) -> Option<Inbox> {
        let mut inbox = Inbox::default();
        let clock = self.view.clock;
        let wake = self.wake(clock.now());
        let pause = async {
            match wake {
                Some(at) => clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            count = asked.recv_many(&mut inbox.asks, TOGETHER) => {
                if count == 0 {
                    return None;
                }
            }
            _ = self.told.recv_many(&mut inbox.told, REPORTS) => {}
            kept = finished(self.keeping.as_mut().map(|(_, keeping)| keeping)) => inbox.kept = Some(kept),
            answer = finished(self.ordered.as_mut()) => inbox.answered = Some(answer),
            () = pause => {}
        }
        // Whatever else has come by now is of the same turn.
        while inbox.told.len() < REPORTS
            && let Ok(told) = self.told.try_recv()
        {
            inbox.told.push(told);
        }
        Some(inbox)
    }

    /// When there is something to do even if nothing comes.
    fn wake(&self, now: Tick) -> Option<Tick> {
        let waits = (self.unkept && self.keeping.is_none())
            || !self.held.is_empty()
            || (self.ordered.is_none() && !self.orders.is_empty());
        let again = waits.then(|| self.patient_until.unwrap_or(now));
        let due = [self.ecs.next_deadline(), self.crowd.due(), again].into_iter().flatten().min()?;
        Some(due.max(now + BREATH))
    }

    async fn turn(&mut self, inbox: Inbox) {
        let now = self.view.clock.now();
        if self.patient_until.is_some_and(|until| until <= now) {
            self.patient_until = None;
        }
        if let Some(outcome) = inbox.kept {
            self.kept_in_passing(outcome, now);
        }
        if let Some(answer) = inbox.answered {
            self.ordered_in_passing(answer, now);
        }
        for told in inbox.told {
            self.take_in(told, now);
        }
        self.let_go(now);
        self.actions.extend(self.crowd.leave(now).into_iter().map(Action::Start));
        self.ecs.tick(now);
        // What reports and time have brought about holds, whatever becomes of the calls.
        self.collect();
        let before = (!inbox.asks.is_empty()).then(|| self.ecs.clone());
        let answers: Vec<_> = inbox.asks.into_iter().map(|ask| self.decide(ask, now)).collect();
        let asked = before.as_ref().is_some_and(|before| {
            self.ecs.tick(now);
            !Difference::between(before.state(), self.ecs.state()).is_empty()
        });
        let mut outcome = Ok(());
        if asked || (self.patient_until.is_none() && self.has_new_tasks()) {
            outcome = self.keep_durably(now).await;
            if let (Err(_), Some(before)) = (&outcome, before) {
                self.ecs = before;
            }
        }
        self.collect();
        self.show();
        for answer in answers {
            answer(if asked { outcome.clone() } else { Ok(()) });
        }
        self.act(now);
        self.keep_in_passing(now);
    }

    fn take_in(&mut self, told: Told, now: Tick) {
        match told {
            Told::Report(report) => {
                if let Report::Ended { key, .. } = &report {
                    self.hands.ended(key);
                }
                self.ecs.report(report, now);
            }
            Told::Started(key, started) => {
                self.crowd.has_room();
                self.hands.watch(key.clone(), started.runtime_id.clone());
                let (runtime_id, address, bindings) = (started.runtime_id, started.address, started.bindings);
                self.ecs.report(Report::Started { key, runtime_id, address, bindings }, now);
            }
            Told::NoRoom(losses, start, error) => {
                // Once the runtime was lost, the rules ask for it themselves.
                if self.hands.has_been_up_since(losses) {
                    self.crowd.join(start, error, now);
                }
            }
            Told::Probed(serial, key, task, outcome, result) => {
                if self.hands.is_probed(&key, serial) {
                    self.view.ecs_stats.observe(&task, outcome, result.ended.since(result.started));
                    self.ecs.report(Report::Probed(key, outcome, result), now);
                }
            }
            Told::Lost(losses, why) => {
                if self.hands.lost(losses) && self.connected != Some(false) {
                    self.connected = Some(false);
                    self.crowd.scatter();
                    warn!(
                        reason = why,
                        "What runs containers cannot be reached; their state stays as it was."
                    );
                    self.ecs.report(Report::Connectivity(Connectivity::Disconnected), now);
                }
            }
            Told::Found(found) => {
                self.connected = Some(true);
                info!(containers = found.len(), "What runs containers can be reached.");
                self.hands.found(&found);
                self.ecs.report(Report::Connectivity(Connectivity::Connected), now);
                self.ecs.report(Report::Inventory(found), now);
            }
        }
    }

    /// Decides a call; gives what answers it.
    fn decide(&mut self, ask: Ask, now: Tick) -> Box<dyn FnOnce(Result<(), String>) + Send> {
        // Whoever asked may have gone away; what it asked for holds all the same.
        match ask {
            Ask::Call(decide, done) => {
                decide(&mut self.ecs, now);
                Box::new(move |outcome| _ = Done::send(done, outcome))
            }
            Ask::File(services, done) => {
                let mut told = self.ecs.apply_file(services, now);
                Box::new(move |outcome| {
                    told.extend(outcome.err().map(|why| format!("The services cannot be kept: {why}")));
                    _ = oneshot::Sender::send(done, told);
                })
            }
            Ask::End(done) => Box::new(move |_| _ = oneshot::Sender::send(done, ())),
        }
    }

    /// Takes what is to be done, and what has happened.
    fn collect(&mut self) {
        self.actions.extend(self.ecs.take_actions());
        self.happened.extend(self.ecs.take_happened());
    }

    fn has_new_tasks(&self) -> bool {
        // Both are in order: what is asked for has been passed, or is still to come.
        let mut kept = self.kept.tasks.keys();
        !self.ecs.state().tasks.keys().all(|id| kept.any(|known| known == id))
    }

    /// Has everything be on the disk, whatever happens to the machine.
    async fn keep_durably(&mut self, now: Tick) -> Result<(), String> {
        if let Some((state, keeping)) = self.keeping.take()
            && keeping.await.is_ok_and(|outcome| outcome.is_ok())
        {
            self.kept = state;
        }
        let difference = Difference::between(&self.kept, self.ecs.state());
        let outcome = self.keeper.keep(difference, true).await;
        match outcome {
            Ok(()) => self.kept = Arc::new(self.ecs.state().clone()),
            Err(_) => self.patient_until = Some(now + AGAIN),
        }
        outcome
    }

    /// Has what is only seen be written, without waiting for it. To be called when all there is has been shown.
    fn keep_in_passing(&mut self, now: Tick) {
        if Arc::ptr_eq(&self.kept, &self.shown) {
            self.unkept = false;
            return;
        }
        let difference = Difference::between(&self.kept, &self.shown);
        self.unkept = !difference.is_empty();
        let later = self.keeping.is_some() || self.patient_until.is_some_and(|until| now < until);
        if self.unkept && !later && !self.has_new_tasks() {
            let keeper = Arc::clone(&self.keeper);
            let keeping = tokio::spawn(async move { keeper.keep(difference, false).await });
            self.keeping = Some((Arc::clone(&self.shown), keeping));
        }
    }

    fn kept_in_passing(&mut self, outcome: Result<(), String>, now: Tick) {
        let Some((state, _)) = self.keeping.take() else { return };
        match outcome {
            Ok(()) => self.kept = state,
            // It is counted where it was tried, and everything that differs is written with the next attempt.
            Err(_) => self.patient_until = Some(now + AGAIN),
        }
    }

    /// Shows readers what there is now, and then tells those who follow what has happened.
    fn show(&mut self) {
        let state = self.ecs.state();
        let connectivity = |state: &State| (state.connectivity, state.connectivity_at);
        if connectivity(&self.shown) != connectivity(state)
            || !Difference::between(&self.shown, state).is_empty()
        {
            self.shown = Arc::new(state.clone());
            self.view.publish_ecs(Arc::clone(&self.shown));
            self.view.ecs_stats.retain(&self.shown);
        }
        for happened in self.happened.drain(..) {
            log::write(&happened.what);
            self.view.journal.record_ecs(happened);
        }
    }

    fn act(&mut self, now: Tick) {
        let held = std::mem::take(&mut self.held).into_iter().map(Action::Start);
        let actions: Vec<_> = held.chain(self.actions.drain(..)).collect();
        for action in actions {
            if let Action::Start(start) = &action
                && !self.kept.tasks.contains_key(&start.key.task)
            {
                self.held.push(start.clone());
            } else {
                self.orders.extend(self.hands.carry_out(action));
            }
        }
        let patient = self.patient_until.is_some_and(|until| now < until);
        if self.ordered.is_none() && !self.orders.is_empty() && !patient {
            let orders = targets::next(&mut self.orders);
            self.ordered = Some(tokio::spawn(targets::carry_out(self.writer.clone(), orders)));
        }
    }

    /// A container whose task a restart would not know is not started before the task is kept. One that nobody wants any
    /// more by then never is.
    fn let_go(&mut self, now: Tick) {
        let state = self.ecs.state();
        let wanted = |task: &str| state.tasks.get(task).is_some_and(|task| task.is_wanted());
        let over: Vec<_> = self.held.extract_if(.., |start| !wanted(&start.key.task)).collect();
        for report in self.crowd.give_up(self.ecs.state()) {
            self.ecs.report(report, now);
        }
        for start in over {
            let message = "its task could not be kept before it was stopped".into();
            let error = StartError { kind: StartErrorKind::ResourceInitialization, message };
            self.ecs.report(Report::NotStarted(start.key, error), now);
        }
    }

    fn ordered_in_passing(&mut self, answer: Answer, now: Tick) {
        self.ordered = None;
        match answer {
            Ok(reports) => reports.into_iter().for_each(|report| self.ecs.report(report, now)),
            Err((orders, why)) => {
                warn!(
                    reason = why,
                    "Targets of tasks could not be registered or deregistered; trying again."
                );
                orders.into_iter().rev().for_each(|order| self.orders.push_front(order));
                self.patient_until = Some(now + AGAIN);
            }
        }
    }

    /// Writes what was seen last. Containers go on.
    async fn end(mut self) {
        if let Some((state, keeping)) = self.keeping.take()
            && keeping.await.is_ok_and(|outcome| outcome.is_ok())
        {
            self.kept = state;
        }
        let difference = Difference::between(&self.kept, self.ecs.state());
        if !difference.is_empty() && self.keeper.keep(difference, false).await.is_err() {
            warn!("What was seen of tasks last is not kept; the next start finds it out again.");
        }
        self.hands.finish().await;
    }
}
