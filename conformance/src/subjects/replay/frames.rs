//! A case's packets as the reader of captures hands them to the engine.

use knockd::{time::Instant, wire::Link};
use knocksim::capture::{Reader, Record, Visit};

use crate::{capture, case::Case, subject::Broken};

/// A frame that was read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) at: Instant,
    pub(super) link: Link,
    pub(super) bytes: Vec<u8>,
    pub(super) original_len: usize,
    pub(super) loopback: bool,
}

/// Renders the case, and reads it again.
pub(super) fn frames(case: &Case) -> Result<Vec<Read>, Broken> {
    let mut bytes = Vec::new();
    capture::write(case, &mut bytes).map_err(|error| Broken(format!("the case cannot be rendered: {error}")))?;
    let mut frames = Frames(Vec::new());
    let fault = |fault| Broken(format!("the rendered case cannot be read: {fault}"));
    Reader::from_bytes(case.id.clone(), bytes).map_err(fault)?.read(&mut frames).map_err(fault)?;
    Ok(frames.0)
}

struct Frames(Vec<Read>);

impl Visit for Frames {
    fn record(&mut self, record: Record<'_>) {
        self.0.push(Read {
            at: record.at,
            link: record.frame.link,
            bytes: record.frame.bytes.to_vec(),
            original_len: record.frame.original_len,
            loopback: record.loopback,
        });
    }
}
