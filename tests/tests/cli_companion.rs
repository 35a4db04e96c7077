//! Promises: killed, disk-full. `trace-recover ingest` beside the program whose output it keeps:
//! signals, full disks and listeners that do not listen take no line.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use journal_tests::command::{Ran, command, finish, program, run, run_with, with_signals};
use journal_tests::ingest_child::IngestChild;
use journal_tests::loopfs::{Filler, Mounted};
use journal_tests::rigs::skip;
use journal_tests::sample::{completed, opened};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::{Value, json};

const SIGNALS: [(Signal, &str, i32); 3] = [
    (Signal::INT, "SIGINT", 130),
    (Signal::TERM, "SIGTERM", 143),
    (Signal::HUP, "SIGHUP", 129),
];

const LINES: [&str; 4] = ["--from", "lines", "--session", "s"];

fn custom(number: u32) -> String {
    json!({"type": "custom", "session": "s", "name": "n", "data": number}).to_string()
}

/// An `ingest` whose input, answers and words are held by the test.
struct Companion {
    child: Child,
    input: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    words: BufReader<ChildStderr>,
}

impl Companion {
    fn start(command: &mut Command) -> Companion {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        Companion {
            input: child.stdin.take(),
            answers: BufReader::new(child.stdout.take().unwrap()),
            words: BufReader::new(child.stderr.take().unwrap()),
            child,
        }
    }

    fn of(dir: &Path, more: &[&str]) -> Companion {
        Companion::start(command(["ingest"]).arg(dir).args(more))
    }

