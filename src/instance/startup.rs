//! From a program to an instance whose constructors have run.

use super::Program;
use super::image::{Image, ImageKey};
use crate::emscripten::js::{Js, JsRef};
use crate::emscripten::{self, Runtime, fs};
use crate::engine::{self, Answer, InstantiateError, Setup, Tier, Unwind, ValRaw};
use crate::memory;
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use wasmer::ExternType;

/// The options of a sandbox, as far as its instance needs them.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Bytes that the linear memory may reach; the module's own maximum when absent.
    pub memory_max: Option<u64>,
    /// The limit of one call.
    pub timeout: Option<Duration>,
    /// Bytes of native stack for wasm.
    pub stack: Option<usize>,
    pub env: Vec<(String, String)>,
    pub args: Vec<String>,
    pub mounts: Vec<MountPoint>,
    /// What standard input gives, from the start in every generation.
    pub stdin: Option<Arc<[u8]>>,
    /// The language that JavaScript reports.
    pub language: Option<String>,
    /// Calls of unanswered imports throw; without it they refuse the start.
    pub lenient: bool,
    /// `main` does not run at start.
    pub no_initial_run: bool,
    /// Canonical names of imports that the user answers.
    pub user_imports: Vec<String>,
}

/// A real folder that the module sees at a path of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MountPoint {
    pub at: String,
    pub path: PathBuf,
    pub readonly: bool,
}

/// What the binding gives an instance.
pub struct Host {
    pub js: Rc<dyn Js>,
    /// The JavaScript functions behind [`Settings::user_imports`], then those behind the program's own.
    pub js_imports: Vec<Option<JsRef>>,
}

/// Why there is no instance.
#[derive(Debug)]
pub enum StartError {
    /// Unresolved imports: module, canonical name, signature.
    Missing(Vec<(String, String, String)>),
    Link(String),
    /// The module needs more memory than it may have. Bytes.
    Memory {
        text: String,
        requested: u64,
        limit: Option<u64>,
    },
    System(memory::Error),
    /// The image that it was to start from is not of such an instance: why.
    Image(String),
    /// A folder that cannot be mounted.
    Mount {
        at: String,
        path: PathBuf,
        reason: String,
    },
    /// The module's own start-up failed.
    Unwound(Unwind),
}

impl From<Unwind> for StartError {
    fn from(unwind: Unwind) -> Self {
        StartError::Unwound(unwind)
    }
}

impl Settings {
    /// A hash of each thing that start-up can see, by the name that users have for it.
    pub fn seen(&self) -> Vec<(String, [u8; 32])> {
        let hash = |text: String| *blake3::hash(text.as_bytes()).as_bytes();
        let seen = [
            ("env", hash(format!("{:?}", self.env))),
            ("args", hash(format!("{:?}", self.args))),
            ("mounts", hash(format!("{:?}", self.mounts))),
            ("stdin", hash(format!("{:?}", self.stdin))),
            (
                "language (navigator.language)",
                hash(format!("{:?}", self.language)),
            ),
            ("noInitialRun", hash(format!("{:?}", self.no_initial_run))),
            ("imports", hash(format!("{:?}", self.user_imports))),
            ("memory.max", hash(format!("{:?}", self.memory_max))),
            // Which a program may change between two sandboxes.
            (
                "time zone (TZ)",
                hash(format!("{:?}", std::env::var_os("TZ"))),
            ),
        ];
        let owned = |(name, hash): (&str, [u8; 32])| (name.to_owned(), hash);
        seen.map(owned).into()
    }

    /// All of it.
    pub fn image_key(&self) -> ImageKey {
        let mut hasher = blake3::Hasher::new();
        for (_, hash) in self.seen() {
            hasher.update(&hash);
        }
        ImageKey(*hasher.finalize().as_bytes())
    }
}

/// An instantiated program, before its constructors; `adopts`: an image will take their place.
pub fn runtime(
    program: &Program,
    settings: &Settings,
    host: Host,
    adopts: bool,
) -> Result<(Box<Runtime>, Tier), StartError> {
    let mut runtime = Box::new(Runtime::new(program.abi().clone(), host.js));
    runtime.js_imports = host.js_imports;
    runtime.user_imports = settings.user_imports.len();
    let variables = settings.env.iter().cloned();
    runtime
        .env
        .set_variables(variables.map(|(n, v)| (n, Some(v))).collect());
    runtime.env.set_args(settings.args.clone());
    if let Some(language) = &settings.language {
        runtime.env.set_language(language);
    }
    runtime.fs.set_stdin(settings.stdin.clone());
    for mount in &settings.mounts {
        let opened = Dir::open_ambient_dir(&mount.path, ambient_authority())
            .map_err(|e| e.to_string())
            .and_then(|dir| {
                let given = (!mount.readonly).then(|| engine::WritableFolder::give(&mount.path));
                let writable = given.transpose()?;
                runtime
                    .fs
                    .mount(&mount.at, dir, writable)
                    .map_err(|e| e.to_string())
            });
        opened.map_err(|reason| StartError::Mount {
            at: mount.at.clone(),
            path: mount.path.clone(),
            reason,
        })?;
    }
    let tier = link(&mut runtime, program, settings, adopts)?;
    Ok((runtime, tier))
}

/// For a runtime that was to adopt an image, of which there is none after all.
pub fn fill(runtime: &mut Runtime) -> Result<(), StartError> {
    runtime.wasm.fill().map_err(|error| match error {
        InstantiateError::Unwound(unwind) => StartError::Unwound(unwind),
        InstantiateError::Link(text) | InstantiateError::Memory(text) => StartError::Link(text),
        InstantiateError::Missing(_) => StartError::Link("an import is missing".into()),
    })
}

