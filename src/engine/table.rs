//! Tables by place: how one is found in them, and how they grow, so that of a large one little lies empty.

/// A table's index; lossless on every platform this builds for.
#[must_use]
pub fn usize_of(index: u32) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}

/// A table grows by this part of its size.
const GROWTH: usize = 16;

/// Makes room for this many places at least. Told how many will come, a table moves once and leaves no smaller copy of
/// itself behind; those would be a fifth of a target's memory, which nobody after them fits into.
pub fn make_room<T>(table: &mut Vec<T>, places: usize) {
    if places > table.capacity() {
        let more = (places - table.len()).max(table.len() / GROWTH);
        table.reserve_exact(more);
    }
}
