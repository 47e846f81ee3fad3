//! Zstandard: RFC 8878, any number of frames, over the reference implementation.
//!
//! A frame asks its reader for a window of memory, up to 128 MiB, in a handful of bytes. Small windows are granted and
//! the frame is streamed. Frames with larger ones (levels above 19) are inflated in one go into a buffer that grows
//! with what really comes out, because then the output itself is the window.

use std::cell::Cell;

use zstd_safe::zstd_sys::{ZSTD_EndDirective, ZSTD_ErrorCode};
use zstd_safe::{
    CCtx, CParameter, DCtx, DParameter, ErrorCode, InBuffer, OutBuffer, ResetDirective, compress_bound, is_error_kind,
};

use crate::inflate::{Chunk, ChunkSource, InflateError};
use crate::{Compression, CompressionType};

/// Inflated bytes in one chunk of a streamed frame, at most.
const CHUNK_BYTES: usize = 64 * 1024;
/// The largest window that is granted, as a power of two: 8 MiB, which RFC 8878 recommends every decoder to support
/// and which levels up to 19 stay within.
const WINDOW_LOG_MAX: u32 = 23;
/// The first guess at the size of what is inflated in one go.
const ONE_GO_BYTES_FIRST: usize = 256 * 1024;

thread_local! {
    /// A context of each kind, kept for the thread's next payload: making one takes longer than a small payload. They
    /// are reset before use, so that nothing of one payload is seen by the next.
    static INFLATING: Cell<Option<DCtx<'static>>> = const { Cell::new(None) };
    static COMPRESSING: Cell<Option<CCtx<'static>>> = const { Cell::new(None) };
}

/// Bytes that a context may hold to be kept: what level 3 and windows up to 2 MiB take.
const KEPT_CONTEXT_BYTES_MAX: usize = 6 << 20;

pub(crate) struct Zstd<'a> {
    /// There until it is dropped.
    context: Option<DCtx<'static>>,
    /// What the context has not read.
    rest: &'a [u8],
    /// `rest` as it was where the present frame starts.
    frame: &'a [u8],
    /// Whether the last frame is complete.
    between_frames: bool,
    started: bool,
}

impl<'a> Zstd<'a> {
    pub(crate) fn new(payload: &'a [u8]) -> Self {
        let mut context = INFLATING.take().unwrap_or_else(DCtx::create);
        context.reset(ResetDirective::SessionAndParameters).expect("a context between payloads can be reset");
        context.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX)).expect("the window is one that zstd has");
        Self { context: Some(context), rest: payload, frame: payload, between_frames: true, started: false }
    }

    /// Inflates all frames from the present one on.
    fn in_one_go(&mut self, buffer: &mut Vec<u8>, bytes_max: usize) -> Result<(), InflateError> {
        let mut bytes = ONE_GO_BYTES_FIRST.min(bytes_max);
        loop {
            buffer.clear();
            buffer.reserve_exact(bytes);
            match DCtx::create().decompress(buffer, self.frame) {
                Ok(_) if buffer.len() > bytes_max => return Err(TOO_LARGE),
                Ok(_) => break,
                Err(code) if is_error_kind(code, ZSTD_ErrorCode::ZSTD_error_dstSize_tooSmall) => {
                    if bytes == bytes_max {
                        return Err(TOO_LARGE);
                    }
                    bytes = bytes.saturating_mul(2).min(bytes_max);
                }
                Err(code) => return Err(refused(code)),
            }
        }
        self.rest = &[];
        self.between_frames = true;
        Ok(())
    }
}

impl Drop for Zstd<'_> {
    fn drop(&mut self) {
        INFLATING.set(self.context.take().filter(|context| context.sizeof() <= KEPT_CONTEXT_BYTES_MAX));
    }
}

impl<'a> ChunkSource<'a> for Zstd<'a> {
    fn next_chunk(&mut self, buffer: &mut Vec<u8>, bytes_max: usize) -> Result<Option<Chunk<'a>>, InflateError> {
        if self.rest.is_empty() && self.between_frames {
            return if self.started { Ok(None) } else { Err(TRUNCATED) };
        }
        self.started = true;
        buffer.clear();
        // With room for one byte more than allowed, "exactly as much as allowed" and "more" look different.
        buffer.reserve_exact(CHUNK_BYTES.min(bytes_max.saturating_add(1)));
        let mut input = InBuffer::around(self.rest);
        let mut output = OutBuffer::around(buffer);
        let context = self.context.as_mut().expect("the context is there until it is dropped");
        let step = context.decompress_stream(&mut output, &mut input);
        let (read, written) = (input.pos(), output.pos());
        match step {
            Ok(hint) => {
                self.rest = self.rest.get(read..).unwrap_or_default();
                self.between_frames = hint == 0;
                if self.between_frames {
                    self.frame = self.rest;
                } else if written == 0 && self.rest.is_empty() {
                    return Err(TRUNCATED);
                }
            }
            Err(code) if is_error_kind(code, ZSTD_ErrorCode::ZSTD_error_frameParameter_windowTooLarge) => {
                self.in_one_go(buffer, bytes_max)?;
            }
            Err(code) => return Err(refused(code)),
        }
        if buffer.len() > bytes_max { Err(TOO_LARGE) } else { Ok(Some(Chunk::Buffered)) }
    }
}

const TRUNCATED: InflateError = InflateError::Truncated { compression_type: CompressionType::Zstd };
/// The bound is filled in by the inflater, which knows it.
const TOO_LARGE: InflateError = InflateError::TooLarge { inflated_bytes_max: 0 };

fn refused(code: ErrorCode) -> InflateError {
    InflateError::Corrupt { compression_type: CompressionType::Zstd, reason: zstd_safe::get_error_name(code) }
}

pub(crate) fn compress(compression: Compression, input: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.reserve(compress_bound(input.len()));
    let mut context = COMPRESSING.take().unwrap_or_else(CCtx::create);
    context.reset(ResetDirective::SessionAndParameters).expect("a context between payloads can be reset");
    context.set_parameter(CParameter::CompressionLevel(compression.level())).expect("the level is one that zstd has");
    let rest = context.compress_stream2(
        &mut OutBuffer::around_pos(out, start),
        &mut InBuffer::around(input),
        ZSTD_EndDirective::ZSTD_e_end,
    );
    assert_eq!(rest, Ok(0), "the room is the format's maximum");
    COMPRESSING.set(Some(context).filter(|context| context.sizeof() <= KEPT_CONTEXT_BYTES_MAX));
    // The room for the worst case is not worth keeping for as long as the batch lives.
    out.shrink_to_fit();
}
