//! Threads for the core's pure work: what a step must not wait for.

use grete_core::effect::Job;
use grete_core::event::Event;
use grete_core::ids::JobId;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc::UnboundedSender;

type Work = (JobId, Job, UnboundedSender<Event>);

/// A way to the threads that run jobs.
#[derive(Clone)]
pub struct Jobs {
    queue: Sender<Work>,
}

impl Jobs {
    /// Starts `threads` of them.
    pub fn start_threads(threads: usize) -> std::io::Result<Self> {
        let (queue, work) = channel::<Work>();
        let work = Arc::new(Mutex::new(work));
        for thread in 0..threads.max(1) {
            let work = work.clone();
            std::thread::Builder::new().name(format!("job-{thread}")).spawn(move || {
                crate::guard::abort_on_panic(|| {
                    run(&work);
                    Ok(())
                });
            })?;
        }
        Ok(Self { queue })
    }

    /// Runs a job; its result goes to `completions`.
    pub fn start(&self, job: JobId, work: Job, completions: UnboundedSender<Event>) {
        // The threads end only with the process.
        let _ = self.queue.send((job, work, completions));
    }
}

fn run(work: &Mutex<Receiver<Work>>) {
    loop {
        let Ok(receiver) = work.lock() else { return };
        let Ok((job, work, completions)) = receiver.recv() else { return };
        drop(receiver);
        let _ = completions.send(Event::JobDone { job, output: work.run() });
    }
}
