//! Chips that ruin a page when the power goes, a disk, and what is written to them.

use std::cell::RefCell;
use test_random::Numbers;
use vpd_format::ipz::{Code, ImageDescription, RecordDescription};
use vpd_format::keyword::{self, Ending, Tag};
use vpd_format::{Bytes, KeywordName, RecordName};
use vpd_transaction::{ChipPlace, Edit, Journal, Machine, Step, VpdWindow, layout_of, plan_chip};

/// In what state a cut leaves what it strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Nothing was done yet.
    Old,
    /// All was done.
    New,
    /// The page is erased.
    Erased,
    /// The page has any bytes.
    Random,
    /// Each byte is old, new or erased.
    Mixed,
    /// Some bytes were written, one is on its way: drivers may write byte by byte.
    Partly,
}

impl Mode {
    pub const ALL: [Self; 6] = [Self::Old, Self::New, Self::Erased, Self::Random, Self::Mixed, Self::Partly];
}

/// What goes wrong with one write, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The driver says that it failed, and nothing was written.
    Refused,
    /// Taken, and nothing was written.
    Ignored,
    /// Taken, and the page has any bytes.
    Ruined,
    /// The driver says that it failed, and the page has any bytes.
    RefusedAndRuined,
}

impl Fault {
    pub const ALL: [Self; 4] = [Self::Refused, Self::Ignored, Self::Ruined, Self::RefusedAndRuined];
}

pub struct World {
    pub cells: Vec<Vec<u8>>,
    /// The journal's text on disk.
    pub saved: Option<Vec<String>>,
    pub absent: Option<usize>,
    /// A page that never holds what is written.
    pub worn: Option<(usize, u64)>,
    /// A chip that takes no write.
    pub protected: Option<usize>,
    /// An SPI chip that does not answer any more after so many writes: what it is sent is taken, and it reads as 0xff.
    pub silent_after: Option<usize>,
    pub is_full: bool,
    pub is_full_after_first: bool,
    pub writes: usize,
    saves: usize,
    page_size: u64,
    cut: Option<(usize, Mode)>,
    failing: Option<(usize, Fault)>,
    steps: usize,
    is_off: bool,
    random: RefCell<Numbers>,
}

const OFF: &str = "the power is off";

impl World {
    pub fn new(case: &Case) -> Self {
        Self {
            cells: case.old.clone(),
            saved: None,
            absent: None,
            worn: None,
            protected: None,
            silent_after: None,
            is_full: false,
            is_full_after_first: false,
            writes: 0,
            saves: 0,
            page_size: u64::from(case.page_size),
            cut: None,
            failing: None,
            steps: 0,
            is_off: false,
            random: RefCell::new(Numbers::silent(15)),
        }
    }

    /// What is left when the power comes back.
    pub fn restarted(&self) -> Self {
        Self {
            cells: self.cells.clone(),
            saved: self.saved.clone(),
            absent: self.absent,
            worn: self.worn,
            protected: self.protected,
            silent_after: None,
            is_full: false,
            is_full_after_first: false,
            writes: 0,
            saves: 0,
            page_size: self.page_size,
            cut: None,
            failing: None,
            steps: 0,
            is_off: false,
            random: RefCell::new(Numbers::silent(self.steps as u64)),
        }
    }

    pub fn journal(&self) -> Option<Journal> {
        let lines = self.saved.as_ref()?;
        Some(Journal::parse(lines.iter().map(String::as_str)).unwrap())
    }

    pub fn cut_at(&mut self, step: usize, mode: Mode) {
        self.cut = Some((step, mode));
    }

    pub fn fail(&mut self, write: usize, fault: Fault) {
        self.failing = Some((write, fault));
    }

    pub fn wear_out(&mut self, chip: usize, offset: u64) {
        self.worn = Some((chip, offset));
    }

    pub fn steps(&self) -> usize {
        self.steps
    }

