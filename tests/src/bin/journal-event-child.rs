//! A process that writes down what it is told; `journal_tests::event_child` starts it.

fn main() {
    let dir = std::env::args_os().nth(1).expect("a directory");
    let how = std::env::args().nth(2);
    journal_tests::event_child::write_down(dir.as_ref(), how.as_deref());
}
