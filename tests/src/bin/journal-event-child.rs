//! A process that writes down what it is told; `journal_tests::event_child` starts it.

fn main() {
    let dir = std::env::args_os().nth(1).expect("a directory");
    journal_tests::event_child::write_down(dir.as_ref());
}