    fn is_silent(&self) -> bool {
        self.silent_after.is_some_and(|after| self.writes > after)
    }

    pub fn is_off(&self) -> bool {
        self.is_off
    }

    fn page_of(&self, chip: usize, offset: u64) -> std::ops::Range<usize> {
        let start = (offset / self.page_size * self.page_size) as usize;
        start..(start + self.page_size as usize).min(self.cells[chip].len())
    }

    fn ruin(&mut self, chip: usize, offset: u64, bytes: &[u8], mode: Mode) {
        let page = self.page_of(chip, offset);
        let old = self.cells[chip][page.clone()].to_vec();
        let mut new = old.clone();
        let start = offset as usize - page.start;
        new[start..start + bytes.len()].copy_from_slice(bytes);
        let mut random = self.random.borrow_mut();
        let reached = start + random.below(bytes.len());
        let cells = &mut self.cells[chip][page];
        for (at, cell) in cells.iter_mut().enumerate() {
            *cell = match mode {
                Mode::Old => old[at],
                Mode::New => new[at],
                Mode::Erased => 0xff,
                Mode::Random => random.byte(),
                Mode::Mixed => [old[at], new[at], 0xff][random.below(3)],
                Mode::Partly if at < reached => new[at],
                Mode::Partly if at == reached => random.byte(),
                Mode::Partly => old[at],
            };
        }
    }
}

impl Machine for World {
    type Error = &'static str;

    fn perform(&mut self, step: Step<'_>) -> Result<(), &'static str> {
        if self.is_off {
            return Err(OFF);
        }
        let mode = self.cut.filter(|(at, _)| *at == self.steps).map(|(_, mode)| mode);
        self.steps += 1;
        self.is_off = mode.is_some();
        match step {
            Step::SaveJournal(journal) => {
                self.saves += 1;
                if self.is_full || (self.is_full_after_first && self.saves > 1) {
                    return Err("the disk is full");
                }
                if matches!(mode, None | Some(Mode::New | Mode::Mixed | Mode::Random)) {
                    self.saved = Some(journal.to_text());
                }
            }
            Step::Write { chip, offset, bytes } => {
                let page = self.page_of(chip, offset);
                assert!(offset as usize + bytes.len() <= page.end, "a write across pages");
                self.writes += 1;
                let worn = self.worn == Some((chip, page.start as u64));
                let fault = self.failing.filter(|(at, _)| *at + 1 == self.writes).map(|(_, fault)| fault);
                match (mode, fault) {
                    _ if self.is_silent() => {}
                    _ if self.protected == Some(chip) => {}
                    (Some(mode), _) => self.ruin(chip, offset, bytes, mode),
                    (None, Some(Fault::Refused)) => return Err("refused"),
                    (None, Some(Fault::Ignored)) => {}
                    (None, Some(Fault::Ruined)) => self.ruin(chip, offset, bytes, Mode::Random),
                    (None, Some(Fault::RefusedAndRuined)) => {
                        self.ruin(chip, offset, bytes, Mode::Random);
                        return Err("refused");
                    }
                    (None, None) if worn => self.ruin(chip, offset, bytes, Mode::Random),
                    (None, None) => self.ruin(chip, offset, bytes, Mode::New),
                }
            }
        }
        if self.is_off { Err(OFF) } else { Ok(()) }
    }

    fn read(&mut self, chip: usize, offset: u64, buffer: &mut [u8]) -> Result<(), &'static str> {
        if self.is_off {
            return Err(OFF);
        }
        let cells = self.cells[chip].get(offset as usize..offset as usize + buffer.len());
        buffer.copy_from_slice(cells.ok_or("past the end")?);
        if self.is_silent() {
            buffer.fill(0xff);
        }
        Ok(())
    }

    fn size(&self, chip: usize) -> Option<u64> {
        (self.absent != Some(chip)).then(|| self.cells[chip].len() as u64)
    }
}

