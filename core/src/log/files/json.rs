//! The JSON of the files that hold one object on one line.

use super::{FileError, FileErrorKind};
pub(super) use serde_json::Value;

/// The object of a file.
pub(super) struct Object(serde_json::Map<alloc::string::String, Value>);

impl Object {
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, FileError> {
        let error = |position, kind| FileError::new(position, FileErrorKind::Expected(kind));
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(object)) => Ok(Self(object)),
            Ok(_) => Err(error(0, "a JSON object")),
            Err(fault) => {
                let lines_before = bytes.split_inclusive(|&byte| byte == b'\n').take(fault.line().saturating_sub(1));
                let position = lines_before.map(<[u8]>::len).sum::<usize>() + fault.column();
                Err(error(position, "JSON"))
            }
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    pub(super) fn required(&self, key: &'static str) -> Result<&Value, FileError> {
        self.get(key).ok_or(FileError::new(0, FileErrorKind::Missing(key)))
    }

    pub(super) fn integer(&self, key: &'static str) -> Result<i64, FileError> {
        self.required(key)?.as_i64().ok_or(value_error(key))
    }

    /// An integer that may not be less than `min`.
    pub(super) fn integer32(&self, key: &'static str, min: i32) -> Result<i32, FileError> {
        let value = i32::try_from(self.integer(key)?).ok();
        value.filter(|&value| value >= min).ok_or(value_error(key))
    }

    pub(super) fn string(&self, key: &'static str) -> Result<&str, FileError> {
        self.required(key)?.as_str().ok_or(value_error(key))
    }
}

pub(super) fn value_error(key: &'static str) -> FileError {
    FileError::new(0, FileErrorKind::Value(key))
}
