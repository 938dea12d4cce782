//! Function objects: one for each wasm function that JavaScript has met, and the functions that it imports.

use super::{FunctionCell, FunctionRange, Realm};
use crate::binding::node_api::{Ref, Res, Value};
use crate::webassembly::{FuncRef, ValueKind};
use std::ffi::c_void;
use wasmer_types::FunctionType;

impl Realm {
    /// The one function object that stands for a wasm function.
    pub fn function_object(&self, function: FuncRef) -> Res<Value> {
        let key = function.0.as_ptr() as usize;
        let known = self.functions.borrow().get(&key).copied();
        if let Some(known) = known {
            if let Ok(js) = self.env.deref(known) {
                return Ok(js);
            }
            // One of a past generation, collected since.
            self.functions.borrow_mut().remove(&key);
            self.env.forget(known);
        }
        let ty = self.with(|store| {
            let known = store
                .function(key)
                .map(|function| function.signature.clone());
            known.or_else(|| {
                // SAFETY: the realm is live, so the function's instance is.
                let hash = unsafe { function.0.as_ref() }.type_signature_hash;
                store.engine().signature(hash)
            })
        })?;
        let Some(ty) = ty else {
            return Err(self
                .env
                .throw_plain("internal error in emvm: a function without a type"));
        };
        self.with(|store| store.adopt_function(function, ty.clone()))?;
        self.make_function(function, key, &ty)
    }
    fn make_function(&self, function: FuncRef, key: usize, ty: &FunctionType) -> Res<Value> {
        let env = self.env;
        let cell = Box::new(FunctionCell {
            realm: self,
            function,
            generation: self.generation.get(),
            params: ty.params().iter().map(|ty| ValueKind::from(*ty)).collect(),
            results: ty.results().iter().map(|ty| ValueKind::from(*ty)).collect(),
        });
        let data = (&raw const *cell).cast_mut().cast::<c_void>();
        let name = self.function_name(key);
        // SAFETY: the cell lives as long as the realm, which the function object keeps, or as the function object.
        let js = unsafe { env.function(&name, Some(super::super::call::exported), data) }?;
        if self.generation.get() == 0 {
            self.cells.borrow_mut().push(cell);
        } else {
            // One more in each generation: it goes with its function.
            env.drop_with(js, cell)?;
        }
        if !ty.params().is_empty() {
            env.define_fixed(js, "length", env.uint(ty.params().len() as u32))?;
        }
        env.call(env.deref(self.helpers.adopt)?, &[js, env.address(key)])?;
        let reference = env.follow(js)?;
        self.functions.borrow_mut().insert(key, reference);
        if self.generation.get() > 0 {
            self.late.borrow_mut().push(key);
        }
        Ok(js)
    }
    fn function_name(&self, key: usize) -> String {
        let size = size_of::<wasmer_vm::VMCallerCheckedAnyfunc>();
        let ranges = self.ranges.borrow();
        let range = ranges
            .iter()
            .find(|range| (range.start..range.end).contains(&key));
        range.map_or_else(
            || "0".to_owned(),
            |range| (range.first_index + (key - range.start) / size).to_string(),
        )
    }
    /// Tells where the local functions of an instance lie, by one of them.
    pub fn note_functions(
        &self,
        one: FuncRef,
        its_local_index: usize,
        imported: usize,
        count: usize,
    ) {
        let size = size_of::<wasmer_vm::VMCallerCheckedAnyfunc>();
        let start = one.0.as_ptr() as usize - its_local_index * size;
        self.ranges.borrow_mut().push(FunctionRange {
            start,
            end: start + count * size,
            first_index: imported,
        });
    }
    pub fn keep_import(&self, function: Value) -> Res<Ref> {
        let reference = self.env.follow(function)?;
        self.imports.borrow_mut().push(reference);
        Ok(reference)
    }
}
