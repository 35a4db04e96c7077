//! Promises: durable, poisoned, unwaited.
//!
//! Journals are written on real file systems, on a disk that records what happens to it; from the
//! record, states a power cut may leave are rebuilt, mounted and recovered. `JOURNAL_SEED` and
//! `JOURNAL_IMAGES`, the number of states, change the cases.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use journal_tests::crash_image::{Bytes, Model, Past};
use journal_tests::device::{Device, Happened};
use journal_tests::isolated::{Needs, apart};
use journal_tests::lax_storage::Lack;
use journal_tests::loopfs::{Loop, Made, Mounted};
use journal_tests::random::{Random, from_env, seed};
use journal_tests::reference_reader::ReferenceJournal;
use journal_tests::rigs::{self, Budget};
use journal_tests::scripted_child::{Script, ScriptedChild, Told};
use journal_tests::workload::Sent;
use trace_journal::{Journal, Loss, Reader, WriteMode};

const WRITER: &str = env!("CARGO_BIN_EXE_disk-writer");
const DEVICE: &str = env!("CARGO_BIN_EXE_block-device");

fn needs(rig: &str, limit: Duration) -> Needs<'_> {
    Needs {
        rig,
        programs: &Made::PROGRAMS,
        devices: &["/dev/fuse"],
        limit,
    }
}

/// A disk that records what happens to it, with a file system.
struct Scene {
    // Dropped in this order: what is mounted before what it is mounted from.
    mounted: Option<Mounted>,
    disk: Option<Loop>,
    device: Device,
    made: Made,
    before: Bytes,
    at: PathBuf,
}

impl Scene {
    fn new(dir: &Path, made: Made) -> Scene {
        let dir = dir.join(made.name());
        fs::create_dir_all(&dir).unwrap();
        let image = dir.join("image");
        made.format(&image);
        Scene::on(&dir, made, &image)
    }

    /// Mounts what is in an image.
    fn on(dir: &Path, made: Made, image: &Path) -> Scene {
        let at = dir.join("mounted");
        fs::create_dir_all(&at).unwrap();
        let before = Bytes::read(&File::open(image).unwrap()).unwrap();
        let device = Device::start(DEVICE, dir, image);
        let disk = Loop::attach(&device.image());
        let mounted = disk.mount(made, &at).unwrap();
        Scene {
            mounted: Some(mounted),
            disk: Some(disk),
            device,
            made,
            before,
            at,
        }
    }

    fn journal(&self) -> PathBuf {
        self.at.join("journal")
    }

    fn child(&self, writer: u64, mode: WriteMode, lack: Option<Lack>) -> ScriptedChild {
        let mut strings = Script::new(&self.journal(), writer, mode);
        strings.segment_bytes_max = 128 << 10;
        strings.marks = Some(self.device.control());
        strings.lack = lack;
        ScriptedChild::start(&mut Command::new(WRITER), &strings)
    }

    /// Unmounts, as if nothing had happened, and mounts again.
    fn mount_again(&mut self) {
        self.mounted = None;
        let disk = self.disk.as_ref().unwrap();
        self.mounted = Some(disk.mount(self.made, &self.at).unwrap());
    }
}

/// A run of several writers, and all that happened to the disk below it.
struct Recorded {
    /// Which recording it is.
    number: u64,
    made: Made,
    before: Bytes,
    happened: Vec<Happened>,
    told: Vec<Told>,
    /// What writers were told is durable before any of this happened.
    settled: BTreeMap<u64, u64>,
}

impl Recorded {
    /// What each writer was told is durable within the first `count` happenings.
    fn durable(&self, past: &Past<'_>, count: usize) -> BTreeMap<u64, u64> {
        let mut durable = self.settled.clone();
        durable.extend(past.durable(count));
        durable
    }
}

