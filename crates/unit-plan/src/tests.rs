use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use super::*;

/// A root with these files.
fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    root
}

/// The plan of `a@x-y` for the system itself, whose unit has these lines below `[Service]`.
fn planned(lines: &str) -> anyhow::Result<Plan> {
    let root = root(&[("usr/lib/systemd/system/a@.service", &format!("[Service]\n{lines}"))]);
    Plan::make(&Unit::load(root.path(), "a@x\\x2dy.service")?, &Place::system())
}

fn arguments(lines: &str) -> Vec<String> {
    planned(lines).unwrap().commands.into_iter().flat_map(|command| command.arguments).collect()
}

#[test]
fn drop_ins_apply_by_name_and_the_nearer_folder_hides_the_farther() {
    let system = "usr/lib/systemd/system";
    let variable = |value: &str| format!("[Service]\nEnvironment=X=%i-{value}\n");
    let root = root(&[
        (&format!("{system}/a@.service"), "[Service]\nExecStart=/a\nEnvironment=X=unit\n"),
        (&format!("{system}/a@x.service.d/10-a.conf"), &variable("hidden")),
        (&format!("{system}/a@.service.d/05-early.conf"), &variable("early")),
        (&format!("{system}/a@.service.d/readme.txt"), "not a drop-in"),
        ("run/systemd/system/a@.service.d/10-a.conf", &variable("near")),
        (&format!("{system}/service.d/20-type.conf"), "[Service]\nEnvironment=Y=type\n"),
        (&format!("{system}/a@.service.d/30-masked.conf"), &variable("masked")),
        ("etc/systemd/system/a@other.service.d/40-b.conf", &variable("other instance")),
    ]);
    let mask = root.path().join("etc/systemd/system/a@.service.d/30-masked.conf");
    fs::create_dir_all(mask.parent().unwrap()).unwrap();
    symlink("/dev/null", mask).unwrap();
    let plan = Plan::make(&Unit::load(root.path(), "a@x.service").unwrap(), &Place::system()).unwrap();
    assert_eq!(plan.environment["X"], "x-near");
    assert_eq!(plan.environment["Y"], "type");
}

#[test]
fn units_are_found_near_before_far_by_instance_before_template_and_by_link() {
    let unit = |program: &str| format!("[Service]\nExecStart=/{program} %n\n");
    let root = root(&[
        ("usr/lib/systemd/system/a@.service", &unit("far")),
        ("etc/systemd/system/a@.service", &unit("near")),
        ("usr/lib/systemd/system/a@special.service", &unit("special")),
        ("usr/lib/systemd/system/b.service", &unit("b")),
        ("usr/lib/systemd/system/b.service.d/10-b.conf", "[Service]\nEnvironment=B=1\n"),
    ]);
    let links = root.path().join("usr/lib/systemd/system");
    symlink("/usr/lib/systemd/system/b.service", links.join("alias.service")).unwrap();
    symlink("../system/b.service", links.join("relative.service")).unwrap();
    symlink("/dev/null", links.join("masked.service")).unwrap();
    for (name, argv) in [
        ("a@x.service", "/near a@x.service"),
        ("a@special.service", "/special a@special.service"),
        ("alias.service", "/b b.service"),
        ("relative.service", "/b b.service"),
    ] {
        let plan = Plan::make(&Unit::load(root.path(), name).unwrap(), &Place::system()).unwrap();
        assert_eq!(plan.commands[0].arguments.join(" "), argv);
        assert_eq!(
            plan.environment.contains_key("B"),
            name.ends_with("e.service") || name.starts_with("alias")
        );
    }
    let error = |name| Unit::load(root.path(), name).unwrap_err().to_string();
    assert_eq!(error("masked.service"), "masked.service is masked");
    assert_eq!(error("none.service"), "there is no unit none.service");
}

