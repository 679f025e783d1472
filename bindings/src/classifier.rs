//! A trained classifier, as an app holds it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use minnow::{Annotator, CancelToken, Classifier};

use crate::annotator::NativeAnnotator;
use crate::classification::{Classification, ClassifyOptions};
use crate::error::{MinnowError, Result};
use crate::jobs::lock;
use crate::listener::{ProgressListener, Relay, report_count};
use crate::opened::{Close, Opened};

/// A text and its label.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct LabelledText {
    /// The text.
    pub text: String,
    /// Its label.
    pub label: String,
}

impl From<LabelledText> for minnow::LabelledText {
    fn from(example: LabelledText) -> Self {
        Self::new(example.text, example.label)
    }
}

/// What a classifier says about itself.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct ClassifierFacts {
    /// The labels, in the order in which they were first met.
    pub labels: Vec<String>,
    /// Examples that it was trained on.
    pub examples: u64,
    /// Share of right answers to examples that were held out; 0 without examples.
    pub cross_validated_accuracy: f32,
    /// Mean distance between confidence and accuracy, over examples that were held out.
    pub expected_calibration_error: f32,
}

/// An encoder and a head over it.
#[derive(uniffi::Object)]
pub struct NativeClassifier {
    opened: Arc<Opened<Arc<Classifier>>>,
    /// Held by who learns: what is classified meanwhile is answered as before.
    learning: Arc<Mutex<()>>,
}

impl NativeClassifier {
    /// What an encoder made.
    pub(crate) fn new(opened: Arc<Opened<Arc<Classifier>>>) -> Self {
        Self { opened, learning: Arc::default() }
    }
}

#[uniffi::export]
impl NativeClassifier {
    /// What the classifier says about itself.
    ///
    /// # Errors
    /// `Closed` after a close.
    pub fn facts(&self) -> Result<ClassifierFacts> {
        let classifier = self.opened.get()?;
        let report = classifier.report();
        Ok(ClassifierFacts {
            labels: classifier.labels().to_vec(),
            examples: report.examples as u64,
            cross_validated_accuracy: report.cross_validated_accuracy,
            expected_calibration_error: report.expected_calibration_error,
        })
    }

    /// Says which label each of some texts has, in their order.
    pub async fn classify(
        &self,
        texts: Vec<String>,
        options: ClassifyOptions,
        progress: Option<Arc<dyn ProgressListener>>,
    ) -> Result<Vec<Classification>> {
        let classifier = self.opened.get()?;
        let work = move |cancel: &CancelToken| {
            let mut relay = Relay::new(cancel);
            let told = report_count(progress.as_ref(), &mut relay, texts.len());
            let found = classifier.classify_all(&texts, &options.into(), cancel, told);
            let found = relay.result(found.map_err(MinnowError::from))?;
            found.into_iter().zip(&texts).map(|(found, text)| Classification::of(found, text)).collect()
        };
        self.opened.jobs.run(work).await
    }

    /// Learns further examples, of known labels or new ones. Calls that run meanwhile are answered as before.
    pub async fn learn(&self, examples: Vec<LabelledText>) -> Result<()> {
        let (opened, learning) = (self.opened.clone(), self.learning.clone());
        let work = move |cancel: &CancelToken| {
            let examples: Vec<_> = examples.into_iter().map(minnow::LabelledText::from).collect();
            let _alone = lock(&learning);
            let mut classifier = Classifier::clone(&*opened.get()?);
            classifier.learn(&examples, cancel)?;
            opened.replace(Arc::new(classifier))
        };
        self.opened.jobs.run(work).await
    }

    /// Writes the classifier's head to a file, in one step.
    pub async fn save(&self, path: String) -> Result<()> {
        let classifier = self.opened.get()?;
        self.opened.jobs.run(move |_| Ok(classifier.save(PathBuf::from(path))?)).await
    }

    /// An annotator whose categories are the labels of this classifier, as it is now.
    ///
    /// # Errors
    /// `Closed` after a close.
    pub fn annotator(&self) -> Result<Arc<NativeAnnotator>> {
        let annotator = NativeAnnotator::new(Annotator::new(Some(Classifier::clone(&*self.opened.get()?))));
        self.opened.adopt(annotator.opened());
        Ok(Arc::new(annotator))
    }

    /// Cancels what runs and gives the head up, the annotators that were made from it too. The encoder stays open. Returns at once; calls that
    /// were running end with `Closed`.
    pub fn shut_down(&self) {
        self.opened.close();
    }
}
