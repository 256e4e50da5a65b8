//! A key that signs the demonstration's images, made anew each time.

use std::fs::File;
use std::io::Read;

use anyhow::{Context, Result};

/// An ECPrivateKey on P-256 before and behind its secret number, in DER (RFC 5915).
const BEFORE: [u8; 7] = [0x30, 0x31, 0x02, 0x01, 0x01, 0x04, 0x20];
const BEHIND: [u8; 12] = [0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A private key in PEM.
pub fn new() -> Result<String> {
    let mut secret = [0; 32];
    let mut source = File::open("/dev/urandom").context("opening the source of random numbers")?;
    source.read_exact(&mut secret).context("reading random numbers")?;
    // Below the order of the curve, whatever came.
    secret[0] &= 0x7f;
    Ok(pem(&secret))
}

fn pem(secret: &[u8; 32]) -> String {
    let der = [&BEFORE[..], secret, &BEHIND].concat();
    format!("-----BEGIN EC PRIVATE KEY-----\n{}\n-----END EC PRIVATE KEY-----\n", base64(&der))
}

/// RFC 4648, for a number of bytes that three divides.
fn base64(bytes: &[u8]) -> String {
    let digit = |group: u32, place: u32| char::from(DIGITS[(group >> (18 - 6 * place) & 63) as usize]);
    let groups =
        bytes.chunks_exact(3).map(|three| three.iter().fold(0, |group, byte| group << 8 | u32::from(*byte)));
    groups.flat_map(|group| (0..4).map(move |place| digit(group, place))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_that_of_a_key() {
        let secret: Vec<u8> = (1..=32).collect();
        let text = pem(secret.as_slice().try_into().unwrap());
        assert!(
            text.contains("\nMDECAQEEIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8goAoGCCqGSM49AwEH\n"),
            "{text}"
        );
    }
}
