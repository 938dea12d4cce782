//! emvm's own JavaScript, for `lib/base/scripts.js`: each file is read once in a process, and V8's code for it, which a thread made
//! after its first `open`, is there for all later threads and, in the user's cache folder, for the next process.

use crate::engine::{Cache, fingerprint};
use crate::saved::{self, Bytes};
use napi::bindgen_prelude::*;
use napi_derive::napi;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a file's text is put between, so that it is a function as Node makes one of it.
const HEAD: &str = "(function (exports, require, module, __filename, __dirname) { ";
const TAIL: &str = "\n})";

/// V8's code for a text.
#[derive(Clone)]
struct ScriptCode {
    /// Of the text.
    hash: [u8; 32],
    bytes: Arc<Vec<u8>>,
}

/// The same in the cache's file.
#[derive(Serialize, Deserialize)]
struct Record<'a> {
    file: &'a str,
    hash: [u8; 32],
    #[serde(borrow)]
    bytes: Bytes<'a>,
}

/// A file of this process.
struct Script {
    path: PathBuf,
    text: Arc<str>,
    hash: [u8; 32],
}

struct Scripts {
    /// The folder of the package.
    root: PathBuf,
    key: blake3::Hash,
    /// By what was asked for, a path without its end; nothing where Node is to load it.
    files: FxHashMap<PathBuf, Option<Arc<Script>>>,
    compiled: FxHashMap<PathBuf, ScriptCode>,
}

static SCRIPTS: Mutex<Option<Scripts>> = Mutex::new(None);

impl Scripts {
    fn new(root: PathBuf, engine: &str) -> Self {
        let mut scripts = Self {
            key: key(&root, engine),
            root,
            files: FxHashMap::default(),
            compiled: FxHashMap::default(),
        };
        scripts.read();
        scripts
    }

    /// What an earlier process kept.
    fn read(&mut self) {
        let kept = Cache::of_user().and_then(|cache| cache.kept(&self.key));
        let kept = kept.unwrap_or_default();
        let records: Option<Vec<Record>> = saved::load(&mut &kept[..]);
        for Record { file, hash, bytes } in records.unwrap_or_default() {
            let bytes = Arc::new(bytes.0.to_vec());
            let compiled = ScriptCode { hash, bytes };
            self.compiled.insert(self.root.join(file), compiled);
        }
    }

    fn write(&self) {
        let records: Vec<Record> = self
            .compiled
            .iter()
            .filter_map(|(path, ScriptCode { hash, bytes })| {
                Some(Record {
                    file: path.strip_prefix(&self.root).ok()?.to_str()?,
                    hash: *hash,
                    bytes: Bytes(bytes),
                })
            })
            .collect();
        let mut bytes = Vec::new();
        let is_saved = saved::save(&records, &mut bytes).is_ok();
        if let Some(cache) = Cache::of_user().filter(|_| is_saved) {
            // Not being able to keep it costs the next process time, nothing else.
            let _ = cache.keep(&self.key, &bytes);
        }
    }

    fn script(&mut self, asked: &Path) -> Option<Arc<Script>> {
        if !asked.starts_with(self.root.join("lib")) {
            return None;
        }
        if let Some(known) = self.files.get(asked) {
            return known.clone();
        }
        let found = read(asked).map(Arc::new);
        self.files.insert(asked.to_owned(), found.clone());
        found
    }

    fn compiled(&self, script: &Script) -> Option<&ScriptCode> {
        let compiled = self.compiled.get(&script.path)?;
        (compiled.hash == script.hash).then_some(compiled)
    }
}

fn key(root: &Path, engine: &str) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for part in [&fingerprint(), engine, &root.to_string_lossy()] {
        hasher.update(part.as_bytes()).update(b"\0");
    }
    hasher.finalize()
}

/// The file that `require` finds for a path.
fn read(asked: &Path) -> Option<Script> {
    let with = |end: &str| {
        let mut path = asked.as_os_str().to_owned();
        path.push(end);
        PathBuf::from(path)
    };
    let candidates = [asked.to_owned(), with(".js"), asked.join("index.js")];
    let is_script = |path: &PathBuf| path.extension().is_some_and(|end| end == "js");
    let path = candidates
        .into_iter()
        .find(|path| is_script(path) && path.is_file())?;
    let text = std::fs::read_to_string(&path).ok()?;
    // `import()` means something to Node's own modules alone.
    if text.contains(" import(") {
        return None;
    }
    Some(Script {
        hash: *blake3::hash(text.as_bytes()).as_bytes(),
        text: [HEAD, &text, TAIL].concat().into(),
        path,
    })
}

/// A file of emvm's, as `lib/base/scripts.js` takes it.
#[napi(object)]
pub struct OwnScript {
    pub file: String,
    /// The text of a function, as Node would make it of the file.
    pub text: String,
    /// What of the text's first line is not the file's.
    pub head: u32,
    /// V8's code for it.
    pub code: Option<Buffer>,
}

