//! `Common.Progress` of an object: how far its collection is, and when that began and ended.

use crate::publish::Times;
use dbus_api::inventory::notification::Object;
use dbus_api::inventory::property;
use std::borrow::Cow;

/// Whether an inventory on a machine with pointers of so many bits takes the times.
///
/// They are of type `t`. phosphor-inventory-manager reads `b`, `q`, `x`, `s`, `ay`, `as` and PDI's `size`, which is `t` on a
/// 64-bit machine and `u` on a 32-bit one; our own takes `t` everywhere.
pub(crate) fn are_carried(is_own: bool, pointer_bits: u32) -> bool {
    is_own || pointer_bits >= u64::BITS
}

/// Says how far an object's collection is, and when it began and ended, where the inventory takes that.
pub(crate) fn set(object: &mut Object<'_>, status: &'static str, times: Option<Times>) {
    object.set(&property::PROGRESS_STATUS, Cow::Borrowed(status));
    if let Some(times) = times {
        // No clock says a time before 1970.
        object.set(&property::START_TIME, u64::try_from(times.started).unwrap_or_default());
        object.set(&property::COMPLETED_TIME, u64::try_from(times.completed).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dbus_api::inventory::progress_status::COMPLETED;

    fn said(times: Option<Times>) -> String {
        let mut object = Object { path: "/system".into(), interfaces: Vec::new() };
        set(&mut object, COMPLETED, times);
        object.interfaces[0]
            .properties
            .iter()
            .map(|(name, value)| format!("{name} {value:?}"))
            .collect::<Vec<_>>()
            .join(", ")
    }

    #[test]
    fn times_go_out_as_the_type_of_their_properties_or_not_at_all() {
        let status = format!("Status Text({COMPLETED:?})");
        let times = Times { started: 5, completed: 7 };
        let all = format!("{status}, StartTime Unsigned(5), CompletedTime Unsigned(7)");
        assert_eq!(said(Some(times)), all);
        assert_eq!(said(None), status);
    }

    #[test]
    fn an_inventory_of_32_bits_takes_no_times_unless_it_is_ours() {
        for (is_own, bits, expected) in
            [(false, 64, true), (true, 64, true), (false, 32, false), (true, 32, true)]
        {
            assert_eq!(are_carried(is_own, bits), expected, "own {is_own}, {bits} bits");
        }
    }
}
