//! Checkpoints as JavaScript objects, and the list of those that other threads can open.

use super::addon::Sandbox;
use super::{errors, node_api};
use crate::engine::Cache;
use crate::instance::{Image, Instance, open_image, save_image};
use napi::bindgen_prelude::*;
use napi_derive::napi;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Weak};

/// Those that were given a number.
static NUMBERED: LazyLock<Mutex<FxHashMap<u64, Weak<Image>>>> = LazyLock::new(Mutex::default);

/// An image of a sandbox's instance, for `lib/base/checkpoint.js`.
#[napi(js_name = "Point")]
pub struct PointHandle {
    image: RefCell<Option<Arc<Image>>>,
    number: Cell<Option<u64>>,
    /// What was reported to V8 as external memory.
    reported: Cell<i64>,
}

impl PointHandle {
    fn new(image: Arc<Image>) -> Self {
        Self {
            image: RefCell::new(Some(image)),
            number: Cell::default(),
            reported: Cell::default(),
        }
    }

    /// The image; fails once it was given up.
    pub(super) fn image(&self) -> Result<Arc<Image>> {
        let image = self.image.borrow().clone();
        image.ok_or_else(|| Error::from_reason("the checkpoint was disposed"))
    }

    fn forget(&self) -> Option<Arc<Image>> {
        if let Some(number) = self.number.take() {
            NUMBERED.lock().remove(&number);
        }
        self.image.borrow_mut().take()
    }
}

impl Drop for PointHandle {
    fn drop(&mut self) {
        self.forget();
    }
}

#[napi]
impl PointHandle {
    /// Bytes that are kept for it alone.
    #[napi(getter, catch_unwind)]
    pub fn bytes(&self) -> f64 {
        let image = self.image.borrow();
        image.as_ref().map_or(0.0, |image| image.own_bytes() as f64)
    }

    /// What ties it to its sandbox, in words; null when any sandbox of the program can start from it.
    #[napi(catch_unwind)]
    pub fn bound_by(&self) -> Result<Option<String>> {
        Ok(self.image()?.bound_by())
    }

    /// The package's own JavaScript had answered a call of the module.
    #[napi(catch_unwind)]
    pub fn ran_javascript(&self) -> Result<bool> {
        Ok(self.image()?.ran_javascript())
    }

    /// Writes it to a file; gives why it could not.
    #[napi(ts_return_type = "Promise<string | null>", catch_unwind)]
    pub fn save(&self, path: String) -> Result<AsyncTask<SaveTask>> {
        Ok(AsyncTask::new(SaveTask(self.image()?, path.into())))
    }

    /// A number for `pointOf` in any thread of the process, good until the checkpoint is given up.
    #[napi(catch_unwind)]
    pub fn handle(&self) -> Result<f64> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let image = self.image()?;
        let number = self.number.get().unwrap_or_else(|| {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            NUMBERED.lock().insert(number, Arc::downgrade(&image));
            self.number.set(Some(number));
            number
        });
        Ok(number as f64)
    }
}

/// The checkpoint of a number, of whatever thread; null when there is none any more.
#[napi(catch_unwind)]
pub fn point_of(number: f64) -> Option<PointHandle> {
    let found = NUMBERED.lock().get(&(number as u64))?.upgrade();
    found.map(PointHandle::new)
}

/// Writes an image to a file, on another thread.
pub struct SaveTask(Arc<Image>, PathBuf);

impl Task for SaveTask {
    type Output = Option<String>;
    type JsValue = Option<String>;

    fn compute(&mut self) -> Result<Self::Output> {
        Ok(save_image(&self.0, &self.1).err().map(|e| e.to_string()))
    }

    fn resolve(&mut self, _: Env, failure: Self::Output) -> Result<Self::JsValue> {
        Ok(failure)
    }
}

/// Maps the image in a file, on another thread.
pub struct OpenTask(PathBuf, Option<Cache>);

impl Task for OpenTask {
    type Output = std::result::Result<Arc<Image>, String>;
    type JsValue = Either<PointHandle, String>;

    fn compute(&mut self) -> Result<Self::Output> {
        // No file takes the process down.
        let opened = catch_unwind(AssertUnwindSafe(|| open_image(&self.0, self.1.as_ref())));
        Ok(match opened {
            Ok(opened) => opened.map_err(|e| e.to_string()),
            Err(_) => Err("it is damaged".into()),
        })
    }

    fn resolve(&mut self, _: Env, opened: Self::Output) -> Result<Self::JsValue> {
        Ok(match opened {
            Ok(image) => Either::A(PointHandle::new(image)),
            Err(reason) => Either::B(reason),
        })
    }
}

/// The image in a file, or why there is none. `cache`: as for programs, where it is noted that the file was looked at; "" for nowhere.
#[napi(ts_return_type = "Promise<Point | string>", catch_unwind)]
pub fn open_image_file(path: String, cache: Option<String>) -> AsyncTask<OpenTask> {
    AsyncTask::new(OpenTask(path.into(), Cache::chosen(cache.as_deref())))
}

#[napi]
impl Sandbox {
    /// Takes an image of the instance, which goes on as it is.
    #[napi(catch_unwind)]
    pub fn checkpoint(&self) -> Result<PointHandle> {
        let taken = self.done(self.cell.keep_memory("checkpoint", Instance::checkpoint))?;
        let point = PointHandle::new(self.started(taken)?);
        let bytes = point.bytes() as i64;
        point.reported.set(bytes);
        self.cell.env.adjust_external_memory(bytes);
        Ok(point)
    }

    /// Gives a checkpoint up: nothing goes back to it any more. One of another sandbox is only let go of.
    #[napi(catch_unwind)]
    pub fn drop_point(&self, point: &PointHandle) {
        self.cell
            .env
            .adjust_external_memory(-point.reported.replace(0));
        if let Some(image) = point.forget() {
            // Without an instance its values have gone already.
            self.cell.look(|instance| instance.release(&image));
        }
    }
}

/// Why an image cannot be had there.
pub(super) fn misfit(env: node_api::Env, reason: &str) -> node_api::Value {
    let text = format!("the image does not fit: {reason}");
    let fields = [
        ("option", env.message("from")),
        (
            "accepted",
            env.message("an image of the same source, opened with the same options"),
        ),
    ];
    errors::make(env, "EMVM_ERR_OPTION", &text, &fields)
}
