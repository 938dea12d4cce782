//! Large buffers of the program's JavaScript that a rewind puts back, for `lib/rewind`.

use super::addon::{unknown, value_of};
use super::node_api;
use crate::memory::{Foreign, OwnPages};
use napi::bindgen_prelude::*;
use napi_derive::napi;
use std::ffi::c_void;

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

/// A buffer that stands in for another, with the image of its bytes.
#[napi(object, object_from_js = false)]
pub struct PagedCopy<'a> {
    pub buffer: Unknown<'a>,
    pub pages: ClassInstance<'a, BufferPages>,
}

/// An ArrayBuffer with the bytes of `buffer` on pages of emvm's own; `null` where there are no such pages, or where the runtime takes no
/// buffers over memory of somebody else's.
#[napi(catch_unwind)]
pub fn paged_copy<'a>(env: &'a Env, buffer: Unknown) -> Result<Option<PagedCopy<'a>>> {
    let own = node_api::Env::new(env.raw());
    let copied = own.with_bytes(value_of(own, buffer), |bytes| {
        Foreign::copied(bytes).map(|copied| copied.map(|copied| (bytes.len(), copied)))
    });
    let (len, (foreign, pages)) = match copied {
        Ok(Ok(Some(copied))) => copied,
        Ok(Err(error)) => return Err(Error::from_reason(error.to_string())),
        _ => return Ok(None),
    };
    let base = pages.base();
    let hint: *mut OwnPages = Box::into_raw(Box::new(pages));
    // SAFETY: the pages stay until `gone` drops them.
    match unsafe { own.external_buffer(base, len, Some(gone), hint.cast()) } {
        Ok(buffer) => Ok(Some(PagedCopy {
            buffer: unknown(env, buffer)?,
            pages: BufferPages { foreign }.into_instance(env)?,
        })),
        Err(_) => {
            // SAFETY: a refused buffer calls nobody.
            drop(unsafe { Box::from_raw(hint) });
            Ok(None)
        }
    }
}

/// Nobody has a buffer over these pages any more.
unsafe extern "C" fn gone(_: napi::sys::napi_env, _: *mut c_void, hint: *mut c_void) {
    // SAFETY: what `paged_copy` gave away. This is called once.
    drop(unsafe { Box::from_raw(hint.cast::<OwnPages>()) });
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
