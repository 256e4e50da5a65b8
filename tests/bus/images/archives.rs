//! Archives that must be refused: a row for each fault, named after it. But for the fault each would be taken.

use super::bed::MACHINE;
use super::tar::{Entry, archive, members};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use test_random::Numbers;

/// One archive.
pub struct Case {
    /// The row of the specification's table of inputs that must be refused.
    pub row: u8,
    pub name: String,
    pub archive: Vec<u8>,
    /// The event, without what all have in common.
    pub event: &'static str,
    /// A part of the reason.
    pub says: &'static str,
}

pub const UN_TAR: &str = "Image.Error.UnTarFailure";
pub const MANIFEST: &str = "Image.Error.ManifestFileFailure";
pub const FAILURE: &str = "Image.Error.ImageFailure";

pub const PURPOSE: &str = "purpose=xyz.openbmc_project.Software.Version.VersionPurpose.";

fn manifest() -> String {
    format!("{PURPOSE}Other\nversion=hostile\nMachineName={MACHINE}\n")
}

/// An image's members, and others before its MANIFEST.
pub fn with(more: &[Entry]) -> Vec<Entry> {
    let mut entries = vec![Entry::file("payload", "firmware")];
    entries.extend_from_slice(more);
    entries.push(Entry::file("MANIFEST", manifest()));
    entries
}

fn with_manifest(text: impl AsRef<[u8]>) -> Vec<u8> {
    archive(&[Entry::file("payload", "firmware"), Entry::file("MANIFEST", text)])
}

/// What a compressor's command line makes of bytes.
pub fn compressed(program: &str, content: &[u8]) -> Vec<u8> {
    let mut command = Command::new(program);
    let mut child =
        command.arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a compressor");
    let (mut input, content) = (child.stdin.take().unwrap(), content.to_vec());
    let writing = std::thread::spawn(move || input.write_all(&content));
    let output = child.wait_with_output().unwrap().stdout;
    writing.join().unwrap().unwrap();
    output
}

/// All of them. Names that lead elsewhere lead below `root`.
pub fn cases(root: &Path) -> Vec<Case> {
    let mut cases = Cases(Vec::new());
    cases.no_archives();
    cases.cut_archives();
    cases.names(root);
    cases.kinds();
    cases.places();
    cases.headers();
    cases.manifests();
    cases.required_lines();
    cases.unsuitable();
    cases.trailing();
    cases.0
}

struct Cases(Vec<Case>);

impl Cases {
    fn add(&mut self, row: u8, name: &str, archive: Vec<u8>, event: &'static str, says: &'static str) {
        self.0.push(Case { row, name: name.to_owned(), archive, event, says });
    }

    fn un_tar(&mut self, row: u8, name: &str, entries: &[Entry], says: &'static str) {
        self.add(row, name, archive(&with(entries)), UN_TAR, says);
    }

    fn no_archives(&mut self) {
        self.add(1, "text", b"no archive at all\n".repeat(40), UN_TAR, "no tar archive");
        self.add(1, "short-text", b"no archive".to_vec(), UN_TAR, "ends before its end");
        self.add(1, "zeros", vec![0; 4096], UN_TAR, "no tar archive");
        for (name, magic) in [
            ("compress", b"\x1f\x9d\x90".as_slice()),
            ("zstd", b"\x28\xb5\x2f\xfd"),
            ("zip", b"PK\x03\x04"),
            ("lzma", b"\x5d\0\0\x80\0"),
        ] {
            let mut content = magic.to_vec();
            content.resize(1024, 7);
            self.add(1, name, content, UN_TAR, "");
        }
        let good = archive(&with(&[Entry::file("noise", noise(8192))]));
        for program in ["gzip", "xz", "bzip2"] {
            let mut content = compressed(program, &good);
            let middle = content.len() / 2;
            content[middle] ^= 0x55;
            self.add(1, &format!("damaged-{program}"), content, UN_TAR, "damaged");
            let mut content = compressed(program, &good);
            content.truncate(middle);
            self.add(1, &format!("cut-{program}"), content, UN_TAR, "ends before its end");
            let mut content = compressed(program, &good);
            content.truncate(content.len() - 2);
            self.add(1, &format!("cut-tail-of-{program}"), content, UN_TAR, "");
            let mut content = compressed(program, &good);
            content.extend_from_slice(&[7; 700]);
            self.add(16, &format!("trailing-{program}"), content, UN_TAR, "");
        }
        let mark = |mark: [u8; 8]| archive(&[Entry { mark, ..Entry::file("MANIFEST", manifest()) }]);
        self.add(1, "before-posix", mark(*b"\0\0\0\0\0\0\0\0"), UN_TAR, "no tar archive");
        self.add(1, "other-version", mark(*b"ustar\x0001"), UN_TAR, "neither POSIX's nor GNU's");
    }

