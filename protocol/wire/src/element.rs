//! What arrays hold: primitives, names, ids, and the structs of messages.

use alloc::borrow::Cow;

use crate::{BrokerId, DecodeError, Decoder, Encoder, GroupId, ProducerId, TopicName, TransactionalId, Uuid};

/// A value that can stand in an array, or a struct inside a message.
pub trait Element<'a>: Sized {
    /// The fewest bytes that a value takes in this version of its message, with compact lengths or without. What an
    /// array's count is checked against, so at least 1.
    fn size_min(version: i16, flexible: bool) -> usize;

    /// Reads a value of this version of its message.
    fn read(decoder: &mut Decoder<'a>, version: i16) -> Result<Self, DecodeError>;

    /// Writes the value in this version of its message. Failures are kept by the encoder.
    fn write(&self, encoder: &mut Encoder, version: i16);
}

macro_rules! fixed {
    ($($type:ty, $method:ident, $size:literal;)*) => {$(
        impl<'a> Element<'a> for $type {
            fn size_min(_version: i16, _flexible: bool) -> usize {
                $size
            }
            fn read(decoder: &mut Decoder<'a>, _version: i16) -> Result<Self, DecodeError> {
                decoder.$method("")
            }
            fn write(&self, encoder: &mut Encoder, _version: i16) {
                encoder.$method(*self);
            }
        }
    )*};
}

fixed! {
    i8, i8, 1;
    i16, i16, 2;
    u16, u16, 2;
    i32, i32, 4;
    i64, i64, 8;
    Uuid, uuid, 16;
}

macro_rules! newtype {
    ($($type:ty, $name:ident, $inner:ty;)*) => {$(
        impl<'a> Element<'a> for $type {
            fn size_min(version: i16, flexible: bool) -> usize {
                <$inner>::size_min(version, flexible)
            }
            fn read(decoder: &mut Decoder<'a>, version: i16) -> Result<Self, DecodeError> {
                <$inner>::read(decoder, version).map($name)
            }
            fn write(&self, encoder: &mut Encoder, version: i16) {
                self.0.write(encoder, version);
            }
        }
    )*};
}

newtype! {
    BrokerId, BrokerId, i32;
    ProducerId, ProducerId, i64;
    TopicName<'a>, TopicName, Cow<'a, str>;
    GroupId<'a>, GroupId, Cow<'a, str>;
    TransactionalId<'a>, TransactionalId, Cow<'a, str>;
}

impl<'a> Element<'a> for Cow<'a, str> {
    fn size_min(_version: i16, flexible: bool) -> usize {
        if flexible { 1 } else { 2 }
    }

    fn read(decoder: &mut Decoder<'a>, _version: i16) -> Result<Self, DecodeError> {
        decoder.string("")
    }

    fn write(&self, encoder: &mut Encoder, _version: i16) {
        encoder.string("", self);
    }
}
