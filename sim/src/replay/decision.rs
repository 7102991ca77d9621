//! What a conforming daemon decided about a capture, one decision at a time.

use std::{borrow::Cow, net::IpAddr};

use knockd::{
    engine::Effect,
    event::{DoorRef, Event},
    job::JobKind,
    time::Instant,
};

use super::timeline::printable;

/// One decision: an effect that changes something, and what it followed from.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The packet that caused it, numbered from 1; `None` for a timer and at start.
    pub packet: Option<u64>,
    /// When: the packet's time, or when the timer was due; `None` at start.
    pub at: Option<Instant>,
    /// What the engine wants done. Never one of those that [`is_decision`] leaves out.
    pub effect: Effect,
}

/// Whether an effect is a decision of its own, rather than a remark or the announcement of another effect.
#[must_use]
pub fn is_decision(effect: &Effect) -> bool {
    match effect {
        Effect::Run(_) | Effect::Spend(_) => true,
        Effect::Log(event) => matches!(
            event,
            Event::Stage { .. }
                | Event::Opened { .. }
                | Event::TimedOut { .. }
                | Event::Discarded { .. }
                | Event::Disabled { .. }
        ),
        Effect::Exit(_) => false,
    }
}

impl Decision {
    /// Whose knock it is about: the source's address and the knock's number; `None` at start.
    #[must_use]
    pub fn knocker(&self) -> Option<(IpAddr, u64)> {
        match &self.effect {
            Effect::Run(run) => Some((run.who.source, run.who.knock)),
            Effect::Spend(spend) => Some((spend.who.source, spend.who.knock)),
            Effect::Log(
                Event::Stage { who, .. }
                | Event::Opened { who }
                | Event::TimedOut { who, .. }
                | Event::Discarded { who, .. },
            ) => Some((who.source, who.knock)),
            Effect::Log(Event::Disabled { by, .. }) => *by,
            Effect::Log(_) | Effect::Exit(_) => None,
        }
    }

    /// The door it is about; `None` only for what is no decision.
    #[must_use]
    pub fn door(&self) -> Option<&DoorRef> {
        match &self.effect {
            Effect::Run(run) => Some(&run.who.door),
            Effect::Spend(spend) => Some(&spend.who.door),
            Effect::Log(
                Event::Stage { who, .. }
                | Event::Opened { who }
                | Event::TimedOut { who, .. }
                | Event::Discarded { who, .. },
            ) => Some(&who.door),
            Effect::Log(Event::Disabled { door, .. }) => Some(door),
            Effect::Log(_) | Effect::Exit(_) => None,
        }
    }

    /// What happened, in the daemon's own words where it has any, without the knocker and the door.
    #[must_use]
    pub fn words(&self) -> String {
        printable(&self.raw_words())
    }

    fn raw_words(&self) -> String {
        match &self.effect {
            Effect::Run(run) => {
                let cause = match run.kind {
                    JobKind::Start => "",
                    JobKind::Stop => "command timeout, ",
                };
                format!("{cause}running command: {}", lossy(&run.command))
            }
            Effect::Spend(spend) => {
                format!("spending the line at byte {} of {}", spend.offset, lossy(spend.who.door.file()))
            }
            Effect::Log(event) => {
                let message = event.to_string();
                let mut rest = message.as_str();
                if let Some((source, _)) = self.knocker() {
                    rest = strip(rest, &source.to_string());
                }
                if let Some(door) = self.door() {
                    rest = strip(rest, door.name());
                }
                rest.to_owned()
            }
            Effect::Exit(status) => format!("exit with status {status}"),
        }
    }
}

/// `message` without a leading `prefix: `.
fn strip<'a>(message: &'a str, prefix: &str) -> &'a str {
    message.strip_prefix(prefix).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(message)
}

fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
