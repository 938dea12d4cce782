//! One wasm value, untyped.

/// One wasm value in the layout that wasmer's trampolines read and write: 16 bytes, little endian, low bits first.
///
/// Reading another type than was written gives other bits, never undefined behaviour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct ValRaw(u128);

const _: () = assert!(
    size_of::<ValRaw>() == size_of::<wasmer_types::RawValue>()
        && align_of::<ValRaw>() >= align_of::<wasmer_types::RawValue>()
        && cfg!(target_endian = "little")
);

impl ValRaw {
    #[inline]
    pub fn u128(self) -> u128 {
        self.0
    }
}

macro_rules! lanes {
    ($($from:ident $to:ident $t:ty, $via:ty, $enc:expr, $dec:expr;)*) => {
        impl ValRaw {
            $(
                #[inline]
                pub fn $from(value: $t) -> Self {
                    let encode: fn($t) -> $via = $enc;
                    ValRaw(u128::from(encode(value)))
                }
                #[inline]
                pub fn $to(self) -> $t {
                    let decode: fn($via) -> $t = $dec;
                    decode(self.0 as $via)
                }
            )*
        }
    };
}

lanes! {
    from_i32 i32 i32, u32, |v| v as u32, |v| v as i32;
    from_u32 u32 u32, u32, |v| v, |v| v;
    from_i64 i64 i64, u64, |v| v as u64, |v| v as i64;
    from_u64 u64 u64, u64, |v| v, |v| v;
    from_f32 f32 f32, u32, f32::to_bits, f32::from_bits;
    from_f64 f64 f64, u64, f64::to_bits, f64::from_bits;
}
