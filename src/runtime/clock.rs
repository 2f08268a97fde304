//! The one place that reads the clock and the one place that waits for it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

use crate::docker::Wait;
use crate::model::tick::{Tick, millis};
use crate::probe::Stopwatch;
use crate::probe::command::Timer;

/// A steady clock that was set to Unix time once, when it was made.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    base: Instant,
    unix: Duration,
}

impl Clock {
    /// Starts a clock at the wall clock's time.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    pub fn start() -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { base: Instant::now(), unix }
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Tick {
        Tick(millis(self.unix.saturating_add(self.elapsed())))
    }

    /// The machine's own time at this moment, which may step. For times that others set, such as that of a signature:
    /// the steady clock does not count the time this machine slept.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    pub fn wall(&self) -> Tick {
        Tick(millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()))
    }

    /// How long it is until `at`; zero once it is past.
    #[must_use]
    pub fn until(&self, at: Tick) -> Duration {
        Duration::from_millis(at.0).saturating_sub(self.unix.saturating_add(self.elapsed()))
    }

    /// Waits until `at`. The wait may end late; whoever waits reads the clock again and compares.
    #[expect(clippy::disallowed_methods, reason = "the one place that waits for the clock")]
    pub async fn sleep_until(&self, at: Tick) {
        tokio::time::sleep(self.until(at)).await;
    }

    /// Waits for `duration`.
    pub async fn sleep(&self, duration: Duration) {
        self.sleep_until(self.now() + duration).await;
    }
}

impl Stopwatch for Clock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    fn elapsed(&self) -> Duration {
        Instant::now().saturating_duration_since(self.base)
    }
}

impl Wait for Clock {
    async fn wait(&self, duration: Duration) {
        self.sleep(duration).await;
    }
}

impl Timer for Clock {
    fn now(&self) -> Tick {
        Self::now(self)
    }

    async fn wait(&self, duration: Duration) {
        self.sleep(duration).await;
    }
}

/// A tick as a point in wall-clock time, to the millisecond.
#[must_use]
pub fn timestamp(tick: Tick) -> Timestamp {
    let millis = i64::try_from(tick.0).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
}