/// Three writers one after the other: killed, closed, closed.
fn record(dir: &Path, made: Made, lack: Option<Lack>) -> Recorded {
    static RECORDINGS: AtomicU64 = AtomicU64::new(0);
    let number = RECORDINGS.fetch_add(1, Ordering::Relaxed);
    let scene = Scene::new(dir, made);
    let mut told = Vec::new();
    let writer = |which| (seed() * 1000 + number) * 10 + which;
    let mut first = scene.child(writer(1), WriteMode::Auto, lack);
    first.order("threads 2 80 3").unwrap();
    first.append(20).unwrap();
    told.push(first.kill());
    for (which, mode) in [(2, WriteMode::Auto), (3, WriteMode::Positioned)] {
        let mut child = scene.child(writer(which), mode, lack);
        child.order("threads 2 40 3").unwrap();
        child.sync().unwrap();
        child.append(10).unwrap();
        told.push(child.close().unwrap());
    }
    // What unmounting writes is no part of it.
    let happened = scene.device.happened();
    Recorded {
        number,
        made,
        before: scene.before.clone(),
        happened,
        told,
        settled: BTreeMap::new(),
    }
}

/// Cuts the power, and records how what is left is mounted, recovered and written on by one more
/// writer, who is killed.
fn record_recovery(dir: &Path, recorded: &Recorded, random: &mut Random) -> Recorded {
    let cuts = choose_cuts(&recorded.happened, 2, random);
    let (cut, model) = (cuts[0], *random.pick(&Model::ALL).unwrap());
    let path = dir.join("image");
    fs::create_dir_all(dir).unwrap();
    let mut options = File::options();
    let image = options.read(true).write(true).create_new(true).open(&path);
    let image = image.unwrap();
    image.set_len(recorded.made.bytes()).unwrap();
    let mut past = Past::new(recorded.before.clone(), &recorded.happened);
    past.cut(cut, model, random, &image).unwrap();
    let scene = Scene::on(dir, recorded.made, &path);
    let writer = 1 << 40 | random.below(1 << 32);
    let mut child = scene.child(writer, WriteMode::Auto, None);
    child.append(10).unwrap();
    child.sync().unwrap();
    child.append(5).unwrap();
    let mut told = recorded.told.clone();
    told.push(child.kill());
    Recorded {
        number: recorded.number + 1000,
        made: recorded.made,
        before: scene.before.clone(),
        happened: scene.device.happened(),
        told,
        settled: recorded.durable(&past, cut),
    }
}

/// Where states of a disk are mounted.
struct Bench {
    image: File,
    disk: Loop,
    at: PathBuf,
    made: Made,
}

impl Bench {
    fn new(dir: &Path, made: Made) -> Bench {
        let dir = dir.join(format!("{}-states", made.name()));
        let (path, at) = (dir.join("image"), dir.join("mounted"));
        fs::create_dir_all(&at).unwrap();
        let mut options = File::options();
        options.read(true).write(true).create_new(true);
        let image = options.open(&path).unwrap();
        image.set_len(made.bytes()).unwrap();
        Bench {
            disk: Loop::attach(&path),
            image,
            at,
            made,
        }
    }

    /// Mounts the state and holds the journal in it against what was told.
    fn check(&self, told: &[Told], durable: &[u64], is_opened: bool) -> Result<(), String> {
        self.disk.forget();
        let mounted = self.disk.mount(self.made, &self.at);
        let mounted = mounted.map_err(|error| format!("not to be mounted: {error}"))?;
        let dir = mounted.path().join("journal");
        if let Err(error) = fs::metadata(&dir) {
            let is_due = durable.iter().any(|seq| *seq > 0);
            let is_missing = error.kind() == ErrorKind::NotFound;
            let is_fine = is_missing && !is_due;
            return is_fine.then_some(()).ok_or(format!("no journal: {error}"));
        }
        compare(&dir, told, durable)?;
        if is_opened {
            let opened = Journal::open(&dir).and_then(|journal| journal.close());
            opened.map_err(|error| format!("opening: {error}"))?;
            compare(&dir, told, durable)?;
        }
        Ok(())
    }
}

