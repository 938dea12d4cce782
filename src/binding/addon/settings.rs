//! Options of a sandbox, as JavaScript gives them.

use crate::instance::{MountPoint, Settings};
use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;
use std::collections::HashMap;

/// A real folder that the module sees at a path of its own.
#[napi(object)]
pub struct MountSpec {
    pub at: String,
    pub path: String,
    pub readonly: bool,
}

/// Options of a sandbox that its instance sees.
#[napi(object)]
#[derive(Default)]
pub struct SandboxSettings {
    pub memory_max: Option<f64>,
    pub timeout: Option<f64>,
    pub stack: Option<u32>,
    pub env: Option<HashMap<String, String>>,
    pub args: Option<Vec<String>>,
    pub mounts: Option<Vec<MountSpec>>,
    /// Bytes of standard input.
    pub stdin: Option<Uint8Array>,
    /// `navigator.languages[0]`, where there is one.
    pub language: Option<String>,
    pub lenient: Option<bool>,
    pub no_initial_run: Option<bool>,
    /// Canonical names of imports that the user answers, in the order of their functions.
    pub user_imports: Option<Vec<String>>,
}

impl From<SandboxSettings> for Settings {
    fn from(settings: SandboxSettings) -> Self {
        let mut environment: Vec<_> = settings.env.unwrap_or_default().into_iter().collect();
        environment.sort();
        Self {
            memory_max: settings.memory_max.map(|bytes| bytes as u64),
            timeout: settings.timeout.map(crate::instance::duration),
            stack: settings.stack.map(|bytes| bytes as usize),
            env: environment,
            args: settings.args.unwrap_or_default(),
            mounts: settings
                .mounts
                .unwrap_or_default()
                .into_iter()
                .map(|mount| MountPoint {
                    at: mount.at,
                    path: mount.path.into(),
                    readonly: mount.readonly,
                })
                .collect(),
            stdin: settings.stdin.map(|bytes| bytes.to_vec().into()),
            language: settings.language,
            lenient: settings.lenient.unwrap_or(false),
            no_initial_run: settings.no_initial_run.unwrap_or(false),
            user_imports: settings.user_imports.unwrap_or_default(),
        }
    }
}
