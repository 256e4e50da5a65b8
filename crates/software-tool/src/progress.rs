//! How it is shown what becomes of an image.

use crate::screen::{Face, Screen, clean};
use image_follower::Doing;

/// Parts of a bar.
const PARTS: usize = 25;
/// Longest line that is drawn again, characters; a longer one would wrap and could not be.
const LONGEST: usize = 78;
/// Beside a terminal, a percentage is told when it has grown by so much.
const STEP: u8 = 10;

/// What was shown last.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    shown: Option<Doing>,
    is_drawn: bool,
}

impl Progress {
    /// Shows what is going on with an image, if that is new.
    pub(crate) fn show(&mut self, screen: &mut Screen<'_>, id: &str, doing: Doing) {
        if self.shown.as_ref() == Some(&doing) || !self.is_worth_a_line(screen.face, &doing) {
            return;
        }
        match screen.face {
            Face::Terminal => {
                screen.draw(&format!("\r\x1b[K{}", clean(&bar(id, &doing)).replace('\n', " ")));
                self.is_drawn = true;
            }
            Face::Lines => screen.say(&line(id, &doing)),
        }
        self.shown = Some(doing);
    }

    fn is_worth_a_line(&self, face: Face, doing: &Doing) -> bool {
        let Some(shown) = &self.shown else { return true };
        if face == Face::Terminal || shown.what != doing.what {
            return true;
        }
        let (before, now) = (shown.percent.unwrap_or_default(), doing.percent.unwrap_or_default());
        now < before || now - before >= STEP || (now == 100 && before != 100)
    }

    /// Ends the line that was drawn.
    pub(crate) fn end(&mut self, screen: &mut Screen<'_>) {
        if std::mem::take(&mut self.is_drawn) {
            screen.draw("\r\x1b[K");
        }
    }
}

fn line(id: &str, doing: &Doing) -> String {
    match doing.percent {
        Some(percent) => format!("{id}: {} {percent} %", doing.what),
        None => format!("{id}: {}", doing.what),
    }
}

fn bar(id: &str, doing: &Doing) -> String {
    let Some(percent) = doing.percent else {
        return line(id, doing).chars().take(LONGEST).collect();
    };
    let full = usize::from(percent.min(100)) * PARTS / 100;
    let text = format!(
        "{id}: {:<12} [{}{}] {percent:>3} %",
        doing.what,
        "#".repeat(full),
        "-".repeat(PARTS.saturating_sub(full))
    );
    text.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(face: Face, steps: &[(&str, Option<u8>)]) -> String {
        let mut errors = Vec::new();
        let mut screen = Screen { output: Box::new(Vec::new()), errors: Box::new(&mut errors), face };
        let mut progress = Progress::default();
        for (what, percent) in steps {
            progress.show(&mut screen, "1a2b3c4d", Doing { what: (*what).to_owned(), percent: *percent });
        }
        progress.end(&mut screen);
        drop(screen);
        String::from_utf8(errors).unwrap()
    }

    const STEPS: [(&str, Option<u8>); 7] = [
        ("queued", None),
        ("queued", None),
        ("unpacking", Some(0)),
        ("unpacking", Some(4)),
        ("unpacking", Some(52)),
        ("unpacking", Some(100)),
        ("active", None),
    ];

    #[test]
    fn beside_a_terminal_each_change_is_a_line() {
        let text = shown(Face::Lines, &STEPS);
        let lines: Vec<&str> = text.lines().map(|line| line.trim_start_matches("1a2b3c4d: ")).collect();
        assert_eq!(lines, ["queued", "unpacking 0 %", "unpacking 52 %", "unpacking 100 %", "active"]);
    }

    #[test]
    fn on_a_terminal_one_line_is_drawn_again_and_cleared() {
        let text = shown(Face::Terminal, &STEPS);
        assert!(!text.contains('\n'), "{text:?}");
        let drawn: Vec<&str> = text.split("\r\x1b[K").skip(1).collect();
        assert_eq!(drawn.len(), 7, "{drawn:?}");
        assert_eq!(drawn[3], format!("1a2b3c4d: unpacking    [{}{}]  52 %", "#".repeat(13), "-".repeat(12)));
        assert_eq!(drawn[6], "");
        let long = "x".repeat(200);
        assert!(shown(Face::Terminal, &[(&long, Some(1))]).chars().count() < 90);
    }
}
