//! Drives the registry and its shards through random lives, from a seed, and checks three kinds of promises: nothing
//! bad happens, everything due does happen, and what was promised to last a time lasts exactly that long.
//!
//! A shadow, which shares no code with the engine, says before each call what the engine must answer: the state of
//! every target from its own counters, the moment of every check from its own arithmetic.
//!
//! Replay one run with `SIM_SEED=<n>`; widen the sweep with `SIM_SEEDS=<n>`.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::env;
use std::thread;

mod simulation {
    pub(crate) mod dice;
    pub(crate) mod finale;
    mod load;
    mod restart;
    pub(crate) mod shadow;
    pub(crate) mod turn;
    pub(crate) mod wish;
    pub(crate) mod world;
}

use simulation::world::World;

#[test]
fn every_promise_holds_in_every_life() {
    let number = |name| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match number("SIM_SEED") {
        Some(seed) => run(seed),
        None => (0..number("SIM_SEEDS").unwrap_or(256)).for_each(run),
    }
}

fn run(seed: u64) {
    let replay = Replay(seed);
    let mut world = World::new(seed);
    for _ in 0..world.steps() {
        world.step();
    }
    world.end();
    drop(replay);
}

/// Tells the seed of a run that failed.
struct Replay(u64);

impl Drop for Replay {
    #[expect(clippy::print_stderr, reason = "the one line that lets a failed run be repeated")]
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("replay with SIM_SEED={}", self.0);
        }
    }
}