/// A change of chips, and what they hold before and after.
pub struct Case {
    pub name: String,
    pub journal: Journal,
    pub old: Vec<Vec<u8>>,
    pub new: Vec<Vec<u8>>,
    pub page_size: u32,
    /// Other parts of the same make, and a blank one, for each chip.
    pub others: Vec<(&'static str, Vec<Vec<u8>>)>,
}

/// Where a chip differs from what it held.
pub fn differences(case: &Case, chip: usize, cells: &[u8]) -> String {
    let differs = |other: &[u8]| {
        let at: Vec<usize> = (0..cells.len()).filter(|at| cells[*at] != other[*at]).collect();
        format!("{} bytes, first {:?} last {:?}", at.len(), at.first(), at.last())
    };
    format!("from the old {}, from the new {}", differs(&case.old[chip]), differs(&case.new[chip]))
}

fn keyword(record: Option<&[u8; 4]>, keyword: &[u8; 2], value: &[u8]) -> Edit {
    Edit::Keyword {
        record: record.map(|name| RecordName(*name)),
        keyword: KeywordName(*keyword),
        value: value.to_vec(),
        pad: Some(b' '),
        expected: None,
    }
}

fn ipz(serial: &[u8; 12], system: &[u8; 8], notes: u8) -> Vec<u8> {
    let record = |name: &[u8; 4], keywords: &[(&[u8; 2], &[u8])]| RecordDescription {
        name: RecordName(*name),
        record_type: 0xff,
        keywords: keywords.iter().map(|(name, value)| (KeywordName(**name), value.to_vec())).collect(),
        minimum_length: 0,
    };
    let description = ImageDescription {
        size: 1024,
        fill: 0xff,
        code: Code::Computed,
        records: vec![
            record(b"VINI", &[(b"DR", b"SYSTEM BACKPLANE"), (b"SN", serial), (b"CC", b"2E2D")]),
            record(b"VSYS", &[(b"TM", system), (b"SE", b"7VIV001"), (b"ID", &[notes; 60])]),
        ],
    };
    description.encode().unwrap()
}

fn flat(tag: Tag, ending: Ending, serial: &[u8; 12], note: &[u8; 20]) -> Vec<u8> {
    let mut keywords = vec![
        (KeywordName(*b"PN"), b"01VIV23".to_vec()),
        (KeywordName(*b"SN"), serial.to_vec()),
        (KeywordName(*b"B2"), note.to_vec()),
    ];
    let is_pci = tag == Tag::ReadOnly;
    if is_pci {
        keywords.push((KeywordName::RV, vec![0]));
    }
    let writable = (is_pci && ending == Ending::Plain)
        .then(|| vec![(KeywordName(*b"YA"), b"ASSET 01".to_vec()), (KeywordName::RW, vec![0; 20])]);
    let description = keyword::ImageDescription {
        size: 300,
        fill: 0xff,
        identifier: b"ADAPTER".to_vec(),
        tag,
        ending,
        keywords,
        writable,
    };
    description.encode().unwrap()
}

/// The VPD of a chip lies at an offset, with bytes of others around it.
fn placed(image: &[u8], offset: usize) -> Vec<u8> {
    [&vec![0x3c; offset][..], image, &[0xc3; 37]].concat()
}

struct Make {
    name: &'static str,
    old: fn(usize) -> Vec<u8>,
    edits: fn() -> Vec<Edit>,
    others: fn() -> Vec<(&'static str, Vec<u8>)>,
}

const SERIAL: &[u8; 12] = b"YVIV00000001";

fn makes() -> Vec<Make> {
    keyword_changes().into_iter().chain(repairs()).chain(flat_changes()).collect()
}

fn keyword_changes() -> Vec<Make> {
    vec![
        Make {
            name: "IPZ, the serial number",
            old: |_| ipz(SERIAL, b"9105-VV1", 0),
            edits: || vec![keyword(Some(b"VINI"), b"SN", b"ZWJW1111111X")],
            others: || vec![("another card", ipz(b"QQQQ22222222", b"9105-VV1", 0))],
        },
        Make {
            name: "IPZ, two records at once, one of them long",
            // The redundant chip may hold another value.
            old: |chip| ipz(SERIAL, if chip == 0 { b"9105-VV1" } else { b"8286-XX2" }, 0),
            edits: || {
                vec![
                    keyword(Some(b"VSYS"), b"TM", b"1234-567"),
                    keyword(Some(b"VSYS"), b"ID", &[0x5a; 60]),
                    keyword(Some(b"VINI"), b"DR", b"RISER"),
                ]
            },
            others: || {
                let renamed = ipz(b"QQQQ22222222", b"9105-VV1", 0);
                vec![("another card", renamed)]
            },
        },
        Make {
            name: "IPZ, a record beside the one that tells parts apart",
            old: |_| ipz(SERIAL, b"9105-VV1", 0),
            edits: || vec![keyword(Some(b"VSYS"), b"SE", b"1BBB222")],
            others: || vec![("another card of the same contents", ipz(b"QQQQ22222222", b"9105-VV1", 0))],
        },
    ]
}

fn repairs() -> Vec<Make> {
    vec![
        Make {
            name: "IPZ, a damaged record",
            old: |_| {
                let mut image = ipz(SERIAL, b"9105-VV1", 0);
                let at = image.windows(8).position(|bytes| bytes == b"9105-VV1").unwrap();
                image[at - 4..at + 30].fill(0x77);
                image
            },
            edits: || vec![whole_record(&ipz(SERIAL, b"9105-VV1", 0), b"VSYS")],
            others: || vec![("a sound card", ipz(b"QQQQ22222222", b"9105-VV1", 0))],
        },
        Make {
            name: "IPZ, header and table of contents, and a record that was damaged with them",
            old: |_| {
                let mut image = ipz(SERIAL, b"9105-VV1", 0);
                let at = image.windows(8).position(|bytes| bytes == b"9105-VV1").unwrap();
                image[20..50].fill(0x77);
                image[at - 4..at + 30].fill(0x77);
                image
            },
            edits: || {
                let image = ipz(SERIAL, b"9105-VV1", 0);
                let layout = layout_of(Bytes(&image), VpdWindow::default()).unwrap();
                vec![layout, whole_record(&image, b"VSYS")]
            },
            others: || vec![("a sound card", ipz(b"QQQQ22222222", b"9105-VV1", 0))],
        },
        Make {
            name: "IPZ, a blank chip as a whole",
            old: |_| vec![0xff; ipz(SERIAL, b"9105-VV1", 0).len()],
            edits: || {
                let image = ipz(SERIAL, b"9105-VV1", 0);
                let layout = layout_of(Bytes(&image), VpdWindow::default()).unwrap();
                vec![layout, whole_record(&image, b"VINI"), whole_record(&image, b"VSYS")]
            },
            others: || vec![("a sound card", ipz(b"QQQQ22222222", b"9105-VV1", 0))],
        },
    ]
}

fn flat_changes() -> Vec<Make> {
    vec![
        Make {
            name: "keyword VPD",
            old: |_| flat(Tag::Vendor, Ending::Checksum, SERIAL, b"note number one     "),
            edits: || vec![keyword(None, b"SN", b"ZWJW1111111X"), keyword(None, b"B2", b"other")],
            others: || {
                vec![(
                    "another module",
                    flat(Tag::Vendor, Ending::Checksum, b"QQQQ22222222", b"what was never said "),
                )]
            },
        },
        Make {
            name: "PCI VPD, the first section",
            old: |_| flat(Tag::ReadOnly, Ending::Plain, SERIAL, b"note number one     "),
            edits: || vec![keyword(None, b"SN", b"ZWJW1111111X")],
            others: || {
                vec![(
                    "another adapter",
                    flat(Tag::ReadOnly, Ending::Plain, b"QQQQ22222222", b"note number one     "),
                )]
            },
        },
        Make {
            name: "PCI VPD, the writable section",
            old: |_| flat(Tag::ReadOnly, Ending::Plain, SERIAL, b"note number one     "),
            edits: || vec![keyword(None, b"YA", b"TAG")],
            others: || {
                vec![(
                    "another adapter",
                    flat(Tag::ReadOnly, Ending::Plain, b"QQQQ22222222", b"note number one     "),
                )]
            },
        },
    ]
}

fn whole_record(image: &[u8], name: &[u8; 4]) -> Edit {
    let vpd = vpd_format::read(&mut Bytes(image), &vpd_format::ReadOptions::default()).unwrap();
    let vpd_format::Content::Ipz(image) = vpd.content else { panic!() };
    let record = RecordName(*name);
    Edit::Record { record, copy: image.record(record).unwrap().bytes().to_vec() }
}

/// Whether every point is to be enumerated.
pub fn is_soak() -> bool {
    std::env::var_os("VIVIANITE_SOAK").is_some_and(|value| value == "1")
}

/// Which of many points is taken: all in a soak, one in so many else, others for each seed.
pub fn takes(random: &mut Numbers, one_in: usize) -> bool {
    is_soak() || random.one_in(one_in)
}

/// Each kind of VPD, with pages from small to larger than all, alone and with a redundant chip.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for make in makes() {
        for (page_size, offset) in [(16, 0), (32, 40), (128, 0), (256, 40), (4096, 0)] {
            for chips in [1, 2] {
                // A whole image has many small pages, each of which is cut at.
                let is_short = page_size >= 128 || !make.name.contains("as a whole");
                if is_soak() || (is_short && (page_size > 16 || chips == 1)) {
                    cases.push(case(&make, page_size, offset, chips));
                }
            }
        }
    }
    cases
}

