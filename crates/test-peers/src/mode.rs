use anyhow::{Context as _, bail};
use std::time::Duration;

/// How a peer behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It answers at once.
    Normal,
    /// Nobody owns its name.
    Absent,
    /// It does what it is asked, and answers, after this time.
    Slow(Duration),
    /// It takes calls, does nothing and never answers.
    Hanging,
    /// It takes calls, does nothing and answers with an error.
    Refusing,
}

impl Mode {
    /// `normal`, `absent`, `hanging`, `refusing` or `slow MILLISECONDS`.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        Ok(match text.split_once(' ') {
            Some(("slow", time)) => {
                let time = time.parse().with_context(|| format!("{time} is no number of milliseconds"))?;
                Self::Slow(Duration::from_millis(time))
            }
            None if text == "normal" => Self::Normal,
            None if text == "absent" => Self::Absent,
            None if text == "hanging" => Self::Hanging,
            None if text == "refusing" => Self::Refusing,
            _ => bail!("{text} is none of normal, absent, hanging, refusing, slow MILLISECONDS"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_have_words() {
        assert_eq!(Mode::parse("normal").unwrap(), Mode::Normal);
        assert_eq!(Mode::parse("refusing").unwrap(), Mode::Refusing);
        assert_eq!(Mode::parse("slow 500").unwrap(), Mode::Slow(Duration::from_millis(500)));
        for wrong in ["", "slow", "slow soon", "normal 5", "quick"] {
            assert!(Mode::parse(wrong).is_err(), "{wrong}");
        }
    }
}
