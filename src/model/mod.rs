//! The nouns: plain values that may parse and print themselves and do nothing else.
//!
//! No clock, no socket, no log, no randomness; every other layer may import this one and it imports none.

pub mod arn;
pub mod attribute;
pub mod certificates;
pub mod change;
pub mod credential;
pub mod description;
pub mod desired;
pub mod detection;
pub mod duration;
pub mod ecs;
pub mod excerpt;
pub mod failure;
pub mod family;
pub mod hash;
pub mod health;
pub mod health_check;
pub mod life;
pub mod matcher;
pub mod nearest;
pub mod outcome;
pub mod past;
pub mod percent;
pub mod protocol;
pub mod request;
pub mod tag;
pub mod target;
pub mod target_group;
pub mod target_id;
pub mod tick;
