//! Where output goes, and what happens when nobody reads it.

use crate::exit::{Exit, Failure};
use service_runtime::text;
use std::borrow::Cow;
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
        match self.output.write_all(clean(text).as_bytes()).and_then(|()| self.output.flush()) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => {
                Err(Failure::new(Exit::Output, anyhow::Error::new(error).context("cannot write the result")))
            }
        }
    }

    /// Says something beside the result, on a line of its own.
    pub(crate) fn say(&mut self, line: &str) {
        self.draw(&format!("{}\n", one_line(line)));
    }

    /// Says something beside the result that has lines.
    pub(crate) fn say_lines(&mut self, lines: &str) {
        self.draw(&format!("{}\n", clean(lines)));
    }

    /// Draws on standard error as it is.
    pub(crate) fn draw(&mut self, text: &str) {
        // With standard error gone, the status is all that is left to give.
        let _ = self.errors.write_all(text.as_bytes()).and_then(|()| self.errors.flush());
    }
}

/// A text that cannot command a terminal, whoever wrote it: versions and reasons come from images and from services.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    text::lines(text)
}

/// The same of what is a part of a line: a line of its own could say anything.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    text::one_line(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_commands_no_terminal() {
        assert_eq!(clean("1.2\n"), "1.2\n");
        assert_eq!(clean("\u{1b}[2Jé\r\u{9b}m"), "\\u001b[2Jé\\r\\u009bm");
        assert_eq!(one_line("a\nb\u{1b}\u{202e}"), "a\\nb\\u{1b}\\u{202e}");
    }
}
