//! A writer of tar archives with which nothing is impossible. Correct images come from `image-builder`.

const BLOCK: usize = 512;

/// A member with every field of its header as wished.
#[derive(Debug, Clone)]
pub struct Entry {
    pub name: Vec<u8>,
    pub prefix: Vec<u8>,
    pub flag: u8,
    pub link: Vec<u8>,
    /// The field as it is to be; the length in octal digits otherwise.
    pub size: Option<[u8; 12]>,
    pub mark: [u8; 8],
    /// Added to the right sum.
    pub sum_fault: i32,
    pub mode: u32,
    pub content: Vec<u8>,
}

impl Entry {
    pub fn new(flag: u8, name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Self {
        Self {
            name: name.as_ref().to_vec(),
            prefix: Vec::new(),
            flag,
            link: Vec::new(),
            size: None,
            mark: *b"ustar\x0000",
            sum_fault: 0,
            mode: 0o644,
            content: content.as_ref().to_vec(),
        }
    }

    pub fn file(name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Self {
        Self::new(b'0', name, content)
    }

    /// pax attributes of the next member.
    pub fn pax(attributes: &[(&str, &str)]) -> Self {
        let mut content = String::new();
        for (key, value) in attributes {
            // The length counts itself.
            let rest = key.len() + value.len() + 3;
            let digits = |total: usize| total.to_string().len();
            let mut total = rest + digits(rest);
            total = rest + digits(total);
            content += &format!("{total} {key}={value}\n");
        }
        Self::new(b'x', "PaxHeaders/x", content)
    }

    fn write(&self, archive: &mut Vec<u8>) {
        let mut header = [0; BLOCK];
        put(&mut header, 0..100, &self.name);
        put(&mut header, 100..108, format!("{:07o}\0", self.mode).as_bytes());
        put(&mut header, 108..116, b"0000000\0");
        put(&mut header, 116..124, b"0000000\0");
        let size = format!("{:011o}\0", self.content.len());
        put(&mut header, 124..136, self.size.as_ref().map_or(size.as_bytes(), |size| size));
        put(&mut header, 136..148, b"00000000000\0");
        put(&mut header, 156..157, &[self.flag]);
        put(&mut header, 157..257, &self.link);
        put(&mut header, 257..265, &self.mark);
        put(&mut header, 345..500, &self.prefix);
        put(&mut header, 148..156, b"        ");
        let sum = header.iter().map(|byte| u32::from(*byte)).sum::<u32>();
        let sum = sum.saturating_add_signed(self.sum_fault);
        put(&mut header, 148..156, format!("{sum:06o}\0 ").as_bytes());
        archive.extend_from_slice(&header);
        archive.extend_from_slice(&self.content);
        archive.resize(archive.len().next_multiple_of(BLOCK), 0);
    }
}

fn put(header: &mut [u8; BLOCK], range: std::ops::Range<usize>, bytes: &[u8]) {
    let end = range.start + bytes.len().min(range.len());
    header[range.start..end].copy_from_slice(&bytes[..end - range.start]);
}

/// The members without an end.
pub fn members(entries: &[Entry]) -> Vec<u8> {
    let mut archive = Vec::new();
    entries.iter().for_each(|entry| entry.write(&mut archive));
    archive
}

/// A whole archive.
pub fn archive(entries: &[Entry]) -> Vec<u8> {
    let mut archive = members(entries);
    archive.resize(archive.len() + 2 * BLOCK, 0);
    archive
}