fn compare(dir: &Path, told: &[Told], durable: &[u64]) -> Result<(), String> {
    let plain = ReferenceJournal::read(dir);
    for (told, durable) in told.iter().zip(durable) {
        told.check(&plain, |seq| seq <= *durable)?;
    }
    let is_known = |run| told.iter().any(|told| told.run == Some(run));
    for (run, records) in plain.runs.iter().filter(|(run, _)| !is_known(**run)) {
        if records.values().any(|record| record.kind >= 128) {
            return Err(format!("{run}: records of nobody"));
        }
    }
    let reader = Reader::open(dir).map_err(|error| error.to_string())?;
    let report = reader.report();
    if report.loss() == Loss::Damage || report.counts.lost_durable > 0 {
        return Err(format!("a power cut taken for damage: {report:?}"));
    }
    let there: usize = plain.runs.values().map(|records| records.len()).sum();
    // Numbers that a segment does not tell itself, the library may know from its neighbours.
    if u64::try_from(there).unwrap() > report.counts.recovered {
        let counts = report.counts;
        return Err(format!("{there} intact records, reported {counts:?}"));
    }
    Ok(())
}

/// Rebuilds states and checks each; gives how many there were, and what was wrong.
fn check_states(
    dir: &Path,
    recorded: &Recorded,
    count: u64,
    limit: Duration,
) -> (u64, Vec<String>) {
    let bench = Bench::new(dir, recorded.made);
    let mut random = Random::part(seed(), recorded.number);
    let cuts = choose_cuts(&recorded.happened, count, &mut random);
    let mut past = Past::new(recorded.before.clone(), &recorded.happened);
    let (begun, mut done, mut wrong) = (Instant::now(), 0, Vec::new());
    for (number, cut) in cuts.into_iter().enumerate() {
        if begun.elapsed() > limit {
            break;
        }
        let model = Model::ALL[number % Model::ALL.len()];
        past.cut(cut, model, &mut random, &bench.image).unwrap();
        let durable = recorded.durable(&past, cut);
        let durable = recorded.told.iter().map(|told| durable.get(&told.writer));
        let durable: Vec<u64> = durable.map(|seq| seq.copied().unwrap_or(0)).collect();
        if let Err(why) = bench.check(&recorded.told, &durable, number % 5 == 0) {
            let of = recorded.happened.len();
            let name = recorded.made.name();
            wrong.push(format!("{name}, {model:?} at {cut} of {of}: {why}"));
        }
        done += 1;
    }
    (done, wrong)
}

/// Places in the record, in order: half of them just after a mark, the others anywhere.
fn choose_cuts(happened: &[Happened], count: u64, random: &mut Random) -> Vec<usize> {
    let places = (1..=happened.len()).zip(happened);
    let marks = places.filter(|(_, what)| matches!(what, Happened::Mark { .. }));
    let marks: Vec<usize> = marks.map(|(place, _)| place).collect();
    let end = u64::try_from(happened.len()).unwrap();
    let mut cuts: Vec<usize> = (0..count)
        .map(|number| match random.pick(&marks) {
            Some(mark) if number % 2 == 0 => *mark,
            _ => usize::try_from(random.below(end + 1)).unwrap(),
        })
        .collect();
    cuts.sort_unstable();
    cuts
}

