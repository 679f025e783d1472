//! An annotator of transactions, as an app holds it.

use std::sync::{Arc, Mutex};

use jiff::civil::Date;
use minnow::{Annotator, CancelToken};

use crate::error::{MinnowError, Result};
use crate::jobs::lock;
use crate::log;
use crate::opened::{Close, Opened};

/// A payment, in or out.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct BankTransaction {
    /// What the bank's statement says.
    pub description: String,
    /// In the smallest unit of the currency, negative for money that goes out.
    pub amount: i64,
    /// The year it was booked.
    pub year: i32,
    /// The month, 1 to 12.
    pub month: i32,
    /// The day, 1 to 31.
    pub day: i32,
}

impl TryFrom<BankTransaction> for minnow::Transaction {
    type Error = MinnowError;

    fn try_from(transaction: BankTransaction) -> Result<Self> {
        let BankTransaction { description, amount, year, month, day } = transaction;
        let date = || Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?).ok();
        let wrong = || MinnowError::invalid("date", format!("{year}-{month}-{day} is no day of the years to 9999"));
        Ok(Self { description, amount, date: date().ok_or_else(wrong)? })
    }
}

/// What is noted beside a transaction.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct TransactionAnnotation {
    /// Who was paid or who paid.
    pub merchant: String,
    /// What it was for.
    pub category: Option<String>,
    /// Probability that the likeliest category is right.
    pub confidence: f32,
    /// What stands out.
    pub flags: Vec<TransactionFlag>,
}

/// Why a transaction stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum TransactionFlag {
    /// It comes again and again.
    Recurring {
        /// The usual distance in days.
        every_days: u16,
    },
    /// Far more than this merchant was paid before.
    UnusualAmount {
        /// The median of what came before.
        usual: i64,
    },
    /// The same merchant and amount within three days.
    PossibleDuplicate {
        /// Which transaction it repeats, counted from 0.
        of: u64,
    },
}

impl TransactionAnnotation {
    fn of(annotation: minnow::Annotation) -> Result<Self> {
        let flag = |flag| match flag {
            minnow::Flag::Recurring { every_days } => Ok(TransactionFlag::Recurring { every_days }),
            minnow::Flag::UnusualAmount { usual } => Ok(TransactionFlag::UnusualAmount { usual }),
            minnow::Flag::PossibleDuplicate { of } => Ok(TransactionFlag::PossibleDuplicate { of }),
            other => Err(MinnowError::internal(format!("{other:?} has no name here"))),
        };
        Ok(Self {
            merchant: annotation.merchant,
            category: annotation.category,
            confidence: annotation.confidence,
            flags: annotation.flags.into_iter().map(flag).collect::<Result<_>>()?,
        })
    }
}

/// An annotator and what it has seen.
#[derive(uniffi::Object)]
pub struct NativeAnnotator {
    opened: Arc<Opened<Arc<Mutex<Annotator>>>>,
}

impl NativeAnnotator {
    /// One that has seen nothing.
    pub(crate) fn new(annotator: Annotator) -> Self {
        Self { opened: Opened::new(Arc::new(Mutex::new(annotator))) }
    }

    /// What closes it.
    pub(crate) fn opened(&self) -> &Arc<Opened<Arc<Mutex<Annotator>>>> {
        &self.opened
    }
}

/// An annotator without categories.
#[uniffi::export]
pub fn open_annotator() -> Arc<NativeAnnotator> {
    log::install();
    Arc::new(NativeAnnotator::new(Annotator::new(None)))
}

#[uniffi::export]
impl NativeAnnotator {
    /// Annotates the next transaction.
    ///
    /// # Errors
    /// `InvalidInput` for an empty description, one that is too long, or a date that there isn't; `Device`; `Cancelled`; `Closed`. The
    /// transaction is not remembered then.
    pub async fn annotate(&self, transaction: BankTransaction) -> Result<TransactionAnnotation> {
        let annotator = self.opened.get()?;
        let work = move |cancel: &CancelToken| {
            let transaction = transaction.try_into()?;
            TransactionAnnotation::of(lock(&annotator).annotate(&transaction, cancel)?)
        };
        self.opened.jobs.run(work).await
    }

    /// Cancels what runs and forgets what was seen. Returns at once; calls that were running end with `Closed`.
    pub fn shut_down(&self) {
        self.opened.close();
    }
}
