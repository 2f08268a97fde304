//! Names and random choices, from one generator whose seed is an argument.

use std::fmt::Write;

/// A generator of names (`SplitMix64`): the same seed gives the same names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ids(u64);

impl Ids {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `below`, or 0 where there is none.
    pub(super) fn random(&mut self, below: usize) -> usize {
        let below = u64::try_from(below).unwrap_or(u64::MAX);
        let picked = self.next().checked_rem(below).unwrap_or(0);
        usize::try_from(picked).unwrap_or(0)
    }

    /// 32 digits of base 16, as tasks are called.
    pub(super) fn task(&mut self) -> Box<str> {
        format!("{:016x}{:016x}", self.next(), self.next()).into()
    }

    /// A UUID of version 4 (RFC 9562, section 5.4).
    pub(super) fn uuid(&mut self) -> Box<str> {
        let (high, low) = (self.next(), self.next());
        let mut text = String::with_capacity(36);
        _ = write!(text, "{:08x}-{:04x}-4{:03x}", high >> 32, (high >> 16) & 0xFFFF, high & 0xFFF);
        _ = write!(text, "-{:04x}-{:012x}", 0x8000 | (low >> 50), low & 0xFFFF_FFFF_FFFF);
        text.into()
    }

    /// `ecs-svc/` and 19 digits, as deployments are called.
    pub(super) fn deployment(&mut self) -> Box<str> {
        const DIGITS: u64 = 1_000_000_000_000_000_000;
        format!("ecs-svc/{}", DIGITS + self.next() % (8 * DIGITS)).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_their_shapes_and_come_again_with_their_seed() {
        let (mut ids, mut again) = (Ids::new(7), Ids::new(7));
        for _ in 0..1_000 {
            let (task, uuid, deployment) = (ids.task(), ids.uuid(), ids.deployment());
            assert_eq!((&task, &uuid, &deployment), (&again.task(), &again.uuid(), &again.deployment()));
            assert!(task.len() == 32 && task.bytes().all(|byte| byte.is_ascii_hexdigit()), "{task}");
            let parts: Vec<usize> = uuid.split('-').map(str::len).collect();
            assert_eq!(parts, [8, 4, 4, 4, 12], "{uuid}");
            assert!(uuid[14..].starts_with('4') && uuid[19..].starts_with(['8', '9', 'a', 'b']), "{uuid}");
            let digits = deployment.strip_prefix("ecs-svc/").unwrap();
            assert!(digits.len() == 19 && digits.bytes().all(|byte| byte.is_ascii_digit()), "{digits}");
            assert!(ids.random(3) < 3 && again.random(3) < 3);
        }
        assert_eq!(ids.random(0), 0);
        assert_ne!(Ids::new(1).task(), Ids::new(2).task());
    }
}
