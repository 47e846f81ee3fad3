//! The bound of everything that grows. What a configuration key sets is not here; what bounds memory, queues and loops is.

/// A frame of at most this many bytes is read without asking; a larger one is announced first. It bounds what an
/// unadmitted connection makes the broker hold.
pub const FRAME_SMALL_BYTES_MAX: usize = 16 * 1024;

/// The events that a runtime puts into one step at most. It bounds how long a step takes.
pub const STEP_EVENTS_MAX: usize = 256;

/// Requests of one connection that are under way at once; reading pauses beyond it.
pub const CONNECTION_REQUESTS_MAX: usize = 64;
