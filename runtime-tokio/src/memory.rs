//! How memory that a burst has taken goes back to the system.

/// Blocks of this many bytes and more are taken from the system one by one. Requests and answers of the usual size are smaller:
/// mapping each of them anew shows in the throughput.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE_BYTES: i32 = 4 << 20;

/// Lets large blocks go back to the system as soon as they are freed, and the end of the heap, too. By itself the C library
/// raises its bound for large blocks to the largest that was freed, up to 32 MiB: what a flood of requests has taken then
/// stays in the heap, between small blocks that are in use.
pub fn give_back_large_blocks() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: this sets two numbers of the allocator, which may be done at any time.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BYTES);
        libc::mallopt(libc::M_TRIM_THRESHOLD, LARGE_BYTES);
    }
}
