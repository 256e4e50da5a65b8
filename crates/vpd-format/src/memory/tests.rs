//! Memory modules of all kinds, whole and damaged.

use super::capacity::capacity_kb;
use super::*;
use crate::error::{ReadError, VpdError};
use crate::names::KeywordName;
use crate::options::{Ecc, Format, PartNumbers, ReadOptions};
use crate::outcome::Outcome;
use crate::read::{Content, read};
use crate::source::{Bytes, Counted};

const GIB: u64 = 1 << 20;

fn description(kind: Kind) -> ModuleDescription {
    let bar_code = (419, b"99VV401YVIV000004017V41".to_vec());
    let ddr4 = [(4, vec![0x85, 0x29, 0x00]), (12, vec![0x08, 0x0b]), (18, vec![0x06])];
    let ddr5 = [(4, vec![0x04, 0x20, 0x00]), (234, vec![0x00, 0x5b])];
    let (size, bytes) = match kind {
        Kind::Ddr4Ddimm => (4096, [&ddr4[..], &[bar_code, (552, vec![0x80, 0xad])]].concat()),
        Kind::Ddr5Ddimm => (4096, [&ddr5[..], &[bar_code, (552, vec![0x80, 0xce])]].concat()),
        Kind::Ddr4Isdimm => {
            let own = [
                (128, vec![0x11, 0x01]),
                (320, vec![0x80, 0xce]),
                (325, vec![0x0b, 0xad, 0xc0, 0xde]),
                (329, b"VIV-D4-32G-2666     ".to_vec()),
            ];
            (512, [&ddr4[..], &own].concat())
        }
        Kind::Ddr5Isdimm => {
            let own = [
                (3, vec![0x01]),
                (4, vec![0x04, 0x20, 0x20]),
                (234, vec![0x08, 0x2a]),
                (512, vec![0x80, 0xce]),
                (517, vec![0x00, 0xc0, 0xff, 0xee]),
                (521, b"VIV-D5-32G-4800               ".to_vec()),
            ];
            (1024, own.to_vec())
        }
    };
    ModuleDescription { kind, size, fill: 0, checksums: Ecc::Checked, bytes }
}

fn good(kind: Kind) -> Vec<u8> {
    description(kind).encode().unwrap()
}

fn try_read(bytes: &[u8]) -> Result<Module, VpdError> {
    match read(&mut Bytes(bytes), &ReadOptions::default()) {
        Ok(vpd) => {
            let Content::Memory(module) = vpd.content else { panic!() };
            assert_eq!((vpd.format, vpd.outcome), (Format::Memory, module.outcome));
            Ok(module)
        }
        Err(ReadError::Format(error)) => Err(error),
        Err(error) => panic!("{error}"),
    }
}

fn module(bytes: &[u8]) -> Module {
    try_read(bytes).unwrap()
}

fn text(module: &Module) -> String {
    module
        .keywords()
        .map(|keyword| format!("{}={} ", keyword.name, keyword.data.escape_ascii()))
        .collect::<String>()
        .trim_end()
        .to_owned()
}

const ALL: [Kind; 4] = [Kind::Ddr4Ddimm, Kind::Ddr5Ddimm, Kind::Ddr4Isdimm, Kind::Ddr5Isdimm];

#[test]
fn each_kind_gives_its_values() {
    for (kind, size, values) in [
        (Kind::Ddr4Ddimm, 32 * GIB, r"FN=99VV401 PN=99VV401 SN=YVIV00000401 CC=7V41 DI=\x80\xad"),
        (Kind::Ddr5Ddimm, 32 * GIB, r"FN=99VV401 PN=99VV401 SN=YVIV00000401 CC=7V41 DI=\x80\xce"),
        (Kind::Ddr4Isdimm, 32 * GIB, r"FN=78P4198 PN=VIV-D4-32G-2666 SN=CE800BADC0DE CC=324F DI=\x80\xce"),
        (Kind::Ddr5Isdimm, 32 * GIB, r"PN=VIV-D5-32G-4800 SN=CE8000C0FFEE DI=\x80\xce"),
    ] {
        let module = module(&good(kind));
        assert_eq!((module.kind, module.memory_size_kb), (kind, Some(size)));
        // Only here does a checksum cover everything that is published.
        let outcome = if kind == Kind::Ddr5Ddimm { Outcome::Ok } else { Outcome::Unchecked };
        assert_eq!(module.outcome, outcome, "{kind}");
        assert_eq!(text(&module), values, "{kind}");
        assert!(module.checksums.iter().all(|checksum| checksum.outcome == Outcome::Ok));
    }
}

