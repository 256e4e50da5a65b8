//! One boot of QEMU, from its command line to how it ended.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::regions;
use super::scenario::{Clock, End};
use crate::output;
use crate::process;

/// Set to use emulation where acceleration seems possible.
const FORCE_EMULATION: &str = "VIVIANITE_VM_EMULATE";

/// What the kernel says in any case; without its own warnings, which end it, the console stays quiet. On a busy host its
/// check of the timer comes to the conclusion that there is none. Programs and libraries lie where they always lie:
/// what the emulator has translated of a file is of use to the next process only at the same address.
const KERNEL: &str = "console=ttyS0 rdinit=/init panic=-1 oops=panic panic_on_warn=1 quiet loglevel=4 \
    mitigations=off norandmaps no_timer_check audit=0 random.trust_cpu=on systemd.show_status=0 systemd.unit=bed.target";

/// The emulated processor. With `erms` the kernel and the C library copy byte by byte, which the emulator takes
/// literally; with `la57` each look-up of an address goes through one more table.
const EMULATED: &str = "max,erms=off,la57=off";

/// How often the logs are looked at for a wish to have the power cut.
const LOOK_FOR_CUT: Duration = Duration::from_millis(20);

/// How often it is looked at otherwise.
const LOOK: Duration = Duration::from_millis(500);

/// The guest's status for a script that passed its limit; seven bits have to do, so higher ones become 109.
const TIMED_OUT: i32 = 110;

/// The guest's status for a boot that ended in emergency mode.
const EMERGENCY: i32 = 108;

/// Begins a line of the live log: how many hundredths of the usual time the guest's kernel took to start, at least 100.
const PACE: &str = "bed: pace ";

/// A line of the live log by which a script has the power cut.
const CUT: &str = "\nbed: cut power\n";

/// On the console when a simulated chip has had the power cut in a write cycle.
const CUT_IN_CYCLE: &str = "bed: the power went in a write cycle";

/// Signs of a kernel in trouble, on its console.
const TROUBLE: [&str; 5] = ["Kernel panic", "Oops", "BUG:", "WARNING:", "soft lockup"];

/// On the console when the kernel's first thread, which is to become PID 1, does not come to that.
const STUCK: [&str; 2] = ["soft lockup", "[swapper/0:1]"];

/// Everything that one boot needs.
pub struct Machine<'a> {
    /// The kernel.
    pub kernel: &'a Path,
    /// All archives, one after another.
    pub initrd: &'a Path,
    /// The disk with `/var`, if any.
    pub disk: Option<&'a Path>,
    /// The file of memory that outlives the machine.
    pub regions: &'a Path,
    /// The folder for logs and results.
    pub out: PathBuf,
    /// Which boot this is, from 1.
    pub number: usize,
    /// What the guest takes for time.
    pub clock: Clock,
    /// Time for the script.
    pub limit: Duration,
    /// Time that booting, collecting results and ending may take beside it.
    pub margin: Duration,
    /// Units that the machine does without.
    pub mask: Vec<String>,
    /// Whether scripts do all that they can, not what fits among the tests of a change.
    pub full: bool,
}

/// Who sits at the machine's console.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Console {
    /// Nobody; it goes to a file.
    File,
    /// A person at this terminal.
    Terminal,
}

