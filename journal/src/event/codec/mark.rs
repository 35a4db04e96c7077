//! Where values stand in a payload that has been put down.

/// A value that is long enough to be referred to instead of said again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Its first byte in the payload, and the first one behind it.
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Where the list begins that it is an element of; `None` if it is no element.
    pub(crate) list: Option<usize>,
}

/// The values of a payload that are long enough, each before those in it.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    marks: Vec<Mark>,
    /// Where the list begins whose elements are being put down.
    list: Option<usize>,
}

/// A value that is being put down.
#[derive(Debug)]
pub(super) struct OpenMark {
    at: usize,
    list: Option<usize>,
}

impl Marks {
    pub(crate) const fn new() -> Marks {
        Marks {
            marks: Vec::new(),
            list: None,
        }
    }

    /// The marks, in the order of where they begin.
    pub(crate) fn as_slice(&self) -> &[Mark] {
        &self.marks
    }

    /// A value begins here that has no more than so many bytes, besides a few for its length;
    /// `None` if that is too short.
    pub(super) fn begin(&mut self, start: usize, len_max: usize) -> Option<OpenMark> {
        let list = self.list.take();
        if len_max.saturating_add(LENGTH_LEN_MAX) < ELEMENT_LEN_MIN {
            return None;
        }
        let at = self.marks.len();
        let end = start;
        self.marks.push(Mark { start, end, list });
        Some(OpenMark { at, list })
    }

    pub(crate) fn clear(&mut self) {
        self.marks.clear();
        self.list = None;
    }

    /// How many there is place for.
    pub(crate) fn capacity(&self) -> usize {
        self.marks.capacity()
    }

    /// What is put down next is an element of the list that begins here, or of none.
    pub(super) fn next_is(&mut self, list: Option<usize>) {
        self.list = list;
    }

    pub(super) fn end(&mut self, open: OpenMark, end: usize) {
        let Some(mark) = self.marks.get_mut(open.at) else {
            return;
        };
        mark.end = end;
        let least = match open.list {
            Some(_) => ELEMENT_LEN_MIN,
            None => VALUE_LEN_MIN,
        };
        if end - mark.start < least {
            // Elements in it may be long enough all the same.
            match self.marks.len() - open.at {
                1 => self.marks.truncate(open.at),
                _ => drop(self.marks.remove(open.at)),
            }
        }
    }
}

/// A value of fewer bytes on the disk is said again.
pub(crate) const VALUE_LEN_MIN: usize = 1024;

/// So is an element of a list, of which several are referred to at once.
pub(crate) const ELEMENT_LEN_MIN: usize = 64;

/// A tag and a length take at most so many bytes.
const LENGTH_LEN_MAX: usize = 11;
