//! What events say of spans.

use super::Fold;
use super::record_stamp::RecordStamp;
use super::spans::ROOT;
use crate::event::{Log, SpanEnd, SpanFields, SpanLink, SpanStart, SpanUpdate, Text};
use crate::snapshot::note;
use crate::snapshot::span::{LinkSnapshot, LogSnapshot, OwnMembers};

impl<'a> Fold<'a> {
    pub(super) fn span_start(
        &mut self,
        start: SpanStart<'a>,
        beside: Option<Box<OwnMembers<'a>>>,
        place: RecordStamp,
    ) {
        self.check_numbers(&start.span, &start.fields, place);
        let mut number = self.spans.place_of(&start.span, place);
        if self.spans.drafts[number].end.is_some() {
            let (new, is_first) = self.spans.begin_again(number, &start.span, place);
            number = new;
            if is_first {
                let id = &self.spans.drafts[number].id;
                let text = format!(
                    "span {} was ended and started anew, as {id} here",
                    start.span
                );
                self.notes.add(note::REUSED_SPAN, place, text);
            }
        }
        if self.spans.drafts[number].start.is_none() {
            let parent = start.parent.as_deref().filter(|parent| !parent.is_empty());
            let parent = parent.map(|id| (self.spans.id_of(id), self.spans.find(id)));
            self.spans.drafts[number].begin(start, parent, place);
        } else {
            let text = format!("span {} was started again", start.span);
            // A second start goes on with it.
            self.spans.drafts[number].describe(start, place);
            self.notes.add(note::DUPLICATE_START, place, text);
        }
        self.spans.drafts[number].merge_beside(beside);
    }

    pub(super) fn span_update(
        &mut self,
        update: SpanUpdate<'a>,
        beside: Option<Box<OwnMembers<'a>>>,
        place: RecordStamp,
    ) {
        self.check_numbers(&update.span, &update.fields, place);
        let number = self.spans.place_or_root(Some(&update.span), place);
        let draft = &mut self.spans.drafts[number];
        super::merge::merge_text(&mut draft.name, update.name);
        let status = update.status.unwrap_or_default();
        draft.set_status(status, update.status_message);
        draft.merge(update.fields);
        draft.merge_beside(beside);
    }

    /// The first end wins; only the session's end ends the root.
    /// Gives the number of the span if it has ended by this.
    pub(super) fn span_end(
        &mut self,
        end: SpanEnd<'a>,
        beside: Option<Box<OwnMembers<'a>>>,
        place: RecordStamp,
    ) -> Option<usize> {
        let span = &*end.span;
        let number = self.spans.place_or_root(Some(span), place);
        let draft = &mut self.spans.drafts[number];
        if draft.end.is_some() {
            let text = format!("span {span} was ended again");
            self.notes.add(note::DUPLICATE_END, place, text);
            return None;
        }
        draft.set_status(end.status, end.status_message);
        let has_negative = super::merge::has_negative(&end.fields);
        draft.merge(end.fields);
        draft.merge_beside(beside);
        if number == ROOT {
            let text = "the root span ends with its session";
            self.notes.add(note::ROOT_END, place, text);
        } else {
            draft.end = Some((place, end.ended_at.unwrap_or(place.at)));
            draft.ended_by_drop = end.ended_by_drop;
        }
        if has_negative {
            self.note_negative(span, place);
        }
        (number != ROOT).then_some(number)
    }

    pub(super) fn text(&mut self, text: &Text<'_>, place: RecordStamp) {
        let number = self.spans.place_or_root(Some(&text.span), place);
        let texts = &mut self.spans.drafts[number].texts;
        texts.add(text.channel.as_str(), text.offset, &text.text, place);
    }

    pub(super) fn log(
        &mut self,
        log: Log<'a>,
        beside: Option<Box<OwnMembers<'a>>>,
        place: RecordStamp,
    ) {
        let number = self.spans.place_or_root(log.span.as_deref(), place);
        self.spans.drafts[number].logs.push(LogSnapshot {
            at: place.at,
            event_name: log.event_name,
            level: log.level,
            message: log.message,
            attributes: log.attributes,
            beside,
        });
    }

    pub(super) fn link(
        &mut self,
        link: SpanLink<'a>,
        beside: Option<Box<OwnMembers<'a>>>,
        place: RecordStamp,
    ) {
        let number = self.spans.place_or_root(link.span.as_deref(), place);
        self.spans.drafts[number].links.push(LinkSnapshot {
            to_trace_id: link.to_trace_id,
            to_session: link.to_session,
            to_span: link.to_span,
            attributes: link.attributes,
            beside,
        });
    }

    fn check_numbers(&mut self, span: &str, fields: &SpanFields<'_>, place: RecordStamp) {
        if super::merge::has_negative(fields) {
            self.note_negative(span, place);
        }
    }

    fn note_negative(&mut self, span: &str, place: RecordStamp) {
        let text = format!("span {span} has a negative number of tokens or cost");
        self.notes.add(note::NEGATIVE_NUMBER, place, text);
    }
}
