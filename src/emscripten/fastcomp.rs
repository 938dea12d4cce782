//! What only the old fastcomp back end imports: LLVM intrinsics, and integer helpers.

use super::{ImportFn, Runtime};
use crate::engine::{Args, Result};

/// Intrinsics that are hints, or about things a sandbox does not have.
fn nothing(_: &mut Runtime, args: &mut Args) -> Result {
    args.ret_i32(0)
}
fn stacksave(rt: &mut Runtime, args: &mut Args) -> Result {
    let pointer = rt.call_export("stackSave", &[])?;
    args.ret_raw(pointer)
}
fn stackrestore(rt: &mut Runtime, args: &mut Args) -> Result {
    let pointer = args.raw().first().copied().unwrap_or_default();
    rt.call_export("stackRestore", &[pointer]).map(drop)
}
/// Of 64 bits in halves, like all of fastcomp's.
fn cttz_i64(rt: &mut Runtime, args: &mut Args) -> Result {
    let value = u64::from(args.u32(0)) | u64::from(args.u32(1)) << 32;
    rt.exceptions.set_temp_ret0(0);
    args.ret_u32(value.trailing_zeros())
}
fn ctlz_i64(rt: &mut Runtime, args: &mut Args) -> Result {
    let value = u64::from(args.u32(0)) | u64::from(args.u32(1)) << 32;
    rt.exceptions.set_temp_ret0(0);
    args.ret_u32(value.leading_zeros())
}
fn ctpop_i32(_: &mut Runtime, args: &mut Args) -> Result {
    args.ret_u32(args.u32(0).count_ones())
}
fn cttz_i32(_: &mut Runtime, args: &mut Args) -> Result {
    args.ret_u32(args.u32(0).trailing_zeros())
}
fn bswap_i32(_: &mut Runtime, args: &mut Args) -> Result {
    args.ret_u32(args.u32(0).swap_bytes())
}
fn bswap_i16(_: &mut Runtime, args: &mut Args) -> Result {
    args.ret_u32(u32::from((args.u32(0) as u16).swap_bytes()))
}
fn expect_i32(_: &mut Runtime, args: &mut Args) -> Result {
    args.ret_u32(args.u32(0))
}
/// A variable argument list is a pointer.
fn va_copy(rt: &mut Runtime, args: &mut Args) -> Result {
    let pointer = rt.wasm.read_u32(args.u32(1))?;
    rt.wasm.write_u32(args.u32(0), pointer)
}

pub const IMPORTS: &[(&str, ImportFn)] = &[
    ("llvm_stacksave", stacksave),
    ("llvm_stackrestore", stackrestore),
    ("llvm_flt_rounds", |_, args| args.ret_i32(-1)),
    ("llvm_prefetch", nothing),
    ("llvm_va_end", nothing),
    ("llvm_va_copy", va_copy),
    ("llvm_memory_barrier", nothing),
    ("llvm_invariant_start", nothing),
    ("llvm_invariant_end", nothing),
    ("llvm_objectsize_i32", |_, args| args.ret_i32(-1)),
    ("llvm_cttz_i64", cttz_i64),
    ("llvm_ctlz_i64", ctlz_i64),
    ("llvm_cttz_i32", cttz_i32),
    ("llvm_ctpop_i32", ctpop_i32),
    ("llvm_bswap_i32", bswap_i32),
    ("llvm_bswap_i16", bswap_i16),
    ("llvm_expect_i32", expect_i32),
    ("llvm_dbg_declare", nothing),
    ("llvm_lifetime_start", nothing),
    ("llvm_lifetime_end", nothing),
    ("__gcc_personality_v0", nothing),
    ("__gxx_personality_v0", nothing),
    ("__dso_handle", nothing),
    ("_Unwind_Backtrace", nothing),
    ("_Unwind_GetIPInfo", nothing),
    ("_Unwind_FindEnclosingFunction", nothing),
    ("flush_NO_FILESYSTEM", nothing),
];
