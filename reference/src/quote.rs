//! Text of a file as a message quotes it.

use std::fmt;

/// The most characters of a text that a message quotes; the position tells where the rest stands.
const LONGEST: usize = 60;

/// The bytes between backquotes: control characters escaped, what is not UTF-8 replaced, a long text cut.
pub(crate) struct Quoted<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`")?;
        let mut left = LONGEST;
        for chunk in self.0.utf8_chunks() {
            let invalid = (!chunk.invalid().is_empty()).then_some(char::REPLACEMENT_CHARACTER);
            for letter in chunk.valid().chars().chain(invalid) {
                if left == 0 {
                    return f.write_str("...`");
                }
                left -= 1;
                // A message is one line, and must not speak to the terminal.
                if letter.is_control() { write!(f, "{}", letter.escape_default())? } else { write!(f, "{letter}")? }
            }
        }
        f.write_str("`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quotation_is_one_short_printable_line() {
        assert_eq!(Quoted(b"a\x1b[31m\tb\xff\xc3\xa9").to_string(), "`a\\u{1b}[31m\\tb\u{fffd}\u{e9}`");
        assert_eq!(Quoted(&[b'x'; 60]).to_string(), format!("`{}`", "x".repeat(60)));
        assert_eq!(Quoted(&[b'x'; 61]).to_string(), format!("`{}...`", "x".repeat(60)));
    }
}
