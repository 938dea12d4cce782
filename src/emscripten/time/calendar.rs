//! Dates as JavaScript's `Date` reckons them: milliseconds since 1970, the proleptic Gregorian calendar, the system's
//! time zone.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The largest time that a `Date` can hold.
const MAX_MS: i64 = 8_640_000_000_000_000;
const DAY_MS: i64 = 86_400_000;

pub const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];
pub const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A point in time taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fields {
    pub year: i64,
    /// From 0.
    pub month: i64,
    pub day: i64,
    pub hour: i64,
    pub minute: i64,
    pub second: i64,
    /// From Sunday.
    pub weekday: i64,
    /// From 0.
    pub year_day: i64,
}

/// A time that `Date` can hold, else `None` (an invalid date).
pub fn clip(ms: i64) -> Option<i64> {
    (ms.abs() <= MAX_MS).then_some(ms)
}

pub fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days from 1970-01-01 to the first of a month; `month` may be out of its year.
fn days_to_month(year: i64, month: i64) -> i64 {
    let (year, month) = (year + month.div_euclid(12), month.rem_euclid(12));
    // Years that begin in March put the leap day at their end.
    let (y, m) = if month < 2 {
        (year - 1, month + 10)
    } else {
        (year, month - 2)
    };
    let era = y.div_euclid(400);
    let of_era = y.rem_euclid(400);
    let days = of_era * 365 + of_era / 4 - of_era / 100 + (m * 153 + 2) / 5;
    era * 146_097 + days - 719_468
}

/// Takes apart a time that is already local (or meant as UTC).
pub fn split(ms: i64) -> Fields {
    let (day_number, in_day) = (ms.div_euclid(DAY_MS), ms.rem_euclid(DAY_MS) / 1000);
    let shifted = day_number + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 {
        (0, month + 2)
    } else {
        (1, month - 10)
    };
    let year = year_of_era + era * 400 + year;
    Fields {
        year,
        month,
        day,
        hour: in_day / 3600,
        minute: in_day / 60 % 60,
        second: in_day % 60,
        weekday: (day_number + 4).rem_euclid(7),
        year_day: day_number - days_to_month(year, 0),
    }
}

/// Puts a time together from parts that may be out of range, as `Date.UTC` does, years 0 to 99 meaning 1900 to 1999.
pub fn join(year: i64, month: i64, day: i64, hour: i64, minute: i64, second: i64) -> Option<i64> {
    let year = if (0..100).contains(&year) {
        year + 1900
    } else {
        year
    };
    let days = days_to_month(year, month) + day - 1;
    let seconds = hour * 3600 + minute * 60 + second;
    days.checked_mul(DAY_MS)?
        .checked_add(seconds.checked_mul(1000)?)
}

/// A time zone, by default the one that JavaScript sees.
pub struct Zone(TimeZone);

