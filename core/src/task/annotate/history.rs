//! What one merchant was paid, and what stands out against it.

use std::collections::VecDeque;

use jiff::civil::Date;

use super::Flag;

/// A transaction that was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    /// Its place in the stream.
    pub(super) index: u64,
    pub(super) amount: i64,
    pub(super) date: Date,
}

/// Transactions that are remembered of a merchant: two years of a monthly one.
const REMEMBERED: usize = 24;
/// Days within which the same amount may be the same payment twice.
const DUPLICATE_DAYS: i32 = 3;
/// Periods that payments come in, in days, and how far from it they may be: weekends and months of different lengths.
const PERIODS: [(u16, i32); 5] = [(7, 1), (14, 2), (30, 4), (91, 7), (365, 10)];
/// Payments before one that must have kept the period.
const BEFORE: usize = 2;
/// Share by which recurring amounts may differ.
const SAME_AMOUNT: f64 = 0.2;
/// Payments that make a usual amount.
const USUAL: usize = 5;
/// How many times the usual spread, and at least this share of the usual amount, an unusual one is above it.
const SPREADS: f64 = 5.0;
const LEAST_SPREAD: f64 = 0.1;

/// The last transactions with a merchant, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct History(VecDeque<Seen>);

impl History {
    pub(super) fn add(&mut self, seen: Seen) {
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(seen);
    }

    /// What stands out about the next one.
    pub(super) fn flags(&self, next: &Seen) -> Vec<Flag> {
        [self.duplicate(next), self.recurring(next), self.unusual(next)].into_iter().flatten().collect()
    }

    fn duplicate(&self, next: &Seen) -> Option<Flag> {
        let same = |seen: &&Seen| seen.amount == next.amount && days(seen.date, next.date).abs() <= DUPLICATE_DAYS;
        self.0.iter().rev().find(same).map(|seen| Flag::PossibleDuplicate { of: seen.index })
    }

    /// Whether the one before this came a period ago, and the one before that two.
    fn recurring(&self, next: &Seen) -> Option<Flag> {
        let alike = |seen: &&Seen| {
            let (a, b) = (seen.amount as f64, next.amount as f64);
            a.signum() == b.signum() && (a - b).abs() <= SAME_AMOUNT * a.abs().max(b.abs())
        };
        let kept = |(period, tolerance): &(u16, i32)| {
            let mut date = next.date;
            (0..BEFORE).all(|_| {
                let in_step = |seen: &&Seen| (days(seen.date, date) - i32::from(*period)).abs() <= *tolerance;
                let found = self.0.iter().rev().filter(alike).find(in_step);
                found.inspect(|seen| date = seen.date).is_some()
            })
        };
        PERIODS.iter().find(|period| kept(period)).map(|(days, _)| Flag::Recurring { every_days: *days })
    }

    fn unusual(&self, next: &Seen) -> Option<Flag> {
        let same_way = |seen: &&Seen| seen.amount.signum() == next.amount.signum();
        let before: Vec<f64> = self.0.iter().filter(same_way).map(|seen| seen.amount as f64).collect();
        if before.len() < USUAL {
            return None;
        }
        let usual = median(before.clone());
        // the median distance from the median, which a few odd ones don't move
        let spread = 1.4826 * median(before.iter().map(|amount| (amount - usual).abs()).collect());
        let above = (next.amount as f64).abs() - usual.abs();
        let is_far = above > SPREADS * spread.max(LEAST_SPREAD * usual.abs());
        is_far.then_some(Flag::UnusualAmount { usual: usual.round() as i64 })
    }
}

/// Days from one date to another.
fn days(from: Date, to: Date) -> i32 {
    // dates of jiff are at most 20,000 years apart, which is no overflow
    (to - from).get_days()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        length if length % 2 == 1 => values[middle],
        _ => (values[middle - 1] + values[middle]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(index: u64, amount: i64, date: &str) -> Seen {
        Seen { index, amount, date: date.parse().unwrap() }
    }

    fn history(all: &[(i64, &str)]) -> History {
        let mut history = History::default();
        all.iter().zip(0..).for_each(|((amount, date), index)| history.add(seen(index, *amount, date)));
        history
    }

    #[test]
    fn the_same_amount_within_three_days_may_be_a_duplicate() {
        let history = history(&[(-450, "2026-03-01"), (-450, "2026-03-09")]);
        let flags = |amount, date| history.flags(&seen(2, amount, date));
        assert_eq!(flags(-450, "2026-03-12"), [Flag::PossibleDuplicate { of: 1 }]);
        assert_eq!(flags(-450, "2026-03-13"), []);
        assert_eq!(flags(-451, "2026-03-09"), []);
        assert_eq!(flags(450, "2026-03-09"), [], "a refund");
    }

    #[test]
    fn what_comes_in_step_three_times_is_recurring() {
        for (dates, every) in [
            (["2026-01-31", "2026-02-28", "2026-03-31"], Some(30)),
            (["2026-03-02", "2026-03-09", "2026-03-16"], Some(7)),
            (["2026-03-02", "2026-03-16", "2026-03-30"], Some(14)),
            (["2025-09-30", "2025-12-31", "2026-03-31"], Some(91)),
            (["2024-03-01", "2025-03-01", "2026-03-02"], Some(365)),
            (["2026-03-02", "2026-03-13", "2026-03-31"], None),
        ] {
            let history = history(&[(-1000, dates[0]), (-1100, dates[1])]);
            let expected: Vec<Flag> = every.map(|every_days| Flag::Recurring { every_days }).into_iter().collect();
            assert_eq!(history.flags(&seen(2, -1050, dates[2])), expected, "{dates:?}");
            // another amount is another thing
            assert_eq!(history.flags(&seen(2, -9000, dates[2])), []);
        }
    }

    #[test]
    fn far_more_than_usual_is_unusual() {
        let history = history(&[
            (-900, "2026-01-01"),
            (-1000, "2026-01-05"),
            (-1100, "2026-01-12"),
            (-950, "2026-01-21"),
            (-1050, "2026-02-09"),
        ]);
        let flags = |amount| history.flags(&seen(5, amount, "2026-05-17"));
        assert_eq!(flags(-5000), [Flag::UnusualAmount { usual: -1000 }]);
        assert_eq!(flags(-1300), []);
        assert_eq!(flags(-10), []);
        assert_eq!(flags(5000), [], "money that comes in was never seen");
        assert_eq!(flags(i64::MIN), [Flag::UnusualAmount { usual: -1000 }]);
    }

    #[test]
    fn only_so_many_are_remembered() {
        let mut history = History::default();
        (0..100).for_each(|index| history.add(seen(index, -1, "2026-01-01")));
        assert_eq!(history.0.len(), REMEMBERED);
    }
}