    fn cut_archives(&mut self) {
        let whole = members(&with(&[]));
        let early = "ends before its end";
        self.add(1, "no-end", whole.clone(), UN_TAR, early);
        let mut content = whole.clone();
        content.resize(content.len() + 512, 0);
        self.add(1, "half-an-end", content, UN_TAR, early);
        self.add(1, "short-header", whole[..1024 + 300].to_vec(), UN_TAR, early);
        self.add(1, "short-member", whole[..512 + 4].to_vec(), UN_TAR, early);
        self.add(1, "short-padding", whole[..512 + 100].to_vec(), UN_TAR, early);
    }

    fn names(&mut self, root: &Path) {
        let absolute = root.join("escaped").display().to_string();
        for (name, bytes) in [
            ("absolute", absolute.as_bytes()),
            ("parent", b"../escaped"),
            ("parent-inside", b"a/../../escaped"),
            ("parent-at-end", b"a/.."),
            ("parent-alone", b".."),
            ("empty-component", b"a//b"),
            ("slash-at-end", b"a/"),
            ("backslash", b"a\\b"),
            ("parent-by-backslash", b"..\\escaped"),
            ("not-utf-8", b"a\xffb"),
            ("overlong-utf-8", b"..\xc0\xafescaped"),
            ("control", b"a\x07b"),
            ("line-break", b"a\nb"),
            ("empty", b""),
            ("root", b"."),
        ] {
            self.un_tar(2, name, &[Entry::file(bytes, "x")], "cannot be taken");
            if name != "empty" {
                // The same by way of a GNU long name and of an attribute, which other code reads.
                let long = Entry::new(b'L', "././@LongLink", [bytes, b"\0"].concat());
                let long = [long, Entry::file("short", "x")];
                self.un_tar(2, &format!("long-{name}"), &long, "cannot be taken");
            }
            if let (Ok(text), false) = (std::str::from_utf8(bytes), name == "line-break" || name == "empty") {
                let pax = [Entry::pax(&[("path", text)]), Entry::file("short", "x")];
                self.un_tar(2, &format!("pax-{name}"), &pax, "cannot be taken");
            }
        }
        for (name, bytes) in [("parent-of-folder", b"../escaped/".as_slice()), ("absolute-folder", b"/")] {
            self.un_tar(2, name, &[Entry::new(b'5', bytes, "")], "cannot be taken");
        }
        let nul = [Entry::new(b'L', "././@LongLink", b"a\0b\0"), Entry::file("short", "x")];
        self.un_tar(2, "nul-in-long-name", &nul, "cannot be taken");
        let nul = [Entry::pax(&[("path", "a\0b")]), Entry::file("short", "x")];
        self.un_tar(2, "nul-in-attribute", &nul, "");
        let prefixed = Entry { prefix: b"..".to_vec(), ..Entry::file("escaped", "x") };
        self.un_tar(2, "parent-by-prefix", &[prefixed], "cannot be taken");
        let long = [Entry::new(b'L', "././@LongLink", vec![b'n'; 256]), Entry::file("short", "x")];
        self.un_tar(2, "too-long", &long, "more than 255");
    }

