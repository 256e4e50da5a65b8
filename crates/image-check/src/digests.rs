use crate::{DigestChoice, Rejection};
use image_format::DigestAlgorithm;
use image_signature::{DigestValue, Digester};
use std::io::{self, Read};

/// The digests of a file.
#[derive(Debug)]
pub(crate) struct Digests {
    /// Always there.
    pub(crate) sha256: DigestValue,
    others: Vec<DigestValue>,
}

impl Digests {
    /// The digest of an algorithm, if it was made.
    pub(crate) fn get(&self, algorithm: DigestAlgorithm) -> Option<&DigestValue> {
        [&self.sha256].into_iter().chain(&self.others).find(|value| value.algorithm() == algorithm)
    }
}

/// Digests under way.
pub(crate) struct Digesting {
    sha256: Digester,
    others: Vec<Digester>,
}

impl Digesting {
    /// SHA-256, and what else is known to be needed.
    pub(crate) fn new(choice: DigestChoice, wanted: Option<DigestAlgorithm>) -> Self {
        let others: &[DigestAlgorithm] = match (choice, &wanted) {
            (DigestChoice::All, _) => &[DigestAlgorithm::Sha384, DigestAlgorithm::Sha512],
            (DigestChoice::AsNeeded, None | Some(DigestAlgorithm::Sha256)) => &[],
            (DigestChoice::AsNeeded, Some(wanted)) => std::slice::from_ref(wanted),
        };
        let others = others.iter().map(|algorithm| Digester::new(*algorithm)).collect();
        Self { sha256: Digester::new(DigestAlgorithm::Sha256), others }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        for other in &mut self.others {
            other.update(bytes);
        }
    }

    pub(crate) fn finish(self) -> Digests {
        let others = self.others.into_iter().map(Digester::finish).collect();
        Digests { sha256: self.sha256.finish(), others }
    }

    /// Reads a file again for a digest that was not known to be needed.
    ///
    /// Errors: [`Rejection::Storage`], also when the file is no longer what was written.
    pub(crate) fn again(
        mut file: impl Read,
        written: &Digests,
        wanted: DigestAlgorithm,
    ) -> Result<DigestValue, Rejection> {
        let mut digesting = Self::new(DigestChoice::AsNeeded, Some(wanted));
        let mut buffer = vec![0; crate::receiver::PIECE];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => digesting.update(buffer.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Rejection::Storage(error)),
            }
        }
        let again = digesting.finish();
        let changed = || io::Error::other("a file changed after it was written");
        if again.sha256 != written.sha256 {
            return Err(Rejection::Storage(changed()));
        }
        again.get(wanted).cloned().ok_or_else(|| Rejection::Storage(changed()))
    }
}
