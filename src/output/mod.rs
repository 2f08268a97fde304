//! What users see: functions of the view, mounted in one route table.
//!
//! A handler owns no state and changes nothing itself; a client that hangs up leaves nothing half done.

pub mod body;
mod container_check;
pub mod containers;
pub mod ecs;
pub mod ecs_events;
pub mod elbv2;
pub mod events;
pub mod guard;
pub mod json;
pub mod list;
mod marker;
pub mod metrics;
pub mod page;
mod refusals;
mod register_targets;
pub mod registration;
mod request_id;
pub mod routes;
pub mod server;
pub mod services;
pub mod sigv4;
pub mod sse;
pub mod tls;
pub mod transitions;
pub mod watch;
