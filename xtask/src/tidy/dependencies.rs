//! What the pure crates may depend on, with all that this brings along.

use crate::shell::{cargo, root};
use std::process::Command;

/// Crates that may stand below the core, in whatever depth.
const CORE_ALLOWED: &[&str] = &[
    "adler2",
    "alloc-no-stdlib",
    "bytes",
    "cfg-if",
    "crc",
    "crc-catalog",
    "crc-fast",
    "crc32fast",
    "crypto-common",
    "digest",
    "generic-array",
    "typenum",
    "flate2",
    "grete-compression",
    "grete-core",
    "grete-messages",
    "grete-protocol",
    "grete-wire",
    "lz4_flex",
    "miniz_oxide",
    "proc-macro2",
    "quote",
    "rustversion",
    "serde_json",
    "serde_core",
    "itoa",
    "memchr",
    "ryu",
    "zmij",
    "simd-adler32",
    "snap",
    "spin",
    "syn",
    "thiserror",
    "thiserror-impl",
    "twox-hash",
    "unicode-ident",
    "xxhash-rust",
    "zstd",
    "zstd-safe",
    "zstd-sys",
    "zlib-rs",
    "libc",
];

/// What must not be below it by any way: input and output, threads' runtimes, entropy.
const CORE_FORBIDDEN: &[&str] = &["tokio", "mio", "getrandom", "rand", "socket2", "rustix", "chrono", "time"];

pub(super) fn check() -> Result<Vec<String>, String> {
    let output = Command::new(cargo())
        .args(["tree", "--package", "grete-core", "--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .current_dir(root())
        .output()
        .map_err(|error| format!("cargo tree does not start: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo tree failed: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let mut breaches = Vec::new();
    let mut names: Vec<String> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| line.split_whitespace().next().map(String::from))
        .collect();
    names.sort();
    names.dedup();
    for name in names {
        if CORE_FORBIDDEN.contains(&&*name) {
            breaches.push(format!("grete-core depends on {name}, which has no place below it"));
        } else if !CORE_ALLOWED.contains(&&*name) {
            breaches.push(format!("grete-core depends on {name}, which is not on the list of what may be below it"));
        }
    }
    Ok(breaches)
}
