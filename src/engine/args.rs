//! The arguments and the result of one host function call.

use super::{Unwind, ValRaw};
use wasmer_types::{FunctionType, Type};

/// Arguments of a host function, in wasm order; the result overwrites the first slot.
///
/// Reading past the declared parameters gives 0: older ABI generations pass fewer arguments than newer ones.
pub struct Args<'a> {
    slots: &'a mut [ValRaw],
    ty: &'a FunctionType,
    index: u32,
}

impl<'a> Args<'a> {
    /// `slots` holds at least `max(params, results)` values.
    pub fn new(slots: &'a mut [ValRaw], ty: &'a FunctionType, index: u32) -> Self {
        Self { slots, ty, index }
    }
    /// Which import of its kind this is: the number given with the answer, for functions that answer several imports.
    pub fn index(&self) -> u32 {
        self.index
    }
    /// How many arguments the import declares: this tells the ABI generation of most embind imports.
    pub fn len(&self) -> usize {
        self.ty.params().len()
    }
    pub fn ty(&self) -> &FunctionType {
        self.ty
    }
    pub fn is_i64(&self, i: usize) -> bool {
        self.ty.params().get(i) == Some(&Type::I64)
    }
    pub fn returns_i64(&self) -> bool {
        self.ty.results().first() == Some(&Type::I64)
    }
    fn slot(&self, i: usize) -> ValRaw {
        if i < self.len() {
            self.slots[i]
        } else {
            ValRaw::default()
        }
    }
    pub fn raw(&self) -> &[ValRaw] {
        &self.slots[..self.len()]
    }
    pub fn i32(&self, i: usize) -> i32 {
        self.slot(i).i32()
    }
    pub fn u32(&self, i: usize) -> u32 {
        self.slot(i).u32()
    }
    pub fn f32(&self, i: usize) -> f32 {
        self.slot(i).f32()
    }
    pub fn f64(&self, i: usize) -> f64 {
        self.slot(i).f64()
    }
    pub fn i64(&self, i: usize) -> i64 {
        self.slot(i).i64()
    }
    /// A 64-bit argument at `*i` that may be legalised into two i32 (low, high); moves `*i` past it.
    pub fn i64_legal(&self, i: &mut usize) -> i64 {
        if self.is_i64(*i) {
            *i += 1;
            self.i64(*i - 1)
        } else {
            *i += 2;
            i64::from(self.u32(*i - 2)) | (i64::from(self.i32(*i - 1)) << 32)
        }
    }
    /// Sets the result, converted to the declared result type; nothing when the import returns nothing. With this the function
    /// that answers the import has succeeded: it gives it on as its own.
    #[inline]
    pub fn ret(&mut self, value: f64) -> Result<(), Unwind> {
        match self.ty.results().first() {
            Some(Type::I32) => self.slots[0] = ValRaw::from_i32(value as i64 as i32),
            Some(Type::I64) => self.slots[0] = ValRaw::from_i64(value as i64),
            Some(Type::F32) => self.slots[0] = ValRaw::from_f32(value as f32),
            Some(Type::F64) => self.slots[0] = ValRaw::from_f64(value),
            _ => {}
        }
        Ok(())
    }
    /// The same, of a type that the import is likely to declare.
    #[inline]
    fn ret_as(&mut self, ty: Type, raw: ValRaw, value: f64) -> Result<(), Unwind> {
        if self.ty.results().first() != Some(&ty) {
            return self.ret(value);
        }
        self.slots[0] = raw;
        Ok(())
    }
    #[inline]
    pub fn ret_i32(&mut self, value: i32) -> Result<(), Unwind> {
        self.ret_as(Type::I32, ValRaw::from_i32(value), f64::from(value))
    }
    #[inline]
    pub fn ret_u32(&mut self, value: u32) -> Result<(), Unwind> {
        self.ret_as(Type::I32, ValRaw::from_u32(value), f64::from(value))
    }
    #[inline]
    pub fn ret_i64(&mut self, value: i64) -> Result<(), Unwind> {
        self.ret_as(Type::I64, ValRaw::from_i64(value), value as f64)
    }
    #[inline]
    pub fn ret_raw(&mut self, value: ValRaw) -> Result<(), Unwind> {
        if !self.ty.results().is_empty() {
            self.slots[0] = value;
        }
        Ok(())
    }
}
