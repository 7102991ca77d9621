//! A text in a case file: a string, bytes in hexadecimal, or parts that may be repeated.

use serde::Deserialize;

use crate::timeline::hex;

/// What stands for a text.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "a string, { hex = \"...\" }, { repeat = \"...\", times = N } or a list of these is expected"
)]
pub(super) enum Text {
    Plain(String),
    Hex(Hex),
    Repeat(Repeat),
    Parts(Vec<Text>),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hex {
    hex: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Repeat {
    repeat: String,
    times: usize,
}

impl Text {
    /// Its bytes, every string first given to `edit`.
    pub(super) fn bytes(&self, edit: &mut impl FnMut(&str) -> Result<String, String>) -> Result<Vec<u8>, String> {
        match self {
            Self::Plain(text) => edit(text).map(String::into_bytes),
            Self::Hex(Hex { hex: digits }) => hex(&digits.split_whitespace().collect::<String>()),
            Self::Repeat(Repeat { repeat, times }) => Ok(edit(repeat)?.repeat(*times).into_bytes()),
            Self::Parts(parts) => {
                let mut bytes = Vec::new();
                for part in parts {
                    bytes.extend(part.bytes(edit)?);
                }
                Ok(bytes)
            }
        }
    }
}
