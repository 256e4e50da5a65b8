//! The text of a MANIFEST.

use crate::{BuildError, Purpose};

/// What its lines say.
#[derive(Debug)]
pub struct Lines {
    purpose: Purpose,
    version: String,
    pub machine_name: Option<String>,
    pub extended_version: Option<String>,
    pub compatible_names: Vec<String>,
    pub key_type: Option<String>,
    pub hash_type: Option<String>,
    pub further: Vec<(String, String)>,
}

impl Lines {
    pub fn new(purpose: Purpose, version: String) -> Self {
        Self {
            purpose,
            version,
            machine_name: None,
            extended_version: None,
            compatible_names: Vec::new(),
            key_type: None,
            hash_type: None,
            further: Vec::new(),
        }
    }

    /// The whole text, values without blanks around them, as they are read. A line break in a value would begin another
    /// line, so it is refused.
    pub fn text(&self) -> Result<String, BuildError> {
        let mut text = String::new();
        let mut add = |key: &str, value: &str| {
            if !is_key(key) {
                return Err(BuildError::Key { key: key.to_owned() });
            }
            if value.contains(['\n', '\r']) {
                return Err(BuildError::LineBreak { key: key.to_owned() });
            }
            text.extend([key, "=", value.trim(), "\n"]);
            Ok(())
        };
        add("purpose", &self.purpose.full())?;
        add("version", &self.version)?;
        for (key, value) in [
            ("ExtendedVersion", &self.extended_version),
            ("extended_version", &self.extended_version),
            ("MachineName", &self.machine_name),
            ("KeyType", &self.key_type),
            ("HashType", &self.hash_type),
        ] {
            value.iter().try_for_each(|value| add(key, value))?;
        }
        self.compatible_names.iter().try_for_each(|name| add("CompatibleName", name))?;
        self.further.iter().try_for_each(|(key, value)| add(key, value))?;
        Ok(text)
    }
}

fn is_key(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}
