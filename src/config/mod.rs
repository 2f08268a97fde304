//! From text to a configuration that cannot be wrong.
