//! Which modules can run on baseline code.

use wasmparser::{CompositeInnerType, ElementItems, Operator, Parser, Payload, TypeRef, ValType};

/// The compiler makes room for what a call or a block passes in one step, and relies on the page below a stack that faults: more
/// values than these could reach beyond it.
const PARAMS: usize = 128;
const RESULTS: usize = 16;

/// Whether functions pass no more than what is safe, and none in a way that goes wrong. What the code of functions uses, the
/// compiler itself looks at.
///
/// The compiler passes all numbers in general registers. Calls of imports go through code that moves floats to where the host
/// looks for them; a call through a table does not. So imports that take floats must not get into a table.
pub(super) fn fits(wasm: &[u8]) -> bool {
    Module::default().fits(wasm).unwrap_or(false)
}

#[derive(Default)]
struct Module {
    /// Of each type, whether a call of such an import needs floats moved.
    floats: Vec<bool>,
    results: Vec<usize>,
    /// Of each imported function.
    imports: Vec<bool>,
}

impl Module {
    /// `None` for what cannot be read.
    fn fits(mut self, wasm: &[u8]) -> Option<bool> {
        let mut bodies = false;
        for payload in Parser::new(0).parse_all(wasm) {
            let fit = match payload.ok()? {
                Payload::TypeSection(types) => self.types(types)?,
                Payload::ImportSection(imports) => {
                    let mut fit = true;
                    for import in imports.into_imports() {
                        if let TypeRef::Func(ty) | TypeRef::FuncExact(ty) = import.ok()?.ty {
                            self.imports.push(*self.floats.get(ty as usize)?);
                            fit &= *self.results.get(ty as usize)? <= 1;
                        }
                    }
                    fit
                }
                Payload::ElementSection(elements) => {
                    let mut fit = true;
                    for element in elements {
                        fit &= match element.ok()?.items {
                            ElementItems::Functions(functions) => functions
                                .into_iter()
                                .all(|function| function.is_ok_and(|f| !self.is_odd(f))),
                            ElementItems::Expressions(_, expressions) => {
                                expressions.into_iter().all(|expression| {
                                    expression.is_ok_and(|e| self.holds(e.get_operators_reader()))
                                })
                            }
                        };
                    }
                    fit
                }
                Payload::GlobalSection(globals) => globals.into_iter().all(|global| {
                    global.is_ok_and(|g| self.holds(g.init_expr.get_operators_reader()))
                }),
                Payload::CodeSectionEntry(body) => {
                    bodies = true;
                    // Most modules refer to no function but in elements; those that can are looked through.
                    !self.imports.contains(&true) || self.holds(body.get_operators_reader().ok()?)
                }
                _ => true,
            };
            if !fit {
                return Some(false);
            }
        }
        // Without functions there is nothing to gain.
        Some(bodies)
    }

    fn types(&mut self, types: wasmparser::TypeSectionReader<'_>) -> Option<bool> {
        for group in types {
            for ty in group.ok()?.into_types() {
                let CompositeInnerType::Func(ty) = &ty.composite_type.inner else {
                    return Some(false);
                };
                if ty.params().len() > PARAMS || ty.results().len() > RESULTS {
                    return Some(false);
                }
                let float = |ty: &ValType| matches!(ty, ValType::F32 | ValType::F64);
                self.floats.push(ty.params().iter().any(float));
                self.results.push(ty.results().len());
            }
        }
        Some(true)
    }

    /// An import that must not get into a table.
    fn is_odd(&self, function: u32) -> bool {
        self.imports
            .get(function as usize)
            .copied()
            .unwrap_or(false)
    }

    /// Whether code makes no reference to such an import.
    fn holds(&self, mut operators: wasmparser::OperatorsReader<'_>) -> bool {
        while !operators.eof() {
            match operators.read() {
                Ok(Operator::RefFunc { function_index }) if self.is_odd(function_index) => {
                    return false;
                }
                Ok(_) => {}
                Err(_) => return false,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::{Code, Tier};

    /// A module of one function with so many parameters and the body.
    fn module(params: usize, locals: &[u8], body: &[u8]) -> Vec<u8> {
        // LEB128 of two bytes, as of all lengths here.
        let leb = |value: usize| [(value & 0x7f) as u8 | 0x80, (value >> 7) as u8];
        let mut types = vec![1, 0x60];
        types.extend(leb(params));
        types.extend(std::iter::repeat_n(0x7f, params));
        types.push(0);
        let code = [locals, body].concat();
        let mut out = b"\0asm\x01\0\0\0".to_vec();
        let code = [&[1, code.len() as u8][..], &code].concat();
        for (id, section) in [(1, types), (3, vec![1, 0]), (10, code)] {
            out.push(id);
            out.extend(leb(section.len()));
            out.extend(section);
        }
        out
    }

    #[test]
    fn what_the_compiler_lacks_is_refused() {
        let plain = Code::compile_baseline(&module(128, &[0], &[0x0b]), None);
        assert_eq!(plain.map(|code| code.tier()), Some(Tier::Baseline));
        // Too many parameters.
        assert!(Code::compile_baseline(&module(129, &[0], &[0x0b]), None).is_none());
        // v128.const, drop
        let mut simd = vec![0xfd, 0x0c];
        simd.extend([0; 16]);
        simd.extend([0x1a, 0x0b]);
        let simd = module(0, &[0], &simd);
        assert!(Code::compile_baseline(&simd, None).is_none());
        assert!(Code::compile(&simd, None).is_ok());
        // A local of type v128.
        assert!(Code::compile_baseline(&module(0, &[1, 1, 0x7b], &[0x0b]), None).is_none());
        // try_table (catch_all 0) end
        let catches = [0x1f, 0x40, 1, 2, 0, 0x0b, 0x0b];
        let catches = module(0, &[0], &catches);
        assert!(Code::compile_baseline(&catches, None).is_none());
        assert!(Code::compile(&catches, None).is_ok());
        // return_call 0
        assert!(Code::compile_baseline(&module(0, &[0], &[0x12, 0, 0x0b]), None).is_none());
    }
}