impl Machine<'_> {
    /// Boots, waits for the end, and judges it. A kernel that the emulator does not get to its first program, as a soak run on a
    /// busy host saw once in 75 boots, has one more try: nothing of ours was run.
    pub fn run(&self, end: End) -> Result<()> {
        let mut finish = self.boot(Console::File, end)?;
        if self.is_stuck() {
            output::progress(format!("{}: the kernel hung before its first program", self.out.display()));
            // The next one is judged by its own console, of which QEMU makes the file some time after its start.
            fs::rename(self.out.join("console.log"), self.out.join("console-stuck.log"))?;
            fs::remove_file(self.out.join("live.log"))?;
            finish = self.boot(Console::File, end)?;
        }
        self.judge(&finish, end)
    }

    fn is_stuck(&self) -> bool {
        is_stuck(&read(&self.out.join("console.log")), &read(&self.out.join("live.log")))
    }

    fn judge(&self, finish: &Finish, end: End) -> Result<()> {
        let console = read(&self.out.join("console.log"));
        self.unpack_results()?;
        if let Some(line) = console.lines().find(|line| TROUBLE.iter().any(|sign| line.contains(sign))) {
            bail!("the kernel was in trouble: {line}\n{}", self.tails());
        }
        match judge(finish, end, &console) {
            Ok(()) => Ok(()),
            Err(error) => bail!("{error}\n{}", self.tails()),
        }
    }

    /// Boots with a shell on this terminal.
    pub fn shell(&self) -> Result<()> {
        self.boot(Console::Terminal, End::Verdict).map(|_| ())
    }

    fn boot(&self, console: Console, end: End) -> Result<Finish> {
        // Should we be killed, the machine ends too.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "qemu-system-x86_64"]).args(self.arguments(console)?);
        if console == Console::File {
            let log = File::create(self.out.join("qemu.log"))?;
            command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        }
        let mut child = command.spawn().context("starting QEMU")?;
        let pid = child.id();
        let (sender, receiver) = mpsc::channel();
        let started = Instant::now();
        let look = if end == End::PowerCut { LOOK_FOR_CUT } else { LOOK };
        thread::scope(|scope| {
            // The thread holds the child until it is reaped, so the pid is ours while we use it.
            scope.spawn(move || sender.send(child.wait()));
            let finish = loop {
                match receiver.recv_timeout(look) {
                    Ok(status) => return Ok(Finish::Exited(status.context("waiting for QEMU")?)),
                    Err(RecvTimeoutError::Disconnected) => bail!("nobody waits for QEMU any more"),
                    Err(RecvTimeoutError::Timeout) => {}
                }
                let log = read(&self.out.join("live.log"));
                let is_cut = end == End::PowerCut && log.contains(CUT);
                if is_cut || read(&self.out.join("console.log")).contains(CUT_IN_CYCLE) {
                    break Finish::Cut;
                }
                let is_late = || started.elapsed() > self.limit * pace(&log) / 100 + self.margin;
                if console == Console::File && (is_late() || self.is_stuck()) {
                    break Finish::Late(started.elapsed());
                }
            };
            process::end_tree(pid);
            Ok(finish)
        })
    }

    fn arguments(&self, console: Console) -> Result<Vec<OsString>> {
        let mut arguments: Vec<OsString> = Vec::new();
        let mut add = |option: &str, value: String| arguments.extend([option.into(), value.into()]);
        for (option, value) in processors(self.clock) {
            add(option, value.to_owned());
        }
        for (option, value) in [("-M", "q35"), ("-m", "512"), ("-display", "none")] {
            add(option, value.to_owned());
        }
        let masks: String = self.mask.iter().map(|unit| format!(" systemd.mask={unit}")).collect();
        let mode = if console == Console::Terminal { " bed.shell" } else { "" };
        let mode = format!("{mode}{}", if self.full { " bed.full" } else { "" });
        let kernel =
            format!("{KERNEL} bed.boot={} bed.limit={}{mode}{masks}", self.number, self.limit.as_secs());
        add("-kernel", plain(self.kernel)?);
        add("-initrd", plain(self.initrd)?);
        add("-append", kernel);
        add("-device", "isa-debug-exit,iobase=0xf4,iosize=1".to_owned());
        add("-device", "virtio-serial-pci".to_owned());
        for (name, file) in [("results", "results.tar"), ("log", "live.log")] {
            add("-chardev", format!("file,id={name},path={}", plain(&self.out.join(file))?));
            add("-device", format!("virtserialport,chardev={name},name=bed.{name}"));
        }
        let (regions, bytes) = (plain(self.regions)?, regions::BYTES);
        add("-object", format!("memory-backend-file,id=regions,share=on,mem-path={regions},size={bytes}"));
        add("-device", "ivshmem-plain,memdev=regions".to_owned());
        if let Some(disk) = self.disk {
            add("-drive", format!("file={},format=raw,if=virtio,cache=writeback", plain(disk)?));
        }
        match console {
            Console::File => {
                add("-serial", format!("file:{}", plain(&self.out.join("console.log"))?));
                add("-monitor", "none".to_owned());
            }
            Console::Terminal => add("-serial", "mon:stdio".to_owned()),
        }
        arguments.extend(["-nodefaults", "-no-user-config", "-no-reboot"].map(OsString::from));
        Ok(arguments)
    }

    fn unpack_results(&self) -> Result<()> {
        let (archive, folder) = (self.out.join("results.tar"), self.out.join("results"));
        fs::create_dir_all(&folder)?;
        if archive.metadata().is_ok_and(|metadata| metadata.len() > 0) {
            crate::step::Step::new("tar").arg("-xf").arg(&archive).arg("-C").arg(&folder).output()?;
        }
        Ok(())
    }

    /// The ends of the logs, for an error.
    fn tails(&self) -> String {
        let mut text = String::new();
        for (name, lines) in [("live.log", 30), ("console.log", 20), ("qemu.log", 10)] {
            let path = self.out.join(name);
            let log = read(&path);
            let all: Vec<&str> = log.lines().collect();
            text += &format!("  {}\n", path.display());
            for line in all.get(all.len().saturating_sub(lines)..).unwrap_or_default() {
                text += &format!("  | {line}\n");
            }
        }
        text
    }
}

