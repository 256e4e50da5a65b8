use std::fmt;

/// What a client wishes for an image.
///
/// Source: `Software.Activation.RequestedActivations`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequestedActivation {
    /// Nothing.
    None,
    /// That it be installed.
    Active,
}

/// When an image that was uploaded is to take effect.
///
/// Source: `Software.ApplyTime.RequestedApplyTimes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ApplyTime {
    /// Installed at once, and what it is for is reset.
    Immediate,
    /// Installed at once, in effect after the next reset.
    OnReset,
    /// Installed once a client requests it.
    OnActivationRequest,
}

impl RequestedActivation {
    /// Every wish, in the order of the interface.
    pub const ALL: [Self; 2] = [Self::None, Self::Active];

    /// The member's name, without the enum's.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Active => "Active",
        }
    }

    /// The wish of that name; upper and lower case count.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|wish| wish.word() == word)
    }
}

impl ApplyTime {
    /// Every time, in the order of the interface.
    pub const ALL: [Self; 3] = [Self::Immediate, Self::OnReset, Self::OnActivationRequest];

    /// The member's name, without the enum's.
    pub fn word(self) -> &'static str {
        match self {
            Self::Immediate => "Immediate",
            Self::OnReset => "OnReset",
            Self::OnActivationRequest => "OnActivationRequest",
        }
    }

    /// The time of that name; upper and lower case count.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|time| time.word() == word)
    }
}

impl fmt::Display for RequestedActivation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

impl fmt::Display for ApplyTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_interfaces() {
        assert_eq!(RequestedActivation::ALL.map(RequestedActivation::word), ["None", "Active"]);
        assert_eq!(ApplyTime::ALL.map(ApplyTime::word), ["Immediate", "OnReset", "OnActivationRequest"]);
        for wish in RequestedActivation::ALL {
            assert_eq!(RequestedActivation::from_word(&wish.to_string()), Some(wish));
        }
        for time in ApplyTime::ALL {
            assert_eq!(ApplyTime::from_word(&time.to_string()), Some(time));
        }
    }

    #[test]
    fn other_words_are_none() {
        for word in ["", "active", "Ready", "RequestedActivations.Active", "onreset", "AtMaintenanceWindow"] {
            assert_eq!(RequestedActivation::from_word(word), None, "{word:?}");
            assert_eq!(ApplyTime::from_word(word), None, "{word:?}");
        }
    }
}
