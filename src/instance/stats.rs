//! Figures of one sandbox.

use std::time::{Duration, Instant};

/// How many recycle times are kept for percentiles.
const WINDOW: usize = 1024;

/// Counters since the sandbox was opened.
#[derive(Debug)]
pub struct Stats {
    pub recycles: u64,
    /// Recycles that found their spare region not clean yet.
    pub cleaned_in_place: u64,
    pub calls: u64,
    pub traps: u64,
    pub timeouts: u64,
    pub since_recycle: Instant,
    pub calls_at_recycle: u64,
    times: Vec<f32>,
    next: usize,
    max: f32,
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            recycles: 0,
            cleaned_in_place: 0,
            calls: 0,
            traps: 0,
            timeouts: 0,
            since_recycle: Instant::now(),
            calls_at_recycle: 0,
            times: Vec::new(),
            next: 0,
            max: 0.0,
        }
    }
}

/// Microseconds of recycles: the last, percentiles over the latest 1024, and the longest of all.
#[derive(Clone, Copy, Debug, Default)]
pub struct RecycleTimes {
    pub last: f64,
    pub p50: f64,
    pub p99: f64,
    pub max: f64,
}

impl Stats {
    pub fn recycled(&mut self, took: Duration) {
        let micros = took.as_secs_f32() * 1e6;
        self.recycles += 1;
        self.since_recycle = Instant::now();
        self.calls_at_recycle = self.calls;
        self.max = self.max.max(micros);
        if self.times.len() < WINDOW {
            self.times.push(micros);
        } else {
            self.times[self.next] = micros;
        }
        self.next = (self.next + 1) % WINDOW;
    }

    pub fn recycle_times(&self) -> RecycleTimes {
        if self.times.is_empty() {
            return RecycleTimes::default();
        }
        let mut sorted = self.times.clone();
        sorted.sort_by(f32::total_cmp);
        let at =
            |share: f64| f64::from(sorted[((sorted.len() - 1) as f64 * share).round() as usize]);
        let last = self.times[(self.next + self.times.len() - 1) % self.times.len()];
        RecycleTimes {
            last: f64::from(last),
            p50: at(0.5),
            p99: at(0.99),
            max: f64::from(self.max),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_latest_recycles() {
        let mut stats = Stats::default();
        for micros in 1..=3000u64 {
            stats.recycled(Duration::from_micros(micros));
        }
        let times = stats.recycle_times();
        assert_eq!(times.last.round(), 3000.0);
        assert!(times.p50 > 1976.0 && times.p99 > 2900.0 && times.max.round() == 3000.0);
    }
}