#[test]
fn only_what_matters_is_read() {
    for (kind, most) in
        [(Kind::Ddr4Ddimm, 400), (Kind::Ddr5Ddimm, 560), (Kind::Ddr4Isdimm, 290), (Kind::Ddr5Isdimm, 560)]
    {
        let bytes = good(kind);
        let mut source = Counted::new(Bytes(&bytes));
        read(&mut source, &ReadOptions::default()).unwrap();
        assert!(source.bytes() <= most, "{kind}: {}", source.bytes());
    }
}

#[test]
fn checksums_that_are_not_stored_leave_the_values_unchecked() {
    for kind in ALL {
        let bytes = ModuleDescription { checksums: Ecc::Ignored, ..description(kind) }.encode().unwrap();
        let (unchecked, checked) = (module(&bytes), module(&good(kind)));
        assert_eq!(unchecked.outcome, Outcome::Unchecked, "{kind}");
        assert_eq!(text(&unchecked), text(&checked));
        assert_eq!(unchecked.memory_size_kb, checked.memory_size_kb);
    }
}

#[test]
fn a_wrong_checksum_drops_what_it_covers_and_nothing_else() {
    let manufacturer = r"DI=\x80\xce";
    let bar_code = "FN=99VV401 PN=99VV401 SN=YVIV00000401 CC=7V41";
    for (kind, at, has_size, values, name) in [
        (Kind::Ddr5Ddimm, 100, false, format!("{bar_code} {manufacturer}"), "CRC of the base configuration"),
        (Kind::Ddr5Ddimm, 300, false, manufacturer.to_owned(), "CRC of module and bar code"),
        (Kind::Ddr5Ddimm, 425, false, manufacturer.to_owned(), "CRC of module and bar code"),
        (Kind::Ddr5Ddimm, 600, true, bar_code.to_owned(), "CRC of the manufacturer's bytes"),
        (Kind::Ddr4Ddimm, 300, true, r"DI=\x80\xad".to_owned(), "CRC of module and bar code"),
        (
            Kind::Ddr4Isdimm,
            18,
            false,
            format!("PN=VIV-D4-32G-2666 SN=CE800BADC0DE {manufacturer}"),
            "CRC of the base configuration",
        ),
        (
            Kind::Ddr4Isdimm,
            200,
            true,
            format!("FN=78P4198 PN=VIV-D4-32G-2666 SN=CE800BADC0DE CC=324F {manufacturer}"),
            "CRC of the module type's configuration",
        ),
        (
            Kind::Ddr5Isdimm,
            400,
            false,
            format!("PN=VIV-D5-32G-4800 SN=CE8000C0FFEE {manufacturer}"),
            "CRC of the configuration",
        ),
    ] {
        let mut bytes = good(kind);
        bytes[at] ^= 0x40;
        let module = module(&bytes);
        assert_eq!(module.outcome, Outcome::Bad, "{kind} {at}");
        assert_eq!((text(&module), module.memory_size_kb.is_some()), (values, has_size), "{kind} {at}");
        let bad: Vec<_> = module.checksums.iter().filter(|c| c.outcome == Outcome::Bad).collect();
        assert_eq!((bad.len(), bad[0].name), (1, name), "{kind} {at}");
        let mismatch = VpdError::ChecksumMismatch {
            name,
            offset: bad[0].offset,
            expected: bad[0].computed,
            found: bad[0].stored,
        };
        assert!(module.problems.contains(&mismatch), "{:?}", module.problems);
    }
}

#[test]
fn a_reserved_field_leaves_the_size_out_and_keeps_the_rest() {
    for (kind, at, value) in
        [(Kind::Ddr5Ddimm, 4, 0x00), (Kind::Ddr5Ddimm, 235, 0x00), (Kind::Ddr4Ddimm, 4, 0x0a)]
    {
        let mut described = description(kind);
        described.bytes.push((at, vec![value]));
        let module = module(&described.encode().unwrap());
        assert_eq!((module.memory_size_kb, module.outcome), (None, Outcome::Bad), "{kind} {at}");
        assert_eq!(text(&module), text(&self::module(&good(kind))));
        let [VpdError::ReservedValue { offset, found, .. }] = module.problems[..] else {
            panic!("{:?}", module.problems)
        };
        assert_eq!((offset, found), (u32::from(at), value));
    }
}

