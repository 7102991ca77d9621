//! A bar for captures that take longer than a second.

use std::{
    io::{self, IsTerminal},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

use crate::capture::Progress;

/// How long work may take before a bar appears.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long a bar stays away after text took its place.
const PAUSE: Duration = Duration::from_millis(250);

/// A bar on standard error that appears when a capture takes long.
pub(crate) struct Bar {
    name: String,
    started: Instant,
    wanted: bool,
    /// Whether decisions go to a terminal, too: the bar must make room for them.
    makes_room: bool,
    bar: Option<ProgressBar>,
    /// When the bar made room for text.
    hidden: Option<Instant>,
}

impl Bar {
    /// No bar yet; `wanted`: a person watches a terminal.
    #[expect(clippy::disallowed_methods, reason = "how long a person waits is no part of the replay")]
    pub(crate) fn new(name: &str, wanted: bool) -> Self {
        let makes_room = wanted && io::stdout().is_terminal();
        Self { name: name.to_owned(), started: Instant::now(), wanted, makes_room, bar: None, hidden: None }
    }

    /// The capture has been read this far, and all text that was written is to be seen.
    pub(crate) fn at(&mut self, progress: Progress) {
        let text_came = self.hidden.is_some_and(|hidden| hidden.elapsed() < PAUSE);
        if !self.wanted || self.elapsed() < PATIENCE || text_came {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| match progress.total {
            Some(total) => ProgressBar::new(total).with_style(style("[{bar:20}] {percent:>3} %  {wide_msg}")),
            None => ProgressBar::new_spinner().with_style(style("{spinner} {bytes}  {wide_msg}")),
        });
        let left = progress.total.map_or_else(String::new, |total| left(self.started.elapsed(), progress.bytes, total));
        bar.set_message(format!("{left}{}", self.name));
        bar.set_position(progress.bytes);
    }

    /// The capture has been read as far as `progress`; without it, text is about to be written.
    #[inline]
    pub(crate) fn hear(&mut self, progress: Option<Progress>) {
        match progress {
            Some(progress) => self.at(progress),
            None => self.make_room(),
        }
    }

    /// Text is about to be written.
    #[inline]
    pub(crate) fn make_room(&mut self) {
        if self.makes_room && self.bar.is_some() {
            self.hide();
        }
    }

    #[cold]
    #[expect(clippy::disallowed_methods, reason = "how long a person waits is no part of the replay")]
    fn hide(&mut self) {
        self.clear();
        self.hidden = Some(Instant::now());
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

/// `12 s left  `, at the pace so far.
fn left(elapsed: Duration, done: u64, total: u64) -> String {
    let rest = u128::from(total.saturating_sub(done));
    let seconds = elapsed.as_millis() * rest / u128::from(done.max(1)) / 1000;
    format!("{seconds} s left  ")
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
