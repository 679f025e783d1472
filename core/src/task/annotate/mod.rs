//! Transactions with what a person would note beside them: who was paid, for what, and what stands out.
//!
//! They come one by one and are answered one by one; what was seen before decides what is usual. Categories are those of a trained
//! [`Classifier`]; merchants and flags are rules over the text, the amounts and the dates, so that nothing is invented.

mod history;
mod merchant;

use std::collections::HashMap;

use jiff::civil::Date;
use serde::Serialize;

use self::history::{History, Seen};
use crate::runtime::CancelToken;
use crate::task::classify::{Classifier, ClassifyOptions};
use crate::{Error, Result};

/// Merchants that are remembered at most; beyond that the one that was not seen for longest is forgotten.
const MAX_MERCHANTS: usize = 20_000;
/// Bytes of a description.
const MAX_DESCRIPTION: usize = 16 * 1024;

/// A payment, in or out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// What the bank's statement says.
    pub description: String,
    /// In the smallest unit of the currency (cents), negative for money that goes out.
    pub amount: i64,
    /// The day it was booked.
    pub date: Date,
}

/// What is noted beside a transaction.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Annotation {
    /// Who was paid or who paid: the description without what terminals and banks add.
    pub merchant: String,
    /// What it was for; `None` without a classifier, or where it doesn't know.
    pub category: Option<String>,
    /// Probability that the likeliest category is right; 0 without a classifier.
    pub confidence: f32,
    /// What stands out.
    pub flags: Vec<Flag>,
}

/// Why a transaction stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "flag")]
#[non_exhaustive]
pub enum Flag {
    /// It comes again and again: the same merchant, about the same amount, about every so many days, for the third time at least.
    Recurring {
        /// The usual distance.
        every_days: u16,
    },
    /// Far more than this merchant was paid before.
    UnusualAmount {
        /// The median of what came before, in the smallest unit.
        usual: i64,
    },
    /// The same merchant and amount within three days.
    PossibleDuplicate {
        /// Which transaction it repeats, counted from 0 in the order in which they came.
        of: u64,
    },
}

/// Annotates transactions as they come.
///
/// ```
/// use minnow::{Annotator, CancelToken, Flag, Transaction};
///
/// let mut annotator = Annotator::new(None);
/// let transaction = |day| Transaction {
///     description: "SQ *BLUE BOTTLE COFFEE 0042".to_owned(),
///     amount: -450,
///     date: jiff::civil::date(2026, 11, day),
/// };
/// let cancel = CancelToken::new();
/// assert_eq!(annotator.annotate(&transaction(2), &cancel)?.merchant, "Blue Bottle Coffee");
/// assert_eq!(annotator.annotate(&transaction(2), &cancel)?.flags, [Flag::PossibleDuplicate { of: 0 }]);
/// # Ok::<(), minnow::Error>(())
/// ```
#[derive(Debug)]
pub struct Annotator {
    classifier: Option<Classifier>,
    merchants: HashMap<String, Known>,
    count: u64,
}

/// What is remembered of a merchant.
#[derive(Debug, Default)]
struct Known {
    history: History,
    /// Category and confidence of a description, since most come again word by word.
    category: Option<(String, Option<String>, f32)>,
    last: u64,
}

impl Annotator {
    /// An annotator that has seen nothing. Without a classifier there are no categories.
    pub fn new(classifier: Option<Classifier>) -> Self {
        Self { classifier, merchants: HashMap::new(), count: 0 }
    }

