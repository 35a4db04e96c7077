//! A workload in words, so that it can be run again: all of it, or what a failure needs of it.

use std::fmt;
use std::str::FromStr;

use trace_journal::WriteMode;

use super::ops::{Step, derive};
use super::plan::Plan;
use crate::simdisk::Style;

/// A workload, or some steps of it, and all crashes or only one.
///
/// In words: `7/mapped/faults`, and perhaps `/steps=0,3,9` and `/crash=9.12.torn` behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The whole workload.
    pub plan: Plan,
    /// The numbers of the steps that are left; `None` for all.
    pub steps: Option<Vec<u64>>,
    /// The only crash that is looked at; `None` for all.
    pub crash: Option<CrashPoint>,
}

/// Where and how everything is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrashPoint {
    /// The number of the step.
    pub step: u64,
    /// The change in that step before which it happens.
    pub change: u64,
    /// How.
    pub way: Way,
}

/// How everything is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// By a kill.
    Kill,
    /// By power loss.
    Power(Style),
    /// In any of these ways, and then files rot.
    Rot,
    /// By power loss or a kill during or after a recovery of such a state.
    Again,
}

impl Way {
    /// All ways of a first crash.
    pub const ALL: [Way; 7] = [
        Way::Kill,
        Way::Power(Style::Nothing),
        Way::Power(Style::Some),
        Way::Power(Style::Torn),
        Way::Power(Style::Most),
        Way::Power(Style::Everything),
        Way::Rot,
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Way::Kill => "kill",
            Way::Power(Style::Nothing) => "nothing",
            Way::Power(Style::Some) => "some",
            Way::Power(Style::Torn) => "torn",
            Way::Power(Style::Most) => "most",
            Way::Power(Style::Everything) => "everything",
            Way::Rot => "rot",
            Way::Again => "recovery",
        }
    }

    pub(super) fn number(self) -> u64 {
        let at = Way::ALL.iter().position(|way| *way == self);
        u64::try_from(at.unwrap_or(Way::ALL.len())).unwrap_or(0)
    }
}

impl Case {
    /// All of a workload.
    #[must_use]
    pub fn of(plan: Plan) -> Case {
        Case {
            plan,
            steps: None,
            crash: None,
        }
    }

    /// The steps that are left.
    #[must_use]
    pub fn steps_left(&self) -> Vec<Step> {
        let mut steps = derive(self.plan);
        if let Some(left) = &self.steps {
            steps.retain(|step| left.contains(&step.id));
        }
        steps
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = match self.plan.mode {
            WriteMode::Mapped => "mapped",
            _ => "positioned",
        };
        let faults = match (self.plan.has_meddlers, self.plan.has_faults) {
            _ if self.plan.is_in_memory => "memory",
            (true, _) => "meddled",
            (false, true) => "faults",
            (false, false) => "none",
        };
        write!(f, "{}/{mode}/{faults}", self.plan.seed)?;
        if let Some(steps) = &self.steps {
            let steps: Vec<String> = steps.iter().map(u64::to_string).collect();
            write!(f, "/steps={}", steps.join(","))?;
        }
        if let Some(crash) = self.crash {
            write!(f, "/crash={crash}")?;
        }
        Ok(())
    }
}

impl fmt::Display for CrashPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.step, self.change, self.way.name())
    }
}

impl FromStr for Case {
    type Err = String;

    fn from_str(text: &str) -> Result<Case, String> {
        let wrong = || format!("no case: {text}");
        let mut parts = text.split('/');
        let seed = parts.next().and_then(|seed| seed.parse().ok());
        let mut case = Case::of(Plan {
            seed: seed.ok_or_else(wrong)?,
            mode: match parts.next() {
                Some("mapped") => WriteMode::Mapped,
                Some("positioned") => WriteMode::Positioned,
                _ => return Err(wrong()),
            },
            has_faults: false,
            has_meddlers: false,
            is_in_memory: false,
            bug: None,
        });
        let others = parts.next().ok_or_else(wrong)?;
        case.plan.has_faults = others == "faults";
        case.plan.has_meddlers = others == "meddled";
        case.plan.is_in_memory = others == "memory";
        for part in parts {
            match part.split_once('=').ok_or_else(wrong)? {
                ("steps", steps) => {
                    let steps: Result<_, _> = steps.split(',').map(str::parse).collect();
                    case.steps = Some(steps.map_err(|_| wrong())?);
                }
                ("crash", crash) => case.crash = Some(crash.parse()?),
                _ => return Err(wrong()),
            }
        }
        Ok(case)
    }
}

impl FromStr for CrashPoint {
    type Err = String;

    fn from_str(text: &str) -> Result<CrashPoint, String> {
        let wrong = || format!("no crash: {text}");
        let mut parts = text.split('.');
        let mut number = || parts.next().and_then(|n| n.parse().ok()).ok_or_else(wrong);
        let (step, change) = (number()?, number()?);
        let name = parts.next().ok_or_else(wrong)?;
        let way = Way::ALL.into_iter().find(|way| way.name() == name);
        let way = way.ok_or_else(wrong)?;
        Ok(CrashPoint { step, change, way })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_read_as_it_is_written() {
        for text in [
            "7/mapped/faults",
            "4294967349/positioned/none/steps=0,3,9",
            "7/mapped/none/steps=1/crash=1.12.torn",
            "7/positioned/meddled",
            "7/mapped/memory",
        ] {
            assert_eq!(text.parse::<Case>().unwrap().to_string(), text);
        }
        assert!("7/mapped".parse::<Case>().is_err());
    }
}