#[test]
fn a_module_whose_ranks_differ_has_no_size_and_says_why() {
    for (kind, at, value) in
        [(Kind::Ddr4Isdimm, 12, 0x48), (Kind::Ddr4Ddimm, 12, 0x48), (Kind::Ddr5Isdimm, 234, 0x48)]
    {
        let mut described = description(kind);
        described.bytes.push((at, vec![value]));
        let module = module(&described.encode().unwrap());
        let outcome = (module.memory_size_kb, module.outcome);
        assert_eq!(outcome, (None, Outcome::Unchecked), "{kind}: it is sound");
        assert_eq!(module.remarks, [VpdError::RanksDiffer { offset: u32::from(at), found: value }], "{kind}");
        assert!(module.problems.is_empty(), "{kind}");
    }
}

#[test]
fn capacities_follow_the_organisation() {
    let kb = |kind, fields: &[(usize, u8)]| {
        let byte = |at| fields.iter().find(|(field, _)| *field == at).map_or(0, |(_, value)| *value);
        capacity_kb(kind, byte).ok()
    };
    let (ddr4, ddr5) = (Kind::Ddr4Isdimm, Kind::Ddr5Ddimm);
    let cases = [
        ("8 Gbit, one rank of x8, 64 bits", ddr4, [(4, 0x85), (6, 0), (12, 0x01), (13, 0x03)], Some(8 * GIB)),
        ("16 Gbit, two ranks of x4", ddr4, [(4, 0x86), (6, 0), (12, 0x08), (13, 0x0b)], Some(64 * GIB)),
        ("stacks of two", ddr4, [(4, 0x86), (6, 0x12), (12, 0x08), (13, 0x0b)], Some(128 * GIB)),
        ("two dies that are no stack", ddr4, [(4, 0x86), (6, 0x11), (12, 0x08), (13, 0x0b)], Some(64 * GIB)),
        ("bus narrower than the device", ddr4, [(4, 0x80), (6, 0), (12, 0x02), (13, 0x00)], Some(16 << 10)),
        ("32 Gbit, one rank of x8", ddr4, [(4, 0x87), (6, 0), (12, 1), (13, 3)], Some(32 * GIB)),
        ("12 Gbit, one rank of x8", ddr4, [(4, 0x88), (6, 0), (12, 1), (13, 3)], Some(12 * GIB)),
        ("24 Gbit, two ranks of x4", ddr4, [(4, 0x89), (6, 0), (12, 0x08), (13, 3)], Some(96 * GIB)),
        ("five ranks", ddr4, [(4, 0x85), (6, 0), (12, 0x21), (13, 3)], Some(40 * GIB)),
        ("eight ranks", ddr4, [(4, 0x85), (6, 0), (12, 0x39), (13, 3)], Some(64 * GIB)),
        ("density reserved", ddr4, [(4, 0x8a), (6, 0), (12, 0), (13, 3)], None),
        ("ranks that differ", ddr4, [(4, 0x85), (6, 0), (12, 0x48), (13, 3)], None),
        ("device width reserved", ddr4, [(4, 0x85), (6, 0), (12, 0x04), (13, 3)], None),
        ("bus width reserved", ddr4, [(4, 0x85), (6, 0), (12, 0), (13, 4)], None),
        ("16 Gbit x4, one channel", ddr5, [(4, 0x04), (6, 0), (234, 0), (235, 0x5b)], Some(32 * GIB)),
        ("both channels", ddr5, [(4, 0x04), (6, 0), (234, 0), (235, 0xdb)], Some(64 * GIB)),
        ("second channel's ranks", ddr5, [(4, 0x04), (6, 0), (234, 0x88), (235, 0x9b)], Some(64 * GIB)),
        ("24 Gbit, stacks of four, x8", ddr5, [(4, 0x65), (6, 0x20), (234, 1), (235, 0x5b)], Some(192 * GIB)),
        ("64 Gbit, stacks of sixteen", ddr5, [(4, 0xa8), (6, 0), (234, 7), (235, 0xdb)], Some(32768 * GIB)),
        ("no ranks told", ddr5, [(4, 0x04), (6, 0), (234, 0), (235, 0x9b)], None),
        ("no channel", ddr5, [(4, 0x04), (6, 0), (234, 0x80), (235, 0x1b)], None),
        ("half a channel", ddr5, [(4, 0x04), (6, 0), (234, 0), (235, 0x43)], None),
        ("wide primary bus", ddr5, [(4, 0x04), (6, 0), (234, 0), (235, 0x5c)], None),
        ("DDR5 density reserved", ddr5, [(4, 0x09), (6, 0), (234, 0), (235, 0x5b)], None),
        ("dies reserved", ddr5, [(4, 0xc4), (6, 0), (234, 0), (235, 0x5b)], None),
        ("DDR5 device width reserved", ddr5, [(4, 0x04), (6, 0x80), (234, 0), (235, 0x5b)], None),
    ];
    for (what, kind, fields, expected) in cases {
        assert_eq!(kb(kind, &fields), expected, "{what}");
    }
    let standard = |fields: &[(usize, u8)]| kb(Kind::Ddr5Isdimm, fields);
    let one_rank = [(4, 0x04), (6, 0x20), (234, 0x00), (235, 0x22)];
    assert_eq!(standard(&one_rank), Some(16 * GIB));
    assert_eq!(standard(&[(4, 0x04), (6, 0), (234, 0x08), (235, 0x2a)]), Some(64 * GIB));
    assert_eq!(standard(&[(4, 0x02), (6, 0x40), (234, 0), (235, 0x22)]), Some(4 * GIB));
    assert_eq!(standard(&[(4, 0x04), (6, 0x20), (234, 0x40), (235, 0x22)]), None, "asymmetrical");
    assert_eq!(standard(&[(4, 0x04), (6, 0x20), (234, 0), (235, 0x24)]), None, "bus width reserved");
    assert_eq!(standard(&[(4, 0x04), (6, 0x20), (234, 0), (235, 0x62)]), None, "channels reserved");
}