impl Zone {
    pub fn system() -> Self {
        Zone(TimeZone::system())
    }
    #[cfg(test)]
    pub fn named(name: &str) -> Self {
        Zone(TimeZone::get(name).unwrap())
    }
    fn timestamp(ms: i64) -> Timestamp {
        let (min, max) = (
            Timestamp::MIN.as_millisecond() + 1,
            Timestamp::MAX.as_millisecond(),
        );
        Timestamp::from_millisecond(ms.clamp(min, max)).unwrap_or_default()
    }
    /// Seconds east of UTC at a time.
    pub fn offset(&self, ms: i64) -> i64 {
        i64::from(self.0.to_offset(Self::timestamp(ms)).seconds())
    }
    /// `Date.prototype.getTimezoneOffset`: minutes west of UTC.
    pub fn minutes_west(&self, ms: i64) -> i64 {
        -self.offset(ms) / 60
    }
    pub fn local(&self, ms: i64) -> Fields {
        split(ms + self.offset(ms) * 1000)
    }
    /// The time of a local clock reading. One that the clock shows twice is the first, one that it skips is reckoned with
    /// the offset from before, as the language's specification has it.
    pub fn from_local(&self, local_ms: i64) -> i64 {
        let civil = || -> Option<DateTime> {
            let f = split(local_ms);
            let year = i16::try_from(f.year).ok()?;
            let (month, day) = (f.month as i8 + 1, f.day as i8);
            DateTime::new(
                year,
                month,
                day,
                f.hour as i8,
                f.minute as i8,
                f.second as i8,
                0,
            )
            .ok()
        };
        match civil().and_then(|c| self.0.to_ambiguous_timestamp(c).compatible().ok()) {
            Some(time) => time.as_millisecond() + local_ms.rem_euclid(1000),
            None => local_ms - self.offset(local_ms) * 1000,
        }
    }
    /// `new Date(year, month, day, hour, minute, second)`.
    pub fn date(
        &self,
        year: i64,
        month: i64,
        day: i64,
        hour: i64,
        minute: i64,
        second: i64,
    ) -> Option<i64> {
        let local = join(year, month, day, hour, minute, second)?;
        clip(local).and_then(|local| clip(self.from_local(local)))
    }
    /// Minutes west in January and in July of a year.
    pub fn seasons(&self, year: i64) -> (i64, i64) {
        let at = |month| {
            self.date(year, month, 1, 0, 0, 0)
                .map_or(0, |ms| self.minutes_west(ms))
        };
        (at(0), at(6))
    }
    /// Whether summer time is on, by Emscripten's rule: the smaller of the two offsets, where they differ.
    pub fn is_summer(&self, ms: i64) -> bool {
        let (winter, summer) = self.seasons(self.local(ms).year);
        winter != summer && self.minutes_west(ms) == winter.min(summer)
    }
    /// The name that JavaScript's `Date` prints in parentheses, where it is a usual one; else the abbreviation.
    pub fn long_name(&self, ms: i64) -> String {
        let short = self.abbreviation(ms);
        let region = self
            .0
            .iana_name()
            .unwrap_or("")
            .split('/')
            .next()
            .unwrap_or("");
        let known = match (&*short, region) {
            ("UTC", _) => "Coordinated Universal Time",
            ("GMT", _) => "Greenwich Mean Time",
            ("BST", "Europe") => "British Summer Time",
            ("IST", "Europe") => "Irish Standard Time",
            ("WET", _) => "Western European Standard Time",
            ("WEST", _) => "Western European Summer Time",
            ("CET", _) => "Central European Standard Time",
            ("CEST", _) => "Central European Summer Time",
            ("EET", _) => "Eastern European Standard Time",
            ("EEST", _) => "Eastern European Summer Time",
            ("MSK", _) => "Moscow Standard Time",
            ("EST", "America" | "US") => "Eastern Standard Time",
            ("EDT", "America" | "US") => "Eastern Daylight Time",
            ("CST", "America" | "US") => "Central Standard Time",
            ("CDT", "America" | "US") => "Central Daylight Time",
            ("MST", "America" | "US") => "Mountain Standard Time",
            ("MDT", "America" | "US") => "Mountain Daylight Time",
            ("PST", "America" | "US") => "Pacific Standard Time",
            ("PDT", "America" | "US") => "Pacific Daylight Time",
            ("IST", "Asia") if self.offset(ms) == 19_800 => "India Standard Time",
            ("CST", "Asia") => "China Standard Time",
            ("JST", _) => "Japan Standard Time",
            ("KST", _) => "Korean Standard Time",
            ("AEST", _) => "Australian Eastern Standard Time",
            ("AEDT", _) => "Australian Eastern Daylight Time",
            ("NZST", _) => "New Zealand Standard Time",
            ("NZDT", _) => "New Zealand Daylight Time",
            _ => return short,
        };
        known.to_owned()
    }
    /// The usual abbreviation at a time, such as `CET`.
    pub fn abbreviation(&self, ms: i64) -> String {
        self.0
            .to_offset_info(Self::timestamp(ms))
            .abbreviation()
            .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitting_and_joining_agree() {
        for days in (-800_000..3_000_000).step_by(977) {
            let ms = days * DAY_MS + 45_296_000;
            let f = split(ms);
            let year = f.year;
            if !(0..100).contains(&year) {
                assert_eq!(
                    join(year, f.month, f.day, f.hour, f.minute, f.second),
                    Some(ms),
                    "{f:?}"
                );
            }
            assert!(f.year_day >= 0 && f.year_day < 366);
        }
        let f = split(951_782_400_000);
        assert_eq!(
            (f.year, f.month, f.day, f.weekday, f.year_day),
            (2000, 1, 29, 2, 59)
        );
        assert_eq!(split(-1).second, 59);
        assert_eq!(join(70, 0, 1, 0, 0, 0), Some(0));
        assert_eq!(join(2000, 14, 0, 25, 61, 61), join(2001, 2, 1, 2, 2, 1));
        assert_eq!(clip(MAX_MS + 1), None);
    }

    #[test]
    fn clocks_that_jump() {
        let berlin = Zone::named("Europe/Berlin");
        // 2024-03-31 02:30 does not exist: an hour later by the clock.
        let skipped = berlin.date(2024, 2, 31, 2, 30, 0).unwrap();
        assert_eq!(
            (berlin.local(skipped).hour, berlin.local(skipped).minute),
            (3, 30)
        );
        // 2024-10-27 02:30 comes twice: the first, in summer time.
        let twice = berlin.date(2024, 9, 27, 2, 30, 0).unwrap();
        assert_eq!(
            (berlin.minutes_west(twice), berlin.is_summer(twice)),
            (-120, true)
        );
        assert_eq!(berlin.seasons(2024), (-60, -120));
        assert_eq!(berlin.abbreviation(twice), "CEST");
        let sydney = Zone::named("Australia/Sydney");
        let january = sydney.date(2024, 0, 15, 12, 0, 0).unwrap();
        assert!(sydney.is_summer(january));
        assert!(!Zone::named("Asia/Kolkata").is_summer(january));
        assert_eq!(Zone::named("Asia/Kolkata").minutes_west(january), -330);
        assert_eq!(
            Zone::named("UTC").date(2024, 0, 1, 0, 0, 0),
            Some(1_704_067_200_000)
        );
    }
}
