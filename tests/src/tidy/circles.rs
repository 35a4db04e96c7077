//! Files that use each other, and rooms that are used from below.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::finding::{Finding, area};
use super::graph::Graph;

/// Files that spell one recursive type: a value holds maps of values, walked without recursion.
const ONE_TYPE: [&str; 3] = [
    "journal/src/event/map.rs",
    "journal/src/event/nesting.rs",
    "journal/src/event/value.rs",
];

/// One finding for each file that reaches itself through others.
#[must_use]
pub fn circle_findings(graph: &Graph) -> Vec<Finding> {
    let paths = graph.keys().filter_map(|file| {
        let way = way_back(graph, file)?;
        Some(Finding::new(area(file), "circle", file, way.join(" -> ")))
    });
    paths.collect()
}

/// The shortest way from `file` to itself.
fn way_back(graph: &Graph, file: &str) -> Option<Vec<String>> {
    let mut before: BTreeMap<&str, &str> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut waiting = VecDeque::from([file]);
    while let Some(from) = waiting.pop_front() {
        for to in graph.get(from).into_iter().flat_map(BTreeMap::keys) {
            if ONE_TYPE.contains(&from) && ONE_TYPE.contains(&to.as_str()) {
                continue;
            }
            if to == file {
                let mut way = vec![file.to_owned(), from.to_owned()];
                let mut at = from;
                while let Some(earlier) = before.get(at) {
                    way.push((*earlier).to_owned());
                    at = earlier;
                }
                way.reverse();
                if from == file {
                    way.remove(0);
                }
                return Some(way);
            }
            if seen.insert(to.as_str()) {
                before.insert(to, from);
                waiting.push_back(to);
            }
        }
    }
    None
}

/// For each module with rooms, its rooms and their floors; 0 is the lowest.
pub type Rooms = BTreeMap<String, BTreeMap<String, usize>>;

/// The floor of all rooms of a module that its row does not name.
const OTHERS: &str = "the others";

/// Rows of the table: `` | `writer` | `signals`, `wakeup` < `segment` < the others | ``.
#[must_use]
pub fn rooms(contributing: &str) -> Rooms {
    let rows = contributing.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split('|');
        let module = cells.next()?.trim().strip_suffix('`')?;
        let order = cells.next().filter(|cell| cell.contains('<'))?;
        let floors = order.split('<').enumerate().flat_map(|(floor, names)| {
            let others = names.contains(OTHERS).then_some(OTHERS);
            let names = names.split('`').skip(1).step_by(2).chain(others);
            names.map(move |name| (name.to_owned(), floor))
        });
        Some((module.to_owned(), floors.collect()))
    });
    rows.collect()
}

/// One finding for each file of a room that uses a higher one.
///
/// A room is a folder or a file of its module.
#[must_use]
pub fn room_findings(graph: &Graph, folder: &str, rooms: &Rooms) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (module, floors) in rooms {
        let start = format!("{folder}/{module}/");
        let room = |file: &str| {
            let inside = file.strip_prefix(&start)?.trim_end_matches(".rs");
            let name = inside.split('/').next()?;
            let floor = floors.get(name).or_else(|| floors.get(OTHERS))?;
            Some((name.to_owned(), *floor))
        };
        for (from, used) in graph {
            let Some((own, own_floor)) = room(from) else {
                continue;
            };
            for (to, line) in used {
                let Some((other, floor)) = room(to) else {
                    continue;
                };
                if floor > own_floor {
                    let from_inside = from.trim_start_matches(&start);
                    let to_inside = to.trim_start_matches(&start);
                    findings.push(Finding::new(
                        module,
                        "upward",
                        &format!("{from_inside} -> {to_inside}"),
                        format!("{from}:{line}: {own} stands below {other}"),
                    ));
                }
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(&str, &str)]) -> Graph {
        let mut graph = Graph::new();
        for (from, to) in edges {
            let used = graph.entry((*from).to_owned()).or_default();
            used.insert((*to).to_owned(), 1);
        }
        graph
    }

    #[test]
    fn circles_of_any_length_are_seen() {
        let found = circle_findings(&graph(&[("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")]));
        let keys: Vec<&str> = found.iter().map(|finding| finding.key.as_str()).collect();
        assert_eq!(keys, ["a circle a", "b circle b", "c circle c"]);
        assert_eq!(found[0].detail, "a -> b -> c -> a");
        assert!(circle_findings(&graph(&[("a", "b"), ("a", "c"), ("b", "c")])).is_empty());
    }

    #[test]
    fn arrows_upward_are_seen() {
        let rooms = rooms("| module | rooms |\n| `w` | `low` < `high`, `beside` < the others |\n");
        assert_eq!(rooms["w"]["beside"], 1);
        let count = |from, to| room_findings(&graph(&[(from, to)]), "c", &rooms).len();
        assert_eq!(count("c/w/low/a.rs", "c/w/high.rs"), 1);
        assert_eq!(count("c/w/high.rs", "c/w/other.rs"), 1);
        assert_eq!(count("c/w/low.rs", "c/w/high/b.rs"), 1);
        assert_eq!(count("c/w/high.rs", "c/w/low/a.rs"), 0);
        assert_eq!(count("c/w/high/a.rs", "c/w/high/b.rs"), 0);
        assert_eq!(count("c/w/other.rs", "c/w/high.rs"), 0);
        assert_eq!(count("c/w/low.rs", "c/x/y.rs"), 0);
    }
}
