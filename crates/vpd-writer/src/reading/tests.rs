use super::*;
use fru_publication::EepromKey;
use std::sync::Arc;

const CARD: &str = include_str!("../../../../tests/data/vpd/card.toml");
const KEYWORD: &str = include_str!("../../../../tests/data/vpd/keyword.toml");
const MODULE: &str = include_str!("../../../../tests/data/vpd/ddr4-ddimm.toml");

struct Bed(tempfile::TempDir);

impl Bed {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn chip(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

fn job(chips: Vec<PathBuf>, what: Wanted) -> ReadJob {
    let fragment = Arc::new(Fragment::parse("[[object]]\npath = \"/x\"\n").unwrap());
    let key = EepromKey::parse("file:x").unwrap();
    ReadJob { key, chips, fragment, power_off_only: false, partner: None, what }
}

fn performed(job: &ReadJob) -> Result<Done, Refusal> {
    perform(job, &Backups::at(Path::new("/nonexistent"), durable_state::RealDisk))
}

fn keyword(record: Option<&str>, keyword: &str) -> Wanted {
    let record = record.map(|record| record.parse().unwrap());
    Wanted::Keyword { chip: 0, record, keyword: keyword.parse().unwrap() }
}

fn image(text: &str) -> Vec<u8> {
    vpd_builder::build(text).unwrap()
}

/// The card with so many bytes of its serial number ruined.
fn damaged() -> Vec<u8> {
    let mut image = image(CARD);
    let at = image.windows(4).position(|window| window == b"YVIV").unwrap();
    image[at..at + 8].fill(0);
    image
}

#[test]
fn a_keyword_comes_from_the_chip_as_its_format_names_it() {
    let bed = Bed::new();
    let (card, flat) = (bed.chip("card", &image(CARD)), bed.chip("flat", &image(KEYWORD)));
    for (chip, record, name, expected) in [
        (&card, Some("VINI"), "SN", Ok(&b"YVIV00000101"[..])),
        (&card, Some("VINI"), "RT", Ok(b"VINI")),
        (&card, Some("VINI"), "ZZ", Err(Cause::KeywordNotFound)),
        (&card, Some("VCEN"), "SE", Err(Cause::RecordNotFound)),
        (&card, None, "SN", Err(Cause::InvalidArgument)),
        (&flat, None, "SN", Ok(b"YVIV00000201")),
        (&flat, Some("VINI"), "SN", Ok(b"YVIV00000201")),
        (&flat, Some("VCEN"), "SN", Err(Cause::RecordNotFound)),
        (&flat, None, "ZZ", Err(Cause::KeywordNotFound)),
    ] {
        let done = performed(&job(vec![chip.clone()], keyword(record, name)));
        let expected = expected.map(|value| Done::Keyword(value.to_vec()));
        assert_eq!(done.map_err(|refusal| refusal.cause), expected, "{record:?} {name}");
    }
}

#[test]
fn what_is_wrong_with_a_chip_is_told_apart() {
    let bed = Bed::new();
    let mut contents = image(CARD);
    contents[60..90].fill(0x55);
    for (name, bytes, cause) in [
        ("damaged", damaged(), Cause::EccCheckFailed),
        ("table of contents", contents, Cause::EccCheckFailed),
        ("blank", vec![0xff; 512], Cause::InvalidVpd),
        ("other", b"no VPD at all".repeat(40), Cause::InvalidVpd),
        ("short", vec![], Cause::InvalidVpd),
    ] {
        let chip = bed.chip(name, &bytes);
        let refusal = performed(&job(vec![chip], keyword(Some("VINI"), "SN"))).unwrap_err();
        assert_eq!(refusal.cause, cause, "{name}: {refusal}");
    }
    for chip in [bed.0.path().join("absent"), bed.0.path().to_owned()] {
        let refusal = performed(&job(vec![chip], keyword(Some("VINI"), "SN"))).unwrap_err();
        assert_eq!(refusal.cause, Cause::ReadFailure, "{refusal}");
    }
}

#[test]
fn all_of_a_chip_is_given_in_the_shape_of_its_format() {
    let bed = Bed::new();
    let all =
        |name: &str, text: &str| performed(&job(vec![bed.chip(name, &image(text))], Wanted::All { chip: 0 }));
    let Done::All(Parsed::Records(records)) = all("card", CARD).unwrap() else { panic!("no records") };
    assert_eq!(records["VINI"]["SN"], b"YVIV00000101");
    let Done::All(Parsed::Keywords(keywords, None)) = all("flat", KEYWORD).unwrap() else {
        panic!("no keywords")
    };
    assert_eq!(keywords["SN"], b"YVIV00000201");
    let Done::All(Parsed::Keywords(_, Some((_, size)))) = all("module", MODULE).unwrap() else {
        panic!("no module")
    };
    assert!(size > 0);
}

#[test]
fn two_chips_agree_by_what_they_say() {
    let bed = Bed::new();
    let first = bed.chip("first", &image(CARD));
    let longer = CARD.replace("size = 512", "size = 1024");
    let other = CARD.replace("YVIV", "YVIX");
    for (name, text, expected) in [("same", &longer, true), ("other", &other, false)] {
        let chips = vec![first.clone(), bed.chip(name, &image(text))];
        assert_eq!(performed(&job(chips, Wanted::Agreement)), Ok(Done::Agreement(expected)), "{name}");
    }
    let alone = performed(&job(vec![first.clone()], Wanted::Agreement)).unwrap_err();
    assert_eq!(alone.cause, Cause::InvalidArgument);
    let blank = vec![first, bed.chip("blank", &[0xff; 512])];
    assert_eq!(performed(&job(blank, Wanted::Agreement)).unwrap_err().cause, Cause::InvalidVpd);
}

#[test]
fn a_comparison_says_how_each_copy_is_and_where_they_differ() {
    let bed = Bed::new();
    let first = bed.chip("first", &image(CARD));
    let compared = |second: PathBuf| {
        let job = job(vec![first.clone(), second], Wanted::Comparison);
        let Done::Compared(comparison) = performed(&job).unwrap() else { panic!("no comparison") };
        assert_eq!(comparison.says["VINI"]["SN"], b"YVIV00000101");
        let outcomes: Vec<_> = comparison.copies.iter().map(|copy| copy.outcome).collect();
        assert_eq!(outcomes[0], Outcome::Ok);
        (outcomes[1], comparison.differences)
    };
    assert_eq!(compared(bed.chip("same", &image(CARD))), (Outcome::Ok, vec![]));
    let (outcome, differences) = compared(bed.chip("other", &image(&CARD.replace("YVIV", "YVIX"))));
    assert_eq!((outcome, differences.len()), (Outcome::Ok, 1));
    let Difference { record, keyword, ours, theirs, .. } = &differences[0];
    assert_eq!((&**record, &**keyword), ("VINI", "SN"));
    assert_eq!((&**ours, &**theirs), (&b"YVIV00000101"[..], &b"YVIX00000101"[..]));
    assert_eq!(compared(bed.chip("blank", &[0xff; 512])), (Outcome::Blank, vec![]));
    assert_eq!(compared(bed.0.path().join("absent")), (Outcome::Absent, vec![]));
    assert_eq!(compared(bed.chip("damaged", &damaged())).0, Outcome::Bad);
}
