//! Java's properties format, as `meta.properties` and `server.properties` have it: UTF-8 text of `key=value` lines.
//!
//! Lines that begin with `#` or `!` are comments; `=`, `:` or white space ends a key; a backslash escapes a character, or
//! a line's end. What Java wrote is written back as it was; of other spellings of the same values the values are kept.

use super::{FileError, FileErrorKind, text::Lines};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The lines of a properties file, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    lines: Vec<Line>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Line {
    /// A comment with the `#` or `!` that begins it.
    Comment(String),
    Property {
        key: String,
        value: String,
        position: usize,
    },
}

impl Properties {
    /// Reads a file. Wrong are only text that is not UTF-8 and escapes that are none.
    pub fn decode(bytes: &[u8]) -> Result<Self, FileError> {
        let mut lines = Vec::new();
        let mut natural = Lines::new(bytes)?;
        while let Some((position, line)) = natural.next() {
            let line = line.trim_start_matches(is_white);
            if line.is_empty() {
                continue;
            }
            if line.starts_with(['#', '!']) {
                lines.push(Line::Comment(line.to_string()));
                continue;
            }
            let mut logical = line.to_string();
            while ends_within_escape(&logical) {
                logical.pop();
                let Some((_, next)) = natural.next() else { break };
                logical.push_str(next.trim_start_matches(is_white));
            }
            let (key, value) = split(&logical);
            let malformed = || FileError::new(position, FileErrorKind::Expected("an escape sequence"));
            let key = unescape(key).ok_or_else(malformed)?;
            let value = unescape(value).ok_or_else(malformed)?;
            lines.push(Line::Property { key, value, position });
        }
        Ok(Self { lines })
    }

    /// Writes the file.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            match line {
                Line::Comment(comment) => text.push_str(comment),
                Line::Property { key, value, .. } => {
                    escape(key, true, &mut text);
                    text.push('=');
                    escape(value, false, &mut text);
                }
            }
            text.push('\n');
        }
        text
    }

    /// The value of a key; the last one, should there be several.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.find(key).map(|(value, _)| value)
    }

    /// The keys and values in their order, each with the byte of the file at which its line began.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, usize)> {
        self.lines.iter().filter_map(|line| match line {
            Line::Property { key, value, position } => Some((key.as_str(), value.as_str(), *position)),
            Line::Comment(_) => None,
        })
    }

    /// As [`get`](Self::get), with the byte of the file at which the line began.
    pub(super) fn find(&self, key: &str) -> Option<(&str, usize)> {
        self.lines.iter().rev().find_map(|line| match line {
            Line::Property { key: known, value, position } if known == key => Some((value.as_str(), *position)),
            Line::Property { .. } | Line::Comment(_) => None,
        })
    }

    /// Gives a key a value, in its place or at the end.
    pub fn set(&mut self, key: &str, new: String) {
        for line in self.lines.iter_mut().rev() {
            if let Line::Property { key: known, value, .. } = line
                && known == key
            {
                *value = new;
                return;
            }
        }
        self.lines.push(Line::Property { key: key.to_string(), value: new, position: 0 });
    }

    /// Adds a comment line; `text` is what stands behind the `#`, without a line's end.
    pub fn comment(&mut self, text: &str) {
        let mut line = String::from("#");
        line.extend(text.chars().filter(|character| !matches!(character, '\n' | '\r')));
        self.lines.push(Line::Comment(line));
    }
}

fn is_white(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\u{c}')
}

/// Whether the last character is a backslash that is not itself escaped.
fn ends_within_escape(line: &str) -> bool {
    line.bytes().rev().take_while(|&byte| byte == b'\\').count() % 2 == 1
}

/// Key and value of a line, still escaped.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line.find(|character| {
        let ends = !escaped && (is_white(character) || matches!(character, '=' | ':'));
        escaped = !escaped && character == '\\';
        ends
    });
    let (key, rest) = line.split_at_checked(end.unwrap_or(line.len())).unwrap_or((line, ""));
    let rest = rest.trim_start_matches(is_white);
    let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (key, rest.trim_start_matches(is_white))
}

