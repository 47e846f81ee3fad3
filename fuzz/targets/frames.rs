//! Any bytes as any message of any version: an answer or an error, within the bound on memory; and what was read is
//! written so that it reads the same again.
#![no_main]

use grete_fuzz::codecs::{CODECS, allowed, body};
use grete_fuzz::peak_of;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some(body) = body(input) else { return };
    let codec = &CODECS[body.name.as_str()];
    let (decoded, peak) = peak_of(|| (codec.decode)(body.bytes, body.version));
    assert!(peak <= allowed(body.bytes.len()), "{peak} bytes for {}", body.bytes.len());
    let Ok(taken) = decoded else { return };
    let canonical =
        (codec.repeat)(&body.bytes[..taken], body.version).expect("read before").expect("what decodes encodes");
    let again = (codec.repeat)(&canonical, body.version).expect("what was written reads").expect("and is written");
    assert_eq!(again, canonical, "{} v{}", body.name, body.version);
});