/// V8's code for a file.
#[napi(object)]
pub struct OwnCode {
    pub file: String,
    pub code: Buffer,
}

/// Whether files below `root` are to be had here. `engine`: what V8's code depends on.
#[napi(catch_unwind)]
pub fn open_scripts(root: String, engine: String) -> bool {
    let root = PathBuf::from(root);
    let mut scripts = SCRIPTS.lock();
    let scripts = scripts.get_or_insert_with(|| Scripts::new(root.clone(), &engine));
    scripts.root == root
}

/// The same for an engine that is told apart more closely: V8 has refused code that it was given.
#[napi(catch_unwind)]
pub fn reopen_scripts(engine: String) {
    let mut scripts = SCRIPTS.lock();
    let Some(scripts) = scripts.as_mut() else {
        return;
    };
    let key = key(&scripts.root, &engine);
    // Another thread may have been here before.
    if key != scripts.key {
        scripts.key = key;
        scripts.compiled.clear();
        scripts.read();
    }
}

/// The file that `require` finds for a path of the package; nothing where Node is to load it.
#[napi(catch_unwind)]
pub fn own_script(asked: String) -> Option<OwnScript> {
    let mut scripts = SCRIPTS.lock();
    let scripts = scripts.as_mut()?;
    let script = scripts.script(Path::new(&asked))?;
    Some(OwnScript {
        file: script.path.to_str()?.to_owned(),
        text: script.text.as_ref().to_owned(),
        head: HEAD.len() as u32,
        code: scripts
            .compiled(&script)
            .map(|compiled| compiled.bytes.as_slice().into()),
    })
}

/// Whether nobody has kept code for a file.
#[napi(catch_unwind)]
pub fn lacks_code(file: String) -> bool {
    let mut scripts = SCRIPTS.lock();
    let Some(scripts) = scripts.as_mut() else {
        return false;
    };
    let script = scripts.script(Path::new(&file));
    script.is_some_and(|script| scripts.compiled(&script).is_none())
}

/// Keeps V8's code for files; with `write`, also for the next process.
#[napi(catch_unwind)]
pub fn keep_scripts(made: Vec<OwnCode>, write: bool) {
    let mut scripts = SCRIPTS.lock();
    let Some(scripts) = scripts.as_mut() else {
        return;
    };
    for OwnCode { file, code } in made {
        let path = PathBuf::from(file);
        if let Some(script) = scripts.script(&path) {
            let bytes = Arc::new(code.to_vec());
            let hash = script.hash;
            scripts.compiled.insert(path, ScriptCode { hash, bytes });
        }
    }
    if write {
        scripts.write();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_as_require_finds_them() {
        let folder = tempfile::tempdir().unwrap();
        let lib = folder.path().join("lib");
        std::fs::create_dir_all(lib.join("both")).unwrap();
        for name in ["a.js", "both.js", "both/index.js", "data.json"] {
            std::fs::write(lib.join(name), format!("'{name}'")).unwrap();
        }
        std::fs::write(lib.join("imports.js"), "await import('x')").unwrap();
        let mut scripts = Scripts {
            root: folder.path().to_owned(),
            key: blake3::hash(b""),
            files: FxHashMap::default(),
            compiled: FxHashMap::default(),
        };
        let mut found = |name: &str| {
            let script = scripts.script(&lib.join(name))?;
            Some(script.path.strip_prefix(&lib).unwrap().to_str()?.to_owned())
        };
        assert_eq!(found("a").as_deref(), Some("a.js"));
        assert_eq!(found("a.js").as_deref(), Some("a.js"));
        assert_eq!(found("both").as_deref(), Some("both.js"));
        assert_eq!(found("both/index.js").as_deref(), Some("both/index.js"));
        for name in ["data.json", "imports", "absent", "../lib/../outside"] {
            assert_eq!(found(name), None, "{name}");
        }
    }

    #[test]
    fn code_is_that_of_the_text() {
        let root = PathBuf::from("/nowhere");
        let path = root.join("lib/a.js");
        let script = |text: &str| Script {
            path: path.clone(),
            text: text.into(),
            hash: *blake3::hash(text.as_bytes()).as_bytes(),
        };
        let mut scripts = Scripts {
            key: key(&root, "v8"),
            root,
            files: FxHashMap::default(),
            compiled: FxHashMap::default(),
        };
        let one = script("one");
        assert!(scripts.compiled(&one).is_none());
        let bytes = Arc::new(vec![1]);
        let hash = one.hash;
        scripts
            .compiled
            .insert(path.clone(), ScriptCode { hash, bytes });
        assert!(scripts.compiled(&one).is_some());
        assert!(scripts.compiled(&script("two")).is_none());
    }
}
