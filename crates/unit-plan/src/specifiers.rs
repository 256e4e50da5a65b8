//! What `%` stands for.

use anyhow::{Context, Result, bail};

use super::name::{UnitName, unescape};

/// The folders of the system's services, by the letter.
const FOLDERS: [(char, &str); 7] = [
    ('t', "/run"),
    ('S', "/var/lib"),
    ('C', "/var/cache"),
    ('L', "/var/log"),
    ('E', "/etc"),
    ('T', "/tmp"),
    ('V', "/var/tmp"),
];

/// Replaces the specifiers in a value. `root` stands before folders.
pub fn expand(text: &str, name: &UnitName, root: &str) -> Result<String> {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        expanded.push_str(before);
        let letter = after.chars().next().with_context(|| format!("{text} ends with %"))?;
        expanded.push_str(&one(letter, name, root)?);
        rest = after.get(letter.len_utf8()..).unwrap_or_default();
    }
    Ok(expanded + rest)
}

fn one(letter: char, name: &UnitName, root: &str) -> Result<String> {
    let instance = name.instance.as_deref().unwrap_or_default();
    // The last part of a prefix with dashes.
    let last = name.prefix.rsplit('-').next().unwrap_or_default();
    Ok(match letter {
        '%' => "%".to_owned(),
        'i' => instance.to_owned(),
        'I' => unescape(instance)?,
        'n' => name.full(),
        'N' => name.stem(),
        'p' => name.prefix.clone(),
        'P' => unescape(&name.prefix)?,
        'j' => last.to_owned(),
        'J' => unescape(last)?,
        'f' => {
            let text = unescape(if instance.is_empty() { &name.prefix } else { instance })?;
            format!("{root}/{}", text.trim_start_matches('/'))
        }
        _ => match FOLDERS.iter().find(|(known, _)| *known == letter) {
            Some((_, folder)) => format!("{root}{folder}"),
            None => bail!("the specifier %{letter} is not known here"),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specifiers_stand_for_parts_of_the_name_and_for_folders() {
        let name = UnitName::parse("a-b@10\\x2d0050.service").unwrap();
        for (text, expanded) in [
            ("%i %I", "10\\x2d0050 10-0050"),
            ("%n %N", "a-b@10\\x2d0050.service a-b@10\\x2d0050"),
            ("%p %P %j", "a-b a/b b"),
            ("%f", "/10-0050"),
            (
                "%t/x %S %C %L %E %T %V",
                "/run/x /var/lib /var/cache /var/log /etc /tmp /var/tmp"
                    .replace("/tmp ", concat!("/", "tmp "))
                    .as_str(),
            ),
            ("100%%", "100%"),
        ] {
            assert_eq!(expand(text, &name, "").unwrap(), expanded, "{text}");
        }
        assert_eq!(expand("%t/x", &name, "/root/folder").unwrap(), "/root/folder/run/x");
        assert!(expand("%q", &name, "").is_err());
        assert!(expand("100%", &name, "").is_err());
        let plain = UnitName::parse("a-b.service").unwrap();
        assert_eq!(expand("[%i] %f", &plain, "").unwrap(), "[] /a/b");
    }
}
