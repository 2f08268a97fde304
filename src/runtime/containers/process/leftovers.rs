//! What checks leave behind: whoever has left the group of a check, as a daemon does, is killed a moment after its end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;

use crate::runtime::containers::process::Inner;
use crate::runtime::containers::process::proc::{CHECK, kill_marked};

/// From the end of a check to the look for what it has left. Looking through all processes takes milliseconds, so one
/// look is for every check that has ended meanwhile.
const DELAY: Duration = Duration::from_millis(500);

/// How often is looked for what a check has left while there is something; each look finds who was forked meanwhile.
const LOOKS: u8 = 20;

/// The marks of checks that have ended, and how often each of them is looked for yet.
#[derive(Debug, Default)]
pub(super) struct Leftovers(Mutex<BTreeMap<Box<str>, u8>>);

impl Leftovers {
    fn marks(&self) -> MutexGuard<'_, BTreeMap<Box<str>, u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A check that runs. It has ended when this is dropped.
pub(super) struct Running {
    inner: Arc<Inner>,
    mark: Box<str>,
}

impl Running {
    /// The check whose processes are marked with `mark`, which no other check has.
    pub(super) fn new(inner: &Arc<Inner>, mark: Box<str>) -> Self {
        Self { inner: Arc::clone(inner), mark }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Without a runtime we are ending, and whoever finds the container next kills what its checks have left.
        let Ok(runtime) = Handle::try_current() else { return };
        let mut marks = self.inner.leftovers.marks();
        let nobody_looks = marks.is_empty();
        marks.insert(std::mem::take(&mut self.mark), LOOKS);
        if nobody_looks {
            runtime.spawn(look(Arc::clone(&self.inner)));
        }
    }
}

/// Looks until there is nothing left to be looked for.
async fn look(inner: Arc<Inner>) {
    loop {
        inner.clock.sleep(DELAY).await;
        let marks = inner.leftovers.marks().clone();
        let wanted = marks.clone();
        let kill = move || kill_marked(|name, value| name == CHECK && wanted.contains_key(value));
        let killed = tokio::task::spawn_blocking(kill).await.unwrap_or_default();
        let mut left = inner.leftovers.marks();
        for mark in marks.keys() {
            match left.get_mut(mark) {
                Some(looks) if killed > 0 && *looks > 1 => *looks -= 1,
                _ => _ = left.remove(mark),
            }
        }
        if left.is_empty() {
            return;
        }
    }
}
