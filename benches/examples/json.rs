//! How fast an event is recorded from its JSON: the whole `append_json` against what `serde_json`
//! takes to parse the same line to its `Value`.
//!
//! Options: lengths of lines in bytes (771 and 5,000). Both take turns, and the medians are
//! printed. A record survives kill -9 when it is counted.

use std::error::Error;
use std::hint::black_box;
use std::io::Write;
use std::time::{Duration, Instant};

use journal_benches::{fresh, options};

fn main() -> Result<(), Box<dyn Error>> {
    let dir = fresh();
    let journal = options().open(&dir)?;
    let mut out = std::io::stdout().lock();
    let lengths: Vec<usize> = std::env::args()
        .skip(1)
        .flat_map(|arg| arg.parse())
        .collect();
    let lengths = match lengths.as_slice() {
        [] => &LENGTHS,
        given => given,
    };
    for len in lengths {
        let line = line(*len);
        let mut times = [const { Vec::new() }; 2];
        for _ in 0..ROUNDS {
            times[0].push(timed(|| {
                serde_json::from_str::<serde_json::Value>(black_box(&line)).map(drop)
            })?);
            times[1].push(timed(|| journal.append_json(black_box(&line)).map(drop))?);
        }
        let [parsed, appended] = times.map(median);
        let ratio = appended.as_secs_f64() / parsed.as_secs_f64();
        writeln!(
            out,
            "{} B: parsed to a Value {:?}, append_json {:?}, ratio {ratio:.2}",
            line.len(),
            parsed / CALLS,
            appended / CALLS
        )?;
    }
    drop(journal);
    Ok(())
}

/// What an agent writes when a tool has done its work, of about so many bytes.
fn line(len: usize) -> String {
    let start = r#"{"type":"span","session":"ses_01HV8Z2K","span":"t1","parent":"g1",
        "kind":"tool","name":"bash","start_ms":1700000000123,"end_ms":1700000001456,
        "status":"ok","call_id":"call_7","input":{"command":"cargo test --workspace",
        "directory":"/home/user/project","timeout_ms":120000},"tokens":{"input":1500,
        "output":300,"reasoning":0,"cache_read":12000,"cache_write":0},"cost":0.0125,
        "model":{"model_id":"large-1","provider_id":"acme"},"attributes":{"exit_code":0,
        "is_cached":false,"host":"build-3","retries":[1,2,3]},"output":["#;
    let mut line: String = start.lines().map(str::trim).collect();
    let mut number = 0;
    while line.len() + 40 < len {
        line += &format!(r#"{{"line":{number},"text":"test case_{number} ... ok"}},"#);
        number += 1;
    }
    line += r#""that was all"]}"#;
    line
}

fn timed<E>(mut call: impl FnMut() -> Result<(), E>) -> Result<Duration, E> {
    let start = Instant::now();
    for _ in 0..CALLS {
        call()?;
    }
    Ok(start.elapsed())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

const LENGTHS: [usize; 2] = [771, 5000];
/// So few that most rounds are not interrupted.
const CALLS: u32 = 50;
const ROUNDS: usize = 2_001;
