//! The one hash whose values are kept beyond a process: in ARNs, and in the order of places on a grid.

/// A hash that never changes between versions or machines (FNV-1a, 64 bit, then mixed so that every bit varies).
pub fn stable(bytes: impl Iterator<Item = u8>) -> u64 {
    let fnv = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = (fnv ^ fnv >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ mixed >> 29
}
