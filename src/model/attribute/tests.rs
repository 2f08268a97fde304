//! Rows for every attribute and every rule between them.
