//! Child processes that never outlive their call.

use std::io::Read;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread::{self, JoinHandle};

/// The most of a child's stderr that is kept: its end, where the reason is.
const STDERR_TAIL: usize = 8 * 1024;

/// A running child that is killed when dropped, with its stderr being collected.
pub(super) struct Running {
    pub child: Child,
    stderr: Option<JoinHandle<String>>,
}

impl Running {
    /// Starts the command without stdin.
    pub fn start(command: &mut Command) -> std::io::Result<Self> {
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let stderr = child.stderr.take().map(|pipe| thread::spawn(move || tail(pipe)));
        Ok(Self { child, stderr })
    }

    /// The last line that says something, after the child has ended.
    pub fn last_words(&mut self) -> String {
        let text = self.stderr.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
        let error = lines().rfind(|line| line.to_ascii_lowercase().starts_with("error"));
        error.or_else(|| lines().next_back()).unwrap_or("it gave no reason").to_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only if the child has already ended, which is what is wanted.
        let _: std::io::Result<()> = self.child.kill();
        let _: std::io::Result<_> = self.child.wait();
    }
}

fn tail(mut pipe: ChildStderr) -> String {
    let mut kept = Vec::new();
    let mut chunk = [0; 1024];
    while let Ok(count @ 1..) = pipe.read(&mut chunk) {
        kept.extend_from_slice(&chunk[..count]);
        let excess = kept.len().saturating_sub(STDERR_TAIL);
        kept.drain(..excess);
    }
    String::from_utf8_lossy(&kept).into_owned()
}