#[test]
fn every_part_of_the_table_is_found_by_organisation_and_speed() {
    for (organisation, width, cycle_time, upstream) in [
        ([0x84, 0x21, 0x00], 0, 6, "FN=78P4191 PN=78P4191 CC=324D"),
        ([0x84, 0x21, 0x00], 8, 6, "FN=78P4192 PN=78P4192 CC=324E"),
        ([0x85, 0x29, 0x00], 0, 6, "FN=78P4197 PN=78P4197 CC=324E"),
        ([0x85, 0x29, 0x00], 8, 6, "FN=78P4198 PN=78P4198 CC=324F"),
        ([0x85, 0x29, 0x92], 8, 6, "FN=78P4199 PN=78P4199 CC=325A"),
        ([0x85, 0x29, 0xb2], 8, 6, "FN=78P4200 PN=78P4200 CC=324C"),
        ([0x86, 0x31, 0x92], 8, 6, "FN=78P6925 PN=78P6925 CC=32BC"),
        ([0x85, 0x29, 0x00], 0, 5, "FN=78P7317 PN=78P7317 CC=331A"),
        ([0x85, 0x29, 0x00], 8, 5, "FN=78P7318 PN=78P7318 CC=331F"),
        ([0x86, 0x31, 0x00], 8, 5, "FN=78P6815 PN=78P6815 CC=32BB"),
        ([0x86, 0x31, 0x00], 8, 6, "FN=FFFFFFF PN=FFFFFFF CC=XXXX"),
    ] {
        let mut described = description(Kind::Ddr4Isdimm);
        described.bytes.extend([
            (4, organisation.to_vec()),
            (12, vec![width | 0x10]),
            (18, vec![cycle_time]),
        ]);
        let bytes = described.encode().unwrap();
        let found = |part_numbers| {
            let options = ReadOptions { part_numbers, ..ReadOptions::default() };
            let Content::Memory(module) = read(&mut Bytes(&bytes), &options).unwrap().content else {
                panic!()
            };
            let text = text(&module);
            let kept: Vec<_> = text.split(' ').filter(|value| !value.starts_with(['S', 'D'])).collect();
            kept.join(" ")
        };
        assert_eq!(found(PartNumbers::Upstream), upstream);
        let own = "PN=VIV-D4-32G-2666";
        let expected = match upstream.split(' ').collect::<Vec<_>>()[..] {
            ["FN=FFFFFFF", ..] => own.to_owned(),
            [fru, _, ccin] => format!("{fru} {own} {ccin}"),
            _ => panic!("{upstream}"),
        };
        assert_eq!(found(PartNumbers::Module), expected);
    }
}

