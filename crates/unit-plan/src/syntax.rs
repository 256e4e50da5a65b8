//! The text of a unit file as assignments with their places.

use std::fmt;
use std::rc::Rc;

use anyhow::{Result, bail};

/// Where an assignment stands; errors name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// The file as the system names it, from `/`.
    pub file: Rc<str>,
    /// From 1; the first line of a continued one.
    pub line: usize,
}

impl fmt::Display for Spot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.file, self.line)
    }
}

/// `key=value` in a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The section's name without brackets.
    pub section: String,
    /// The directive.
    pub key: String,
    /// What follows the sign, without blanks around it.
    pub value: String,
    /// Where it stands.
    pub spot: Spot,
}

/// Takes a file apart. A line that ends in `\` goes on in the next; comments between are passed over.
pub fn parse(text: &str, file: &str) -> Result<Vec<Assignment>> {
    let file: Rc<str> = Rc::from(file);
    let mut assignments = Vec::new();
    let mut section: Option<String> = None;
    for (line, text) in logical_lines(text) {
        let spot = Spot { file: Rc::clone(&file), line };
        if let Some(name) = text.strip_prefix('[') {
            let Some(name) = name.strip_suffix(']') else { bail!("{spot}: a section's name ends with ]") };
            section = Some(name.to_owned());
            continue;
        }
        let Some((key, value)) = text.split_once('=') else { bail!("{spot}: an assignment has a =") };
        let Some(section) = section.clone() else { bail!("{spot}: this stands in no section") };
        let (key, value) = (key.trim_end().to_owned(), value.trim_start().to_owned());
        assignments.push(Assignment { section, key, value, spot });
    }
    Ok(assignments)
}

/// Lines with something in them, continued ones in one piece, each with its number.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_start();
        if line.starts_with(['#', ';']) || (line.is_empty() && open.is_none()) {
            continue;
        }
        let (number, mut whole) = open.take().unwrap_or((index + 1, String::new()));
        match line.strip_suffix('\\').filter(|part| !ends_escaping(part)) {
            Some(part) => {
                whole.push_str(part);
                whole.push(' ');
                open = Some((number, whole));
            }
            None => lines.push((number, (whole + line).trim().to_owned())),
        }
    }
    lines.extend(open.map(|(number, whole)| (number, whole.trim().to_owned())));
    lines.retain(|(_, line)| !line.is_empty());
    lines
}

/// Whether a backslash that follows would be escaped itself.
fn ends_escaping(text: &str) -> bool {
    text.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignments_know_their_section_and_line() {
        let text = "# about\n[Unit]\nDescription = a  b \n\n[Service]\nExecStart=/bin/a \\\n; between\n  b\\\n\tc\nX=\n";
        let found: Vec<_> = parse(text, "/a")
            .unwrap()
            .into_iter()
            .map(|found| (found.section, found.key, found.value, found.spot.line))
            .collect();
        let row =
            |section: &str, key: &str, value: &str, line| (section.into(), key.into(), value.into(), line);
        assert_eq!(
            found,
            [
                row("Unit", "Description", "a  b", 3),
                row("Service", "ExecStart", "/bin/a  b c", 6),
                row("Service", "X", "", 10),
            ]
        );
    }

    #[test]
    fn what_is_no_assignment_is_named_with_file_and_line() {
        for (text, complaint) in [
            ("[Unit\n", "/a:1: a section's name ends with ]"),
            ("\nKey=1\n", "/a:2: this stands in no section"),
            ("[Unit]\nKey\n", "/a:2: an assignment has a ="),
        ] {
            assert_eq!(parse(text, "/a").unwrap_err().to_string(), complaint);
        }
    }
}
