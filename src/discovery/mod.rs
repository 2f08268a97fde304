//! Where targets come from. Each source sends its complete desired set; it knows nothing of who takes it.

pub mod file;
