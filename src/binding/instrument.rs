//! The instrumentation of a package's JavaScript, for `lib/rewind`. The contract is `src/program/instrument`.

use crate::program::ReadError;
use crate::program::columns::flat;
use crate::program::instrument::{self, CachedText, Kind, Options};
use napi::JsString;
use napi::bindgen_prelude::*;
use napi_derive::napi;
use serde_json::json;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What a text is.
#[napi(object)]
#[derive(Default)]
pub struct InstrumentOptions {
    /// `script`, `function` (its body), `async function`, `module`, `eval`.
    pub kind: String,
    /// Parameters of the function whose body it is.
    pub params: Option<Vec<String>>,
    pub strict: Option<bool>,
    /// Whether to tell of what is constructed.
    pub made: Option<bool>,
}

/// An instrumented text, and what is to be known of it.
#[napi(object)]
pub struct InstrumentedText {
    pub code: String,
    /// JSON: `[{ what, uncovered, name, line, column }]`.
    pub facts: String,
    /// How many registrations there are.
    pub count: u32,
    /// JSON: `[[id, line, "names"]]`.
    pub sites: String,
    /// Where columns moved: see `lib/rewind/columns.js`.
    pub columns: Uint32Array,
    /// For `keepCode`.
    pub key: Buffer,
    /// V8's code for it, where a thread of this process has compiled it before.
    pub v8: Option<Buffer>,
}

impl InstrumentOptions {
    fn options(self) -> Result<Options> {
        let kind = Kind::from_name(&self.kind)
            .ok_or_else(|| Error::from_reason(format!("no kind of text: {}", self.kind)))?;
        Ok(Options {
            kind,
            params: self.params.unwrap_or_default(),
            strict: self.strict.unwrap_or_default(),
            made: self.made.unwrap_or_default(),
        })
    }
}

impl From<Arc<CachedText>> for InstrumentedText {
    fn from(kept: Arc<CachedText>) -> Self {
        let made = &kept.text;
        let facts: Vec<_> = made
            .facts
            .iter()
            .map(|fact| {
                json!({
                    "what": fact.what.name(), "uncovered": fact.what.is_uncovered(),
                    "name": fact.name, "line": fact.line, "column": fact.column,
                })
            })
            .collect();
        let sites: Vec<_> = made
            .sites
            .iter()
            .map(|site| json!([site.id, site.line, site.names]))
            .collect();
        Self {
            code: made.code.clone(),
            facts: json!(facts).to_string(),
            count: sites.len() as u32,
            sites: json!(sites).to_string(),
            columns: flat(&made.columns).into(),
            key: kept.key.to_vec().into(),
            v8: kept.code().map(|code| code.to_vec().into()),
        }
    }
}

/// The text with all registrations.
fn run(text: &str, options: &Options) -> Result<Arc<CachedText>> {
    match catch_unwind(AssertUnwindSafe(|| instrument::kept(text, options))) {
        Ok(made) => made.map_err(|error: ReadError| Error::from_reason(error.to_string())),
        Err(_) => Err(Error::from_reason(
            "emvm failed on this JavaScript, please report it",
        )),
    }
}

/// A string of JavaScript's, which may be no text at all.
fn text_of(text: JsString<'_>) -> Result<String> {
    let units = text.into_utf16()?;
    String::from_utf16(units.as_slice())
        .map(|text| text.trim_end_matches('\0').to_owned())
        .map_err(|_| Error::from_reason("the JavaScript has half a surrogate pair"))
}

#[napi(catch_unwind)]
pub fn instrument(text: JsString<'_>, options: InstrumentOptions) -> Result<InstrumentedText> {
    let options = options.options()?;
    run(&text_of(text)?, &options).map(InstrumentedText::from)
}

/// Keeps V8's code for an instrumented text, for other threads and other realms: `key` is that of the text.
#[napi(catch_unwind)]
pub fn keep_code(key: Uint8Array, code: Uint8Array) {
    if let Ok(key) = key.as_ref().try_into() {
        instrument::keep_code(key, &code);
    }
}
