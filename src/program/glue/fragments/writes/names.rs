//! What is known of the functions that JavaScript itself has.

/// Methods that change what they are called on.
pub(super) const MUTATORS: &[&str] = &[
    "push",
    "pop",
    "shift",
    "unshift",
    "splice",
    "sort",
    "reverse",
    "fill",
    "copyWithin",
    "set",
    "add",
    "delete",
    "clear",
    "__defineGetter__",
    "__defineSetter__",
];
/// Functions of `Object` and `Reflect` that change their first argument.
pub(super) const WRITERS: &[&str] = &[
    "assign",
    "defineProperty",
    "defineProperties",
    "setPrototypeOf",
    "freeze",
    "seal",
    "preventExtensions",
    "set",
    "deleteProperty",
];
/// Those that change nothing.
pub(super) const READERS: &[&str] = &[
    "keys",
    "values",
    "entries",
    "fromEntries",
    "create",
    "getOwnPropertyNames",
    "getOwnPropertySymbols",
    "getPrototypeOf",
    "hasOwn",
    "is",
    "isExtensible",
    "isFrozen",
    "isSealed",
    "ownKeys",
    "has",
    "get",
    "prototype",
];
/// Those through whose answer anything can be had.
pub(super) const DESCRIBERS: &[&str] = &["getOwnPropertyDescriptor", "getOwnPropertyDescriptors"];
/// Constructors that give what is new.
pub(super) const BUILT_IN: &[&str] = &[
    "Array",
    "Map",
    "Set",
    "WeakMap",
    "WeakSet",
    "Date",
    "Error",
    "TypeError",
    "RangeError",
    "Uint8Array",
    "Int8Array",
    "Uint8ClampedArray",
    "Uint16Array",
    "Int16Array",
    "Uint32Array",
    "Int32Array",
    "Float32Array",
    "Float64Array",
    "DataView",
    "ArrayBuffer",
    "Promise",
];
/// Through these anything can be reached.
pub(super) const OPAQUE: &[&str] = &["eval", "Function", "Proxy"];
/// Modules of Node's whose functions leave the objects alone that they are given.
pub(super) const HARMLESS: &[&str] = &[
    "fs",
    "path",
    "crypto",
    "os",
    "perf_hooks",
    "url",
    "buffer",
    "zlib",
    "child_process",
    "worker_threads",
    "ws",
    "performance",
];
