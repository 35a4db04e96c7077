//! A tree drawn with lines, for any depth.

/// What stands before a node, and before anything that belongs below it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Lines {
    pub(crate) node: String,
    pub(crate) below: String,
}

/// Deeper than this, nodes are no longer indented but numbered.
const INDENT_MAX: usize = 24;

/// Draws a tree given as the depths of its nodes, each node before its children; for a terminal of
/// so many columns it takes no more than about a third of them.
///
/// Without recursion: a chain of spans can be longer than the stack.
pub(crate) fn draw(depths: &[usize], width: usize) -> Vec<Lines> {
    let indent_max = INDENT_MAX.min(width / 9).max(1);
    let are_last = last_children(depths);
    let mut outer: Vec<&str> = Vec::new();
    let mut drawn = Vec::with_capacity(depths.len());
    for (depth, is_last) in depths.iter().zip(are_last) {
        let indent = depth.saturating_sub(1).min(indent_max);
        outer.truncate(indent);
        let before = outer.concat();
        let (node, below) = match (*depth, is_last) {
            (0, _) => ("", ""),
            (_, true) => ("└─ ", "   "),
            (_, false) => ("├─ ", "│  "),
        };
        drawn.push(if *depth > indent_max {
            Lines {
                node: format!("{before}[{depth}] "),
                below: before,
            }
        } else {
            Lines {
                node: format!("{before}{node}"),
                below: format!("{before}{below}"),
            }
        });
        if *depth > 0 && *depth <= indent_max {
            outer.push(below);
        }
    }
    drawn
}

/// Whether each node is the last child of its parent.
fn last_children(depths: &[usize]) -> Vec<bool> {
    let mut has_later = Vec::new();
    let mut are_last = vec![false; depths.len()];
    for (node, depth) in depths.iter().enumerate().rev() {
        has_later.resize(depth + 1, false);
        are_last[node] = !has_later[*depth];
        has_later[*depth] = true;
    }
    are_last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_lead_to_each_node() {
        let drawn = draw(&[0, 1, 2, 2, 1, 2], usize::MAX);
        let nodes: Vec<&str> = drawn.iter().map(|lines| lines.node.as_str()).collect();
        assert_eq!(nodes, ["", "├─ ", "│  ├─ ", "│  └─ ", "└─ ", "   └─ "]);
        assert_eq!(drawn[1].below, "│  ");
        assert_eq!(drawn[4].below, "   ");
    }

    #[test]
    fn a_long_chain_stays_narrow() {
        let depths: Vec<usize> = (0..100_000).collect();
        let drawn = draw(&depths, usize::MAX);
        assert_eq!(drawn.len(), 100_000);
        assert!(drawn.iter().all(|lines| lines.node.chars().count() < 90));
        assert!(drawn[99_999].node.ends_with("[99999] "));
        let drawn = draw(&depths, 40);
        let widest = drawn.iter().map(|lines| lines.node.chars().count()).max();
        assert!(widest.is_some_and(|widest| widest <= 22), "{widest:?}");
    }
}
