use super::*;
use serde::Serialize;
use zbus::{DynamicType, Message, Variant};

fn asked<B: Serialize + DynamicType>(method: &str, body: &B) -> Result<Request, Refusal> {
    let call = Message::method_call("/a", method).build(body).unwrap();
    Request::of_call(method, &call.body())
}

fn cause<B: Serialize + DynamicType>(method: &str, body: &B) -> Option<Cause> {
    asked(method, body).err().map(|refusal| refusal.cause)
}

fn object(path: &str) -> ObjectPath<'_> {
    ObjectPath::try_from(path).unwrap()
}

fn sn(record: Option<RecordName>) -> KeywordChange {
    let (value, keyword) = (b"Y1".to_vec(), KeywordName(*b"SN"));
    KeywordChange { record, keyword, value, pad: None, expected: None }
}

#[test]
fn each_way_to_write_a_keyword_says_the_same() {
    let write = |record, on_hardware_only| {
        Request::Write("/a".to_owned(), WriteRequest::of(sn(record), on_hardware_only))
    };
    let vini = Some(RecordName::VINI);
    let in_record = || Variant::from(("VINI", "SN", b"Y1".to_vec()));
    let alone = || Variant::from(("SN", b"Y1".to_vec()));
    let full = asked(manager::WRITE_KEYWORD, &(object("/a"), "VINI", "SN", b"Y1".to_vec()));
    assert_eq!(full.unwrap(), write(vini, false));
    assert_eq!(asked(manager::UPDATE_KEYWORD, &("/a", in_record())).unwrap(), write(vini, false));
    assert_eq!(asked(manager::UPDATE_KEYWORD, &("/a", alone())).unwrap(), write(None, false));
    let on_hardware = manager::WRITE_KEYWORD_ON_HARDWARE;
    assert_eq!(asked(on_hardware, &("/a", in_record())).unwrap(), write(vini, true));
    let batch = vec![("VINI", "SN", b"Y1".to_vec(), Vec::<u8>::new(), Vec::<u8>::new())];
    let options = BTreeMap::<&str, Variant<'_>>::new();
    assert_eq!(asked(writer::WRITE, &("/a", batch, options)).unwrap(), write(vini, false));
}

#[test]
fn what_is_wrong_with_a_keyword_to_write_is_told_apart() {
    for (record, keyword, value, expected) in [
        ("VINI", "SN", &b"Y1"[..], None),
        ("VINI", "SN", b"", Some(Cause::InvalidArgument)),
        ("VIN", "SN", b"Y1", Some(Cause::InvalidArgument)),
        ("VINIX", "SN", b"Y1", Some(Cause::InvalidArgument)),
        ("", "SN", b"Y1", Some(Cause::InvalidArgument)),
        ("VI\nI", "SN", b"Y1", Some(Cause::InvalidArgument)),
        ("VINI", "S", b"Y1", Some(Cause::InvalidArgument)),
        ("VINI", "SNX", b"Y1", Some(Cause::InvalidArgument)),
        ("VINI", "\u{e4}", b"Y1", Some(Cause::InvalidArgument)),
        ("VHDR", "VD", b"Y1", Some(Cause::NotAllowed)),
        ("VTOC", "PT", b"Y1", Some(Cause::NotAllowed)),
        ("VINI", "RT", b"Y1", Some(Cause::NotAllowed)),
        ("VINI", "PF", b"Y1", Some(Cause::NotAllowed)),
        ("VINI", "RV", b"Y1", Some(Cause::NotAllowed)),
    ] {
        let found = cause(manager::WRITE_KEYWORD, &(object("/a"), record, keyword, value.to_vec()));
        assert_eq!(found, expected, "{record} {keyword} {value:?}");
        let variant = Variant::from((record.to_owned(), keyword.to_owned(), value.to_vec()));
        let found = cause(manager::UPDATE_KEYWORD, &("/a", variant));
        assert_eq!(found, expected, "{record} {keyword} {value:?}");
    }
    let invalid = Some(Cause::InvalidArgument);
    assert_eq!(cause(manager::UPDATE_KEYWORD, &("", Variant::from(("SN", b"Y1".to_vec())))), invalid);
    for variant in [Variant::from(("VINI", "SN")), Variant::from("SN"), Variant::from(7_u8)] {
        assert_eq!(cause(manager::UPDATE_KEYWORD, &("/a", variant)), invalid);
    }
    let wrong = cause(manager::WRITE_KEYWORD, &("/a", "VINI", "SN", b"Y1".to_vec()));
    assert_eq!(wrong, Some(Cause::Arguments));
}

