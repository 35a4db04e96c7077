//! What one measurement gives, and how it is taken.

use std::fs;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};

use crate::engine::Outcome;

/// The result of one measurement in one process.
#[derive(Clone, Debug)]
pub struct Figure {
    pub ns_per_op: f64,
    /// p50, p99, p99.9 and the longest, in nanoseconds.
    pub percentiles: Option<[u64; 4]>,
    /// Cores that other processes, the kernel's threads among them, kept busy meanwhile.
    pub others: f64,
    /// The most memory this process ever had, in MiB.
    pub peak_mib: f64,
    /// Anything else worth printing, by name.
    pub more: Vec<(String, f64)>,
}

impl Figure {
    /// A figure that is no time.
    pub fn of_no_time() -> Figure {
        Figure {
            ns_per_op: 0.0,
            percentiles: None,
            others: 0.0,
            peak_mib: 0.0,
            more: Vec::new(),
        }
    }

    /// Whether others hardly used the processors meanwhile.
    pub fn is_quiet(&self) -> bool {
        self.others < QUIET
    }

    /// Adds the percentiles of single operations.
    pub fn with(mut self, histogram: &Histogram<u64>) -> Figure {
        self.percentiles = Some([
            histogram.value_at_quantile(0.5),
            histogram.value_at_quantile(0.99),
            histogram.value_at_quantile(0.999),
            histogram.max(),
        ]);
        self
    }

    /// Adds a number under a name.
    pub fn and(mut self, name: &str, value: f64) -> Figure {
        self.more.push((name.to_owned(), value));
        self
    }

    /// As the child process prints it.
    pub fn to_json(&self) -> Value {
        let more: Map<String, Value> = self
            .more
            .iter()
            .map(|(name, value)| (name.clone(), json!(value)))
            .collect();
        json!({
            "ns_per_op": self.ns_per_op,
            "percentiles": self.percentiles,
            "others": self.others,
            "peak_mib": self.peak_mib,
            "more": more,
        })
    }

    /// Reads what a child process printed.
    pub fn from_json(value: &Value) -> Option<Figure> {
        let number = |name: &str| value.get(name)?.as_f64();
        let percentiles = value.get("percentiles")?.as_array().and_then(|list| {
            let list: Option<Vec<u64>> = list.iter().map(Value::as_u64).collect();
            list?.try_into().ok()
        });
        let more = value.get("more")?.as_object()?.iter();
        let more = more.filter_map(|(name, value)| Some((name.clone(), value.as_f64()?)));
        Some(Figure {
            ns_per_op: number("ns_per_op")?,
            percentiles,
            others: number("others")?,
            peak_mib: number("peak_mib")?,
            more: more.collect(),
        })
    }
}

/// Times a stretch of work, and watches what others do to the processors meanwhile.
pub struct Watch {
    begun: Instant,
    busy: f64,
    own: f64,
}

impl Watch {
    pub fn start() -> Watch {
        Watch {
            busy: busy_seconds().unwrap_or(0.0),
            own: own_seconds().unwrap_or(0.0),
            begun: Instant::now(),
        }
    }

    /// The figure of `count` operations since the start.
    pub fn stop(self, count: u32) -> Outcome<Figure> {
        let time = self.begun.elapsed().as_secs_f64();
        // The kernel counts in hundredths of a second: a short stretch says nothing about others,
        // so they are watched a little longer than the work took.
        std::thread::sleep(Duration::from_secs_f64((WATCHED_S - time).max(0.0)));
        let watched = self.begun.elapsed().as_secs_f64();
        let own = own_seconds()? - self.own;
        let busy = busy_seconds()? - self.busy;
        let others = (busy - own) / watched;
        Ok(Figure {
            ns_per_op: time * 1e9 / f64::from(count),
            percentiles: None,
            others: others.max(0.0),
            peak_mib: peak_mib()?,
            more: Vec::new(),
        })
    }
}

/// An empty histogram of nanoseconds up to a minute.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("the bounds are right")
}

/// Notes the time since `begun`.
pub fn note(histogram: &mut Histogram<u64>, time: Duration) {
    histogram.saturating_record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
}

/// Seconds all processors together were busy, time stolen by the host included.
fn busy_seconds() -> Outcome<f64> {
    let stat = fs::read_to_string("/proc/stat")?;
    let first = stat.lines().next().ok_or("/proc/stat is empty")?;
    let ticks: Vec<f64> = first
        .split_whitespace()
        .skip(1)
        .filter_map(|ticks| ticks.parse().ok())
        .collect();
    // user, nice, system, (idle, iowait,) irq, softirq, steal
    let busy = [0, 1, 2, 5, 6, 7].map(|at| ticks.get(at).copied().unwrap_or(0.0));
    Ok(busy.iter().sum::<f64>() / TICKS_PER_SECOND)
}

/// Seconds this process was on a processor.
fn own_seconds() -> Outcome<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(") ").ok_or("/proc/self/stat is odd")?;
    let ticks = fields.split(' ').skip(11).take(2);
    let ticks = ticks.filter_map(|ticks| ticks.parse::<f64>().ok());
    Ok(ticks.sum::<f64>() / TICKS_PER_SECOND)
}

fn peak_mib() -> Outcome<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(kib.ok_or("no VmHWM")?.parse::<f64>()? / 1024.0)
}

const TICKS_PER_SECOND: f64 = 100.0;

/// How long others are watched at least.
const WATCHED_S: f64 = 0.2;

/// Others use less than this many cores.
const QUIET: f64 = 0.25;
