//! A writer in another process. Alone in its program: a process that is being started has all descriptors of the one that
//! starts it for a moment, and so would be a writer of other tests' files.
#![allow(missing_docs, reason = "a test")]

use kernel_calls::{OpenForWriting, is_open_for_writing};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

#[test]
fn a_writer_in_another_process_counts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, "content").unwrap();
    let ask = || is_open_for_writing(&File::open(&path).unwrap()).unwrap();
    if ask() == OpenForWriting::Unknown {
        let sentence = "SKIPPED a writer in another process: temporary files have no leases here";
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{sentence}");
        println!("{sentence}");
        return;
    }
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec 3>>\"$1\"; echo open; read line; exec 3>&-; echo closed; read line", "sh"]);
    let mut child = shell.arg(&path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut orders = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "open");
    assert_eq!(ask(), OpenForWriting::Yes);
    orders.write_all(b"\n").unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "closed");
    assert_eq!(ask(), OpenForWriting::No, "it has closed it and lives");
    drop(orders);
    child.wait().unwrap();
}
