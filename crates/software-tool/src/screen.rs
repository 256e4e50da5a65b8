//! Where output goes, and what happens when nobody reads it.

use crate::exit::{Exit, Failure};
use std::io::{self, Write};

/// What standard error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    /// A terminal, on which a line can be drawn again.
    Terminal,
    /// Anything else, which gets a line for each change.
    Lines,
}

/// Standard output and standard error.
pub struct Screen<'a> {
    /// Results.
    pub output: Box<dyn Write + 'a>,
    /// Progress and what went wrong.
    pub errors: Box<dyn Write + 'a>,
    /// What `errors` is.
    pub face: Face,
}

impl std::fmt::Debug for Screen<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Screen").field("face", &self.face).finish_non_exhaustive()
    }
}

impl Screen<'_> {
    /// Prints a result. A reader that has seen enough, as `head` has, is no error.
    pub(crate) fn print(&mut self, text: &str) -> Result<(), Failure> {
        self.is_read(text).map(drop)
    }

    /// Prints a result, and tells whether somebody is still there to read more.
    pub(crate) fn is_read(&mut self, text: &str) -> Result<bool, Failure> {
        match self.output.write_all(text.as_bytes()).and_then(|()| self.output.flush()) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => {
                Err(Failure::new(Exit::Output, anyhow::Error::new(error).context("cannot write the result")))
            }
        }
    }

    /// Says something beside the result, on a line of its own.
    pub(crate) fn say(&mut self, line: &str) {
        self.draw(&format!("{line}\n"));
    }

    /// Draws on standard error as it is.
    pub(crate) fn draw(&mut self, text: &str) {
        // With standard error gone, the status is all that is left to give.
        let _ = self.errors.write_all(text.as_bytes()).and_then(|()| self.errors.flush());
    }
}
