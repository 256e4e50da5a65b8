//! The workspace as cargo sees it, reduced to what the house rules speak about.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use cargo_metadata::{DependencyKind, MetadataCommand, Package};
use serde::Deserialize;

/// The crates of the workspace.
pub struct Workspace {
    /// The folder of the workspace's manifest.
    pub root: PathBuf,
    /// Where cargo puts what it builds.
    pub target: PathBuf,
    /// Every member, sorted by name.
    pub crates: Vec<Crate>,
}

/// One member of the workspace.
#[derive(Debug, Clone, Default)]
pub struct Crate {
    /// Its name.
    pub name: String,
    /// Its folder, relative to the root, with `/` as separator.
    pub folder: String,
    /// What `[package.metadata.house]` says.
    pub house: House,
    /// Every dependency that the manifest names.
    pub dependencies: Vec<Dependency>,
    /// Names of its binaries.
    pub binaries: Vec<String>,
    /// Whether it is (also) a library.
    pub library: bool,
    /// Names of its suites of tests, beside those in its code.
    pub suites: Vec<String>,
}

/// `[package.metadata.house]` of a manifest.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct House {
    /// 0 pure, 1 data and names, 2 runtime and devices, 3 programs.
    pub floor: Option<u8>,
    /// Only for tests: never in what is shipped.
    pub dev_only: bool,
    /// A program for people at a terminal rather than a service.
    pub tool: bool,
}

/// One dependency edge.
#[derive(Debug, Clone)]
pub struct Dependency {
    /// The package at the other end.
    pub name: String,
    /// Whether it is used by tests only.
    pub dev: bool,
}

impl Crate {
    /// Whether an image holds this crate's binary.
    pub fn shipped(&self) -> bool {
        self.house.floor == Some(3) && !self.house.dev_only && !self.binaries.is_empty()
    }

    /// Whether building it takes libudev.
    pub fn watches_devices(&self) -> bool {
        self.dependencies.iter().any(|edge| edge.name == "udev" || edge.name == "tokio-udev")
    }
}

impl Workspace {
    /// Reads the workspace around xtask.
    pub fn load() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask lies in the root folder")?;
        Self::load_from(root)
    }

    /// Reads the workspace in this folder.
    pub fn load_from(root: &Path) -> Result<Self> {
        let metadata = MetadataCommand::new()
            .manifest_path(root.join("Cargo.toml"))
            .no_deps()
            .exec()
            .context("reading the workspace with cargo metadata")?;
        let root = metadata.workspace_root.clone().into_std_path_buf();
        let mut crates =
            metadata.packages.iter().map(|package| describe(package, &root)).collect::<Result<Vec<_>>>()?;
        crates.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { root, target: metadata.target_directory.into_std_path_buf(), crates })
    }

    /// The crates whose binaries are shipped: services first, then the tools for people.
    pub fn shipped(&self) -> Vec<&Crate> {
        let mut shipped: Vec<&Crate> = self.crates.iter().filter(|member| member.shipped()).collect();
        shipped.sort_by_key(|member| (member.house.tool, member.name.clone()));
        shipped
    }
}

/// Folder for what is costly to make and does not belong into a checkout.
pub fn cache() -> Result<PathBuf> {
    let base = match std::env::var_os("XDG_CACHE_HOME").filter(|value| !value.is_empty()) {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(std::env::var_os("HOME").context("neither XDG_CACHE_HOME nor HOME is set")?)
            .join(".cache"),
    };
    let folder = base.join("vivianite");
    std::fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    Ok(folder)
}

fn describe(package: &Package, root: &Path) -> Result<Crate> {
    let manifest = package.manifest_path.as_std_path();
    let folder = manifest.parent().and_then(|folder| folder.strip_prefix(root).ok()).unwrap_or(Path::new(""));
    let house = match package.metadata.get("house") {
        Some(value) => House::deserialize(value)
            .with_context(|| format!("package.metadata.house of {}", manifest.display()))?,
        None => House::default(),
    };
    let Some(folder) = folder.to_str() else { bail!("{} is not UTF-8", manifest.display()) };
    Ok(Crate {
        name: package.name.to_string(),
        folder: folder.to_owned(),
        house,
        dependencies: package
            .dependencies
            .iter()
            .map(|edge| Dependency { name: edge.name.clone(), dev: edge.kind == DependencyKind::Development })
            .collect(),
        binaries: package
            .targets
            .iter()
            .filter(|target| target.is_bin())
            .map(|target| target.name.clone())
            .collect(),
        library: package.targets.iter().any(|target| target.is_lib()),
        suites: package
            .targets
            .iter()
            .filter(|target| target.is_test())
            .map(|target| target.name.clone())
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_workspace_loads_and_has_xtask() {
        let workspace = Workspace::load().unwrap();
        let xtask = workspace.crates.iter().find(|member| member.name == "xtask").unwrap();
        assert_eq!(xtask.folder, "xtask");
        assert!(!xtask.shipped());
    }

    #[test]
    fn a_program_on_floor_three_is_shipped_unless_for_tests() {
        let mut member = Crate { binaries: vec!["a".into()], ..Crate::default() };
        assert!(!member.shipped());
        member.house.floor = Some(3);
        assert!(member.shipped());
        member.house.dev_only = true;
        assert!(!member.shipped());
    }
}
