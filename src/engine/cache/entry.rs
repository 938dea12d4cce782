//! Code of one key: mapped where the cache has it, else compiled and kept.

use super::{Cache, CachedCode, Claim, ClaimOutcome};
use crate::engine::Code;
use blake3::Hash;

/// Notes of code whose function bodies nobody has looked at.
const NOT_NOTED: &str = "\u{1}";

/// What a cache has, or is to have, under a key. Without a cache there is nothing, and nothing is kept.
pub struct CacheEntry {
    cache: Option<Cache>,
    key: Hash,
    claim: Option<Claim>,
    found: Option<CachedCode>,
}

/// Code that an entry gave.
pub struct EntryCode {
    pub code: Code,
    /// `None` where who compiled it did not look at its function bodies.
    pub notes: Option<String>,
    pub from_cache: bool,
}

impl CacheEntry {
    pub fn new(cache: Option<&Cache>, key: Hash) -> Self {
        Self {
            cache: cache.cloned(),
            key,
            claim: None,
            found: None,
        }
    }

    /// Whether the code is there now.
    pub fn find(&mut self) -> bool {
        if self.found.is_none() {
            self.found = self.cache.as_ref().and_then(|cache| cache.load(&self.key));
        }
        self.found.is_some()
    }

    /// Takes the right to compile it, where nobody else has it, and looks again whether it is there. Whether a process that had the
    /// right ended before the code was there.
    pub fn claim_now(&mut self) -> bool {
        let claimed = self.cache.as_ref().map(|cache| cache.try_claim(&self.key));
        let Some(ClaimOutcome::Mine { claim, left }) = claimed else {
            return false;
        };
        self.claim = Some(claim);
        self.find();
        left
    }

    /// The code: waits where another process compiles it, else compiles it by `make` and keeps it. `make` is told whether others wait
    /// for it.
    pub fn obtain<E>(
        mut self,
        make: impl FnOnce(bool) -> Result<(Code, Option<String>), E>,
    ) -> Result<EntryCode, E> {
        if !self.find() && self.claim.is_none() {
            self.claim = self.cache.as_ref().and_then(|cache| cache.claim(&self.key));
            self.find();
        }
        if let Some(CachedCode { code, notes }) = self.found {
            return Ok(EntryCode {
                code,
                notes: (notes != NOT_NOTED).then_some(notes),
                from_cache: true,
            });
        }
        let (code, notes) = make(self.claim.is_some())?;
        if let Some(cache) = &self.cache {
            let notes = notes.as_deref().unwrap_or(NOT_NOTED);
            // Not being able to keep it costs the next process time, nothing else.
            if let Err(error) = cache.store(&self.key, &code, notes) {
                super::unkept::note(cache.folder(), &error);
            }
        }
        Ok(EntryCode {
            code,
            notes,
            from_cache: false,
        })
    }
}
