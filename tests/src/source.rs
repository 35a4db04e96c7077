//! Rust source as the tidy test sees it: code, words and text told apart.

use std::fs;
use std::path::{Path, PathBuf};

/// One Rust source file of the workspace.
#[derive(Clone, Debug)]
pub struct Source {
    /// Path from the root of the workspace, with `/`.
    pub path: String,
    /// The file as it is.
    pub text: String,
    /// The file with comments and the contents of literals blanked out; lines are kept.
    pub code: String,
    /// The comments, each with its line, counted from 1.
    pub comments: Vec<(usize, String)>,
    /// The contents of string literals, each with its line.
    pub strings: Vec<(usize, String)>,
    /// Lines before the unit tests; 0 in a file that holds nothing else.
    pub line_count: usize,
}

impl Source {
    /// Reads `text` as the source file `path`.
    #[must_use]
    pub fn new(path: &str, text: &str) -> Source {
        let mut lexer = Lexer::new(text);
        lexer.run();
        let code: String = lexer.code.into_iter().collect();
        let lines: Vec<&str> = code.lines().collect();
        let starts_tests = |pair: &[&str]| pair[0] == "#[cfg(test)]" && pair[1].ends_with('{');
        let line_count = lines.windows(2).position(starts_tests);
        let line_count = line_count.unwrap_or(lines.len());
        Source {
            path: path.to_owned(),
            text: text.to_owned(),
            code,
            comments: lexer.comments,
            strings: lexer.strings,
            line_count,
        }
    }

    /// The code before the unit tests, line by line, counted from 1.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.code.lines()).take(self.line_count)
    }

    /// The code before the unit tests.
    #[must_use]
    pub fn shipped(&self) -> String {
        let lines: Vec<&str> = self.lines().map(|(_, line)| line).collect();
        lines.join("\n")
    }

    /// The modules declared as files of their own, each with whether it is for unit tests only.
    #[must_use]
    pub fn modules(&self) -> Vec<(String, bool)> {
        let mut modules = Vec::new();
        let mut is_test = false;
        for line in self.code.lines().map(str::trim) {
            if let Some((_, name)) = line
                .strip_suffix(';')
                .and_then(|line| line.rsplit_once("mod "))
            {
                modules.push((name.to_owned(), is_test));
            }
            is_test = line == "#[cfg(test)]" || line.starts_with("#[cfg(all(test,");
        }
        modules
    }

    /// The paths a module of this file may have.
    #[must_use]
    pub fn module_paths(&self, name: &str) -> [String; 2] {
        let (folder, file) = self.path.rsplit_once('/').unwrap_or(("", &self.path));
        let own = match file {
            "mod.rs" | "lib.rs" | "main.rs" => folder.to_owned(),
            _ => format!("{folder}/{}", file.trim_end_matches(".rs")),
        };
        [format!("{own}/{name}.rs"), format!("{own}/{name}/mod.rs")]
    }

    /// Every function with a body: its name, first line and number of lines.
    #[must_use]
    pub fn functions(&self) -> Vec<(String, usize, usize)> {
        let chars: Vec<char> = self.code.chars().collect();
        let mut found = Vec::new();
        for start in word_starts(&chars, "fn") {
            let name: String = chars[start + 2..]
                .iter()
                .skip_while(|c| c.is_whitespace())
                .take_while(|c| is_word(**c))
                .collect();
            if name.is_empty() {
                continue;
            }
            if let Some(end) = body_end(&chars, start) {
                let line = 1 + newlines(&chars[..start]);
                found.push((name, line, 1 + newlines(&chars[start..end])));
            }
        }
        found
    }
}

/// The root of the workspace.
#[must_use]
pub fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the rig is a member").to_owned()
}

