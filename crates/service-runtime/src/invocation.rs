use crate::Exit;
use crate::text::lines;
use anyhow::Context as _;
use log::LevelFilter;
use std::ffi::OsString;
use std::io::Write as _;

/// How the process was called.
#[derive(Debug)]
pub struct Invocation {
    /// The service's name, equal to its binary and unit stem.
    pub name: &'static str,
    arguments: Vec<OsString>,
}

impl Invocation {
    pub(crate) fn from_process(name: &'static str) -> Self {
        Self { name, arguments: std::env::args_os().skip(1).collect() }
    }

    /// For tests: the arguments as given here.
    pub fn with_arguments<A: Into<OsString>>(
        name: &'static str,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        Self { name, arguments: arguments.into_iter().map(Into::into).collect() }
    }

    /// The arguments after the program's name.
    pub fn arguments(&self) -> &[OsString] {
        &self.arguments
    }

    /// Hands each option or value to `take`, after the options that all services share.
    ///
    /// Shared: `-v`/`--verbose`, `-h`/`--help` (prints `help`), `-V`/`--version`. Returns false
    /// when the call is already answered and the service should end with [`Exit::Done`].
    ///
    /// Errors: marked [`Exit::Usage`]; `take` returns false for an argument that it does not know.
    pub fn parse(
        &self,
        help: &str,
        mut take: impl FnMut(&lexopt::Arg<'_>, &mut Values<'_>) -> Result<bool, lexopt::Error>,
    ) -> anyhow::Result<bool> {
        let mut parser = lexopt::Parser::from_args(&self.arguments);
        self.parse_all(&mut parser, help, &mut take).context(Exit::Usage)
    }

    fn parse_all(
        &self,
        parser: &mut lexopt::Parser,
        help: &str,
        take: &mut dyn FnMut(&lexopt::Arg<'_>, &mut Values<'_>) -> Result<bool, lexopt::Error>,
    ) -> anyhow::Result<bool> {
        while let Some(argument) = next_owned(parser)? {
            match argument.as_arg() {
                lexopt::Arg::Short('v') | lexopt::Arg::Long("verbose") => {
                    log::set_max_level(LevelFilter::Debug)
                }
                lexopt::Arg::Short('h') | lexopt::Arg::Long("help") => {
                    print(help)?;
                    return Ok(false);
                }
                lexopt::Arg::Short('V') | lexopt::Arg::Long("version") => {
                    print(&format!("{} {}\n", self.name, env!("CARGO_PKG_VERSION")))?;
                    return Ok(false);
                }
                argument => {
                    let known = take(&argument, &mut Values { parser })?;
                    if !known {
                        return Err(argument.unexpected().into());
                    }
                }
            }
        }
        Ok(true)
    }
}

/// Access to the value of the option at hand.
#[derive(Debug)]
pub struct Values<'a> {
    parser: &'a mut lexopt::Parser,
}

impl Values<'_> {
    /// The option's value, whatever its form (`--key VALUE`, `--key=VALUE`).
    pub fn value(&mut self) -> Result<OsString, lexopt::Error> {
        self.parser.value()
    }

    /// The option's value as text.
    pub fn text(&mut self) -> Result<String, lexopt::Error> {
        self.parser.value()?.into_string().map_err(lexopt::Error::NonUnicodeValue)
    }
}

/// An argument that no longer borrows the parser.
enum Argument {
    Short(char),
    Long(String),
    Value(OsString),
}

impl Argument {
    fn as_arg(&self) -> lexopt::Arg<'_> {
        match self {
            Self::Short(name) => lexopt::Arg::Short(*name),
            Self::Long(name) => lexopt::Arg::Long(name),
            Self::Value(value) => lexopt::Arg::Value(value.clone()),
        }
    }
}

fn next_owned(parser: &mut lexopt::Parser) -> Result<Option<Argument>, lexopt::Error> {
    Ok(parser.next()?.map(|argument| match argument {
        lexopt::Arg::Short(name) => Argument::Short(name),
        lexopt::Arg::Long(name) => Argument::Long(name.to_owned()),
        lexopt::Arg::Value(value) => Argument::Value(value),
    }))
}

/// Writes to standard output, which is a terminal or the journal, as [`lines`] shows a text; a closed pipe is an error, not a
/// panic.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    output
        .write_all(lines(text).as_bytes())
        .and_then(|()| output.flush())
        .context("cannot write to standard output")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> anyhow::Result<(bool, Vec<String>)> {
        let mut seen = Vec::new();
        let invocation = Invocation::with_arguments("example", arguments);
        let goes_on = invocation.parse("help\n", |argument, values| {
            match argument {
                lexopt::Arg::Long("key") => seen.push(values.text()?),
                lexopt::Arg::Value(value) => seen.push(value.to_string_lossy().into_owned()),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok((goes_on, seen))
    }

    #[test]
    fn options_with_values_and_positional_arguments_are_told_apart() {
        let (goes_on, seen) = parse(&["--key=8-0050", "file", "-v"]).unwrap();
        assert!(goes_on);
        assert_eq!(seen, ["8-0050", "file"]);
    }

    #[test]
    fn an_unknown_option_is_a_usage_error_that_names_it() {
        let error = parse(&["--nonsense"]).unwrap_err();
        assert_eq!(error.downcast_ref::<Exit>(), Some(&Exit::Usage));
        assert!(format!("{error:#}").contains("--nonsense"), "{error:#}");
    }

    #[test]
    fn a_missing_value_is_a_usage_error() {
        assert!(parse(&["--key"]).is_err());
    }
}
