//! An image that another service has: our Activation follows that service's, along the transitions that are known.

use std::time::Duration;
use update_state::Activation;

/// What is known of the service that has the image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct HandedOn {
    /// Since when it has the image and is not ready to install it.
    pub(super) since: Option<Duration>,
    /// The state that it showed last.
    pub(super) shown: Option<Activation>,
    /// It has nothing to do with the image any more.
    pub(super) is_gone: bool,
}

impl HandedOn {
    /// Whether it has the image and still looks at it.
    pub(super) fn is_coming(&self) -> bool {
        matches!(self.shown, None | Some(Activation::NotReady))
    }
}

/// The next state of ours on the way to theirs; none when we are there, or no way leads there.
pub(super) fn next(ours: Activation, theirs: Activation) -> Option<Activation> {
    use Activation::{Activating, Active, Failed, Invalid, Ready, Staged, Staging};
    match (ours, theirs) {
        (Ready, Activating | Staging | Staged | Active | Failed) => Some(Activating),
        (Ready, Invalid) => Some(Invalid),
        (Activating, Staging | Staged | Active | Failed) => Some(theirs),
        (Staging, Staged | Active) => Some(Staged),
        (Staged, Activating | Staging) => Some(Activating),
        (Staged, Active) => Some(Active),
        // There is no way back from what has begun.
        (Activating | Staging | Staged, Invalid) | (Staging | Staged, Failed) => Some(Failed),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(ours: Activation, theirs: Activation) -> String {
        let mut ways = vec![ours];
        while let Some(state) = next(*ways.last().unwrap(), theirs) {
            ways.push(state);
        }
        ways.iter().map(|state| state.word()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn our_state_goes_to_the_recipients_by_the_transitions_that_there_are() {
        for (theirs, expected) in [
            ("NotReady", ["Ready", "Activating", "Staging", "Staged"]),
            ("Ready", ["Ready", "Activating", "Staging", "Staged"]),
            ("Activating", ["Ready Activating", "Activating", "Staging", "Staged Activating"]),
            (
                "Staging",
                ["Ready Activating Staging", "Activating Staging", "Staging", "Staged Activating Staging"],
            ),
            ("Staged", ["Ready Activating Staged", "Activating Staged", "Staging Staged", "Staged"]),
            (
                "Active",
                ["Ready Activating Active", "Activating Active", "Staging Staged Active", "Staged Active"],
            ),
            ("Failed", ["Ready Activating Failed", "Activating Failed", "Staging Failed", "Staged Failed"]),
            ("Invalid", ["Ready Invalid", "Activating Failed", "Staging Failed", "Staged Failed"]),
        ] {
            let theirs = Activation::from_word(theirs).unwrap();
            let from = [Activation::Ready, Activation::Activating, Activation::Staging, Activation::Staged];
            assert_eq!(from.map(|ours| way(ours, theirs)), expected, "{theirs}");
        }
    }

    #[test]
    fn each_step_is_one_that_the_state_machine_has_and_an_end_is_one() {
        for (ours, theirs) in Activation::ALL.iter().flat_map(|ours| Activation::ALL.map(|of| (*ours, of))) {
            let step = next(ours, theirs);
            assert!(step.is_none_or(|step| ours.may_become(step)), "{ours} as {theirs}");
            assert!(!ours.is_final() || step.is_none(), "{ours} as {theirs}");
        }
    }
}
