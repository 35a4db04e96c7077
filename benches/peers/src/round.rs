//! Rounds of measurements, each in a process and a directory of its own.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::Arguments;
use crate::engine::Outcome;
use crate::figure::{Figure, Watch};
use crate::result::CaseResult;
use crate::row::{Case, Filling, Row};

/// Measures all cases of a row, in turns; disturbed ones again, up to twice as often.
pub fn run(arguments: &Arguments, row: &dyn Row) -> Outcome<Vec<CaseResult>> {
    let is_wanted = |case: &Case| {
        let texts = [case.name.as_str(), case.who, case.mode];
        let is_in = |only: &String| texts.iter().any(|text| text.contains(only));
        arguments.only.is_empty() || arguments.only.iter().any(is_in)
    };
    let mut results: Vec<CaseResult> = (0..)
        .zip(row.cases())
        .filter(|(_, case)| is_wanted(case))
        .map(|(place, case)| CaseResult::new(row.number(), place, case))
        .collect();
    let home = tempfile::Builder::new()
        .prefix("compare-")
        .tempdir_in(&arguments.dir)?;
    // One case at a time where directories are kept: they are large.
    if row.filling() == Filling::Once {
        for result in &mut results {
            let dir = fresh(&home)?;
            child(arguments, result, "fill", dir.path())?;
            while result.wants_another(arguments.rounds) {
                measure(arguments, result, dir.path());
            }
        }
        return Ok(results);
    }
    while results.iter().any(|r| r.wants_another(arguments.rounds)) {
        for result in &mut results {
            if !result.wants_another(arguments.rounds) {
                continue;
            }
            let dir = fresh(&home)?;
            if row.filling() == Filling::EachRound {
                // It may die on purpose; the measurement sees what is there.
                let _ = child(arguments, result, "fill", dir.path());
            }
            measure(arguments, result, dir.path());
        }
    }
    Ok(results)
}

fn fresh(home: &TempDir) -> Outcome<TempDir> {
    Ok(tempfile::tempdir_in(home.path())?)
}

fn measure(arguments: &Arguments, result: &mut CaseResult, dir: &Path) {
    // What earlier measurements left dirty must not reach the device during this one.
    let measured = sync(dir)
        .and_then(|()| wait_for_quiet(arguments.patience))
        .and_then(|()| child(arguments, result, "measure", dir));
    match measured.and_then(|output| figure_in(&output)) {
        Ok(figure) => result.figures.push(figure),
        Err(error) => result.error = Some(error.to_string()),
    }
}

fn sync(dir: &Path) -> Outcome<()> {
    Ok(rustix::fs::syncfs(fs::File::open(dir)?)?)
}

/// Waits until others hardly use the processors, but not for ever.
fn wait_for_quiet(patience_s: u64) -> Outcome<()> {
    let over = Instant::now() + Duration::from_secs(patience_s);
    while Instant::now() < over {
        let watch = Watch::start();
        std::thread::sleep(Duration::from_millis(200));
        if watch.stop(1)?.is_quiet() {
            break;
        }
    }
    Ok(())
}

fn figure_in(output: &str) -> Outcome<Figure> {
    let line = output.lines().last().unwrap_or_default();
    Figure::from_json(&serde_json::from_str(line)?).ok_or("a child said nothing".into())
}

fn child(arguments: &Arguments, result: &CaseResult, what: &str, dir: &Path) -> Outcome<String> {
    let output = Command::new(std::env::current_exe()?)
        .args(["--workload", &result.row.to_string()])
        .args(["--scale", &arguments.scale.to_string()])
        .arg("--dir")
        .arg(dir)
        .args(["--one", what, &result.place.to_string()])
        .stderr(Stdio::piped())
        .output()?;
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout)?);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().last().unwrap_or_default();
    Err(format!("{}: {said}", output.status).into())
}
