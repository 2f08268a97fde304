//! `tgprobe status --watch`: a table that is redrawn on a terminal, a line per change off it.

use std::collections::BTreeMap;

use tokio::sync::mpsc::Receiver;

use crate::cli::args::TableFormat;
use crate::cli::client::Client;
use crate::cli::exit::{Exit, Trouble};
use crate::cli::follow::{Step, follow};
use crate::cli::sse::Message;
use crate::cli::status::{GROUPS, group_lines, target_lines};
use crate::cli::term;
use crate::cli::wire::{Gone, Key, Target, TargetGroups, Targets};
use crate::model::target_group::GroupName;
use crate::runtime::clock::Clock;

/// Shows the targets of `group` until it is gone or the reader hangs up.
pub(crate) async fn targets(
    client: &Client,
    clock: Clock,
    group: &GroupName,
    format: TableFormat,
) -> Result<Exit, Trouble> {
    let path = format!("{GROUPS}/{group}/targets?watch=true");
    let stream = match client.stream(&path).await {
        Err(error) if error.is_unknown_group() => return Err(client.unknown_group(group.as_str()).await),
        answer => answer?,
    };
    let mut steps = follow(client.clone(), clock, path, Some(stream));
    let mut shown = Shown { format, targets: BTreeMap::new(), redraws: redraws(format) };
    while let Some(step) = steps.recv().await {
        let mut steps_now = vec![step];
        drain(&mut steps, &mut steps_now);
        for step in steps_now {
            let message = match step {
                Step::Message(message) => message,
                Step::Lost(reason) => {
                    term::message(&format!("lost the server, reconnecting: {reason}"));
                    continue;
                }
                Step::Back => continue,
                Step::Gone => return Err(gone(group)),
            };
            if shown.on(&message).map_err(|fault| fault.into_trouble(client))? {
                return Err(gone(group));
            }
        }
        shown.redraw()?;
    }
    Ok(Exit::Done)
}

fn gone(group: &GroupName) -> Trouble {
    Trouble::new(Exit::Unhealthy, format!("the target group {group} is gone"))
}

/// Whether there is a terminal to redraw a table on.
fn redraws(format: TableFormat) -> bool {
    format != TableFormat::Json && term::stdout_is_terminal() && term::stderr_is_terminal()
}

fn drain(steps: &mut Receiver<Step>, into: &mut Vec<Step>) {
    while let Ok(step) = steps.try_recv() {
        into.push(step);
    }
}

/// The targets as last told.
struct Shown {
    format: TableFormat,
    targets: BTreeMap<Key, Target>,
    redraws: bool,
}

/// Either the reader hung up, or the server's JSON was not understood.
enum Fault {
    End(Trouble),
    Json(serde_json::Error),
}

impl Fault {
    fn into_trouble(self, client: &Client) -> Trouble {
        match self {
            Self::End(trouble) => trouble,
            Self::Json(error) => client.garbled(error).into(),
        }
    }
}

impl From<Trouble> for Fault {
    fn from(trouble: Trouble) -> Self {
        Self::End(trouble)
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error)
    }
}

impl Shown {
    /// Takes one event; off a terminal it also prints it. True once the group is gone.
    fn on(&mut self, message: &Message) -> Result<bool, Fault> {
        if self.format == TableFormat::Json && message.event != "message" {
            term::out(&message.data)?;
        }
        match message.event.as_str() {
            "sync" => {
                let list: Targets = serde_json::from_str(&message.data)?;
                let now: BTreeMap<_, _> =
                    list.targets.into_iter().map(|target| (target.key(), target)).collect();
                let left: Vec<_> =
                    self.targets.keys().filter(|key| !now.contains_key(key)).cloned().collect();
                for key in left {
                    self.remove(&key)?;
                }
                for target in now.into_values() {
                    self.put(target)?;
                }
            }
            "target" => self.put(serde_json::from_str(&message.data)?)?,
            "gone" => {
                let gone: Gone = serde_json::from_str(&message.data)?;
                self.remove(&Key::new(&gone.id, gone.port))?;
            }
            "target_group_gone" => return Ok(true),
            _ => {}
        }
        Ok(false)
    }

    fn put(&mut self, target: Target) -> Result<(), Trouble> {
        let before = self.targets.get(&target.key());
        let told = |target: &Target| (target.state, target.reason.clone(), target.description.clone());
        if before.map(told) != Some(told(&target)) {
            let words = [target.reason.as_deref(), target.description.as_deref()].into_iter().flatten();
            let words: Vec<_> = [target.state.as_str()].into_iter().chain(words).collect();
            let since = target.since.map(|since| format!("{since} ")).unwrap_or_default();
            self.line(&format!("{since}{} {}", target.target, words.join(" ")))?;
        }
        self.targets.insert(target.key(), target);
        Ok(())
    }

    fn remove(&mut self, key: &Key) -> Result<(), Trouble> {
        if self.targets.remove(key).is_some() {
            self.line(&format!("{key} gone"))?;
        }
        Ok(())
    }

    fn line(&self, line: &str) -> Result<(), Trouble> {
        if self.redraws || self.format == TableFormat::Json { Ok(()) } else { term::out(&term::plain(line)) }
    }

    fn redraw(&self) -> Result<(), Trouble> {
        if self.redraws {
            term::redraw_screen(&target_lines(self.targets.values(), self.format))
        } else {
            Ok(())
        }
    }
}

/// Shows a line per group until the reader hangs up.
pub(crate) async fn groups(client: &Client, clock: Clock, format: TableFormat) -> Result<Exit, Trouble> {
    let render = |text: &str| {
        Ok(match format {
            TableFormat::Json => vec![text.trim_end().to_owned()],
            TableFormat::Table | TableFormat::Wide => {
                group_lines(&mut serde_json::from_str::<TargetGroups>(text)?, format)
            }
        })
    };
    lists(client, clock, (GROUPS, "/api/v1/events"), format, render).await
}

/// Shows what is at a path until the reader hangs up: the first of the two paths, whenever a stream at the second tells
/// of something.
///
/// The events only say that something happened; what to show is asked for again.
pub(crate) async fn lists(
    client: &Client,
    clock: Clock,
    (path, stream): (&str, &str),
    format: TableFormat,
    render: impl Fn(&str) -> serde_json::Result<Vec<String>>,
) -> Result<Exit, Trouble> {
    let open = client.stream(stream).await?;
    let mut steps = follow(client.clone(), clock, stream.to_owned(), Some(open));
    let mut shown: Vec<String> = Vec::new();
    loop {
        match client.text(path).await {
            Ok(text) => {
                let lines = render(&text).map_err(|error| Trouble::from(client.garbled(error)))?;
                if redraws(format) {
                    term::redraw_screen(&lines)?;
                } else {
                    for line in lines.iter().filter(|line| !shown.contains(line)) {
                        term::out(line)?;
                    }
                }
                shown = lines;
            }
            // The stream tells of the loss, and of the return.
            Err(error) if shown.is_empty() || error.is_unknown() => return Err(error.into()),
            Err(_) => {}
        }
        let Some(step) = steps.recv().await else { return Ok(Exit::Done) };
        let mut steps_now = vec![step];
        drain(&mut steps, &mut steps_now);
        for step in steps_now {
            if let Step::Lost(reason) = step {
                term::message(&format!("lost the server, reconnecting: {reason}"));
            }
        }
    }
}
