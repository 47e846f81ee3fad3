//! Incremental fetch sessions (KIP-227).

mod cache;
mod session;

pub use cache::{SessionCache, SessionError};
pub use session::{FetchPartition, Session, SessionEpoch, SessionId, Told, TopicName, Wanted};
