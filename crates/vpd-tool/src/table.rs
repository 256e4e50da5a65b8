//! Tables that line up.

use crate::console::one_line;

/// Where a column's text stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Rows under headings, as wide as they have to be, without trailing blanks.
#[derive(Debug)]
pub(crate) struct Table<const N: usize> {
    align: [Align; N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    /// A table with its headings.
    pub(crate) fn new(columns: [(&str, Align); N]) -> Self {
        Self { align: columns.map(|(_, align)| align), rows: vec![columns.map(|(name, _)| name.to_owned())] }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: [String; N]) {
        // A cell is a part of one line; its text may come from an EEPROM.
        self.rows.push(cells.map(|cell| one_line(&cell).into_owned()));
    }

    /// Appends the table to a text.
    pub(crate) fn print(&self, text: &mut String) {
        let width =
            |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
        let widths: [usize; N] = std::array::from_fn(width);
        for row in &self.rows {
            let cells = row.iter().zip(widths).zip(self.align).map(|((cell, width), align)| match align {
                Align::Left => format!("{cell:<width$}"),
                Align::Right => format!("{cell:>width$}"),
            });
            text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
            text.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_end_where_their_text_does() {
        let mut table =
            Table::new([("name", Align::Left), ("length", Align::Right), ("reason", Align::Left)]);
        table.row(["VINI".to_owned(), "132".to_owned(), String::new()]);
        table.row(["×".to_owned(), "7".to_owned(), "bad".to_owned()]);
        let mut text = String::new();
        table.print(&mut text);
        assert_eq!(text, "name  length  reason\nVINI     132\n×          7  bad\n");
    }
}
