//! `tgprobe serve`: configuration → fleet → listener → wait for a signal.

mod follow;
mod tasks;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use tokio::net::TcpListener;
use tokio::runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info, warn};

use crate::cli::args::ServeArgs;
use crate::cli::exit::{Exit, Trouble};
use crate::cli::keep::{self, Keep};
pub use crate::cli::serve::follow::{Followed, apply};
use crate::cli::serve::follow::{Host, load, nothing_to_reload, reload};
use crate::cli::serve::tasks::Tasks;
use crate::cli::{access, logging, term};
use crate::config::{self, Config, Journal, Server};
use crate::discovery::file;
use crate::model::ecs::settings::Settings;
use crate::output::ecs;
use crate::output::elbv2::Api;
use crate::output::metrics::Metrics;
use crate::output::routes::{App, router};
use crate::output::server;
use crate::runtime::agent::FileService;
use crate::runtime::clock::Clock;
use crate::runtime::fleet::{Fleet, Former, Layout};
use crate::runtime::limits;
use crate::runtime::resolver;
use crate::runtime::view::View;
use crate::runtime::watching;
use crate::runtime::writer::{Catalog, InMemory, Writer};
use crate::store::Limits;

/// Reloads that may wait for the one running.
const RELOADS: usize = 16;

/// Runs the command.
#[must_use]
pub fn run(args: &ServeArgs) -> Exit {
    let signature = args.config.as_deref().and_then(file::Signature::of);
    let loaded = match &args.config {
        Some(path) => load(path),
        None => config::from_urls(&args.target, &args.check.flags()),
    };
    let mut config = match loaded {
        Ok(config) => config,
        Err(errors) => {
            term::message(&errors.to_string());
            return Exit::Usage;
        }
    };
    config.credentials = match access::credentials(config.credentials.take()) {
        Ok(credentials) => credentials,
        Err(errors) => {
            term::message(&errors.to_string());
            return Exit::Usage;
        }
    };
    let followed = args.config.clone().map(|path| Followed {
        path,
        signature,
        server: config.server.clone(),
        ecs: config.ecs.clone(),
        watches: config.watches.clone(),
    });
    if let Some(listen) = args.listen {
        config.server.listen = listen;
    }
    if let Some(dir) = &args.data_dir {
        config.server.data_dir = Some(dir.clone());
    }
    let _log = logging::start(args.log_format, args.log_level);
    term::end(block_on_beside_checks(async {
        // Before anyone can know that it runs: a signal nobody listens for ends the process at once.
        let (hangup, end) = (listen(SignalKind::hangup())?, end_signals()?);
        let running = start(config, followed).await?;
        if let Err(trouble) =
            term::out(&format!("tgprobe listening on {}://{}", running.scheme, running.address))
        {
            // Whoever started the server does not listen, or its disk is full; the targets are checked all the same.
            warn!(trouble = trouble.message, "The address could not be printed.");
        }
        let signal = wait_for_signal(&running.asks, hangup, end).await;
        info!(signal, "Stopping.");
        let again = end_signals()?;
        tokio::select! {
            () = running.stop() => {}
            signal = again => warn!(signal, "Ending at once."),
        }
        Ok(Exit::Done)
    }))
}

/// Runs `main` on a runtime for everything but checks. Lookups that hang are left behind at the end.
pub fn block_on<T>(main: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    run_on(&mut runtime(), main)
}

/// The same in a process whose shards check targets: where the cores do not suffice, its threads stand back.
pub fn block_on_beside_checks<T>(main: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    run_on(runtime().on_thread_start(limits::stand_back), main)
}

fn runtime() -> runtime::Builder {
    let mut runtime = runtime::Builder::new_multi_thread();
    runtime
        .worker_threads(2)
        .thread_name("api")
        // Every lookup may have its thread, and a few are left for scrapes; tokio's own limit would be 512.
        .max_blocking_threads(resolver::LOOKUPS + 16)
        .enable_all();
    runtime
}