#[test]
fn after_a_power_cut_everything_that_was_told_durable_is_there() {
    let wished = from_env("JOURNAL_IMAGES", 1200);
    let limit = Duration::from_secs(120 + wished / 4);
    let test = "after_a_power_cut_everything_that_was_told_durable_is_there";
    apart(needs("power-cut", 2 * limit), test, |dir| {
        let begun = Instant::now();
        let mut done = [
            (Made::Ext4, 50, 0),
            (Made::Xfs, 20, 0),
            (Made::Btrfs, 30, 0),
        ];
        let total = |done: &[(Made, u64, u64)]| done.iter().map(|(_, _, count)| count).sum();
        for round in 0_u64.. {
            let dir = &dir.join(round.to_string());
            let states = wished.min(STATES_A_ROUND);
            // One after the other: the process of a device keeps all mounts it finds.
            let recorded = done.map(|(made, _, _)| record(dir, made, None));
            // Mounting is mostly waiting.
            std::thread::scope(|scope| {
                for ((_, percent, count), recorded) in done.iter_mut().zip(&recorded) {
                    let states = (states * *percent).div_ceil(100);
                    scope.spawn(move || *count += all_hold(dir, recorded, states, limit / 2));
                }
            });
            fs::remove_dir_all(dir).unwrap();
            if total(&done) >= wished || begun.elapsed() > limit {
                break;
            }
        }
        for (made, _, count) in done {
            rigs::done("power-cut", &format!("{} cases={count}", made.name()));
        }
        let total: u64 = total(&done);
        rigs::counted("power-cut", total, seed(), begun.elapsed());
        let least = wished.min(MIN_STATES);
        assert!(total >= least, "only {total} states, {least} are the least");
    });
}

fn all_hold(dir: &Path, recorded: &Recorded, states: u64, limit: Duration) -> u64 {
    let (checked, wrong) = check_states(dir, recorded, states, limit);
    assert!(
        wrong.is_empty(),
        "{} of {checked}: {}",
        wrong.len(),
        wrong[0]
    );
    checked
}

#[test]
fn a_second_power_cut_while_the_first_is_recovered_takes_nothing_more() {
    let wished = from_env("JOURNAL_IMAGES", 1200) / 6;
    let test = "a_second_power_cut_while_the_first_is_recovered_takes_nothing_more";
    let limit = Duration::from_secs(90);
    apart(needs("power-cut-recovery", 3 * limit), test, |dir| {
        let budget = Budget::new("power-cut-recovery", limit, wished.min(MIN_RECOVERIES));
        let mut random = Random::part(seed(), 2);
        let recorded = Made::ALL.map(|made| record(dir, made, None));
        let (mut done, mut not_mounted) = (0, 0);
        for (round, recorded) in (0..6).flat_map(|round| recorded.iter().map(move |r| (round, r))) {
            if budget.is_over() {
                break;
            }
            let dir = &dir.join(format!("second-{round}-{}", recorded.made.name()));
            let second = record_recovery(dir, recorded, &mut random);
            let (checked, lost) = all_mounted_hold(dir, &second, wished.div_ceil(18), limit);
            done += checked - lost;
            not_mounted += lost;
            fs::remove_dir_all(dir).unwrap();
        }
        let lost = format!("{not_mounted} states that the file system itself did not survive");
        rigs::done("power-cut-recovery", &lost);
        assert!(not_mounted * 10 <= done, "{lost}, of {done} others");
        budget.done(done, seed());
    });
}

/// As [`all_hold`], of the states that can be mounted; gives the number of the others, too. While
/// a file system is mounted again it writes what has one checksum over many sectors, which is
/// then torn: ext4's superblock, what xfs brings up to date from its log, btrfs's superblock.
fn all_mounted_hold(dir: &Path, recorded: &Recorded, states: u64, limit: Duration) -> (u64, u64) {
    let (checked, mut wrong) = check_states(dir, recorded, states, limit);
    let found = wrong.len();
    let is_torn = |why: &String, how: &str| {
        why.contains(", Torn at ") && why.contains(&format!("not to be mounted: {how}"))
    };
    // For btrfs a superblock with a wrong checksum is none, and without one it is no btrfs.
    let said = match recorded.made {
        Made::Btrfs => "Invalid argument",
        _ => "Bad message",
    };
    wrong.retain(|why| !is_torn(why, said));
    let of = format!("{} of {checked}", wrong.len());
    assert!(wrong.is_empty(), "{of}: {}", wrong[0]);
    (checked, u64::try_from(found).unwrap())
}

