//! How a command that reports a journal ends.

use super::files::StrayState;
use super::survey::Survey;

/// See [`Report::exit_code`](super::Report::exit_code).
pub(super) fn exit_code(survey: &Survey) -> u8 {
    let has_segments = survey.runs.iter().any(|run| !run.segments.is_empty());
    let mut strays = survey.strays.iter();
    let has_refused = survey.runs.iter().any(|run| run.refused.count > 0);
    if survey.has_failed() {
        1
    } else if survey.is_damaged() || has_refused {
        3
    } else if has_segments {
        0
    } else if strays.any(|stray| matches!(stray.state, StrayState::Unsupported(_))) {
        1
    } else {
        4
    }
}