/// How QEMU came to its end.
#[derive(Debug)]
enum Finish {
    Exited(ExitStatus),
    Cut,
    Late(Duration),
}

/// The guest writes its status plus 16 to a port, from which QEMU makes its own, `2 * value + 1`.
fn judge(finish: &Finish, end: End, console: &str) -> Result<()> {
    let status = match finish {
        Finish::Cut if end == End::PowerCut => return Ok(()),
        Finish::Cut => bail!("the power went in a write cycle, where it was not to"),
        Finish::Late(time) => bail!("the machine hung and was ended after {}", output::seconds(*time)),
        Finish::Exited(status) => status,
    };
    let verdict = status.code().filter(|code| *code >= 33 && code % 2 == 1).map(|code| (code - 33) / 2);
    match (end, verdict) {
        (End::Verdict, Some(0)) => Ok(()),
        (_, Some(EMERGENCY)) => bail!("the boot ended in emergency mode"),
        (_, Some(TIMED_OUT)) => bail!("the script passed its time limit"),
        (End::Verdict, Some(verdict)) => bail!("the script ended with {verdict}"),
        (End::PowerOff, None) if status.success() && console.contains("reboot: Power down") => Ok(()),
        (End::PowerOff | End::PowerCut, Some(verdict)) => {
            bail!("the script ended with {verdict}, where the power was to go")
        }
        (_, None) => bail!("the machine ended without a verdict, QEMU with {status}"),
    }
}

/// One processor where instructions are counted: several would share the count.
fn processors(clock: Clock) -> Vec<(&'static str, &'static str)> {
    match clock {
        Clock::Host => [&accelerator()[..], &[("-smp", "2")]].concat(),
        Clock::Instructions => vec![
            ("-accel", "tcg,thread=single,tb-size=256"),
            ("-cpu", "max"),
            ("-icount", "shift=0"),
            ("-smp", "1"),
        ],
    }
}

