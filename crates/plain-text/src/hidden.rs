//! Characters that cannot be seen, or that change the order of others.
//!
//! Source: Unicode 16, `DerivedCoreProperties.txt` (Default_Ignorable_Code_Point), `UnicodeData.txt` (general categories Cf,
//! Zl, Zp) and `PropList.txt` (Noncharacter_Code_Point). Beyond these:
//!
//! - U+2800, braille pattern blank: the pattern without a dot;
//! - U+1107F, Brahmi number joiner: joins the digits beside it, and has no shape of its own;
//! - U+16FE4, Khitan small script filler: only arranges the characters of a cluster;
//! - U+1D159, musical symbol null notehead: a stem's place without a note.
//!
//! Noncharacters are for the inside of a program, never for exchange, and no font has them. Characters of private use are
//! not hidden, as fonts may show them; blanks are not hidden either.

/// First and last of each range, in order: what shows nothing of its own, or only changes how others are shown. The two
/// noncharacters at the end of each plane are beside it.
const HIDDEN: [(u32, u32); 30] = [
    (0x00ad, 0x00ad), // soft hyphen
    (0x034f, 0x034f), // grapheme joiner
    (0x0600, 0x0605), // signs of numbers, before what they belong to
    (0x061c, 0x061c), // mark of direction
    (0x06dd, 0x06dd),
    (0x070f, 0x070f),
    (0x0890, 0x0891),
    (0x08e2, 0x08e2),
    (0x115f, 0x1160), // fillers
    (0x17b4, 0x17b5),
    (0x180b, 0x180f),   // selectors of variants, and a separator
    (0x200b, 0x200f),   // without width, and marks of direction
    (0x2028, 0x202e),   // separators of lines and paragraphs, changes of direction
    (0x2060, 0x206f),   // joiners, invisible operators, isolates
    (0x2800, 0x2800),   // braille without a dot
    (0x3164, 0x3164),   // filler
    (0xfdd0, 0xfdef),   // noncharacters
    (0xfe00, 0xfe0f),   // selectors of variants
    (0xfeff, 0xfeff),   // byte order mark
    (0xffa0, 0xffa0),   // filler
    (0xfff0, 0xfffb),   // annotations
    (0x1107f, 0x1107f), // joiner of numbers
    (0x110bd, 0x110bd), // signs of numbers
    (0x110cd, 0x110cd),
    (0x13430, 0x1343f), // controls of hieroglyphs
    (0x16fe4, 0x16fe4), // filler
    (0x1bca0, 0x1bca3), // controls of shorthand
    (0x1d159, 0x1d159), // note without a head
    (0x1d173, 0x1d17a), // controls of musical notation
    (0xe0000, 0xe0fff), // tags, selectors of variants
];

/// Whether a character is a control character, cannot be seen, or changes the order of others.
#[must_use]
pub fn is_hidden(character: char) -> bool {
    let code = u32::from(character);
    let is_end_of_plane = code & 0xfffe == 0xfffe;
    let is_within = || HIDDEN.iter().any(|(first, last)| (*first..=*last).contains(&code));
    // Nearly all texts are of such characters only.
    !matches!(character, ' '..='~') && (character.is_control() || is_end_of_plane || is_within())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written out once more, as ranges that a person can check against the standard.
    const EXPECTED: &str = "0-1F 7F-9F AD 34F 600-605 61C 6DD 70F 890-891 8E2 115F-1160 17B4-17B5 180B-180F 200B-200F \
                            2028-202E 2060-206F 2800 3164 FDD0-FDEF FE00-FE0F FEFF FFA0 FFF0-FFFB FFFE-FFFF 1107F \
                            110BD 110CD 13430-1343F 16FE4 1BCA0-1BCA3 1D159 1D173-1D17A 1FFFE-1FFFF 2FFFE-2FFFF \
                            3FFFE-3FFFF 4FFFE-4FFFF 5FFFE-5FFFF 6FFFE-6FFFF 7FFFE-7FFFF 8FFFE-8FFFF 9FFFE-9FFFF \
                            AFFFE-AFFFF BFFFE-BFFFF CFFFE-CFFFF DFFFE-DFFFF E0000-E0FFF EFFFE-EFFFF FFFFE-FFFFF \
                            10FFFE-10FFFF";

    #[test]
    fn the_standards_hidden_characters_are_hidden_and_no_others() {
        let number = |digits: &str| u32::from_str_radix(digits, 16).unwrap();
        let expected: Vec<(u32, u32)> = EXPECTED
            .split_whitespace()
            .map(|range| range.split_once('-').unwrap_or((range, range)))
            .map(|(first, last)| (number(first), number(last)))
            .collect();
        for character in '\0'..=char::MAX {
            let code = u32::from(character);
            let is_expected = expected.iter().any(|(first, last)| (*first..=*last).contains(&code));
            assert_eq!(is_hidden(character), is_expected, "U+{code:04X}");
        }
    }
}
