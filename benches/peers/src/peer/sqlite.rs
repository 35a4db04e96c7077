//! SQLite through rusqlite 0.40, WAL: with `synchronous=FULL` every transaction is durable, with
//! NORMAL it survives kill -9 only. One connection behind a mutex.

use std::path::Path;
use std::sync::Mutex;

use rusqlite::Connection;

use crate::engine::{EVERYTHING, Engine, KILL, Log, Mode, Outcome, Setting, Work};

pub struct Sqlite {
    pub is_full: bool,
}

impl Engine for Sqlite {
    fn who(&self) -> &'static str {
        "rusqlite"
    }

    fn mode(&self, work: Work) -> Option<Mode> {
        match (work, self.is_full) {
            (Work::Append | Work::AppendUnsynced, false) => {
                Mode::new("WAL, NORMAL, a transaction per record", KILL)
            }
            (Work::Durable, true) => Mode::new("WAL, FULL, a transaction per record", EVERYTHING),
            (Work::Bulk, true) => Mode::new("WAL, FULL, 4096 records a transaction", EVERYTHING),
            _ => None,
        }
    }

    fn open(&self, setting: &Setting) -> Outcome<Box<dyn Log>> {
        let connection = connect(&setting.dir)?;
        let level = if self.is_full { "FULL" } else { "NORMAL" };
        connection.pragma_update(None, "synchronous", level)?;
        connection.execute(
            "CREATE TABLE log (seq INTEGER PRIMARY KEY, payload BLOB)",
            [],
        )?;
        Ok(Box::new(Open(Mutex::new(connection))))
    }

    fn count(&self, dir: &Path) -> Outcome<u64> {
        let connection = connect(dir)?;
        let mut statement = connection.prepare("SELECT payload FROM log ORDER BY seq")?;
        let mut rows = statement.query([])?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            std::hint::black_box(row.get_ref(0)?.as_blob()?);
            count += 1;
        }
        Ok(count)
    }
}

fn connect(dir: &Path) -> Outcome<Connection> {
    let connection = Connection::open(dir.join("log.sqlite"))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    Ok(connection)
}

const INSERT: &str = "INSERT INTO log (payload) VALUES (?1)";

struct Open(Mutex<Connection>);

impl Log for Open {
    fn append(&self, _thread: usize, payload: &[u8]) -> Outcome<()> {
        let connection = self.0.lock().expect("no appender panics");
        connection.prepare_cached(INSERT)?.execute([payload])?;
        Ok(())
    }

    fn sync(&self) -> Outcome<()> {
        Ok(())
    }

    fn bulk(&self, count: u32, payload: &[u8]) -> Outcome<()> {
        let mut connection = self.0.lock().expect("no appender panics");
        let mut left = count;
        while left > 0 {
            let part = left.min(4096);
            let transaction = connection.transaction()?;
            for _ in 0..part {
                transaction.prepare_cached(INSERT)?.execute([payload])?;
            }
            transaction.commit()?;
            left -= part;
        }
        Ok(())
    }

    fn close(self: Box<Self>) -> Outcome<()> {
        let connection = self.0.into_inner().expect("no appender panics");
        connection.close().map_err(|(_, error)| error)?;
        Ok(())
    }
}
