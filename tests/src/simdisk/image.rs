//! Bytes that many states of a file share until one of them is changed.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, OnceLock};

/// The bytes of a file; a copy costs nothing until it is changed.
#[derive(Clone, Debug, Default)]
pub struct Image(Arc<Content>);

#[derive(Debug, Default)]
struct Content {
    bytes: Vec<u8>,
    hash: OnceLock<u64>,
}

impl Clone for Content {
    fn clone(&self) -> Content {
        Content {
            bytes: self.bytes.clone(),
            hash: OnceLock::new(),
        }
    }
}

impl PartialEq for Image {
    fn eq(&self, other: &Image) -> bool {
        self.is_shared_with(other) || self.bytes() == other.bytes()
    }
}

impl Eq for Image {}

impl Image {
    /// An image of these bytes.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Image {
        Image(Arc::new(Content {
            bytes,
            hash: OnceLock::new(),
        }))
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.bytes.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.bytes.is_empty()
    }

    /// A number that images of other bytes do not have, as far as 64 bits go.
    #[must_use]
    pub fn hash(&self) -> u64 {
        *self.0.hash.get_or_init(|| {
            let mut hasher = DefaultHasher::new();
            self.0.bytes.hash(&mut hasher);
            hasher.finish()
        })
    }

    pub(super) fn is_shared_with(&self, other: &Image) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The bytes, to be changed.
    pub(super) fn change(&mut self) -> &mut Vec<u8> {
        let content = Arc::make_mut(&mut self.0);
        content.hash = OnceLock::new();
        &mut content.bytes
    }
}
