//! What happens to an image, what is to be done then, and what installers show.

use update_state::Activation;

/// What has happened to an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Time has passed.
    Tick,
    /// The reply to `StartUpdate` is out.
    Replied,
    /// All services of firmware that were there before us have told what they have.
    OthersKnown,
    /// It was unpacked and has passed every check.
    TakenIn,
    /// It could not be taken in.
    NotTakenIn,
    /// It was taken in, and another service takes such images: it is to be handed on.
    HandOn,
    /// The service that it was handed on to has it.
    RecipientHasIt,
    /// That service shows this state of it.
    RecipientShows(Activation),
    /// That service has refused it, is gone, or has nothing to do with it any more.
    RecipientGone,
    /// A client has deleted it before it was taken in.
    Cancelled,
    /// A client wants it activated.
    Requested,
    /// The Activations of installers that may claim it.
    Claimed(Vec<Claim>),
    /// Its installer is being told to begin.
    Begin,
    /// Another image is being installed at its place.
    NotItsTurn,
    /// Its installer was told to begin and has accepted, or has not.
    Answered {
        /// The installer, by its unique name.
        owner: String,
        /// It has accepted, or did not answer in time: some install the whole image before they answer.
        is_accepted: bool,
    },
    /// Its files are not there any more.
    FilesLost,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Our Activation is Ready now: publish the image.
    Offer,
    /// Our Activation is Invalid now: it was not taken in.
    Refuse,
    /// Our Activation is Ready now: hand the image on.
    HandOn,
    /// A client wants it activated: ask the service that it was handed on to.
    AskRecipient,
    /// Our Activation has become this, as that service's is.
    Mirrored {
        /// Ours.
        ours: Activation,
        /// That service's.
        theirs: Activation,
    },
    /// That service has refused it or is gone. Our Activation is Invalid now, or Failed if the service had begun.
    RecipientLost,
    /// An installer has claimed it: take our Activation away.
    Yield,
    /// The installer is gone: show our Activation again.
    Resume,
    /// No installer has claimed it in time. Our Activation is Invalid now, if it has one.
    Unclaimed,
    /// The installer says that the image is invalid.
    Declined,
    /// The installer that has handed it on says that the image is invalid: show our Activation, which is Invalid too.
    Unfit,
    /// The installer says that the installation failed. A client may ask for it again.
    Failed,
    /// An installer goes on with what has failed or was invalid for it, or another has it now.
    Retried,
    /// The installer, or the service that it was handed on to, did not become ready in time: show our Activation, which is
    /// Invalid now.
    Stuck,
    /// The installer does not begin, and is not told again.
    NotBegun,
    /// The installer, or the service that it was handed on to, has done what it does, with this result.
    Ended(Activation),
    /// Remove the image.
    Remove,
}

/// An installer's Activation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Claim {
    /// Unique name of the installer.
    pub owner: String,
    /// Its state, once it is known.
    pub state: Option<Activation>,
}

impl Claim {
    /// Whether its installer has begun, or come to an end with it; to refuse it is none.
    pub fn has_begun(&self) -> bool {
        let state = self.state.filter(|state| *state != Activation::Invalid);
        state.is_some_and(|state| state.is_busy() || has_ended(state))
    }

    /// Whether its installer still looks at it.
    pub(super) fn is_coming(&self) -> bool {
        matches!(self.state, None | Some(Activation::NotReady))
    }

    /// Whether its installer will not go on by itself.
    pub(super) fn is_refused(&self) -> bool {
        matches!(self.state, Some(Activation::Invalid | Activation::Failed))
    }
}

/// Whether an installer has done what it does: what is staged waits for a reset, which is not its business.
pub(super) fn has_ended(state: Activation) -> bool {
    state.is_final() || state == Activation::Staged
}