fn run_on<T>(
    runtime: &mut runtime::Builder,
    main: impl Future<Output = Result<T, Trouble>>,
) -> Result<T, Trouble> {
    let runtime =
        runtime.build().map_err(|error| Trouble::usage(format!("cannot start the runtime: {error}")))?;
    let result = runtime.block_on(main);
    runtime.shutdown_background();
    result
}

/// A server that runs.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// What it shows.
    pub view: Arc<View>,
    /// Where every wish goes.
    pub writer: Writer,
    asks: mpsc::Sender<file::Ask>,
    fleet: Fleet,
    tasks: Option<Tasks>,
    listening: tokio::task::JoinHandle<()>,
    keep: Option<Keep>,
}

impl Running {
    /// Stops in order: no new request, streams end, tasks stop where nobody would find them again, shards end.
    pub async fn stop(self) {
        self.view.stop();
        drop((self.asks, self.writer));
        // A listener that panicked has nothing left to stop.
        _ = self.listening.await;
        if let Some(tasks) = self.tasks {
            tasks.stop().await;
        }
        self.fleet.stop().await;
        if let Some(keep) = self.keep {
            keep.stop().await;
        }
        info!("Stopped.");
    }
}

/// Makes `config` live and listens. `followed` is the file it was read from, if there is one.
///
/// # Errors
/// If the address cannot be listened on, or the machine has no thread or descriptor left.
pub async fn start(config: Config, followed: Option<Followed>) -> Result<Running, Trouble> {
    let server = config.server;
    let wrong = |error: io::Error| Trouble::usage(format!("cannot start: {error}"));
    let layout = layout(&server);
    let view = View::new(Clock::start(), layout.shards);
    // Before anyone can connect: what survived is there for the first request.
    let Memory { mut keep, catalog, lives } = remember(&server, &view)?;
    let listener = TcpListener::bind(server.listen)
        .await
        .map_err(|error| Trouble::usage(format!("cannot listen on {}: {error}", server.listen)))?;
    let address = listener.local_addr().map_err(wrong)?;
    let guard = access::guard(&server, address, config.credentials)?;
    let tls = access::tls(&server)?;
    let fleet = Fleet::start(&view, layout, lives).map_err(wrong)?;
    let (account, clock) = (server.account.clone(), view.clock);
    let writer = match &keep {
        Some(keep) => Writer::start(account, catalog, keep.keeper(), clock, fleet.applies()),
        None => Writer::start(account, catalog, InMemory, clock, fleet.applies()),
    };
    let mut summary = apply(&writer, &view, config.desired).await.map_err(Trouble::usage)?;
    let tasks = run_tasks(config.ecs, config.services, (&server, keep.as_ref()), (&writer, &view)).await?;
    if let Some((_, services)) = &tasks {
        summary = format!("{summary}; {services}");
    }
    for rules in config.watches {
        watching::start(rules, writer.clone(), Arc::clone(&view));
    }
    let tasks = tasks.map(|(tasks, _)| tasks);
    let agent = tasks.as_ref().map(|tasks| tasks.agent.clone());
    if let Some(keep) = &mut keep {
        keep.record();
    }
    let (asks, asked) = mpsc::channel(RELOADS);
    match followed {
        Some(Followed { path, signature, server, ecs, watches }) => {
            let (view, writer, guard) = (Arc::clone(&view), writer.clone(), guard.clone());
            let host = Host { view, writer, agent: agent.clone(), server, ecs, watches, guard };
            tokio::spawn(file::run(path, signature, host, asked));
        }
        None => _ = tokio::spawn(nothing_to_reload(asked)),
    }
    let app = App {
        metrics: Metrics::new(Arc::clone(&view), server.metrics_target_limit)
            .map_err(|error| Trouble::usage(format!("cannot start: {error}")))?,
        view: Arc::clone(&view),
        reload: reload(asks.clone()),
        guard,
        ecs: ecs::Api::new(Arc::clone(&view), server.account.clone(), agent),
        elbv2: Api::new(Arc::clone(&view), writer.clone(), server.targets_per_target_group),
        writer: writer.clone(),
        targets_per_group: server.targets_per_target_group,
        history: keep.as_ref().map(Keep::reader),
    };
    if let Some(tls) = &tls {
        tokio::spawn(Arc::clone(tls).follow(Arc::clone(&view)));
    }
    let scheme = if tls.is_some() { "https" } else { "http" };
    let listening = tokio::spawn(server::serve(listener, router(Arc::new(app)), Arc::clone(&view), tls));
    info!(%address, scheme, shards = layout.shards, in_flight_limit = layout.in_flight_limit, "Listening; {summary}.");
    Ok(Running { address, scheme, view, writer, asks, fleet, tasks, listening, keep })
}

