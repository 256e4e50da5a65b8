//! What a call of the service that writes VPD asks for: for all arguments, a request or a refusal that can be shown.
//!
//! Input: one byte for the method, one for the form of its arguments, then texts and values, each with its length before it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plain_text::is_hidden;
use std::collections::BTreeMap;
use vpd_writer::refusal::Refusal;
use vpd_writer::request::{Request, WriteRequest};
use zbus::{Message, ObjectPath, Variant};

const METHODS: [&str; 24] = [
    "WriteKeyword",
    "UpdateKeyword",
    "WriteKeywordOnHardware",
    "ReadKeyword",
    "GetParsedVPD",
    "ValidateRedundantEEPROM",
    "GetHardwarePath",
    "CollectFRUVPD",
    "DeleteFRUVPD",
    "deleteFRUVPD",
    "PerformVPDRecollection",
    "CollectAllFRUVPD",
    "DeleteAllFRUVPD",
    "GetExpandedLocationCode",
    "GetFRUsByUnexpandedLocationCode",
    "GetFRUsByExpandedLocationCode",
    "Write",
    "Repair",
    "Scrub",
    "Backup",
    "Restore",
    "Verify",
    "Pending",
    "Other",
];

/// Takes the input apart.
struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn bytes(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte()).min(self.0.len());
        let (bytes, rest) = self.0.split_at(length);
        self.0 = rest;
        bytes
    }

    /// No message has a NUL in a text.
    fn text(&mut self) -> String {
        String::from_utf8_lossy(self.bytes()).replace('\0', "0")
    }

    fn named(&mut self) -> Variant<'static> {
        match self.byte() % 6 {
            0 => Variant::from((self.text(), self.text())),
            1 => Variant::from(self.text()),
            2 => Variant::from((self.text(), self.text(), self.bytes().to_vec())),
            3 => Variant::from((self.text(), self.bytes().to_vec())),
            4 => Variant::from(u32::from(self.byte())),
            _ => Variant::from(vec![self.text(), self.text()]),
        }
    }
}

fn call(method: &str, parts: &mut Parts<'_>) -> zbus::Result<Message> {
    let builder = Message::method_call("/a", method);
    let path = |text: String| {
        ObjectPath::try_from(text).unwrap_or_else(|_| ObjectPath::from_static_str_unchecked("/a"))
    };
    match parts.byte() % 9 {
        0 => builder.build(&()),
        1 => builder.build(&parts.text()),
        2 => builder.build(&path(parts.text())),
        3 => builder.build(&(parts.text(), u16::from(parts.byte()))),
        4 => builder.build(&(parts.text(), parts.named())),
        5 => builder.build(&(path(parts.text()), parts.text(), parts.text(), parts.bytes())),
        6 => builder.build(&(parts.text(), vec![parts.text(), parts.text()], parts.text())),
        7 => {
            let count = parts.byte() % 5;
            let mut rows = Vec::new();
            for _ in 0..count {
                rows.push((parts.text(), parts.text(), parts.bytes(), parts.bytes(), parts.bytes()));
            }
            let mut options = BTreeMap::new();
            for _ in 0..parts.byte() % 3 {
                options.insert(parts.text(), parts.named());
            }
            builder.build(&(parts.text(), rows, options))
        }
        _ => builder.build(&(parts.bytes(), parts.text())),
    }
}

fuzz_target!(|input: &[u8]| {
    let mut parts = Parts(input);
    let method = METHODS[usize::from(parts.byte()) % METHODS.len()];
    let Ok(call) = call(method, &mut parts) else { return };
    match Request::of_call(method, &call.body()) {
        Ok(Request::Write(path, WriteRequest { changes, .. })) => {
            assert!(!path.is_empty() && !changes.is_empty());
            for change in changes {
                assert!(!change.value.is_empty());
                assert!(change.record.is_none_or(|record| !["VHDR", "VTOC"].contains(&&*record.to_string())));
                assert!(!["RT", "PF", "RV"].contains(&&*change.keyword.to_string()));
            }
        }
        Ok(Request::Read(path, _) | Request::Mend(path, _)) => assert!(!path.is_empty()),
        Ok(_) => {}
        Err(Refusal { text, .. }) => assert!(!text.is_empty() && !text.contains(is_hidden), "{text:?}"),
    }
});
