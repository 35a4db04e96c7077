//! Folds the records of one session into its snapshot.

use std::sync::Arc;

use super::journal_view::JournalView;
use super::record_fetch::{FetchedRecord, RecordFetcher};
use super::session_records::SessionPlaces;
use crate::error::Result;
use crate::event::Event;
use crate::event::codec::{self, Oddities};
use crate::format::RecordKind;
use crate::recovery::Loss;
use crate::snapshot::{Fold, Keeper, Snapshot};

/// Folds all records of a session. Damage that a cache did not know of is looked into by reading
/// everything.
pub(super) fn snapshot(
    view: &Arc<JournalView>,
    session: &SessionPlaces,
    fetcher: &mut RecordFetcher,
) -> Result<Snapshot> {
    // Caches that were wrong once are not asked again.
    if let Some(verified) = view.known_verified()
        && let Some(session) = verified.session(&session.id)
    {
        return Ok(fold(verified, session, &mut RecordFetcher::default())?.0);
    }
    let (snapshot, is_as_told) = fold(view, session, fetcher)?;
    if is_as_told {
        return Ok(snapshot);
    }
    let verified = view.verified()?;
    if Arc::ptr_eq(&verified, view) {
        return Ok(snapshot);
    }
    match verified.session(&session.id) {
        Some(session) => Ok(fold(&verified, session, &mut RecordFetcher::default())?.0),
        None => Ok(snapshot),
    }
}

/// The snapshot, and whether all records were where the survey says.
fn fold(
    view: &JournalView,
    session: &SessionPlaces,
    fetcher: &mut RecordFetcher,
) -> Result<(Snapshot, bool)> {
    let mut is_as_told = true;
    let mut snapshot = Fold::snapshot(&session.id, |fold, mut keeper| -> Result<Loss> {
        is_as_told = take_in(view, session, fetcher, fold, &mut keeper)?;
        Ok(match is_as_told {
            true => view.loss(session),
            // It was intact when the journal was opened: damage since then is damage.
            false => Loss::Damage,
        })
    })?;
    let (status, ended_at) = (snapshot.status(), snapshot.ended_at());
    let open = (snapshot.started_at(), ended_at);
    snapshot.set_refused(view.refused(session, status, open));
    Ok((snapshot, is_as_told))
}

/// Takes all records of a session into its fold and says whether they were where the survey says.
fn take_in<'p>(
    view: &JournalView,
    session: &SessionPlaces,
    fetcher: &mut RecordFetcher,
    fold: &mut Fold<'p>,
    keeper: &mut Keeper<'p>,
) -> Result<bool> {
    fold.expect(view.record_count(session));
    let mut is_as_told = true;
    for branch in session.branches.iter() {
        let Some(facts) = view.facts(branch.run) else {
            continue;
        };
        fold.begin_branch(facts.clone());
        is_as_told &= fetcher.branch(view, branch, &mut |found| records(found, fold, keeper))?;
    }
    Ok(is_as_told)
}

/// Takes records into a fold; the payloads that stay do so in one piece.
fn records<'p>(found: &[FetchedRecord<'_>], fold: &mut Fold<'p>, keeper: &mut Keeper<'p>) {
    let stays = |one: &FetchedRecord<'_>| Fold::keeps(one.header.kind_to_read());
    let staying = || found.iter().filter(|one| stays(one));
    let len = staying().map(|one| one.payload.len()).sum();
    let mut kept = Vec::with_capacity(len);
    staying().for_each(|one| kept.extend_from_slice(one.payload));
    let mut kept = keeper.keep(kept);
    for one in found {
        let (seq, kind) = (one.seq, one.header.kind_to_read());
        if kind.is_user() {
            fold.raw_record(seq, kind, one.payload.len());
            continue;
        }
        let event = match stays(one) {
            true => {
                let payload = kept.split_off(..one.payload.len()).unwrap_or_default();
                decode(one, payload, keeper).map(|(event, odd)| {
                    fold.record(seq, event);
                    odd
                })
            }
            // Of its data nothing is kept.
            false => {
                let decoded = match kind {
                    RecordKind::CUSTOM => codec::decode_odd_without_values(kind, one.payload),
                    _ => codec::decode_odd(kind, one.payload),
                };
                decoded.map(|(event, odd)| {
                    fold.passing_record(seq, event);
                    with_expanded(one, odd)
                })
            }
        };
        match event {
            Some(odd) => fold.note_odd(seq, odd),
            None => fold.unknown_record(seq, one.header.kind),
        }
    }
}

/// The event of a record, with the values in it that stand in earlier ones of its segment.
fn decode<'p>(
    one: &FetchedRecord<'_>,
    payload: &'p [u8],
    keeper: &mut Keeper<'p>,
) -> Option<(Event<'p>, Oddities)> {
    let kind = one.header.kind_to_read();
    let (event, odd) = codec::decode_odd(kind, payload)?;
    let expanded = match odd.elsewhere {
        0 => None,
        _ => one.expanded(),
    };
    let expanded = expanded.and_then(|payload| codec::decode_odd(kind, keeper.keep(payload)));
    expanded.or(Some((event, odd)))
}

/// What there is to say about a record when the values are in it that stand in earlier ones.
fn with_expanded(one: &FetchedRecord<'_>, odd: Oddities) -> Oddities {
    let expanded = match odd.elsewhere {
        0 => None,
        _ => one.expanded(),
    };
    let expanded = expanded.and_then(|payload| {
        let (_, odd) = codec::decode_odd_without_values(one.header.kind_to_read(), &payload)?;
        Some(odd)
    });
    expanded.unwrap_or(odd)
}
