//! What was seen: arrivals of every target, and a window of time over which they are judged.

use serde_json::{Value, json};

use crate::clock::monotonic;

/// Lengths of one bin of arrivals, in nanoseconds. Bursts are told over the longer one. A prober that starts checks in
/// groups as long is even by that measure, whatever it does within a group; the shorter one shows it.
const BIN: u64 = 10_000_000;
const FINE_BIN: u64 = 1_000_000;
/// Most bins kept: 20 minutes of the longer ones, 2 of the shorter ones.
const MOST_BINS: usize = 120_000;
/// Most interval errors kept of a window, and most arrivals of a log.
const MOST_ENTRIES: usize = 16_000_000;

/// How a target behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// 200 at once.
    #[default]
    Ok,
    /// 500 at once.
    Error,
    /// Takes the request and is silent.
    Never,
    /// Answers the request with a reset.
    Reset,
    /// 200 after so many milliseconds.
    Slow(u32),
    /// A head that never ends, one line every so many milliseconds.
    Endless(u32),
}

impl Mode {
    /// The mode of a name and its milliseconds; `None` for a name there is not.
    pub(crate) fn named(name: &str, millis: u32) -> Option<Self> {
        Some(match name {
            "ok" => Self::Ok,
            "500" => Self::Error,
            "never" => Self::Never,
            "reset" => Self::Reset,
            "slow" => Self::Slow(millis),
            "endless" => Self::Endless(millis.max(1)),
            _ => return None,
        })
    }
}

/// One target: when it was asked first and last (monotonic nanoseconds, 0 for never), and how it behaves.
#[derive(Clone, Copy, Default)]
pub(crate) struct Target {
    first: u64,
    last: u64,
    in_window: u32,
    pub(crate) mode: Mode,
}

/// Arrivals per bin of so many nanoseconds since a moment.
struct Bins {
    each: u64,
    start: u64,
    counts: Vec<u32>,
}

impl Bins {
    fn new(each: u64, start: u64) -> Self {
        Self { each, start, counts: Vec::with_capacity(4096) }
    }

    fn note(&mut self, now: u64) {
        let bin = usize::try_from((now - self.start) / self.each).unwrap_or(usize::MAX);
        if bin >= MOST_BINS {
            return;
        }
        if bin >= self.counts.len() {
            self.counts.resize(bin + 1, 0);
        }
        self.counts[bin] += 1;
    }

    /// Burstiness over the whole bins of the first `length` nanoseconds: arrivals per bin against their mean.
    fn report(&self, length: u64) -> Value {
        let whole = usize::try_from(length / self.each).unwrap_or(0).min(MOST_BINS);
        let mut counts: Vec<u32> = self.counts.iter().copied().take(whole).collect();
        counts.resize(whole, 0);
        counts.sort_unstable();
        let total: u64 = counts.iter().map(|count| u64::from(*count)).sum();
        if total == 0 {
            return Value::Null;
        }
        let mean = total as f64 / whole as f64;
        let empty = counts.iter().take_while(|count| **count == 0).count();
        json!({
            "bins": whole,
            "mean": mean,
            "p99": f64::from(at(&counts, 0.99)) / mean,
            "max": f64::from(at(&counts, 1.0)) / mean,
            "empty": empty as f64 / whole as f64,
        })
    }
}

/// The value at a share of a sorted list, the nearest rank; the default of an empty one.
fn at<T: Copy + Default>(sorted: &[T], share: f64) -> T {
    let share = (share * 1e6).round().clamp(0.0, 1e6);
    // Whole numbers up to a million: nothing is cut off.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=1e6 above")]
    let millionths = share as usize;
    let rank = (sorted.len() * millionths).div_ceil(1_000_000).saturating_sub(1);
    sorted.get(rank).copied().unwrap_or_default()
}

/// A stretch of time over which arrivals are judged against an interval.
struct Window {
    open: bool,
    interval: u64,
    /// Targets from this index on are counted and not judged.
    end: u32,
    arrivals: u64,
    errors: Vec<i32>,
    bins: Bins,
    fine_bins: Bins,
}

impl Window {
    /// A window in which nothing has happened, from a moment on.
    fn new(open: bool, interval: u64, end: u32, start: u64) -> Self {
        let (bins, fine_bins) = (Bins::new(BIN, start), Bins::new(FINE_BIN, start));
        Self { open, interval, end, arrivals: 0, errors: Vec::new(), bins, fine_bins }
    }
}

/// Everything written down.
pub(crate) struct Record {
    pub(crate) targets: Vec<Target>,
    seen: u32,
    arrivals: u64,
    elsewhere: u64,
    from_first: Bins,
    window: Window,
    logged: std::ops::Range<u32>,
    log: Vec<(u32, u64)>,
}

