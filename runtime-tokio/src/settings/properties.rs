//! Java's properties format, as `server.properties` has it.
//!
//! Source: the documentation of `java.util.Properties.load`: comments with `#` or `!`, `=`, `:` or white space between key
//! and value, a backslash that continues a line or escapes a character, `\uXXXX`.

/// Why a line cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: a \\u escape needs four hexadecimal digits")]
pub(super) struct PropertiesError {
    /// The line, counted from 1.
    pub line: usize,
}

/// The keys and values of a properties file, in its order, each with the number of its line.
pub(super) fn parse(text: &str) -> Result<Vec<(String, String, usize)>, PropertiesError> {
    let mut lines = text.lines().enumerate();
    let mut properties = Vec::new();
    while let Some((index, line)) = lines.next() {
        let line = line.trim_start_matches([' ', '\t', '\u{c}']);
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        let mut logical = line.to_string();
        while continues(&logical) {
            logical.pop();
            let Some((_, next)) = lines.next() else { break };
            logical.push_str(next.trim_start_matches([' ', '\t', '\u{c}']));
        }
        let (key, value) = split(&logical);
        let number = index + 1;
        let unescape = |text| unescape(text).ok_or(PropertiesError { line: number });
        properties.push((unescape(key)?, unescape(value)?.trim_end().to_string(), number));
    }
    Ok(properties)
}

/// Whether a line ends in an odd number of backslashes.
fn continues(line: &str) -> bool {
    line.bytes().rev().take_while(|&byte| byte == b'\\').count() % 2 == 1
}

fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line.find(|c: char| {
        let ends = !escaped && (c == '=' || c == ':' || is_blank(c));
        escaped = c == '\\' && !escaped;
        ends
    });
    let (key, rest) = line.split_at(end.unwrap_or(line.len()));
    let rest = rest.trim_start_matches(is_blank);
    let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (key, rest.trim_start_matches(is_blank))
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{c}')
}

fn unescape(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('t') => out.push('\t'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('f') => out.push('\u{c}'),
            Some('u') => {
                let digits: String = chars.by_ref().take(4).collect();
                let code = u32::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 4)?;
                out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_come_as_java_reads_them() {
        let text = "# comment\n! too\n\n a = b \nc:d\ne f\n key\\ with\\=marks = v\\u0041l\nlong = one,\\\n   two\nempty=\nalone\nslash=\\\\\n";
        let read: Vec<_> = parse(text).unwrap().into_iter().map(|(k, v, _)| (k, v)).collect();
        let expected = [
            ("a", "b"),
            ("c", "d"),
            ("e", "f"),
            ("key with=marks", "vAl"),
            ("long", "one,two"),
            ("empty", ""),
            ("alone", ""),
            ("slash", "\\"),
        ];
        let expected: Vec<_> = expected.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        assert_eq!(read, expected);
        assert_eq!(parse("a=1\nb=\\u00g0"), Err(PropertiesError { line: 2 }));
    }
}
