//! Decodes a frame that was captured on its way to a broker, and answers it.
//!
//! ```text
//! cargo run -p grete-protocol --example decode_frame
//! cargo run -p grete-protocol --example decode_frame -- 00120003000000010002636c0003636c023100
//! ```

use std::error::Error;

use grete_protocol::ApiKey;
use grete_protocol::frame::{self, RequestHeader};
use grete_protocol::messages::api_versions_request::ApiVersionsRequest;
use grete_protocol::messages::metadata_request::MetadataRequest;
use grete_protocol::messages::metadata_response::{MetadataResponse, MetadataResponseBroker};
use grete_protocol::wire::{BrokerId, Decoder, Encoder, Message};

/// A Metadata request of a client that asks for the topic "orders", in version 9 and without its length.
const CAPTURED: &str = "00030009000000070004 64656d6f 00 02 07 6f7264657273 00 00 00 00 00";

fn main() -> Result<(), Box<dyn Error>> {
    let text = std::env::args().nth(1).unwrap_or_else(|| CAPTURED.to_owned());
    let frame = from_hex(&text)?;

    // The header says which message follows, and in which version.
    let header = RequestHeader::decode(&frame)?;
    println!("{} v{} from {:?}, number {}", header.api, header.version, header.client_id, header.correlation_id);

    // A budget per frame bounds what decoding may allocate, so these bytes may come from anybody.
    let mut decoder = Decoder::new(&frame[header.length..]);
    match header.api {
        ApiKey::Metadata => {
            let request = MetadataRequest::decode(&mut decoder, header.version)?;
            decoder.finish()?;
            println!("{request:#?}");
            answer(&header)?;
        }
        ApiKey::ApiVersions => println!("{:#?}", ApiVersionsRequest::decode(&mut decoder, header.version)?),
        other => println!("{other} is left as an exercise: {} bytes", decoder.remaining().len()),
    }
    Ok(())
}

/// Answers with one broker and no topics.
fn answer(header: &RequestHeader<'_>) -> Result<(), Box<dyn Error>> {
    let broker =
        MetadataResponseBroker { node_id: BrokerId(1), host: "localhost".into(), port: 9092, ..Default::default() };
    let response = MetadataResponse { brokers: vec![broker], controller_id: BrokerId(1), ..Default::default() };
    let mut encoder = Encoder::for_frame();
    frame::encode_response_header(&mut encoder, header.api, header.version, header.correlation_id)?;
    response.encode(&mut encoder, header.version)?;
    let parts = encoder.finish_frame()?;
    println!("the answer: {} bytes in {} parts: {:02x?}", parts.len(), parts.as_slice().len(), parts.to_contiguous());
    Ok(())
}

fn from_hex(text: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let digits: Vec<char> = text.chars().filter(|letter| !letter.is_whitespace()).collect();
    let pairs = digits.chunks(2).map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16));
    Ok(pairs.collect::<Result<_, _>>()?)
}
