//! Messages to a shard: a bounded queue, and a bell that wakes the thread which reads it.

use std::io;

use tokio::sync::mpsc;

use crate::runtime::poller::Bell;
use crate::runtime::shard_loop::Message;

/// Batches of commands a shard may be behind before the caller waits: commands are rare and batches large.
pub const LENGTH: usize = 64;

/// One way to send to a shard. The shard ends when the last one is dropped.
#[derive(Debug)]
pub struct Mailbox {
    /// Taken out only to be dropped before the last ring.
    sender: Option<mpsc::Sender<Message>>,
    bell: Bell,
}

impl Mailbox {
    /// A mailbox whose messages come out of the receiver, with a ring of `bell` each.
    #[must_use]
    pub fn new(bell: Bell) -> (Self, mpsc::Receiver<Message>) {
        let (sender, receiver) = mpsc::channel(LENGTH);
        (Self { sender: Some(sender), bell }, receiver)
    }

    /// Another way into the same mailbox.
    ///
    /// # Errors
    /// If there is no descriptor left.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { sender: self.sender.clone(), bell: self.bell.try_clone()? })
    }

    /// Sends, and waits while the mailbox is full. A shard that has ended takes no message, and nobody misses it.
    pub async fn send(&self, message: Message) {
        if let Some(sender) = &self.sender {
            _ = sender.send(message).await;
            self.bell.ring();
        }
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        // First the sender, so that the shard finds the mailbox closed when it hears the bell.
        self.sender = None;
        self.bell.ring();
    }
}
