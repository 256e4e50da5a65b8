//! Tasks beside the owner's loop.

use std::pin::Pin;
use tokio::task::JoinHandle;

/// Starts a task. The runtime's code for tasks is compiled once for all of them, not for each, which is some 5 KiB.
pub fn spawn(task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    start(Box::pin(task))
}

fn start(task: Pin<Box<dyn Future<Output = ()> + Send>>) -> JoinHandle<()> {
    tokio::spawn(task)
}
