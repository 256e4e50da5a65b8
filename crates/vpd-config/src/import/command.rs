//! Shell commands as steps. No shell ever sees them: what is not exactly one of the known forms is no step.

use crate::import::step::Action;
use crate::import::words::{quoted, shortened};
use fru_publication::EepromKey;
use plain_text::is_hidden;

/// What a shell would do more with than pass it on.
const SPECIAL: &str = "|;&$\"'`\\<(){}[]*?~#!=%^";

/// Reads one command.
///
/// Errors: why it is no step.
pub(crate) fn step(text: &str) -> Result<Action, &'static str> {
    if text.contains(is_hidden) {
        return Err("it has characters that cannot be seen");
    }
    let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    if text.contains(|c: char| SPECIAL.contains(c) || !c.is_ascii()) {
        return Err("it takes a shell, and no shell is started here");
    }
    let ["echo", values @ .., ">", path] = words.as_slice() else {
        let has_arrow = text.contains('>');
        return Err(if has_arrow { FORMS } else { "there is no '>', so a shell would only print it" });
    };
    let path = path.strip_prefix("/sys/").ok_or("it does not write below /sys")?;
    let parts: Vec<&str> = path.split('/').collect();
    match (parts.as_slice(), values) {
        (["bus", bus @ ("i2c" | "spi"), "drivers", driver, verb @ ("bind" | "unbind")], values) => {
            binding(bus, driver, verb, values)
        }
        (["bus", "i2c", "devices", adapter, "new_device"], [part, address]) if is_kernel_name(part) => {
            Ok(Action::NewDevice { part: (*part).to_owned(), at: chip(adapter, address)? })
        }
        (["bus", "i2c", "devices", adapter, "delete_device"], [address]) => {
            Ok(Action::DeleteDevice { at: chip(adapter, address)? })
        }
        (["bus", "i2c", "devices", _, "new_device" | "delete_device"], _) => Err(FORMS),
        (_, [value]) => write(&format!("/sys/{path}"), value),
        _ => Err(FORMS),
    }
}

const FORMS: &str = "it is none of the forms that are known: echo DEVICE > …/bind or …/unbind of a driver, \
                     echo PART 0xADDRESS > …/new_device, echo 0xADDRESS > …/delete_device, echo VALUE > /sys/…";

/// A value for an attribute of sysfs.
///
/// Errors: the path could lead elsewhere, or either is longer than what is taken.
pub(crate) fn write(path: &str, value: &str) -> Result<Action, &'static str> {
    let inside = path.strip_prefix("/sys/").is_some_and(|rest| {
        rest.split('/').all(|part| !matches!(part, "" | "." | ".."))
            && rest.bytes().all(|byte| byte.is_ascii_graphic())
    });
    if !inside || path.len() > 255 {
        return Err("its path is none below /sys");
    }
    if value.len() > 64 {
        return Err("its value is longer than 64 characters");
    }
    Ok(Action::WriteSysfs { path: path.to_owned(), value: value.to_owned() })
}

fn binding(bus: &str, driver: &str, verb: &str, values: &[&str]) -> Result<Action, &'static str> {
    let [device] = values else { return Err(FORMS) };
    let is_of_bus = EepromKey::parse(device).is_ok_and(|key| {
        let folder = format!("/sys/bus/{bus}/");
        key.sysfs_path().is_some_and(|path| path.starts_with(&folder))
    });
    if !is_of_bus {
        return Err("what is echoed is no device of the bus (8-0050, spi12.0)");
    }
    if !is_kernel_name(driver) {
        return Err("its driver has no name of a driver");
    }
    let (device, driver) = ((*device).to_owned(), driver.to_owned());
    Ok(if verb == "bind" { Action::Bind { device, driver } } else { Action::Unbind { device, driver } })
}

/// The device that an adapter makes at an address of seven bits.
fn chip(adapter: &str, address: &str) -> Result<String, &'static str> {
    let number = || {
        let digits = address.strip_prefix("0x").filter(|digits| digits.len() <= 2)?;
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u8::from_str_radix(digits, 16).ok())?
    };
    let number =
        number().filter(|number| *number < 0x80).ok_or("its address is none of seven bits (0x50)")?;
    let bus = adapter.strip_prefix("i2c-").ok_or("its bus is none (i2c-8)")?;
    let device = format!("{bus}-{number:04x}");
    EepromKey::parse(&device).map(|_| device).map_err(|_| "its bus is none (i2c-8)")
}