    fn feed(&mut self, line: &str) {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn word(&mut self) -> String {
        let mut line = String::new();
        self.words.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn signal(&self, signal: Signal) {
        kill_process(pid(&self.child), signal).unwrap();
    }

    /// Signals a second time, as late as a person does it: what comes at one moment counts as one.
    fn signal_again(&mut self, signal: Signal) {
        thread::sleep(Duration::from_millis(200));
        self.signal(signal);
        let told = self.word();
        assert!(told.contains("ending"), "{told}");
    }

    /// Ends the input and waits for the end.
    fn end(mut self) -> Ran {
        self.input = None;
        self.wait()
    }

    /// Waits for the end; its input stays open.
    fn wait(mut self) -> Ran {
        let (mut stdout, mut stderr) = (Vec::new(), String::new());
        std::io::Read::read_to_end(&mut self.answers, &mut stdout).unwrap();
        std::io::Read::read_to_string(&mut self.words, &mut stderr).unwrap();
        Ran {
            code: self.child.wait().unwrap().code().unwrap_or(-1),
            stdout,
            stderr,
        }
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}

fn cat(dir: &Path) -> Vec<Value> {
    cat_with(dir, 0)
}

/// The events of a journal that ends `cat` with this code.
fn cat_with(dir: &Path, code: i32) -> Vec<Value> {
    let ran = run(["cat", dir.to_str().unwrap(), "--format", "ndjson"]).code(code);
    let lines = ran.text().lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn raw(dir: &Path) -> String {
    let ran = run(["cat", dir.to_str().unwrap(), "--format", "raw"]).code(0);
    ran.text().to_owned()
}

fn status(dir: &Path) -> String {
    let rows = run(["list", dir.to_str().unwrap(), "--json"])
        .code(0)
        .json();
    rows[0]["status"].as_str().unwrap().to_owned()
}

// Signals.

#[test]
fn the_last_lines_of_an_interrupted_pipeline_are_kept() {
    for (signal, name, _) in SIGNALS {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("journal");
        let script = "sleep 600 >&- & sleeper=$!
trap 'kill $sleeper; for n in 1 2 3 4 5; do echo last words $n; done; exit 0' INT TERM HUP
echo ready
wait";
        let mut agent = with_signals("sh");
        agent.args(["-c", script]).stdout(Stdio::piped());
        let mut agent = agent.process_group(0).spawn().unwrap();
        let group = pid(&agent);
        let mut ingest = command(["ingest"]);
        ingest.arg(&dir).args(LINES).args(["--ack", "written"]);
        ingest.process_group(group.as_raw_nonzero().get());
        ingest.stdin(agent.stdout.take().unwrap());
        ingest.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = ingest.spawn().unwrap();
        let mut answers = BufReader::new(child.stdout.take().unwrap());
        let mut ready = String::new();
        answers.read_line(&mut ready).unwrap();
        kill_process_group(group, signal).unwrap();
        let ran = finish(child, b"").code(0);
        assert!(ran.stderr.contains(name), "{}", ran.stderr);
        agent.wait().unwrap();
        assert_eq!(raw(&dir).matches("last words").count(), 5, "{name}");
        assert_eq!(status(&dir), "completed");
    }
}

#[test]
fn a_program_that_outlives_the_signal_goes_on_being_recorded() {
    for (signal, name, _) in SIGNALS {
        let dir = tempfile::tempdir().unwrap();
        let mut companion = Companion::of(dir.path(), &["--ack", "durable"]);
        companion.feed(&custom(0));
        companion.answer();
        companion.signal(signal);
        let told = companion.word();
        assert!(told.contains(name) && told.contains("second"), "{told}");
        for number in 1..100 {
            companion.feed(&custom(number));
            companion.answer().parse::<u64>().unwrap();
        }
        companion.feed("not an event");
        companion.end().code(3);
        assert_eq!(cat(dir.path()).len(), 100);
    }
}

#[test]
fn a_second_signal_ends_ingest_and_what_was_read_is_durable() {
    for (signal, name, code) in SIGNALS {
        for form in [&[][..], &LINES] {
            let dir = tempfile::tempdir().unwrap();
            let more = [form, &["--ack", "written"]].concat();
            let mut companion = Companion::of(dir.path(), &more);
            for number in 0..1_000 {
                companion.feed(&custom(number));
            }
            for _ in 0..1_000 {
                companion.answer();
            }
            companion.signal(signal);
            assert!(companion.word().contains(name));
            companion.signal_again(Signal::TERM);
            let ran = companion.wait();
            assert_eq!(ran.code, 143, "the second one counts: {}", ran.stderr);
            assert!(ran.stderr.contains("1,000 lines in"), "{}", ran.stderr);
            let kept = ["durable; 0 refused", "synced; 0 refused"];
            assert!(
                kept.iter().any(|kept| ran.stderr.contains(kept)),
                "{}",
                ran.stderr
            );
            assert_eq!(cat(dir.path()).len(), 1_000 + usize::from(!form.is_empty()));
            assert_eq!(status(dir.path()), "crashed", "it was not ended");

            let mut companion = Companion::of(dir.path(), &["--ack", "written"]);
            companion.feed(&custom(0));
            companion.answer();
            companion.signal(signal);
            companion.word();
            companion.signal_again(signal);
            assert_eq!(companion.wait().code, code);
        }
    }
}

#[test]
fn a_named_pipe_without_a_writer_is_left_at_the_second_signal() {
    let place = tempfile::tempdir().unwrap();
    let (dir, pipe) = (place.path().join("journal"), place.path().join("pipe"));
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    kill_after(&dir, &opened("s"));
    let pipe = pipe.to_str().unwrap();
    let mut companion = Companion::of(&dir, &[pipe]);
    // It has opened the journal, so it listens.
    assert!(companion.word().contains("crashed"));
    companion.signal(Signal::INT);
    assert!(companion.word().contains("SIGINT"));
    companion.signal_again(Signal::INT);
    assert_eq!(companion.wait().code, 130);

    // One that has a writer in time is read to its end.
    let mut companion = Companion::of(&dir, &[pipe, "--ack", "written"]);
    let mut writer = fs::File::options().write(true).open(pipe).unwrap();
    writeln!(writer, "{}", custom(1)).unwrap();
    companion.answer().parse::<u64>().unwrap();
    companion.signal(Signal::INT);
    assert!(companion.word().contains("SIGINT"));
    writeln!(writer, "{}", custom(2)).unwrap();
    drop(writer);
    companion.wait().code(0);
    assert_eq!(cat(&dir).len(), opened("s").len() + 2);
}

#[test]
fn a_signal_that_was_to_be_ignored_stays_ignored() {
    let dir = tempfile::tempdir().unwrap();
    let mut shell = with_signals("sh");
    let script = "trap '' HUP; exec \"$0\" ingest \"$1\" --ack written";
    shell.args(["-c", script]).arg(program()).arg(dir.path());
    let mut companion = Companion::start(&mut shell);
    companion.feed(&custom(0));
    companion.answer();
    companion.signal(Signal::HUP);
    companion.signal(Signal::TERM);
    assert!(companion.word().contains("SIGTERM"));
    companion.end().code(0);
}

// Listeners.

#[test]
fn acknowledgements_that_are_not_read_hold_up_no_line() {
    let dir = tempfile::tempdir().unwrap();
    let mut companion = Companion::of(dir.path(), &["--ack-format", "line"]);
    for number in 0..50_000 {
        companion.feed(&custom(number));
    }
    companion.input = None;
    // Everything is durable and closed before the first answer is taken.
    assert!(companion.word().contains("50,000 lines in"));
    let report = run(["verify", dir.path().to_str().unwrap(), "--json"]).code(0);
    assert_eq!(report.json()["runs"][0]["state"], "closed");
    let (first, last) = (companion.answer(), companion.wait().code(0));
    assert!(first.starts_with("1 "), "{first}");
    assert_eq!(last.text().lines().count(), 49_999);

    let mut companion = Companion::of(dir.path(), &["--ack", "durable"]);
    for number in 0..50_000 {
        companion.feed(&custom(number));
    }
    companion.input = None;
    assert!(companion.word().contains("50,000 lines in"));
    companion.signal(Signal::INT);
    assert!(companion.word().contains("SIGINT"));
    // Whoever waits for the listener is not held by it.
    thread::sleep(Duration::from_millis(200));
    companion.signal(Signal::INT);
    assert_eq!(companion.child.wait().unwrap().code(), Some(130));
}

#[test]
fn messages_that_are_not_read_hold_up_no_line() {
    let dir = tempfile::tempdir().unwrap();
    let mut companion = Companion::of(dir.path(), &["--ack", "written"]);
    for _ in 0..100_000 {
        companion.feed("not an event");
    }
    companion.feed(&custom(1));
    companion.answer().parse::<u64>().unwrap();
    companion.end().code(3);
}

#[test]
fn every_line_has_its_answer_in_order() {
    let place = tempfile::tempdir().unwrap();
    for ack in ["written", "durable"] {
        let dir = place.path().join(ack);
        let mut input = Vec::new();
        for number in 0..200_u32 {
            let line = match number % 5 {
                1 => "no event".to_owned(),
                3 => " ".to_owned(),
                _ => custom(number),
            };
            input.extend_from_slice(line.as_bytes());
            input.push(b'\n');
        }
        let args = ["ingest", dir.to_str().unwrap(), "--ack", ack];
        let ran = run_with([&args[..], &["--ack-format", "line"]].concat(), &input).code(3);
        let seqs = cat(&dir).into_iter().map(|event| event["seq"].to_string());
        let mut seqs = seqs.collect::<Vec<String>>().into_iter();
        let expected: Vec<String> = (0..200_u32)
            .map(|number| match number % 5 {
                1 => format!("{} refused", number + 1),
                3 => format!("{} -", number + 1),
                _ => format!("{} {}", number + 1, seqs.next().unwrap()),
            })
            .collect();
        assert_eq!(ran.text().lines().collect::<Vec<&str>>(), expected);
    }
    let dir = place.path().join("without");
    let args = ["ingest", dir.to_str().unwrap(), "--ack", "none"];
    let ran = run_with([&args[..], &["--ack-format", "line"]].concat(), b"x\n").code(3);
    assert_eq!(ran.text(), "");
}

// What is read.

#[test]
fn a_byte_order_mark_at_the_start_of_a_line_is_skipped() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().to_str().unwrap();
    let (one, two) = (custom(1), custom(2));
    let marked = format!("\u{feff}{one}\n{two}\n");
    run_with(["ingest", dir], marked.as_bytes()).code(0);
    let marked = format!("{one}\n\u{feff}{two}\n");
    run_with(["ingest", dir], marked.as_bytes()).code(0);
    run_with(["ingest", dir], "\u{feff}".as_bytes()).code(0);
    assert_eq!(cat(Path::new(dir)).len(), 4);

    let lines = tempfile::tempdir().unwrap();
    let args = [&["ingest", lines.path().to_str().unwrap()][..], &LINES].concat();
    run_with(args, "\u{feff}a\nb\n".as_bytes()).code(0);
    assert_eq!(
        raw(lines.path()),
        "\u{feff}a\nb\n",
        "lines are kept as they are"
    );
}

#[test]
fn lines_that_are_no_events_are_answered_with_advice() {
    let dir = tempfile::tempdir().unwrap();
    let output = "z".repeat(70_000_000);
    let line = json!({"type": "span", "session": "s", "span": "t", "kind": "tool", "name": "b",
                      "output": output});
    let args = ["ingest", dir.path().to_str().unwrap()];
    let ran = run_with(args, line.to_string().as_bytes()).code(3);
    assert!(!ran.stderr.contains("--from lines"), "{}", ran.stderr);
    assert!(ran.stderr.contains("several lines"), "{}", ran.stderr);
}

// What was there before.

/// Lines of an `ingest` that is killed.
fn kill_after(dir: &Path, lines: &[String]) {
    let mut child = IngestChild::start(dir, &["--ack", "written"]);
    for line in lines {
        child.feed(line.as_bytes());
        child.ack().unwrap();
    }
    child.kill();
}

#[test]
fn ingest_says_which_runs_its_opening_recovered() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("traces");
    let path = dir.to_str().unwrap();
    let ingest = || run_with(["ingest", path], b"").code(0).stderr;
    assert!(!ingest().contains("crashed"));
    kill_after(&dir, &[completed("whole"), opened("ses_7f3a")].concat());
    let said = ingest();
    let expected = format!("an earlier run crashed: ses_7f3a ({} ", program().display());
    assert!(said.contains(&expected), "{said}");
    let hint = said.split_once('(').unwrap().1.split_once(')').unwrap().0;
    let shown = Command::new("sh").args(["-c", hint]).output().unwrap();
    assert!(String::from_utf8_lossy(&shown.stdout).starts_with("ses_7f3a"));
    assert!(!ingest().contains("crashed"), "once");

    let many: Vec<String> = (0..100).flat_map(|n| opened(&format!("many{n}"))).collect();
    let mut two = [(); 2].map(|()| IngestChild::start(&dir, &["--ack", "written"]));
    for (child, lines) in two.iter_mut().zip([&many[..], &opened("other")]) {
        for line in lines {
            child.feed(line.as_bytes());
            child.ack().unwrap();
        }
    }
    two.into_iter().for_each(|child| drop(child.kill()));
    let said = ingest();
    assert!(said.contains("2 earlier runs crashed: "), "{said}");
    assert!(
        said.contains(" and 98 more (") && said.len() < 1_000,
        "{said}"
    );
}

// A full disk.

#[test]
fn a_full_disk_refuses_lines_until_there_is_space() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path().join("disk");
    fs::create_dir(&at).unwrap();
    if !rustix::process::geteuid().is_root() {
        return skip("full disk", "may not mount a small tmpfs");
    }
    let mounted = Mounted::in_memory(&at, 4 << 20);
    let dir = at.join("journal");
    let mut companion = Companion::of(&dir, &["--ack-format", "line"]);
    let line = json!({"type": "custom", "session": "s", "name": "n", "data": "x".repeat(1000)});
    let mut numbers = 1..20_000;
    let mut feed = |companion: &mut Companion| {
        companion.feed(&line.to_string());
        let (number, answer) = (numbers.next().unwrap(), companion.answer());
        let answer = answer
            .strip_prefix(&format!("{number} "))
            .unwrap()
            .to_owned();
        (number, answer)
    };
    // From here on it is open: what is full from the start is another test.
    let mut taken = vec![feed(&mut companion).1];
    let mut refused = 0;
    // It is open then: one that finds a full disk waits longer than this.
    taken.push(feed(&mut companion).1);
    for _ in 0..2 {
        let filler = Filler::new(&at.join("filler"), 0);
        while refused % 100 < 50 {
            match feed(&mut companion) {
                (_, answer) if answer == "refused" => refused += 1,
                (_, answer) => taken.push(answer),
            }
        }
        drop(filler);
        loop {
            match feed(&mut companion) {
                (_, answer) if answer == "refused" => refused += 1,
                (_, answer) => break taken.push(answer),
            }
        }
        refused = (refused / 100 + 1) * 100;
    }
    let ran = companion.end().code(3);
    assert_eq!(
        ran.stderr.matches("no space left").count(),
        2,
        "{}",
        ran.stderr
    );
    assert_eq!(
        ran.stderr.matches("taken again").count(),
        2,
        "{}",
        ran.stderr
    );
    // What was refused is told by whoever reads.
    let kept: Vec<String> = cat_with(&dir, 3)
        .iter()
        .map(|event| event["seq"].to_string())
        .collect();
    assert_eq!(kept, taken);
    drop(mounted);
}

#[test]
fn a_disk_that_is_full_from_the_start_refuses_lines_as_well() {
    let place = tempfile::tempdir().unwrap();
    if !rustix::process::geteuid().is_root() {
        return skip("full disk", "may not mount a small tmpfs");
    }
    let mounted = Mounted::in_memory(place.path(), 4 << 20);
    let at = place.path();
    let filler = Filler::new(&at.join("filler"), 0);
    let mut companion = Companion::of(&at.join("other"), &["--ack-format", "line"]);
    for number in 1..4 {
        companion.feed(&custom(number));
        assert_eq!(companion.answer(), format!("{number} refused"));
    }
    let ran = companion.end().code(3);
    assert!(ran.stderr.contains("no space left"), "{}", ran.stderr);
    assert!(ran.stderr.contains("0 lines in"), "{}", ran.stderr);
    assert!(ran.stderr.contains("3 refused"), "{}", ran.stderr);
    assert!(ran.stderr.contains("make room"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("disabled"), "{}", ran.stderr);
    drop(filler);
    drop(mounted);
}

// A failed run.

#[test]
fn ingest_goes_on_in_a_new_run_after_a_failure() {
    let dir = tempfile::tempdir().unwrap();
    let mut companion = Companion::of(dir.path(), &["--ack", "durable", "--ack-format", "line"]);
    companion.feed(&custom(0));
    assert!(companion.answer().starts_with("1 "));
    for found in fs::read_dir(dir.path()).unwrap() {
        let path = found.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "seg") {
            fs::remove_file(path).unwrap();
        }
    }
    // A new run is tried once in ten seconds.
    let mut answers: Vec<String> = Vec::new();
    while answers.last().is_none_or(|answer| answer == "refused") {
        let number = answers.len() + 2;
        companion.feed(&custom(1));
        let answer = companion.answer();
        let answer = answer.strip_prefix(&format!("{number} "));
        answers.push(answer.unwrap().to_owned());
        thread::sleep(Duration::from_millis(100));
    }
    assert!(
        answers.len() > 1,
        "what could not be durable is not acknowledged"
    );
    let ran = companion.end();
    assert!([1, 3].contains(&ran.code), "{} {}", ran.code, ran.stderr);
    assert!(ran.stderr.contains("taken again"), "{}", ran.stderr);
    let ran = run(["cat", dir.path().to_str().unwrap(), "--format", "ndjson"]);
    let seq = format!("\"seq\":{}}}", answers.last().unwrap());
    assert!(ran.text().contains(&seq), "{}", ran.text());
}