/// Hardware acceleration only where it is known to run a stock kernel: a writable `/dev/kvm` alone proves nothing.
fn accelerator() -> [(&'static str, &'static str); 2] {
    let module = ["kvm_intel", "kvm_amd"].iter().any(|name| Path::new("/sys/module").join(name).exists());
    let device = || OpenOptions::new().read(true).write(true).open("/dev/kvm").is_ok();
    if std::env::var_os(FORCE_EMULATION).is_none() && module && device() {
        [("-accel", "kvm"), ("-cpu", "host")]
    } else {
        [("-accel", "tcg,thread=multi,tb-size=256"), ("-cpu", EMULATED)]
    }
}

/// How many hundredths of the usual time everything may take, as the guest has said it.
fn pace(log: &str) -> u32 {
    let said = log.lines().find_map(|line| line.strip_prefix(PACE)?.trim().parse().ok());
    said.map_or(100, |pace: u32| pace.clamp(100, 2_000))
}

/// A path that QEMU does not take for two options.
fn plain(path: &Path) -> Result<String> {
    let text = path.to_str().filter(|text| !text.contains(','));
    Ok(text.with_context(|| format!("QEMU cannot be told of {}", path.display()))?.to_owned())
}

fn read(path: &PathBuf) -> String {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// Whether the kernel hung before any program was run.
fn is_stuck(console: &str, live: &str) -> bool {
    live.is_empty() && console.lines().any(|line| STUCK.iter().all(|sign| line.contains(sign)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn exited(code: i32) -> Finish {
        Finish::Exited(ExitStatus::from_raw(code << 8))
    }

    #[test]
    fn a_guest_that_starts_slowly_has_more_time_and_none_has_less() {
        for (log, wanted) in [
            ("", 100),
            ("bed: pace 250\n[9.1] begins\n", 250),
            ("bed: pace 70\n", 100),
            ("bed: pace soon\n", 100),
            ("bed: pace 999999\n", 2_000),
        ] {
            assert_eq!(pace(log), wanted, "{log:?}");
        }
    }

    #[test]
    fn only_a_kernel_that_hung_before_its_first_program_is_stuck() {
        let stuck = "[ 48.5] watchdog: BUG: soft lockup - CPU#0 stuck for 45s! [swapper/0:1]";
        assert!(is_stuck(stuck, ""));
        assert!(!is_stuck(stuck, "bed: pace 100\n"));
        assert!(!is_stuck("[ 9.5] watchdog: BUG: soft lockup - CPU#0 stuck for 45s! [vpd-select:81]", ""));
        assert!(!is_stuck("[ 9.5] WARNING: somewhere [swapper/0:1]", ""));
    }

    #[test]
    fn only_the_wanted_end_is_a_success() {
        let down = "reboot: Power down";
        for (finish, end, console, wanted) in [
            (exited(33), End::Verdict, "", Ok(())),
            (exited(39), End::Verdict, "", Err("ended with 3")),
            (exited(33 + 2 * EMERGENCY), End::PowerOff, "", Err("emergency")),
            (exited(33 + 2 * TIMED_OUT), End::Verdict, "", Err("time limit")),
            (exited(0), End::Verdict, "", Err("without a verdict")),
            (exited(1), End::Verdict, "", Err("without a verdict")),
            (exited(0), End::PowerOff, down, Ok(())),
            (exited(0), End::PowerOff, "", Err("without a verdict")),
            (exited(33), End::PowerOff, down, Err("power was to go")),
            (exited(33), End::PowerCut, "", Err("power was to go")),
            (Finish::Cut, End::PowerCut, "", Ok(())),
            (Finish::Cut, End::Verdict, "", Err("the power went")),
            (Finish::Late(Duration::ZERO), End::PowerCut, "", Err("hung")),
        ] {
            let judged = judge(&finish, end, console).map_err(|error| error.to_string());
            match (judged, wanted) {
                (Ok(()), Ok(())) => {}
                (Err(text), Err(part)) => assert!(text.contains(part), "{text}"),
                (judged, _) => panic!("{finish:?} {end:?}: {judged:?}"),
            }
        }
    }
}
