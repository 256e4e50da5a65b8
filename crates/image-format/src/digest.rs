use crate::Excerpt;
use std::fmt;

/// The hash that a signature is made over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DigestAlgorithm {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// Why a text names no digest that signatures may be made over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DigestError {
    /// It names one of the MD family or SHA-1, for which collisions can be made.
    #[error("the digest \"{}\" is too weak for signatures", Excerpt::of(.0))]
    Weak(String),
    /// It names none that is known.
    #[error("the digest \"{}\" is not known", Excerpt::of(.0))]
    Unknown(String),
    /// The key set's text has no line `HashType=`.
    #[error("there is no line HashType=")]
    Missing,
    /// The key set's text has more than one.
    #[error("there is more than one line HashType=")]
    Repeated,
}

/// What OpenSSL calls a digest, alone or together with a kind of key. Case does not count.
const NAMES: [(DigestAlgorithm, [&str; 6]); 3] = [
    (
        DigestAlgorithm::Sha256,
        ["sha256", "sha-256", "sha2-256", "rsa-sha256", "sha256withrsaencryption", "ecdsa-with-sha256"],
    ),
    (
        DigestAlgorithm::Sha384,
        ["sha384", "sha-384", "sha2-384", "rsa-sha384", "sha384withrsaencryption", "ecdsa-with-sha384"],
    ),
    (
        DigestAlgorithm::Sha512,
        ["sha512", "sha-512", "sha2-512", "rsa-sha512", "sha512withrsaencryption", "ecdsa-with-sha512"],
    ),
];

/// Names of digests that are refused as weak, alone or as a part between hyphens.
const WEAK: [&str; 4] = ["md2", "md4", "md5", "sha1"];
/// What follows a digest in the other spelling of its use with a key.
const WITH_RSA: &str = "withrsaencryption";

impl DigestAlgorithm {
    /// Reads OpenSSL's name of a digest, as `RSA-SHA256`, `sha256` or `ecdsa-with-SHA256`.
    ///
    /// Errors: [`DigestError::Weak`], [`DigestError::Unknown`].
    pub fn parse(name: &str) -> Result<Self, DigestError> {
        let known =
            NAMES.iter().find(|(_, names)| names.iter().any(|known| known.eq_ignore_ascii_case(name)));
        if let Some((algorithm, _)) = known {
            return Ok(*algorithm);
        }
        Err(if is_weak(name) {
            DigestError::Weak(name.to_owned())
        } else {
            DigestError::Unknown(name.to_owned())
        })
    }
}

/// The digest of a key set, from the text of its file `hashfunc`: a line `HashType=` and OpenSSL's name.
///
/// Lines of another kind do not count, nor do blanks behind the name.
///
/// Errors: [`DigestError`].
pub fn parse_hash_function(text: &str) -> Result<DigestAlgorithm, DigestError> {
    let mut names = text.lines().filter_map(|line| line.strip_prefix("HashType="));
    let name = names.next().ok_or(DigestError::Missing)?;
    if names.next().is_some() {
        return Err(DigestError::Repeated);
    }
    DigestAlgorithm::parse(name.trim_end())
}

fn is_weak(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let name = name.strip_suffix(WITH_RSA).unwrap_or(&name);
    name == "sha-1" || name.split('-').any(|part| WEAK.contains(&part))
}

impl fmt::Display for DigestAlgorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::DigestAlgorithm::*;
    use super::*;

    #[test]
    fn digests_are_known_by_all_names_that_openssl_has_for_them() {
        for (name, algorithm) in [
            ("RSA-SHA256", Sha256),
            ("SHA256", Sha256),
            ("sha256", Sha256),
            ("SHA2-256", Sha256),
            ("SHA-256", Sha256),
            ("sha256WithRSAEncryption", Sha256),
            ("ecdsa-with-SHA256", Sha256),
            ("RSA-SHA384", Sha384),
            ("SHA384", Sha384),
            ("ecdsa-with-SHA384", Sha384),
            ("RSA-SHA512", Sha512),
            ("SHA512", Sha512),
            ("sha512WithRSAEncryption", Sha512),
        ] {
            assert_eq!(DigestAlgorithm::parse(name), Ok(algorithm), "{name}");
        }
    }

    #[test]
    fn weak_digests_are_refused_as_such_and_others_as_unknown() {
        for name in [
            "MD5",
            "md5",
            "RSA-MD5",
            "ssl3-md5",
            "md5WithRSAEncryption",
            "MD4",
            "RSA-MD2",
            "SHA1",
            "sha-1",
            "RSA-SHA1",
            "RSA-SHA1-2",
            "sha1WithRSAEncryption",
            "ecdsa-with-SHA1",
            "MD5-SHA1",
        ] {
            assert_eq!(DigestAlgorithm::parse(name), Err(DigestError::Weak(name.to_owned())));
        }
        for name in
            ["", "SHA224", "SHA512-256", "SHA3-256", "RSA-SHA256 ", "SHA", "sm3", "SHA256,SHA1", "RSA"]
        {
            assert_eq!(DigestAlgorithm::parse(name), Err(DigestError::Unknown(name.to_owned())));
        }
    }

    #[test]
    fn a_digest_without_end_is_cut_where_it_is_told() {
        for name in ["x".repeat(4000), format!("md5-{}", "\u{10ffff}".repeat(1000))] {
            let told = DigestAlgorithm::parse(&name).unwrap_err().to_string();
            assert!(told.len() < 350 && told.contains('…'), "{told}");
        }
    }

    #[test]
    fn a_key_set_names_its_digest_once() {
        for (text, expected) in [
            ("HashType=RSA-SHA256\n", Ok(Sha256)),
            ("HashType=RSA-SHA512", Ok(Sha512)),
            ("# ours\n\nHashType=SHA384 \r\n", Ok(Sha384)),
            ("HashType=RSA-SHA1\n", Err(DigestError::Weak("RSA-SHA1".to_owned()))),
            ("HashType=\n", Err(DigestError::Unknown(String::new()))),
            ("HashType=SHA256\nHashType=SHA256\n", Err(DigestError::Repeated)),
            ("hashtype=SHA256\n", Err(DigestError::Missing)),
            (" HashType=SHA256\n", Err(DigestError::Missing)),
            ("", Err(DigestError::Missing)),
        ] {
            assert_eq!(parse_hash_function(text), expected, "{text:?}");
        }
    }
}
