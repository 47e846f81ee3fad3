//! Kafka's checkpoint files: a version, a count and one entry a line, all of them text.

use super::{FileError, FileErrorKind, push};
use alloc::string::String;

/// The version of every checkpoint file.
const VERSION: i32 = 0;

/// The lines of `text` with the byte at which each starts. As in Java, a line ends
/// with `\n`, `\r` or both; the last one may lack it.
pub(super) struct Lines<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, FileError> {
        let text =
            core::str::from_utf8(bytes).map_err(|error| FileError::new(error.valid_up_to(), FileErrorKind::NotUtf8))?;
        Ok(Self { text, position: 0 })
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = (usize, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.position;
        let rest = self.text.get(start..)?;
        if rest.is_empty() {
            return None;
        }
        let end = rest.find(['\n', '\r']).unwrap_or(rest.len());
        let (line, terminated) = rest.split_at_checked(end)?;
        let terminator = if terminated.starts_with("\r\n") { 2 } else { terminated.len().min(1) };
        self.position += end + terminator;
        Some((start, line))
    }
}

/// The entries of a checkpoint file, each made by `entry` of the fields of its line, between runs of white space.
///
/// An empty file has no entries, as one that ends after its version: Kafka creates checkpoint files empty.
pub(super) fn decode<'a, T>(
    bytes: &'a [u8],
    expected: &'static str,
    entry: impl Fn(&mut dyn Iterator<Item = &'a str>) -> Option<T>,
    mut each: impl FnMut(T),
) -> Result<(), FileError> {
    let mut lines = Lines::new(bytes)?;
    let Some((position, line)) = lines.next() else { return Ok(()) };
    let version: i32 = line.parse().map_err(|_| FileError::new(position, FileErrorKind::Expected("a version")))?;
    if version != VERSION {
        return Err(FileError::new(position, FileErrorKind::Version(version.into())));
    }
    let Some((count_position, line)) = lines.next() else { return Ok(()) };
    let announced: i32 =
        line.parse().map_err(|_| FileError::new(count_position, FileErrorKind::Expected("a number of entries")))?;
    let mut found = 0;
    for (position, line) in lines {
        let mut fields = line.split_ascii_whitespace();
        let value = entry(&mut fields).filter(|_| fields.next().is_none());
        each(value.ok_or(FileError::new(position, FileErrorKind::Expected(expected)))?);
        found += 1;
    }
    if u64::try_from(announced) != Ok(found) {
        let kind = FileErrorKind::Count { announced: announced.into(), found };
        return Err(FileError::new(count_position, kind));
    }
    Ok(())
}

/// The head of a checkpoint file with `count` entries.
pub(super) fn start(count: usize) -> String {
    let mut text = String::new();
    push(&mut text, format_args!("{VERSION}\n{count}\n"));
    text
}
