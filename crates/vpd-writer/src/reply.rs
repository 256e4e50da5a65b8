//! Replies, by what was asked.

use crate::job::Done;
use crate::running::Finished;
use dbus_api::vpd::manager::{self, Bytes};
use dbus_api::vpd::writer::answer;
use std::collections::BTreeMap;
use zbus::{Message, ObjectPath, Variant};

/// Paths of objects as the bus has them; one that is none is left out, as it would cost the connection.
pub fn paths(paths: &[String]) -> Vec<ObjectPath<'_>> {
    paths.iter().filter_map(|path| ObjectPath::try_from(path.as_str()).ok()).collect()
}

/// The reply to a call whose job has ended well.
///
/// Errors: it cannot be built.
pub fn of_job(call: &Message, finished: &Finished) -> zbus::Result<Message> {
    let header = call.header();
    let method = header.member().map_or("", |name| name.as_str());
    let reply = Message::method_return(&header);
    match &finished.done {
        Done::Keyword(value) => reply.build(&Bytes(value)),
        Done::All(parsed) => reply.build(parsed),
        Done::Agreement(agree) => reply.build(agree),
        Done::Compared(comparison) => reply.build(&(&comparison.copies, &comparison.differences)),
        // No caller asks for it.
        Done::Recovered(_) => reply.build(&()),
        Done::Written(written) => {
            let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
            // Clients of the older interface want the count alone.
            let counts =
                [manager::WRITE_KEYWORD, manager::UPDATE_KEYWORD, manager::WRITE_KEYWORD_ON_HARDWARE];
            if counts.contains(&method) {
                return reply.build(&i32::try_from(written.bytes).unwrap_or(i32::MAX));
            }
            reply.build(&BTreeMap::from([
                (answer::BYTES, Variant::from(number(written.bytes))),
                (answer::CHANGED, Variant::from(number(written.changed))),
                (answer::SHOWN, Variant::from(finished.is_shown)),
            ]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Comparison, Written};

    #[test]
    fn each_answer_has_the_signature_that_the_method_promises() {
        let written = || Done::Written(Written { bytes: 8, changed: 3 });
        for (method, done, signature) in [
            ("ReadKeyword", Done::Keyword(vec![1]), "v"),
            ("ValidateRedundantEEPROM", Done::Agreement(true), "b"),
            ("Verify", Done::Compared(Comparison::default()), "a(sss)a(sssayay)"),
            ("WriteKeyword", written(), "i"),
            ("UpdateKeyword", written(), "i"),
            ("WriteKeywordOnHardware", written(), "i"),
            ("Write", written(), "a{sv}"),
            ("Scrub", written(), "a{sv}"),
        ] {
            let call = Message::method_call("/a", method).build(&()).unwrap();
            let reply = of_job(&call, &Finished { done, is_shown: true }).unwrap();
            let found = reply.body().signature().to_string();
            assert_eq!(found.trim_start_matches('(').trim_end_matches(')'), signature.trim_end_matches(')'));
        }
    }

    #[test]
    fn what_is_no_path_of_an_object_is_left_out() {
        let given = ["/a/b".to_owned(), "/a b".to_owned(), String::new()];
        assert_eq!(paths(&given).iter().map(|path| path.as_str()).collect::<Vec<_>>(), ["/a/b"]);
    }
}
