//! The figures of a session, computed from its spans.

use std::collections::HashMap;

use serde::Serialize;

use super::cut::compact;
use super::facts::{duration_ms, error, tool_name};
use super::metadata::narrative;

use crate::event::{Number, SpanKind, Tokens, Value};
use crate::snapshot::{Snapshot, SpanSnapshot};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary<'s> {
    total_tokens: Number,
    total_cost: Number,
    total_tool_calls: u64,
    total_generations: u64,
    duration: i64,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'s str>,
    tokens: TokenParts,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    loops: Vec<Loop<'s>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    narrative: Option<&'s Value<'static>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    top_tools: Vec<TopTool<'s>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TokenParts {
    input: Number,
    output: Number,
    reasoning: Number,
    cache_read: Number,
    cache_write: Number,
}

/// A tool that was called over and over with the same input.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Loop<'s> {
    tool: &'s str,
    input_hash: String,
    count: usize,
    description: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TopTool<'s> {
    name: &'s str,
    count: u64,
    total_duration: i64,
}

impl<'s> Summary<'s> {
    pub(super) fn of(snapshot: &'s Snapshot) -> Summary<'s> {
        let totals = snapshot.totals();
        let ended_at = snapshot.ended_at().unwrap_or(snapshot.last_at());
        let tools = || {
            snapshot
                .spans()
                .iter()
                .filter(|span| *span.kind() == SpanKind::TOOL)
        };
        Summary {
            total_tokens: totals.tokens_total,
            total_cost: totals.cost,
            total_tool_calls: totals.tools,
            total_generations: totals.generations,
            duration: duration_ms(snapshot.started_at(), ended_at),
            status: snapshot.status().as_str(),
            error: error(snapshot),
            tokens: TokenParts::of(&totals.tokens),
            loops: loops(&tools().collect::<Vec<_>>()),
            narrative: narrative(snapshot.metadata()),
            top_tools: top_tools(tools()),
        }
    }
}

impl TokenParts {
    fn of(tokens: &Tokens) -> TokenParts {
        TokenParts {
            input: tokens.input,
            output: tokens.output,
            reasoning: tokens.reasoning,
            cache_read: tokens.cache_read,
            cache_write: tokens.cache_write,
        }
    }
}

/// Among the last calls, those that are made three or more times with equal input.
fn loops<'s>(tools: &[&'s SpanSnapshot<'s>]) -> Vec<Loop<'s>> {
    let window = &tools[tools.len().saturating_sub(LOOP_WINDOW)..];
    let mut calls: Vec<(&str, String, usize)> = Vec::new();
    for tool in window {
        let name = tool_name(tool);
        let input = compact(tool.input().unwrap_or(&Value::Null));
        match calls
            .iter_mut()
            .find(|call| call.0 == name && call.1 == input)
        {
            Some((_, _, count)) => *count += 1,
            None => calls.push((name, input, 1)),
        }
    }
    let repeated = calls
        .into_iter()
        .filter(|(_, _, count)| *count >= LOOP_COUNT_MIN);
    repeated
        .map(|(tool, input, count)| Loop {
            tool,
            input_hash: format!("{:08x}", crc32fast::hash(input.as_bytes())),
            count,
            description: format!("{tool} called {count} times with the same input"),
        })
        .collect()
}

const LOOP_WINDOW: usize = 10;
const LOOP_COUNT_MIN: usize = 3;

/// The tools called most, those called first before others called as often.
fn top_tools<'s>(tools: impl Iterator<Item = &'s SpanSnapshot<'s>>) -> Vec<TopTool<'s>> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut counted: Vec<TopTool<'s>> = Vec::new();
    for tool in tools {
        let name = tool_name(tool);
        let place = *places.entry(name).or_insert_with(|| {
            counted.push(TopTool {
                name,
                count: 0,
                total_duration: 0,
            });
            counted.len() - 1
        });
        let ended_at = tool.ended_at().unwrap_or(tool.started_at());
        let duration = duration_ms(tool.started_at(), ended_at);
        counted[place].count += 1;
        counted[place].total_duration = counted[place].total_duration.saturating_add(duration);
    }
    counted.sort_by_key(|tool| std::cmp::Reverse(tool.count));
    counted.truncate(TOP_TOOLS_MAX);
    counted
}

const TOP_TOOLS_MAX: usize = 10;
