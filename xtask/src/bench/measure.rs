//! What one run of one command costs: instructions, peak memory, bytes read.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::step::Step;

/// Longest run of one measured command, valgrind's slowness included.
const DEADLINE: Duration = Duration::from_secs(120);

/// Runs whose peak memory is compared.
const RUNS: usize = 9;

/// A command to measure, free of what would falsify it.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The binary.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// The bus that it takes for the system bus.
    pub address: String,
    /// The file whose reading is of interest.
    pub input: Option<PathBuf>,
}

/// What a run cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cost {
    /// Instructions executed, by callgrind.
    pub instructions: u64,
    /// Peak resident set in KiB, of the process alone; the median of several runs.
    pub peak_kib: u64,
    /// Bytes read from [`Subject::input`].
    pub bytes_read: Option<u64>,
    /// The exit status.
    pub status: i32,
}

/// The programs that measure.
pub struct Meter {
    peak_memory: PathBuf,
    folder: PathBuf,
}

impl Meter {
    /// Puts working files into `folder`; `peak_memory` is the compiled `peak-memory.c`.
    pub fn new(peak_memory: PathBuf, folder: PathBuf) -> Self {
        Self { peak_memory, folder }
    }

    /// Runs the subject once per kind of measurement; it must bear being run again.
    pub fn measure(&self, subject: &Subject) -> Result<Cost> {
        let (peak_kib, status) = self.peak(subject)?;
        let instructions = self.instructions(subject, status)?;
        let bytes_read = match &subject.input {
            Some(input) => Some(self.bytes_read(subject, input)?),
            None => None,
        };
        Ok(Cost { instructions, peak_kib, bytes_read, status })
    }

    /// The median of several runs: where libraries are mapped changes how many of their pages are touched.
    fn peak(&self, subject: &Subject) -> Result<(u64, i32)> {
        let mut peaks = (0..RUNS).map(|_| self.one_peak(subject)).collect::<Result<Vec<_>>>()?;
        peaks.sort_unstable();
        let (median, status) = peaks.get(RUNS / 2).copied().context("no run was made")?;
        if peaks.iter().any(|(_, other)| *other != status) {
            bail!("{} ends now with one status, now with another", subject.program.display());
        }
        Ok((median, status))
    }

    fn one_peak(&self, subject: &Subject) -> Result<(u64, i32)> {
        let report = self.folder.join("peak.txt");
        let wrapper = [self.peak_memory.as_os_str(), report.as_os_str()];
        let captured = subject.under(&wrapper).capture()?;
        if !captured.status.success() {
            bail!("measuring the memory of {} failed\n{}", subject.program.display(), captured.stderr);
        }
        parse_peak(&fs::read_to_string(&report).context("reading the memory report")?)
    }

    fn instructions(&self, subject: &Subject, expected: i32) -> Result<u64> {
        let report = self.folder.join("callgrind.out");
        let output = OsString::from(format!("--callgrind-out-file={}", report.display()));
        let wrapper = [OsStr::new("valgrind"), OsStr::new("--tool=callgrind"), OsStr::new("-q"), &output];
        let captured = subject.under(&wrapper).capture()?;
        // Another status than before means another path through the program, hence not the same subject.
        if captured.status.code() != Some(expected) {
            let found = captured.status;
            bail!(
                "{} under valgrind: {found} instead of {expected}\n{}",
                subject.program.display(),
                captured.stderr
            );
        }
        parse_instructions(&fs::read_to_string(&report).context("reading the instruction report")?)
    }

    fn bytes_read(&self, subject: &Subject, input: &Path) -> Result<u64> {
        let report = self.folder.join("strace.out");
        let calls = "trace=read,pread64,readv,preadv,preadv2";
        let wrapper = [
            "strace".as_ref(),
            "-f".as_ref(),
            "-e".as_ref(),
            calls.as_ref(),
            "-P".as_ref(),
            input.as_os_str(),
        ];
        let wrapper = [wrapper.as_slice(), &["-o".as_ref(), report.as_os_str()]].concat();
        subject.under(&wrapper).capture()?;
        Ok(sum_of_reads(&fs::read_to_string(&report).context("reading the system call report")?))
    }
}

impl Subject {
    /// The command without any instrument.
    pub fn step(&self) -> Step {
        self.prepared(Step::new(&self.program))
    }

    fn under(&self, wrapper: &[&OsStr]) -> Step {
        let (program, arguments) = wrapper.split_first().expect("every wrapper names its program");
        self.prepared(Step::new(program).args(arguments).arg(&self.program))
    }

    fn prepared(&self, step: Step) -> Step {
        step.args(&self.arguments)
            .env(test_bus::ADDRESS_VARIABLE, &self.address)
            // One error path with a back-trace costs more than a hundred runs without.
            .env_remove("RUST_BACKTRACE")
            .env_remove("RUST_LIB_BACKTRACE")
            .deadline(DEADLINE)
    }
}

fn parse_peak(report: &str) -> Result<(u64, i32)> {
    let fields: Vec<&str> = report.split_whitespace().collect();
    let [peak, _, _, status] = fields.as_slice() else { bail!("the memory report is {report:?}") };
    Ok((peak.parse()?, status.parse()?))
}

fn parse_instructions(report: &str) -> Result<u64> {
    let line = report.lines().find_map(|line| line.strip_prefix("summary:").or(line.strip_prefix("totals:")));
    let count = line.context("the instruction report has no total")?;
    Ok(count.trim().parse()?)
}

/// Adds up the results of the traced calls; failed and unfinished ones have none.
fn sum_of_reads(report: &str) -> u64 {
    let result = |line: &str| line.rsplit_once(" = ")?.1.split_whitespace().next()?.parse::<u64>().ok();
    report.lines().filter_map(result).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_read() {
        assert_eq!(parse_peak("1536 800 400 65\n").unwrap(), (1536, 65));
        assert!(parse_peak("").is_err());
        assert_eq!(parse_instructions("events: Ir\nfn=x\n1 2\nsummary: 2170000\n").unwrap(), 2_170_000);
        assert!(parse_instructions("events: Ir\n").is_err());
    }

    #[test]
    fn only_what_was_read_counts() {
        let report = "1 pread64(3, \"a = 9\"..., 55, 0) = 55\n1 read(3, \"\", 9) = 0\n\
            1 read(3, 0x0, 9) = -1 EIO (Input/output error)\n1 pread64(3, \"x\", 2, 60) = 2\n1 +++ exited with 0 +++\n";
        assert_eq!(sum_of_reads(report), 57);
    }
}
