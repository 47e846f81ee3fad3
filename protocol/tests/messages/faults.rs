//! Every kind of decode error, and the path that it names.

use grete_protocol::messages::create_topics_request::CreateTopicsRequest;
use grete_protocol::messages::fetch_request::FetchRequest;
use grete_protocol::messages::metadata_request::MetadataRequest;
use grete_protocol::messages::request_header::RequestHeader;
use grete_protocol::messages::sasl_authenticate_request::SaslAuthenticateRequest;
use grete_protocol::wire::{DecodeError, DecodeErrorKind, Decoder, Message};

fn fault<'a, M: Message<'a> + std::fmt::Debug>(bytes: &'a [u8], version: i16) -> DecodeError {
    M::decode_exact(bytes, version).unwrap_err()
}

#[test]
fn a_value_that_ends_early() {
    let error = fault::<RequestHeader>(&[0, 3, 0, 9, 0, 0, 0], 1);
    assert_eq!(error.kind(), DecodeErrorKind::Truncated { needed: 4, remaining: 3 });
    assert_eq!(error.message(), Some(("RequestHeader", 1)));
    assert_eq!(error.to_string(), "RequestHeader v1: correlation_id: 4 bytes are needed, 3 remain");
}

#[test]
fn a_count_that_the_frame_cannot_hold() {
    // Six bytes, of which five announce 2^32 - 2 topics.
    let error = fault::<MetadataRequest>(&[0xff, 0xff, 0xff, 0xff, 0x0f, 0], 9);
    let kind = DecodeErrorKind::CountTooLarge { count: u32::MAX as usize - 1, size_min: 2, remaining: 1 };
    assert_eq!(error.kind(), kind);
    let error = fault::<MetadataRequest>(&[0x7f, 0xff, 0xff, 0xff, 0, 0], 1);
    let kind = DecodeErrorKind::CountTooLarge { count: i32::MAX as usize, size_min: 2, remaining: 2 };
    assert_eq!(error.kind(), kind);
}

#[test]
fn a_count_that_is_negative_is_null() {
    assert_eq!(MetadataRequest::decode_exact(&[0xff, 0xff, 0xff, 0xfe], 1).unwrap().topics, None);
    let header = RequestHeader::decode_exact(&[0, 3, 0, 9, 0, 0, 0, 0, 0xff, 0xf0], 1).unwrap();
    assert_eq!(header.client_id, None);
    let error = fault::<MetadataRequest>(&[0xff, 0xff, 0xff, 0xfe], 0);
    assert_eq!(error.kind(), DecodeErrorKind::NullNotAllowed);
}

#[test]
fn a_string_longer_than_kafka_allows() {
    let mut bytes = vec![2, 0x81, 0x80, 0x02];
    bytes.extend([b'a'; 0x8000]);
    let error = fault::<MetadataRequest>(&bytes, 9);
    assert_eq!(error.kind(), DecodeErrorKind::StringTooLong(0x8000));
    assert_eq!(
        error.path().map(|step| (step.field, step.index)).collect::<Vec<_>>(),
        [("topics", Some(0)), ("name", None)]
    );
}

#[test]
fn a_string_that_is_no_text_is_read_with_marks() {
    let request = MetadataRequest::decode_exact(&[2, 3, 0xc3, 0x28, 0, 0, 0, 0, 0], 9).unwrap();
    assert_eq!(request.topics.unwrap()[0].name.as_ref().unwrap().as_str(), "\u{fffd}(");
}

#[test]
fn a_string_that_is_no_text_must_fit_with_its_marks() {
    let bytes = |length: u16| [&[0, 0, 0, 1][..], &length.to_be_bytes(), &vec![0xff; length.into()]].concat();
    assert!(MetadataRequest::decode_exact(&bytes(10_922), 0).is_ok());
    let error = fault::<MetadataRequest>(&bytes(10_923), 0);
    assert_eq!(error.kind(), DecodeErrorKind::StringTooLong(32_769));
}

#[test]
fn a_null_where_none_may_be() {
    // A topic's name may be null from version 10 on.
    let error = fault::<MetadataRequest>(&[2, 0, 0, 0, 0, 0, 0], 9);
    assert_eq!(error.kind(), DecodeErrorKind::NullNotAllowed);
    let error = fault::<SaslAuthenticateRequest>(&[0xff; 4], 0);
    assert_eq!(error.kind(), DecodeErrorKind::NullNotAllowed);
    assert_eq!(error.to_string(), "SaslAuthenticateRequest v0: auth_bytes: null where no null is allowed");
}

#[test]
fn a_varint_that_overflows() {
    let error = fault::<MetadataRequest>(&[0xff, 0xff, 0xff, 0xff, 0x1f], 9);
    assert_eq!(error.kind(), DecodeErrorKind::VarintOverflow);
}

