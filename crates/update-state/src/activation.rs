use std::fmt;

/// How far an image has come.
///
/// Source: `Software.Activation.Activations`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Activation {
    /// It is being unpacked or checked.
    NotReady,
    /// It can never be installed.
    Invalid,
    /// It may be requested.
    Ready,
    /// It is being installed.
    Activating,
    /// It is installed, though not necessarily what runs.
    Active,
    /// Its installation failed; it may be requested again.
    Failed,
    /// It lies in a staging area and becomes active at a reset.
    Staged,
    /// It is being written to a staging area.
    Staging,
}

/// Why a state does not follow on another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransitionError {
    /// It is the same state.
    #[error("the activation is {0} already")]
    Same(Activation),
    /// The state machine has no such edge.
    #[error("an activation that is {from} cannot become {to}")]
    Forbidden {
        /// The state as it is.
        from: Activation,
        /// The state that was wanted.
        to: Activation,
    },
}

impl Activation {
    /// Every state, in the order of the interface.
    pub const ALL: [Self; 8] = [
        Self::NotReady,
        Self::Invalid,
        Self::Ready,
        Self::Activating,
        Self::Active,
        Self::Failed,
        Self::Staged,
        Self::Staging,
    ];

    /// The member's name, without the enum's.
    pub fn word(self) -> &'static str {
        match self {
            Self::NotReady => "NotReady",
            Self::Invalid => "Invalid",
            Self::Ready => "Ready",
            Self::Activating => "Activating",
            Self::Active => "Active",
            Self::Failed => "Failed",
            Self::Staged => "Staged",
            Self::Staging => "Staging",
        }
    }

    /// The state of that name; upper and lower case count.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Whether a state may follow on this one. To stay the same is no transition.
    pub fn may_become(self, next: Self) -> bool {
        self.next().contains(&next)
    }

    /// The next state, if it may be that.
    ///
    /// Errors: [`TransitionError`].
    pub fn change(self, next: Self) -> Result<Self, TransitionError> {
        if self == next {
            Err(TransitionError::Same(self))
        } else if self.may_become(next) {
            Ok(next)
        } else {
            Err(TransitionError::Forbidden { from: self, to: next })
        }
    }

    /// Whether the update is over, with success or without. A new request may begin another one.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Active | Self::Failed | Self::Invalid)
    }

    /// Whether something is being written, so that the image must stay where it is.
    pub fn is_busy(self) -> bool {
        matches!(self, Self::Activating | Self::Staging)
    }

    fn next(self) -> &'static [Self] {
        match self {
            Self::NotReady => &[Self::Ready, Self::Invalid],
            Self::Invalid => &[],
            // An image that no updater takes is given up.
            Self::Ready => &[Self::Activating, Self::Invalid],
            Self::Activating => &[Self::Active, Self::Failed, Self::Staged, Self::Staging],
            Self::Staging => &[Self::Staged, Self::Failed],
            // The reset brings it to life, or a client that does not want to wait for one.
            Self::Staged => &[Self::Active, Self::Failed, Self::Activating],
            Self::Active | Self::Failed => &[Self::Activating],
        }
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::Activation::*;
    use super::*;

    /// Frozen: a row is a state, a column what it may become, both in the order of `ALL`.
    const TABLE: [(&str, &str); 8] = [
        ("NotReady", ". x x . . . . ."),
        ("Invalid", ". . . . . . . ."),
        ("Ready", ". x . x . . . ."),
        ("Activating", ". . . . x x x x"),
        ("Active", ". . . x . . . ."),
        ("Failed", ". . . x . . . ."),
        ("Staged", ". . . x x x . ."),
        ("Staging", ". . . . . x x ."),
    ];

    #[test]
    fn exactly_the_edges_of_the_table_exist() {
        for (state, (word, row)) in Activation::ALL.into_iter().zip(TABLE) {
            assert_eq!(state.word(), word);
            for (next, mark) in Activation::ALL.into_iter().zip(row.split(' ')) {
                assert_eq!(state.may_become(next), mark == "x", "{state} to {next}");
                let changed = match mark {
                    "x" => Ok(next),
                    _ if state == next => Err(TransitionError::Same(state)),
                    _ => Err(TransitionError::Forbidden { from: state, to: next }),
                };
                assert_eq!(state.change(next), changed, "{state} to {next}");
            }
        }
    }

    #[test]
    fn words_are_those_of_the_interface() {
        for state in Activation::ALL {
            assert_eq!(Activation::from_word(state.word()), Some(state));
            assert_eq!(state.to_string(), state.word());
        }
        for word in ["", "ready", "Ready ", "Activations.Ready"] {
            assert_eq!(Activation::from_word(word), None, "{word:?}");
        }
    }

    #[test]
    fn an_update_is_over_or_busy_or_waits() {
        let those = |wanted: fn(Activation) -> bool| -> Vec<Activation> {
            Activation::ALL.into_iter().filter(|state| wanted(*state)).collect()
        };
        assert_eq!(those(Activation::is_final), [Invalid, Active, Failed]);
        assert_eq!(those(Activation::is_busy), [Activating, Staging]);
    }

    #[test]
    fn a_refused_transition_names_both_states() {
        let refused = Ready.change(Active).unwrap_err().to_string();
        assert_eq!(refused, "an activation that is Ready cannot become Active");
        assert_eq!(Ready.change(Ready).unwrap_err().to_string(), "the activation is Ready already");
    }
}
