//! What all rounds of a case give, and how it is printed.

use serde_json::{Value, json};

use crate::figure::Figure;
use crate::row::{Case, Row};

/// A case and its measurements so far.
pub struct CaseResult {
    pub row: u32,
    pub place: usize,
    pub case: Case,
    pub figures: Vec<Figure>,
    pub error: Option<String>,
}

impl CaseResult {
    pub fn new(row: u32, place: usize, case: Case) -> CaseResult {
        CaseResult {
            row,
            place,
            case,
            figures: Vec::new(),
            error: None,
        }
    }

    /// Whether there are too few undisturbed measurements, and not too many in all.
    pub fn wants_another(&self, rounds: usize) -> bool {
        let has_enough = self.quiet().count() >= rounds || self.figures.len() >= 2 * rounds;
        self.error.is_none() && !has_enough
    }

    fn quiet(&self) -> impl Iterator<Item = &Figure> {
        self.figures.iter().filter(|figure| figure.is_quiet())
    }

    /// The measurements that count: the quiet ones, and where they are fewer than three, the
    /// three quietest.
    fn counting(&self) -> Vec<&Figure> {
        let mut figures: Vec<&Figure> = self.figures.iter().collect();
        figures.sort_by(|a, b| a.others.total_cmp(&b.others));
        figures.truncate(self.quiet().count().max(3));
        figures
    }

    fn median(&self, of: impl Fn(&Figure) -> Option<f64>) -> Option<f64> {
        let mut values: Vec<f64> = self.counting().into_iter().filter_map(of).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    }

    fn ns_per_op(&self) -> Option<f64> {
        self.median(|figure| Some(figure.ns_per_op))
    }

    fn percentile(&self, place: usize) -> Option<f64> {
        let value = |figure: &Figure| figure.percentiles?.get(place).copied();
        self.median(|figure| Some(f64::from(u32::try_from(value(figure)?).unwrap_or(u32::MAX))))
    }

    fn others(&self) -> f64 {
        let figures = self.counting();
        figures
            .iter()
            .map(|figure| figure.others)
            .fold(0.0, f64::max)
    }

    fn more(&self) -> Vec<(String, f64)> {
        let Some(first) = self.figures.first() else {
            return Vec::new();
        };
        let find = |figure: &Figure, name: &str| {
            let found = figure.more.iter().find(|(other, _)| other == name);
            found.map(|(_, value)| *value)
        };
        let names = first.more.iter().map(|(name, _)| name);
        let medians = names.map(|name| {
            let median = self.median(|figure| find(figure, name));
            (name.clone(), median.unwrap_or(0.0))
        });
        medians.collect()
    }

    fn to_json(&self) -> Value {
        let mut value = json!({
            "workload": self.row,
            "case": self.case.name,
            "who": self.case.who,
            "mode": self.case.mode,
            "ns_per_op": self.ns_per_op(),
            "p50_ns": self.percentile(0),
            "p99_ns": self.percentile(1),
            "p999_ns": self.percentile(2),
            "max_ns": self.percentile(3),
            "rounds": self.figures.len(),
            "quiet_rounds": self.quiet().count(),
            "others_cores": self.others(),
            "peak_mib": self.median(|figure| Some(figure.peak_mib)),
            "survives_kill": self.case.survives.kill,
            "survives_power_loss": self.case.survives.power_loss,
        });
        if let Some(object) = value.as_object_mut() {
            object.extend(self.more().into_iter().map(|(name, n)| (name, json!(n))));
            object.extend(self.error.iter().map(|e| ("error".to_owned(), json!(e))));
        }
        value
    }
}

/// One JSON object per result.
pub fn print_json(results: &[CaseResult]) {
    for result in results {
        println!("{}", result.to_json());
    }
}

/// A table of all results of a row.
pub fn print_table(row: &dyn Row, results: &[CaseResult]) {
    println!("\n{}. {}\n   bar: {}", row.number(), row.title(), row.bar());
    let mut last_name = "";
    for result in results {
        if result.case.name != last_name {
            last_name = &result.case.name;
            println!("\n  {last_name}");
            println!(
                "  {:<17} {:<42} {:>10} {:>8} {:>9} {:>9} {:>9} {:>9}  {:<10} {:>6} {:>5}",
                "who",
                "mode",
                "ns/op",
                "x ours",
                "p50",
                "p99",
                "p99.9",
                "max",
                "survives",
                "others",
                "quiet"
            );
        }
        print_result(results, result);
    }
}

fn print_result(results: &[CaseResult], result: &CaseResult) {
    let text = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.0}"));
    // The first of ours in a case is what others are compared with.
    let mut same_case = results
        .iter()
        .filter(|other| other.case.name == result.case.name);
    let ours = same_case.find(|other| other.case.who == "ours");
    let ratio = ours
        .and_then(CaseResult::ns_per_op)
        .zip(result.ns_per_op())
        .filter(|(ours, _)| *ours > 0.0)
        .map_or("-".to_owned(), |(ours, it)| format!("{:.2}", it / ours));
    let survives = match result.case.survives {
        survives if survives.power_loss => "power loss",
        survives if survives.kill => "kill -9",
        _ => "-",
    };
    println!(
        "  {:<17} {:<42} {:>10} {ratio:>8} {:>9} {:>9} {:>9} {:>9}  {survives:<10} {:>6.2} {:>5}",
        result.case.who,
        result.case.mode,
        text(result.ns_per_op()),
        text(result.percentile(0)),
        text(result.percentile(1)),
        text(result.percentile(2)),
        text(result.percentile(3)),
        result.others(),
        format!("{}/{}", result.quiet().count(), result.figures.len()),
    );
    for (name, value) in result.more() {
        println!("  {:<17}   {name} = {value:.2}", "");
    }
    let peak = result.median(|figure| Some(figure.peak_mib));
    if let Some(peak) = peak.filter(|_| [7, 8, 10].contains(&result.row)) {
        println!("  {:<17}   peak memory = {peak:.0} MiB", "");
    }
    if let Some(error) = &result.error {
        println!("  {:<17}   failed: {error}", "");
    }
}
