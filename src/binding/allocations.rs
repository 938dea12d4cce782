//! The allocation tracker, as JavaScript sees them.

use super::node_api::{Env, Reference, Scope, Value as JsValue};
use crate::engine::{AllocationTracker, Capture};
use crate::program::{allocators, allocators::Allocators};
use serde_json::{Value, json};

/// Calls a JavaScript function with the number of each block that is made. What it throws is dropped: a module must not
/// see that it is watched.
pub fn capture(env: Env, function: JsValue) -> Option<Capture> {
    let function = Reference::new(env, function)?;
    Some(Box::new(move |number| {
        let _scope = Scope::open(env);
        if let Some(function) = function.value()
            && let Err(failed) = env.call(function, &[env.uint(number)])
        {
            env.exception_of(failed);
        }
    }))
}

/// What is allocated, as JSON: `functions` by index, wasm `stacks` of these, innermost first, and `blocks` of address,
/// bytes, stack and number.
pub fn report(tracker: &AllocationTracker) -> String {
    let report = tracker.report();
    let names: serde_json::Map<String, Value> = report
        .names
        .iter()
        .map(|(index, name)| (index.to_string(), json!(allocators::readable(name))))
        .collect();
    json!({
        "functions": names,
        "stacks": report.stacks,
        "blocks": report.blocks,
        "made": report.made,
        "freed": report.freed,
    })
    .to_string()
}

/// Which functions are watched, for `Program.facts()`.
pub fn describe(allocators: &Allocators) -> Value {
    let functions: Vec<Value> = allocators
        .functions
        .iter()
        .map(|f| {
            let by = match f.by {
                allocators::FoundBy::Export => "export",
                allocators::FoundBy::NameSection => "name section",
            };
            json!({ "index": f.index, "name": f.name, "kind": format!("{:?}", f.kind), "by": by })
        })
        .collect();
    json!({ "functions": functions, "unseen": allocators.unseen })
}
