//! Containers, tasks and services, in the words of the ECS API. Plain values, which the store keeps as they are.

pub mod arn;
pub mod check;
pub mod definition;
pub mod event;
pub mod health;
pub mod service;
pub mod settings;
pub mod state;
pub mod task;
pub mod watch;
