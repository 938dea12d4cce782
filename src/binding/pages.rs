//! Large buffers of the program's JavaScript that a rewind puts back, for `lib/rewind`.

use super::addon::value_of;
use super::node_api;
use crate::memory::Foreign;
use napi::bindgen_prelude::*;
use napi_derive::napi;

/// The image of a buffer's bytes, which lie on copy-on-write pages.
#[napi]
pub struct BufferPages {
    foreign: Foreign,
}

/// Takes the image of a buffer where its bytes can be put on such pages; else `null`, and the buffer is as before.
#[napi(catch_unwind)]
pub fn page_buffer(env: &Env, buffer: Unknown) -> Result<Option<BufferPages>> {
    let own = node_api::Env::new(env.raw());
    let taken = own.with_bytes(value_of(own, buffer), Foreign::take);
    match taken {
        Ok(Ok(foreign)) => Ok(foreign.map(|foreign| BufferPages { foreign })),
        Ok(Err(error)) => Err(Error::from_reason(error.to_string())),
        Err(_) => Ok(None),
    }
}

#[napi]
impl BufferPages {
    /// Puts the bytes back; gives whether any were written, and `null` when the buffer's bytes are elsewhere now.
    #[napi(catch_unwind)]
    pub fn restore(&self, env: &Env, buffer: Unknown) -> Result<Option<bool>> {
        let own = node_api::Env::new(env.raw());
        let done = own.fill_bytes(value_of(own, buffer), |bytes| {
            self.foreign
                .is_of(bytes)
                .then(|| self.foreign.restore(bytes))
        });
        match done.ok().flatten().transpose() {
            Ok(written) => Ok(written),
            Err(error) => Err(Error::from_reason(error.to_string())),
        }
    }

    /// Ranges outside of which nothing was written: offset, length, offset, length ...
    #[napi(catch_unwind)]
    pub fn written(&self) -> Vec<f64> {
        let ranges = self.foreign.written();
        ranges
            .iter()
            .flat_map(|(at, len)| [*at as f64, *len as f64])
            .collect()
    }

    /// Whether all bytes are those of the image. Slow.
    #[napi(catch_unwind)]
    pub fn same(&self, env: &Env, buffer: Unknown) -> bool {
        let own = node_api::Env::new(env.raw());
        let same = own.with_bytes(value_of(own, buffer), |bytes| {
            self.foreign.is_of(bytes) && self.foreign.is_same(bytes)
        });
        same.unwrap_or(false)
    }
}
