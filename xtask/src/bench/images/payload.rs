//! The image that is measured: one large payload, as compressible as firmware is, signed.

use std::fs;
use std::io::{self, BufWriter, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use image_builder::{ImageBuilder, Purpose};
use image_signature::PrivateKey;
use test_random::Numbers;

use crate::step::Step;

/// Makes the key that signs, and the key set that trusts it.
pub fn keys(folder: &Path, trust: &Path) -> Result<()> {
    let set = trust.join("OpenBMC");
    fs::create_dir_all(&set)?;
    let key = folder.join("key.pem");
    let options = ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:4096", "-out"];
    Step::new("openssl").args(options).arg(&key).output()?;
    Step::new("openssl")
        .args(["pkey", "-pubout", "-in"])
        .arg(&key)
        .arg("-out")
        .arg(set.join("publickey"))
        .output()?;
    fs::write(set.join("hashfunc"), "HashType=RSA-SHA256\n")?;
    Ok(())
}

/// Makes the image.
pub fn image(folder: &Path, length: u64) -> Result<PathBuf> {
    let path = folder.join("image.tar");
    let key = PrivateKey::from_pem(&fs::read(folder.join("key.pem"))?).context("reading the key")?;
    let out = BufWriter::new(fs::File::create(&path)?);
    ImageBuilder::new(Purpose::Psu, "1.0")
        .extended_version("model=bench,manufacturer=bench")
        .payload_from("firmware.bin", length, Firmware::new(length))
        .sign(&key, None)
        .write(out)
        .context("making the image")?;
    Ok(path)
}

/// Bytes that compress by about two thirds: words of a small vocabulary, and noise.
struct Firmware {
    left: u64,
    numbers: Numbers,
    words: Vec<[u8; 16]>,
}

impl Firmware {
    fn new(length: u64) -> Self {
        let mut numbers = Numbers::silent(0x5eed_0034);
        let words = (0..4096).map(|_| std::array::from_fn(|_| numbers.byte())).collect();
        Self { left: length, numbers, words }
    }
}

impl Read for Firmware {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        for piece in buffer[..length].chunks_mut(16) {
            let word = self.words[self.numbers.below(self.words.len())];
            piece.copy_from_slice(&word[..piece.len()]);
            // Half of every fourth word is noise.
            if self.numbers.one_in(4) {
                for byte in piece.iter_mut().take(8) {
                    *byte = self.numbers.byte();
                }
            }
        }
        self.left -= length as u64;
        Ok(length)
    }
}
