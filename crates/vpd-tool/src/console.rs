//! Where answers come from and output goes.

use crate::exit::{Exit, Failure};
use anyhow::Context as _;
use service_runtime::text;
use std::borrow::Cow;
use std::io::{self, BufRead, Write};

/// Standard input, standard output and standard error.
pub struct Console<'a> {
    /// Answers to questions.
    pub input: Box<dyn BufRead + 'a>,
    /// Results, and questions.
    pub output: Box<dyn Write + 'a>,
    /// What went wrong, and remarks.
    pub errors: Box<dyn Write + 'a>,
    /// Whether there is a person to ask.
    pub is_terminal: bool,
}

impl std::fmt::Debug for Console<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Console").field("is_terminal", &self.is_terminal).finish_non_exhaustive()
    }
}

impl Console<'_> {
    /// Prints a result, whatever its texts come from. A reader that has seen enough, as `head` has, is no error.
    pub(crate) fn print(&mut self, text: &str) -> Result<(), Failure> {
        match self.output.write_all(text::lines(text).as_bytes()).and_then(|()| self.output.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::new(Exit::Output, anyhow::Error::new(error).context("cannot write the result")))
            }
            _ => Ok(()),
        }
    }

    /// Says something beside the result.
    pub(crate) fn say(&mut self, text: &str) {
        // With standard error gone, the status is all that is left to give.
        let _ = writeln!(self.errors, "{}", text::lines(text));
    }

    /// Asks a question and reads the answer; `None` at the end of the input.
    pub(crate) fn ask(&mut self, question: &str) -> Result<Option<String>, Failure> {
        self.print(question)?;
        let mut line = String::new();
        let read = self.input.read_line(&mut line).context("cannot read the answer");
        let read = read.map_err(|cause| Failure::new(Exit::NoInput, cause))?;
        Ok((read > 0).then(|| line.trim().to_owned()))
    }

    /// Whether to go on: by the option, else by asking a person.
    ///
    /// Errors: the option is missing and there is no person to ask.
    pub(crate) fn confirm(&mut self, is_confirmed: bool, question: &str) -> Result<bool, Failure> {
        if is_confirmed {
            return Ok(true);
        }
        if !self.is_terminal {
            return Err(Failure::say(Exit::Usage, "without a terminal, confirm this with --yes"));
        }
        let answer = self.ask(&format!("{question} [y/N] "))?;
        Ok(answer.is_some_and(|answer| matches!(&*answer.to_ascii_lowercase(), "y" | "yes")))
    }
}

/// A text as a part of a line: a line of its own could say anything.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    text::one_line(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<T>(input: &str, is_terminal: bool, act: impl FnOnce(&mut Console<'_>) -> T) -> (T, String) {
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let mut console = Console {
            input: Box::new(input.as_bytes()),
            output: Box::new(&mut output),
            errors: Box::new(&mut errors),
            is_terminal,
        };
        let result = act(&mut console);
        drop(console);
        (result, String::from_utf8(output).unwrap())
    }

    #[test]
    fn output_commands_no_terminal() {
        let ((), output) = with("", false, |console| console.print("a\u{1b}[2J\r\u{202e}b\n").unwrap());
        assert_eq!(output, "a\\u001b[2J\\r\\u202eb\n");
    }

    #[test]
    fn without_a_terminal_nothing_is_taken_for_granted() {
        let ask = |input: &str, is_terminal, option| {
            with(input, is_terminal, |console| console.confirm(option, "Sure?"))
                .0
                .map_err(|failure| failure.exit)
        };
        assert_eq!(ask("", false, true), Ok(true));
        assert_eq!(ask("y\n", false, false), Err(Exit::Usage));
        for (input, expected) in [("y\n", true), ("YES\n", true), ("\n", false), ("no\n", false), ("", false)]
        {
            assert_eq!(ask(input, true, false), Ok(expected), "{input:?}");
        }
    }
}
