//! Which signals this command may listen to.

use std::fs;

/// Those of the signals that this command was not started to ignore, as `nohup` and a shell's `&`
/// do it; what cannot be found out counts as not ignored.
pub(crate) fn not_ignored<const COUNT: usize>(signals: [i32; COUNT]) -> Vec<i32> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = ignored(&status);
    let is_heard = |signal: &i32| {
        let bit = u32::try_from(signal - 1).unwrap_or(u32::MAX);
        ignored & 1_u64.checked_shl(bit).unwrap_or(0) == 0
    };
    signals.into_iter().filter(is_heard).collect()
}

/// The ignored signals as bits, the first signal's the lowest.
fn ignored(status: &str) -> u64 {
    let bits = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    bits.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_found() {
        let status = "Name:\tx\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000002\n";
        assert_eq!(ignored(status), 1 << 12 | 1);
        assert_eq!(ignored(""), 0);
    }
}
