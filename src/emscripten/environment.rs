//! Environment variables and arguments.

use super::fs::Errno;
use super::lifecycle::text_or;
use super::process::PROGRAM;
use super::{ImportFn, Runtime, bounds};
use crate::engine::{Args, Result, Unwind};

/// What the user set up. A recycle leaves it alone.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The user's variables, in their order; `None` removes a default.
    variables: Vec<(String, Option<String>)>,
    args: Vec<String>,
    /// `navigator.language`, where JavaScript has it.
    language: String,
}

impl Default for Environment {
    fn default() -> Self {
        Environment {
            variables: Vec::new(),
            args: Vec::new(),
            language: "C".into(),
        }
    }
}

impl Environment {
    pub fn set_variables(&mut self, variables: Vec<(String, Option<String>)>) {
        self.variables = variables;
    }
    pub fn set_args(&mut self, args: Vec<String>) {
        self.args = args;
    }
    /// Node.js 21 and later have `navigator.language`, from which Emscripten makes `LANG`.
    pub fn set_language(&mut self, language: &str) {
        self.language = language.to_owned();
    }
    /// The program's name and its arguments.
    pub fn args(&self) -> Vec<String> {
        std::iter::once(PROGRAM.to_owned())
            .chain(self.args.iter().cloned())
            .collect()
    }
    /// Emscripten's defaults, overlaid by the user's.
    fn all(&self) -> Vec<(String, String)> {
        let lang = format!("{}.UTF-8", self.language.replacen('-', "_", 1));
        let defaults = [
            ("USER", "web_user"),
            ("LOGNAME", "web_user"),
            ("PATH", "/"),
            ("PWD", "/"),
            ("HOME", "/home/web_user"),
            ("LANG", &lang),
            ("_", PROGRAM),
        ];
        let mut all: Vec<_> = defaults
            .into_iter()
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect();
        overlay(&mut all, &self.variables);
        all
    }
    /// `NAME=value`, in the order in which Emscripten lists them.
    pub fn strings(&self) -> Vec<String> {
        self.all()
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect()
    }
}

/// Changed variables keep their place, new ones come last.
fn overlay(all: &mut Vec<(String, String)>, changes: &[(String, Option<String>)]) {
    for (name, value) in changes {
        let at = all.iter().position(|(n, _)| n == name);
        match (at, value) {
            (Some(at), Some(value)) => all[at].1.clone_from(value),
            (Some(at), None) => drop(all.remove(at)),
            (None, Some(value)) => all.push((name.clone(), value.clone())),
            (None, None) => {}
        }
    }
}

// Until 1.38.4x the environment is the host's, and the module changes it by calls.
impl Runtime {
    fn variables(&self) -> Vec<(String, String)> {
        let mut all = self.env.all();
        overlay(&mut all, &self.process.variables);
        all
    }
    fn set_variable(&mut self, name: String, value: Option<String>) -> Result {
        let bytes = |(name, value): (&String, &Option<String>)| {
            name.len() + value.as_ref().map_or(0, String::len) + 1
        };
        self.process.variables.retain(|(n, _)| *n != name);
        let held = self.process.variables.iter().map(|(n, v)| bytes((n, v)));
        bounds::VARIABLES.admit(held.sum::<usize>() + bytes((&name, &value)))?;
        self.process.variables.push((name, value));
        match self.process.environ_memory {
            Some((pointers, pool)) => self.write_environment(pointers, pool),
            None => Ok(()),
        }
    }
    fn write_environment(&mut self, pointers: u32, mut pool: u32) -> Result {
        let all = self.variables();
        let size: usize = all.iter().map(|(n, v)| n.len() + v.len() + 2).sum();
        if size > POOL as usize || all.len() >= MOST {
            return Err(Unwind::script(
                "Error",
                "Environment size exceeded TOTAL_ENV_SIZE!",
            ));
        }
        for (i, (name, value)) in all.iter().enumerate() {
            self.wasm.write_u32(pointers + 4 * i as u32, pool)?;
            pool += self.write_c_string(pool, &format!("{name}={value}"), u32::MAX)? + 1;
        }
        self.wasm.write_u32(pointers + 4 * all.len() as u32, 0)
    }
}