#[test]
fn nearly_modules_are_refused_by_name() {
    let changed = |at: usize, value| {
        let mut bytes = good(Kind::Ddr5Ddimm);
        bytes[at] = value;
        bytes
    };
    assert_eq!(
        try_read(&changed(2, 0x13)),
        Err(VpdError::UnsupportedDramType { offset: 2, found: 0x13 }),
        "a DDIMM of another type"
    );
    let mut neither = changed(2, 0);
    neither[3] = 0;
    assert!(matches!(try_read(&neither), Err(VpdError::UnknownFormat { .. })), "neither type");
    assert_eq!(
        try_read(&changed(416, b'X')),
        Err(VpdError::NoBarCode { offset: 416, found: *b"X1S" }),
        "a DDIMM without bar code is no ISDIMM"
    );
    for kind in [Kind::Ddr4Ddimm, Kind::Ddr5Ddimm] {
        assert_eq!(
            try_read(&good(kind)[..442]),
            Err(VpdError::TooShort { what: "DDIMM", expected: 443, found: 442 })
        );
    }
    assert_eq!(try_read(&[0x23]), Err(VpdError::TooShort { what: "any format", expected: 4, found: 1 }));
}

/// One byte makes no module: 512 bytes of zero with a DRAM type were once 64 MiB.
#[test]
fn the_bytes_around_the_type_are_those_of_such_a_module() {
    for (kind, dram) in [(Kind::Ddr4Isdimm, "DDR4"), (Kind::Ddr5Isdimm, "DDR5")] {
        for (at, values, what) in [
            (0_usize, [0x00, 0x03, 0x70, 0xff], "size of the SPD"),
            (1, [0x00, 0x20, 0x80, 0xff], "revision of the SPD"),
            (3, [0x00, 0x0e, 0x0f, 0xff], "module type"),
        ] {
            for found in values {
                let mut bytes = good(kind);
                bytes[at] = found;
                let expected = VpdError::NoModule { dram, what, offset: at as u32, found };
                assert_eq!(try_read(&bytes), Err(expected), "{kind} {at} {found:#x}");
            }
        }
    }
    let mut zeros = vec![0; 512];
    zeros[2] = 0x0c;
    let message = try_read(&zeros).unwrap_err().to_string();
    assert_eq!(
        message,
        "unknown format: byte 2 is DDR4's DRAM type, but the size of the SPD at offset 0 is 0x00"
    );
}

#[test]
fn a_checksum_of_zero_is_none_even_where_it_would_be_right() {
    let mut bytes = vec![0; 512];
    bytes[..4].copy_from_slice(&[0x23, 0x11, 0x0c, 0x01]);
    let module = module(&bytes);
    assert_eq!(module.outcome, Outcome::Unchecked);
    assert!(module.checksums.iter().all(|checksum| checksum.outcome == Outcome::Unchecked));
}

#[test]
fn other_formats_and_other_memory_are_named() {
    // Version 1, a chassis area at 8, a board area at 24; the sum of eight bytes is zero.
    let mut ipmi = vec![0xff; 256];
    ipmi[..8].copy_from_slice(&[1, 0, 1, 0x0a, 0, 0, 0, 0xf4]);
    let tlv = [b"TlvInfo\0\x01\0\x0a".as_slice(), &[0; 100]].concat();
    for (bytes, what) in [(ipmi, "IPMI FRU information"), (tlv, "ONIE TlvInfo")] {
        for format in [None, Some(Format::Memory), Some(Format::Ipz), Some(Format::Keyword)] {
            let error =
                read(&mut Bytes(&bytes), &ReadOptions { format, ..ReadOptions::default() }).unwrap_err();
            assert_eq!(error, ReadError::Format(VpdError::UnsupportedFormat { what }), "{format:?}");
        }
    }
    for (start, name) in [
        ([0x92, 0x11, 0x0b, 0x02], "DRAM type 0x0b at offset 2 (DDR3) is not supported"),
        ([0x23, 0x11, 0x10, 0x0e], "DRAM type 0x10 at offset 2 (LPDDR4) is not supported"),
        ([0x23, 0x10, 0x13, 0x02], "DRAM type 0x13 at offset 2 (LPDDR5) is not supported"),
        ([0x80, 0x08, 0x07, 0x0d], "DRAM type 0x07 at offset 2 (DDR) is not supported"),
        ([0x80, 0x08, 0x08, 0x0a], "DRAM type 0x08 at offset 2 (DDR2) is not supported"),
    ] {
        let mut bytes = vec![0; 512];
        bytes[..4].copy_from_slice(&start);
        assert_eq!(try_read(&bytes).unwrap_err().to_string(), name);
    }
    let mut no_spd = vec![0; 512];
    no_spd[..4].copy_from_slice(&[0x77, 0x55, 0x0b, 0x02]);
    assert!(matches!(try_read(&no_spd), Err(VpdError::UnknownFormat { .. })));
}

