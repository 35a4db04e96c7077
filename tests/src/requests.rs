//! A server that has a session for each request.

use std::ops::Range;

use trace_journal::{Error, Journal};

use crate::workload::kind;

/// Serves these requests: each is a session with a start, a record and an end. Calls `look` a
/// thousand requests later again and again.
///
/// # Errors
/// As the journal fails.
pub fn serve(journal: &Journal, requests: Range<u64>, look: &mut dyn FnMut()) -> Result<(), Error> {
    for number in requests {
        let session = journal.session(format!("request {number}")).start();
        session.append_raw(kind(), b"served")?;
        session.end();
        if number % 1000 == 999 {
            journal.sync()?;
            look();
        }
    }
    Ok(())
}