/// What Emscripten sets aside for the strings and for the list of them.
const POOL: u32 = 1024;
const MOST: usize = 64;

fn build_environment(rt: &mut Runtime, args: &mut Args) -> Result {
    let environ = args.u32(0);
    let (pointers, pool) = match rt.process.environ_memory {
        Some(memory) => memory,
        None => {
            let pool = rt.malloc(POOL + 4 * MOST as u32)?;
            (pool + POOL, pool)
        }
    };
    rt.process.environ_memory = Some((pointers, pool));
    rt.wasm.write_u32(environ, pointers)?;
    rt.write_environment(pointers, pool)
}
fn getenv(rt: &mut Runtime, args: &mut Args) -> Result {
    if args.u32(0) == 0 {
        return args.ret_u32(0);
    }
    let name = rt.c_string(args.u32(0))?;
    let value = rt.variables().into_iter().find(|(n, _)| *n == name);
    let Some((_, value)) = value else {
        return args.ret_u32(0);
    };
    let before = std::mem::take(&mut rt.process.getenv_memory);
    if before != 0 {
        rt.free(before)?;
    }
    let ptr = rt.malloc(value.len() as u32 + 1)?;
    rt.write_c_string(ptr, &value, u32::MAX)?;
    rt.process.getenv_memory = ptr;
    args.ret_u32(ptr)
}
fn valid(name: &str) -> bool {
    !name.is_empty() && !name.contains('=')
}
fn setenv(rt: &mut Runtime, args: &mut Args) -> Result {
    let (name, overwrite) = (args.u32(0), args.i32(2) != 0);
    let name = text_or(rt, name, "")?;
    if !valid(&name) {
        return rt.fail(args, Errno::EINVAL);
    }
    let value = rt.c_string(args.u32(1))?;
    if overwrite || !rt.variables().iter().any(|(n, _)| *n == name) {
        rt.set_variable(name, Some(value))?;
    }
    args.ret_i32(0)
}
fn unsetenv(rt: &mut Runtime, args: &mut Args) -> Result {
    let name = text_or(rt, args.u32(0), "")?;
    if !valid(&name) {
        return rt.fail(args, Errno::EINVAL);
    }
    rt.set_variable(name, None)?;
    args.ret_i32(0)
}
fn putenv(rt: &mut Runtime, args: &mut Args) -> Result {
    let text = text_or(rt, args.u32(0), "")?;
    match text.split_once('=') {
        Some((name, value)) if valid(name) => {
            rt.set_variable(name.to_owned(), Some(value.to_owned()))?;
            args.ret_i32(0)
        }
        _ => rt.fail(args, Errno::EINVAL),
    }
}
fn clearenv(rt: &mut Runtime, args: &mut Args) -> Result {
    for (name, _) in rt.variables() {
        rt.set_variable(name, None)?;
    }
    args.ret_i32(0)
}

pub const IMPORTS: &[(&str, ImportFn)] = &[
    ("__buildEnvironment", build_environment),
    ("getenv", getenv),
    ("setenv", setenv),
    ("unsetenv", unsetenv),
    ("putenv", putenv),
    ("clearenv", clearenv),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_overlaid_in_order() {
        let mut env = Environment::default();
        let plain = [
            "USER=web_user",
            "LOGNAME=web_user",
            "PATH=/",
            "PWD=/",
            "HOME=/home/web_user",
            "LANG=C.UTF-8",
            "_=./this.program",
        ];
        assert_eq!(env.strings(), plain);
        env.set_language("en-US");
        let set = |n: &str, v: Option<&str>| (n.to_owned(), v.map(str::to_owned));
        env.set_variables(vec![
            set("FOO", Some("1")),
            set("PATH", Some("/bin")),
            set("USER", None),
        ]);
        let strings = env.strings();
        assert_eq!(
            (strings[0].as_str(), strings[1].as_str()),
            ("LOGNAME=web_user", "PATH=/bin")
        );
        assert_eq!(
            (strings[4].as_str(), strings.last().unwrap().as_str()),
            ("LANG=en_US.UTF-8", "FOO=1")
        );
    }
}
