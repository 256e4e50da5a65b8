use anyhow::Context as _;
use service_runtime::{Exit, Invocation};
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use vpd_format::Format;

/// Set once a parser has replaced itself, so that two of them cannot send each other round.
const HANDED_OVER: &str = "VIVIANITE_HANDED_OVER";

/// Replaces this process by the sibling that takes the format; returns only when that fails.
pub(crate) fn to(sibling: &str, invocation: &Invocation, format: Format) -> anyhow::Error {
    match replace(sibling, invocation, format) {
        Ok(never) => match never {},
        Err(error) => error.context(Exit::Internal),
    }
}

fn replace(
    sibling: &str,
    invocation: &Invocation,
    format: Format,
) -> anyhow::Result<std::convert::Infallible> {
    anyhow::ensure!(
        std::env::var_os(HANDED_OVER).is_none(),
        "handed over for format {format}, which is not ours either"
    );
    let binary =
        std::env::current_exe().context("cannot tell where this program is")?.with_file_name(sibling);
    log::debug!("format is {format}, handing over to {}", binary.display());
    let error = Command::new(&binary).args(invocation.arguments()).env(HANDED_OVER, "1").exec();
    Err(error).with_context(|| format!("cannot hand over to {}", binary.display()))
}