/// A fresh instance in place of the old one, for programs that cannot be restored in place: nothing of it has run yet.
pub fn again(
    runtime: &mut Box<Runtime>,
    program: &Program,
    settings: &Settings,
    files: Option<&fs::Image>,
) -> Result<Tier, StartError> {
    runtime.reset();
    if let Some(files) = files {
        runtime.fs.restore(files);
    }
    link(runtime, program, settings, false)
}

/// A fresh instance on the best code there is, in the state of `image`: no constructor runs, and what the host keeps of the image
/// stays.
pub fn exchange(
    runtime: &mut Box<Runtime>,
    program: &Program,
    settings: &Settings,
    image: &Image,
) -> Result<Tier, StartError> {
    image.restore_host(runtime);
    let peak = runtime.wasm.linear().map_or(0, |linear| linear.peak());
    let tier = link(runtime, program, settings, true)?;
    if let Some(linear) = runtime.wasm.linear() {
        linear.note_peak(peak);
    }
    image.move_to(runtime)?;
    Ok(tier)
}

fn link(
    runtime: &mut Box<Runtime>,
    program: &Program,
    settings: &Settings,
    adopts: bool,
) -> Result<Tier, StartError> {
    let layout = program.layout();
    let missing = std::cell::RefCell::new(Vec::new());
    let answer = |module: &str, field: &str, ty: &ExternType| -> Option<Answer<Runtime>> {
        let name = program.import_name(module, field);
        match ty {
            ExternType::Function(_) => {
                if let Some(at) = settings.user_imports.iter().position(|n| *n == name) {
                    return Some(Answer::Function(emscripten::js_import, at as u32));
                }
                if let Some(function) = emscripten::answer(&name) {
                    return Some(Answer::Function(function, 0));
                }
                if let Some(at) = program.js_imports().iter().position(|n| *n == name) {
                    return Some(Answer::Function(
                        emscripten::js_import,
                        (settings.user_imports.len() + at) as u32,
                    ));
                }
                if !settings.lenient {
                    return None;
                }
                let mut missing = missing.borrow_mut();
                missing.push((module.to_owned(), name, crate::engine::signature(ty)));
                Some(Answer::Function(
                    emscripten::missing_import,
                    missing.len() as u32 - 1,
                ))
            }
            ExternType::Memory(_) => Some(Answer::Memory {
                min_pages: layout.total_memory.map(|bytes| bytes / 65536),
            }),
            ExternType::Table(_) => Some(Answer::Table {
                min: layout.table.as_ref().map(|t| t.initial),
            }),
            ExternType::Global(_) => program.global(module, field, &name).map(Answer::Global),
            ExternType::Tag(_) => None,
        }
    };
    let code = program.code();
    let setup = Setup {
        code: &code,
        answer: &answer,
        rename: &|name| program.export_name(name),
        memory_cap: settings.memory_max,
        stack: Some(code.stack(settings.stack.unwrap_or(engine::STACK_BYTES))),
        adopts,
    };
    let linked = engine::link(runtime, &setup).map_err(|error| match error {
        InstantiateError::Missing(list) => StartError::Missing(
            list.into_iter()
                .map(|(module, field, ty)| {
                    (module.clone(), program.import_name(&module, &field), ty)
                })
                .collect(),
        ),
        InstantiateError::Link(text) => StartError::Link(text),
        InstantiateError::Memory(text) => {
            let declared = program.reading().facts.memories.iter();
            let declared = declared
                .map(|memory| memory.min.saturating_mul(65536))
                .max();
            let requested = declared
                .unwrap_or(0)
                .max(layout.total_memory.unwrap_or(0).into());
            StartError::Memory {
                text,
                requested,
                limit: settings.memory_max,
            }
        }
        InstantiateError::Unwound(unwind) => StartError::Unwound(unwind),
    });
    linked?;
    runtime.missing = missing.into_inner();
    Ok(code.tier())
}

/// Runs everything that Emscripten's start-up runs before `main`, in its order.
pub fn run(runtime: &mut Runtime, program: &Program) -> Result<(), StartError> {
    let layout = program.layout();
    if let Some((at, base)) = layout.dynamic {
        // Up to 2.0.2 the module finds the end of its heap at an address baked into it, which the host fills.
        runtime.wasm.write_u32(at, base)?;
    }
    if let Some(start) = runtime.wasm.start() {
        runtime.call(start, &[])?;
    }
    if runtime.wasm.export("emscripten_stack_init").is_some() {
        runtime.call_export("emscripten_stack_init", &[])?;
    }
    if runtime.wasm.export("__set_stack_limits").is_some() {
        let base = runtime
            .call_export("emscripten_stack_get_base", &[])
            .or_else(|_| layout_word(layout.stack_base))?;
        let end = runtime
            .call_export("emscripten_stack_get_end", &[])
            .or_else(|_| layout_word(layout.stack_max))?;
        runtime.call_export("__set_stack_limits", &[base, end])?;
    }
    for name in program.constructors() {
        if runtime.wasm.export(name).is_some() {
            runtime.call_export(name, &[])?;
        }
    }
    Ok(())
}

fn layout_word(value: Option<u32>) -> Result<ValRaw, Unwind> {
    value.map(ValRaw::from_u32).ok_or_else(|| {
        Unwind::Abort("the module checks its stack but does not say where it is".into())
    })
}