/// All Rust sources below `folder`, a path from the root, in order of their paths.
#[must_use]
pub fn sources(folder: &str) -> Vec<Source> {
    let root = root();
    let mut paths = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(listing) = fs::read_dir(&folder) else {
            continue;
        };
        for path in listing.map(|entry| entry.expect("a listing reads on").path()) {
            if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).expect("sources are readable");
        let name = path.strip_prefix(&root).expect("found below the root");
        Source::new(&name.display().to_string().replace('\\', "/"), &text)
    };
    let mut sources: Vec<Source> = paths.iter().map(read).collect();
    for path in test_files(&sources) {
        for source in sources.iter_mut().filter(|source| source.path == path) {
            source.line_count = 0;
        }
    }
    sources
}

/// Files that are modules for unit tests only, with the modules inside them.
fn test_files(sources: &[Source]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut is_complete = false;
    while !is_complete {
        let before = found.len();
        for source in sources {
            let is_inside = found.contains(&source.path);
            for (name, is_test) in source.modules() {
                for path in source.module_paths(&name) {
                    if (is_test || is_inside) && !found.contains(&path) {
                        found.push(path);
                    }
                }
            }
        }
        is_complete = found.len() == before;
    }
    found
}

/// Whether `c` can be part of an identifier.
#[must_use]
pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Where `word` stands by itself.
fn word_starts(chars: &[char], word: &str) -> Vec<usize> {
    let word: Vec<char> = word.chars().collect();
    let is_border = |at: Option<&char>| at.is_none_or(|c| !is_word(*c));
    (0..chars.len())
        .filter(|&at| chars[at..].starts_with(&word))
        .filter(|&at| at == 0 || is_border(chars.get(at - 1)))
        .filter(|&at| is_border(chars.get(at + word.len())))
        .collect()
}

