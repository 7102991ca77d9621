//! What a client does and in which order: hits, waits, and whether the door is open (KNOCK-1).

use std::{num::NonZeroU16, time::Duration};

use super::{Call, Plan, Step};
use crate::port::Port;

/// How a plan is carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manner {
    /// The wait between two hits, also between the last one and whatever follows it.
    pub delay: Duration,
    /// Whether to find out if the door is open, and how.
    pub verify: Option<Verify>,
    /// Whether something follows the knock, for which the last hit has to have arrived.
    pub followed: bool,
}

/// Finding out whether a door is open by connecting to the service behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verify {
    /// The service's TCP port.
    pub port: NonZeroU16,
    /// How often to knock at most; 0 counts as 1.
    pub tries: u32,
    /// How long to try to connect after each knock.
    pub timeout: Duration,
}

/// How an attempt to connect ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The service accepted the connection.
    Open,
    /// Somebody said that nothing is to be had there.
    Refused,
    /// Nobody answered in time.
    Silent,
}

/// Whoever has sockets and a clock. A call is named by its place in the plan.
pub trait Hands {
    /// Why a hit could not be sent.
    type Error;

    /// Sends one packet and waits for nothing.
    ///
    /// # Errors
    ///
    /// The packet was not sent.
    fn hit(&mut self, call: usize, port: Port) -> Result<(), Self::Error>;

    /// Waits this long since the last hit or attempt.
    fn wait(&mut self, time: Duration);

    /// Tries to connect to a TCP port for so long.
    fn connect(&mut self, call: usize, port: NonZeroU16, timeout: Duration) -> Heard;
}

/// Carries out a plan: host after host, each knocked on until its door is open or all tries are used up. A door that
/// stays shut does not keep the others from being opened. What was heard of each host, `None` where nobody asked.
///
/// An attempt to connect is a packet to a port outside of the sequence, so it would discard the knock if it overtook the
/// last hit (SEQ-3); and so would one that hangs, when its packet is sent again during the next knock. Hence attempts and
/// hits keep their distance, and an attempt is over before the next hit.
///
/// # Errors
///
/// The first hit that could not be sent; nothing is sent after it.
pub fn follow<H: Hands>(plan: &Plan, manner: &Manner, hands: &mut H) -> Result<Vec<Option<Heard>>, H::Error> {
    let mut pace = Pace { delay: manner.delay, begun: false, pause: None };
    let mut heard = Vec::with_capacity(plan.calls().len());
    for (place, call) in plan.calls().iter().enumerate() {
        let mut answer = None;
        for _ in 0..manner.verify.map_or(1, |verify| verify.tries.max(1)) {
            knock(place, call, &mut pace, hands)?;
            let Some(Verify { port, timeout, .. }) = manner.verify else { break };
            pace.keep(hands);
            answer = Some(hands.connect(place, port, timeout));
            if answer == Some(Heard::Open) {
                break;
            }
        }
        heard.push(answer);
    }
    if manner.followed && manner.verify.is_none() {
        pace.keep(hands);
    }
    Ok(heard)
}

fn knock<H: Hands>(place: usize, call: &Call, pace: &mut Pace, hands: &mut H) -> Result<(), H::Error> {
    for step in &call.steps {
        match step {
            Step::Pause(time) => pace.pause = Some(pace.pause.unwrap_or_default().saturating_add(*time)),
            Step::Hit(port) => {
                pace.keep(hands);
                hands.hit(place, *port)?;
            }
        }
    }
    Ok(())
}

/// The distance between what is sent.
struct Pace {
    delay: Duration,
    begun: bool,
    /// The pauses since the last packet, which stand in the place of the delay.
    pause: Option<Duration>,
}

impl Pace {
    /// Waits as long as has to be waited before the next packet.
    fn keep<H: Hands>(&mut self, hands: &mut H) {
        let delay = if self.begun { self.delay } else { Duration::ZERO };
        self.begun = true;
        let time = self.pause.take().unwrap_or(delay);
        if !time.is_zero() {
            hands.wait(time);
        }
    }
}
