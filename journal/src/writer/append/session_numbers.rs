//! The sessions of a run and the numbers their records carry.

use crate::writer::sync_primitives::{PoisonError, RwLock};
use std::collections::HashMap;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::format::SESSION_INDEX_MAX;

/// Session ids of a run; the first gets 1, and 0 stands for none.
#[derive(Debug, Default)]
pub(crate) struct SessionNumbers {
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    numbers: HashMap<Arc<str>, u32>,
    ids: Vec<Arc<str>>,
}

impl SessionNumbers {
    /// The number of a session, given out at its first use; the empty id is `unknown`.
    pub(crate) fn number(&self, id: &str) -> Result<u32> {
        let id = if id.is_empty() { EMPTY_ID } else { id };
        let size = u64::try_from(id.len()).unwrap_or(u64::MAX);
        if size > ID_LEN_MAX {
            let (what, limit) = ("session id", ID_LEN_MAX);
            return Err(Error::LimitExceeded { what, size, limit });
        }
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = known.numbers.get(id) {
            return Ok(*number);
        }
        drop(known);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = known.numbers.get(id) {
            return Ok(*number);
        }
        let size = u64::try_from(known.ids.len())
            .unwrap_or(u64::MAX)
            .saturating_add(1);
        let over = Error::LimitExceeded {
            what: "sessions in one run",
            size,
            limit: u64::from(SESSION_INDEX_MAX),
        };
        let number = u32::try_from(size)
            .ok()
            .filter(|number| *number <= SESSION_INDEX_MAX);
        let number = number.ok_or(over)?;
        let id: Arc<str> = id.into();
        known.ids.push(Arc::clone(&id));
        known.numbers.insert(id, number);
        Ok(number)
    }

    /// The id of a number that was given out.
    pub(crate) fn id(&self, number: u32) -> Option<Arc<str>> {
        let place = usize::try_from(number).ok()?.checked_sub(1)?;
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.ids.get(place).cloned()
    }
}

/// The longest session id, in bytes: it is repeated in every segment.
const ID_LEN_MAX: u64 = 64 << 10;

/// What the empty session id is called.
const EMPTY_ID: &str = "unknown";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_keeps_its_number() {
        let sessions = SessionNumbers::default();
        assert_eq!(sessions.number("a").unwrap(), 1);
        assert_eq!(sessions.number("").unwrap(), 2);
        assert_eq!(sessions.number("a").unwrap(), 1);
        assert_eq!(sessions.number("unknown").unwrap(), 2);
        assert_eq!(sessions.id(2).as_deref(), Some("unknown"));
        assert_eq!(sessions.id(0), None);
        assert_eq!(sessions.id(3), None);
    }
}
