//! Other journals, each in the mode whose guarantee is stated.
//!
//! What each promises was found out by killing a writer with SIGKILL and by tracing its system
//! calls; where that differs from what its documentation says, the comment says so.

mod json_lines;
mod okaywal;
mod open_wal;
mod raft_engine;
mod sqlite;
mod wal_db;
mod writeahead;

pub use json_lines::{JsonLines, traced};
pub use okaywal::OkayWal;
pub use open_wal::OpenWal;
pub use raft_engine::RaftEngine;
pub use sqlite::Sqlite;
pub use wal_db::WalDb;
pub use writeahead::WriteAhead;
