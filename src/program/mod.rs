//! Reading a source: from a glue file or a bare `.wasm` to the facts an instance is made from.
//!
//! Nothing here runs JavaScript or WebAssembly. [`read`] is cheap enough for every `open`; [`wasm_code::check`] goes
//! through all function bodies and is for programs that are about to be compiled.

#![forbid(unsafe_code)]

mod abi;
pub mod allocators;
pub mod columns;
pub mod esm;
pub mod glue;
pub mod instrument;
mod language;
mod locate;
mod outer;
pub mod warm_up;
pub mod wasm_code;
pub mod wasm_custom;
pub mod wasm_facts;

pub use abi::Range as VersionRange;
#[cfg(test)]
pub use glue::Role;
pub use glue::{GlueFacts, Host, NameState};
pub use locate::{Beside, Kind};
pub use wasm_facts::WasmFacts;

use crate::emscripten::abi::Abi;
use crate::engine::{NoThread, refused};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

/// A source as it was given.
#[derive(Clone, Debug, Default)]
pub struct SourceFile {
    pub path: Option<PathBuf>,
    pub bytes: Vec<u8>,
    /// The files around it, where only the caller can see them (in an archive); else they are on the disk.
    pub beside: Option<Beside>,
}

/// What was read from a source.
#[derive(Clone, Debug)]
pub struct Reading {
    pub wasm: Arc<Vec<u8>>,
    pub wasm_origin: WasmOrigin,
    pub facts: WasmFacts,
    pub glue: Option<GlueFacts>,
    /// Canonical names of function imports, from the glue or else from the wasm itself.
    pub import_names: HashMap<(String, String), String>,
    pub abi: Abi,
    /// Emscripten's version as far as the evidence tells; 3.1.45 is `3_01_45`.
    pub versions: VersionRange,
    /// Content hash of the wasm and the glue's text: the program's key.
    pub key: [u8; 32],
    /// Content hash of the wasm alone.
    pub digest: blake3::Hash,
}

/// Where the wasm was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WasmOrigin {
    /// The source is the wasm.
    Source,
    /// A literal in the glue.
    Embedded,
    Beside(PathBuf),
    /// Given by the caller.
    Given,
}

/// Why a source could not be read.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ReadError {
    #[error("{} does not exist", path.display())]
    NotFound { path: PathBuf },
    #[error("{} is a folder; give the .js or .wasm file in it", path.display())]
    IsDirectory { path: PathBuf },
    #[error("{} cannot be read: {reason}", path.display())]
    Unreadable { path: PathBuf, reason: String },
    #[error(transparent)]
    NoThread(#[from] NoThread),
    #[error("the source is empty")]
    Empty,
    #[error("the source is not an Emscripten module: {reason}")]
    NotEmscripten { reason: String },
    /// Other JavaScript: perhaps what a package wraps its glue in.
    #[error("the source is not an Emscripten module: {reason}")]
    NoGlue { reason: String },
    #[error(
        "no WebAssembly found for this glue: none is embedded{}; give its place with the `wasm` option",
        looked(looked_at)
    )]
    WasmMissing { looked_at: Vec<PathBuf> },
    #[error("invalid WebAssembly at byte {offset}: {reason}")]
    InvalidWasm { offset: u64, reason: String },
    #[error("the module uses a WebAssembly feature that the engine lacks: {feature}")]
    UnsupportedFeature { feature: String },
}

impl Reading {
    /// The canonical name of an export.
    pub fn export_name(&self, name: &str) -> String {
        let glue = self.glue.as_ref();
        if let Some(known) = glue.and_then(|g| g.export_names.get(name)) {
            return known.clone();
        }
        match name.strip_prefix('_') {
            Some(stripped) if self.abi.fastcomp => stripped.to_owned(),
            _ => name.to_owned(),
        }
    }

    /// Why no host runs it, if none does.
    pub fn refused(&self) -> Option<&'static str> {
        refused::reason(&self.wasm)
    }

    /// It is to be compiled with its allocator watched: another program than the same source without.
    pub fn watch(&mut self) {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"allocations").update(&self.key);
        self.key = *hasher.finalize().as_bytes();
    }
}

fn looked(paths: &[PathBuf]) -> String {
    if paths.is_empty() {
        return String::new();
    }
    let list: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
    format!(", and these are not there: {}", list.join(", "))
}

/// fastcomp's output imports its globals; the wasm backend does so only for dynamic linking, which shows otherwise.
pub fn is_fastcomp(facts: &WasmFacts) -> bool {
    let globals = facts
        .imports
        .iter()
        .any(|i| matches!(i.item, wasm_facts::Item::Global(_)));
    let underscored = || facts.export("_malloc").is_some() && facts.export("malloc").is_none();
    !facts.dynamic_linking() && (globals || underscored())
}

/// Reads a source. `wasm` is what the caller gives in place of what the glue names.
pub fn read(
    source: &SourceFile,
    wasm: Option<SourceFile>,
    host: Host<'_>,
) -> Result<Reading, ReadError> {
    match source.kind()? {
        Kind::Wasm => {
            let facts = wasm_facts::read(&source.bytes)?;
            let names = glue_less_names(&facts);
            Ok(finish(
                source.bytes.clone(),
                WasmOrigin::Source,
                facts,
                None,
                names,
                &[],
            ))
        }
        Kind::Glue => {
            let text = glue::parse::text(&source.bytes);
            let (wasm, origin, facts, read) =
                glue::parse::with_ast(&text, |ast| read_glue(ast, source, wasm, host))??;
            let names = read.import_names.clone();
            Ok(finish(
                wasm,
                origin,
                facts,
                Some(read),
                names,
                text.as_bytes(),
            ))
        }
    }
}

