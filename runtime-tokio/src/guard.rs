//! What a panic means here: our own fault, after which nothing that it left half done can be trusted. It ends the process.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;

/// Runs a thread of the node; a panic in it ends the process, so that no other thread goes on with half a broker. A task that
/// the thread spawns is not covered, since its executor would keep the panic: it needs [`abort_on_panic_in`].
pub fn abort_on_panic(thread: impl FnOnce() -> std::io::Result<()>) {
    let outcome = catch_unwind(AssertUnwindSafe(thread));
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

/// The same for a task that is spawned.
pub async fn abort_on_panic_in<T>(task: impl Future<Output = T>) -> T {
    let mut task = pin!(task);
    poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(context)));
        polled.unwrap_or_else(|_| std::process::abort())
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    /// Set for the process that panics.
    const PANICS: &str = "GRETE_TEST_PANICS";

    #[test]
    fn a_panic_in_a_task_ends_the_process() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        if std::env::var_os(PANICS).is_some() {
            runtime.block_on(async {
                let task = tokio::spawn(abort_on_panic_in(async { panic!("as the test wants it") }));
                // An executor would tell it here and go on.
                drop(task.await);
            });
            return;
        }
        assert_eq!(runtime.block_on(abort_on_panic_in(async { 7 })), 7);
        let mut again = Command::new(std::env::current_exe().unwrap());
        let name = "guard::tests::a_panic_in_a_task_ends_the_process";
        let output = again.args([name, "--exact", "--nocapture"]).env(PANICS, "1").output().unwrap();
        assert!(output.status.signal().is_some(), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("as the test wants it"), "{output:?}");
    }
}
