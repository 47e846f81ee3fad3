//! What encoding refuses, and that it does not copy records.

use bytes::Bytes;
use grete_protocol::messages::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use grete_protocol::messages::fetch_request::FetchRequest;
use grete_protocol::messages::fetch_response::{FetchResponse, FetchableTopicResponse, PartitionData};
use grete_protocol::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};
use grete_protocol::wire::{BrokerId, EncodeErrorKind, Encoder, Message, Records, Uuid};

fn refusal<'a, M: Message<'a>>(message: &M, version: i16) -> (EncodeErrorKind, &'static str) {
    let mut encoder = Encoder::new();
    encoder.put(b"before");
    let error = message.encode(&mut encoder, version).unwrap_err();
    assert_eq!((error.message, error.version), (M::NAME, version));
    // What was there before is still there, and nothing else.
    assert_eq!(encoder.finish().to_contiguous(), b"before");
    (error.kind, error.field)
}

#[test]
fn a_value_that_the_version_has_no_field_for() {
    let request = FetchRequest { replica_id: BrokerId(1), ..Default::default() };
    assert!(request.encode(&mut Encoder::new(), 14).is_ok());
    assert_eq!(refusal(&request, 15), (EncodeErrorKind::UnsupportedField, "replica_id"));
    let topics = Some(vec![MetadataRequestTopic { name: None, ..Default::default() }]);
    let request = MetadataRequest { topics, ..Default::default() };
    assert!(request.encode(&mut Encoder::new(), 10).is_ok());
    assert_eq!(refusal(&request, 9), (EncodeErrorKind::NullNotAllowed, "name"));
}

#[test]
fn a_value_that_may_be_dropped_is() {
    let plain = FetchRequest::default();
    let request = FetchRequest { rack_id: "r".into(), session_id: 7, ..Default::default() };
    let bytes = |request: &FetchRequest<'_>, version| {
        let mut encoder = Encoder::new();
        request.encode(&mut encoder, version).unwrap();
        encoder.finish().to_contiguous()
    };
    assert_eq!(bytes(&request, 4), bytes(&plain, 4));
    assert_ne!(bytes(&request, 11), bytes(&plain, 11));
}

#[test]
fn a_version_that_is_none() {
    assert_eq!(refusal(&CreateTopicsRequest::default(), 1), (EncodeErrorKind::UnknownVersion, ""));
}

#[test]
fn a_string_longer_than_kafka_allows() {
    for version in [4, 7] {
        let mut request = CreateTopicsRequest::default();
        let longest = "a".repeat(0x7fff);
        request.topics.push(CreatableTopic { name: longest.as_str().into(), ..Default::default() });
        assert!(request.encode(&mut Encoder::new(), version).is_ok());
        let longer = "a".repeat(0x8000);
        request.topics[0].name = longer.as_str().into();
        assert_eq!(refusal(&request, version), (EncodeErrorKind::TooLong(0x8000), "name"));
    }
}

#[test]
fn unknown_tags_where_they_cannot_be() {
    let mut request = FetchRequest::default();
    assert!(request.unknown_tags.push(0, b"id"));
    assert!(!request.unknown_tags.push(0, b"again"));
    assert_eq!(refusal(&request, 11), (EncodeErrorKind::UnsupportedTags, "unknown_tags"));
    assert!(request.encode(&mut Encoder::new(), 12).is_ok());
    request.cluster_id = Some("id".into());
    assert_eq!(refusal(&request, 12), (EncodeErrorKind::TagOrder(0), "unknown_tags"));
}

#[test]
fn unknown_tags_stand_between_known_ones() {
    let mut request = FetchRequest { cluster_id: Some("id".into()), ..Default::default() };
    request.replica_state.replica_epoch = 1;
    assert!(request.unknown_tags.push(9, b"nine"));
    let mut encoder = Encoder::new();
    request.encode(&mut encoder, 15).unwrap();
    let bytes = encoder.finish().to_contiguous();
    let tags = [3, 0, 3, 3, b'i', b'd', 1, 13, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 1, 0, 9, 4];
    assert!(bytes.ends_with(&[&tags[..], b"nine"].concat()), "{bytes:?}");
    assert_eq!(FetchRequest::decode_exact(&bytes, 15), Ok(request));
}

/// A response with the parts as the records of one partition each.
fn response(parts: &[Vec<Bytes>]) -> FetchResponse<'static> {
    let partitions = parts
        .iter()
        .map(|parts| PartitionData { records: Some(Records::Parts(parts.clone())), ..Default::default() })
        .collect();
    let topic = FetchableTopicResponse { topic_id: Uuid([7; 16]), partitions, ..Default::default() };
    FetchResponse { responses: vec![topic], ..Default::default() }
}

#[test]
fn records_are_spliced_in_and_not_copied() {
    let (first, second) = (Bytes::from(vec![1; 1000]), Bytes::from(vec![2; 2000]));
    let response = response(&[vec![first.clone(), second.clone()], vec![], vec![Bytes::new(), second.clone()]]);
    for version in [13, 16, 18] {
        let mut encoder = Encoder::for_frame();
        response.encode(&mut encoder, version).unwrap();
        let parts = encoder.finish_frame().unwrap();
        for data in [&first, &second] {
            let same =
                parts.as_slice().iter().filter(|part| part.as_ptr() == data.as_ptr() && part.len() == data.len());
            assert_eq!(same.count(), if data == &first { 1 } else { 2 });
        }
        assert!(parts.as_slice().iter().all(|part| !part.is_empty()));
        let frame = parts.to_contiguous();
        assert_eq!(frame.len(), parts.len());
        assert_eq!(frame[..4], (frame.len() as u32 - 4).to_be_bytes());
        // The same with the records in place.
        let copied = FetchResponse::decode_exact(&frame[4..], version).unwrap();
        let mut encoder = Encoder::new();
        copied.encode(&mut encoder, version).unwrap();
        assert_eq!(encoder.finish().to_contiguous(), frame[4..]);
        let partitions = &copied.responses[0].partitions;
        assert_eq!(
            partitions.iter().map(|each| each.records.as_ref().unwrap().len()).collect::<Vec<_>>(),
            [3000, 0, 2000]
        );
    }
}

#[test]
fn a_refused_message_takes_its_records_back() {
    let mut response = response(&[vec![Bytes::from_static(b"records")]]);
    response.responses[0].topic = "a".repeat(0x8000).into();
    let mut encoder = Encoder::new();
    assert_eq!(response.encode(&mut encoder, 12).unwrap_err().kind, EncodeErrorKind::TooLong(0x8000));
    assert!(encoder.is_empty());
    assert!(encoder.finish().is_empty());
}
