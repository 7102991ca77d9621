//! One end of the socket pair between watcher and doorkeeper: whole messages in and out, and never a wait.
//!
//! A frame is its length, four bytes, the lowest first, and as many bytes in postcard's form. What the socket does not
//! take at once stays in a buffer until poll says that there is room. A descriptor travels with the first byte of the
//! message that it belongs to.

use std::{
    collections::VecDeque,
    fmt, io,
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::{
    io::Errno,
    net::{
        AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
        SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
    },
};
use serde::{Serialize, de::DeserializeOwned};

/// The most bytes of one message. The system takes no command of this length, so nothing that can be run is refused.
pub const MOST: usize = 4 << 20;

/// How many bytes are read at once.
const PIECE: usize = 16 << 10;
/// A buffer that grew beyond this is given back once it is empty.
const KEPT: usize = 64 << 10;

/// One end.
#[derive(Debug)]
pub struct Channel {
    socket: OwnedFd,
    incoming: Buffer,
    /// Descriptors that came, for messages that are not taken yet.
    came: VecDeque<OwnedFd>,
    /// The other end has closed.
    ended: bool,
    outgoing: Buffer,
    /// Descriptors to go, each with the place of its message's first byte, counted from the first byte ever sent.
    going: VecDeque<(u64, OwnedFd)>,
    /// How many bytes have gone.
    gone: u64,
}

/// Bytes that are taken from the front.
#[derive(Debug, Default)]
struct Buffer {
    bytes: Vec<u8>,
    /// How many have been taken.
    taken: usize,
}

impl Buffer {
    fn rest(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    fn take(&mut self, count: usize) {
        self.taken += count;
        if self.taken == self.bytes.len() {
            self.clear();
        } else if self.taken > KEPT && self.taken > self.bytes.len() / 2 {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
    }

    fn clear(&mut self) {
        self.taken = 0;
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
    }
}

/// A message that is longer than [`MOST`]; nothing of it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "longer than {MOST} bytes")
    }
}

impl std::error::Error for TooLong {}

/// Why nothing more can be received.
#[derive(Debug)]
pub enum ChannelError {
    /// The system's reason.
    Io(io::Error),
    /// A frame announces more than [`MOST`] bytes.
    TooLong,
    /// A frame is no message of the kind expected.
    Malformed,
}

impl fmt::Display for ChannelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::TooLong => write!(f, "a message is {TooLong}"),
            Self::Malformed => f.write_str("a message cannot be understood"),
        }
    }
}

impl std::error::Error for ChannelError {}

impl Channel {
    /// Speaks over a stream socket.
    #[must_use]
    pub fn new(socket: OwnedFd) -> Self {
        Self {
            socket,
            incoming: Buffer::default(),
            came: VecDeque::new(),
            ended: false,
            outgoing: Buffer::default(),
            going: VecDeque::new(),
            gone: 0,
        }
    }

