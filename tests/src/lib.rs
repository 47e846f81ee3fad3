//! The real binary against real clients.