#[test]
fn a_varint_longer_than_it_need_be_is_read() {
    let short = MetadataRequest::decode_exact(&[0, 1, 0, 0, 0], 9).unwrap();
    assert_eq!(MetadataRequest::decode_exact(&[0x80, 0x80, 0, 1, 0, 0, 0], 9), Ok(short));
}

#[test]
fn a_boolean_other_than_0_and_1_is_true() {
    let request = MetadataRequest::decode_exact(&[0, 2, 0xff, 0, 0], 9).unwrap();
    assert!(request.allow_auto_topic_creation && request.include_cluster_authorized_operations);
}

/// A MetadataRequest in version 9 for all topics, with these tagged fields.
fn with_tags(tags: &[u8]) -> Vec<u8> {
    [&[0, 1, 0, 0], tags].concat()
}

#[test]
fn tags_that_repeat_or_descend() {
    let bytes = with_tags(&[2, 5, 0, 5, 0]);
    let error = fault::<MetadataRequest>(&bytes, 9);
    assert_eq!(error.kind(), DecodeErrorKind::TagOrder { tag: 5, previous: 5 });
    let bytes = with_tags(&[2, 5, 0, 4, 0]);
    let error = fault::<MetadataRequest>(&bytes, 9);
    assert_eq!(error.kind(), DecodeErrorKind::TagOrder { tag: 4, previous: 5 });
}

#[test]
fn a_tag_whose_value_ends_before_or_after_its_size() {
    // max_wait_ms, min_bytes, max_bytes, isolation_level, session id and epoch, topics, forgotten topics, rack.
    let body = [&[0; 4 + 4 + 4 + 1 + 4 + 4][..], &[1, 1, 1]].concat();
    let fine = [&body[..], &[1, 0, 3, 3, b'i', b'd']].concat();
    assert_eq!(FetchRequest::decode_exact(&fine, 15).unwrap().cluster_id.as_deref(), Some("id"));
    let long = [&body[..], &[1, 0, 4, 3, b'i', b'd', 0]].concat();
    let error = fault::<FetchRequest>(&long, 15);
    assert_eq!(error.kind(), DecodeErrorKind::TagNotConsumed(1));
    let short = [&body[..], &[1, 0, 2, 3, b'i', b'd']].concat();
    let error = fault::<FetchRequest>(&short, 15);
    assert_eq!(error.kind(), DecodeErrorKind::Truncated { needed: 2, remaining: 1 });
    assert_eq!(error.path().last().map(|step| step.field), Some("cluster_id"));
    let far = [&body[..], &[1, 0, 200, 1, b'i', b'd']].concat();
    assert!(matches!(fault::<FetchRequest>(&far, 15).kind(), DecodeErrorKind::Truncated { .. }));
}

#[test]
fn a_number_of_tags_that_never_come() {
    let bytes = with_tags(&[0xff, 0xff, 0xff, 0xff, 0x0f]);
    assert!(matches!(fault::<MetadataRequest>(&bytes, 9).kind(), DecodeErrorKind::Truncated { .. }));
}

#[test]
fn unknown_tags_are_kept() {
    let bytes = with_tags(&[2, 5, 3, 7, 8, 9, 200, 1, 0]);
    let request = MetadataRequest::decode_exact(&bytes, 9).unwrap();
    assert_eq!(request.unknown_tags.iter().collect::<Vec<_>>(), [(5, &[7, 8, 9][..]), (200, &[])]);
}

#[test]
fn bytes_that_follow() {
    let bytes = with_tags(&[0, 1, 2]);
    let error = fault::<MetadataRequest>(&bytes, 9);
    assert_eq!(error.kind(), DecodeErrorKind::TrailingBytes(2));
    let mut decoder = Decoder::new(&bytes);
    MetadataRequest::decode(&mut decoder, 9).unwrap();
    assert_eq!(decoder.remaining(), [1, 2]);
}

#[test]
fn a_version_that_is_none() {
    let error = fault::<CreateTopicsRequest>(&[0; 40], 1);
    assert_eq!(error.kind(), DecodeErrorKind::UnknownVersion(1));
    assert_eq!(error.to_string(), "CreateTopicsRequest v1: the message has no version 1");
}

#[test]
fn an_array_dearer_than_the_frame_may_be() {
    // Empty names alone: two bytes on the wire, a name and an id in memory.
    let mut bytes = vec![0x81, 0xfa, 0x01];
    for _ in 0..32_000 {
        bytes.extend([1, 0]);
    }
    bytes.extend([0, 0, 0]);
    let error = fault::<MetadataRequest>(&bytes, 9);
    assert!(matches!(error.kind(), DecodeErrorKind::OverBudget { .. }), "{error}");
}
