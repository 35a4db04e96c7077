//! How a session stands by all its runs together.

use super::branch::{Branch, Standing, Terminal};
use crate::event::SessionStatus;
use crate::recovery::Liveness;
use crate::snapshot::session::CrashCause;
use crate::time::Timestamp;

/// How a session stands, and which of its runs say so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SessionOutcome {
    pub(super) status: SessionStatus,
    pub(super) liveness: Liveness,
    pub(super) error: Option<String>,
    pub(super) cause: Option<CrashCause>,
    pub(super) ended_at: Option<Timestamp>,
    /// For each run in order.
    pub(super) roles: Vec<Role>,
}

/// What a run's part of a session is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It has a say in the session's status.
    Decides,
    /// A later run took the session up again.
    Superseded,
    /// It only added notes or metadata.
    Adds,
}

/// Decides how a session with these branches, in order of their runs, stands.
pub(super) fn verdict(branches: &[Branch]) -> SessionOutcome {
    let roles = roles(branches);
    let deciding: Vec<&Branch> = branches
        .iter()
        .zip(&roles)
        .filter(|(_, role)| **role == Role::Decides)
        .map(|(branch, _)| branch)
        .collect();
    let standings: Vec<Standing> = deciding.iter().map(|branch| branch.standing()).collect();
    let of_status = |status| standings.iter().filter(move |one| one.status == status);
    let status = [
        SessionStatus::Running,
        SessionStatus::Crashed,
        SessionStatus::Error,
    ]
    .into_iter()
    .find(|status| of_status(*status).next().is_some())
    .unwrap_or(SessionStatus::Completed);
    // Which crash to name: the best known cause, then the first run.
    let told = match status {
        SessionStatus::Crashed => of_status(status).min_by_key(|one| one.cause),
        _ => of_status(status).find(|one| one.error.is_some()),
    };
    SessionOutcome {
        status,
        liveness: liveness(&deciding),
        error: told.and_then(|one| one.error.clone()),
        cause: told.and_then(|one| one.cause),
        ended_at: match status {
            SessionStatus::Running => None,
            SessionStatus::Crashed => last_activity(branches, &roles),
            _ => standings.iter().filter_map(|one| one.ended_at).max(),
        },
        roles,
    }
}

/// The last activity in any run that worked on the session, superseded ones included.
fn last_activity(branches: &[Branch], roles: &[Role]) -> Option<Timestamp> {
    let of_work = branches.iter().zip(roles);
    of_work
        .filter(|(_, role)| **role != Role::Adds)
        .filter_map(|(branch, _)| branch.last_at())
        .max()
}

fn liveness(deciding: &[&Branch]) -> Liveness {
    let is_any = |liveness: &Liveness| deciding.iter().any(|one| one.facts.liveness == *liveness);
    // What may be alive, first.
    let order = [
        Liveness::Live,
        Liveness::Unknown,
        Liveness::Unverified,
        Liveness::Orphaned,
    ];
    order.into_iter().find(is_any).unwrap_or(Liveness::Dead)
}

fn roles(branches: &[Branch]) -> Vec<Role> {
    let has_say = having_a_say(branches);
    let mut roles = vec![Role::Adds; branches.len()];
    for place in 0..branches.len() {
        if !has_say[place] {
            continue;
        }
        // Latest first: nearly always the last run of all follows, so this ends at once.
        let mut later = (place + 1..branches.len()).rev();
        let is_superseded =
            later.any(|other| has_say[other] && follows(&branches[other], &branches[place]));
        roles[place] = match is_superseded {
            true => Role::Superseded,
            false => Role::Decides,
        };
    }
    roles
}

/// Which branches have a status of their own.
///
/// Those with work have. An end without work has, where it ends what an earlier run left open; so
/// has the only thing a session consists of.
fn having_a_say(branches: &[Branch]) -> Vec<bool> {
    let mut has_say: Vec<bool> = branches.iter().map(|branch| branch.has_work).collect();
    for place in 0..branches.len() {
        if let Some(Terminal::Ended { .. }) = branches[place].terminal() {
            let mut earlier = (0..place).rev();
            let followed = earlier
                .find(|other| has_say[*other] && follows(&branches[place], &branches[*other]));
            has_say[place] |= followed.is_some_and(|other| branches[other].terminal().is_none());
        }
    }
    if !has_say.contains(&true) {
        has_say = branches
            .iter()
            .map(|one| one.terminal().is_some())
            .collect();
    }
    if !has_say.contains(&true) {
        has_say.fill(true);
    }
    has_say
}

/// Whether `later` was opened when the run of `earlier` was over.
///
/// A run that is still going was going then, whatever else is known.
fn follows(later: &Branch, earlier: &Branch) -> bool {
    let run = earlier.facts.run;
    run.generation < later.facts.run.generation
        && !earlier.is_running()
        && !later.facts.live_runs.contains(&run)
}
