//! JavaScript functions in the function table, by signature: what `addFunction` and `removeFunction` do.
//!
//! A store never frees a host function, so those that no longer stand for anything are used again.

use super::Runtime;
use super::embind::keep_again;
use super::js::{Js, JsRef, JsValue};
use super::js_imports::call;
use crate::engine::{self, Args, Func, Result, Unwind};
use rustc_hash::FxHashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use wasmer_types::{FunctionType, Type};

/// The JavaScript functions of one sandbox's table.
#[derive(Default)]
pub struct TableFunctions {
    slots: Vec<Slot>,
    /// Which slot a function of the table is.
    by_func: FxHashMap<Func, u32>,
    /// Slots that stand for nothing, by signature.
    idle: FxHashMap<FunctionType, Vec<u32>>,
    /// Table indices that were given back, used again last in first out.
    free: Vec<u32>,
    /// Something changed since the image `base`.
    changed: bool,
    base: u64,
}

struct Slot {
    func: Func,
    ty: FunctionType,
    /// Where it is in the table.
    index: u32,
    function: Option<JsRef>,
}

/// What [`TableFunctions::restore`] goes back to. JavaScript functions in it are its own: see [`Image::release`].
#[derive(Debug, Default)]
pub struct Image {
    id: u64,
    /// Slot, index in the table, function.
    functions: Vec<(u32, u32, JsRef)>,
    free: Vec<u32>,
}

impl Image {
    pub fn len(&self) -> usize {
        self.functions.len()
    }

    /// Nothing goes back to it any more.
    pub fn release(&self, js: &dyn Js) {
        for (_, _, function) in &self.functions {
            js.release(*function);
        }
    }
}

const NO_ROOM: &str = "Unable to grow wasm table. Set ALLOW_TABLE_GROWTH.";

impl TableFunctions {
    /// Whether a table entry is one of these functions.
    pub fn contains(&self, func: Func) -> bool {
        self.by_func.contains_key(&func)
    }

    fn position(&self, func: Func) -> Option<usize> {
        let at = *self.by_func.get(&func)? as usize;
        self.slots[at].function.is_some().then_some(at)
    }

    pub fn snapshot(&mut self, js: &dyn Js) -> Image {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        self.base = NEXT.fetch_add(1, Ordering::Relaxed);
        self.changed = false;
        let slots = self.slots.iter().zip(0..);
        let live = slots.filter_map(|(slot, at)| Some((at, slot.index, slot.function?)));
        Image {
            id: self.base,
            functions: live
                .map(|(at, index, function)| (at, index, keep_again(js, function)))
                .collect(),
            free: self.free.clone(),
        }
    }

    /// Goes back to an image of this sandbox.
    pub fn restore(&mut self, image: &Image, js: &dyn Js) {
        if !std::mem::take(&mut self.changed) && self.base == image.id {
            return;
        }
        self.base = image.id;
        for slot in &mut self.slots {
            if let Some(function) = slot.function.take() {
                js.release(function);
            }
        }
        for (at, index, function) in &image.functions {
            let slot = &mut self.slots[*at as usize];
            slot.index = *index;
            slot.function = Some(keep_again(js, *function));
        }
        self.idle.clear();
        for (at, slot) in self.slots.iter().enumerate().rev() {
            if slot.function.is_none() {
                let idle = self.idle.entry(slot.ty.clone()).or_default();
                idle.push(at as u32);
            }
        }
        self.free.clone_from(&image.free);
    }

    /// The wasm instance goes, and all functions with it.
    pub fn reset(&mut self, js: &dyn Js) {
        for slot in std::mem::take(self).slots {
            if let Some(function) = slot.function {
                js.release(function);
            }
        }
    }

    fn vacate(&mut self, at: usize, js: &dyn Js) {
        let slot = &mut self.slots[at];
        let Some(function) = slot.function.take() else {
            return;
        };
        self.changed = true;
        js.release(function);
        self.idle
            .entry(slot.ty.clone())
            .or_default()
            .push(at as u32);
    }
}

/// The type of a signature in Emscripten's letters: the result first (`v` for none), then the parameters.
pub fn signature(letters: &str) -> Option<FunctionType> {
    let ty = |letter| {
        Some(match letter {
            b'i' | b'p' => Type::I32,
            b'j' => Type::I64,
            b'f' => Type::F32,
            b'd' => Type::F64,
            _ => return None,
        })
    };
    let (result, params) = letters.as_bytes().split_first()?;
    let params: Option<Vec<_>> = params.iter().map(|letter| ty(*letter)).collect();
    let results = if *result == b'v' {
        Vec::new()
    } else {
        vec![ty(*result)?]
    };
    Some(FunctionType::new(params?, results))
}

impl Runtime {
    /// Puts a JavaScript function into the table and gives its index: the old one when it is there already. `last`: the
    /// index that it was given last, if ever; whether it still has that, or the one it had in the image, is found out.
    pub fn add_function(
        &mut self,
        function: JsValue,
        ty: Option<&FunctionType>,
        last: Option<u32>,
    ) -> Result<u32> {
        if let Some(index) = last.and_then(|last| self.function_index(function, last)) {
            return Ok(index);
        }
        let Some(ty) = ty else {
            return Err(Unwind::script(
                "TypeError",
                "Missing signature argument to addFunction",
            ));
        };
        let index = self.empty_entry()?;
        self.put_function(index, function, ty)?;
        Ok(index)
    }