fn case(make: &Make, page_size: u32, offset: usize, chips: usize) -> Case {
    let (mut old, mut new, mut changes) = (Vec::new(), Vec::new(), Vec::new());
    for chip in 0..chips {
        let cells = placed(&(make.old)(chip), offset);
        let place = ChipPlace {
            key: format!("{chip}-0050"),
            fru: format!("{}-0050", chips - 1),
            path: format!("/sys/bus/i2c/devices/{chip}-0050/eeprom"),
            window: VpdWindow { offset: offset as u64, size: Some((cells.len() - offset - 37) as u64) },
            page_size,
            format: None,
            policy: vpd_format::Policy::Recover,
        };
        let plan = plan_chip(Bytes(&cells), &place, &(make.edits)()).unwrap();
        let mut written = cells.clone();
        for page in &plan.change.pages {
            written[page.offset as usize..][..page.new.len()].copy_from_slice(&page.new);
        }
        old.push(cells);
        new.push(written);
        changes.push(plan.change);
    }
    let other = |image: Vec<u8>| (0..chips).map(|_| placed(&image, offset)).collect::<Vec<_>>();
    let mut others: Vec<_> = (make.others)().into_iter().map(|(what, image)| (what, other(image))).collect();
    // A blank part is not told from the blank part that the change began with.
    let is_blank = (make.old)(0).iter().all(|byte| *byte == 0xff);
    if page_size < 64 && !is_blank {
        // Where all that was read lies in the page that changes, nothing tells it from a page that was being erased.
        others.push(("a blank part", old.iter().map(|cells: &Vec<u8>| vec![0xff; cells.len()]).collect()));
    }
    let journal = Journal {
        key: format!("{}-0050", chips - 1),
        power_off_only: false,
        backup_follows: true,
        direction: vpd_transaction::Direction::Forward,
        chips: changes,
    };
    Case {
        name: format!("{}, pages of {page_size}, offset {offset}, {chips} chips", make.name),
        journal,
        old,
        new,
        page_size,
        others,
    }
}
