//! How fast a journal is read: `reading survey`, `snapshots`, `list` or `runs`.
//!
//! Options: size in MiB (1024), sessions or runs (1,000). Rounds of this journal and of plain
//! loops over
//! the same files take turns; the medians are printed, with the peak of memory in use.

use std::error::Error;
use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use trace_journal::{Event, Journal, Reader, UserKind, Value};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let mut words = std::env::args().skip(1);
    let what = words.next().unwrap_or_default();
    if what == "verify" {
        // On its own, so that its peak of memory is its own too.
        verify(Path::new(&words.next().unwrap_or_default()))?;
        return peak(&mut std::io::stdout().lock());
    }
    let mib = words.next().map_or(Ok(1024), |word| word.parse())?;
    let sessions = words.next().map_or(Ok(1000), |word| word.parse())?;
    let dir = tempfile::Builder::new().tempdir_in(std::env::temp_dir())?;
    let mut out = std::io::stdout().lock();
    match what.as_str() {
        "survey" => survey(dir.path(), mib << 20, &mut out),
        "snapshots" => snapshots(dir.path(), mib << 20, sessions, &mut out),
        "list" => list(dir.path(), mib << 20, sessions, &mut out),
        "runs" => runs(dir.path(), sessions, &mut out),
        _ => Err("survey, snapshots, list or runs?".into()),
    }
}

/// Opening and verifying a journal of records of 256 bytes, against reading its files.
fn survey(dir: &Path, bytes: u64, out: &mut dyn Write) -> Outcome<()> {
    let journal = Journal::options().open(dir)?;
    let kind = UserKind::new(200)?;
    let payload: Vec<u8> = (0..=u8::MAX).collect();
    for _ in 0..bytes / 272 {
        journal.append_raw(kind, &payload)?;
    }
    journal.close()?;
    let files = segments(dir)?;
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        times[0].push(timed(|| plain(&files, PIECE))?);
        times[1].push(timed(|| plain(&files, 272))?);
        times[2].push(timed(|| verify(dir))?);
    }
    let names = [
        "read + crc of 256 KiB",
        "read + crc of 272 B",
        "this journal",
    ];
    report(&names, &mut times, out)?;
    let itself = std::env::current_exe()?;
    let output = Command::new(itself).arg("verify").arg(dir).output()?;
    out.write_all(&output.stdout)?;
    Ok(())
}

/// All snapshots of a journal with many sessions, against parsing the same events as JSON.
fn snapshots(dir: &Path, bytes: u64, sessions: u64, out: &mut dyn Write) -> Outcome<()> {
    let lines = fill(dir, bytes, sessions)?;
    let mut times = [const { Vec::new() }; 2];
    for _ in 0..ROUNDS {
        times[0].push(timed(|| parse(&lines))?);
        times[1].push(timed(|| {
            let reader = Reader::open(dir)?;
            for snapshot in reader.sessions() {
                black_box(snapshot?);
            }
            Ok(())
        })?);
    }
    report(&["serde_json", "this journal"], &mut times, out)
}

/// The sessions of a journal and one snapshot, with the caches beside its segments and without.
fn list(dir: &Path, bytes: u64, sessions: u64, out: &mut dyn Write) -> Outcome<()> {
    fill(dir, bytes, sessions)?;
    let mut times = [const { Vec::new() }; 2];
    for _ in 0..ROUNDS {
        times[0].push(timed(|| {
            black_box(Reader::open(dir)?);
            Ok(())
        })?);
        times[1].push(timed(|| {
            black_box(Reader::open(dir)?.snapshot("session-1")?);
            Ok(())
        })?);
    }
    report(&["open", "open and one snapshot"], &mut times, out)
}

