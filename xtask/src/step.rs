//! Commands in the foreground: shown before they run, bounded in time, explained when they fail.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::{output, process};

/// Lines of a failed command's output that are repeated in the error.
const TAIL_LINES: usize = 40;

/// Time that a command gets unless it asks for another.
const USUAL_DEADLINE: Duration = Duration::from_secs(900);

/// One command to run to its end.
pub struct Step {
    command: Command,
    shown: String,
    deadline: Duration,
}

/// What a captured command left behind.
pub struct Captured {
    /// Its exit status.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error, lossily decoded.
    pub stderr: String,
}

impl Step {
    /// A command to be found on the search path.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let shown = program.as_ref().to_string_lossy().into_owned();
        let mut command = Command::new(program);
        command.stdin(Stdio::null());
        Self { command, shown, deadline: USUAL_DEADLINE }
    }

    /// A command that somebody else has made, with its arguments and environment.
    pub fn of(mut command: Command) -> Self {
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let shown = words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ");
        command.stdin(Stdio::null());
        Self { command, shown, deadline: USUAL_DEADLINE }
    }

    /// The cargo that runs us.
    pub fn cargo() -> Self {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut step = Self::new(cargo);
        step.shown = "cargo".to_owned();
        step
    }

    /// Adds arguments.
    pub fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        for argument in arguments {
            self = self.arg(argument);
        }
        self
    }

    /// Adds one argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.shown.push(' ');
        self.shown.push_str(&argument.as_ref().to_string_lossy());
        self.command.arg(argument);
        self
    }

    /// Sets an environment variable and shows it.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.shown = format!("{name}={:?} {}", value.as_ref(), self.shown);
        self.command.env(name, value);
        self
    }

    /// Removes an environment variable.
    pub fn env_remove(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Runs in this folder.
    pub fn dir(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Bounds the run; afterwards the command and its descendants are ended.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Runs with the output going straight to the terminal.
    pub fn run(mut self) -> Result<()> {
        output::progress(format!("$ {}", self.shown));
        let started = Instant::now();
        let status = self.wait()?;
        self.judge(status, "")?;
        output::progress(format!("done in {}", output::seconds(started.elapsed())));
        Ok(())
    }

    /// Runs with the output kept back, and shows its tail only on failure.
    pub fn run_quietly(mut self) -> Result<()> {
        output::progress(format!("$ {}", self.shown));
        let mut log = tempfile::tempfile().context("creating a file for the command's output")?;
        self.command.stdout(log.try_clone()?).stderr(log.try_clone()?);
        let status = self.wait()?;
        self.judge(status, &String::from_utf8_lossy(&read_back(&mut log)?))
    }

    /// Runs silently and hands over output and status, whatever the status.
    pub fn capture(mut self) -> Result<Captured> {
        let mut stdout = tempfile::tempfile().context("creating a file for the command's output")?;
        let mut stderr = tempfile::tempfile().context("creating a file for the command's errors")?;
        self.command.stdout(stdout.try_clone()?).stderr(stderr.try_clone()?);
        let status = self.wait()?;
        let stderr = String::from_utf8_lossy(&read_back(&mut stderr)?).into_owned();
        Ok(Captured { status, stdout: read_back(&mut stdout)?, stderr })
    }

    /// Runs silently and hands over standard output; a failing status is an error.
    pub fn output(self) -> Result<Vec<u8>> {
        let shown = self.shown.clone();
        let captured = self.capture()?;
        if !captured.status.success() {
            bail!("`{shown}` ended with {}\n{}", captured.status, tail(&captured.stderr));
        }
        Ok(captured.stdout)
    }

    fn wait(&mut self) -> Result<ExitStatus> {
        let mut child = self.command.spawn().with_context(|| format!("starting `{}`", self.shown))?;
        let pid = child.id();
        let (sender, receiver) = mpsc::channel();
        // The waiting thread holds the child until it is reaped, so the pid below is ours while we use it.
        let waiter = thread::spawn(move || {
            let _ = sender.send(child.wait());
        });
        let status = match receiver.recv_timeout(self.deadline) {
            Ok(status) => status.context("waiting for the command"),
            Err(_) => {
                process::end_tree(pid);
                let _ = receiver.recv_timeout(Duration::from_secs(10));
                bail!(
                    "`{}` passed its deadline of {} and was ended",
                    self.shown,
                    output::seconds(self.deadline)
                );
            }
        };
        let _ = waiter.join();
        status
    }

    fn judge(&self, status: ExitStatus, log: &str) -> Result<()> {
        if status.success() {
            return Ok(());
        }
        bail!("`{}` ended with {status}\n{}", self.shown, tail(log));
    }
}

/// The full path of a program, if the search path has it.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|candidate| candidate.is_file())
}

fn read_back(file: &mut File) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let kept = lines.get(lines.len().saturating_sub(TAIL_LINES)..).unwrap_or_default();
    kept.iter().map(|line| format!("  | {line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_repeats_the_end_of_the_output() {
        let error =
            Step::new("sh").args(["-c", "echo first; echo last >&2; exit 3"]).run_quietly().unwrap_err();
        let text = error.to_string();
        assert!(text.contains("exit status: 3") && text.contains("  | last"), "{text}");
    }

    #[test]
    fn deadline_ends_the_command_and_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let script = format!("sleep 600 & echo $! >{0}/pid; wait", folder.path().display());
        let step = Step::new("sh").args(["-c", &script]).deadline(Duration::from_millis(700));
        let error = step.run_quietly().unwrap_err().to_string();
        assert!(error.contains("deadline"), "{error}");
        let pid = std::fs::read_to_string(folder.path().join("pid")).unwrap();
        // The signal is sent, but the kernel delivers it in its own time.
        let started = Instant::now();
        while is_running(pid.trim()) {
            assert!(
                started.elapsed() < Duration::from_secs(10),
                "process {pid} outlived its parent's deadline"
            );
            thread::yield_now();
        }
    }

    fn is_running(pid: &str) -> bool {
        std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
    }

    #[test]
    fn tail_keeps_the_last_lines_only() {
        let text: String = (0..100).map(|n| format!("{n}\n")).collect();
        let kept = tail(&text);
        assert_eq!(kept.lines().count(), TAIL_LINES);
        assert!(kept.ends_with("  | 99"));
    }
}