fn unescape(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    // Java's characters are UTF-16 units: two escapes may make one character.
    let mut high: Option<u16> = None;
    while let Some(character) = characters.next() {
        let unit = match character {
            '\\' => match characters.next() {
                Some('u') => unit(&mut characters)?,
                Some('t') => b'\t'.into(),
                Some('n') => b'\n'.into(),
                Some('r') => b'\r'.into(),
                Some('f') => 0xc,
                Some(other) if high.is_none() => {
                    plain.push(other);
                    continue;
                }
                // A lone backslash at the file's end stands for nothing.
                None if high.is_none() => continue,
                _ => return None,
            },
            other if high.is_none() => {
                plain.push(other);
                continue;
            }
            _ => return None,
        };
        match (high.take(), unit) {
            (None, 0xd800..=0xdbff) => high = Some(unit),
            (None, _) => plain.push(char::from_u32(unit.into())?),
            (Some(first), _) => plain.push(char::decode_utf16([first, unit]).next()?.ok()?),
        }
    }
    high.is_none().then_some(plain)
}

/// The four hexadecimal digits of a `\u` escape.
fn unit(characters: &mut core::str::Chars<'_>) -> Option<u16> {
    let digits = characters.as_str().get(..4)?;
    *characters = characters.as_str().get(4..)?.chars();
    let hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if hexadecimal { u16::from_str_radix(digits, 16).ok() } else { None }
}

fn escape(plain: &str, is_key: bool, text: &mut String) {
    for (index, character) in plain.char_indices() {
        match character {
            ' ' if is_key || index == 0 => text.push_str("\\ "),
            '\t' => text.push_str("\\t"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\u{c}' => text.push_str("\\f"),
            '=' | ':' | '#' | '!' | '\\' => {
                text.push('\\');
                text.push(character);
            }
            _ => text.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn javas_spellings() {
        let text =
            "# a\n ! b\n\n a = 1 \nb:2\nc 3\nd\n\\ e\\=f \\\\=\\ g\\u00e4\\ud83d\\ude00\\t\nlong = x\\\n   y\\\r\n z\n";
        let properties = Properties::decode(text.as_bytes()).unwrap();
        let get = |key| properties.get(key);
        assert_eq!([get("a"), get("b"), get("c"), get("d")], [Some("1 "), Some("2"), Some("3"), Some("")]);
        assert_eq!(get(" e=f"), Some("\\= gä😀\t"));
        assert_eq!(get("long"), Some("xyz"));
        assert_eq!(get("e"), None);
        let placed: Vec<_> = properties.iter().map(|(key, _, position)| (key, position)).collect();
        assert_eq!(placed[..3], [("a", 10), ("b", 18), ("c", 22)]);
        let canonical = properties.encode();
        let again = Properties::decode(canonical.as_bytes()).unwrap();
        assert_eq!(again.encode(), canonical);
        assert_eq!(again.get(" e=f"), get(" e=f"));
    }

    #[test]
    fn set_keeps_the_place() {
        let mut properties = Properties::decode(b"#x\na=1\nb=2\n").unwrap();
        properties.set("a", " #:".to_string());
        properties.set("c", String::new());
        properties.comment("y\nz=1");
        assert_eq!(properties.encode(), "#x\na=\\ \\#\\:\nb=2\nc=\n#yz=1\n");
        assert_eq!(Properties::decode(properties.encode().as_bytes()).unwrap().get("a"), Some(" #:"));
    }

    #[test]
    fn what_would_end_a_line_or_a_key_is_escaped() {
        let mut properties = Properties::decode(b"").unwrap();
        properties.set("k", "a\t\n\r\u{c}\\ =:#!".to_string());
        assert_eq!(properties.encode(), "k=a\\t\\n\\r\\f\\\\ \\=\\:\\#\\!\n");
        let again = Properties::decode(properties.encode().as_bytes()).unwrap();
        assert_eq!(again.get("k"), properties.get("k"));
    }

    #[test]
    fn damage_is_placed() {
        for (text, position) in [("a=1\nb=\\u12\n", 4), ("\\ud83d=1", 0), ("a=\\ud83dx", 0), ("a=\\u+123", 0)] {
            let kind = FileErrorKind::Expected("an escape sequence");
            assert_eq!(Properties::decode(text.as_bytes()), Err(FileError { position, kind }), "{text}");
        }
        assert_eq!(Properties::decode(b"a=\xff").unwrap_err().kind, FileErrorKind::NotUtf8);
    }
}