#[test]
fn a_keyword_is_read_by_record_or_alone_and_structure_is_not() {
    let read = |variant: Variant<'static>| asked(manager::READ_KEYWORD, &("/a", variant));
    let keyword = |record| Request::Read("/a".to_owned(), Reading::Keyword(record, KeywordName(*b"RT")));
    assert_eq!(read(Variant::from(("VINI", "RT"))).unwrap(), keyword(Some(RecordName::VINI)));
    assert_eq!(read(Variant::from("RT")).unwrap(), keyword(None));
    for (variant, cause) in [
        (Variant::from(("VHDR", "VD")), Cause::NotAllowed),
        (Variant::from(("VTOC", "PT")), Cause::NotAllowed),
        (Variant::from(("VINI", "SN", vec![1_u8])), Cause::InvalidArgument),
        (Variant::from("SNX"), Cause::InvalidArgument),
    ] {
        assert_eq!(read(variant).unwrap_err().cause, cause);
    }
}

#[test]
fn a_batch_says_how_and_is_refused_as_a_whole() {
    type Row<'a> = (&'a str, &'a str, &'a [u8], &'a [u8], &'a [u8]);
    let write = |rows: &[Row<'_>], options: &[(&'static str, Variant<'static>)]| {
        let options: BTreeMap<_, _> =
            options.iter().map(|(name, value)| (*name, value.try_clone().unwrap())).collect();
        asked(writer::WRITE, &("/a", rows, options))
    };
    let options = [(option::DRY_RUN, Variant::from(true)), (option::COPIES, Variant::from("go-on"))];
    let good: Row<'_> = ("VINI", "SN", b"Y1", b" ", b"Y0");
    let Request::Write(_, request) = write(&[good, ("", "CC", b"2", b"", b"")], &options).unwrap() else {
        panic!("it is no write")
    };
    assert_eq!((request.dry_run, request.copies, request.on_hardware_only), (true, Copies::GoOn, false));
    let changes = request.changes;
    assert_eq!((changes[0].pad, changes[0].expected.as_deref()), (Some(b' '), Some(&b"Y0"[..])));
    assert_eq!((changes[1].record, changes[1].pad, &changes[1].expected), (None, None, &None));
    let many = vec![good; CHANGES + 1];
    for (rows, options) in [
        (&[][..], &[][..]),
        (&many, &[]),
        (&[good, good], &[]),
        (&[("VINI", "SN", b"Y1", b"  ", b"")], &[]),
        (&[good, ("VINI", "CC", b"", b"", b"")], &[]),
        (&[good], &[(option::COPIES, Variant::from("two"))]),
        (&[good], &[(option::COPIES, Variant::from(true))]),
        (&[good], &[("force", Variant::from(true))]),
    ] {
        let refusal = write(rows, options).unwrap_err();
        assert_eq!(refusal.cause, Cause::InvalidArgument, "{refusal}");
    }
}

#[test]
fn location_codes_are_looked_at_before_anything_is_looked_up() {
    for (code, is_good) in
        [("Ufcs", true), ("Ufcs-P0-C1", true), ("Umts", true), ("Ufcs1", false), ("U", false), ("", false)]
    {
        for method in [manager::GET_EXPANDED_LOCATION_CODE, manager::GET_FRUS_BY_UNEXPANDED] {
            let found = cause(method, &(code, 0_u16));
            assert_eq!(found, (!is_good).then_some(Cause::InvalidArgument), "{code}");
        }
    }
    for (code, is_good) in [
        ("U78DA.N00.WZS003T-P0", true),
        ("U78DA.ND0.WZS003T", true),
        ("U78DA.ND0.WZS003", false),
        ("V78DA.ND0.WZS003T", false),
        ("U78DA.ND0.WZS 003T", false),
        ("", false),
    ] {
        let found = cause(manager::GET_FRUS_BY_EXPANDED, &code);
        assert_eq!(found, (!is_good).then_some(Cause::InvalidArgument), "{code}");
    }
}

#[test]
fn a_repair_names_records_and_a_source() {
    let repair = |records: &[&str], source: &str| asked(writer::REPAIR, &("/a", records, source));
    let mend =
        |records, source| Request::Mend("/a".to_owned(), Mend::Repair { records, source, image: None });
    assert_eq!(repair(&[], "").unwrap(), mend(vec![], None));
    let golden = repair(&["VINI"], "golden").unwrap();
    assert_eq!(golden, mend(vec![RecordName::VINI], Some(Copy::Golden)));
    assert_eq!(repair(&["VTOC"], "").unwrap_err().cause, Cause::NotAllowed);
    for source in ["primary", "inventory", "x"] {
        assert_eq!(repair(&[], source).unwrap_err().cause, Cause::InvalidArgument);
    }
}

#[test]
fn what_takes_no_arguments_is_given_none_and_what_was_cut_is_said() {
    assert_eq!(asked(manager::COLLECT_ALL_FRU_VPD, &()).unwrap(), Request::Collect(Collect::All));
    assert_eq!(cause(manager::COLLECT_ALL_FRU_VPD, &"x"), Some(Cause::Arguments));
    assert_eq!(cause(manager::WRITE_KEYWORD, &()), Some(Cause::Arguments));
    assert_eq!(cause("Format", &()), Some(Cause::UnknownMethod));
    let long = "/".repeat(LONGEST_PATH + 1);
    assert_eq!(cause(manager::GET_PARSED_VPD, &&*long), Some(Cause::InvalidArgument));
}
