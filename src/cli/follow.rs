//! Follows an event stream through lost connections.
//!
//! A task of its own reads and reconnects, so that a reader who waits for several things at once never cuts a
//! connection attempt short.

use std::time::Duration;

use tokio::sync::mpsc;

use crate::cli::client::{Client, ClientError, Stream};
use crate::cli::sse::Message;
use crate::runtime::clock::Clock;

/// Wait before the first attempt to reconnect; doubled for each further one.
const FIRST_WAIT: Duration = Duration::from_millis(50);
/// The longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// Steps read ahead. The server sends at most 20 batches a second; beyond this we stop reading and it feels it.
const AHEAD: usize = 256;

/// What following brings.
#[derive(Debug)]
pub enum Step {
    /// An event.
    Message(Message),
    /// The connection was lost, for this reason; reconnecting goes on.
    Lost(String),
    /// The server is there again; what it has to tell follows.
    Back,
    /// The server is there again and says that what was followed is not.
    Gone,
}

/// Follows `GET path`, beginning with `stream` if there is one already and with reconnecting otherwise.
///
/// Ends when the receiver is dropped.
#[must_use]
pub fn follow(client: Client, clock: Clock, path: String, stream: Option<Stream>) -> mpsc::Receiver<Step> {
    let (steps, receiver) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        // Only a reader who has gone ends this, by closing the channel.
        _ = run(&client, &clock, &path, stream, &steps).await;
    });
    receiver
}

async fn run(
    client: &Client,
    clock: &Clock,
    path: &str,
    mut stream: Option<Stream>,
    steps: &mpsc::Sender<Step>,
) -> Result<(), mpsc::error::SendError<Step>> {
    let mut wait = FIRST_WAIT;
    let mut told = false;
    loop {
        if let Some(open) = &mut stream {
            match open.next().await {
                Ok(messages) => {
                    // The server is back only once it has told something.
                    if !messages.is_empty() {
                        (wait, told) = (FIRST_WAIT, false);
                    }
                    for message in messages {
                        steps.send(Step::Message(message)).await?;
                    }
                    continue;
                }
                Err(reason) => {
                    stream = None;
                    told = tell(steps, told, reason).await?;
                }
            }
        }
        tokio::select! {
            () = clock.sleep(wait) => {}
            () = steps.closed() => return Ok(()),
        }
        wait = LONGEST_WAIT.min(wait * 2);
        match client.stream(path).await {
            Ok(open) => {
                stream = Some(open);
                steps.send(Step::Back).await?;
            }
            Err(error) if error.is_unknown() => steps.send(Step::Gone).await?,
            Err(ClientError::Unreachable(reason) | ClientError::Garbled(reason)) => {
                told = tell(steps, told, reason).await?;
            }
            Err(ClientError::Refused { status, message, .. }) => {
                told = tell(steps, told, format!("the server answered {status}: {message}")).await?;
            }
        }
    }
}

/// Says once per loss why the connection was lost.
async fn tell(
    steps: &mpsc::Sender<Step>,
    told: bool,
    reason: String,
) -> Result<bool, mpsc::error::SendError<Step>> {
    if !told {
        steps.send(Step::Lost(reason)).await?;
    }
    Ok(true)
}
