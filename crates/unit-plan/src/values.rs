//! Values of directives: spans of time, exit statuses, modes.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

/// Names of the units of time, with their microseconds.
const TIMES: [(&str, u64); 22] = [
    ("us", 1),
    ("usec", 1),
    ("ms", 1_000),
    ("msec", 1_000),
    ("s", 1_000_000),
    ("sec", 1_000_000),
    ("second", 1_000_000),
    ("seconds", 1_000_000),
    ("", 1_000_000),
    ("m", 60_000_000),
    ("min", 60_000_000),
    ("minute", 60_000_000),
    ("minutes", 60_000_000),
    ("h", 3_600_000_000),
    ("hr", 3_600_000_000),
    ("hour", 3_600_000_000),
    ("hours", 3_600_000_000),
    ("d", 86_400_000_000),
    ("day", 86_400_000_000),
    ("days", 86_400_000_000),
    ("w", 604_800_000_000),
    ("week", 604_800_000_000),
];

/// A span like `90`, `1min 30s` or `500ms`; `None` for `infinity`.
pub fn time_span(text: &str) -> Result<Option<Duration>> {
    if text == "infinity" {
        return Ok(None);
    }
    ensure!(!text.is_empty(), "a span of time is missing");
    let mut sum = Duration::ZERO;
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let number: u64 = number.parse().with_context(|| format!("{text} is no span of time"))?;
        let tail = tail.trim_start();
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (name, next) = tail.split_at(letters);
        let known = TIMES.iter().find(|(known, _)| *known == name);
        let (_, factor) = known.with_context(|| format!("{name} is no unit of time"))?;
        sum += Duration::from_micros(number.checked_mul(*factor).context("a span of time is too long")?);
        rest = next.trim_start();
    }
    Ok(Some(sum))
}

/// Exit statuses, as numbers.
pub fn statuses(text: &str) -> Result<BTreeSet<i32>> {
    let status = |word: &str| match word.parse::<u8>() {
        Ok(status) => Ok(i32::from(status)),
        Err(_) => bail!("{word}: exit statuses are written as numbers up to 255 here"),
    };
    text.split_ascii_whitespace().map(status).collect()
}

/// The bits of a mode in octal digits.
pub fn mode(text: &str) -> Result<u32> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777);
    mode.with_context(|| format!("{text} is no mode"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time_add_up() {
        for (text, span) in [
            ("60", Some(Duration::from_secs(60))),
            ("15min", Some(Duration::from_secs(900))),
            ("1min 30s", Some(Duration::from_secs(90))),
            ("5s 500ms", Some(Duration::from_millis(5500))),
            ("2 h", Some(Duration::from_secs(7200))),
            ("infinity", None),
        ] {
            assert_eq!(time_span(text).unwrap(), span, "{text}");
        }
        for wrong in ["", "soon", "5 fortnights", "-1"] {
            assert!(time_span(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn statuses_are_numbers() {
        assert_eq!(statuses("65 69").unwrap(), BTreeSet::from([65, 69]));
        assert!(statuses("SIGKILL").is_err());
        assert!(statuses("256").is_err());
        assert_eq!(mode("0700").unwrap(), 0o700);
        assert!(mode("0999").is_err());
    }
}
