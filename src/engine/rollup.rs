//! From the states of many targets to one statement about their group.

use crate::model::health::State;
use crate::model::target_group::TargetGroup;

/// How many targets are in each state, in the order of [`State::ALL`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    states: [u32; State::ALL.len()],
    unreachable: u32,
}

impl Counts {
    /// Counts one more target.
    pub fn add(&mut self, state: State) {
        self.states[state.index()] += 1;
    }

    /// Says that one of the targets counted is checked nowhere, because it has no address.
    pub fn add_unreachable(&mut self) {
        self.unreachable += 1;
    }

    /// How many targets are in `state`.
    #[must_use]
    pub fn of(&self, state: State) -> u32 {
        self.states[state.index()]
    }

    /// Registered targets: all but the draining ones.
    #[must_use]
    pub fn registered(&self) -> u32 {
        self.states.iter().sum::<u32>() - self.of(State::Draining)
    }
}

/// Whether the group's requests would go to all its targets because too few are healthy
/// (docs/semantics.md, "Fail open").
///
/// It changes no target's state. False for a group that is empty, not in use or not checked, and while no target has
/// left `initial`: there is nothing yet to fail open from. Targets that are checked nowhere do not count.
#[must_use]
pub fn fail_open(group: &TargetGroup, counts: &Counts) -> bool {
    let registered = counts.registered().saturating_sub(counts.unreachable);
    let undecided = registered == counts.of(State::Initial);
    if undecided || !group.attributes.in_use || !group.health_check.enabled {
        return false;
    }
    let healthy = counts.of(State::Healthy);
    let floor = group.attributes.unhealthy_state_routing;
    let too_few = floor.count.is_some_and(|count| healthy < count);
    let too_small = floor
        .percentage
        .is_some_and(|share| u64::from(healthy) * 100 < u64::from(share) * u64::from(registered));
    too_few || too_small
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::protocol::Protocol;
    use crate::model::target_group::{Attributes, GroupName, MinimumHealthy};

    /// States: `I`nitial, `H`ealthy, `U`nhealthy, `D`raining, checked `N`owhere.
    fn fails_open(count: Option<u32>, percentage: Option<u8>, states: &str) -> bool {
        let group = TargetGroup {
            attributes: Attributes {
                unhealthy_state_routing: MinimumHealthy { count, percentage },
                ..Attributes::default()
            },
            ..TargetGroup::new(GroupName::parse("web").unwrap(), Protocol::Http, 80)
        };
        let mut counts = Counts::default();
        for letter in states.chars() {
            let state = match letter {
                'I' => State::Initial,
                'H' => State::Healthy,
                'U' => State::Unhealthy,
                'D' => State::Draining,
                'N' => {
                    counts.add_unreachable();
                    State::Unavailable
                }
                _ => unreachable!("no such state: {letter}"),
            };
            counts.add(state);
        }
        fail_open(&group, &counts)
    }

    #[test]
    fn a_group_fails_open_below_its_floor() {
        for (count, percentage, states, open) in [
            (Some(1), None, "UUU", true),
            (Some(1), None, "HUU", false),
            (Some(1), None, "", false),
            (Some(1), None, "III", false),
            (Some(1), None, "IIU", true),
            (Some(1), None, "D", false),
            (Some(1), None, "UD", true),
            (Some(2), None, "HUU", true),
            (Some(1), Some(50), "HU", false),
            (Some(1), Some(51), "HU", true),
            (Some(1), Some(50), "HUD", false),
            (Some(1), Some(100), "HHI", true),
            (Some(1), None, "NN", false),
            (Some(1), None, "NI", false),
            (Some(1), None, "NU", true),
            (Some(1), Some(100), "HN", false),
        ] {
            assert_eq!(fails_open(count, percentage, states), open, "{count:?} {percentage:?} {states}");
        }
    }
}
