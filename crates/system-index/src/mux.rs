use crate::DeviceAddress;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// An I²C multiplexer, and the buses behind it: only one transfer at a time fits through all of them together, and through the
/// bus that it is on.
///
/// Shape: TOML, `[[mux]]`; `buses` are numbers as keys of EEPROMs have them (`20-0050` is on bus 20).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Mux {
    /// Its own address, and so the bus that it is on.
    pub at: DeviceAddress,
    /// The buses behind it.
    #[serde(default)]
    pub buses: Vec<u32>,
}

impl Mux {
    /// The number of the bus that it is on; `None` if its address is none of I²C, which [`Self::check`] refuses.
    pub fn bus(&self) -> Option<u32> {
        self.at.i2c()?.0.parse().ok()
    }

    /// What is wrong with the multiplexers of a system, in sentences, each with the place in the list of the one that it is about;
    /// nothing when all is well.
    pub fn check(muxes: &[Self]) -> Vec<(usize, String)> {
        let (mut problems, mut parents, mut seen) = (Vec::new(), BTreeMap::new(), BTreeSet::new());
        for (index, mux) in muxes.iter().enumerate() {
            let at = mux.at.as_str();
            let Some(bus) = mux.bus() else {
                problems.push((index, format!("{at} is no address on an I²C bus")));
                continue;
            };
            if !seen.insert(at) {
                problems.push((index, format!("{at} appears twice")));
            }
            for behind in &mux.buses {
                let problem = match parents.insert(*behind, (index, bus)) {
                    None => continue,
                    Some((other, _)) if other == index => format!("bus {behind} is named twice behind {at}"),
                    Some((other, _)) => {
                        let other = muxes.get(other).map_or("another", |other| other.at.as_str());
                        format!("bus {behind} is behind {at}, and behind {other}")
                    }
                };
                problems.push((index, problem));
            }
        }
        let goes_round = |start: u32| {
            let mut bus = start;
            // A way up that has more steps than there are buses comes back to one.
            parents.keys().any(|_| match parents.get(&bus) {
                Some((_, above)) => {
                    bus = *above;
                    bus == start
                }
                None => false,
            })
        };
        problems.extend(
            parents
                .iter()
                .find(|(bus, _)| goes_round(**bus))
                .map(|(bus, (index, _))| (*index, format!("bus {bus} is behind itself"))),
        );
        problems
    }

    /// The buses that are one wire, a set for each that has more than one bus.
    pub fn wires<'a>(muxes: impl IntoIterator<Item = &'a Self>) -> Vec<BTreeSet<u32>> {
        let mut wires: Vec<BTreeSet<u32>> = Vec::new();
        for mux in muxes {
            let mut wire: BTreeSet<u32> = mux.buses.iter().copied().chain(mux.bus()).collect();
            let (same, others): (Vec<_>, Vec<_>) =
                wires.into_iter().partition(|other| !other.is_disjoint(&wire));
            wire.extend(same.into_iter().flatten());
            wires = others;
            wires.push(wire);
        }
        wires.retain(|wire| wire.len() > 1);
        wires
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Muxes {
        mux: Vec<Mux>,
    }

    fn muxes(rows: &[(&str, &str)]) -> Vec<Mux> {
        let text: String =
            rows.iter().map(|(at, buses)| format!("[[mux]]\nat = \"{at}\"\nbuses = [{buses}]\n")).collect();
        toml::from_str::<Muxes>(&text).unwrap().mux
    }

    #[test]
    fn buses_behind_a_mux_are_one_wire_with_its_own_however_deep() {
        let rows =
            [("40-0071", "50"), ("4-0070", "20, 21"), ("5-0070", "23"), ("6-0070", ""), ("20-0071", "40")];
        let wires = Mux::wires(&muxes(&rows));
        assert_eq!(wires, [BTreeSet::from([5, 23]), BTreeSet::from([4, 20, 21, 40, 50])]);
    }

    #[test]
    fn what_no_machine_has_is_refused() {
        for (rows, problem) in [
            (&[("4-0070", "20, 21"), ("5-0070", "22")][..], None),
            (&[("spi1.0", "20")], Some((0, "spi1.0 is no address on an I²C bus"))),
            (&[("4-0070", "20"), ("4-0070", "21")], Some((1, "4-0070 appears twice"))),
            (&[("4-0070", "20"), ("5-0070", "20")], Some((1, "bus 20 is behind 5-0070, and behind 4-0070"))),
            (&[("4-0070", "20, 20")], Some((0, "bus 20 is named twice behind 4-0070"))),
            (&[("4-0070", "4")], Some((0, "bus 4 is behind itself"))),
            (&[("4-0070", "20"), ("20-0070", "21"), ("21-0070", "4")], Some((2, "bus 4 is behind itself"))),
        ] {
            let found = Mux::check(&muxes(rows));
            let found = found.first().map(|(index, problem)| (*index, problem.as_str()));
            assert_eq!(found, problem, "{rows:?}");
        }
    }
}
