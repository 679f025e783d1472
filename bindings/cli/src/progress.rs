//! A progress bar on stderr where that is a terminal, nothing in a pipe.

use crate::errors::escape_controls;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use minnow_models::{Progress, Stage};

/// A bar of `all` things that are done one by one.
pub fn counted(all: usize) -> ProgressBar {
    ProgressBar::with_draw_target(Some(all as u64), ProgressDrawTarget::stderr())
}

/// A bar of a share in thousandths.
pub fn share() -> ProgressBar {
    let bar = counted(1000);
    if let Ok(style) = ProgressStyle::with_template("training [{bar:20}] {percent} % {eta}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}

/// The bar of one fetch or verification. Gone from the screen when dropped.
pub struct Bar(ProgressBar);

impl Bar {
    /// A bar that appears with its first update.
    pub fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        // The templates are constant; one that didn't parse would leave indicatif's default.
        if let Ok(style) = ProgressStyle::with_template("{msg} [{bar:20}] {bytes}/{total_bytes} {eta}") {
            bar.set_style(style.progress_chars("=> "));
        }
        Self(bar)
    }

    /// Shows the latest report.
    pub fn show(&self, progress: Progress<'_>) {
        let verb = match progress.stage {
            Stage::Waiting => "waiting for another fetch of",
            Stage::Downloading => "downloading",
            Stage::Unpacking => "unpacking",
            Stage::Verifying => "verifying",
        };
        let message = format!("{verb} {}", escape_controls(progress.file));
        if self.0.message() != message {
            self.0.set_message(message);
            self.0.reset();
        }
        self.0.set_length(progress.total);
        self.0.set_position(progress.done);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