#[test]
fn a_command_line_is_what_systemd_would_run() {
    for (line, argv) in [
        ("/bin/a %I %i %%", &["/bin/a", "x-y", "x\\x2dy", "%"][..]),
        ("-/bin/a 'b c'", &["/bin/a", "b c"]),
        ("@/bin/a name b", &["name", "b"]),
        ("-@+/bin/a name", &["name"]),
        ("/bin/a $TWO ${TWO} $$ a${ONE}", &["/bin/a", "1", "2", "1 2", "$", "ao"]),
        (":/bin/a $TWO ${TWO}", &["/bin/a", "$TWO", "${TWO}"]),
        ("/bin/a ${STATE_DIRECTORY}", &["/bin/a", "/var/lib/v/s:/var/lib/t"]),
        ("/bin/a ${GONE}", &["/bin/a", ""]),
    ] {
        let lines = format!(
            "Environment=\"TWO=1 2\" ONE=o GONE=1\nUnsetEnvironment=GONE\nStateDirectory=v/s t\nExecStart={line}\n"
        );
        assert_eq!(arguments(&lines), argv, "{line}");
    }
    assert!(planned("ExecStart=-/bin/a\n").unwrap().commands[0].may_fail);
    assert_eq!(arguments("Type=oneshot\nExecStart=/a 1\nExecStart=/b ; /c\n"), ["/a", "1", "/b", "/c"]);
    assert_eq!(arguments("ExecStart=/a\nExecStart=\nExecStart=/b\n"), ["/b"]);
}

#[test]
fn the_environment_is_systemds_then_the_units_less_what_it_unsets() {
    let plan = planned(
        "ExecStart=/a\nUser=somebody\nWatchdogSec=1min\nRuntimeDirectory=r\nEnvironment=A=1 B=2\nEnvironment=A=3 C=%I\n\
         UnsetEnvironment=B C=no LOGNAME\n",
    );
    let lines = plan.unwrap().lines();
    let expected = "unit a@x\\x2dy.service\nprogram /a\nargv /a\nenv A=3\nenv C=x-y\n";
    let (start, rest) = lines.split_at(expected.len());
    assert_eq!(start, expected);
    assert!(rest.starts_with("env PATH=/usr/local/sbin:"), "{rest}");
    assert!(
        rest.ends_with("\nenv RUNTIME_DIRECTORY=/run/r\nenv USER=somebody\nenv WATCHDOG_USEC=60000000\n"),
        "{rest}"
    );
}

#[test]
fn below_a_root_programs_folders_and_conditions_lie_there_and_arguments_stay() {
    let root = root(&[(
        "usr/lib/systemd/system/a@.service",
        "[Unit]\nConditionPathExists=/run/%I\n[Service]\nType=oneshot\nExecStart=/bin/a /x %I %t\n\
         StateDirectory=s\nStateDirectoryMode=0700\n",
    )]);
    let place = Place::below(root.path()).unwrap();
    let plan = Plan::make(&Unit::load(root.path(), "a@k.service").unwrap(), &place).unwrap();
    let shown = root.path().display().to_string();
    assert_eq!(plan.commands[0].program, root.path().join("bin/a"));
    assert_eq!(plan.commands[0].arguments, ["/bin/a", "/x", "k", &format!("{shown}/run")]);
    assert_eq!(plan.environment["STATE_DIRECTORY"], format!("{shown}/var/lib/s"));
    assert_eq!(plan.folders, [(root.path().join("var/lib/s"), 0o700)]);
    assert_eq!(plan.unmet(), Some("/run/%I"));
    fs::create_dir_all(root.path().join("run/k")).unwrap();
    assert_eq!(plan.unmet(), None);
    plan.make_folders().unwrap();
    assert!(root.path().join("var/lib/s").is_dir());
}

