//! The guest's kernel, Debian's own, with the modules that tests need and those of `tests/vm/module`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::archive::Archive;
use super::cache::{self, Key};
use crate::step::Step;

/// Changed when anything below changes what comes out of the same kernel package.
const RECIPE: &str = "1";

/// Modules that a machine may load; what they depend on comes along. `crc32c_generic` is one that ext4 asks for by name
/// only while it mounts, which no index tells.
const MODULES: [&str; 16] = [
    "at24",
    "at25",
    "autofs4",
    "block2mtd",
    "crc32c_generic",
    "dummy_hcd",
    "ext4",
    "i2c-dev",
    "i2c-mux",
    "libcomposite",
    "loop",
    "mtdram",
    "usb_f_mass_storage",
    "virtio_blk",
    "virtio_console",
    "virtio_pci",
];

/// A kernel in the cache.
pub struct Kernel {
    version: String,
    folder: PathBuf,
}

impl Kernel {
    /// The kernel as an ELF file, which QEMU boots without firmware and decompression.
    pub fn image(&self) -> PathBuf {
        self.folder.join("vmlinux")
    }

    fn modules(&self) -> PathBuf {
        self.folder.join("lib/modules").join(&self.version)
    }
}

/// The kernel of the headers that are installed here, so that our modules fit.
pub fn obtain() -> Result<Kernel> {
    let version =
        newest_headers(&installed_headers()?).context("no headers of an amd64 kernel are installed")?;
    let headers = format!("linux-headers-{version}");
    let package = Step::new("dpkg-query").args(["-W", "-f=${Version}", &headers]).output()?;
    let package = String::from_utf8(package)?;
    let key = Key::of([RECIPE, &version, &package, &MODULES.join(" ")]);
    let folder = cache::obtain("kernel", key, |folder| {
        Step::new("apt-get")
            .args(["download", &format!("linux-image-{version}={package}")])
            .dir(folder)
            .deadline(Duration::from_secs(600))
            .run_quietly()?;
        unpack(folder, &version)?;
        keep_wanted_modules(folder, &version)
    })?;
    Ok(Kernel { version, folder })
}

/// The archive of the kernel's modules and ours.
pub fn modules(kernel: &Kernel, source: &Path) -> Result<PathBuf> {
    let mut parts = vec![RECIPE.into(), kernel.folder.as_os_str().as_encoded_bytes().to_vec()];
    let mut names = sources(source)?;
    names.sort();
    for path in &names {
        parts.push(path.file_name().unwrap_or_default().as_encoded_bytes().to_vec());
        parts.push(fs::read(path).with_context(|| format!("reading {}", path.display()))?);
    }
    let folder = cache::obtain("modules", Key::of(parts), |folder| {
        let build = folder.join("build");
        fs::create_dir(&build)?;
        for path in &names {
            fs::copy(path, build.join(path.file_name().unwrap_or_default()))?;
        }
        Step::new("make")
            .arg("-C")
            .arg(format!("/lib/modules/{}/build", kernel.version))
            .arg(format!("M={}", build.display()))
            .args(["KCFLAGS=-Werror", "modules"])
            .run_quietly()?;
        pack(kernel, &build, folder)
    })?;
    Ok(folder.join("modules.cpio"))
}

/// Puts the kernel's modules and the freshly built ones into one archive, with the index that modprobe reads.
fn pack(kernel: &Kernel, build: &Path, folder: &Path) -> Result<()> {
    let stage = folder.join("stage/lib/modules").join(&kernel.version);
    copy_tree(&kernel.modules(), &stage)?;
    fs::create_dir(stage.join("extra"))?;
    for module in sources(build)?.iter().filter(|path| path.extension().is_some_and(|end| end == "ko")) {
        let target = stage.join("extra").join(module.file_name().unwrap_or_default());
        Step::new("strip").arg("--strip-debug").arg("-o").arg(target).arg(module).output()?;
    }
    depmod(&folder.join("stage"), &kernel.version)?;
    fs::create_dir(folder.join("stage/usr"))?;
    fs::rename(folder.join("stage/lib"), folder.join("stage/usr/lib"))?;
    let mut archive = Archive::default();
    archive.tree(&folder.join("stage"))?;
    fs::write(folder.join("modules.cpio"), archive.finish()?)?;
    fs::remove_dir_all(folder.join("stage"))?;
    Ok(fs::remove_dir_all(build)?)
}

/// Takes kernel and modules out of the package, which is then no longer needed. Nothing is installed here.
fn unpack(folder: &Path, version: &str) -> Result<()> {
    let package = sources(folder)?.into_iter().find(|path| path.extension().is_some_and(|end| end == "deb"));
    let package = package.context("apt-get downloaded no package")?;
    let tar = folder.join("package.tar");
    Step::new("sh")
        .args(["-c", "dpkg-deb --fsys-tarfile \"$0\" > \"$1\""])
        .args([&package, &tar])
        .run_quietly()?;
    Step::new("tar").arg("-xf").arg(&tar).args(["./boot", "./lib/modules"]).dir(folder).run_quietly()?;
    let boot = folder.join("boot").join(format!("vmlinuz-{version}"));
    let compressed = folder.join("vmlinux.xz");
    fs::write(&compressed, payload(&fs::read(&boot)?)?)?;
    let plain =
        Step::new("xz").args(["--decompress", "--stdout", "--single-stream"]).arg(&compressed).output()?;
    ensure!(plain.starts_with(b"\x7fELF"), "the kernel's payload is no ELF file");
    fs::write(folder.join("vmlinux"), plain)?;
    for spent in [&package, &tar, &compressed] {
        fs::remove_file(spent)?;
    }
    Ok(fs::remove_dir_all(folder.join("boot"))?)
}