#[test]
fn values_that_were_never_programmed_are_left_out_and_named() {
    let names = |names: &[&[u8; 2]]| names.iter().map(|name| KeywordName(**name)).collect::<Vec<_>>();
    for fill in [0x00, 0xff, b' '] {
        for (kind, erased, left, named) in [
            (
                Kind::Ddr4Isdimm,
                vec![(325, 4)],
                r"FN=78P4198 PN=VIV-D4-32G-2666 CC=324F DI=\x80\xce",
                names(&[b"SN"]),
            ),
            (
                Kind::Ddr4Isdimm,
                vec![(320, 2), (325, 24)],
                "FN=78P4198 CC=324F",
                names(&[b"PN", b"SN", b"DI"]),
            ),
            (Kind::Ddr5Isdimm, vec![(512, 2), (517, 34)], "", names(&[b"PN", b"SN", b"DI"])),
            (Kind::Ddr5Ddimm, vec![(419, 23), (552, 2)], "", names(&[b"FN", b"PN", b"SN", b"CC", b"DI"])),
        ] {
            let mut described = description(kind);
            described.bytes.extend(erased.into_iter().map(|(at, length)| (at, vec![fill; length])));
            let module = module(&described.encode().unwrap());
            assert_eq!((text(&module).as_str(), &module.not_programmed), (left, &named), "{kind} {fill:#x}");
            assert_ne!(module.outcome, Outcome::Bad, "{kind} {fill:#x}");
        }
    }
}

#[test]
fn short_images_keep_what_they_have_and_name_the_rest() {
    for (kind, size, values, missing) in [
        (
            Kind::Ddr4Isdimm,
            256,
            "FN=78P4198 CC=324F",
            &["part number", "serial number", "manufacturer id"][..],
        ),
        (Kind::Ddr4Ddimm, 512, "FN=99VV401 PN=99VV401 SN=YVIV00000401 CC=7V41", &["manufacturer id"]),
        (
            Kind::Ddr5Ddimm,
            512,
            "FN=99VV401 PN=99VV401 SN=YVIV00000401 CC=7V41",
            &["CRC of the manufacturer's bytes", "manufacturer id"],
        ),
        (Kind::Ddr5Isdimm, 512, "", &["part number", "serial number", "manufacturer id"]),
    ] {
        let module = module(&good(kind)[..size]);
        assert_eq!((text(&module).as_str(), module.outcome), (values, Outcome::Bad), "{kind}");
        assert_eq!(module.memory_size_kb, Some(32 * GIB), "{kind}");
        let named: Vec<_> = module
            .problems
            .iter()
            .map(|problem| match problem {
                VpdError::TooShort { what, found, .. } if *found == size as u64 => *what,
                other => panic!("{other}"),
            })
            .collect();
        assert_eq!(named, missing, "{kind}");
    }
}

#[test]
fn every_length_is_read_without_passing_the_end() {
    for kind in ALL {
        let bytes = good(kind);
        for length in 0..bytes.len().min(700) {
            let result = read(&mut Bytes(&bytes[..length]), &ReadOptions::default());
            assert!(!matches!(result, Err(ReadError::Device { .. })), "{kind} {length}");
        }
    }
}

#[test]
fn every_single_wrong_byte_under_a_checksum_is_noticed() {
    for kind in ALL {
        let bytes = good(kind);
        for checksum in module(&bytes).checksums {
            // The bytes that tell the kind of module would make it another one.
            let told = [0, 1, 2, 3, 11, 416, 417, 418];
            for at in checksum.range.filter(|at| !told.contains(at)) {
                let mut damaged = bytes.clone();
                damaged[at as usize] ^= 0x80;
                assert_eq!(module(&damaged).outcome, Outcome::Bad, "{kind} {at}");
            }
        }
    }
}

#[test]
fn what_does_not_fit_is_not_encoded() {
    for (size, offset) in [(512, 511), (512, 0xffff), (100, 4)] {
        let mut described = description(Kind::Ddr4Isdimm);
        described.size = size;
        described.bytes.push((offset, vec![1, 2]));
        assert!(matches!(described.encode(), Err(VpdError::DoesNotFit { .. })), "{size} {offset}");
    }
}
