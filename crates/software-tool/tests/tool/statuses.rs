//! Command lines, streams and statuses of the process.

use crate::desk::Desk;
use std::process::{Command, Stdio};

#[test]
fn wrong_command_lines_are_told() {
    let desk = Desk::new();
    for arguments in [
        "",
        "bogus",
        "install",
        "install @image.tar --apply tomorrow",
        "install @image.tar --timeout 0",
        "install @image.tar --target a/b",
        "delete",
        "delete 1a2b3c4d --all",
        "verify",
        "verify @image.tar --floor 1.2",
        "verify @image.tar --floor Toaster=1",
        "verify @image.tar --floor PSU:model=M,manufacturer=V",
        "verify @image.tar --floor PSU=",
        "verify @image.tar --floor PSU=1:",
        "verify @image.tar --require-payload-digests --unsigned",
        "pack @parts --output @image.tar",
        "pack @parts --sign @key.pem --unsigned --output @image.tar",
        "pack @parts --sign @key.pem --output @image.tar --purpose Toaster",
    ] {
        let run = desk.run(arguments);
        assert_eq!((run.status, run.output.as_str()), (64, ""), "{arguments}");
        assert!(run.errors.contains("Usage") || run.errors.contains("error:"), "{}", run.errors);
    }
    for question in ["--help", "--version", "install --help"] {
        assert!(desk.done(question).contains("software-tool"), "{question}");
    }
}

#[test]
fn without_a_bus_it_says_so() {
    let desk = Desk::new();
    desk.write("image.tar", b"x");
    for command in ["list", "watch", "activate 1a2b3c4d", "delete --all", "install"] {
        let mut process = Command::new(env!("CARGO_BIN_EXE_software-tool"));
        process.args(command.split(' ')).env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere");
        if command == "install" {
            process.arg(desk.path("image.tar"));
        }
        let output = process.output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(69), "{command}: {errors}");
        assert!(errors.starts_with("software-tool: cannot connect to the system bus"), "{errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
    }
}

#[test]
fn an_image_that_cannot_be_read_is_told_before_anything_is_asked() {
    let desk = Desk::new();
    for command in ["install @absent.tar", "verify @absent.tar"] {
        let run = desk.run(command);
        assert_eq!(run.status, 66, "{run:?}");
        assert!(run.errors.contains("absent.tar"), "{run:?}");
    }
}

#[test]
fn a_reader_that_has_left_is_no_fault() {
    let desk = Desk::new();
    desk.pack("");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut process = Command::new(env!("CARGO_BIN_EXE_software-tool"));
    process.arg("verify").arg(desk.path("image.tar")).arg("--unsigned").stderr(Stdio::piped()).stdout(writer);
    let output = process.output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}
