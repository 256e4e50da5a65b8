use super::*;
use serde::Deserialize;

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Fragment {
    limit_ms: Option<u64>,
    names: Option<Vec<String>>,
    inner: Option<Inner>,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Inner {
    a: Option<u8>,
    b: Option<u8>,
}

fn write(root: &Path, tree: &str, name: &str, text: &str) {
    let folder = root.join(tree).join("example.d");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(name), text).unwrap();
}

fn loaded(root: &Path) -> Result<Merged<Fragment>, ConfigError> {
    load(root, "example")
}

#[test]
fn no_file_at_all_means_defaults() {
    let root = tempfile::tempdir().unwrap();
    assert_eq!(loaded(root.path()).unwrap().fragment, Fragment::default());
}

#[test]
fn later_files_win_tables_merge_and_lists_replace() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), TREES[0], "10-a.toml", "limit-ms = 1\nnames = [\"x\", \"y\"]\n[inner]\na = 1\nb = 1");
    write(root.path(), TREES[1], "20-b.toml", "names = [\"z\"]\n[inner]\nb = 2");
    let merged = loaded(root.path()).unwrap();
    let expected = Fragment {
        limit_ms: Some(1),
        names: Some(vec!["z".into()]),
        inner: Some(Inner { a: Some(1), b: Some(2) }),
    };
    assert_eq!(merged.fragment, expected);
    let text = merged.describe();
    assert!(
        text.contains("inner.a = 1  # ") && text.contains("usr/share/vivianite/example.d/10-a.toml"),
        "{text}"
    );
    assert!(text.lines().any(|line| line.starts_with("inner.b = 2") && line.contains("etc/")), "{text}");
}

#[test]
fn a_site_file_replaces_the_vendor_file_of_its_name() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), TREES[0], "10-a.toml", "limit-ms = 1\n[inner]\na = 1");
    write(root.path(), TREES[1], "10-a.toml", "limit-ms = 2");
    assert_eq!(loaded(root.path()).unwrap().fragment, Fragment { limit_ms: Some(2), ..Default::default() });
}

#[test]
fn a_link_to_dev_null_removes_the_vendor_file() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), TREES[0], "10-a.toml", "limit-ms = 1");
    write(root.path(), TREES[2], "other.toml", "");
    let link = root.path().join(TREES[2]).join("example.d/10-a.toml");
    std::os::unix::fs::symlink("/dev/null", link).unwrap();
    assert_eq!(loaded(root.path()).unwrap().fragment, Fragment::default());
}

#[test]
fn an_unknown_key_is_refused_with_file_line_and_key() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), TREES[1], "10-a.toml", "limit-ms = 1\nlimit-s = 2\n");
    let message = loaded(root.path()).unwrap_err().to_string();
    assert!(
        message.contains("10-a.toml") && message.contains("line 2") && message.contains("limit-s"),
        "{message}"
    );
}

/// What counts, and the files that are left out.
fn leaving_out(root: &Path) -> (Option<u64>, Vec<String>) {
    let fits = |fragment: &Fragment| match fragment.limit_ms {
        Some(13) => Err("13 is no limit".to_owned()),
        _ => Ok(()),
    };
    let (merged, left_out) = load_leaving_out(root, "example", &fits).unwrap();
    (merged.fragment.limit_ms, left_out.iter().map(ToString::to_string).collect())
}

#[test]
fn a_sites_file_that_is_wrong_is_left_out_and_the_images_counts() {
    for (name, text, reason) in [
        ("20-b.toml", "limit-ms = \n", "20-b.toml: TOML parse error at line 1"),
        ("20-b.toml", "limit-s = 2\n", "20-b.toml: TOML parse error at line 1"),
        ("10-a.toml", "limit-ms = \"x\"\n", "10-a.toml: TOML parse error at line 1"),
        ("20-b.toml", "limit-ms = 13\n", "20-b.toml: 13 is no limit"),
        ("05-b.toml", "inner = 1\n", "05-b.toml: TOML parse error at line 1"),
    ] {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), TREES[0], "10-a.toml", "limit-ms = 1\n");
        write(root.path(), TREES[1], name, text);
        write(root.path(), TREES[2], "30-c.toml", "limit-ms = 3\n");
        let (limit, left_out) = leaving_out(root.path());
        // A value that a later file replaces does no harm.
        let is_harmless = text.contains("13");
        assert_eq!((limit, left_out.is_empty()), (Some(3), is_harmless), "{left_out:?}");
        std::fs::remove_file(root.path().join(TREES[2]).join("example.d/30-c.toml")).unwrap();
        for left_out in [left_out, leaving_out(root.path()).1].iter().skip(usize::from(is_harmless)) {
            assert_eq!(left_out.len(), 1, "{left_out:?}");
            assert!(left_out[0].contains(reason) && left_out[0].contains(TREES[1]), "{left_out:?}");
        }
        assert_eq!(leaving_out(root.path()).0, Some(1));
    }
}

