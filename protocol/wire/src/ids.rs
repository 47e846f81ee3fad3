//! Names and numbers that Kafka's message definitions give a meaning of their own (`entityType`).

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;
use core::ops::Deref;

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name<'a>(pub Cow<'a, str>);

        impl<'a> $name<'a> {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// A name that does not depend on the frame it came from; copies it if it still does.
            pub fn into_owned(self) -> $name<'static> {
                $name(Cow::Owned(self.0.into_owned()))
            }

            /// The same name, borrowed from this one.
            pub fn borrowed(&self) -> $name<'_> {
                $name(Cow::Borrowed(&self.0))
            }
        }

        impl Deref for $name<'_> {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl<'a> From<&'a str> for $name<'a> {
            fn from(name: &'a str) -> Self {
                Self(Cow::Borrowed(name))
            }
        }

        impl From<String> for $name<'static> {
            fn from(name: String) -> Self {
                Self(Cow::Owned(name))
            }
        }

        impl fmt::Display for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

names! {
    /// The name of a topic, as a client wrote it: not checked for being a legal one.
    TopicName;
    /// The id of a group of consumers.
    GroupId;
    /// The id that a transactional producer keeps over its restarts.
    TransactionalId;
}

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident($inner:ty);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl $name {
            /// What the protocol writes where there is none.
            pub const NONE: Self = Self(-1);
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

numbers! {
    /// The id of a broker, or of a controller where the protocol says so.
    BrokerId(i32);
    /// The id that a cluster gave to an idempotent producer.
    ProducerId(i64);
}