#[test]
fn a_writer_that_never_syncs_is_caught_on_every_file_system() {
    let test = "a_writer_that_never_syncs_is_caught_on_every_file_system";
    let needs = needs("power-cut-control", Duration::from_secs(120));
    apart(needs, test, |dir| {
        for made in Made::ALL {
            let recorded = record(dir, made, Some(Lack::Sync));
            let (done, wrong) = check_states(dir, &recorded, 20, Duration::from_secs(60));
            let lost = wrong.iter().filter(|why| {
                why.contains("lost") || why.contains("no journal") || why.contains("damage")
            });
            let lost = lost.count();
            assert!(lost * 3 > 20, "{}: {lost} of {done} caught", made.name());
        }
    });
}

/// Lets the device fail once under a journal, and checks that nothing is claimed afterwards.
fn fail_once(dir: &Path, made: Made, mode: WriteMode, fail: &dyn Fn(&Device)) {
    let mut scene = Scene::new(dir, made);
    let mut child = scene.child(1, mode, None);
    assert_eq!(child.append(FAILING), Ok(()));
    assert_eq!(child.sync(), Ok(()));
    let durable = child.told.durable;
    fail(&scene.device);
    // The journal may notice by itself before it is asked.
    let appended = child.append(20);
    assert!(
        ["ok", "poisoned"].contains(&outcome(&appended)),
        "{appended:?}"
    );
    let synced = child.sync();
    assert!(["io", "poisoned"].contains(&outcome(&synced)), "{synced:?}");
    for _ in 0..3 {
        assert_eq!(child.append(1), Err("poisoned".to_owned()));
        assert_eq!(child.sync(), Err("poisoned".to_owned()));
    }
    assert_eq!(child.told.durable, durable);
    scene.device.heal();
    let told = child.kill();
    scene.mount_again();
    compare(&scene.journal(), std::slice::from_ref(&told), &[durable]).unwrap();
    // The next run is none the worse for it.
    let mut next = scene.child(2, mode, None);
    assert_eq!(next.append(50), Ok(()));
    assert_eq!(next.sync(), Ok(()));
    let next = next.close().unwrap();
    scene.mount_again();
    let told = [told, next];
    compare(&scene.journal(), &told, &[durable, u64::MAX]).unwrap();
}

fn outcome(done: &Result<(), String>) -> &str {
    done.as_ref().map_or_else(String::as_str, |()| "ok")
}

#[test]
fn one_failed_write_poisons_and_is_never_told_durable() {
    let test = "one_failed_write_poisons_and_is_never_told_durable";
    fail_everywhere("failed-write", test, &|device, bytes| {
        device.fail_write_of(bytes)
    });
}

#[test]
fn one_failed_flush_poisons_and_is_never_told_durable() {
    let test = "one_failed_flush_poisons_and_is_never_told_durable";
    fail_everywhere("failed-flush", test, &|device, bytes| {
        device.fail_flush_of(bytes)
    });
}

fn fail_everywhere(rig: &str, test: &str, fail: &dyn Fn(&Device, &[u8])) {
    apart(needs(rig, Duration::from_secs(120)), test, |dir| {
        let begun = Instant::now();
        let modes = [
            ("auto", WriteMode::Auto),
            ("positioned", WriteMode::Positioned),
        ];
        for (name, mode) in modes {
            for made in Made::ALL {
                let first = Sent {
                    writer: 1,
                    thread: 0,
                    counter: FAILING,
                };
                let bytes = first.payload();
                let few = &bytes[..bytes.len().min(12)];
                fail_once(&dir.join(name), made, mode, &|device| fail(device, few));
            }
        }
        rigs::counted(rig, 6, seed(), begun.elapsed());
    });
}

/// States rebuilt from one recorded run; then there is another.
const STATES_A_ROUND: u64 = 600;

/// Fewer states than this are no proof.
const MIN_STATES: u64 = 1000;

/// Fewer states of cut recoveries than this are no proof.
const MIN_RECOVERIES: u64 = 60;

/// Records before the one that meets a failing disk.
const FAILING: u64 = 30;
