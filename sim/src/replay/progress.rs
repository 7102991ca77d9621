//! A bar for captures that take longer than a second.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::capture::Progress;

/// How long work may take before a bar appears.
const PATIENCE: Duration = Duration::from_secs(1);

/// A bar on standard error that appears when a capture takes long.
pub(crate) struct Bar {
    name: String,
    started: Instant,
    wanted: bool,
    bar: Option<ProgressBar>,
}

impl Bar {
    /// No bar yet; `wanted`: a person watches a terminal.
    #[expect(clippy::disallowed_methods, reason = "how long a person waits is no part of the replay")]
    pub(crate) fn new(name: &str, wanted: bool) -> Self {
        Self { name: name.to_owned(), started: Instant::now(), wanted, bar: None }
    }

    /// The capture has been read this far.
    pub(crate) fn at(&mut self, progress: Progress) {
        if !self.wanted || self.started.elapsed() < PATIENCE {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = match progress.total {
                Some(total) => ProgressBar::new(total)
                    .with_style(style("{msg} [{bar:30}] {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left")),
                None => ProgressBar::new_spinner().with_style(style("{msg} {spinner} {bytes}, {bytes_per_sec}")),
            };
            bar.with_message(self.name.clone()).with_elapsed(self.started.elapsed())
        });
        bar.set_position(progress.bytes);
    }

    /// How long the work has taken so far.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Takes the bar away.
    pub(crate) fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