#[test]
fn conditions_all_hold_but_of_those_with_a_bar_one_is_enough() {
    for (conditions, unmet) in [
        ("ConditionPathExists=/there\n", None),
        ("ConditionPathExists=!/there\n", Some("!/there")),
        ("ConditionPathExists=/there\nConditionPathExists=/gone\n", Some("/gone")),
        ("ConditionPathExists=|/gone\nConditionPathExists=|/there\n", None),
        ("ConditionPathExists=|/gone\nConditionPathExists=|!/there\n", Some("|/gone")),
        ("ConditionPathExists=|!/gone\nConditionPathExists=!/there\n", Some("!/there")),
        ("ConditionPathExists=/gone\nConditionPathExists=\n", None),
        ("ConditionDirectoryNotEmpty=/\nConditionDirectoryNotEmpty=!/there\n", None),
        ("ConditionDirectoryNotEmpty=/there\n", Some("/there")),
        ("ConditionDirectoryNotEmpty=/gone\n", Some("/gone")),
    ] {
        let text = format!("[Unit]\n{conditions}[Service]\nExecStart=/a\n");
        let root = root(&[("usr/lib/systemd/system/a.service", &text), ("there", "")]);
        let place = Place::below(root.path()).unwrap();
        let plan = Plan::make(&Unit::load(root.path(), "a.service").unwrap(), &place).unwrap();
        assert_eq!(plan.unmet(), unmet, "{conditions}");
    }
}

#[test]
fn what_is_not_understood_is_an_error_with_file_and_line() {
    for (lines, complaint) in [
        (
            "ExecStart=/a\nTyp=oneshot\n",
            "a@.service:3: Typ=oneshot: [Service] Typ is neither applied nor left out",
        ),
        ("ExecStart=/a\nExecStop=/b\n", "a@.service:3: ExecStop=/b: [Service] ExecStop is neither"),
        ("ExecStart=/a\nType=forking\n", "a@.service:3: Type=forking"),
        ("ExecStart=/a %q\n", "a@.service:2: ExecStart=/a %q: the specifier %q"),
        ("ExecStart=a\n", "a@.service:2: ExecStart=a: a is no absolute path"),
        ("ExecStart=/a 'b\n", "a@.service:2: ExecStart=/a 'b: a quote is not closed"),
        ("ExecStart=/a\nEnvironment=A\n", "a@.service:3: Environment=A: A assigns nothing"),
        ("ExecStart=/a\nTimeoutStartSec=soon\n", "a@.service:3: TimeoutStartSec=soon"),
        ("ExecStart=/a\nStateDirectory=/var/lib/a\n", "a@.service:3: StateDirectory=/var/lib/a"),
        ("ExecStart=/a\n[Socket]\nListenStream=1\n", "a@.service:4: ListenStream=1: [Socket] ListenStream"),
        ("Type=oneshot\n", "planning a@x\\x2dy.service: there is nothing to start"),
        ("ExecStart=/a\nExecStart=/b\n", "only a one-shot starts several programs"),
    ] {
        let error = format!("{:#}", planned(lines).unwrap_err());
        assert!(error.contains(complaint), "{lines}: {error}");
    }
    planned("ExecStart=/a\n[Install]\nWantedBy=x.target\nNothing=known\n[X-Other]\nA=1\n").unwrap();
}

#[test]
fn limits_and_statuses_come_from_the_unit() {
    let plan = planned("Type=oneshot\nExecStart=/a\n").unwrap();
    assert_eq!((plan.kind, plan.start_limit), (Kind::OneShot, None));
    let plan = planned("Type=notify\nExecStart=/a\nTimeoutStartSec=2min\nSuccessExitStatus=65 69\n").unwrap();
    assert_eq!((plan.kind, plan.start_limit), (Kind::Notifying, Some(Duration::from_secs(120))));
    assert!(plan.success.contains(&65) && plan.success.contains(&69));
    assert_eq!(planned("ExecStart=/a\n").unwrap().start_limit, Some(Duration::from_secs(90)));
    assert_eq!(planned("ExecStart=/a\nTimeoutStartSec=0\n").unwrap().start_limit, None);
}

#[test]
fn a_process_gets_the_units_environment_and_no_other() {
    let plan = planned(
        "Type=oneshot\nExecStart=@/bin/sh name -c 'echo $$0 $$A $$HOME; exit 65'\nEnvironment=A=1\nSuccessExitStatus=65\n",
    );
    let plan = plan.unwrap();
    let finished = plan.processes()[0].output().unwrap();
    assert_eq!(String::from_utf8(finished.stdout).unwrap(), "name 1\n");
    assert!(plan.succeeded(finished.status));
}
