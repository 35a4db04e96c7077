//! Which file of a crate uses which, followed through modules, imports and re-exports.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{Source, is_word};

/// For each file, the files it uses, each with the line of the first use.
pub type Graph = BTreeMap<String, BTreeMap<String, usize>>;

type Path = Vec<String>;

/// What a path of modules leads to.
enum Target {
    Module(Path),
    File(String),
}

/// One file as a module.
#[derive(Default)]
struct Module {
    file: String,
    items: BTreeSet<String>,
    imports: Vec<Import>,
    /// The code without its `use` statements.
    rest: String,
}

/// One name that a `use` brings in; `*` for all of a module.
struct Import {
    line: usize,
    name: String,
    path: Path,
}

struct Crate {
    modules: BTreeMap<Path, Module>,
}

/// The files of the crate below `folder` and what they use, unit tests left out.
///
/// That a parent hands out what a child defines is no use, unless its own code names it.
#[must_use]
pub fn uses(sources: &[Source], folder: &str) -> Graph {
    let modules = sources
        .iter()
        .filter(|source| source.line_count > 0 && !source.path.contains("/bin/"))
        .filter_map(|source| {
            let place = source.path.strip_prefix(folder)?.strip_prefix('/')?;
            Some((module_path(place), Module::new(source)))
        });
    let whole = Crate {
        modules: modules.collect(),
    };
    let edges = whole.modules.iter().map(|(path, module)| {
        let mut used = BTreeMap::new();
        for (line, file) in whole.used_files(path, module) {
            if file != module.file {
                used.entry(file).or_insert(line);
            }
        }
        (module.file.clone(), used)
    });
    edges.collect()
}

/// `event/codec.rs` is the module `event::codec`; `lib.rs` is none.
#[must_use]
pub fn module_path(place: &str) -> Vec<String> {
    let stem = place.trim_end_matches(".rs");
    let parts = stem
        .split('/')
        .filter(|part| !["lib", "main", "mod"].contains(part));
    parts.map(str::to_owned).collect()
}

impl Module {
    fn new(source: &Source) -> Module {
        let code = source.shipped();
        let (imports, rest) = imports(&code);
        let items = code.lines().filter_map(item).map(str::to_owned);
        Module {
            file: source.path.clone(),
            items: items.collect(),
            imports,
            rest,
        }
    }
}

impl Crate {
    fn used_files(&self, at: &Path, module: &Module) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        for import in &module.imports {
            let target = self.resolve(at, &import.path, 0);
            let Some(Target::File(file)) = target else {
                continue;
            };
            let is_below = self.below(at).any(|below| *below == file);
            if !is_below || has_word(&module.rest, &import.name) {
                found.push((import.line, file));
            }
        }
        for (line, path) in mentions(&module.rest) {
            let starts = path.first().map(String::as_str).unwrap_or_default();
            let is_import = module.imports.iter().any(|import| import.name == starts);
            let mut child = at.clone();
            child.push(starts.to_owned());
            let is_local = ["crate", "self", "super"].contains(&starts)
                || is_import
                || self.modules.contains_key(&child);
            if let Some(Target::File(file)) = is_local.then(|| self.resolve(at, &path, 0)).flatten()
            {
                found.push((line, file));
            }
        }
        found
    }

    /// The files of the modules inside the module `at`.
    fn below<'a>(&'a self, at: &'a Path) -> impl Iterator<Item = &'a String> {
        let inside = self.modules.iter();
        inside
            .filter(move |(path, _)| path.len() > at.len() && path.starts_with(at))
            .map(|(_, module)| &module.file)
    }

    /// Follows `path` from the module `at`; `None` for what another crate defines.
    fn resolve(&self, at: &Path, path: &[String], depth: usize) -> Option<Target> {
        if depth > 8 {
            return None;
        }
        let mut here = at.clone();
        let mut rest = path;
        let mut is_anchored = false;
        while let [first, others @ ..] = rest {
            match first.as_str() {
                "crate" => here.clear(),
                "self" => {}
                "super" => _ = here.pop(),
                _ => break,
            }
            is_anchored = true;
            rest = others;
        }
        while let [first, others @ ..] = rest {
            let mut child = here.clone();
            child.push(first.clone());
            if self.modules.contains_key(&child) {
                here = child;
            } else {
                let module = self.modules.get(&here)?;
                if module.items.contains(first) {
                    return Some(Target::File(module.file.clone()));
                }
                match self.imported(&here, module, first, depth) {
                    Some(Target::Module(path)) => here = path,
                    Some(file) => return Some(file),
                    // What no line of the file shows is made by a macro in it.
                    None if is_anchored => return Some(Target::File(module.file.clone())),
                    None => return None,
                }
            }
            is_anchored = true;
            rest = others;
        }
        Some(Target::Module(here))
    }

    /// What the module's imports say `name` is.
    fn imported(&self, at: &Path, module: &Module, name: &str, depth: usize) -> Option<Target> {
        let mut imports = module.imports.iter();
        if let Some(import) = imports.find(|import| import.name == name) {
            // `use name::name` from outside must not look at itself.
            let starts_itself = import.path.first().is_some_and(|first| first == name);
            let mut child = at.clone();
            child.push(name.to_owned());
            if starts_itself && !self.modules.contains_key(&child) {
                return None;
            }
            return self.resolve(at, &import.path, depth + 1);
        }
        let all = module.imports.iter().filter(|import| import.name == "*");
        for import in all {
            let Some(Target::Module(inner)) = self.resolve(at, &import.path, depth + 1) else {
                continue;
            };
            let knows = self.modules.get(&inner).is_some_and(|module| {
                module.items.contains(name) || module.imports.iter().any(|one| one.name == name)
            });
            if knows {
                return self.resolve(&inner, &[name.to_owned()], depth + 1);
            }
        }
        None
    }
}

