//! `.kafka_cleanshutdown`: the logs of this directory were closed in order. Written last at a stop, removed at a start.
//!
//! ```text
//! {"version":0,"brokerEpoch":205}
//! ```
//! The epoch goes with the next registration, so that the controller sees that nothing was lost between the two
//! (KIP-966). Before that the file was empty.

use super::json::{self, Object};
use super::{FileError, FileErrorKind, push};
use alloc::string::String;

/// The file's name in a log directory.
pub const NAME: &str = ".kafka_cleanshutdown";

const VERSION: i64 = 0;

/// What a clean shutdown left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CleanShutdown {
    /// The epoch that the broker was last registered with, if the file has it.
    pub broker_epoch: Option<i64>,
}

/// Reads the file. Its presence alone says that the shutdown was clean: Kafka takes a file that cannot be read for one
/// without an epoch.
pub fn decode(bytes: &[u8]) -> Result<CleanShutdown, FileError> {
    if bytes.is_empty() {
        return Ok(CleanShutdown { broker_epoch: None });
    }
    let object = Object::decode(bytes)?;
    let version = object.integer("version")?;
    if version < VERSION {
        return Err(FileError::new(0, FileErrorKind::Version(version)));
    }
    // Later versions may leave the epoch out or add to it.
    let broker_epoch = match object.get("brokerEpoch") {
        None | Some(json::Value::Null) => None,
        Some(_) => Some(object.integer("brokerEpoch")?).filter(|&epoch| epoch >= 0),
    };
    Ok(CleanShutdown { broker_epoch })
}

/// The file of a broker that was registered with this epoch.
#[must_use]
pub fn encode(broker_epoch: i64) -> String {
    let mut text = String::new();
    push(&mut text, format_args!("{{\"version\":{VERSION},\"brokerEpoch\":{broker_epoch}}}"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        assert_eq!(encode(205), "{\"version\":0,\"brokerEpoch\":205}");
        assert_eq!(decode(encode(i64::MAX).as_bytes()), Ok(CleanShutdown { broker_epoch: Some(i64::MAX) }));
        for without in
            ["", "{\"version\":0}", "{\"version\":0,\"brokerEpoch\":null}", "{\"brokerEpoch\":-1,\"version\":7}"]
        {
            assert_eq!(decode(without.as_bytes()), Ok(CleanShutdown { broker_epoch: None }), "{without}");
        }
    }

    #[test]
    fn damage_is_placed() {
        let kind = |text: &str| decode(text.as_bytes()).unwrap_err().kind;
        assert_eq!(kind("\0\0\0"), FileErrorKind::Expected("JSON"));
        assert_eq!(kind("[]"), FileErrorKind::Expected("a JSON object"));
        assert_eq!(kind("{}"), FileErrorKind::Missing("version"));
        assert_eq!(kind("{\"version\":0,\"brokerEpoch\":1e99}"), FileErrorKind::Value("brokerEpoch"));
        let cut = decode(b"{\"version\":0,\"brok").unwrap_err();
        assert_eq!(cut, FileError { position: 18, kind: FileErrorKind::Expected("JSON") });
    }
}
