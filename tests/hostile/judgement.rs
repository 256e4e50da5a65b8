//! Whether what a subject says of a damaged image may be said.

use vpd_format::Outcome;

use crate::subject::{Found, Real, Subject};
use crate::watched::Watched;

/// Header, table of contents with its code, and two areas for each of ten records; merged reads make it fewer.
const READS: usize = 23;

/// What became of damage.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Everything was found as it should be.
    Same,
    /// What is missing or wrong was reported, and everything else is as it should be.
    Reported,
    /// Something is wrong, and all that is said is that nothing protects it.
    Unprotected,
    /// Something is wrong, and nobody says so.
    Silent,
}

/// A good image and what is in it.
pub struct Golden {
    pub image: Vec<u8>,
    pub found: Found,
}

impl Golden {
    pub fn of(name: &str) -> Self {
        let image = house_tests::fixture(name);
        let found = Real.read(&mut Watched::new(&image), &image).unwrap();
        Self { image, found }
    }

    /// Has a subject read a damaged version. Errors: how it misbehaved while reading.
    pub fn examine(
        &self,
        subject: &impl Subject,
        damaged: &[u8],
    ) -> Result<(Verdict, Option<Found>), String> {
        let mut source = Watched::new(damaged);
        let result = subject.read(&mut source, damaged);
        match source.complaint(READS) {
            Some(complaint) => Err(complaint),
            None => Ok((self.judge(&result), result.ok())),
        }
    }

    fn judge(&self, result: &Result<Found, String>) -> Verdict {
        let Ok(found) = result else { return Verdict::Reported };
        let mut verdict = Verdict::Same;
        for part in &self.found.parts {
            let same = |other: &&crate::subject::Part| other.name == part.name;
            let Some(other) = found.parts.iter().find(same) else { return Verdict::Silent };
            let is_whole = (&other.values, &other.others) == (&part.values, &part.others);
            verdict = match other.outcome {
                _ if is_whole => verdict,
                Outcome::Bad if found.outcome == Outcome::Bad && self.is_rest_right(part, other) => {
                    Verdict::Reported
                }
                Outcome::Unchecked if part.outcome != Outcome::Unchecked => return Verdict::Unprotected,
                _ => return Verdict::Silent,
            };
        }
        match verdict {
            _ if found.parts.len() > self.found.parts.len() => Verdict::Silent,
            Verdict::Same if found.outcome == Outcome::Bad => Verdict::Reported,
            verdict => verdict,
        }
    }

    /// A bad part of an image may keep values, but only right ones; a module may lose its kind.
    fn is_rest_right(&self, part: &crate::subject::Part, other: &crate::subject::Part) -> bool {
        let kind = |part: &crate::subject::Part| part.others.split(' ').next().map(str::to_owned);
        kind(part) != kind(other) || other.values.iter().all(|value| part.values.contains(value))
    }
}