/// The name that a line at the left margin defines.
fn item(line: &str) -> Option<&str> {
    const BEFORE: [&str; 9] = [
        "fn",
        "struct",
        "enum",
        "trait",
        "type",
        "const",
        "static",
        "union",
        "macro_rules",
    ];
    if !line.starts_with(char::is_alphabetic) {
        return None;
    }
    let mut words = line
        .split(|c: char| !is_word(c))
        .filter(|word| !word.is_empty());
    words.find(|word| BEFORE.contains(word))?;
    // As in `const unsafe fn name`.
    words.find(|word| !BEFORE.contains(word) && !["unsafe", "extern", "mut"].contains(word))
}

/// The imports of `code`, and `code` with them blanked out.
fn imports(code: &str) -> (Vec<Import>, String) {
    let mut found = Vec::new();
    let mut rest = String::with_capacity(code.len());
    let mut lines = (1..).zip(code.split_inclusive('\n'));
    let mut is_test = false;
    while let Some((number, line)) = lines.next() {
        let start = line.trim_start();
        let after_pub = match start.strip_prefix("pub(") {
            Some(restricted) => restricted.split_once(") ").map_or("", |(_, rest)| rest),
            None => start.strip_prefix("pub ").unwrap_or(start),
        };
        let Some(mut text) = after_pub.strip_prefix("use ").map(str::to_owned) else {
            is_test = start.starts_with("#[cfg(test)]");
            let is_module = after_pub.starts_with("mod ") && after_pub.trim_end().ends_with(';');
            rest.push_str(if is_module { "\n" } else { line });
            continue;
        };
        rest.push('\n');
        while !text.contains(';') {
            let Some((_, more)) = lines.next() else { break };
            text.push_str(more);
            rest.push('\n');
        }
        let tree: String = text.split(';').next().unwrap_or_default().to_owned();
        if !is_test {
            let mut names = Vec::new();
            spread(&tree, &[], &mut names);
            found.extend(names.into_iter().map(|(name, path)| Import {
                line: number,
                name,
                path,
            }));
        }
        is_test = false;
    }
    (found, rest)
}

