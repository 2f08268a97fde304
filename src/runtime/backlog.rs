//! What a shard was asked to do and has not done yet, in the order in which it was asked.

use std::collections::VecDeque;
use std::vec;

use crate::engine::registry::Command;
use crate::engine::shard::Key;
use crate::runtime::resolver::Resolution;

/// What is to be done when its turn comes.
#[derive(Debug)]
pub enum Task {
    /// The fleet asks for it.
    Command(Command),
    /// A name has been looked up.
    Resolved(Key, Resolution),
}

/// Batches stay as they came, so that a large set is not copied while it waits.
#[derive(Debug)]
enum Batch {
    /// Never none.
    Commands(vec::IntoIter<Command>),
    Resolved(Key, Resolution),
}

/// Batches that may wait here; further ones stay in the mailbox, which makes its senders wait. One task a batch is the
/// rule for answers of the resolver, and some turns' worth of them keeps the loop busy.
const LENGTH: usize = 1_024;

/// The tasks of one shard.
#[derive(Debug, Default)]
pub struct Backlog {
    batches: VecDeque<Batch>,
    /// Registrations among the commands.
    registrations: u64,
}

impl Backlog {
    /// Whether another batch may be taken.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.batches.len() < LENGTH
    }

    /// Takes commands behind what is there.
    pub fn push_commands(&mut self, commands: Vec<Command>) {
        if commands.is_empty() {
            return;
        }
        self.registrations += commands.iter().map(registrations).sum::<u64>();
        self.batches.push_back(Batch::Commands(commands.into_iter()));
    }

    /// Takes an answer behind what is there.
    pub fn push_resolved(&mut self, key: Key, resolution: Resolution) {
        self.batches.push_back(Batch::Resolved(key, resolution));
    }

    /// The next task, which is then no longer there.
    pub fn pop(&mut self) -> Option<Task> {
        match self.batches.front_mut()? {
            Batch::Commands(commands) => {
                let command = commands.next();
                if commands.as_slice().is_empty() {
                    self.batches.pop_front();
                }
                let command = command?;
                self.registrations -= registrations(&command);
                Some(Task::Command(command))
            }
            &mut Batch::Resolved(key, resolution) => {
                self.batches.pop_front();
                Some(Task::Resolved(key, resolution))
            }
        }
    }

    /// How many targets are still to be taken in.
    #[must_use]
    pub fn registrations(&self) -> u64 {
        self.registrations
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }
}

/// One or none.
fn registrations(command: &Command) -> u64 {
    u64::from(matches!(command, Command::Register(..)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_with_the_last_task() {
        let key = Key { index: 0, generation: 1 };
        let mut backlog = Backlog::default();
        backlog.push_commands(Vec::new());
        assert!(backlog.is_empty());
        backlog.push_commands(vec![Command::Deregister(key, None), Command::Deregister(key, None)]);
        backlog.push_resolved(key, Resolution::NotFound);
        for left in [true, true, false] {
            assert!(backlog.pop().is_some());
            assert_eq!(!backlog.is_empty(), left);
        }
        assert!(backlog.pop().is_none());
    }
}