impl Record {
    /// Nothing seen yet of so many targets.
    pub(crate) fn new(targets: u32) -> Self {
        let targets = usize::try_from(targets).unwrap_or(0);
        Self {
            targets: vec![Target::default(); targets],
            seen: 0,
            arrivals: 0,
            elsewhere: 0,
            from_first: Bins::new(BIN, 0),
            window: Window::new(false, 0, 0, 0),
            logged: 0..0,
            log: Vec::new(),
        }
    }

    /// Forgets everything, modes too.
    pub(crate) fn reset(&mut self) {
        *self = Self::new(u32::try_from(self.targets.len()).unwrap_or(u32::MAX));
    }

    /// One whole request has arrived at the target of this index, and is answered in the mode returned.
    pub(crate) fn arrival(&mut self, index: u32) -> Mode {
        let now = monotonic();
        let Some(target) = usize::try_from(index).ok().and_then(|index| self.targets.get_mut(index)) else {
            self.elsewhere += 1;
            return Mode::Ok;
        };
        self.arrivals += 1;
        if self.arrivals == 1 {
            self.from_first.start = now;
        }
        self.from_first.note(now);
        if target.first == 0 {
            target.first = now;
            self.seen += 1;
        }
        if self.logged.contains(&index) && self.log.len() < MOST_ENTRIES {
            self.log.push((index, now));
        }
        let window = &mut self.window;
        if window.open {
            window.arrivals += 1;
            target.in_window += 1;
            window.bins.note(now);
            window.fine_bins.note(now);
            if target.last != 0 && index < window.end && window.errors.len() < MOST_ENTRIES {
                let error = i64::try_from(now - target.last).unwrap_or(i64::MAX)
                    - i64::try_from(window.interval).unwrap_or(i64::MAX);
                window.errors.push(i32::try_from(error / 1000).unwrap_or(i32::MAX));
            }
        }
        target.last = now;
        target.mode
    }

    /// Opens a window in which the intervals of the targets before `end` are judged against one in milliseconds.
    pub(crate) fn start(&mut self, interval_ms: u64, end: u32) -> Value {
        for target in &mut self.targets {
            target.in_window = 0;
        }
        let now = monotonic();
        self.window = Window::new(true, interval_ms * 1_000_000, end, now);
        self.window.errors.reserve(1 << 20);
        json!({ "now": now })
    }

    /// Closes the window and tells what was in it. Errors and drift in milliseconds, against the interval.
    pub(crate) fn report(&mut self) -> Value {
        self.window.open = false;
        let window = &mut self.window;
        let length = monotonic() - window.bins.start;
        let mean = |errors: &[i32]| {
            errors.iter().map(|error| f64::from(*error)).sum::<f64>() / errors.len().max(1) as f64 / 1000.0
        };
        let drift = mean(&window.errors);
        let mut errors: Vec<u32> = window.errors.iter().map(|error| error.unsigned_abs()).collect();
        errors.sort_unstable();
        let millis = |share| f64::from(at(&errors, share)) / 1000.0;
        let counted =
            self.targets.iter().filter(|target| target.in_window > 0).map(|target| target.in_window);
        json!({
            "seconds": length as f64 / 1e9,
            "arrivals": window.arrivals,
            "rate": window.arrivals as f64 * 1e9 / length.max(1) as f64,
            "targets": counted.clone().count(),
            "least": counted.clone().min(),
            "most": counted.max(),
            "intervals": errors.len(),
            "error_p50": millis(0.5),
            "error_p99": millis(0.99),
            "error_p999": millis(0.999),
            "error_max": millis(1.0),
            "drift": drift,
            "burst": window.bins.report(length),
            "fine_burst": window.fine_bins.report(length),
        })
    }

    /// How many targets were asked at all, and how many requests came altogether.
    pub(crate) fn seen(&self) -> Value {
        json!({ "seen": self.seen, "arrivals": self.arrivals, "elsewhere": self.elsewhere, "now": monotonic() })
    }

    /// When targets were asked first (monotonic nanoseconds), and the burstiness of the first `millis` milliseconds.
    pub(crate) fn firsts(&self, millis: u64) -> Value {
        let mut firsts: Vec<u64> =
            self.targets.iter().map(|target| target.first).filter(|first| *first > 0).collect();
        firsts.sort_unstable();
        json!({
            "seen": firsts.len(),
            "first": at(&firsts, 0.0),
            "half": at(&firsts, 0.5),
            "p99": at(&firsts, 0.99),
            "every": at(&firsts, 1.0),
            "burst": self.from_first.report(millis * 1_000_000),
        })
    }

    /// From now on writes down each arrival at the targets of this range.
    pub(crate) fn log(&mut self, range: std::ops::Range<u32>) -> Value {
        self.logged = range;
        self.log.clear();
        json!({ "now": monotonic() })
    }

    /// What was written down since `log`: pairs of a target and monotonic nanoseconds.
    pub(crate) fn logged(&self) -> Value {
        json!({ "log": self.log })
    }
}