    /// Annotates the next transaction. They should come in the order of their dates; one that comes late is annotated by what is known.
    ///
    /// # Errors
    /// `InvalidInput` for an empty description or one over 16 KiB; `Device`; `Cancelled`. The transaction is not remembered then.
    pub fn annotate(&mut self, transaction: &Transaction, cancel: &CancelToken) -> Result<Annotation> {
        let description = transaction.description.trim();
        if description.is_empty() || description.len() > MAX_DESCRIPTION {
            let what = format!("a description of {} bytes, expected 1 to {MAX_DESCRIPTION}", description.len());
            return Err(Error::invalid("description", what));
        }
        cancel.check()?;
        let merchant = merchant::name(description);
        let key = merchant.to_lowercase();
        let remembered = self.merchants.get(&key).and_then(|known| known.category.clone());
        let category = match (&self.classifier, remembered) {
            (_, Some(category)) if category.0 == description => Some(category),
            (Some(classifier), _) => {
                let answer = classifier.classify(description, &ClassifyOptions::default(), cancel)?;
                Some((description.to_owned(), answer.label, answer.confidence))
            }
            (None, _) => None,
        };
        let known = self.merchants.entry(key).or_default();
        let seen = Seen { index: self.count, amount: transaction.amount, date: transaction.date };
        let flags = known.history.flags(&seen);
        known.history.add(seen);
        known.last = self.count;
        known.category.clone_from(&category);
        self.count += 1;
        self.forget();
        let (_, category, confidence) = category.unwrap_or_default();
        Ok(Annotation { merchant, category, confidence, flags })
    }

    /// Annotates transactions as they are asked for: the next one is taken from `transactions` when the answer to the one before it was taken from
    /// here, so a slow reader slows the source down and nothing piles up.
    pub fn annotate_each<'a, I>(
        &'a mut self,
        transactions: I,
        cancel: &'a CancelToken,
    ) -> impl Iterator<Item = Result<Annotation>> + 'a
    where
        I: IntoIterator<Item = Transaction>,
        I::IntoIter: 'a,
    {
        transactions.into_iter().map(move |transaction| self.annotate(&transaction, cancel))
    }

    /// Keeps memory bounded.
    fn forget(&mut self) {
        if self.merchants.len() > MAX_MERCHANTS {
            let oldest = self.merchants.iter().min_by_key(|(_, known)| known.last).map(|(key, _)| key.clone());
            oldest.and_then(|key| self.merchants.remove(&key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transaction(description: &str, amount: i64, date: &str) -> Transaction {
        Transaction { description: description.to_owned(), amount, date: date.parse().unwrap() }
    }

    #[test]
    fn a_stream_is_pulled_and_annotated_one_by_one() {
        let mut annotator = Annotator::new(None);
        let cancel = CancelToken::new();
        let mut taken = 0;
        let source = (1..=12).map(|month| {
            taken += 1;
            transaction("NETFLIX.COM 866-579", -1299, &format!("2026-{month:02}-03"))
        });
        let answers: Vec<Annotation> = annotator.annotate_each(source, &cancel).take(3).map(Result::unwrap).collect();
        assert_eq!(taken, 3, "no more was taken than was asked for");
        assert_eq!(answers[2].flags, [Flag::Recurring { every_days: 30 }]);
        assert!(answers[0].flags.is_empty() && answers.iter().all(|answer| answer.merchant == "Netflix"));
        assert_eq!((answers[0].category.as_deref(), answers[0].confidence), (None, 0.0));
    }

    #[test]
    fn what_is_no_transaction_is_refused_and_not_remembered() {
        let mut annotator = Annotator::new(None);
        let cancel = CancelToken::new();
        let error = annotator.annotate(&transaction(" ", 1, "2026-01-01"), &cancel).unwrap_err().to_string();
        assert_eq!(error, "a description of 0 bytes, expected 1 to 16384 (description)");
        let long = "x".repeat(20_000);
        assert!(annotator.annotate(&transaction(&long, 1, "2026-01-01"), &cancel).is_err());
        cancel.cancel();
        assert!(matches!(annotator.annotate(&transaction("a", 1, "2026-01-01"), &cancel), Err(Error::Cancelled)));
        assert!(annotator.merchants.is_empty() && annotator.count == 0);
    }

    #[test]
    fn memory_is_bounded() {
        let mut annotator = Annotator::new(None);
        let cancel = CancelToken::new();
        for i in 0..MAX_MERCHANTS + 10 {
            let name: String = i.to_string().chars().map(|digit| char::from(b'a' + digit as u8 - b'0')).collect();
            annotator.annotate(&transaction(&name, -1, "2026-01-01"), &cancel).unwrap();
        }
        assert_eq!(annotator.merchants.len(), MAX_MERCHANTS);
    }
}
