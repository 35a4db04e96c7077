//! A text that is not quite JSON, made JSON.

/// A text in which what JSON has no words for stands in its words, and what was odd about it.
///
/// Each byte keeps its place, so that an error is told where it is.
pub(super) struct Mended<'t> {
    from: &'t str,
    pub(super) text: String,
    /// Floats that stood as words, where there is a 0 now, and how many numbers are before each.
    pub(super) words: Vec<(usize, f64)>,
    pub(super) warnings: Vec<String>,
}

impl Mended<'_> {
    /// Mends a text; what is no JSON for another reason stays as it is.
    ///
    /// The error tells of a number that is beyond all floats.
    pub(super) fn new(text: &str) -> Result<Mended<'_>, String> {
        let mut mended = Mended {
            from: text,
            text: text.to_owned(),
            words: Vec::new(),
            warnings: Vec::new(),
        };
        let (mut offset, mut numbers) = (0, 0);
        while let Some(skipped) = text[offset..].find(is_start) {
            offset += skipped;
            let rest = &text[offset..];
            let word = WORDS.iter().find(|(word, _)| rest.starts_with(word));
            offset = match (word, rest.as_bytes()) {
                (_, [b'"', ..]) => mended.string(offset),
                (Some((word, float)), _) => {
                    mended.words.push((numbers, *float));
                    mended.warn(format!("{word} is not JSON; taken as that float"));
                    mended.replace(offset, word.len(), " 0")
                }
                (None, [b'-' | b'0'..=b'9', ..]) => mended.number(offset)?,
                _ => offset + 1,
            };
            numbers += usize::from(!rest.starts_with(['"', 'N', 'I']) || word.is_some());
        }
        Ok(mended)
    }

    /// Replaces half pairs in the string that begins here, and returns where it ends.
    fn string(&mut self, start: usize) -> usize {
        let text = self.from;
        let mut offset = start + 1;
        while let Some(plain_len) = text[offset..].find(['"', '\\']) {
            offset += plain_len;
            let rest = &text[offset..];
            if rest.starts_with('"') {
                return offset + 1;
            }
            offset = match unit(rest) {
                Some(0xd800..0xdc00) if matches!(unit(&rest[6..]), Some(0xdc00..0xe000)) => {
                    offset + 12
                }
                Some(half @ 0xd800..0xe000) => {
                    self.warn(format!(
                        "half a surrogate pair (\\u{half:04x}) became U+FFFD"
                    ));
                    self.replace(offset, 6, "\\ufffd")
                }
                // The character behind it is escaped, whichever it is.
                _ => offset + 1 + rest.chars().nth(1).map_or(0, char::len_utf8),
            };
        }
        text.len()
    }

    /// Looks at the number that begins here, and returns where it ends.
    fn number(&mut self, start: usize) -> Result<usize, String> {
        let rest = &self.from[start..];
        let is_in_number = |c: char| matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E');
        let len = rest.find(|c| !is_in_number(c)).unwrap_or(rest.len());
        let number = &rest[..len];
        let float: f64 = number.parse().unwrap_or(0.0);
        if float.is_infinite() {
            let number = clipped(number);
            return Err(format!("the number {number} is too large for a float"));
        }
        let is_integer = !number.contains(['.', 'e', 'E']);
        let fits = number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok();
        if is_integer && !fits {
            self.warn(format!("the integer {} became a float", clipped(number)));
        }
        Ok(start + len)
    }

    /// Puts something else at a place, with spaces behind it, and returns where the place ends.
    fn replace(&mut self, start: usize, len: usize, with: &str) -> usize {
        let end = start + len;
        self.text
            .replace_range(start..end, &format!("{with:<len$}"));
        end
    }

    fn warn(&mut self, warning: String) {
        if self.warnings.len() < WARNINGS_MAX {
            self.warnings.push(warning);
        }
    }
}

/// Whether a string, a number or one of the words can begin like this.
fn is_start(c: char) -> bool {
    matches!(c, '"' | '-' | 'N' | 'I' | '0'..='9')
}

/// The UTF-16 unit that the escape at the start of a text stands for.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u16::from_str_radix(digits, 16).ok().filter(|_| is_hex)
}

const WORDS: &[(&str, f64)] = &[
    ("NaN", f64::NAN),
    ("Infinity", f64::INFINITY),
    ("-Infinity", f64::NEG_INFINITY),
];

/// A line of a gigabyte of oddities says so only this often.
const WARNINGS_MAX: usize = 16;

fn clipped(text: &str) -> String {
    match text.get(..40) {
        Some(start) if text.len() > 40 => format!("{start}…"),
        _ => text.to_owned(),
    }
}