fn is_kernel_name(name: &str) -> bool {
    (1..=31).contains(&name.len())
        && !name.starts_with('.')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

/// Why a command is lost, and what was probably meant by it.
pub(crate) fn explain(text: &str, why: &str) -> String {
    let meant = text.rsplit_once(' ').map(|(before, path)| step(&format!("{before} > {path}")));
    let advice = match meant {
        Some(Ok(action)) => format!("{action} was probably meant; write it"),
        _ => "write the step".to_owned(),
    };
    format!("{} is no step: {why}; {advice} by hand", quoted(&shortened(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_forms_become_steps() {
        for (text, shown) in [
            ("echo 20-0050 > /sys/bus/i2c/drivers/at24/bind", r#"{ bind = "20-0050", driver = "at24" }"#),
            (
                "echo 20-0060  >  /sys/bus/i2c/drivers/leds-pca955x/unbind",
                r#"{ unbind = "20-0060", driver = "leds-pca955x" }"#,
            ),
            ("echo spi12.0 > /sys/bus/spi/drivers/at25/bind", r#"{ bind = "spi12.0", driver = "at25" }"#),
            (
                "echo 24c32 0x5A > /sys/bus/i2c/devices/i2c-111/new_device",
                r#"{ new-device = "24c32", at = "111-005a" }"#,
            ),
            ("echo 0x50 > /sys/bus/i2c/devices/i2c-8/delete_device", r#"{ delete-device = "8-0050" }"#),
            ("echo 0 > /sys/class/x/y-z", r#"{ write-sysfs = "/sys/class/x/y-z", value = "0" }"#),
        ] {
            assert_eq!(step(text).map(|action| action.to_string()), Ok(shown.to_owned()), "{text}");
        }
    }

    #[test]
    fn all_else_is_refused() {
        for (text, why) in [
            ("", "no '>'"),
            ("echo 21-0051 /sys/bus/i2c/drivers/at24/unbind", "no '>'"),
            ("echo 1 > /sys/a; reboot", "takes a shell"),
            ("echo 1 > /sys/a;reboot", "takes a shell"),
            ("echo 1 > /sys/a && echo 2 > /sys/b", "takes a shell"),
            ("echo 1 | tee /sys/a", "takes a shell"),
            ("echo 1 >> /sys/a", "none of the forms"),
            ("echo 1 >/sys/a", "none of the forms"),
            ("echo $(id) > /sys/a", "takes a shell"),
            ("echo '1' > /sys/a", "takes a shell"),
            ("echo 1 > /sys/*", "takes a shell"),
            ("echo 1 > > /sys/a", "none of the forms"),
            ("echo 1\n > /sys/a", "cannot be seen"),
            ("echo 1 > /sys/a\0", "cannot be seen"),
            ("echo 1 > /sys/a\u{202e}", "cannot be seen"),
            ("echo > /sys/a", "none of the forms"),
            ("echo a b > /sys/a", "none of the forms"),
            ("echo 1 > /etc/passwd", "not write below /sys"),
            ("echo 1 > /sys/../etc/passwd", "none below /sys"),
            ("echo 1 > /sys//a", "none below /sys"),
            ("echo 20-50 > /sys/bus/i2c/drivers/at24/bind", "no device of the bus"),
            ("echo spi1.0 > /sys/bus/i2c/drivers/at24/bind", "no device of the bus"),
            ("echo file:x > /sys/bus/i2c/drivers/at24/bind", "no device of the bus"),
            ("echo 20-0050 > /sys/bus/i2c/drivers/../bind", "no name of a driver"),
            ("echo 24c32 0x80 > /sys/bus/i2c/devices/i2c-8/new_device", "seven bits"),
            ("echo 24c32 80 > /sys/bus/i2c/devices/i2c-8/new_device", "seven bits"),
            ("echo 24c32 0x+1 > /sys/bus/i2c/devices/i2c-8/new_device", "seven bits"),
            ("echo 24c32 0x50 > /sys/bus/i2c/devices/i2c-08/new_device", "bus is none"),
            ("echo 24c32 > /sys/bus/i2c/devices/i2c-8/new_device", "none of the forms"),
            ("rm -rf /", "no '>'"),
        ] {
            let found = step(text).unwrap_err();
            assert!(found.contains(why), "{text}: {found}");
        }
    }
}
