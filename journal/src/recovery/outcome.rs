//! What a look at a journal came to.

use super::files::StrayState;
use super::survey::Survey;
use crate::words::shown_words;

/// What a look at a journal came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// Nothing is lost beyond a torn end.
    Sound,
    /// Something could not be read, or all there is needs a later version.
    Unreadable,
    /// There is damage, durable records are lost, or records were refused.
    Lost,
    /// There is nothing.
    Empty,
}

shown_words!(Outcome: "outcome", {
    Sound => "sound",
    Unreadable => "unreadable",
    Lost => "lost",
    Empty => "empty",
});

impl Outcome {
    pub(super) fn of(survey: &Survey) -> Outcome {
        let has_segments = survey.runs.iter().any(|run| !run.segments.is_empty());
        let mut strays = survey.strays.iter();
        let has_refused = survey.runs.iter().any(|run| run.refused.count > 0);
        if survey.has_failed() {
            Outcome::Unreadable
        } else if survey.is_damaged() || has_refused {
            Outcome::Lost
        } else if has_segments {
            Outcome::Sound
        } else if strays.any(|stray| matches!(stray.state, StrayState::Unsupported(_))) {
            Outcome::Unreadable
        } else {
            Outcome::Empty
        }
    }
}
