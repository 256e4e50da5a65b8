//! `cargo xtask man`: manual pages and completions of the tools for people, made of their command lines.
//!
//! Not a part of `dist`: an image for flash has no use for them, a workstation's package has.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap_complete::Shell;

use crate::output;

/// The tools.
const TOOLS: [fn() -> clap::Command; 3] = [software_tool::command, vpd_config::command, vpd_tool::command];

/// Where manual pages lie.
const PAGES: &str = "usr/share/man/man1";
/// Where each shell finds completions.
const COMPLETIONS: [(Shell, &str); 3] = [
    (Shell::Bash, "usr/share/bash-completion/completions"),
    (Shell::Zsh, "usr/share/zsh/site-functions"),
    (Shell::Fish, "usr/share/fish/vendor_completions.d"),
];

/// Where to put them.
#[derive(clap::Args)]
pub struct Arguments {
    /// The folder that becomes the root
    #[arg(long)]
    destdir: PathBuf,
}

/// Writes all.
pub fn run(arguments: &Arguments) -> Result<()> {
    let count = install(&arguments.destdir)?;
    output::line(format!("man: {count} files below {}", arguments.destdir.display()));
    Ok(())
}

/// Writes pages, one for each subcommand too, and completions; says how many files.
fn install(destdir: &Path) -> Result<usize> {
    let pages = folder(destdir, PAGES)?;
    let mut count = 0;
    for tool in TOOLS {
        let mut command = tool();
        let name = command.get_name().to_owned();
        for (shell, place) in COMPLETIONS {
            let place = folder(destdir, place)?;
            // Bash looks for a file that is called as the command is.
            let written = clap_complete::generate_to(shell, &mut command, &name, &place)
                .with_context(|| format!("writing completions of {name}"))?;
            if shell == Shell::Bash {
                fs::rename(written, place.join(&name))?;
            }
            count += 1;
        }
        let without_help = tool().disable_help_subcommand(true);
        clap_mangen::generate_to(without_help, &pages).with_context(|| format!("writing pages of {name}"))?;
    }
    Ok(count + fs::read_dir(&pages)?.count())
}

fn folder(destdir: &Path, name: &str) -> Result<PathBuf> {
    let folder = destdir.join(name);
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_has_a_page_and_completions_where_shells_look() {
        let root = tempfile::tempdir().unwrap();
        assert!(install(root.path()).unwrap() > 12);
        for tool in TOOLS {
            let name = tool().get_name().to_owned();
            for file in [
                format!("usr/share/man/man1/{name}.1"),
                format!("usr/share/bash-completion/completions/{name}"),
                format!("usr/share/zsh/site-functions/_{name}"),
                format!("usr/share/fish/vendor_completions.d/{name}.fish"),
            ] {
                let text = fs::read_to_string(root.path().join(&file)).unwrap_or_default();
                assert!(text.contains(&name.replace('-', "\\-")) || text.contains(&name), "{file}");
            }
        }
        let page =
            fs::read_to_string(root.path().join("usr/share/man/man1/software-tool-install.1")).unwrap();
        assert!(page.contains("on\\-request"), "{page}");
    }
}
