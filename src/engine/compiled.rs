//! Compiled modules, shared by content: the same bytes are compiled once per process.

use super::body_facts::BodyFacts;
use super::{Cache, CacheEntry, Code, refused};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::sync::{Arc, LazyLock, Weak};
use wasmer_types::ModuleInfo;

/// A module ready to be instantiated.
pub struct CompiledModule {
    pub code: Code,
    /// Whether its code can catch or throw wasm exceptions: host exceptions then take the slower, catchable way.
    pub exceptions: bool,
    /// Whether its code can drop segments that instantiation leaves.
    pub drops_segments: bool,
    /// Whether it was found in the cache when this process needed it first.
    pub from_cache: bool,
    /// Custom sections in order; the engine keeps one of each name.
    pub sections: Vec<(String, Box<[u8]>)>,
}

/// Why bytes did not become a module.
#[derive(Debug)]
pub enum CompileFailure {
    /// Malformed or invalid, or with a feature that the engine lacks.
    Invalid(String),
    /// Uses the first encoding of exception handling (`try`/`catch`/`rethrow`).
    LegacyExceptions(String),
    /// Valid, but of a kind that is not run here.
    Refused(&'static str),
}

impl From<CompileFailure> for String {
    fn from(failure: CompileFailure) -> Self {
        match failure {
            CompileFailure::Invalid(why) | CompileFailure::LegacyExceptions(why) => why,
            CompileFailure::Refused(why) => why.to_owned(),
        }
    }
}

/// An engine that compiles nothing: it validates, makes host memories and tables, and knows all signatures.
///
/// Code has engines of its own, so that it can be freed; a signature's hash is the same in all of them.
pub fn host_engine() -> &'static wasmer::Engine {
    static ENGINE: LazyLock<wasmer::Engine> = LazyLock::new(|| {
        wasmer_vm::init_traps();
        super::engine()
    });
    &ENGINE
}

impl CompiledModule {
    /// Code that was compiled of `bytes`, which have the hash `digest`. `cache`: where it is kept what they say.
    pub fn of_code(code: Code, bytes: &[u8], digest: &blake3::Hash, cache: Option<&Cache>) -> Self {
        let info = code.module().info();
        for signature in info.signatures.values() {
            host_engine().as_sys().register_signature(signature);
        }
        let scanned = BodyFacts::of(bytes, digest, cache);
        let exceptions = !info.tags.is_empty() || scanned.catches;
        let passive = !info.passive_data.is_empty() || !info.passive_elements.is_empty();
        Self {
            exceptions,
            from_cache: false,
            drops_segments: passive && scanned.drops_segments,
            sections: custom_sections(bytes),
            code,
        }
    }
    pub fn info(&self) -> &ModuleInfo {
        self.code.module().info()
    }
}

/// How many small modules stay compiled although nobody holds them. Emscripten's `addFunction` builds one of about
/// forty bytes per signature, in each generation anew.
const SMALL_KEPT: usize = 256;
const SMALL_BYTES: usize = 4096;

#[derive(Default)]
struct Registry {
    /// With how many bytes there are behind the key.
    by_content: FxHashMap<blake3::Hash, (usize, Weak<CompiledModule>)>,
    small: VecDeque<Arc<CompiledModule>>,
}

impl Registry {
    fn get(&self, key: &blake3::Hash) -> Option<Arc<CompiledModule>> {
        self.by_content
            .get(key)
            .and_then(|(_, module)| module.upgrade())
    }
    fn insert(&mut self, key: blake3::Hash, bytes: usize, compiled: &Arc<CompiledModule>) {
        if self.by_content.len() > 1024 {
            self.by_content
                .retain(|_, (_, module)| module.strong_count() > 0);
        }
        self.by_content
            .insert(key, (bytes, Arc::downgrade(compiled)));
    }
}

static REGISTRY: LazyLock<Mutex<Registry>> = LazyLock::new(Mutex::default);

/// Smaller modules are compiled sooner than they are read from a file.
const CACHED_BYTES: usize = 64 << 10;

/// What was compiled of these bytes in this process and is still held. Bytes of a length that nothing has are not read.
pub fn known(bytes: &[u8]) -> Option<Arc<CompiledModule>> {
    let of_length = |(len, module): &(usize, Weak<CompiledModule>)| {
        *len == bytes.len() && module.strong_count() > 0
    };
    if !REGISTRY.lock().by_content.values().any(of_length) {
        return None;
    }
    let key = Cache::key(&blake3::hash(bytes));
    REGISTRY.lock().get(&key)
}

/// Compiles, or finds what was compiled before in this process.
pub fn compile(bytes: &[u8]) -> Result<Arc<CompiledModule>, CompileFailure> {
    compile_kept(bytes, bytes, None)
}