type GlueReading = (Vec<u8>, WasmOrigin, WasmFacts, GlueFacts);

fn read_glue(
    ast: &glue::parse::Ast<'_>,
    source: &SourceFile,
    given: Option<SourceFile>,
    host: Host<'_>,
) -> Result<GlueReading, ReadError> {
    let mut choices: Vec<(Vec<u8>, WasmOrigin)> = Vec::new();
    let mut looked_at = Vec::new();
    if let Some(given) = given {
        choices.push((given.bytes, WasmOrigin::Given));
    } else {
        choices.extend(
            glue::wasm_literal::find(ast)
                .into_iter()
                .filter(|wasm| !is_probe(wasm))
                .map(|wasm| (wasm, WasmOrigin::Embedded)),
        );
        if choices.is_empty()
            && let Some(path) = &source.path
        {
            // asm.js may lie beside the wasm of another build of the same program.
            let text = String::from_utf8_lossy(&source.bytes);
            let siblings = text.contains("WebAssembly") || !text.contains("use asm");
            let names = glue::wasm_file_names(ast);
            let around = locate::Around::of(source);
            for place in around.candidates(path, &names, siblings, &mut looked_at) {
                if let Some(bytes) = around.read(&place) {
                    choices.push((bytes, WasmOrigin::Beside(place)));
                }
            }
            // Only data that glue loads: a wrapper around glue in another file is not glue.
            if choices.is_empty()
                && glue::looks_like_emscripten(ast)
                && let Some((place, wasm)) =
                    around.in_required_files(path, &glue::relative_requires(ast))
            {
                choices.push((wasm, WasmOrigin::Beside(place)));
            }
        }
    }
    if choices.is_empty() {
        if glue::wasm_file_names(ast).is_empty() && !glue::looks_like_emscripten(ast) {
            let mut reason = "it is JavaScript, but has no WebAssembly that can be found and nothing of Emscripten's runtime in it".to_string();
            let requires = glue::relative_requires(ast);
            if !requires.is_empty() {
                let list = requires.into_iter().take(5).collect::<Vec<_>>().join(", ");
                reason.push_str(&format!(
                    "; it loads {list}: if one of these is the glue, open that"
                ));
            }
            return Err(ReadError::NoGlue { reason });
        }
        return Err(ReadError::WasmMissing { looked_at });
    }
    let (wasm, origin, facts) = choose(ast, choices)?;
    let read = glue::read(ast, &facts, host);
    Ok((wasm, origin, facts, read))
}

/// Whether a module that sits in JavaScript is there to be tried, and not to be run: such code asks what the engine can do.
/// It imports nothing, has no memory that anybody could use, and is small.
fn is_probe(wasm: &[u8]) -> bool {
    use wasmparser::{ExternalKind, Parser, Payload};
    const MOST_BYTES: usize = 512;
    let parsed = || Parser::new(0).parse_all(wasm).map_while(Result::ok);
    wasm.len() <= MOST_BYTES
        && !parsed().any(|payload| match payload {
            Payload::ImportSection(imports) => imports.count() > 0,
            Payload::ExportSection(exports) => exports
                .into_iter()
                .flatten()
                .any(|export| export.kind == ExternalKind::Memory),
            _ => false,
        })
}

/// Of several: the one whose imports this glue answers best and that the engine can run; then the largest.
fn choose(
    ast: &glue::parse::Ast<'_>,
    choices: Vec<(Vec<u8>, WasmOrigin)>,
) -> Result<(Vec<u8>, WasmOrigin, WasmFacts), ReadError> {
    type Choice = ((bool, usize, usize), (Vec<u8>, WasmOrigin, WasmFacts));
    let only = choices.len() == 1;
    let mut best: Option<Choice> = None;
    let mut error = None;
    for (wasm, origin) in choices {
        let facts = match wasm_facts::read(&wasm) {
            Ok(facts) => facts,
            Err(e) => {
                error.get_or_insert(e);
                continue;
            }
        };
        let plain = !facts.memories.iter().any(|m| m.shared || m.memory64);
        let coverage = if only {
            0
        } else {
            glue::coverage(ast, &facts) / 50
        };
        let score = (plain, coverage, wasm.len());
        if best.as_ref().is_none_or(|(s, _)| score > *s) {
            best = Some((score, (wasm, origin, facts)));
        }
    }
    match best {
        Some((_, choice)) => Ok(choice),
        None => Err(error.unwrap_or(ReadError::WasmMissing {
            looked_at: Vec::new(),
        })),
    }
}

/// A bare wasm's imports under their own names.
fn glue_less_names(facts: &WasmFacts) -> HashMap<(String, String), String> {
    let fastcomp = is_fastcomp(facts);
    facts
        .function_imports()
        .map(|(import, _)| {
            let name = match fastcomp {
                true => glue::fastcomp_name(&import.module, &import.name),
                false => import.name.clone(),
            };
            ((import.module.clone(), import.name.clone()), name)
        })
        .collect()
}

fn finish(
    wasm: Vec<u8>,
    wasm_origin: WasmOrigin,
    facts: WasmFacts,
    glue: Option<GlueFacts>,
    import_names: HashMap<(String, String), String>,
    text: &[u8],
) -> Reading {
    let digest = blake3::hash(&wasm);
    let mut hasher = blake3::Hasher::new();
    hasher.update(digest.as_bytes());
    hasher.update(text);
    let versions = abi::versions(&facts, &import_names, glue.as_ref());
    let abi = abi::abi(&facts, &import_names, glue.as_ref());
    Reading {
        key: *hasher.finalize().as_bytes(),
        digest,
        wasm: Arc::new(wasm),
        wasm_origin,
        facts,
        glue,
        import_names,
        abi,
        versions,
    }
}

#[cfg(test)]
mod tests;