    fn kinds(&mut self) {
        for (flag, says) in [
            (b'1', "a hard link"),
            (b'2', "a symbolic link"),
            (b'3', "a character device"),
            (b'4', "a block device"),
            (b'6', "a FIFO"),
            (b'7', "a contiguous file"),
            (b's', "a socket"),
            (b'S', "a sparse file"),
            (b'M', "a part of another volume"),
            (b'V', "a volume label"),
            (b'D', "of an unknown type"),
            (b'N', "of an unknown type"),
            (b'X', "of an unknown type"),
            (b'A', "of an unknown type"),
            (b'9', "of an unknown type"),
            (b' ', "of an unknown type"),
            (0xff, "of an unknown type"),
        ] {
            let entry = Entry { link: b"payload".to_vec(), ..Entry::new(flag, "other", "") };
            let says = format!("other is {says}").leak();
            self.un_tar(3, &format!("kind-{}", flag.escape_ascii()), &[entry], says);
        }
        let out = Entry { link: b"/".to_vec(), ..Entry::new(b'2', "out", "") };
        self.un_tar(3, "through-a-link", &[out, Entry::file("out/escaped", "x")], "out is a symbolic link");
        let sparse = [Entry::pax(&[("GNU.sparse.major", "1")]), Entry::file("sparse", "x")];
        self.un_tar(3, "sparse-by-attribute", &sparse, "a member is a sparse file");
        let sparse = [
            Entry::pax(&[
                ("GNU.sparse.major", "1"),
                ("GNU.sparse.name", "real"),
                ("path", "GNUSparseFile.0/real"),
            ]),
            Entry::file("sparse", "x"),
        ];
        self.un_tar(3, "named-sparse-by-attribute", &sparse, "real is a sparse file");
    }

    fn places(&mut self) {
        let folder = |name: &str| Entry::new(b'5', name, "");
        self.un_tar(4, "folder-too-deep", &[folder("a/b/c/d/")], "more than 3 components");
        self.un_tar(4, "file-too-deep", &[Entry::file("a/b/c/d", "x")], "more than 3 components");
        self.un_tar(4, "below-a-file", &[Entry::file("payload/x", "x")], "below a file");
        self.un_tar(4, "folder-below-a-file", &[folder("payload/x/")], "below a file");
        self.un_tar(4, "deep-below-a-file", &[Entry::file("payload/x/y", "x")], "below a file");
        self.un_tar(4, "folder-with-content", &[Entry::new(b'5', "a", "content")], "has content");
        for (name, entries) in [
            ("twice", vec![Entry::file("payload", "other")]),
            ("twice-by-case", vec![Entry::file("PayLoad", "other")]),
            ("twice-by-dot", vec![Entry::file("./payload", "other")]),
            ("twice-as-folder", vec![folder("payload/")]),
            ("folder-then-file", vec![folder("x/"), Entry::file("x", "x")]),
            ("folder-twice", vec![folder("x/"), folder("x")]),
            ("folder-twice-by-case", vec![folder("x/"), Entry::file("X/y", "y")]),
            ("manifest-twice", vec![Entry::file("MANIFEST", manifest())]),
            ("manifest-by-case", vec![Entry::file("Manifest", manifest())]),
            ("twice-by-sigma", vec![Entry::file("\u{3c3}", "x"), Entry::file("\u{3c2}", "x")]),
        ] {
            self.un_tar(5, name, &entries, "twice");
        }
    }

