//! Counts what a thread allocates.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Counting;

thread_local! {
    /// Bytes that this thread has allocated and not freed, and the most there were.
    static LIVE_AND_PEAK: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

/// Runs `work`; returns, beside its result, the most memory in bytes that it held at once.
pub(crate) fn peak_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let (before, _) = LIVE_AND_PEAK.get();
    LIVE_AND_PEAK.set((before, before));
    let result = work();
    let (_, peak) = LIVE_AND_PEAK.get();
    (result, usize::try_from(peak - before).unwrap())
}

fn count(change: isize) {
    // A thread that is ending allocates without being counted.
    let _ = LIVE_AND_PEAK.try_with(|cell| {
        let (live, peak) = cell.get();
        cell.set((live + change, peak.max(live + change)));
    });
}

// SAFETY: all is done by the system's allocator; a cell of the thread's own is all that is touched beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}
