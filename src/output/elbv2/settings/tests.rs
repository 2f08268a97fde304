//! Rows for every rule.
