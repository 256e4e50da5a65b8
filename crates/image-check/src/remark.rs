use image_format::{Manifest, Purpose};
use std::fmt;

/// What somebody should know of an image that is taken nevertheless.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remark {
    /// It is for a whole machine and does not say for which. Other images need not: a power supply fits many machines.
    NoMachine,
}

/// All that there is to say of an image.
pub(crate) fn remarks(manifest: &Manifest, purpose: Purpose) -> Vec<Remark> {
    let is_for_machine = matches!(purpose, Purpose::Bmc | Purpose::Host | Purpose::System);
    let names_none = is_for_machine && manifest.machine_name.is_none();
    Vec::from_iter(names_none.then_some(Remark::NoMachine))
}

impl fmt::Display for Remark {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NoMachine => "MANIFEST has no MachineName: nothing says that the image is for this machine",
        })
    }
}
