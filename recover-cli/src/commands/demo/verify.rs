//! The demo's proof: what was acknowledged against what came back.

use std::collections::BTreeSet;

use trace_journal::{Item, Reader};

use super::supervisor::Seen;
use crate::error::{Result, could_not};
use crate::format::{counted, grouped};

/// What was acknowledged against what came back.
pub(crate) struct Proof {
    acknowledged: usize,
    recovered: usize,
    lost: usize,
    /// Appended, but killed before that could be acknowledged.
    on_the_way: usize,
    invented: usize,
}

/// Compares the session's records with what the worker said.
pub(crate) fn compare(reader: &Reader, session: &str, seen: &Seen) -> Result<Proof> {
    let mut recovered = BTreeSet::new();
    for item in reader.session(session).records() {
        if let Item::Record(record) = item.map_err(could_not)? {
            recovered.insert(record.seq.get());
        }
    }
    let acknowledged: BTreeSet<u64> = seen.acknowledged.iter().copied().collect();
    let unacknowledged = recovered.difference(&acknowledged).count();
    // One record may have been begun and not yet acknowledged when the kill came.
    let begun = seen.begun.saturating_sub(acknowledged.len());
    Ok(Proof {
        acknowledged: acknowledged.len(),
        recovered: acknowledged.intersection(&recovered).count(),
        lost: acknowledged.difference(&recovered).count(),
        on_the_way: unacknowledged.min(begun),
        invented: unacknowledged.saturating_sub(begun),
    })
}

impl Proof {
    /// Whether nothing acknowledged was lost and nothing invented.
    pub(crate) fn holds(&self) -> bool {
        self.lost == 0 && self.invented == 0
    }

    /// The four numbers.
    pub(crate) fn line(&self) -> String {
        let number = |count: usize| grouped(&count.to_string());
        format!(
            "acknowledged {}   recovered {}   lost {}   invented {}",
            number(self.acknowledged),
            number(self.recovered),
            number(self.lost),
            number(self.invented)
        )
    }

    /// What the numbers do not say.
    pub(crate) fn remark(&self) -> Option<String> {
        let count = u64::try_from(self.on_the_way).unwrap_or(u64::MAX);
        (count > 0).then(|| {
            let records = counted(count, "record", "records");
            format!("and {records} appended when the kill came, before it could be acknowledged")
        })
    }
}
