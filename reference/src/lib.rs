//! The port-knock daemon as a pure state machine: bytes in, effects out.
//!
//! # The loop
//!
//! An [`Engine`](engine::Engine) touches no clock, file, process or socket. Whoever owns those runs this loop around it:
//!
//! 1. Wait for whatever comes first: a captured frame, the end of a command, the result of a mark, a signal, or the
//!    moment that [`poll_timeout`](engine::Engine::poll_timeout) names.
//! 2. Tell the engine what happened and when, with [`handle`](engine::Engine::handle). The time of a frame is that of
//!    its capture, on the engine's own clock ([`time::Instant`]); time never runs backwards, an earlier stamp counts as
//!    the latest one.
//! 3. Carry out the [`Effect`](engine::Effect)s in the order in which they come, before the next input:
//!    log an [`Event`](event::Event), start a command, write a one-time line's mark, end.
//! 4. Every [`Run`](engine::Effect::Run) is answered later by one [`Exited`](engine::Input::Exited), and every
//!    [`Spend`](engine::Effect::Spend) by one [`Spent`](engine::Input::Spent), once the mark is durable: the door opens
//!    only then. The answers may come in any order and with other inputs in between.
//! 5. After [`Exit`](engine::Effect::Exit) nothing is to be fed any more.
//!
//! Whoever holds several frames already may say so with [`foresee`](engine::Engine::foresee): it decides nothing, and among a
//! million knocks it saves half of the time.
//!
//! The engine is deterministic: the same inputs at the same times give the same effects in the same order, on every
//! machine. So one case can run over a recorded capture, in a simulated network, and live.
//!
//! ```
//! use knockd::{
//!     config::Config,
//!     engine::{Doors, Effect, Engine, Input, Limits, Local, Locals, OneTimeFile, Setup},
//!     job::Exit,
//!     time::Instant,
//!     wire::{Frame, Link},
//! };
//!
//! let text = b"[ssh]\n sequence = 7000,8000\n tcpflags = syn,!ack\n command = open %IP%\n";
//! let (config, _traps) = Config::parse(text).expect("the text is right");
//! let doors = Doors::load(config, |_path| -> Result<OneTimeFile, &str> { Err("this door has no file") });
//! let (mut engine, at_start) = Engine::start(Setup {
//!     doors: doors.expect("no door has a file"),
//!     locals: Locals::These(vec![Local { address: "10.0.0.1".parse()?, prefix: Some(24) }]),
//!     limits: Limits::default(),
//!     only_v4: false,
//!     seed: 0, // a daemon takes a random one
//! });
//! assert!(at_start.is_empty());
//!
//! /// A SYN from 10.0.0.7 to 10.0.0.1, as a raw IPv4 packet.
//! fn syn(port: u16, sequence: u8) -> [u8; 40] {
//!     let mut packet = [0; 40];
//!     packet[0] = 0x45; // IPv4, a header of five words
//!     packet[3] = 40; // total length
//!     packet[9] = 6; // TCP
//!     packet[12..20].copy_from_slice(&[10, 0, 0, 7, 10, 0, 0, 1]);
//!     packet[20..22].copy_from_slice(&40_000_u16.to_be_bytes());
//!     packet[22..24].copy_from_slice(&port.to_be_bytes());
//!     packet[27] = sequence;
//!     packet[32] = 0x50; // a header of five words
//!     packet[33] = 0x02; // SYN
//!     packet
//! }
//!
//! let mut log = Vec::new();
//! for (second, port) in [(1, 7000), (2, 8000)] {
//!     let now = Instant::from_nanos(second * 1_000_000_000);
//!     let bytes = syn(port, second as u8);
//!     let frame = Frame { link: Link::Raw, bytes: &bytes, original_len: bytes.len() };
//!     let effects: Vec<Effect> = engine.handle(now, Input::Frame { frame, loopback: false }).collect();
//!     for effect in effects {
//!         match effect {
//!             Effect::Log(event) => log.push(event.to_string()),
//!             // Here a daemon starts `/bin/sh -c`; this one says at once that it went well.
//!             Effect::Run(run) => {
//!                 assert_eq!(&run.command[..], b"open 10.0.0.7");
//!                 let exited = Input::Exited { job: run.job, exit: Exit::Status(0) };
//!                 assert_eq!(engine.handle(now, exited).count(), 0);
//!             }
//!             Effect::Spend(_) | Effect::Exit(_) => unreachable!("no one-time file, and nobody said quit"),
//!         }
//!     }
//! }
//! assert_eq!(log, [
//!     "10.0.0.7: ssh: Stage 1",
//!     "10.0.0.7: ssh: Stage 2",
//!     "10.0.0.7: ssh: OPEN SESAME",
//!     "ssh: running command: open 10.0.0.7",
//! ]);
//! assert_eq!(engine.poll_timeout(), None);
//! # Ok::<(), std::net::AddrParseError>(())
//! ```
//!
//! # The contract
//!
//! What a conforming daemon does is written down clause by clause, as values: [`clause::Clause`] shows all of them as a
//! table. Rules in the code, explanations and tests name the clause that they stand on.
//!
//! # The rooms
//!
//! [`config`] reads configurations, [`wire`] frames, [`one_time`] files of one-time sequences; [`knock`] holds the rules
//! that judge a hit, [`job`] the life of a command, [`event`] what is logged. They know nothing of [`engine`], which only
//! dispatches. A test holds these arrows.
//!
//! The client stands beside them: [`client`] says what a command line means, and in which order things happen; [`cli`]
//! defines the command lines; [`send`] has the sockets.
#![forbid(unsafe_code)]

pub mod clause;
pub mod cli;
pub mod client;
pub mod config;
#[cfg(feature = "live")]
#[expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the daemon is the loop around the pure library: clocks, files and processes are its own"
)]
pub mod daemon;
mod deadlines;
pub mod engine;
pub mod event;
pub mod flags;
pub mod job;
pub mod knock;
mod knocks;
pub mod log_limit;
pub mod one_time;
pub mod port;
mod quote;
pub mod repeats;
#[cfg(unix)]
#[expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the client's hands: it opens sockets, waits, tells and becomes the command that follows"
)]
pub mod send;
pub mod sequence;
mod summary;
pub mod time;
pub mod wire;
