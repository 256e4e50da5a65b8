//! Tables that line up.

/// Rows under headings, each column as wide as it has to be, without trailing blanks.
#[derive(Debug)]
pub(crate) struct Table<const N: usize> {
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    /// A table with its headings.
    pub(crate) fn new(columns: [&str; N]) -> Self {
        Self { rows: vec![columns.map(str::to_owned)] }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: [String; N]) {
        // A cell is one line, whoever wrote it.
        self.rows.push(cells.map(|cell| cell.replace('\n', " ")));
    }

    /// The table as text. A column that has nothing below its heading is left out.
    pub(crate) fn text(&self) -> String {
        let width = |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max();
        let is_empty = |column: usize| self.rows.iter().skip(1).all(|row| row[column].is_empty());
        let columns: Vec<(usize, usize)> = (0..N)
            .filter(|column| !is_empty(*column))
            .map(|column| (column, width(column).unwrap_or_default()))
            .collect();
        let mut text = String::new();
        for row in &self.rows {
            let cells = columns.iter().map(|&(column, width)| format!("{:<width$}", row[column]));
            text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_empty_ones_are_left_out() {
        let mut table = Table::new(["ID", "REASON", "VERSION"]);
        table.row(["1a2b3c4d".to_owned(), String::new(), "2".to_owned()]);
        table.row(["×".to_owned(), String::new(), String::new()]);
        assert_eq!(table.text(), "ID        VERSION\n1a2b3c4d  2\n×\n");
    }
}