#[test]
fn a_file_of_the_image_that_is_wrong_is_an_error_and_what_is_right_counts_as_ever() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), TREES[0], "10-a.toml", "limit-ms = 13\n");
    let load = || {
        load_leaving_out::<Fragment>(root.path(), "example", &|fragment| match fragment.limit_ms {
            Some(13) => Err("13 is no limit".to_owned()),
            _ => Ok(()),
        })
    };
    assert!(load().unwrap_err().to_string().contains("10-a.toml: 13 is no limit"));
    write(root.path(), TREES[0], "10-a.toml", "limit-ms = 1\n");
    write(root.path(), TREES[1], "20-b.toml", "names = [\"z\"]\n");
    assert_eq!(leaving_out(root.path()), (Some(1), vec![]));
    write(root.path(), TREES[2], "10-a.toml", "");
    assert_eq!(leaving_out(root.path()), (None, vec![]));
}

#[test]
fn files_of_a_site_that_are_right_only_together_count() {
    // `a` and `b` belong together, and `limit-ms` is wanted where names are.
    let fits = |fragment: &Fragment| {
        let inner = fragment.inner.as_ref().map(|inner| (inner.a.is_some(), inner.b.is_some()));
        match inner {
            Some((true, false) | (false, true)) => Err("half of it".to_owned()),
            _ if fragment.names.is_some() && fragment.limit_ms.is_none() => {
                Err("names want a limit".to_owned())
            }
            _ => Ok(()),
        }
    };
    let root = tempfile::tempdir().unwrap();
    write(root.path(), TREES[1], "10-a.toml", "[inner]\na = 1\n");
    write(root.path(), TREES[2], "20-b.toml", "[inner]\nb = 2\n");
    let load = || {
        let (merged, left_out) = load_leaving_out::<Fragment>(root.path(), "example", &fits).unwrap();
        (merged.fragment, left_out.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    let both = Some(Inner { a: Some(1), b: Some(2) });
    assert_eq!(load(), (Fragment { inner: both, ..Fragment::default() }, vec![]));
    // A broken one beside them is left out by itself.
    write(root.path(), TREES[1], "30-c.toml", "[inner\n");
    let (fragment, left_out) = load();
    assert!(
        fragment.inner.is_some() && left_out.len() == 1 && left_out[0].contains("30-c.toml"),
        "{left_out:?}"
    );
    // One that fits only with a later one is tried again, though another is wrong.
    std::fs::remove_file(root.path().join(TREES[2]).join("example.d/20-b.toml")).unwrap();
    write(root.path(), TREES[1], "30-c.toml", "names = [\"z\"]\n");
    write(root.path(), TREES[2], "40-d.toml", "limit-ms = 4\n");
    let (fragment, left_out) = load();
    let expected = Fragment { names: Some(vec!["z".into()]), limit_ms: Some(4), inner: None };
    assert_eq!(fragment, expected);
    assert!(left_out.len() == 1 && left_out[0].contains("10-a.toml: half of it"), "{left_out:?}");
}

#[test]
fn a_sites_file_that_is_replaced_is_not_reported_and_does_not_come_back() {
    for (replaced, another) in [("limit-ms = \n", ""), ("limit-ms = 13\n", "limit-ms = 13\n")] {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), TREES[1], "10-a.toml", replaced);
        write(root.path(), TREES[2], "10-a.toml", "limit-ms = 2\n");
        assert_eq!(leaving_out(root.path()), (Some(2), vec![]));
        // Neither when another one is wrong.
        write(root.path(), TREES[2], "20-b.toml", another);
        let (limit, left_out) = leaving_out(root.path());
        assert_eq!(limit, Some(2));
        assert!(left_out.iter().all(|error| error.contains("20-b.toml")), "{left_out:?}");
        // Where what replaces it is wrong too, both are, and an earlier one that is right counts.
        write(root.path(), TREES[2], "10-a.toml", "limit-ms = 13\n");
        assert_eq!((leaving_out(root.path()).0, leaving_out(root.path()).1.len() >= 2), (None, true));
        write(root.path(), TREES[1], "10-a.toml", "limit-ms = 1\n");
        assert_eq!(leaving_out(root.path()).0, Some(1));
    }
}
