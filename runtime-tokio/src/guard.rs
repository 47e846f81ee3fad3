//! What a panic means here: our own fault, after which nothing the thread holds can be trusted.

/// Runs a thread of the node; a panic in it ends the process, so that no other thread goes on with half a broker.
pub fn abort_on_panic(thread: impl FnOnce() -> std::io::Result<()>) {
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(thread));
    match outcome {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::error!("a thread of the broker could not run: {error}");
            std::process::exit(1);
        }
        // The panic hook has said what happened and where.
        Err(_) => std::process::abort(),
    }
}