/// Spreads `a::{b, c as d, self}` into names with their paths.
fn spread(tree: &str, before: &[String], found: &mut Vec<(String, Path)>) {
    let tree = tree.trim();
    let mut path = before.to_vec();
    if let Some((start, group)) = tree.split_once('{') {
        let start = start.trim().trim_end_matches("::");
        path.extend(
            start
                .split("::")
                .filter(|part| !part.is_empty())
                .map(str::to_owned),
        );
        let group = group.strip_suffix('}').unwrap_or(group);
        let mut depth = 0_usize;
        let mut from = 0;
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                ',' if depth == 0 => {
                    spread(&group[from..at], &path, found);
                    from = at + 1;
                }
                _ => {}
            }
        }
        spread(&group[from..], &path, found);
        return;
    }
    if tree.is_empty() {
        return;
    }
    let (tree, alias) = match tree.split_once(" as ") {
        Some((tree, alias)) => (tree.trim(), Some(alias.trim().to_owned())),
        None => (tree, None),
    };
    path.extend(tree.split("::").map(|part| part.trim().to_owned()));
    if path
        .last()
        .is_some_and(|last| last == "self" || last == "*")
        && path.len() > 1
    {
        let last = path.pop().unwrap_or_default();
        if last == "*" {
            found.push((last, path));
            return;
        }
    }
    let name = alias.or_else(|| path.last().cloned()).unwrap_or_default();
    found.push((name, path));
}

/// Every `a::b::…` of the code, with its line.
fn mentions(code: &str) -> Vec<(usize, Path)> {
    let mut found = Vec::new();
    for (number, line) in (1..).zip(code.lines()) {
        let mut from = 0;
        while let Some(at) = line[from..].find("::").map(|at| from + at) {
            let start = line[..at].rfind(|c: char| !is_word(c)).map_or(0, |last| {
                last + line[last..].chars().next().map_or(1, char::len_utf8)
            });
            let mut path = vec![line[start..at].to_owned()];
            let mut end = at;
            while let Some(next) = line[end..].strip_prefix("::") {
                let word: String = next.chars().take_while(|c| is_word(*c)).collect();
                end += 2 + word.len();
                if word.is_empty() {
                    break;
                }
                path.push(word);
            }
            if path.len() > 1 && !path[0].is_empty() {
                found.push((number, path));
            }
            from = end.max(at + 2);
        }
    }
    found
}

fn has_word(code: &str, word: &str) -> bool {
    code.split(|c: char| !is_word(c)).any(|found| found == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(files: &[(&str, &str)], from: &str) -> Vec<String> {
        let sources: Vec<Source> = files
            .iter()
            .map(|(path, text)| Source::new(&format!("c/src/{path}"), text))
            .collect();
        let graph = uses(&sources, "c/src");
        let used = graph[&format!("c/src/{from}")].keys();
        used.map(|path| path.trim_start_matches("c/src/").to_owned())
            .collect()
    }

    #[test]
    fn paths_are_followed_to_the_file_that_defines() {
        let files = [
            ("lib.rs", "mod a;\nmod b;\npub use a::One;\n"),
            (
                "a/mod.rs",
                "mod inner;\npub(crate) use inner::{One, two};\n",
            ),
            (
                "a/inner.rs",
                "pub struct One;\npub const fn two() {}\nuse crate::b::Three;\n",
            ),
            (
                "b.rs",
                "use crate::{One, a::{self as other}};\npub struct Three;\n\
                 fn f() { other::two(); }\n",
            ),
        ];
        assert_eq!(used(&files, "lib.rs"), [""; 0]);
        assert_eq!(used(&files, "a/mod.rs"), [""; 0]);
        assert_eq!(used(&files, "b.rs"), ["a/inner.rs"]);
        assert_eq!(used(&files, "a/inner.rs"), ["b.rs"]);
    }

    #[test]
    fn a_parent_that_names_its_child_uses_it() {
        let files = [
            ("lib.rs", "mod a;\n"),
            (
                "a/mod.rs",
                "mod inner;\nuse inner::One;\nstruct Two(One);\n",
            ),
            ("a/inner.rs", "pub struct One;\nfn f(two: super::Two) {}\n"),
        ];
        assert_eq!(used(&files, "a/mod.rs"), ["a/inner.rs"]);
        assert_eq!(used(&files, "a/inner.rs"), ["a/mod.rs"]);
    }

    #[test]
    fn unit_tests_and_other_crates_are_left_out() {
        let files = [
            ("lib.rs", "mod a;\nmod b;\n"),
            (
                "a.rs",
                "use std::io;\n#[cfg(test)]\nuse crate::b::B;\nfn f() -> io::Result<()> {}\n\
                 #[cfg(test)]\nmod tests {\n use crate::b::B;\n}\n",
            ),
            ("b.rs", "pub struct B;\n"),
        ];
        assert_eq!(used(&files, "a.rs"), [""; 0]);
    }
}