/// Compiles, or finds what was compiled before, in this process or in the cache. `original` are the bytes that `bytes`
/// were translated from, or the same: the code is known by them.
pub fn compile_kept(
    bytes: &[u8],
    original: &[u8],
    cache: Option<&Cache>,
) -> Result<Arc<CompiledModule>, CompileFailure> {
    let digest = blake3::hash(original);
    let key = Cache::key(&digest);
    if let Some(known) = REGISTRY.lock().get(&key) {
        return Ok(known);
    }
    if !bytes.starts_with(b"\0asm") {
        let shown = bytes
            .iter()
            .take(4)
            .map(|b| format!("{b:02x}"))
            .collect::<Vec<_>>()
            .join(" ");
        let message = if bytes.is_empty() {
            "BufferSource argument is empty".to_owned()
        } else {
            format!("expected magic word 00 61 73 6d, found {shown} @+0")
        };
        return Err(CompileFailure::Invalid(message));
    }
    if bytes.len() > MAX_BYTES {
        return Err(CompileFailure::Invalid(format!(
            "size > maximum module size ({MAX_BYTES}): {}",
            bytes.len()
        )));
    }
    let cache = cache.filter(|_| original.len() >= CACHED_BYTES);
    if let Some(why) = refused::reason(bytes) {
        return Err(CompileFailure::Refused(why));
    }
    // Programs have the same key: the code is the same.
    let obtained = CacheEntry::new(cache, key).obtain(|_| {
        let code = Code::compile(bytes, None);
        let code = code.map_err(|error| classify(&error.to_string(), bytes))?;
        Ok((code, None))
    })?;
    let compiled = Arc::new(CompiledModule {
        from_cache: obtained.from_cache,
        ..CompiledModule::of_code(obtained.code, original, &digest, cache)
    });
    let mut registry = REGISTRY.lock();
    registry.insert(key, original.len(), &compiled);
    if bytes.len() <= SMALL_BYTES {
        registry.small.push_back(compiled.clone());
        if registry.small.len() > SMALL_KEPT {
            registry.small.pop_front();
        }
    }
    Ok(compiled)
}

/// Makes `compiled` what bytes of this hash and length compile to: they are its source, or it is a translation of them.
pub fn share(digest: &blake3::Hash, bytes: usize, compiled: &Arc<CompiledModule>) {
    REGISTRY.lock().insert(Cache::key(digest), bytes, compiled);
}

/// The JavaScript API's own limit on the size of a module.
const MAX_BYTES: usize = 1 << 30;

/// Whether the bytes are a module the engine takes.
pub fn validate(bytes: &[u8]) -> bool {
    bytes.len() <= MAX_BYTES
        && bytes.starts_with(b"\0asm")
        && refused::reason(bytes).is_none()
        && wasmer::Module::validate(host_engine(), bytes).is_ok()
}

fn custom_sections(bytes: &[u8]) -> Vec<(String, Box<[u8]>)> {
    use wasmparser::{Parser, Payload};
    let mut sections = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        match payload {
            Ok(Payload::CustomSection(section)) => {
                sections.push((section.name().to_owned(), section.data().into()));
            }
            Err(_) => break,
            _ => {}
        }
    }
    sections
}

fn classify(message: &str, bytes: &[u8]) -> CompileFailure {
    let message = message
        .rsplit_once("error: ")
        .map_or(message, |(_, reason)| reason)
        .trim()
        .to_owned();
    if uses_legacy_exceptions(bytes) {
        CompileFailure::LegacyExceptions(message)
    } else {
        CompileFailure::Invalid(message)
    }
}

/// Whether code of a module is in the first encoding of exceptions. What cannot be read ends the look.
fn uses_legacy_exceptions(bytes: &[u8]) -> bool {
    use wasmparser::{Operator as O, Parser, Payload};
    let payloads = Parser::new(0).parse_all(bytes).map_while(Result::ok);
    let bodies = payloads.filter_map(|payload| match payload {
        Payload::CodeSectionEntry(body) => body.get_operators_reader().ok(),
        _ => None,
    });
    let mut operators = bodies.flat_map(|operators| operators.into_iter().map_while(Result::ok));
    operators.any(|operator| {
        matches!(
            operator,
            O::Try { .. } | O::Catch { .. } | O::CatchAll | O::Rethrow { .. } | O::Delegate { .. }
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_bytes_compile_once() {
        let empty = b"\0asm\x01\0\0\0";
        let a = compile(empty).unwrap_or_else(|_| panic!("valid"));
        let b = compile(empty).unwrap_or_else(|_| panic!("valid"));
        assert!(Arc::ptr_eq(&a, &b));
    }

    #[test]
    fn junk_is_refused_with_a_reason() {
        for junk in [
            &b""[..],
            b"hello",
            b"\0asm",
            b"\0asm\x01\0\0",
            b"\0asm\x01\0\0\0\x01",
        ] {
            assert!(
                matches!(compile(junk), Err(CompileFailure::Invalid(_))),
                "{junk:?}"
            );
            assert!(!validate(junk));
        }
    }

    #[test]
    fn the_old_exception_encoding_is_named() {
        // (module (func try catch_all end))
        let legacy = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x0a\x08\x01\x06\0\x06\x40\x19\x0b\x0b";
        assert!(matches!(
            compile(legacy),
            Err(CompileFailure::LegacyExceptions(_))
        ));
    }
}
