//! Mistakes in descriptions are errors that say where they are.

use vpd_builder::{BuildError, build};
use vpd_format::VpdError;

fn ipz(keywords: &str) -> String {
    format!("format = \"ipz\"\nsize = 512\n[[record]]\nname = \"VINI\"\n[record.keywords]\n{keywords}\n")
}

fn message(text: &str) -> String {
    build(text).unwrap_err().to_string()
}

#[test]
fn values_that_cannot_be_stored_are_named_with_line_and_key() {
    for (value, expected) in [
        ("{ hex = \"123\" }", "an odd number of hexadecimal digits"),
        ("{ hex = \"zz\" }", "not hexadecimal"),
        ("{ hex = \"00\", text = \"A\" }", "needs exactly one of hex, text and fill"),
        ("{ pad-to = 3 }", "needs exactly one of hex, text and fill"),
        ("{ fill = 0 }", "fill needs length, and nothing else"),
        ("{ fill = 0, length = 9, pad = 1 }", "fill needs length, and nothing else"),
        ("{ fill = 0, length = 70000 }", "longer than any value can be"),
        ("{ text = \"A\", pad-to = 70000 }", "longer than any value can be"),
        ("{ text = \"ABC\", pad-to = 2 }", "longer than pad-to already"),
        ("{ text = \"ABC\", pad = 2 }", "pad needs pad-to"),
        ("{ text = \"ABC\", length = 2 }", "length belongs to fill; use pad-to"),
        ("{ text = \"A\", pad-to = 2, pad = \"ä\" }", "the pad character is not ASCII"),
        ("\"ä\"", "not ASCII; use hex"),
    ] {
        let text = ipz(&format!("DR = \"FAN\"\nSN = {value}"));
        assert_eq!(message(&text), format!("line 7, key SN: {expected}"), "{value}");
    }
}

#[test]
fn a_record_that_is_described_twice_is_refused() {
    let text = format!("{}[[record]]\nname = \"VINI\"\n", ipz("DR = \"FAN\""));
    assert_eq!(message(&text), "line 8: record VINI is described twice");
}

#[test]
fn lengths_and_names_are_checked_where_they_stand() {
    assert_eq!(
        message(&ipz("SN = { fill = 0, length = 256 }")),
        "line 6, key SN: 256 bytes, 0 to 255 expected"
    );
    assert!(build(&ipz("\"#I\" = { fill = 0, length = 256 }")).is_ok());
    assert_eq!(message(&ipz("SNR = \"1\"")), "line 6: \"SNR\" is no keyword of two ASCII characters");
    assert_eq!(
        message(&ipz("").replace("VINI", "VINIX")),
        "line 4: \"VINIX\" is no record of four ASCII characters"
    );
    let module = "format = \"ddr5-ddimm\"\nsize = 4096\n";
    assert_eq!(
        message(&format!("{module}part-number = \"short\"")),
        "line 3, key part-number: 5 bytes, 7 to 7 expected"
    );
    assert_eq!(
        message(&format!("{module}[spd]\n0x10 = \"a\"")),
        "line 4: \"0x10\" is no decimal offset below 65536"
    );
    assert_eq!(
        message("format = \"ddr4-isdimm\"\nsize = 512\nccin = \"1234\""),
        "line 3, key ccin: this kind of module does not store it"
    );
    assert_eq!(
        message("format = \"keyword\"\nsize = 512\nidentifier = \"A\"\ntag = 0x91\n[keywords]\nSN = \"1\""),
        "line 4, key tag: neither 0x84 nor 0x90"
    );
}

#[test]
fn unknown_missing_and_mistyped_keys_are_syntax_errors_that_show_the_line() {
    for (text, word) in [
        ("size = 3", "format"),
        ("format = \"ipz\"", "size"),
        ("format = \"ipz\"\nsize = \"3\"", "size"),
        ("format = \"ipz\"\nsize = -3", "size"),
        ("format = \"ipz\"\nsize = 512\nsizes = 3", "sizes"),
        ("format = \"ipz\"\nsize = 512\nfill = 300", "fill"),
        (&ipz("SN = { hexx = \"00\" }"), "hexx"),
        (&ipz("SN = 5"), "SN"),
        (&ipz("SN = \"1\"\nSN = \"2\""), "SN"),
        ("format = \"keyword\"\nsize = 512\nidentifier = \"A\"", "keywords"),
        ("format = ", "line 1"),
    ] {
        let error = build(text).unwrap_err();
        assert!(matches!(error, BuildError::Syntax(_)), "{text}: {error:?}");
        assert!(error.to_string().contains(word), "{text}: {error}");
    }
    assert_eq!(build("format = \"fru\""), Err(BuildError::UnknownFormat { format: "fru".to_owned() }));
}

#[test]
fn images_have_a_limit_and_their_content_must_fit() {
    for size in ["1048577", "9000000000000000000"] {
        let text = format!("format = \"ipz\"\nsize = {size}");
        assert!(matches!(build(&text), Err(BuildError::TooLarge { .. })), "{size}");
    }
    assert_eq!(build("format = \"ipz\"\nsize = 1048576").unwrap().len(), 1 << 20);
    let does_not_fit = |text: &str| match build(text).unwrap_err() {
        BuildError::Format(VpdError::DoesNotFit { limit, .. }) => limit,
        error => panic!("{error}"),
    };
    assert_eq!(does_not_fit("format = \"ipz\"\nsize = 79"), 79);
    assert_eq!(does_not_fit(&ipz("\"#A\" = { fill = 1, length = 600 }")), 512);
    assert_eq!(does_not_fit(&ipz("\"#A\" = { fill = 1, length = 65535 }").replace("512", "200000")), 65532);
    assert_eq!(does_not_fit("format = \"ddr5-ddimm\"\nsize = 512"), 512);
    assert_eq!(does_not_fit("format = \"ddr5-ddimm\"\nsize = 4096\n[spd]\n4095 = \"AB\""), 4096);
    let keyword = "format = \"keyword\"\nsize = 12\nidentifier = \"A\"\n[keywords]\nSN = \"1\"";
    assert_eq!(does_not_fit(keyword), 12);
    assert_eq!(
        build(&ipz("RT = \"VINI\"")),
        Err(BuildError::Format(VpdError::ProtectedKeyword { keyword: vpd_format::KeywordName::RT }))
    );
}
