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
    // Before the tables: a list of one string would pass for a table's only value.
    Parts(Vec<Text>),
    Hex(Hex),
    Repeat(Repeat),
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
    /// Its bytes: `fill` fills in the row of `each` everywhere, `edit` is for what is no hexadecimal.
    pub(super) fn bytes(
        &self,
        fill: &mut impl FnMut(&str) -> Result<String, String>,
        edit: fn(&str) -> String,
    ) -> Result<Vec<u8>, String> {
        match self {
            Self::Plain(text) => Ok(edit(&fill(text)?).into_bytes()),
            Self::Hex(Hex { hex: digits }) => hex(&fill(digits)?.split_whitespace().collect::<String>()),
            Self::Repeat(Repeat { repeat, times }) => Ok(edit(&fill(repeat)?).repeat(*times).into_bytes()),
            Self::Parts(parts) => {
                let mut bytes = Vec::new();
                for part in parts {
                    bytes.extend(part.bytes(fill, edit)?);
                }
                Ok(bytes)
            }
        }
    }
}
