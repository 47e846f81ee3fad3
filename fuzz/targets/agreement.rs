//! Messages that this codec takes, through the codec of the crate `kafka-protocol`: both read and write the same.
#![no_main]

use grete_fuzz::agreement::Agreement;
use grete_fuzz::codecs::body;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static AGREEMENT: LazyLock<Agreement> = LazyLock::new(Agreement::new);

fuzz_target!(|input: &[u8]| {
    let Some(body) = body(input) else { return };
    if let Some(difference) = AGREEMENT.difference(&body) {
        panic!("{} v{}: {difference}", body.name, body.version);
    }
});