/// The compressed kernel inside a bootable image.
///
/// Shape: sectors of the loader `u8` at 0x1f1, offset and length of the payload `u32` little-endian at 0x248 and 0x24c;
/// the last four bytes of the payload are its unpacked length.
/// Source: the x86 boot protocol, version 2.08, in the kernel's documentation.
fn payload(image: &[u8]) -> Result<&[u8]> {
    let word = |at: usize| -> Result<usize> {
        let bytes = image.get(at..at + 4).context("the kernel image is cut short")?;
        Ok(u32::from_le_bytes(bytes.try_into()?) as usize)
    };
    ensure!(image.get(0x202..0x206) == Some(b"HdrS"), "this is no bootable kernel image");
    let sectors = usize::from(*image.get(0x1f1).context("the kernel image is cut short")?);
    let start = (sectors + 1) * 512 + word(0x248)?;
    let end = (start + word(0x24c)?).saturating_sub(4);
    let payload = image.get(start..end).context("the kernel's payload passes the end of the image")?;
    ensure!(payload.starts_with(b"\xfd7zXZ\0"), "the kernel is not compressed with xz");
    Ok(payload)
}

/// Reduces the module tree to the wanted modules and what they depend on.
fn keep_wanted_modules(folder: &Path, version: &str) -> Result<()> {
    depmod(folder, version)?;
    let all = folder.join("lib/modules").join(version);
    let wanted = wanted(&fs::read_to_string(all.join("modules.dep"))?)?;
    let kept = folder.join("kept");
    for relative in wanted.iter().map(String::as_str).chain(["modules.builtin", "modules.builtin.modinfo"]) {
        let target = kept.join(relative);
        fs::create_dir_all(target.parent().context("a module lies in a folder")?)?;
        fs::rename(all.join(relative), target).with_context(|| format!("keeping {relative}"))?;
    }
    fs::rename(all.join("modules.order"), kept.join("modules.order"))?;
    fs::remove_dir_all(&all)?;
    Ok(fs::rename(kept, all)?)
}

/// The files of the wanted modules and of what they need, by the index that depmod makes.
fn wanted(index: &str) -> Result<BTreeSet<String>> {
    let mut files = BTreeSet::new();
    for module in MODULES {
        // A module's file and its name differ in dashes.
        let named = |path: &str| {
            let stem = path.rsplit('/').next().unwrap_or_default().trim_end_matches(".ko");
            stem.replace('-', "_") == module.replace('-', "_")
        };
        let line = index.lines().filter_map(|line| line.split_once(':')).find(|(path, _)| named(path));
        let Some((path, needs)) = line else { bail!("this kernel has no module {module}") };
        files.insert(path.to_owned());
        files.extend(needs.split_whitespace().map(str::to_owned));
    }
    Ok(files)
}

fn depmod(base: &Path, version: &str) -> Result<()> {
    let program = crate::step::find_program("depmod").unwrap_or_else(|| "/sbin/depmod".into());
    Step::new(program).arg("-b").arg(base).arg(version).run_quietly()
}

fn installed_headers() -> Result<Vec<String>> {
    let mut versions = Vec::new();
    for entry in fs::read_dir("/lib/modules").context("looking for kernel headers")? {
        let entry = entry?;
        if entry.path().join("build").is_dir() {
            versions.extend(entry.file_name().into_string());
        }
    }
    Ok(versions)
}

/// The highest version of the plain flavour; the cloud one lacks NVMEM.
fn newest_headers(versions: &[String]) -> Option<String> {
    let plain = |version: &&String| {
        version.ends_with("-amd64") && !version.contains("cloud") && !version.contains("rt-amd64")
    };
    let numbers = |version: &&String| -> Vec<u32> {
        version.split(['.', '-']).filter_map(|part| part.parse().ok()).collect()
    };
    versions.iter().filter(plain).max_by_key(numbers).cloned()
}

/// The plain files in a folder.
fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            paths.push(entry.path());
        }
    }
    Ok(paths)
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("creating {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newest_headers_of_the_plain_flavour_are_taken() {
        let versions = ["6.1.0-9-amd64", "6.1.0-56-amd64", "6.1.0-60-cloud-amd64", "6.1.0-61-rt-amd64"];
        assert_eq!(newest_headers(&versions.map(str::to_owned)).as_deref(), Some("6.1.0-56-amd64"));
        assert_eq!(newest_headers(&[]), None);
    }

    #[test]
    fn payload_is_found_by_the_header_and_must_be_inside() {
        let mut image = vec![0; 2048];
        image[0x1f1] = 1;
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image[0x248] = 16;
        image[0x24c] = 14;
        image[1040..1050].copy_from_slice(b"\xfd7zXZ\0data");
        assert_eq!(payload(&image).unwrap(), b"\xfd7zXZ\0data");
        image[0x24f] = 0x7f;
        assert!(payload(&image).unwrap_err().to_string().contains("passes the end"));
        assert!(payload(&image[..100]).is_err());
    }
}
