//! Session indices that are used again within a run.

use std::sync::Arc;

use super::{Item, ReadMode, Reader};
use crate::event::{Action, Event, SessionStart, codec};
use crate::recovery::{MemoryStorage, SegmentBuilder};

fn start(segment: &mut SegmentBuilder, index: u32, id: &str) {
    let mut event = Event::new(Action::SessionStart(SessionStart::default()));
    event.session = Some(id.into());
    let mut payload = Vec::new();
    let kind = codec::encode(&event, &mut payload).unwrap();
    segment.frame(kind, index, &payload);
}

#[test]
fn an_index_that_is_used_again_is_another_session_s_from_then_on() {
    let mut storage = MemoryStorage::default();
    let mut next_seq = 1;
    // In the third segment the declaration is lost: the nearest one tells. In the fourth the
    // session's start does.
    let said = [
        (Some("old"), "old"),
        (Some("new"), "new"),
        (None, "new"),
        (None, "third"),
    ];
    for ((declared, id), number) in said.into_iter().zip(1..) {
        let mut segment = SegmentBuilder::new(1, number, next_seq, next_seq - 1);
        if let Some(id) = declared {
            segment.declare(7, id);
        }
        if id == "third" {
            start(&mut segment, 7, id);
        }
        segment
            .declare(3, "old")
            .raw(3, b"old")
            .raw(7, id.as_bytes());
        next_seq = segment.next_seq() + 1;
        storage.put(&segment, segment.sealed((number < 4).then_some(number + 1)));
    }
    for has_caches in [false, true] {
        if has_caches {
            storage.add_caches();
        }
        let storage_of = Arc::new(storage.clone());
        let reader = Reader::with_caches(storage_of, ReadMode::Salvage).unwrap();
        assert_eq!(reader.ids().collect::<Vec<_>>(), ["old", "new", "third"]);
        let of = |id| -> Vec<Vec<u8>> {
            let records = reader.session(id).records();
            let payloads = records.map(|item| match item.unwrap() {
                Item::Record(record) if record.kind.is_user() => Some(record.payload.to_vec()),
                _ => None,
            });
            payloads.flatten().collect()
        };
        assert_eq!(of("old"), [b"old"; 5]);
        assert_eq!(of("new"), [b"new"; 2]);
        assert_eq!(of("third"), [b"third"]);
        for item in reader.records() {
            let Item::Record(record) = item.unwrap() else {
                panic!("nothing is missing");
            };
            if record.kind.is_user() {
                assert_eq!(record.session.unwrap().as_bytes(), &*record.payload);
            }
        }
        let options = Reader::options().storage(Arc::new(storage.clone()));
        let listed = options.summaries("").unwrap().sessions;
        let told: Vec<_> = listed
            .iter()
            .map(|told| (&*told.id, told.records))
            .collect();
        assert_eq!(told, [("new", 2), ("old", 5), ("third", 2)]);
    }
}