/// Has tasks run, if there are to be any, and says what the file wants of them.
async fn run_tasks(
    settings: Option<Settings>,
    services: Vec<FileService>,
    (server, keep): (&Server, Option<&Keep>),
    (writer, view): (&Writer, &Arc<View>),
) -> Result<Option<(Tasks, String)>, Trouble> {
    let Some(settings) = settings else {
        tasks::warn_of_left(keep);
        return Ok(None);
    };
    let tasks = tasks::start(settings, server, keep, writer, view)?;
    let summary = tasks::apply(&tasks.agent, view, services).await.unwrap_or_else(|problems| {
        // Targets are checked and other services run all the same.
        error!("Some services are not as the file wants them:\n{problems}");
        "some services are not as the file wants them".to_owned()
    });
    Ok(Some((tasks, summary)))
}

/// What is known from before the start.
struct Memory {
    keep: Option<Keep>,
    catalog: Catalog,
    lives: Vec<Former>,
}

/// Opens the store, if there is to be one.
fn remember(server: &Server, view: &Arc<View>) -> Result<Memory, Trouble> {
    let Some(dir) = &server.data_dir else {
        return Ok(Memory { keep: None, catalog: Catalog::default(), lives: Vec::new() });
    };
    let Journal { max_age, max_transitions } = server.journal;
    let limits = Limits { max_age, max_transitions: max_transitions.into() };
    let (keep, kept) = keep::open(dir, limits, &server.account, view)?;
    let (catalog, lives) = keep::recall(kept);
    Ok(Memory { keep: Some(keep), catalog, lives })
}

fn layout(server: &Server) -> Layout {
    let cores = thread::available_parallelism().ok();
    let shards = server.shards.or(cores).map_or(1, usize::from);
    let shards = u16::try_from(shards).unwrap_or(u16::MAX);
    let descriptors = limits::raise_descriptor_limit();
    let configured = server.max_checks_in_flight.map(|count| u64::from(count.get()));
    Layout {
        shards,
        in_flight_limit: limits::in_flight_per_shard(descriptors, configured, shards),
        resolve_interval: server.resolve_interval,
    }
}

/// Listens for SIGTERM and SIGINT from now on; the future names the one that came.
///
/// # Errors
/// If signals cannot be listened for.
pub fn end_signals() -> Result<impl Future<Output = &'static str>, Trouble> {
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    })
}

fn listen(kind: SignalKind) -> Result<Signal, Trouble> {
    signal(kind).map_err(|error| Trouble::usage(format!("cannot listen for signals: {error}")))
}

/// Reloads on SIGHUP until SIGTERM or SIGINT comes, and names which.
async fn wait_for_signal(
    asks: &mpsc::Sender<file::Ask>,
    mut hangup: Signal,
    end: impl Future<Output = &'static str>,
) -> &'static str {
    let mut end = std::pin::pin!(end);
    loop {
        tokio::select! {
            signal = &mut end => return signal,
            _ = hangup.recv() => {
                // Whatever becomes of it is logged where the file is read.
                let (ask, _) = oneshot::channel();
                _ = asks.send(ask).await;
            }
        }
    }
}