/// A journal that was opened many times: opening it once more, and reading it.
fn runs(dir: &Path, count: u64, out: &mut dyn Write) -> Outcome<()> {
    for at in 0..count {
        let journal = Journal::options().open(dir)?;
        journal.session(format!("session-{at}")).start().end();
        journal.close()?;
    }
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        let empty = tempfile::tempdir_in(std::env::temp_dir())?;
        for (place, dir) in [empty.path(), dir].into_iter().enumerate() {
            let begun = Instant::now();
            let journal = Journal::options().open(dir)?;
            if let Some(times) = times.get_mut(place) {
                times.push(begun.elapsed());
            }
            journal.close()?;
        }
        times[2].push(timed(|| {
            black_box(Reader::open(dir)?);
            Ok(())
        })?);
    }
    let names = ["open, no run before", "open", "open for reading"];
    report(&names, &mut times, out)
}

fn verify(dir: &Path) -> Outcome<()> {
    let report = Reader::options().verify(true).open(dir)?.report();
    assert!(
        report.outcome == trace_journal::report::Outcome::Sound,
        "{:?}",
        report.ranges
    );
    Ok(())
}

/// Writes events of many sessions in turns; gives those of the first part as JSON lines.
fn fill(dir: &Path, bytes: u64, sessions: u64) -> Outcome<Vec<String>> {
    let journal = Journal::options().open(dir)?;
    let handles: Vec<_> = (0..sessions)
        .map(|at| journal.session(format!("session-{at}")).start())
        .collect();
    let mut lines = Vec::new();
    let text = "a few words of a model's answer, as they come in. ".repeat(4);
    let count = bytes / 290;
    for at in 0..count {
        let turn = usize::try_from(at / 8 % sessions)?;
        let span = format!("{at:016x}");
        let Some(handle) = handles.get(turn) else {
            continue;
        };
        let mut event = Event::custom("step", Value::from(at));
        if at % 2 == 0 {
            event = Event::custom(span, Value::from(text.clone()));
        }
        if lines.len() < PARSED {
            lines.push(serde_json::to_string(&event)?);
        }
        handle.append(event)?;
    }
    for handle in handles {
        handle.end();
    }
    journal.close()?;
    Ok(lines)
}

fn parse(lines: &[String]) -> Outcome<()> {
    for line in lines {
        black_box(serde_json::from_str::<serde_json::Value>(line)?);
    }
    Ok(())
}

fn segments(dir: &Path) -> Outcome<Vec<PathBuf>> {
    let entries: Vec<_> = std::fs::read_dir(dir)?.collect::<Result<_, _>>()?;
    let paths = entries.into_iter().map(|entry| entry.path());
    Ok(paths
        .filter(|path| path.extension().is_some_and(|e| e == "seg"))
        .collect())
}

/// Reads all files in pieces of 256 KiB on two threads, with a checksum over every `len` bytes.
fn plain(files: &[PathBuf], len: usize) -> Outcome<()> {
    let next = AtomicUsize::new(0);
    let work = || -> std::io::Result<()> {
        let mut piece = vec![0; PIECE];
        while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            let file = File::open(path)?;
            let mut at = 0;
            loop {
                let count = file.read_at(&mut piece, at)?;
                if count == 0 {
                    break;
                }
                for part in piece.get(..count).unwrap_or_default().chunks(len) {
                    black_box(crc32fast::hash(part));
                }
                at += u64::try_from(count).map_err(std::io::Error::other)?;
            }
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(work);
        let own = work();
        other.join().map_or(own, |other| other)
    })?;
    Ok(())
}

fn timed(work: impl FnOnce() -> Outcome<()>) -> Outcome<Duration> {
    let begun = Instant::now();
    work()?;
    Ok(begun.elapsed())
}

fn report(names: &[&str], times: &mut [Vec<Duration>], out: &mut dyn Write) -> Outcome<()> {
    for (name, times) in names.iter().zip(times) {
        times.sort_unstable();
        let median = times.get(times.len() / 2).copied().unwrap_or_default();
        writeln!(out, "{name:<24} {median:>12.3?}")?;
    }
    Ok(())
}

fn peak(out: &mut dyn Write) -> Outcome<()> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find(|line| line.starts_with("VmHWM"));
    writeln!(out, "verify alone: {}", peak.unwrap_or_default())?;
    Ok(())
}

const ROUNDS: usize = 5;
const PIECE: usize = 256 << 10;
const PARSED: usize = 400_000;
