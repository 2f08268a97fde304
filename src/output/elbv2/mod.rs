//! The ELBv2 API: AWS's Query protocol over the view, for target groups and their targets.

pub mod error;
pub mod form;
pub mod xml;
