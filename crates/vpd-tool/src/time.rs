//! Times for people. Pure.

const MICROSECONDS: i64 = 1_000_000;
const DAY: i64 = 86_400;

/// A time, microseconds since 1970, as `2026-01-31T23:59:59Z`.
pub(crate) fn utc(time: i64) -> String {
    let seconds = time.div_euclid(MICROSECONDS);
    let (mut days, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    // Years are counted up from 1970 where that is near, else by cycles of 400 years, each of 146,097 days.
    let mut year = 1970 + 400 * days.div_euclid(146_097);
    days = days.rem_euclid(146_097);
    while days >= days_of(year) {
        days -= days_of(year);
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", days + 1)
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn days_of(year: i64) -> i64 {
    if is_leap(year) { 366 } else { 365 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_what_date_says() {
        // `date -u -d @SECONDS`
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(utc(seconds * MICROSECONDS + 5), expected);
        }
        for extreme in [i64::MIN, i64::MAX] {
            assert!(utc(extreme).ends_with('Z'));
        }
    }
}