    fn headers(&mut self) {
        let sized = |size: [u8; 12]| Entry { size: Some(size), ..Entry::file("other", "x") };
        for (name, size) in [
            ("negative", *b"-0000000001\0"),
            ("garbage", *b"0000000001z\0"),
            ("nine", *b"00000000009\0"),
            ("blank", *b"            "),
            ("nothing", [0; 12]),
            ("two-numbers", *b"000001 00001"),
            ("negative-in-base-256", [0xff; 12]),
            ("too-large-in-base-256", *b"\x80\0\0\x01\0\0\0\0\0\0\0\0"),
            ("largest-in-base-256", *b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"),
        ] {
            self.un_tar(6, &format!("size-{name}"), &[sized(size)], "");
        }
        for (name, sum_fault) in [("sum-too-large", 1), ("sum-too-small", -1)] {
            self.un_tar(6, name, &[Entry { sum_fault, ..Entry::file("other", "x") }], "");
        }
        for (name, size) in [("smaller", "1"), ("larger", "4000"), ("negative", "-1"), ("no-number", "1x")] {
            let entries = [Entry::pax(&[("size", size)]), Entry::file("other", "12345")];
            self.un_tar(6, &format!("attribute-size-{name}"), &entries, "");
        }
        let entries = [Entry::new(b'x', "pax", "99999 path=x\n"), Entry::file("other", "x")];
        self.un_tar(6, "attribute-longer-than-its-record", &entries, "attributes");
        let entries = [Entry::pax(&[("path", "a")]), Entry::pax(&[("path", "b")]), Entry::file("other", "x")];
        self.un_tar(6, "attributes-twice", &entries, "attributes");
        let mark = *b"\0\0\0\0\0\0\0\0";
        self.un_tar(6, "no-mark", &[Entry { mark, ..Entry::file("other", "x") }], "neither POSIX's");
    }

    fn manifests(&mut self) {
        self.add(8, "no-manifest", archive(&[Entry::file("payload", "x")]), MANIFEST, "there is no MANIFEST");
        self.add(8, "no-members", archive(&[Entry::new(b'5', "./", "")]), MANIFEST, "there is no MANIFEST");
        let elsewhere = archive(&[Entry::file("folder/MANIFEST", manifest())]);
        self.add(8, "manifest-elsewhere", elsewhere, MANIFEST, "there is no MANIFEST");
        let folder = archive(&[Entry::new(b'5', "MANIFEST/", ""), Entry::file("payload", "x")]);
        self.add(8, "manifest-is-a-folder", folder, MANIFEST, "is a folder");
        let above = archive(&[Entry::file("MANIFEST/x", "x"), Entry::file("payload", "x")]);
        self.add(8, "manifest-has-members", above, MANIFEST, "MANIFEST");
        let good = manifest();
        for (name, text, says) in [
            ("empty", Vec::new(), "empty"),
            ("too-long", [good.as_bytes(), &b"# comment\n".repeat(6554)].concat(), "more than 65536"),
            ("long-line", [good.as_bytes(), b"key=", &[b'v'; 4093]].concat(), "more than 4096"),
            ("many-lines", [good.as_bytes(), &[b'\n'; 254]].concat(), "more than 256 lines"),
            ("nul", [good.as_bytes(), b"key=a\0b\n"].concat(), "control"),
            ("not-utf-8", [good.as_bytes(), b"key=a\xffb\n"].concat(), "UTF-8"),
            ("control", [good.as_bytes(), b"key=a\x1bb\n"].concat(), "control"),
            ("carriage-return-inside", [good.as_bytes(), b"key=a\rb\n"].concat(), "control"),
            ("no-equals", [good.as_bytes(), b"key\n"].concat(), "no ="),
            ("no-key", [good.as_bytes(), b"=value\n"].concat(), "no key"),
            ("blank-in-key", [good.as_bytes(), b"ke y=value\n"].concat(), "no key"),
        ] {
            self.add(8, &format!("manifest-{name}"), with_manifest(text), MANIFEST, says);
        }
    }

    fn required_lines(&mut self) {
        let good = manifest();
        for (name, from, to) in [
            ("no-version", "version=hostile\n", ""),
            ("empty-version", "version=hostile", "version="),
            ("blank-version", "version=hostile", "version=  "),
            ("no-purpose", "purpose=", "# "),
            ("other-case", "version=", "Version="),
        ] {
            self.add(9, name, with_manifest(good.replacen(from, to, 1)), MANIFEST, "");
        }
        let emptied = good.replacen(&format!("{PURPOSE}Other"), "purpose=", 1);
        self.add(9, "empty-purpose", with_manifest(emptied), MANIFEST, "purpose");
        for (key, value) in [
            ("purpose", "xyz.openbmc_project.Software.Version.VersionPurpose.Other"),
            ("version", "hostile"),
            ("MachineName", MACHINE),
            ("KeyType", "OpenBMC"),
            ("HashType", "RSA-SHA256"),
        ] {
            let once = if good.contains(key) { "" } else { &*format!("{key}={value}\n") };
            let text = format!("{good}{once}{key}={value}\n");
            self.add(9, &format!("two-of-{key}"), with_manifest(text), MANIFEST, "a second time");
        }
        let text = format!("{good}ExtendedVersion=a\nextended_version=b\n");
        self.add(9, "two-extended-versions", with_manifest(text), MANIFEST, "another extended version");
        let long = good.replacen("hostile", &"v".repeat(257), 1);
        self.add(12, "long-version", with_manifest(long), MANIFEST, "257 bytes");
        for (name, byte) in [("tab", '\t'), ("control", '\x01'), ("escape", '\x1b'), ("delete", '\x7f')] {
            let text = good.replacen("hostile", &format!("ho{byte}stile"), 1);
            self.add(12, &format!("version-with-{name}"), with_manifest(text), MANIFEST, "control");
        }
        for (name, version, says) in
            [("nothing-seen", "\u{200b}", "U+200B"), ("reordering", "1\u{202e}2", "U+202E")]
        {
            let text = good.replacen("hostile", version, 1);
            self.add(12, &format!("version-{name}"), with_manifest(text), MANIFEST, says);
        }
    }

    fn unsuitable(&mut self) {
        let good = manifest();
        let full = "xyz.openbmc_project.Software.Version.VersionPurpose.Other";
        for (name, purpose) in [
            ("bare", "Other"),
            ("unknown", "xyz.openbmc_project.Software.Version.VersionPurpose.Toaster"),
            ("other-case", "xyz.openbmc_project.Software.Version.VersionPurpose.other"),
            ("elsewhere", "xyz.openbmc_project.Other.VersionPurpose.Other"),
            ("with-more", "xyz.openbmc_project.Software.Version.VersionPurpose.Other.More"),
            ("with-blank", "xyz.openbmc_project.Software.Version.VersionPurpose. Other"),
        ] {
            let text = good.replacen(full, purpose, 1);
            self.add(10, &format!("purpose-{name}"), with_manifest(text), FAILURE, "MANIFEST");
        }
        for (name, machine) in
            [("other", "other-machine"), ("longer", "bed-machine-2"), ("case", "Bed-Machine")]
        {
            let text = good.replacen(MACHINE, machine, 1);
            self.add(
                11,
                &format!("machine-{name}"),
                with_manifest(text),
                FAILURE,
                "Machine name does not match",
            );
        }
        for (name, identity) in [
            ("slash", "model=a/b,manufacturer=m"),
            ("parent", "model=..,manufacturer=m"),
            ("dot", "model=m,manufacturer=."),
            ("empty", "model=,manufacturer=m"),
            ("long", &format!("model={},manufacturer=m", "m".repeat(65))),
            ("not-ascii", "model=m\u{f6}del,manufacturer=m"),
            ("no-manufacturer", "model=m"),
            ("two-models", "model=a,model=b,manufacturer=m"),
            ("tab", "model=a\tb,manufacturer=m"),
            ("nothing", ""),
        ] {
            let text = good.replacen("Other", "PSU", 1) + &format!("ExtendedVersion={identity}\n");
            self.add(14, &format!("supply-{name}"), with_manifest(text), FAILURE, "");
        }
    }

    fn trailing(&mut self) {
        let good = archive(&with(&[]));
        let mut content = good.clone();
        content.extend_from_slice(&members(&[Entry::file("hidden", "x")]));
        self.add(16, "another-member-after-the-end", content, UN_TAR, "goes on after its end");
        let mut content = good.clone();
        content.resize(content.len() + 64 * 1024, 0);
        self.add(16, "many-zeros", content.clone(), UN_TAR, "goes on after its end");
        let mut content = good;
        content.push(1);
        self.add(16, "one-byte", content, UN_TAR, "goes on after its end");
    }
}

/// Bytes that do not compress, always the same.
pub fn noise(length: usize) -> Vec<u8> {
    Numbers::new(0x5eed_0031).bytes(length)
}