    /// This process's end of a new socket pair, and the other end, for the other process. Both close when a program is
    /// executed; the other is to become that program's standard input.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn pair() -> io::Result<(Self, OwnedFd)> {
        let (ours, other) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        Ok((Self::new(ours), other))
    }

    /// Puts a message, with a descriptor if it has one, behind those that wait. [`Channel::flush`] sends them.
    ///
    /// # Errors
    ///
    /// The message is too long.
    pub fn send<M: Serialize>(&mut self, message: &M, descriptor: Option<OwnedFd>) -> Result<(), TooLong> {
        let begin = self.outgoing.bytes.len();
        let place = self.gone + (begin - self.outgoing.taken) as u64;
        self.outgoing.bytes.extend([0; 4]);
        let written = postcard::to_extend(message, Tail(&mut self.outgoing.bytes)).is_ok();
        let length = self.outgoing.bytes.len() - begin - 4;
        match (written, u32::try_from(length)) {
            (true, Ok(short)) if length <= MOST => {
                self.outgoing.bytes[begin..begin + 4].copy_from_slice(&short.to_le_bytes());
                self.going.extend(descriptor.map(|descriptor| (place, descriptor)));
                Ok(())
            }
            _ => {
                self.outgoing.bytes.truncate(begin);
                Err(TooLong)
            }
        }
    }

    /// How many bytes wait to be sent: poll for room in the socket while there are any, then [`Channel::flush`]. Whoever
    /// sends more than the other end takes sees it here.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.outgoing.rest().len()
    }

    /// Sends what the socket takes now. If the other end has closed, what waits is forgotten: [`Channel::receive`] tells of
    /// that end in its turn, behind what was said before it.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn flush(&mut self) -> io::Result<()> {
        while self.waiting() > 0 {
            match self.send_piece() {
                Ok(sent) => {
                    self.gone += sent as u64;
                    self.outgoing.take(sent);
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::PIPE | Errno::CONNRESET) => {
                    self.outgoing.clear();
                    self.going.clear();
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Sends up to the next descriptor's message, or from it.
    fn send_piece(&mut self) -> rustix::io::Result<usize> {
        let here = self.going.front().is_some_and(|(place, _)| *place == self.gone);
        let next = self.going.get(usize::from(here)).map(|(place, _)| place - self.gone);
        let rest = self.outgoing.rest();
        let end = next.and_then(|next| usize::try_from(next).ok()).unwrap_or(rest.len());
        let piece = [io::IoSlice::new(&rest[..end])];
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut beside = SendAncillaryBuffer::new(&mut space);
        let descriptors = match self.going.front() {
            Some((_, descriptor)) if here => vec![descriptor.as_fd()],
            _ => Vec::new(),
        };
        if here {
            beside.push(SendAncillaryMessage::ScmRights(&descriptors));
        }
        let sent = sendmsg(&self.socket, &piece, &mut beside, flags)?;
        if here {
            self.going.pop_front();
        }
        Ok(sent)
    }

    /// Reads what the socket has now; [`Channel::take`] then gives the messages. Says whether more may come: not once
    /// the other end has closed and all that it said has been read.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn receive(&mut self) -> Result<bool, ChannelError> {
        while !self.ended {
            let length = self.incoming.bytes.len();
            self.incoming.bytes.resize(length + PIECE, 0);
            let got = self.receive_piece(length);
            self.incoming.bytes.truncate(length + *got.as_ref().unwrap_or(&0));
            match got {
                Ok(0) => self.ended = true,
                // What fills the piece may have more behind it; but whoever never stops to send must be heard.
                Ok(PIECE) if self.incoming.rest().len() <= MOST => {}
                Ok(_) | Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                Err(Errno::CONNRESET) => self.ended = true,
                Err(error) => return Err(ChannelError::Io(error.into())),
            }
        }
        Ok(!self.ended)
    }

    fn receive_piece(&mut self, from: usize) -> rustix::io::Result<usize> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut beside = RecvAncillaryBuffer::new(&mut space);
        let mut piece = [io::IoSliceMut::new(&mut self.incoming.bytes[from..])];
        let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        let got = recvmsg(&self.socket, &mut piece, &mut beside, flags)?;
        for message in beside.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                self.came.extend(descriptors);
            }
        }
        Ok(got.bytes)
    }

    /// The next message that is here whole.
    ///
    /// # Errors
    ///
    /// It is too long, or it is no `M`. Nothing that follows can be understood.
    pub fn take<M: DeserializeOwned>(&mut self) -> Result<Option<M>, ChannelError> {
        let Some((length, rest)) = self.incoming.rest().split_first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_le_bytes(*length) as usize;
        if length > MOST {
            return Err(ChannelError::TooLong);
        }
        let Some(bytes) = rest.get(..length) else { return Ok(None) };
        let Ok((message, [])) = postcard::take_from_bytes(bytes) else { return Err(ChannelError::Malformed) };
        self.incoming.take(4 + length);
        Ok(Some(message))
    }

    /// The descriptor that belongs to the message that [`Channel::take`] has just given: to be taken at once, and only
    /// for a message that has one.
    pub fn descriptor(&mut self) -> Option<OwnedFd> {
        self.came.pop_front()
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The end of a buffer, where a message is being written.
struct Tail<'a>(&'a mut Vec<u8>);

