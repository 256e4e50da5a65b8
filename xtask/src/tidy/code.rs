//! A Rust file split into code and string literals, so that rules about code do not trip over prose.

/// A Rust source file as the rules see it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Code {
    /// The text with comments and the insides of literals blanked; line breaks are kept.
    pub text: String,
    /// Each string literal's content with the line on which it starts.
    pub literals: Vec<(usize, String)>,
}

impl Code {
    /// Splits a file. Text that is not Rust gives some answer, never an error.
    pub fn split(source: &str) -> Self {
        let mut splitter = Splitter { rest: source, line: 1, code: Self::default() };
        while splitter.step() {}
        splitter.code
    }

    /// The line (from 1) of a byte position in [`Code::text`].
    pub fn line_at(&self, position: usize) -> usize {
        self.text.get(..position).map_or(0, |before| before.matches('\n').count()) + 1
    }

    /// The first line of the tests at the end of the file, if it has any.
    pub fn test_tail(&self) -> Option<usize> {
        let lines: Vec<&str> = self.text.lines().collect();
        let opens_tests = |index: &usize| {
            let after: String = lines.iter().skip(index + 1).take(3).copied().collect();
            let attribute =
                lines.get(*index).is_some_and(|line| line.trim_start().starts_with("#[cfg(test)]"));
            let module = after.trim_start();
            let module = module.strip_prefix("pub(crate) ").unwrap_or(module);
            attribute
                && module.starts_with("mod ")
                && module.split(';').next().is_some_and(|head| head.contains('{'))
        };
        (0..lines.len()).find(opens_tests).map(|index| index + 1)
    }
}

struct Splitter<'a> {
    rest: &'a str,
    line: usize,
    code: Code,
}

impl Splitter<'_> {
    fn step(&mut self) -> bool {
        let Some(first) = self.rest.chars().next() else { return false };
        if self.rest.starts_with("//") {
            self.blank(self.rest.find('\n').unwrap_or(self.rest.len()));
        } else if self.rest.starts_with("/*") {
            self.blank(block_comment(self.rest));
        } else if let Some((prefix, hashes)) = raw_string(self.rest).filter(|_| !self.in_word()) {
            self.literal(prefix, &format!("\"{}", "#".repeat(hashes)), Escapes::None);
        } else if first == '"' {
            self.literal(1, "\"", Escapes::Backslash);
        } else if first == '\'' {
            let length = character(self.rest);
            if length > 1 { self.blank(length) } else { self.keep(1) }
        } else {
            self.keep(first.len_utf8());
        }
        true
    }

    fn in_word(&self) -> bool {
        self.code.text.ends_with(|last: char| last.is_alphanumeric() || last == '_')
    }

    fn keep(&mut self, length: usize) {
        let (kept, rest) = self.rest.split_at(length);
        self.line += kept.matches('\n').count();
        self.code.text.push_str(kept);
        self.rest = rest;
    }

    fn blank(&mut self, length: usize) {
        let (gone, rest) = self.rest.split_at(length);
        self.line += gone.matches('\n').count();
        self.code.text.extend(gone.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        self.rest = rest;
    }

    fn literal(&mut self, prefix: usize, end: &str, escapes: Escapes) {
        let body = self.rest.get(prefix..).unwrap_or_default();
        let length = literal_length(body, end, escapes);
        self.code.literals.push((self.line, body.get(..length).unwrap_or_default().to_owned()));
        // The quotes stay, so that neighbouring words do not grow together.
        self.keep(prefix);
        self.blank(length);
        self.keep(end.len().min(self.rest.len()));
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    None,
    Backslash,
}

fn literal_length(body: &str, end: &str, escapes: Escapes) -> usize {
    let mut escaped = false;
    for (position, character) in body.char_indices() {
        if escaped {
            escaped = false;
        } else if escapes == Escapes::Backslash && character == '\\' {
            escaped = true;
        } else if body.get(position..).is_some_and(|rest| rest.starts_with(end)) {
            return position;
        }
    }
    body.len()
}

/// The length of `r#"` or `br"` and the like, with the number of hashes.
fn raw_string(text: &str) -> Option<(usize, usize)> {
    let letters = if text.starts_with("br") || text.starts_with("cr") { 2 } else { 1 };
    let after = text.get(letters..).filter(|_| letters == 2 || text.starts_with('r'))?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    after.get(hashes..)?.starts_with('"').then_some((letters + hashes + 1, hashes))
}

/// The length of a block comment, which may hold others.
fn block_comment(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    let mut position = 0;
    while let Some(pair) = bytes.get(position..position + 2) {
        match pair {
            b"/*" => depth += 1,
            b"*/" => depth -= 1,
            _ => {
                position += 1;
                continue;
            }
        }
        position += 2;
        if depth == 0 {
            return position;
        }
    }
    text.len()
}

/// The length of a character literal, or 1 for the tick of a lifetime.
fn character(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    match (characters.next(), characters.next()) {
        (Some((_, '\\')), Some(_)) => {
            let end = text.get(3..).and_then(|rest| rest.find('\''));
            end.map_or(1, |end| end + 4)
        }
        (Some(_), Some((position, '\''))) => position + 1,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_leave_the_code() {
        let cases = [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* */ c */ d", "a                 d"),
            ("f(\"x // y\")", "f(\"      \")"),
            ("r#\"a\"b\"# + 1", "r#\"   \"# + 1"),
            ("b\"\\\"\" 'x' '\\'' &'a str", "b\"  \"          &'a str"),
            ("for\"", "for\""),
        ];
        for (source, expected) in cases {
            let text = Code::split(source).text;
            assert_eq!(text.trim_end(), expected.trim_end(), "{source}");
        }
    }

    #[test]
    fn literals_keep_their_line() {
        let code = Code::split("let a =\n  \"one\";\nlet b = r\"two\"; // \"three\"");
        assert_eq!(code.literals, [(2, "one".to_owned()), (3, "two".to_owned())]);
    }

    #[test]
    fn test_tail_is_a_module_with_a_body() {
        assert_eq!(Code::split("fn a() {}\n#[cfg(test)]\nmod tests {\n}\n").test_tail(), Some(2));
        assert_eq!(Code::split("#[cfg(test)]\nmod tests;\nfn a() {}\n").test_tail(), None);
        assert_eq!(Code::split("// #[cfg(test)]\nmod tests {}\n").test_tail(), None);
    }
}
