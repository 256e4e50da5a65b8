//! Two EEPROMs that should say the same.

use crate::collect::{Collected, Verdict};
use dbus_api::vpd::collection::Redundant;
use fru_publication::Keywords;
use std::collections::BTreeMap;
use vpd_format::Vpd;

/// Which of two readings counts, and how they stand to each other. The first counts unless the second is better.
pub(crate) fn choose(first: Collected, second: Collected) -> Collected {
    let bytes_read = first.bytes_read + second.bytes_read;
    let (chosen, redundant) = match (&first.verdict, &second.verdict) {
        // What the two have in common is not known before both can be read.
        (_, Verdict::Busy(_)) => (second, Redundant::Nothing),
        (Verdict::Usable(ours), Verdict::Usable(theirs)) if first.is_good() == second.is_good() => {
            let redundant = if say_the_same(ours, theirs) { Redundant::Equal } else { Redundant::Differs };
            (first, redundant)
        }
        (Verdict::Usable(_), Verdict::Usable(_)) if first.is_good() => (first, Redundant::Differs),
        (_, Verdict::Usable(_)) => {
            log::warn!("the redundant EEPROM is used: {}", first.reason());
            (second, Redundant::Used)
        }
        _ => (first, Redundant::Unusable),
    };
    Collected { bytes_read, redundant, ..chosen }
}

/// Whether two images have the same keywords with the same values; where these lie does not count.
fn say_the_same(one: &Vpd, other: &Vpd) -> bool {
    values(Keywords(one)) == values(Keywords(other))
}

/// Records with their keywords and values, each sorted by name.
type Values = BTreeMap<String, BTreeMap<String, Vec<u8>>>;

fn values(keywords: Keywords<'_>) -> Values {
    let of_record = |record: &str| {
        let keywords = keywords.of_record(record).into_iter();
        keywords.map(|keyword| (keyword.name.to_string(), keyword.data.to_vec())).collect()
    };
    keywords.records().into_iter().map(|(record, _)| (record.clone(), of_record(&record))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::read;
    use fru_publication::Fragment;
    use vpd_format::Bytes;

    const CARD: &str = include_str!("../../../tests/data/vpd/card.toml");

    fn collected(image: &[u8]) -> Collected {
        read(Bytes(image), &Fragment::parse("[[object]]\npath = \"/x\"\nrecords = \"all\"\n").unwrap())
    }

    #[test]
    fn the_second_counts_only_where_it_is_better() {
        let good = vpd_builder::build(CARD).unwrap();
        let serial = good.windows(4).position(|window| window == b"YVIV").unwrap();
        let mut bad = good.clone();
        bad[serial..serial + 4].fill(0);
        let other = vpd_builder::build(&CARD.replace("YVIV", "YVIX")).unwrap();
        let blank = vec![0xff; good.len()];
        for (first, second, redundant, is_good) in [
            (&good, &good, Redundant::Equal, true),
            (&good, &other, Redundant::Differs, true),
            (&good, &bad, Redundant::Differs, true),
            (&good, &blank, Redundant::Unusable, true),
            (&bad, &good, Redundant::Used, true),
            (&blank, &good, Redundant::Used, true),
            (&blank, &bad, Redundant::Used, false),
            (&blank, &blank, Redundant::Unusable, false),
        ] {
            let chosen = choose(collected(first), collected(second));
            assert_eq!((chosen.redundant, chosen.is_good()), (redundant, is_good));
        }
    }
}
