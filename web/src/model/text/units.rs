//! Numbers as people read them: with units, thin spaces, and never a float.

/// The narrow space between a number and its unit, which no line break parts.
const THIN: char = '\u{202f}';

/// A duration in the unit that leaves it two to four digits.
pub(crate) fn duration(ns: u64) -> String {
    let us = ns / 1_000;
    match us {
        0 => format!("<{THIN}1{THIN}µs"),
        1..1_000 => format!("{us}{THIN}µs"),
        1_000..10_000 => format!("{}.{:02}{THIN}ms", us / 1_000, us % 1_000 / 10),
        10_000..1_000_000 => format!("{}{THIN}ms", us / 1_000),
        1_000_000..60_000_000 => seconds(us / 1_000),
        _ => format!(
            "{}{THIN}min {}{THIN}s",
            us / 60_000_000,
            us / 1_000_000 % 60
        ),
    }
}

/// A time one watches pass, in steps of a tenth of a second.
pub(crate) fn elapsed(ms: u64) -> String {
    match ms {
        0..60_000 => seconds(ms),
        _ => format!("{}{THIN}min {}{THIN}s", ms / 60_000, ms / 1_000 % 60),
    }
}

/// A time one watches run out, in whole seconds.
pub(crate) fn seconds_left(ms: u64) -> String {
    format!("{}{THIN}s", ms.div_ceil(1_000))
}

fn seconds(ms: u64) -> String {
    format!("{}.{}{THIN}s", ms / 1_000, ms % 1_000 / 100)
}

/// A moment in a run: in microseconds as long as they mean something.
pub(crate) fn moment(ns: u64) -> String {
    match ns / 1_000 {
        us @ 0..1_000_000 => count(us),
        us => seconds(us / 1_000),
    }
}

/// A count, in groups of three from five digits on.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    if digits.len() < 5 {
        return digits;
    }
    let mut grouped = String::with_capacity(digits.len() + 2);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(THIN);
        }
        grouped.push(digit);
    }
    grouped
}

/// A number of bytes with its unit.
pub(crate) fn bytes(number: u64) -> String {
    format!("{}{THIN}B", count(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_the_unit_that_suits_them() {
        let shown = [
            0,
            999,
            1_000,
            412_000,
            1_234_000,
            23_400_000,
            1_250_000_000,
            61_000_000_000,
        ]
        .map(duration);
        let expected = [
            "<_1_µs",
            "<_1_µs",
            "1_µs",
            "412_µs",
            "1.23_ms",
            "23_ms",
            "1.2_s",
            "1_min 1_s",
        ];
        assert_eq!(shown, expected.map(|text| text.replace('_', "\u{202f}")));
    }

    #[test]
    fn long_numbers_are_grouped() {
        let shown = [0, 9_999, 10_000, 1_234_567].map(count);
        assert_eq!(
            shown,
            ["0", "9999", "10_000", "1_234_567"].map(|text| text.replace('_', "\u{202f}"))
        );
    }
}
