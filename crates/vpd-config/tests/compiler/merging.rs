//! What becomes of layers.

use crate::folder::{Folder, answers, fru, run};
use fru_publication::{Fragment, Source};
use std::collections::BTreeMap;

const ASSET: &str = "xyz.openbmc_project.Inventory.Decorator.Asset";

fn fragment(files: &BTreeMap<String, String>, system: &str, key: &str) -> Fragment {
    Fragment::parse(&files[&format!("usr/share/vivianite/vpd/systems/{system}/frus/{key}.toml")]).unwrap()
}

fn keyword(record: &str, keyword: &str) -> Source {
    let text = format!(
        "[common.\"a.B\"]\nC = {{ record = \"{record}\", keyword = \"{keyword}\" }}\n[[object]]\npath = \"/x\"\n"
    );
    Fragment::parse(&text).unwrap().common["a.B"]["C"].clone()
}

#[test]
fn common_interfaces_fill_what_a_fru_leaves_open() {
    let layer = format!(
        "[common.\"{ASSET}\"]\nSerialNumber = {{ record = \"VINI\", keyword = \"SN\" }}\n\
         PartNumber = {{ record = \"VINI\", keyword = \"PN\" }}\n"
    );
    let own = format!(
        "{}[fru.\"10-0050\".common.\"{ASSET}\"]\nSerialNumber = {{ record = \"VSYS\", keyword = \"SE\" }}\n",
        fru("10-0050", "format = \"ipz\"\n")
    );
    let system = format!("{}{own}[common.\"{ASSET}\"]\nModel = \"M\"\n", answers("50001001"));
    let defaults = format!("system-eeproms = [\"10-0050\"]\n{layer}{}", fru("10-0051", ""));
    let files =
        Folder::with(&[("vpd.d/10-defaults.toml", &defaults), ("systems/demo/10-demo.toml", &system)])
            .built();
    let (planar, card) = (fragment(&files, "demo", "10-0050"), fragment(&files, "demo", "10-0051"));
    assert_eq!(planar.common[ASSET]["SerialNumber"], keyword("VSYS", "SE"), "its own wins");
    assert_eq!(planar.common[ASSET]["PartNumber"], keyword("VINI", "PN"));
    assert_eq!(card.common[ASSET]["SerialNumber"], keyword("VINI", "SN"));
    assert_eq!(
        card.common[ASSET]["Model"],
        Source::Text("M".to_owned()),
        "a system's own reach all its FRUs"
    );
    let alone = fragment(&files, "common", "10-0051");
    assert_eq!(alone.common[ASSET].len(), 2, "and not those of others");
    assert!(!files.contains_key("usr/share/vivianite/vpd/systems/common/frus/10-0050.toml"));
}

#[test]
fn later_files_win_tables_merge_and_lists_replace() {
    let first = fru("10-0051", "format = \"ipz\"\noffset = 16\n");
    let second = "[fru.\"10-0051\"]\noffset = 32\n[[fru.\"10-0051\".object]]\npath = \"/system/other\"\n";
    let system = format!("{}[fru.\"10-0051\"]\npolicy = \"strict\"\n", answers("50001001"));
    let files = Folder::with(&[
        ("vpd.d/10-a.toml", &format!("system-eeproms = [\"10-0051\"]\n{first}")),
        ("vpd.d/20-b.toml", second),
        ("systems/one/10-one.toml", &system.replace("policy = \"strict\"", "offset = 32")),
    ])
    .built();
    let fragment = fragment(&files, "one", "10-0051");
    assert_eq!(fragment.offset, 32);
    assert_eq!(fragment.object.len(), 1);
    assert_eq!(fragment.object[0].path, "/system/other");
    assert_eq!(
        fragment.format,
        Fragment::parse("format = \"ipz\"\n[[object]]\npath = \"/x\"").unwrap().format
    );
}

#[test]
fn the_common_layer_is_always_written_and_is_in_every_system() {
    let files = Folder::with(&[]).built();
    assert_eq!(
        files.keys().collect::<Vec<_>>(),
        [
            "usr/lib/udev/rules.d/70-vivianite-vpd.rules",
            "usr/share/vivianite/vpd/index.toml",
            "usr/share/vivianite/vpd/systems/common/index.toml",
        ]
    );
    let defaults = format!("system-eeproms = [\"10-0050\"]\n{}", fru("10-0050", ""));
    let files = Folder::with(&[
        ("vpd.d/10-defaults.toml", &defaults),
        ("systems/one/10.toml", &answers("50001001")),
        ("systems/two/10.toml", &answers("50001002")),
    ])
    .built();
    for system in ["common", "one", "two"] {
        fragment(&files, system, "10-0050");
    }
}

#[test]
fn a_site_replaces_and_removes_files_and_adds_its_own() {
    let folder = Folder::with(&[
        ("vpd.d/10-a.toml", "lanes = 1\n"),
        ("vpd.d/20-b.toml", &fru("8-0050", "offset = 1\n")),
        ("systems/one/10.toml", &format!("system-eeproms = [\"8-0050\"]\n{}", answers("50001001"))),
        ("systems/two/10.toml", &answers("50001002")),
        ("../site/vpd.d/20-b.toml", &fru("8-0050", "offset = 2\n")),
        ("../site/vpd.d/90-c.toml", "[fru.\"8-0050\"]\nsize = 64\n"),
        ("../site/systems/two/10.toml", ""),
    ]);
    let site = folder.source().join("../site");
    let arguments = |more: &[&str]| {
        let mut arguments = vec!["check".to_owned(), folder.source().display().to_string()];
        arguments.extend(["--site".to_owned(), site.display().to_string()]);
        arguments.extend(more.iter().map(|word| (*word).to_owned()));
        run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let checked = arguments(&[]);
    assert_eq!((checked.status, checked.errors.as_str()), (0, ""));
    assert!(checked.output.starts_with("1 systems, 1 EEPROMs"), "{}", checked.output);

    let shown = arguments(&["--print-config", "one"]).output;
    for (value, origin) in [
        ("offset = 2", "site/vpd.d/20-b.toml"),
        ("size = 64", "site/vpd.d/90-c.toml"),
        ("lanes = 1", "configs/vpd.d/10-a.toml"),
    ] {
        let line =
            shown.lines().find(|line| line.contains(value)).unwrap_or_else(|| panic!("{value}: {shown}"));
        assert!(line.ends_with(origin), "{line}");
    }
    let unknown = arguments(&["--print-config", "three"]);
    assert_eq!(unknown.status, 65);
    assert!(unknown.errors.contains("among common, one"), "{}", unknown.errors);
}
