//! The time in a signature: `yyyymmddThhmmssZ`.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::model::tick::Tick;

/// The moment, or `None` for what is none.
pub(super) fn read(text: &str) -> Option<Tick> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    if date.len() != 8 || time.len() != 6 || !(date.bytes().chain(time.bytes())).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let two = |text: &str, at: usize| text[at..at + 2].parse::<i8>().ok();
    let at = DateTime::new(
        date[..4].parse().ok()?,
        two(date, 4)?,
        two(date, 6)?,
        two(time, 0)?,
        two(time, 2)?,
        two(time, 4)?,
        0,
    );
    let moment = TimeZone::UTC.to_timestamp(at.ok()?).ok()?;
    u64::try_from(moment.as_millisecond()).ok().map(Tick)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_moment_is_read() {
        assert_eq!(read("19700101T000001Z"), Some(Tick(1_000)));
        assert_eq!(read("20261121T075955Z"), Some(Tick(1_795_247_995_000)));
        for wrong in [
            "",
            "20261121T075955",
            "20261121075955Z",
            "20261321T075955Z",
            "20260230T000000Z",
            "20261121T245955Z",
            "2026-11-21T07:59:55Z",
            "+0261121T075955Z",
            "2026112１T0759Z",
            "19691231T235959Z",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
