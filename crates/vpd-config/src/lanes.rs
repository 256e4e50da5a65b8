//! Which parsers may run at once: one of each lane.

use crate::keys::{Bus, bus_of};
use fru_publication::EepromKey;
use std::collections::BTreeSet;

/// Divides EEPROMs into lanes, whose members read one after another.
///
/// A wire lives in one lane, since two readers on it would only wait for each other: a bus, or with `wires` all buses that
/// multiplexers make one of. The longest are placed first, each where there is least, which fills the lanes as evenly as
/// whole wires can.
///
/// `also` gives the other EEPROMs that the reading of one may touch: their buses are in the same lane.
pub(crate) fn lanes<'a>(
    keys: impl IntoIterator<Item = &'a EepromKey>,
    also: impl Fn(&EepromKey) -> Vec<EepromKey>,
    wires: &[BTreeSet<u32>],
    lanes: usize,
) -> Vec<Vec<&'a EepromKey>> {
    let mut groups: Vec<(BTreeSet<Bus>, Vec<&EepromKey>)> = Vec::new();
    for key in keys {
        let others = also(key);
        let mut buses: BTreeSet<Bus> =
            others.iter().chain([key]).flat_map(|key| wire_of(bus_of(key), wires)).collect();
        let mut members = vec![key];
        // Groups that have a bus in common become one.
        let (touched, rest): (Vec<_>, Vec<_>) =
            groups.into_iter().partition(|(theirs, _)| !theirs.is_disjoint(&buses));
        for (theirs, keys) in touched {
            buses.extend(theirs);
            members.extend(keys);
        }
        groups = rest;
        groups.push((buses, members));
    }
    // Among equals the order of buses decides, so the same source gives the same lanes.
    groups.sort_by(|(a, _), (b, _)| a.cmp(b));
    groups.sort_by_key(|(_, keys)| std::cmp::Reverse(keys.len()));
    let mut filled = vec![Vec::new(); lanes];
    for (_, mut keys) in groups {
        keys.sort();
        if let Some(emptiest) = filled.iter_mut().min_by_key(|lane| lane.len()) {
            emptiest.append(&mut keys);
        }
    }
    filled
}

/// All buses that are one wire with this one.
fn wire_of(bus: Bus, wires: &[BTreeSet<u32>]) -> BTreeSet<Bus> {
    let of = |number: &u32| Bus::I2c(u64::from(*number));
    let wire = wires.iter().find(|wire| wire.iter().any(|number| of(number) == bus));
    wire.into_iter().flatten().map(of).chain([bus]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<EepromKey> {
        text.split(' ').map(|key| EepromKey::parse(key).unwrap()).collect()
    }

    fn shown(text: &str, count: usize) -> Vec<String> {
        let keys = keys(text);
        let words = |lane: Vec<&EepromKey>| lane.iter().map(|key| key.as_str()).collect::<Vec<_>>().join(" ");
        lanes(&keys, |_| Vec::new(), &[], count).into_iter().map(words).collect()
    }

    #[test]
    fn a_bus_stays_in_one_lane_and_lanes_are_even() {
        assert_eq!(
            shown("10-0051 8-0050 10-0050 9-0050 9-0051 spi12.0 file:x 11-0050", 3),
            ["9-0050 9-0051 spi12.0", "10-0050 10-0051 file:x", "8-0050 11-0050"]
        );
    }

    #[test]
    fn what_one_reader_touches_is_in_one_lane() {
        let keys = keys("spi12.0 spi13.1 9-0050 spi14.0");
        let stand_in = |key: &EepromKey| match key.as_str() {
            "spi12.0" => vec![EepromKey::parse("spi13.0").unwrap()],
            "spi14.0" => vec![EepromKey::parse("spi12.7").unwrap()],
            _ => Vec::new(),
        };
        let shown: Vec<Vec<&str>> = lanes(&keys, stand_in, &[], 2)
            .into_iter()
            .map(|lane| lane.into_iter().map(EepromKey::as_str).collect())
            .collect();
        assert_eq!(shown, [vec!["spi12.0", "spi13.1", "spi14.0"], vec!["9-0050"]]);
    }

    #[test]
    fn buses_behind_one_mux_and_its_own_are_in_one_lane() {
        let keys = keys("20-0050 21-0050 22-0050 4-0050 9-0050 10-0050");
        let wires = [BTreeSet::from([4, 20, 21, 22]), BTreeSet::from([5, 23])];
        let shown: Vec<Vec<&str>> = lanes(&keys, |_| Vec::new(), &wires, 3)
            .into_iter()
            .map(|lane| lane.into_iter().map(EepromKey::as_str).collect())
            .collect();
        let mux = vec!["20-0050", "21-0050", "22-0050", "4-0050"];
        assert_eq!(shown, [mux, vec!["9-0050"], vec!["10-0050"]]);
    }

    #[test]
    fn one_lane_takes_all_and_spare_lanes_stay_empty() {
        assert_eq!(shown("9-0050 10-0050", 1), ["9-0050 10-0050"]);
        assert_eq!(shown("9-0050 9-0051", 3), ["9-0050 9-0051", "", ""]);
    }

    #[test]
    fn no_lane_is_longer_than_an_even_share_and_one_bus() {
        for (buses, chips, count) in [(13, 8, 4), (25, 8, 4), (7, 3, 2), (1, 8, 4), (104, 2, 8)] {
            let keys: Vec<EepromKey> = (0..buses)
                .flat_map(|bus| (0..chips).map(move |chip| format!("{bus}-{:04x}", 0x50 + chip)))
                .map(|key| EepromKey::parse(&key).unwrap())
                .collect();
            let lanes = lanes(&keys, |_| Vec::new(), &[], count);
            assert_eq!(lanes.iter().map(Vec::len).sum::<usize>(), keys.len());
            let longest = lanes.iter().map(Vec::len).max().unwrap();
            let fewest_buses = usize::div_ceil(buses, count);
            assert_eq!(longest, fewest_buses * chips as usize, "{buses} buses of {chips} in {count}");
        }
    }
}