impl Extend<u8> for Tail<'_> {
    fn extend<I: IntoIterator<Item = u8>>(&mut self, bytes: I) {
        self.0.extend(bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        io::{Read, Seek, Write},
    };

    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::daemon::message::{Exit, Line, ToKeeper, ToWatcher};

    fn ends() -> (Channel, Channel) {
        let (ours, other) = Channel::pair().expect("a socket pair");
        (ours, Channel::new(other))
    }

    fn line(length: usize) -> ToKeeper {
        ToKeeper::Log(Line { at: -1, message: "x".repeat(length), source: None, debug: false })
    }

    /// Moves bytes until nothing moves any more, and takes the messages.
    fn deliver(from: &mut Channel, to: &mut Channel) -> Vec<ToKeeper> {
        let mut messages = Vec::new();
        loop {
            from.flush().expect("the socket takes bytes");
            assert!(to.receive().expect("the socket gives bytes"));
            let before = messages.len();
            while let Some(message) = to.take().expect("a message") {
                messages.push(message);
            }
            if from.waiting() == 0 && messages.len() == before {
                return messages;
            }
        }
    }

    proptest! {
        #[test]
        fn messages_arrive_whole_and_in_order_however_many_wait(lengths in vec(0_usize..300_000, 0..20)) {
            let (mut ours, mut other) = ends();
            let sent: Vec<_> = lengths.into_iter().map(line).collect();
            for message in &sent {
                ours.send(message, None).expect("it is short enough");
            }
            prop_assert_eq!(deliver(&mut ours, &mut other), sent);
        }

        #[test]
        fn bytes_of_any_kind_are_understood_or_refused(bytes in vec(any::<u8>(), 0..200)) {
            let (ours, mut other) = ends();
            File::from(ours.socket).write_all(&bytes).expect("there is room");
            while other.receive().expect("the end is no error") {}
            while let Ok(Some(_)) = other.take::<ToKeeper>() {}
        }
    }

    #[test]
    fn a_descriptor_comes_with_its_message() {
        let (mut ours, mut other) = ends();
        for (request, text) in [(1, "one"), (2, ""), (3, "three")] {
            let file = (!text.is_empty()).then(|| {
                let mut file = tempfile::tempfile().expect("a file");
                file.write_all(text.as_bytes()).and_then(|()| file.rewind()).expect("a short text");
                file.into()
            });
            let result = if text.is_empty() { Err("missing".to_owned()) } else { Ok(()) };
            ours.send(&ToWatcher::Opened { request, result }, file).expect("it is short");
            ours.send(&ToWatcher::Exited { job: request, exit: Exit::Status(0) }, None).expect("it is short");
        }
        ours.flush().expect("there is room");
        let mut texts = Vec::new();
        while other.receive().expect("open") {
            while let Some(message) = other.take().expect("a message") {
                if let ToWatcher::Opened { request, result: Ok(()) } = message {
                    let mut text = String::new();
                    let descriptor = other.descriptor().expect("it comes along");
                    File::from(descriptor).read_to_string(&mut text).expect("it can be read");
                    texts.push((request, text));
                }
            }
            if texts.len() == 2 {
                break;
            }
        }
        assert_eq!(texts, [(1, "one".to_owned()), (3, "three".to_owned())]);
        assert!(other.descriptor().is_none());
    }

    #[test]
    fn a_message_that_is_too_long_is_not_sent_and_not_taken() {
        let (mut ours, mut other) = ends();
        assert_eq!(ours.send(&line(MOST), None), Err(TooLong));
        assert_eq!(ours.waiting(), 0);
        ours.send(&line(3), None).expect("it is short");
        assert_eq!(deliver(&mut ours, &mut other), [line(3)]);
        File::from(ours.socket).write_all(&u32::MAX.to_le_bytes()).expect("there is room");
        other.receive().expect("the bytes are there");
        assert!(matches!(other.take::<ToKeeper>(), Err(ChannelError::TooLong)));
    }

    #[test]
    fn what_was_said_before_the_end_is_heard() {
        let (mut ours, mut other) = ends();
        other.send(&line(1), None).expect("it is short");
        ours.send(&ToKeeper::Bye, None).expect("it is short");
        ours.flush().expect("there is room");
        drop(ours);
        other.flush().expect("nobody listens, which is no error here");
        assert_eq!(other.waiting(), 0);
        while other.receive().expect("the end is no error") {}
        assert_eq!(other.take::<ToKeeper>().expect("a message"), Some(ToKeeper::Bye));
        assert_eq!(other.take::<ToKeeper>().expect("no message"), None);
    }
}