/// The end of the braces that follow, `None` if a semicolon comes first.
fn body_end(chars: &[char], start: usize) -> Option<usize> {
    let (mut braces, mut others) = (0_usize, 0_usize);
    for (at, c) in chars.iter().enumerate().skip(start) {
        match c {
            '(' | '[' => others += 1,
            ')' | ']' => others = others.saturating_sub(1),
            ';' if braces == 0 && others == 0 => return None,
            '{' => braces += 1,
            '}' => {
                braces = braces.saturating_sub(1);
                if braces == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

fn newlines(chars: &[char]) -> usize {
    chars.iter().filter(|c| **c == '\n').count()
}

/// Walks a file once and sorts its characters.
struct Lexer {
    chars: Vec<char>,
    at: usize,
    line: usize,
    code: Vec<char>,
    comments: Vec<(usize, String)>,
    strings: Vec<(usize, String)>,
}

impl Lexer {
    fn new(text: &str) -> Lexer {
        Lexer {
            chars: text.chars().collect(),
            at: 0,
            line: 1,
            code: Vec::new(),
            comments: Vec::new(),
            strings: Vec::new(),
        }
    }

    fn run(&mut self) {
        while let Some(c) = self.peek(0) {
            let starts_word = self.at == 0 || !is_word(self.chars[self.at - 1]);
            match c {
                '/' if self.peek(1) == Some('/') => self.line_comment(),
                '/' if self.peek(1) == Some('*') => self.block_comment(),
                '"' => self.string(),
                'r' if starts_word && self.raw_hashes(1).is_some() => self.raw_string(1),
                'b' if starts_word && self.peek(1) == Some('r') && self.raw_hashes(2).is_some() => {
                    self.raw_string(2);
                }
                '\'' => self.char_or_lifetime(),
                _ => self.take(),
            }
        }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    /// Keeps the character as code.
    fn take(&mut self) {
        self.advance(true);
    }

    /// Blanks the character and gives it back.
    fn blank(&mut self) -> char {
        self.advance(false)
    }

    fn advance(&mut self, keep: bool) -> char {
        let c = self.chars[self.at];
        self.at += 1;
        self.line += usize::from(c == '\n');
        self.code.push(if keep || c == '\n' { c } else { ' ' });
        c
    }

    fn line_comment(&mut self) {
        let line = self.line;
        let mut text = String::new();
        while self.peek(0).is_some_and(|c| c != '\n') {
            text.push(self.blank());
        }
        self.comments.push((line, text));
    }

    fn block_comment(&mut self) {
        let line = self.line;
        let mut text = String::new();
        let mut depth = 0_usize;
        while let Some(c) = self.peek(0) {
            let pair = (c, self.peek(1));
            text.push(self.blank());
            if pair == ('/', Some('*')) {
                depth += 1;
                text.push(self.blank());
            } else if pair == ('*', Some('/')) {
                depth -= 1;
                text.push(self.blank());
            }
            if depth == 0 {
                break;
            }
        }
        self.comments.push((line, text));
    }

    fn string(&mut self) {
        let line = self.line;
        let mut text = String::new();
        self.take();
        while let Some(c) = self.peek(0) {
            match c {
                '"' => break,
                '\\' => {
                    text.push(self.blank());
                    if self.peek(0).is_some() {
                        text.push(self.blank());
                    }
                }
                _ => text.push(self.blank()),
            }
        }
        if self.peek(0).is_some() {
            self.take();
        }
        self.strings.push((line, text));
    }

    /// The number of `#` before the quote of a raw string `prefix` characters ahead.
    fn raw_hashes(&self, prefix: usize) -> Option<usize> {
        let hashes = self.chars[self.at + prefix..]
            .iter()
            .take_while(|c| **c == '#')
            .count();
        (self.peek(prefix + hashes) == Some('"')).then_some(hashes)
    }

    fn raw_string(&mut self, prefix: usize) {
        let line = self.line;
        let hashes = self.raw_hashes(prefix).expect("checked by the caller");
        for _ in 0..=prefix + hashes {
            self.take();
        }
        let mut end = vec!['"'];
        end.extend(std::iter::repeat_n('#', hashes));
        let mut text = String::new();
        while self.at < self.chars.len() && !self.chars[self.at..].starts_with(&end) {
            text.push(self.blank());
        }
        for _ in 0..end.len().min(self.chars.len() - self.at) {
            self.take();
        }
        self.strings.push((line, text));
    }

    fn char_or_lifetime(&mut self) {
        let is_char = self.peek(1) == Some('\\') || self.peek(2) == Some('\'');
        self.take();
        if !is_char {
            return;
        }
        if self.blank() == '\\' {
            self.blank();
        }
        while self.peek(0).is_some_and(|c| c != '\'') {
            self.blank();
        }
        if self.peek(0).is_some() {
            self.take();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_comments_are_no_code() {
        let text = "let a = \"unsafe { \\\" }\"; // unsafe\nlet b = r#\"fn \"x\"#; let c = '{';\n\
                    /* a /* b */ c */ let d: &'static str = b\"}\";";
        let source = Source::new("x.rs", text);
        assert!(!source.code.contains("unsafe") && !source.code.contains('{'));
        assert!(source.code.contains("&'static str"));
        assert_eq!(source.code.lines().count(), 3);
        assert_eq!(source.comments[0], (1, "// unsafe".to_owned()));
        assert_eq!(source.strings[1], (2, "fn \"x".to_owned()));
    }

    #[test]
    fn functions_are_measured() {
        let text = "fn a() {\n}\ntrait T { fn b(x: [u8; 2]); }\nfn c(f: fn(u8)) -> u8 {\n 1\n}\n";
        let functions = Source::new("x.rs", text).functions();
        let expected = [("a".to_owned(), 1, 2), ("c".to_owned(), 4, 3)];
        assert_eq!(functions, expected);
    }

    #[test]
    fn unit_tests_do_not_count() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n}\n";
        assert_eq!(Source::new("x.rs", text).line_count, 1);
        let sources = [Source::new(
            "x/mod.rs",
            "#[cfg(test)]\nmod tests;\nmod a;\n",
        )];
        assert_eq!(sources[0].line_count, 3);
        assert_eq!(test_files(&sources), ["x/tests.rs", "x/tests/mod.rs"]);
        let sources = [
            Source::new("x/mod.rs", "#[cfg(test)]\nmod tests;\n"),
            Source::new("x/tests/mod.rs", "mod inner;\n"),
        ];
        assert!(test_files(&sources).contains(&"x/tests/inner.rs".to_owned()));
    }
}
