//! Rows below each other.

use crate::error::Result;
use crate::width::{columns, cut, pad};

/// A column of a table.
#[derive(Clone, Copy)]
pub(crate) struct Column {
    pub(crate) title: &'static str,
    pub(crate) is_number: bool,
    /// Where there is no room for all, the column with the lowest place goes first; without one it
    /// stays.
    pub(crate) goes: Option<u8>,
}

/// Prints lines of at most `width` columns: two spaces between cells, numbers to the right; what
/// the last column does not have room for is cut. The rows are made twice, so that only one of them
/// is there at a time.
pub(crate) fn table<R: Iterator<Item = Vec<String>>>(
    columns_: &[Column],
    rows: impl Fn() -> R,
    width: usize,
    print: &mut dyn FnMut(&str) -> Result<()>,
) -> Result<()> {
    let titles: Vec<String> = columns_.iter().map(|one| one.title.to_owned()).collect();
    let mut needed = vec![0; columns_.len()];
    for row in std::iter::once(titles.clone()).chain(rows()) {
        for (needed, cell) in needed.iter_mut().zip(&row) {
            *needed = columns(cell).min(COLUMN_WIDTH_MAX).max(*needed);
        }
    }
    let shown = shown(columns_, &needed, width);
    let line = |row: &Vec<String>| {
        let mut line = String::new();
        for at in shown.iter().copied() {
            let cell = &row[at];
            if at + 1 == columns_.len() {
                line.push_str(&cut(cell, width.saturating_sub(columns(&line))));
            } else if columns_[at].is_number {
                let missing = needed[at].saturating_sub(columns(cell));
                line.push_str(&format!("{}{cell}  ", " ".repeat(missing)));
            } else {
                line.push_str(&pad(cell, needed[at]));
                line.push_str("  ");
            }
        }
        cut(line.trim_end(), width)
    };
    let mut all = std::iter::once(titles).chain(rows());
    all.try_for_each(|row| print(&line(&row)))
}

/// The columns that have room.
fn shown(columns_: &[Column], needed: &[usize], width: usize) -> Vec<usize> {
    let last = columns_.len().saturating_sub(1);
    let mut shown: Vec<usize> = (0..columns_.len()).collect();
    loop {
        let sum: usize = shown
            .iter()
            .map(|at| match *at == last {
                true => needed[*at].min(LAST_WIDTH_MIN),
                false => needed[*at] + 2,
            })
            .sum();
        let next = shown
            .iter()
            .copied()
            .filter(|at| columns_[*at].goes.is_some());
        let next = next.min_by_key(|at| columns_[*at].goes);
        match next {
            Some(next) if sum > width => shown.retain(|at| *at != next),
            _ => return shown,
        }
    }
}

/// Cells may be longer: they push only their own row aside.
const COLUMN_WIDTH_MAX: usize = 48;

/// Before the last column is cut to less, others go.
const LAST_WIDTH_MIN: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 4] = [
        column("ID", false, None),
        column("N", true, Some(1)),
        column("COST", true, Some(0)),
        column("TITLE", false, None),
    ];

    const fn column(title: &'static str, is_number: bool, goes: Option<u8>) -> Column {
        Column {
            title,
            is_number,
            goes,
        }
    }

    #[test]
    fn tables_align_and_columns_go_before_the_title() {
        let row = ["a", "12", "0.5", "a title of thirty-one columns.."];
        let rows = [row.map(str::to_owned).to_vec()];
        let shown = |width| {
            let mut lines = Vec::new();
            let mut print = |line: &str| {
                lines.push(line.to_owned());
                Ok(())
            };
            let printed = table(&COLUMNS, || rows.iter().cloned(), width, &mut print);
            assert!(printed.is_ok());
            lines
        };
        let whole = [
            "ID   N  COST  TITLE",
            "a   12   0.5  a title of thirty-one columns..",
        ];
        assert_eq!(shown(usize::MAX), whole);
        assert_eq!(shown(30), [whole[0], "a   12   0.5  a title of thir…"]);
        assert_eq!(shown(25), ["ID   N  TITLE", "a   12  a title of thirt…"]);
        assert_eq!(shown(20), ["ID  TITLE", "a   a title of thir…"]);
        assert_eq!(shown(3), ["ID", "a"]);
    }
}
