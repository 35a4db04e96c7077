//! Rows below each other.

use anstyle::Style;

use crate::error::Result;
use crate::output::Output;
use crate::width::{columns, cut, pad};

/// A column of a table.
#[derive(Clone, Copy)]
pub(crate) struct Column<'t> {
    pub(crate) title: &'t str,
    pub(crate) is_number: bool,
    /// Where there is no room for all, the column with the lowest place goes first; without one it
    /// stays.
    pub(crate) goes: Option<u8>,
}

/// What stands in a column of a row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) style: Style,
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell {
            text,
            style: Style::new(),
        }
    }
}

/// Prints rows below the titles of their columns, no wider than the terminal.
pub(crate) fn table<R: Iterator<Item = Vec<Cell>>>(
    columns_: &[Column<'_>],
    rows: impl Fn() -> R,
    output: &mut Output,
) -> Result<()> {
    let needed = needed(columns_, rows());
    let shown = shown(columns_, &needed, output.width());
    let titles = columns_.iter().map(|one| Cell::from(one.title.to_owned()));
    let all = std::iter::once(titles.collect()).chain(rows());
    for row in all {
        let paint = |style, text: &str| output.styled(style, text);
        let line = line(columns_, (&needed, &shown), &row, output.width(), &paint);
        output.line(&line)?;
    }
    Ok(())
}

/// Columns that each column takes.
fn needed(columns_: &[Column<'_>], rows: impl Iterator<Item = Vec<Cell>>) -> Vec<usize> {
    let mut needed: Vec<usize> = columns_.iter().map(|one| columns(one.title)).collect();
    for row in rows {
        for (needed, cell) in needed.iter_mut().zip(&row) {
            *needed = columns(&cell.text).min(COLUMN_WIDTH_MAX).max(*needed);
        }
    }
    needed
}

/// A row as a line: two spaces between cells, numbers to the right; what the last column does not
/// have room for is cut.
fn line(
    columns_: &[Column<'_>],
    (needed, shown): (&[usize], &[usize]),
    row: &[Cell],
    width: usize,
    paint: &dyn Fn(Style, &str) -> String,
) -> String {
    let mut line = String::new();
    let mut used = 0;
    for at in shown.iter().copied() {
        let cell = &row[at];
        let is_last = at + 1 == columns_.len();
        let room = width.saturating_sub(used);
        let text = cut(&cell.text, room);
        let missing = match is_last {
            true => 0,
            false => needed[at].saturating_sub(columns(&text)).min(room),
        };
        used += columns(&text) + missing + 2;
        let painted = match text.is_empty() {
            true => String::new(),
            false => paint(cell.style, &text),
        };
        match columns_[at].is_number {
            true => line.push_str(&format!("{}{painted}", " ".repeat(missing))),
            false => line.push_str(&format!("{painted}{}", pad("", missing))),
        }
        if !is_last {
            line.push_str("  ");
        }
    }
    line.truncate(line.trim_end().len());
    line
}

/// The columns that have room.
fn shown(columns_: &[Column<'_>], needed: &[usize], width: usize) -> Vec<usize> {
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

    const COLUMNS: [Column<'static>; 4] = [
        column("ID", false, None),
        column("N", true, Some(1)),
        column("COST", true, Some(0)),
        column("TITLE", false, None),
    ];

    const fn column(title: &'static str, is_number: bool, goes: Option<u8>) -> Column<'static> {
        Column {
            title,
            is_number,
            goes,
        }
    }

    #[test]
    fn tables_align_and_columns_go_before_the_title() {
        let row = ["a", "12", "0.5", "a title of thirty-one columns.."];
        let row = row.map(|text| Cell::from(text.to_owned())).to_vec();
        let titles: Vec<Cell> = COLUMNS.map(|one| Cell::from(one.title.to_owned())).to_vec();
        let needed = needed(&COLUMNS, std::iter::once(row.clone()));
        let shown = |width| {
            let shown = shown(&COLUMNS, &needed, width);
            let plain = |_, text: &str| text.to_owned();
            [&titles, &row].map(|row| line(&COLUMNS, (&needed, &shown), row, width, &plain))
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
