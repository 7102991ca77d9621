//! How a line of a log reads.

use serde::Deserialize;

/// A log's line around its message: `#` is one digit, `*` the shortest text that fits, everything else itself.
#[derive(Clone, Debug, Deserialize, serde::Serialize, PartialEq, Eq)]
#[serde(try_from = "String", into = "String")]
pub struct Line {
    before: String,
    after: String,
}

/// What stands for the message.
const MESSAGE: &str = "{message}";

impl TryFrom<String> for Line {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.split_once(MESSAGE) {
            Some((before, after)) => Ok(Self { before: before.to_owned(), after: after.to_owned() }),
            None => Err(format!("`{text}` lacks `{MESSAGE}`, the place of the message")),
        }
    }
}

impl From<Line> for String {
    fn from(line: Line) -> Self {
        format!("{}{MESSAGE}{}", line.before, line.after)
    }
}

impl Line {
    /// The message of a line that reads so.
    #[must_use]
    pub fn message<'a>(&self, line: &'a str) -> Option<&'a str> {
        without_prefix(&self.before, line)?.strip_suffix(self.after.as_str())
    }
}

/// What follows a text like `pattern` at the front of `text`.
fn without_prefix<'a>(pattern: &str, text: &'a str) -> Option<&'a str> {
    let mut signs = pattern.chars();
    let Some(sign) = signs.next() else { return Some(text) };
    let rest = signs.as_str();
    match sign {
        '*' => {
            let places = text.char_indices().map(|(place, _)| place).chain([text.len()]);
            places.into_iter().find_map(|place| without_prefix(rest, &text[place..]))
        }
        '#' => without_prefix(rest, text.strip_prefix(|c: char| c.is_ascii_digit())?),
        sign => without_prefix(rest, text.strip_prefix(sign)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        Line::try_from(text.to_owned()).expect("a line with a message")
    }

    #[test]
    fn a_message_is_told_from_its_stamp() {
        let file = line("[####-##-## ##:##] {message}");
        assert_eq!(file.message("[2024-01-01 00:00] a: b: Stage 1"), Some("a: b: Stage 1"));
        assert_eq!(file.message("[2024-01-01 0:00] a"), None);
        assert_eq!(file.message("[2024-01-01 00:00]a"), None);
        let syslog = line("<13>* knockd: {message}");
        assert_eq!(syslog.message("<13>Jan  1 00:00:00 knockd: one knockd: two"), Some("one knockd: two"));
        assert_eq!(syslog.message("<14>Jan  1 00:00:00 knockd: one"), None);
        assert_eq!(line("{message}.").message("ä."), Some("ä"));
    }

    #[test]
    fn a_line_without_a_message_is_an_error() {
        assert!(Line::try_from("[*]".to_owned()).is_err_and(|why| why.contains("`[*]`")));
    }
}
