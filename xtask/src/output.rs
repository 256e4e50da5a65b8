//! What the operator of `cargo xtask` sees: facts on standard output, progress and errors on standard error.

use std::time::Duration;

/// A line of the result.
pub fn line(text: impl AsRef<str>) {
    println!("{}", text.as_ref());
}

/// A line about what is going on.
pub fn progress(text: impl AsRef<str>) {
    eprintln!("xtask: {}", text.as_ref());
}

/// An error with its causes, one per line.
pub fn error(error: &anyhow::Error) {
    eprintln!("xtask: error: {error}");
    for cause in error.chain().skip(1) {
        eprintln!("xtask:   because: {cause}");
    }
}

/// Seconds with one decimal, as all tables print them.
pub fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// A table as text: the first column aligned left, the others right, widths taken from the content.
pub fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let header: Vec<String> = header.iter().map(|cell| (*cell).to_owned()).collect();
    let widths: Vec<usize> = (0..header.len())
        .map(|column| {
            let cell_width = |row: &Vec<String>| row.get(column).map_or(0, |cell| cell.chars().count());
            rows.iter().map(cell_width).chain([cell_width(&header)]).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in std::iter::once(&header).chain(rows) {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let padded = if column == 0 { format!("{cell:<width$}") } else { format!("  {cell:>width$}") };
            line.push_str(&padded);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_aligns_names_left_and_figures_right() {
        let rows = vec![vec!["a".into(), "1".into()], vec!["bcd".into(), "1000".into()]];
        assert_eq!(table(&["x", "n"], &rows), "x       n\na       1\nbcd  1000\n");
    }
}
