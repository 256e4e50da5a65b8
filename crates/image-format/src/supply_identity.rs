use crate::Excerpt;

/// Which power supplies an image is for.
///
/// Shape: `model=<model>,manufacturer=<manufacturer>`, each 1 to 64 of `A-Z`, `a-z`, `0-9`, `.`, `_`, `+`, blank and `-`,
/// and not `.` or `..`: they become names of folders. In either order; other keys are ignored. Blanks around a key or a
/// value do not count.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SupplyIdentity {
    /// The model.
    pub model: String,
    /// Who makes it.
    pub manufacturer: String,
}

/// Why an extended version does not say which power supplies it is for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// A part between commas has no `=`.
    #[error("\"{}\" has no = in it", Excerpt::of(.0))]
    Field(String),
    /// One of the two is not there.
    #[error("it names no {key}")]
    Missing {
        /// `model` or `manufacturer`.
        key: &'static str,
    },
    /// One of the two is there more than once.
    #[error("it names more than one {key}")]
    Repeated {
        /// `model` or `manufacturer`.
        key: &'static str,
    },
    /// One of the two is empty, too long, or has other characters in it than a folder's name may have.
    #[error("the {key} \"{}\" is not 1 to 64 letters, digits, blanks and ._+-", Excerpt::of(.value))]
    Characters {
        /// `model` or `manufacturer`.
        key: &'static str,
        /// Its value.
        value: String,
    },
}

const MODEL: &str = "model";
const MANUFACTURER: &str = "manufacturer";
/// Longest model or manufacturer, bytes.
const LONGEST: usize = 64;

impl SupplyIdentity {
    /// Reads an extended version.
    ///
    /// Errors: [`IdentityError`].
    pub fn parse(extended_version: &str) -> Result<Self, IdentityError> {
        let (mut model, mut manufacturer) = (None, None);
        let fields = extended_version.split(',').filter(|_| !extended_version.is_empty());
        for field in fields {
            let (key, value) = field.split_once('=').ok_or_else(|| IdentityError::Field(field.to_owned()))?;
            let value = value.trim();
            match key.trim() {
                MODEL => once(&mut model, MODEL, value)?,
                MANUFACTURER => once(&mut manufacturer, MANUFACTURER, value)?,
                _ => {}
            }
        }
        Ok(Self {
            model: model.ok_or(IdentityError::Missing { key: MODEL })?,
            manufacturer: manufacturer.ok_or(IdentityError::Missing { key: MANUFACTURER })?,
        })
    }
}

fn once(place: &mut Option<String>, key: &'static str, value: &str) -> Result<(), IdentityError> {
    let may_be_there = |byte: u8| byte.is_ascii_alphanumeric() || b"._+ -".contains(&byte);
    let is_name =
        !matches!(value, "" | "." | "..") && value.len() <= LONGEST && value.bytes().all(may_be_there);
    if !is_name {
        return Err(IdentityError::Characters { key, value: value.to_owned() });
    }
    match place.replace(value.to_owned()) {
        Some(_) => Err(IdentityError::Repeated { key }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<(String, String), IdentityError> {
        SupplyIdentity::parse(text).map(|identity| (identity.model, identity.manufacturer))
    }

    #[test]
    fn model_and_manufacturer_are_read_in_either_order() {
        let longest = "m".repeat(64);
        for (text, model, manufacturer) in [
            ("model=model-1,manufacturer=test-manu", "model-1", "test-manu"),
            ("manufacturer=A+ Power_1.0,model=51E9", "51E9", "A+ Power_1.0"),
            ("x=,model=a,y=1=2,manufacturer=b", "a", "b"),
            ("model=...,manufacturer=b", "...", "b"),
            ("model = a b , manufacturer= c", "a b", "c"),
            (&format!("model={longest},manufacturer=b"), &longest, "b"),
        ] {
            assert_eq!(parse(text), Ok((model.to_owned(), manufacturer.to_owned())), "{text}");
        }
    }

    #[test]
    fn what_could_name_another_folder_is_refused() {
        for value in
            ["", " ", ". ", ".", "..", "a/b", "../x", "a\\b", "größe", "a\tb", "a=b", "a*", &"m".repeat(65)]
        {
            let wrong = |key| Err(IdentityError::Characters { key, value: value.trim().to_owned() });
            assert_eq!(parse(&format!("model={value},manufacturer=b")), wrong(MODEL), "{value:?}");
            assert_eq!(parse(&format!("model=b,manufacturer={value}")), wrong(MANUFACTURER), "{value:?}");
        }
    }

    #[test]
    fn both_are_there_exactly_once() {
        for (text, error) in [
            ("", IdentityError::Missing { key: MODEL }),
            ("manufacturer=b", IdentityError::Missing { key: MODEL }),
            ("model=b", IdentityError::Missing { key: MANUFACTURER }),
            ("Model=b,manufacturer=b", IdentityError::Missing { key: MODEL }),
            ("model=b,manufacturer=b,model=b", IdentityError::Repeated { key: MODEL }),
            ("manufacturer=b,manufacturer=c", IdentityError::Repeated { key: MANUFACTURER }),
            ("model=b,", IdentityError::Field(String::new())),
            ("v1.2", IdentityError::Field("v1.2".to_owned())),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
    }
}
