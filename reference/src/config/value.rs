//! The values of directives.

use std::{net::IpAddr, ops::Range};

use super::{ConfigError, Directive};
use crate::{
    flags::{FlagFilter, NAMED, TcpFlags},
    port::Port,
    sequence::{MAX_PORTS, Sequence, SequenceFault, port_list, split, trim},
};

/// The most entries of one `Ignore_Ports` (SEQ-11).
pub(super) const MAX_IGNORED: usize = 64;

/// The errors of a text so far, each with its bytes.
pub(super) type Errors = Vec<(Range<usize>, ConfigError)>;

/// A port of a list, and its bytes.
pub(super) type PortSpan = (Port, Range<usize>);

/// A directive's value and where both stand in the whole text.
pub(super) struct Value<'a> {
    /// The directive that it is for.
    pub(super) directive: Directive,
    /// The bytes of its key.
    pub(super) key: Range<usize>,
    /// The whole text.
    pub(super) text: &'a [u8],
    /// The bytes of the value.
    pub(super) span: Range<usize>,
}

impl Value<'_> {
    fn bytes(&self) -> &[u8] {
        &self.text[self.span.clone()]
    }

    /// A path, an interface or a command as written; empty is none.
    pub(super) fn words(&self, errors: &mut Errors) -> Option<Vec<u8>> {
        for at in memchr::memchr_iter(0, self.bytes()).take(1) {
            let at = self.span.start + at;
            errors.push((at..at + 1, ConfigError::Nul(self.directive)));
        }
        (!self.span.is_empty()).then(|| self.bytes().to_vec())
    }

    /// The path that a directive cannot do without.
    pub(super) fn path(&self, errors: &mut Errors) -> Option<Vec<u8>> {
        if self.span.is_empty() {
            errors.push((self.key.clone(), ConfigError::EmptyValue(self.directive)));
        }
        self.words(errors)
    }

    /// The ports of `Sequence`, and the bytes of each.
    pub(super) fn sequence(&self, errors: &mut Errors) -> Option<(Sequence, Vec<Range<usize>>)> {
        let (ports, spans): (Vec<_>, _) = self.ports(MAX_PORTS, ConfigError::Sequence, errors)?.into_iter().unzip();
        Some((Sequence::new(&ports)?, spans))
    }

    /// The ports of `Ignore_Ports`, each with its bytes; empty is none.
    pub(super) fn ignored(&self, errors: &mut Errors) -> Vec<PortSpan> {
        if self.span.is_empty() {
            return Vec::new();
        }
        self.ports(MAX_IGNORED, ConfigError::IgnorePorts, errors).unwrap_or_default()
    }

    fn ports(
        &self,
        limit: usize,
        error: impl Fn(SequenceFault) -> ConfigError,
        errors: &mut Errors,
    ) -> Option<Vec<PortSpan>> {
        let known = errors.len();
        let start = self.span.start;
        let mut ports = Vec::new();
        for port in port_list(self.bytes(), limit) {
            match port {
                Ok((port, span)) => ports.push((port, start + span.start..start + span.end)),
                Err(fault) => errors.push((start + fault.span.start..start + fault.span.end, error(fault.fault))),
            }
        }
        (errors.len() == known).then_some(ports)
    }

    /// The demand of `TCPFlags`.
    pub(super) fn flags(&self, errors: &mut Errors) -> Option<FlagFilter> {
        if self.span.is_empty() {
            errors.push((self.key.clone(), ConfigError::EmptyValue(self.directive)));
            return None;
        }
        let (mut set, mut clear) = (0, 0);
        let mut rest = Some(self.span.clone());
        while let Some(left) = rest {
            let (element, after) = split(self.text, left, b',');
            rest = after;
            let word = trim(self.text, element);
            let forbidden = self.text[word.clone()].starts_with(b"!");
            let name = trim(self.text, word.start + usize::from(forbidden)..word.end);
            let name = &self.text[name];
            let Some((name, bit)) = NAMED.iter().find(|(flag, _)| flag.as_bytes().eq_ignore_ascii_case(name)) else {
                let text = &self.text[word.clone()];
                let error =
                    if text.is_empty() { ConfigError::EmptyFlag } else { ConfigError::UnknownFlag(text.to_vec()) };
                errors.push((word, error));
                continue;
            };
            let (wanted, opposite) = if forbidden { (&mut clear, set) } else { (&mut set, clear) };
            *wanted |= bit;
            if opposite & bit != 0 {
                errors.push((word, ConfigError::ContradictoryFlag(name)));
            }
        }
        FlagFilter::new(TcpFlags(set), TcpFlags(clear))
    }

    /// The address of `Target`.
    pub(super) fn address(&self, errors: &mut Errors) -> Option<IpAddr> {
        let address = str::from_utf8(self.bytes()).ok().and_then(|text| text.parse().ok());
        if self.span.is_empty() {
            errors.push((self.key.clone(), ConfigError::EmptyValue(self.directive)));
        } else if address.is_none() {
            errors.push((self.span.clone(), ConfigError::Target(self.bytes().to_vec())));
        }
        address
    }

    /// A whole number of seconds, at least `least`, in decimal digits.
    pub(super) fn seconds(&self, least: u32, errors: &mut Errors) -> Option<u32> {
        let digits = self.bytes();
        let number = if digits.iter().all(u8::is_ascii_digit) { str::from_utf8(digits).ok() } else { None };
        let seconds = number.and_then(|number| number.parse().ok()).filter(|seconds| *seconds >= least);
        if self.span.is_empty() {
            errors.push((self.key.clone(), ConfigError::EmptyValue(self.directive)));
        } else if seconds.is_none() {
            errors.push((self.span.clone(), ConfigError::Seconds(self.directive, digits.to_vec())));
        }
        seconds
    }
}
