//! What a session and its spans have in common.

use std::sync::Arc;

use super::receipt::Written;
use super::recorder::Recorder;
use super::sink::SessionId;
use crate::event::{Action, Event};

/// The way from the handles of one session to the journal.
#[derive(Debug)]
pub(super) struct SessionInner {
    pub(super) recorder: Arc<Recorder>,
    pub(super) id: SessionId,
    pub(super) trace_id: String,
    pub(super) started: Option<Written>,
}

impl SessionInner {
    pub(super) fn write(&self, action: Action<'_>) -> Written {
        self.recorder.write(Some(&self.id), &mut Event::new(action))
    }

    pub(super) fn write_event<'e>(&'e self, event: &mut Event<'e>) -> Written {
        self.recorder.write(Some(&self.id), event)
    }
}
