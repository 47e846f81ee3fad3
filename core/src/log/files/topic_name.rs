//! Which topic names are legal. They become directory names, so that this is what keeps paths inside a log directory.

/// The longest name of a topic, in bytes. With `-` and the largest partition it makes a directory name of 260 bytes, so
/// that a topic with such a name cannot have ten thousand partitions: file systems allow 255.
pub const LENGTH_MAX: usize = 249;

/// Why a topic cannot have a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicNameError {
    /// The empty name.
    #[error("the empty string is not allowed")]
    Empty,
    /// `.` or `..`.
    #[error("'.' and '..' are not allowed")]
    Dots,
    /// More than [`LENGTH_MAX`] bytes.
    #[error("the name has {0} bytes, more than the {LENGTH_MAX} allowed")]
    TooLong(usize),
    /// A character that a name may not have.
    #[error("the name has characters other than ASCII letters and digits, '.', '_' and '-'")]
    Character,
}

/// Whether a topic may have this name: Kafka's rule, checks in Kafka's order.
pub fn validate(name: &str) -> Result<(), TopicNameError> {
    if name.is_empty() {
        return Err(TopicNameError::Empty);
    }
    if name == "." || name == ".." {
        return Err(TopicNameError::Dots);
    }
    // Kafka counts UTF-16 units here; a name for which that differs from bytes is illegal by its characters anyway.
    let length = name.encode_utf16().count();
    if length > LENGTH_MAX {
        return Err(TopicNameError::TooLong(length));
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')) {
        return Err(TopicNameError::Character);
    }
    Ok(())
}

/// Whether two different names would give the same metric name, in which `.` becomes `_`. Kafka refuses to create the
/// second one of such a pair.
#[must_use]
pub fn collide(one: &str, other: &str) -> bool {
    let unified = |byte: u8| if byte == b'.' { b'_' } else { byte };
    one.len() == other.len() && one.bytes().map(unified).eq(other.bytes().map(unified))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    #[test]
    fn kafkas_rule() {
        for legal in ["a", "...", "orders.v1_x-Y", "__consumer_offsets", "-"] {
            assert_eq!(validate(legal), Ok(()), "{legal}");
        }
        assert_eq!(validate(""), Err(TopicNameError::Empty));
        assert_eq!(validate(".."), Err(TopicNameError::Dots));
        for illegal in ["a/b", "a b", "a\n", "ä", "a:b", "a\0"] {
            assert_eq!(validate(illegal), Err(TopicNameError::Character), "{illegal}");
        }
        let longest: String = core::iter::repeat_n('a', LENGTH_MAX).collect();
        assert_eq!(validate(&longest), Ok(()));
        assert_eq!(validate(&(longest + "a")), Err(TopicNameError::TooLong(250)));
    }

    #[test]
    fn dots_and_underscores_collide() {
        assert!(collide("a.b", "a_b"));
        assert!(!collide("a.b", "a-b"));
        assert!(!collide("a.b", "a.bc"));
    }
}
