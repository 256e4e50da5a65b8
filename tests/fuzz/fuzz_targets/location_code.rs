//! For any values of the planar, a location code is a short text that is printable, without a blank, and ends
//! as it began.
//!
//! Input: three bytes that divide the rest into a code, a path, an identity and a serial number; the rest.
#![no_main]

use libfuzzer_sys::fuzz_target;
use location_code::{Form, Node, NodeStyle, Prefix, Unexpanded};

fuzz_target!(|input: &[u8]| {
    let Some((shares, rest)) = input.split_first_chunk::<3>() else { return };
    let cut = |bytes: &[u8], share: u8| bytes.len() * usize::from(share) / 255;
    let (code, rest) = rest.split_at(cut(rest, shares[0]));
    let (path, rest) = rest.split_at(cut(rest, shares[1]));
    let (identity, serial) = rest.split_at(cut(rest, shares[2]));
    let (Ok(code), Ok(path)) = (std::str::from_utf8(code), std::str::from_utf8(path)) else { return };
    let Ok(unexpanded) = Unexpanded::parse(code) else { return };
    let prefix = match unexpanded.form() {
        Form::System => Prefix::of_system(identity, serial),
        Form::Enclosure => {
            let Ok(node) = Node::of_path(NodeStyle::Numbered, path) else { return };
            Prefix::of_enclosure(identity, node, serial)
        }
    };
    let Ok(prefix) = prefix else { return };
    let expanded = unexpanded.expand(&prefix);
    assert!(expanded.starts_with('U') && expanded.ends_with(&code["Ufcs".len()..]), "{expanded:?}");
    assert!(expanded.bytes().all(|byte| byte.is_ascii_graphic()), "{expanded:?}");
    assert!(expanded.len() <= code.len() + 200, "{expanded:?}");
});
