use image_format::DigestAlgorithm;
use sha2::{Digest, Sha256, Sha384, Sha512};
use std::fmt;

/// Length of the longest digest, bytes.
const LONGEST: usize = 64;

/// Makes a digest of data that come in pieces.
///
/// Source: FIPS 180-4.
#[derive(Clone)]
pub struct Digester(State);

#[derive(Clone)]
enum State {
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

impl Digester {
    /// Begins with no data.
    pub fn new(algorithm: DigestAlgorithm) -> Self {
        Self(match algorithm {
            DigestAlgorithm::Sha256 => State::Sha256(Sha256::new()),
            DigestAlgorithm::Sha384 => State::Sha384(Sha384::new()),
            DigestAlgorithm::Sha512 => State::Sha512(Sha512::new()),
        })
    }

    /// Takes the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        match &mut self.0 {
            State::Sha256(state) => state.update(piece),
            State::Sha384(state) => state.update(piece),
            State::Sha512(state) => state.update(piece),
        }
    }

    /// The digest of all pieces.
    pub fn finish(self) -> DigestValue {
        match self.0 {
            State::Sha256(state) => DigestValue::new(DigestAlgorithm::Sha256, &state.finalize()),
            State::Sha384(state) => DigestValue::new(DigestAlgorithm::Sha384, &state.finalize()),
            State::Sha512(state) => DigestValue::new(DigestAlgorithm::Sha512, &state.finalize()),
        }
    }

    fn algorithm(&self) -> DigestAlgorithm {
        match self.0 {
            State::Sha256(_) => DigestAlgorithm::Sha256,
            State::Sha384(_) => DigestAlgorithm::Sha384,
            State::Sha512(_) => DigestAlgorithm::Sha512,
        }
    }
}

impl fmt::Debug for Digester {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Digester").field(&self.algorithm()).finish()
    }
}

/// The digest of data that are there as a whole.
pub fn digest(algorithm: DigestAlgorithm, data: &[u8]) -> DigestValue {
    let mut digester = Digester::new(algorithm);
    digester.update(data);
    digester.finish()
}

/// A digest, and how it was made.
///
/// Shape: 32, 48 or 64 bytes; shown as lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DigestValue {
    algorithm: DigestAlgorithm,
    /// Zero past the digest's end, so that equal digests are equal as a whole.
    bytes: [u8; LONGEST],
}

impl DigestValue {
    fn new(algorithm: DigestAlgorithm, digest: &[u8]) -> Self {
        let mut bytes = [0; LONGEST];
        for (byte, value) in bytes.iter_mut().zip(digest) {
            *byte = *value;
        }
        Self { algorithm, bytes }
    }

    /// How it was made.
    pub fn algorithm(&self) -> DigestAlgorithm {
        self.algorithm
    }

    /// Its bytes, as many as the algorithm gives.
    pub fn as_bytes(&self) -> &[u8] {
        let length = match self.algorithm {
            DigestAlgorithm::Sha256 => 32,
            DigestAlgorithm::Sha384 => 48,
            DigestAlgorithm::Sha512 => LONGEST,
        };
        self.bytes.get(..length).unwrap_or(&self.bytes)
    }
}

impl fmt::Display for DigestValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for DigestValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}({self})", self.algorithm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_of_abc_are_those_of_the_standard() {
        for (algorithm, expected) in [
            (DigestAlgorithm::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                DigestAlgorithm::Sha384,
                "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed\
                 8086072ba1e7cc2358baeca134c825a7",
            ),
            (
                DigestAlgorithm::Sha512,
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                 2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            ),
        ] {
            let whole = digest(algorithm, b"abc");
            assert_eq!(whole.to_string(), expected);
            assert_eq!(whole.as_bytes().len() * 2, expected.len());
            assert_eq!(whole.algorithm(), algorithm);
            let mut digester = Digester::new(algorithm);
            digester.update(b"a");
            digester.update(b"");
            digester.update(b"bc");
            assert_eq!(digester.finish(), whole);
        }
    }
}
