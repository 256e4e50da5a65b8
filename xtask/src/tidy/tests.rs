//! Each rule on a small tree: a case that it reports and one that it does not.

use super::tree::SourceFile;
use super::*;
use crate::workspace::{Dependency, House as HouseTable};

fn tree(files: &[(&str, &str)]) -> Tree {
    let file = |(path, text): &(&str, &str)| SourceFile { path: (*path).into(), text: Some((*text).into()) };
    Tree { files: files.iter().map(file).collect() }
}

fn member(name: &str, floor: Option<u8>, dependencies: &[&str]) -> Crate {
    let edge = |name: &&str| match name.strip_prefix("dev:") {
        Some(name) => Dependency { name: name.into(), dev: true },
        None => Dependency { name: (*name).into(), dev: false },
    };
    Crate {
        name: name.into(),
        folder: format!("crates/{name}"),
        house: HouseTable { floor, ..HouseTable::default() },
        dependencies: dependencies.iter().map(edge).collect(),
        binaries: if floor == Some(3) { vec![name.into()] } else { Vec::new() },
        library: true,
        suites: Vec::new(),
    }
}

type Rule = fn(&House<'_>) -> Vec<Finding>;

/// The `path:line` of every finding of one rule.
fn places(rule: Rule, files: &[(&str, &str)], crates: &[Crate]) -> Vec<String> {
    let tree = tree(files);
    let findings = rule(&House { tree: &tree, crates });
    findings.iter().map(|finding| format!("{}:{}", finding.path, finding.line)).collect()
}

#[test]
fn a_crate_without_a_floor_or_above_the_roof_is_reported() {
    let rule = floors::every_crate_states_its_floor;
    assert_eq!(places(rule, &[], &[member("a", None, &[])]), ["crates/a/Cargo.toml:1"]);
    assert_eq!(places(rule, &[], &[member("a", Some(4), &[])]), ["crates/a/Cargo.toml:1"]);
    assert_eq!(places(rule, &[], &[member("a", Some(3), &[])]), [""; 0]);
    let outside = Crate { folder: "xtask".into(), ..member("xtask", None, &[]) };
    assert_eq!(places(rule, &[], &[outside]), [""; 0]);
}

#[test]
fn edges_upwards_and_between_programs_are_reported_where_the_manifest_has_them() {
    let rule = floors::edges_point_down;
    let manifest = [("crates/a/Cargo.toml", "[dependencies]\nbb.workspace = true\nb.workspace = true\n")];
    let pair = |from, to| [member("a", Some(from), &["b"]), member("b", Some(to), &[])];
    assert_eq!(places(rule, &manifest, &pair(0, 1)), ["crates/a/Cargo.toml:3"]);
    assert_eq!(places(rule, &manifest, &pair(3, 3)), ["crates/a/Cargo.toml:3"]);
    assert_eq!(places(rule, &manifest, &pair(1, 1)), [""; 0]);
    assert_eq!(places(rule, &manifest, &pair(3, 0)), [""; 0]);
    let tests_only = [member("a", Some(0), &["dev:b"]), member("b", Some(3), &[])];
    assert_eq!(places(rule, &manifest, &tests_only), [""; 0]);
}

#[test]
fn floor_zero_cannot_depend_on_a_runtime() {
    let rule = floors::floor_zero_is_pure;
    for package in ["tokio", "zbus", "nix", "log", "serde", "toml"] {
        assert_eq!(
            places(rule, &[], &[member("a", Some(0), &[package])]),
            ["crates/a/Cargo.toml:1"],
            "{package}"
        );
    }
    assert_eq!(places(rule, &[], &[member("a", Some(0), &["thiserror", "dev:serde"])]), [""; 0]);
    assert_eq!(places(rule, &[], &[member("a", Some(1), &["serde"])]), [""; 0]);
}

#[test]
fn products_cannot_depend_on_what_is_for_tests() {
    let rule = floors::test_only_crates_stay_out_of_products;
    let mut fake = member("fake", Some(2), &[]);
    fake.house.dev_only = true;
    let crates = |edge: &str| [member("a", Some(3), &[edge]), fake.clone()];
    assert_eq!(places(rule, &[], &crates("fake")), ["crates/a/Cargo.toml:1"]);
    assert_eq!(places(rule, &[], &crates("dev:fake")), [""; 0]);
    let mut other = member("other", Some(2), &["fake"]);
    other.house.dev_only = true;
    assert_eq!(places(rule, &[], &[other, fake.clone()]), [""; 0]);
}

#[test]
fn floor_zero_source_cannot_reach_the_outside() {
    let rule = source::floor_zero_source_is_pure;
    let crates = [member("a", Some(0), &[]), member("b", Some(1), &[])];
    let at = |text: &str| places(rule, &[("crates/a/src/x.rs", text)], &crates);
    for text in [
        "fn a() {\nstd::fs::read();",
        "\nuse std::net;",
        "\nuse std::{fmt, env};",
        "\nuse std::{fmt, time::{Duration, Instant}};",
        "\nstd::time::SystemTime::now();",
        "\nstd::process::exit(1)",
        "\nstd::thread::spawn()",
    ] {
        assert_eq!(at(text), ["crates/a/src/x.rs:2"], "{text}");
    }
    for text in [
        "// std::fs",
        "let a = \"std::fs\";",
        "use std::{fmt, time::Duration};",
        "use mystd::fs;",
        "use std::fsx;",
        "#[cfg(test)]\nmod tests {\nuse std::fs;\n}",
    ] {
        assert_eq!(at(text), [""; 0], "{text}");
    }
    assert_eq!(places(rule, &[("crates/b/src/x.rs", "use std::fs;")], &crates), [""; 0]);
    assert_eq!(places(rule, &[("crates/a/src/x/tests.rs", "use std::fs;")], &crates), [""; 0]);
}

#[test]
fn floor_zero_carries_each_attribute() {
    const WHOLE: &str = "#![forbid(unsafe_code)]\n#![deny(missing_docs)]\n#![cfg_attr(\n    not(test),\n    deny(\n\
        clippy::indexing_slicing,\n clippy::unwrap_used,\n clippy::expect_used,\n clippy::panic,\n\
        clippy::arithmetic_side_effects\n)\n)]\n";
    let rule = source::floor_zero_denies_panics;
    let crates = [member("a", Some(0), &[])];
    let count = |text: &str| places(rule, &[("crates/a/src/lib.rs", text)], &crates).len();
    assert_eq!(count(WHOLE), 0);
    for part in [
        "#![forbid(unsafe_code)]",
        "#![deny(missing_docs)]",
        "clippy::indexing_slicing",
        "clippy::unwrap_used",
        "clippy::expect_used",
        "clippy::panic",
        "clippy::arithmetic_side_effects",
    ] {
        assert_eq!(count(&WHOLE.replace(part, "")), 1, "{part}");
    }
    assert_eq!(places(rule, &[("crates/a/src/lib.rs", "")], &[member("a", Some(1), &[])]), [""; 0]);
}

#[test]
fn bus_names_outside_their_crate_are_reported() {
    let rule = source::bus_names_live_in_one_crate;
    for text in ["\n\"xyz.openbmc_project.Time\"", "\n\"com.ibm.VPD\"", "\n\"io.vivianite.Vpd\""] {
        assert_eq!(places(rule, &[("crates/a/src/lib.rs", text)], &[]), ["crates/a/src/lib.rs:2"], "{text}");
        for home in ["crates/dbus-api/src/lib.rs", "tests/bus/a.rs", "xtask/src/a.rs", "crates/a/tests/a.rs"]
        {
            assert_eq!(places(rule, &[(home, text)], &[]), [""; 0], "{home}");
        }
    }
    let prose = "// xyz.openbmc_project.Time\n#[cfg(test)]\nmod tests {\n\"com.ibm.VPD\"\n}";
    assert_eq!(places(rule, &[("crates/a/src/lib.rs", prose)], &[]), [""; 0]);
}

#[test]
fn sleeping_tests_are_reported_and_sleeping_code_is_not() {
    let rule = source::tests_do_not_sleep;
    for call in ["std::thread::sleep(a)", "tokio::time::sleep(a).await"] {
        assert_eq!(places(rule, &[("crates/a/tests/b.rs", call)], &[]), ["crates/a/tests/b.rs:1"]);
        let tail = format!("{call};\n#[cfg(test)]\nmod tests {{\n{call}\n}}");
        assert_eq!(places(rule, &[("crates/a/src/b.rs", &tail)], &[]), ["crates/a/src/b.rs:4"]);
        assert_eq!(places(rule, &[("crates/a/src/b.rs", call)], &[]), [""; 0]);
    }
}

#[test]
fn unsafe_code_outside_its_crate_is_reported() {
    let rule = unsafety::unsafe_code_is_at_home_and_has_its_reason;
    let at = |path: &str, text: &str| places(rule, &[(path, text)], &[]);
    let block = "\n// SAFETY: it is sound.\nunsafe { a() };";
    for path in
        ["crates/a/src/lib.rs", "crates/kernel-calls-too/src/lib.rs", "tests/bus/a.rs", "xtask/src/a.rs"]
    {
        assert_eq!(at(path, block), [format!("{path}:3")]);
    }
    assert_eq!(at("crates/kernel-calls/src/lib.rs", block), [""; 0]);
    assert_eq!(at("crates/kernel-calls/tests/a.rs", block), [""; 0]);
    for text in ["#![forbid(unsafe_code)]", "// unsafe { a() }", "let a = \"unsafe\";"] {
        assert_eq!(at("crates/a/src/lib.rs", text), [""; 0], "{text}");
    }
}

#[test]
fn unsafe_code_without_its_reason_is_reported_where_it_is() {
    let rule = unsafety::unsafe_code_is_at_home_and_has_its_reason;
    let path = "crates/kernel-calls/src/a.rs";
    let at = |text: &str| places(rule, &[(path, text)], &[]);
    for text in [
        "\n\nunsafe { a() };",
        "\n// SAFETY:\nunsafe { a() };",
        "\n// It is sound.\nunsafe { a() };",
        "// SAFETY: of something else.\n\nunsafe fn a() {}",
        "// SAFETY: of something else.\nb();\nlet c = unsafe { a() };",
        "\n\nunsafe impl Send for A {}",
    ] {
        assert_eq!(at(text), [format!("{path}:3")], "{text}");
    }
    for text in [
        "// SAFETY: it is sound.\nlet c = unsafe { a() };",
        "    // SAFETY: it is,\n    // in two lines.\n    unsafe { a() };",
        "/// Does it.\n// SAFETY: the caller sees to it.\n#[inline]\npub unsafe fn a() {}",
    ] {
        assert_eq!(at(text), [""; 0], "{text}");
    }
    let twice = "// SAFETY: it is sound.\nunsafe { a() };\nunsafe { a() };";
    assert_eq!(at(twice), [format!("{path}:3")]);
}

#[test]
fn names_that_say_nothing_are_reported() {
    let rule = layout::names_are_of_the_house;
    let at = |path: &str, text: &str| places(rule, &[(path, text)], &[]);
    for path in
        ["crates/a/src/utils.rs", "crates/a/src/common/x.rs", "crates/a/src/x/mod.rs", "tests/helper.rs"]
    {
        assert_eq!(at(path, ""), [format!("{path}:1")]);
    }
    assert_eq!(at("crates/a/src/lib.rs", "\npub mod util {"), ["crates/a/src/lib.rs:2"]);
    assert_eq!(at("crates/dbus-api/src/inventory/manager.rs", ""), [""; 0]);
    assert_eq!(at("crates/a/src/manager.rs", ""), ["crates/a/src/manager.rs:1"]);
    assert_eq!(at("crates/inventory-manager/src/lib.rs", "mod service;"), [""; 0]);
    let moved = Crate { folder: "crates/b".into(), ..member("a", Some(0), &[]) };
    assert_eq!(places(rule, &[], &[moved]), ["crates/b/Cargo.toml:1"]);
    assert_eq!(places(rule, &[], &[member("a", Some(0), &[])]), [""; 0]);
}

#[test]
fn long_files_are_reported_without_their_tests() {
    let rule = layout::files_are_short;
    let with = |path: &str, text: String| places(rule, &[(path, &text)], &[]);
    let long = "x\n".repeat(601);
    assert_eq!(with("crates/a/src/a.rs", long.clone()), ["crates/a/src/a.rs:600"]);
    assert_eq!(with("crates/a/src/tests.rs", long.clone()), [""; 0]);
    assert_eq!(with("crates/a/src/a.rs", format!("#[cfg(test)]\nmod tests {{\n{long}}}")), [""; 0]);
    let thick = tree(&[("crates/a/src/a.rs", &"x\n".repeat(401))]);
    let findings = rule(&House { tree: &thick, crates: &[] });
    assert_eq!(findings.iter().map(|f| f.severity).collect::<Vec<_>>(), [Severity::Warning]);
    assert_eq!(with("crates/a/src/a.rs", "x\n".repeat(400)), [""; 0]);
}

#[test]
fn strangers_in_the_root_folder_are_reported() {
    let rule = layout::root_is_known;
    assert_eq!(places(rule, &[("notes.txt", ""), ("scripts/a", "")], &[]), ["notes.txt:1", "scripts/a:1"]);
    assert_eq!(places(rule, &[("LICENSE", ""), (".ci/run", ""), ("crates/a/x", "")], &[]), [""; 0]);
}

#[test]
fn programs_have_a_readme_with_the_headings_in_order() {
    let rule = layout::readme_and_architecture;
    let whole = "# a\n## Purpose\n## Units\n## D-Bus\n## Configuration\n## Devices and access needed\n\
        ## Update behaviour\n## Failure and recovery\n## Not covered\n";
    let with = |readme: &str| {
        places(
            rule,
            &[("ARCHITECTURE.md", "a"), ("crates/a/README.md", readme)],
            &[member("a", Some(3), &[])],
        )
    };
    assert_eq!(with(whole), [""; 0]);
    assert_eq!(with(&whole.replace("## D-Bus\n", "")), ["crates/a/README.md:8"]);
    let none = places(rule, &[("ARCHITECTURE.md", "a")], &[member("a", Some(3), &[])]);
    assert_eq!(none, ["crates/a/README.md:1"]);
}

#[test]
fn the_overview_exists_is_short_and_names_every_crate() {
    let rule = layout::readme_and_architecture;
    let crates = [member("vpd-ecc", Some(0), &[])];
    assert_eq!(places(rule, &[], &crates), ["ARCHITECTURE.md:1"]);
    assert_eq!(places(rule, &[("ARCHITECTURE.md", "only vpd-ecc-two")], &crates), ["ARCHITECTURE.md:1"]);
    assert_eq!(places(rule, &[("ARCHITECTURE.md", "**vpd-ecc**: codes")], &crates), [""; 0]);
    let long = format!("vpd-ecc{}", "\n".repeat(250));
    assert_eq!(places(rule, &[("ARCHITECTURE.md", &long)], &crates), ["ARCHITECTURE.md:250"]);
}

#[test]
fn broken_toml_is_reported_at_its_line() {
    let rule = text::toml_parses_and_licences_are_stated;
    assert_eq!(places(rule, &[("configs/a.toml", "a = 1\nb = = 2\n")], &[]), ["configs/a.toml:2"]);
    assert_eq!(places(rule, &[("configs/a.toml", "a = 1\n")], &[]), [""; 0]);
}

#[test]
fn dependencies_without_a_licence_are_reported() {
    let rule = text::toml_parses_and_licences_are_stated;
    let manifest = "[workspace.dependencies]\n# ours\na = { path = \"crates/a\" }\n# bus; MIT\nb = \"1\"\n\
        # no word\nc = \"1\"\nd = \"1\"\n[profile.release]\nlto = \"fat\"\n";
    assert_eq!(places(rule, &[("Cargo.toml", manifest)], &[]), ["Cargo.toml:7", "Cargo.toml:8"]);
}

#[test]
fn paths_of_one_machine_are_reported() {
    let rule = text::no_machine_paths;
    let temporary = format!("{}tmp/", '/');
    for line in [format!("see {}work/notes", '/'), format!("\"{temporary}x\""), format!("{temporary}imagine")]
    {
        assert_eq!(places(rule, &[("README.md", &line)], &[]), ["README.md:1"], "{line}");
    }
    for line in [format!("{temporary}images/1"), format!("home{temporary}x"), "/network/".to_owned()] {
        assert_eq!(places(rule, &[("README.md", &line)], &[]), [""; 0], "{line}");
    }
}

#[test]
fn a_key_or_an_outcome_without_a_part_that_shows_it_is_reported() {
    let keys = "| key | meaning |\n|---|---|\n| `offset`, `size` | x |\n| `[[match]]` | y |\n| `{ set = \"A\" }` | z |\n";
    let machine = "[[match]]\n[fru.\"8-0050\"]\noffset = 1\nsize = 2\n";
    let outcomes = "8-0050 collected ok\n";
    let words = "        match self {\n            Self::Ok => \"ok\",\n";
    let check = |list: &str| {
        let files = [
            ("configs/README.md", keys),
            ("configs/systems/demo/10.toml", machine),
            ("configs/systems/demo/README.md", list),
            ("crates/vpd-format/src/outcome.rs", words),
            ("tests/vm/scenarios/demo/root/etc/bed/outcomes", outcomes),
        ];
        places(demo::the_demo_shows_everything, &files, &[])
    };
    let good = "| `offset`, `size` | 8-0050 | |\n| `[[match]]` | 10.toml | |\n| `set` | not shown | |\n| `ok` | 8-0050 | |\n";
    assert_eq!(check(good), [""; 0]);
    assert_eq!(check(&good.replace("`offset`, ", "")), ["configs/README.md:3"]);
    assert_eq!(check(&good.replace("| `ok` | 8-0050 | |\n", "")), ["configs/systems/demo/README.md:1"]);
    assert_eq!(check(&good.replace("`size` | 8-0050", "`size` | 8-0051")).len(), 2);
    assert_eq!(
        check(&good.replace("| `set` | not shown", "| `set` | 8-0050")),
        ["configs/systems/demo/README.md:3"]
    );
}

#[test]
fn a_unit_that_would_stop_another_of_ours_is_reported_where_it_says_so() {
    let rule = units::no_unit_of_ours_conflicts_with_another;
    let alias = "[Unit]\nDescription=B\n[Install]\nAlias=org.example.B.service\n";
    let places = |conflicts: &str| {
        let unit = format!("[Unit]\nDescription=A\nConflicts={conflicts}\n");
        places(rule, &[("units/a.service", unit.as_str()), ("units/b.service", alias)], &[])
    };
    assert_eq!(places("x.service org.example.B.service"), ["units/a.service:3"]);
    assert_eq!(places("b.service"), ["units/a.service:3"]);
    assert_eq!(places("x.service"), [""; 0]);
}

#[test]
fn a_daemon_that_loses_the_bus_at_power_off_is_reported_where_its_order_is() {
    let rule = units::daemons_have_the_bus_to_their_end;
    let unit = |order: &str, service: &str| format!("[Unit]\nDescription=A\n{order}[Service]\n{service}");
    let places =
        |path: &str, order: &str, service: &str| places(rule, &[(path, unit(order, service).as_str())], &[]);
    let path = "units/a.service";
    assert_eq!(places(path, "After=dbus.socket\n", "Type=notify\n"), ["units/a.service:3"]);
    assert_eq!(places("units/a@.service", "", "BusName=a.B\n"), ["units/a@.service:1"]);
    assert_eq!(places(path, "After=dbus.service dbus.socket\n", "Type=notify\n"), [""; 0]);
    assert_eq!(places(path, "After=a.target\nAfter=dbus.service\n", "Type=dbus\n"), [""; 0]);
    assert_eq!(places(path, "After=dbus.socket\n", "Type=oneshot\n"), [""; 0]);
    assert_eq!(places("units/dbus/a.service", "", "BusName=a.B\n"), [""; 0]);
}
