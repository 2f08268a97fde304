//! Which tasks were made for which client token, so that a call that is made again does not make others.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::engine::ecs::wish::TaskWish;
use crate::model::ecs::task::Task;

/// Calls that are remembered: those a client may still be trying again.
const KEPT: usize = 1_000;

/// The latest calls that came with a token.
#[derive(Clone, Debug, Default)]
pub(super) struct Tokens(VecDeque<Arc<(TaskWish, Vec<Arc<Task>>)>>);

impl Tokens {
    /// What was made for the token of `wish`, and whether it was for the same wish: what its definition was found to be
    /// does not matter.
    pub(super) fn find(&self, wish: &TaskWish) -> Option<(bool, Vec<Arc<Task>>)> {
        wish.client_token.as_ref()?;
        let same = |call: &&Arc<(TaskWish, Vec<Arc<Task>>)>| call.0.client_token == wish.client_token;
        let alike = |other: &TaskWish| {
            let definition = other.definition.clone();
            *other == TaskWish { definition, ..wish.clone() }
        };
        self.0.iter().rev().find(same).map(|call| (alike(&call.0), call.1.clone()))
    }

    /// Remembers what was made. Where nothing was, the same call may well make something later.
    pub(super) fn keep(&mut self, wish: TaskWish, tasks: &[Arc<Task>]) {
        if wish.client_token.is_none() || tasks.is_empty() {
            return;
        }
        self.0.push_back(Arc::new((wish, tasks.to_vec())));
        if self.0.len() > KEPT {
            self.0.pop_front();
        }
    }
}
