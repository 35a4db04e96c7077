//! What a generation was given and gave back, computed from the spans around it.

use std::collections::HashMap;

use super::cut::{ERROR_MAX, RESULT_MAX, cut, text_of};
use super::facts::{output_text, tool_name};
use crate::event::{SpanKind, SpanStatus};
use crate::snapshot::{Snapshot, SpanSnapshot};

/// Inputs and outputs of generations, by the place of their span.
#[derive(Debug, Default)]
pub(super) struct Generations {
    inputs: HashMap<usize, String>,
    outputs: HashMap<usize, String>,
}

impl Generations {
    pub(super) fn of(snapshot: &Snapshot, full: bool) -> Generations {
        Generations {
            inputs: inputs(snapshot, full),
            outputs: outputs(snapshot),
        }
    }

    pub(super) fn input(&self, place: usize) -> Option<&str> {
        self.inputs.get(&place).map(String::as_str)
    }

    pub(super) fn output(&self, place: usize) -> Option<&str> {
        self.outputs.get(&place).map(String::as_str)
    }
}

/// One line for each tool result since the generation before, in order of the records.
fn inputs(snapshot: &Snapshot, full: bool) -> HashMap<usize, String> {
    let spans = snapshot.spans().iter().enumerate();
    let mut generations: Vec<(u64, usize)> = spans
        .filter(|(_, span)| *span.kind() == SpanKind::GENERATION)
        .map(|(place, span)| (span.started_after(), place))
        .collect();
    generations.sort_unstable();
    let tools = snapshot
        .spans()
        .iter()
        .filter(|span| *span.kind() == SpanKind::TOOL);
    let mut results: Vec<(u64, &SpanSnapshot)> = tools
        .filter_map(|span| Some((span.ended_after()?, span)))
        .collect();
    results.sort_by_key(|(ended_after, _)| *ended_after);
    let mut results = results.into_iter().peekable();
    let mut inputs = HashMap::new();
    for (started_after, place) in generations {
        let mut lines = Vec::new();
        while let Some((_, tool)) = results.next_if(|(ended, _)| *ended <= started_after) {
            lines.push(result_line(tool, full));
        }
        if !lines.is_empty() {
            inputs.insert(place, lines.join("\n"));
        }
    }
    inputs
}

fn result_line(tool: &SpanSnapshot, full: bool) -> String {
    let cut_at = |text: &str, max| match full {
        true => text.to_owned(),
        false => cut(text, max).to_owned(),
    };
    let name = tool_name(tool);
    if tool.status() == SpanStatus::Error {
        let error = tool.output().and_then(|output| output.get("error"));
        let told = error
            .or(tool.output())
            .filter(|value| !value.is_null())
            .map(text_of);
        let told = told
            .as_deref()
            .or(tool.status_message())
            .unwrap_or_default();
        return format!("[{name}] error: {}", cut_at(told, ERROR_MAX));
    }
    let told = tool.output().map(text_of);
    let told = told
        .as_deref()
        .or_else(|| output_text(tool))
        .unwrap_or_default();
    format!("[{name}] {}", cut_at(told, RESULT_MAX))
}

/// For generations that called tools, their names.
fn outputs(snapshot: &Snapshot) -> HashMap<usize, String> {
    let spans = snapshot.spans().iter().enumerate();
    let generations: HashMap<&str, usize> = spans
        .filter(|(_, span)| *span.kind() == SpanKind::GENERATION)
        .map(|(place, span)| (span.id(), place))
        .collect();
    let mut calls: HashMap<usize, Vec<&str>> = HashMap::new();
    for tool in snapshot
        .spans()
        .iter()
        .filter(|span| *span.kind() == SpanKind::TOOL)
    {
        if let Some(place) = tool.parent().and_then(|parent| generations.get(parent)) {
            calls.entry(*place).or_default().push(tool_name(tool));
        }
    }
    let outputs = calls.into_iter();
    outputs
        .map(|(place, names)| (place, format!("[tool calls: {}]", names.join(", "))))
        .collect()
}
