//! Mathematics that old builds import instead of containing it. The algorithms are musl's and FreeBSD's, as in V8.

use super::{ImportFn, Runtime};
use crate::engine::Args;

macro_rules! functions {
    ($($($name:literal)|* => $function:expr;)*) => {
        pub const IMPORTS: &[(&str, ImportFn)] = &[$($(
            ($name, |_: &mut Runtime, args: &mut Args| args.ret(Math::of(&$function, args))),
        )*)*];
    };
}

/// A function of one to three numbers.
trait Math<Arguments> {
    fn of(&self, args: &Args) -> f64;
}
impl<F: Fn(f64) -> f64> Math<(f64,)> for F {
    fn of(&self, args: &Args) -> f64 {
        self(float(args, 0))
    }
}
impl<F: Fn(f64, f64) -> f64> Math<(f64, f64)> for F {
    fn of(&self, args: &Args) -> f64 {
        self(float(args, 0), float(args, 1))
    }
}
impl<F: Fn(f64, f64, f64) -> f64> Math<(f64, f64, f64)> for F {
    fn of(&self, args: &Args) -> f64 {
        self(float(args, 0), float(args, 1), float(args, 2))
    }
}

/// An argument, whether it is a float or a double.
fn float(args: &Args, i: usize) -> f64 {
    match args.ty().params().get(i) {
        Some(wasmer_types::Type::F32) => f64::from(args.f32(i)),
        Some(wasmer_types::Type::I32) => f64::from(args.i32(i)),
        _ => args.f64(i),
    }
}

/// JavaScript's `Math.pow`, which gives NaN for (-1 or 1) to an infinite power.
fn js_pow(x: f64, y: f64) -> f64 {
    if y.is_nan() || (x.abs() == 1.0 && y.is_infinite()) {
        f64::NAN
    } else {
        libm::pow(x, y)
    }
}

functions! {
    "round" | "roundf" | "llvm_round_f64" | "llvm_round_f32" => |x: f64| x.round();
    "rint" | "rintf" | "llvm_rint_f64" | "llvm_rint_f32" | "nearbyint" | "llvm_nearbyint_f64" | "llvm_nearbyint_f32" => |x: f64| x.round_ties_even();
    "trunc" | "truncf" | "llvm_trunc_f64" | "llvm_trunc_f32" => |x: f64| x.trunc();
    "floor" | "floorf" | "llvm_floor_f64" | "llvm_floor_f32" => |x: f64| x.floor();
    "ceil" | "ceilf" | "llvm_ceil_f64" | "llvm_ceil_f32" => |x: f64| x.ceil();
    "fabs" | "fabsf" | "abs" => |x: f64| x.abs();
    "sqrt" | "sqrtf" | "llvm_sqrt_f64" | "llvm_sqrt_f32" => |x: f64| x.sqrt();
    "pow" | "powf" | "llvm_pow_f64" | "llvm_pow_f32" => |x: f64, y: f64| js_pow(x, y);
    "exp" | "expf" | "llvm_exp_f64" | "llvm_exp_f32" => |x: f64| libm::exp(x);
    "exp2" | "exp2f" | "llvm_exp2_f64" | "llvm_exp2_f32" => |x: f64| js_pow(2.0, x);
    "expm1" => |x: f64| libm::expm1(x);
    "log" | "logf" | "llvm_log_f64" | "llvm_log_f32" => |x: f64| libm::log(x);
    "log2" | "llvm_log2_f64" | "llvm_log2_f32" => |x: f64| libm::log2(x);
    "log10" | "llvm_log10_f64" | "llvm_log10_f32" => |x: f64| libm::log(x) / std::f64::consts::LN_10;
    "log1p" => |x: f64| libm::log1p(x);
    "sin" | "sinf" | "llvm_sin_f64" | "llvm_sin_f32" => |x: f64| libm::sin(x);
    "cos" | "cosf" | "llvm_cos_f64" | "llvm_cos_f32" => |x: f64| libm::cos(x);
    "tan" | "tanf" => |x: f64| libm::tan(x);
    "asin" | "asinf" => |x: f64| libm::asin(x);
    "acos" | "acosf" => |x: f64| libm::acos(x);
    "atan" | "atanf" => |x: f64| libm::atan(x);
    "atan2" | "atan2f" => |y: f64, x: f64| libm::atan2(y, x);
    "sinh" => |x: f64| libm::sinh(x);
    "cosh" => |x: f64| libm::cosh(x);
    "tanh" => |x: f64| libm::tanh(x);
    "asinh" => |x: f64| libm::asinh(x);
    "acosh" => |x: f64| libm::acosh(x);
    "atanh" => |x: f64| libm::atanh(x);
    "cbrt" => |x: f64| libm::cbrt(x);
    "hypot" => |x: f64, y: f64| libm::hypot(x, y);
    "fmod" | "fmodf" | "f64-rem" | "asm2wasm.f64-rem" => |x: f64, y: f64| x % y;
    "f64-to-int" | "asm2wasm.f64-to-int" => |x: f64| f64::from(to_int32(x));
    "fmin" | "fminf" | "llvm_minnum_f64" | "llvm_minnum_f32" => |x: f64, y: f64| x.min(y);
    "fmax" | "fmaxf" | "llvm_maxnum_f64" | "llvm_maxnum_f32" => |x: f64, y: f64| x.max(y);
    "copysign" | "copysignf" | "llvm_copysign_f64" | "llvm_copysign_f32" => |x: f64, y: f64| x.copysign(y);
    "fma" | "fmaf" | "llvm_fma_f64" => |x: f64, y: f64, z: f64| x * y + z;
}

/// JavaScript's `x | 0`.
pub fn to_int32(x: f64) -> i32 {
    if !x.is_finite() {
        return 0;
    }
    let modulo = x.trunc() % 4_294_967_296.0;
    modulo as i64 as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn int32_wraps() {
        assert_eq!(to_int32(4_294_967_301.7), 5);
        assert_eq!(to_int32(-1.5), -1);
        assert_eq!(to_int32(2_147_483_648.0), i32::MIN);
        assert_eq!((to_int32(f64::NAN), to_int32(1e300)), (0, 0));
        assert!(js_pow(1.0, f64::INFINITY).is_nan());
    }
}
