//! Memory of a machine that outlives it: named regions in a file that QEMU shows the guest as the memory of a PCI device.
//! Each of them is a file between boots. `tests/vm/module/region_sim.c` is the other side, and describes the file's shape.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

/// Bytes of the file. A hundred EEPROMs of 64 KiB take less than half.
pub const BYTES: u64 = 16 << 20;

/// Begins the file; the version follows.
const MAGIC: &[u8; 8] = b"BEDCELLS";
const VERSION: u32 = 1;

/// Bytes of the head, and of each place in the table after it.
const PLACE: usize = 64;
/// Bytes of head and table.
const TABLE: usize = 65_536;
const NAME: usize = 48;
const ALIGNMENT: usize = 4096;

/// Makes the file, with a region for each file `NAME.bin` of a folder. The guest adds those that it misses.
pub fn load(folder: &Path, regions: &Path) -> Result<()> {
    load_in(folder, regions).with_context(|| format!("loading {}", regions.display()))
}

fn load_in(folder: &Path, regions: &Path) -> Result<()> {
    let mut table = vec![0; PLACE];
    let file = File::create(regions)?;
    file.set_len(BYTES)?;
    let mut offset = TABLE;
    let mut count = 0_u32;
    for (name, path) in images(folder)? {
        ensure!(name.len() < NAME, "{name} is too long for a name");
        let cells = fs::read(&path)?;
        file.write_all_at(&cells, offset as u64)?;
        let mut place = [0; PLACE];
        put(&mut place, 0, name.as_bytes())?;
        put(&mut place, NAME, &(offset as u64).to_le_bytes())?;
        put(&mut place, NAME + 8, &(cells.len() as u64).to_le_bytes())?;
        table.extend_from_slice(&place);
        offset = (offset + cells.len()).next_multiple_of(ALIGNMENT);
        count += 1;
    }
    ensure!(table.len() <= TABLE, "{count} regions are too many");
    ensure!(offset as u64 <= BYTES, "{count} regions take {offset} bytes of {BYTES}");
    put(&mut table, 0, MAGIC)?;
    put(&mut table, 8, &VERSION.to_le_bytes())?;
    put(&mut table, 12, &count.to_le_bytes())?;
    Ok(file.write_all_at(&table, 0)?)
}

/// Writes each region to its file in the folder, however the machine came to its end.
pub fn save(regions: &Path, folder: &Path) -> Result<()> {
    save_in(regions, folder).with_context(|| format!("saving {}", regions.display()))
}

fn save_in(regions: &Path, folder: &Path) -> Result<()> {
    let bytes = fs::read(regions)?;
    ensure!(bytes.starts_with(MAGIC), "this has no regions");
    let count = usize::try_from(u32::from_le_bytes(array(&bytes, 12)?))?;
    ensure!(count < TABLE / PLACE, "{count} regions are more than there can be");
    for place in bytes.chunks_exact(PLACE).skip(1).take(count) {
        let name = place.get(..NAME).unwrap_or_default().split(|byte| *byte == 0).next().unwrap_or_default();
        let name = std::str::from_utf8(name).ok().filter(|name| !name.is_empty() && !name.contains('/'));
        let name = name.context("a region has no name for a file")?;
        let offset = usize::try_from(u64::from_le_bytes(array(place, NAME)?))?;
        let size = usize::try_from(u64::from_le_bytes(array(place, NAME + 8)?))?;
        let end = offset.checked_add(size).filter(|_| offset >= TABLE);
        let Some(cells) = end.and_then(|end| bytes.get(offset..end)) else { bail!("{name} is not inside") };
        let path = folder.join(format!("{name}.bin"));
        fs::write(&path, cells).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

/// The images in a folder, sorted by name.
fn images(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut images = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".bin"));
        images.extend(name.map(str::to_owned).map(|name| (name, path)));
    }
    images.sort();
    Ok(images)
}

fn put(target: &mut [u8], at: usize, bytes: &[u8]) -> Result<()> {
    let place = target.get_mut(at..at + bytes.len()).context("this does not fit")?;
    place.copy_from_slice(bytes);
    Ok(())
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N]> {
    Ok(bytes.get(at..at + N).context("this is cut short")?.try_into()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_the_folder_is_in_the_file_and_comes_back_changed() {
        let folder = tempfile::tempdir().unwrap();
        let regions = folder.path().join("regions");
        fs::write(folder.path().join("10-0050.bin"), b"first").unwrap();
        fs::write(folder.path().join("spi12.0.bin"), vec![7; 5000]).unwrap();
        fs::write(folder.path().join("notes"), b"no image").unwrap();
        load(folder.path(), &regions).unwrap();
        let mut bytes = fs::read(&regions).unwrap();
        assert_eq!(bytes.len() as u64, BYTES);
        assert_eq!(&bytes[..16], b"BEDCELLS\x01\0\0\0\x02\0\0\0");
        assert_eq!(&bytes[64..72], b"10-0050\0");
        assert_eq!(&bytes[112..128], b"\0\0\x01\0\0\0\0\0\x05\0\0\0\0\0\0\0");
        assert_eq!(&bytes[65_536..65_542], b"first\0");
        // The guest changes one and adds one.
        bytes[65_536] = b'F';
        bytes[12] = 3;
        bytes[192..198].copy_from_slice(b"4-0070");
        bytes[192 + 48..192 + 56].copy_from_slice(&0x2_0000_u64.to_le_bytes());
        bytes[192 + 56] = 2;
        bytes[0x2_0000..0x2_0002].copy_from_slice(b"ab");
        fs::write(&regions, bytes).unwrap();
        save(&regions, folder.path()).unwrap();
        for (name, wanted) in
            [("10-0050", b"First".to_vec()), ("spi12.0", vec![7; 5000]), ("4-0070", b"ab".to_vec())]
        {
            assert_eq!(fs::read(folder.path().join(format!("{name}.bin"))).unwrap(), wanted, "{name}");
        }
    }

    #[test]
    fn what_cannot_be_a_region_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let regions = folder.path().join("regions");
        load(folder.path(), &regions).unwrap();
        let whole = fs::read(&regions).unwrap();
        for (at, patch, complaint) in [
            (0, &b"x"[..], "no regions"),
            (12, b"\xff\xff", "more than there can be"),
            (12, b"\x01", "no name"),
            (64, b"../a", "no name"),
            (64, b"a", "a is not inside"),
        ] {
            let mut bytes = whole.clone();
            bytes[12] = 1;
            bytes[at..at + patch.len()].copy_from_slice(patch);
            fs::write(&regions, bytes).unwrap();
            let error = format!("{:#}", save(&regions, folder.path()).unwrap_err());
            assert!(error.contains(complaint), "{patch:?}: {error}");
        }
        fs::write(folder.path().join("large.bin"), vec![0; 17 << 20]).unwrap();
        assert!(load(folder.path(), &regions).is_err(), "larger than the file");
    }
}