    /// The index of a JavaScript function that was added before, if it is in the table now.
    fn function_index(&self, function: JsValue, last: u32) -> Option<u32> {
        let same = |slot: &Slot| {
            slot.function
                .is_some_and(|kept| self.js.strict_equals(self.js.value(kept), function))
        };
        let func = self.wasm.table_get(last);
        if func
            .and_then(|func| self.functions.position(func))
            .is_some_and(|at| same(&self.functions.slots[at]))
        {
            return Some(last);
        }
        // It is where it was when the image was taken that the generation began with.
        let mut slots = self.functions.slots.iter();
        slots.find(|slot| same(slot)).map(|slot| slot.index)
    }

    /// Puts an exported function into the table: the index it has already, if any.
    pub fn add_exported(&mut self, name: &str) -> Result<u32> {
        let func = self.wasm.export(name);
        if let Some(index) =
            (0..self.wasm.table_len()).find(|i| func.is_some() && self.wasm.table_get(*i) == func)
        {
            return Ok(index);
        }
        let index = self.empty_entry()?;
        self.wasm.table_set(index, func);
        Ok(index)
    }

    /// Sets an entry to a JavaScript function of this type.
    pub fn put_function(&mut self, index: u32, function: JsValue, ty: &FunctionType) -> Result {
        self.vacate_entry(index);
        self.wasm.widen(ty);
        let at = match self.functions.idle.get_mut(ty).and_then(Vec::pop) {
            Some(at) => at,
            None => self.make_slots(ty)?,
        };
        let kept = self.js.keep(function);
        let slot = &mut self.functions.slots[at as usize];
        slot.function = Some(kept);
        slot.index = index;
        let func = slot.func;
        self.functions.changed = true;
        if !self.wasm.table_set(index, Some(func)) {
            let js = self.js();
            self.functions.vacate(at as usize, &*js);
            return Err(out_of_range(index, self.wasm.table_len()));
        }
        Ok(())
    }

    /// Sets an entry to an exported function, or to none.
    pub fn put_exported(&mut self, index: u32, name: Option<&str>) -> Result {
        self.vacate_entry(index);
        let func = name.and_then(|name| self.wasm.export(name));
        if self.wasm.table_set(index, func) {
            Ok(())
        } else {
            Err(out_of_range(index, self.wasm.table_len()))
        }
    }

    /// Takes a function out of the table; its index may be used again.
    pub fn remove_function(&mut self, index: u32) -> Result {
        self.put_exported(index, None)?;
        self.functions.changed = true;
        self.functions.free.push(index);
        Ok(())
    }

    fn vacate_entry(&mut self, index: u32) {
        let js = self.js();
        if let Some(at) = self
            .wasm
            .table_get(index)
            .and_then(|func| self.functions.position(func))
        {
            self.functions.vacate(at, &*js);
        }
    }

    fn empty_entry(&mut self) -> Result<u32> {
        if let Some(index) = self.functions.free.pop() {
            self.functions.changed = true;
            return Ok(index);
        }
        self.wasm
            .table_grow()
            .ok_or_else(|| Unwind::script("RangeError", NO_ROOM))
    }

    /// The same functions for another wasm instance of the program.
    pub fn remake_functions(&mut self) -> Result<(), String> {
        self.functions.by_func.clear();
        let count = self.functions.slots.len();
        for first in (0..count).step_by(engine::BATCH as usize) {
            let ty = self.functions.slots[first].ty.clone();
            self.wasm.widen(&ty);
            let made = engine::table_functions(self, &ty, call_slot, first as u32)?;
            for (at, func) in (first..count).zip(made) {
                self.functions.slots[at].func = func;
                self.functions.by_func.insert(func, at as u32);
            }
        }
        Ok(())
    }

    fn make_slots(&mut self, ty: &FunctionType) -> Result<u32> {
        let first = self.functions.slots.len() as u32;
        let made = engine::table_functions(self, ty, call_slot, first)
            .map_err(|e| Unwind::script("TypeError", e))?;
        let slot = |func| Slot {
            func,
            ty: ty.clone(),
            index: 0,
            function: None,
        };
        let numbered = made.iter().zip(first..).map(|(func, at)| (*func, at));
        self.functions.by_func.extend(numbered);
        self.functions.slots.extend(made.into_iter().map(slot));
        let last = self.functions.slots.len() as u32;
        self.functions
            .idle
            .entry(ty.clone())
            .or_default()
            .extend((first + 1..last).rev());
        Ok(first)
    }
}

fn out_of_range(index: u32, len: u32) -> Unwind {
    Unwind::script(
        "RangeError",
        format!("table index {index} is out of range: the table has {len} entries"),
    )
}

/// wasm calls a JavaScript function of the table: numbers as numbers, i64 as bigint.
fn call_slot(rt: &mut Runtime, a: &mut Args) -> Result {
    let Some(function) = rt
        .functions
        .slots
        .get(a.index() as usize)
        .and_then(|slot| slot.function)
    else {
        let kind = engine::TrapKind::IndirectCall;
        return Err(Unwind::Trap {
            kind,
            stack: Vec::new(),
        });
    };
    let js = rt.js();
    let scope = js.open_scope();
    let called = call(rt, a, function);
    js.close_scope(scope);
    called
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_in_letters() {
        let ty = signature("vijfdp").expect("known letters");
        assert_eq!(
            ty.params(),
            [Type::I32, Type::I64, Type::F32, Type::F64, Type::I32]
        );
        assert!(ty.results().is_empty());
        assert_eq!(signature("j").expect("known letter").results(), [Type::I64]);
        assert_eq!(signature(""), None);
        assert_eq!(signature("iv"), None);
    }
}
