//! The addresses tasks of network mode `awsvpc` get.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

/// The lowest address of `network` that is not in `used`: from `.1.1` on, or from the first one where the network has
/// fewer. `None` if none is left.
pub(super) fn lowest_free(network: (Ipv4Addr, u8), used: &BTreeSet<IpAddr>) -> Option<IpAddr> {
    let (base, length) = (u32::from(network.0), u32::from(network.1.min(32)));
    let size = 1_u64 << (32 - length);
    let base = u64::from(base) / size * size;
    // The first and the last address of a network are the network's own, as far as it has room for that.
    let (from, to) = match size {
        ..=2 => (0, size),
        3..=256 => (1, size - 1),
        _ => (257, size - 1),
    };
    (from..to)
        .filter_map(|offset| u32::try_from(base + offset).ok())
        .map(|address| IpAddr::V4(Ipv4Addr::from(address)))
        .find(|address| !used.contains(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_address_that_is_free_is_given() {
        let network = (Ipv4Addr::new(127, 0, 0, 0), 16);
        let mut used = BTreeSet::new();
        for want in ["127.0.1.1", "127.0.1.2", "127.0.1.3"] {
            let address = lowest_free(network, &used).unwrap();
            assert_eq!(address.to_string(), want);
            used.insert(address);
        }
        used.remove(&"127.0.1.2".parse().unwrap());
        assert_eq!(lowest_free(network, &used).unwrap().to_string(), "127.0.1.2");
    }

    #[test]
    fn a_small_network_gives_all_it_has_and_then_none() {
        for (network, all) in [
            ((Ipv4Addr::new(127, 3, 2, 1), 32), vec!["127.3.2.1"]),
            ((Ipv4Addr::new(127, 3, 2, 1), 31), vec!["127.3.2.0", "127.3.2.1"]),
            ((Ipv4Addr::new(127, 3, 2, 0), 30), vec!["127.3.2.1", "127.3.2.2"]),
        ] {
            let mut used = BTreeSet::new();
            while let Some(address) = lowest_free(network, &used) {
                used.insert(address);
            }
            assert_eq!(used.iter().map(ToString::to_string).collect::<Vec<_>>(), all);
        }
    }
}
