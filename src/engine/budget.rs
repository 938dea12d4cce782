//! What a module may cost to compile. The compiler takes time and memory that small files can blow up without limit:
//! loops, branches, calls and locals multiply. So the work is estimated beforehand, from the operators alone, and what is
//! far beyond any real module is refused.
//!
//! The estimate is in microseconds, roughly, and was fitted to modules made to be slow. The largest real modules known
//! (databases, language runtimes, CAD kernels of 10 to 40 MB) need less than a quarter of what is allowed.

use wasmparser::{
    BlockType, BrTable, CompositeInnerType, FunctionBody, Operator, Parser, Payload, TypeRef,
    WasmFeatures,
};

/// Work of all functions, and of one: one function is compiled by one thread, in one piece.
const MAX_WORK: u64 = 200_000_000;
const MAX_FUNCTION_WORK: u64 = 10_000_000;
/// Places where control flow meets, in one function: each takes the compiler some 3 KB.
const MAX_JOINS: u64 = 250_000;
const MAX_IMPORTS: u64 = 100_000;
const MAX_EXPORTS: u64 = 100_000;
/// Memories reserve address space, and each may grow to the maximum.
const MAX_MEMORIES: u64 = 8;
const MAX_TABLES: u64 = 10;
/// Entries of all tables together, at the start.
const MAX_TABLE_ENTRIES: u64 = 10_000_000;

// What things cost.
const FUNCTION: u64 = 12;
const TYPE: u64 = 14;
const OPERATOR: u64 = 1;
const JOIN: u64 = 7;
/// One value into or out of a call.
const PASSED: u64 = 14;
/// Steps from a use of a local back to its last, divided by this.
const STEPS: u64 = 4;
/// Values that blocks take over count with their square, divided by this: they are all alive at once.
const CARRIED: u64 = 1000;
/// So many locals, or parameters, for one.
const LOCALS: u64 = 16;
const PARAMETERS: u64 = 2;

/// The first bound that a module is beyond, in words. A malformed module passes: validation says what is wrong with it.
pub fn check(wasm: &[u8]) -> Result<(), String> {
    let mut module = Module::default();
    let mut parser = Parser::new(0);
    parser.set_features(WasmFeatures::all());
    for payload in parser.parse_all(wasm) {
        let Ok(payload) = payload else { break };
        module.payload(payload)?;
    }
    Ok(())
}

fn at_most(what: &str, count: u64, limit: u64) -> Result<(), String> {
    if count <= limit {
        return Ok(());
    }
    Err(format!(
        "the module has {count} {what}: at most {limit} are possible"
    ))
}

#[derive(Default)]
struct Module {
    /// Parameters and results of each type.
    types: Vec<(u32, u32)>,
    /// The type of each function.
    functions: Vec<u32>,
    imports: u64,
    bodies: usize,
    memories: u64,
    tables: u64,
    entries: u64,
    work: u64,
    locals: Locals,
}

impl Module {
    fn payload(&mut self, payload: Payload<'_>) -> Result<(), String> {
        match payload {
            Payload::TypeSection(reader) => {
                for group in reader.into_iter().flatten() {
                    for ty in group.into_types() {
                        self.types.push(match &ty.composite_type.inner {
                            CompositeInnerType::Func(f) => {
                                (f.params().len() as u32, f.results().len() as u32)
                            }
                            _ => (0, 0),
                        });
                    }
                }
                self.work += self.types.len() as u64 * TYPE;
            }
            Payload::ImportSection(reader) => {
                for import in reader.into_imports().flatten() {
                    self.imports += 1;
                    at_most("imports", self.imports, MAX_IMPORTS)?;
                    match import.ty {
                        TypeRef::Func(ty) | TypeRef::FuncExact(ty) => self.functions.push(ty),
                        TypeRef::Memory(_) => self.memories += 1,
                        TypeRef::Table(table) => self.table(table.initial),
                        _ => {}
                    }
                }
                self.bodies = self.functions.len();
            }
            Payload::FunctionSection(reader) => {
                self.functions.extend(reader.into_iter().flatten());
            }
            Payload::MemorySection(reader) => {
                self.memories += u64::from(reader.count());
                at_most("memories", self.memories, MAX_MEMORIES)?;
            }
            Payload::TableSection(reader) => {
                for table in reader.into_iter().flatten() {
                    self.table(table.ty.initial);
                    at_most("tables", self.tables, MAX_TABLES)?;
                }
                // One that is too large is refused when it is made, with its own size.
                if self.tables > 1 {
                    at_most("table entries", self.entries, MAX_TABLE_ENTRIES)?;
                }
            }
            Payload::ExportSection(reader) => {
                at_most("exports", reader.count().into(), MAX_EXPORTS)?;
            }
            Payload::CodeSectionEntry(body) => {
                let index = self.bodies;
                self.bodies += 1;
                let work = self.function(index, &body)?;
                self.work = self.work.saturating_add(work + FUNCTION);
                if self.work > MAX_WORK {
                    return Err(format!(
                        "the module is too much to compile: the work is estimated at more than {MAX_WORK} units, \
                         four times that of the largest modules known"
                    ));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn table(&mut self, entries: u64) {
        self.tables += 1;
        self.entries = self.entries.saturating_add(entries);
    }

    fn type_of(&self, function: u32) -> (u32, u32) {
        let ty = self.functions.get(function as usize);
        ty.map_or((0, 0), |ty| self.type_at(*ty))
    }

    fn type_at(&self, ty: u32) -> (u32, u32) {
        self.types.get(ty as usize).copied().unwrap_or_default()
    }

    fn function(&mut self, index: usize, body: &FunctionBody<'_>) -> Result<u64, String> {
        let (params, results) = self.type_of(index as u32);
        let mut count = 0;
        for group in body.get_locals_reader().into_iter().flatten().flatten() {
            count += u64::from(group.0);
        }
        let mut work = Work {
            joins: 0,
            passed: 0,
            steps: 0,
            carried: 0,
            operators: count / LOCALS + u64::from(params) / PARAMETERS,
        };
        let mut locals = std::mem::take(&mut self.locals);
        locals.begin();
        let done = self.operators(body, results, &mut work, &mut locals);
        self.locals = locals;
        match done {
            Ok(()) => Ok(work.total()),
            Err(what) => Err(format!("function {index} is too much to compile: {what}")),
        }
    }

    fn operators(
        &self,
        body: &FunctionBody<'_>,
        results: u32,
        work: &mut Work,
        locals: &mut Locals,
    ) -> Result<(), String> {
        let Ok(operators) = body.get_operators_reader() else {
            return Ok(());
        };
        // How many values a branch to each open block carries, and whether it is a loop.
        let mut open = vec![(results, false)];
        let carried = |open: &[(u32, bool)], depth: u32| {
            let at = open.len().checked_sub(1 + depth as usize);
            at.map_or(0, |at| u64::from(open[at].0))
        };
        for operator in operators {
            let Ok(operator) = operator else { break };
            work.operators += OPERATOR;
            match operator {
                Operator::Block { blockty } | Operator::Try { blockty } => {
                    work.enter(self.arity(blockty), 1);
                    open.push((self.arity(blockty).1, false));
                }
                Operator::If { blockty } => {
                    work.enter(self.arity(blockty), 2);
                    open.push((self.arity(blockty).1, false));
                }
                Operator::Loop { blockty } => {
                    work.enter(self.arity(blockty), 2);
                    open.push((self.arity(blockty).0, true));
                    locals.enter_loop();
                }
                Operator::TryTable { try_table } => {
                    work.enter(self.arity(try_table.ty), 1 + try_table.catches.len() as u64);
                    open.push((self.arity(try_table.ty).1, false));
                }
                Operator::End => {
                    if let Some((_, true)) = open.pop() {
                        locals.leave_loop();
                    }
                }
                Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => {
                    work.operators += carried(&open, relative_depth);
                }
                Operator::BrTable { targets } => {
                    work.operators += self.branches(&targets, |depth| carried(&open, depth));
                }
                Operator::Return => work.operators += u64::from(results),
                Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                    work.call(self.type_of(function_index));
                }
                Operator::CallIndirect { type_index, .. }
                | Operator::ReturnCallIndirect { type_index, .. }
                | Operator::CallRef { type_index }
                | Operator::ReturnCallRef { type_index } => work.call(self.type_at(type_index)),
                Operator::LocalGet { local_index }
                | Operator::LocalSet { local_index }
                | Operator::LocalTee { local_index } => {
                    let (steps, loops) = locals.touch(local_index, work.joins);
                    work.steps += steps;
                    work.carried += loops;
                }
                _ => continue,
            }
            if work.joins > MAX_JOINS {
                return Err(format!("it has more than {MAX_JOINS} blocks"));
            }
            if work.total() > MAX_FUNCTION_WORK {
                return Err(format!(
                    "the work is estimated at more than {MAX_FUNCTION_WORK} units (loops, blocks, calls and locals \
                     multiply)"
                ));
            }
        }
        Ok(())
    }

    /// A table's branches: each of its distinct targets is a block that passes the values on.
    fn branches(&self, targets: &BrTable<'_>, carried: impl Fn(u32) -> u64) -> u64 {
        let mut work = u64::from(targets.len()) / 8;
        for depth in targets.targets().flatten() {
            work = work.saturating_add(carried(depth));
        }
        work
    }

    fn arity(&self, ty: BlockType) -> (u32, u32) {
        match ty {
            BlockType::Empty => (0, 0),
            BlockType::Type(_) => (0, 1),
            BlockType::FuncType(index) => self.type_at(index),
        }
    }
}

/// What has come together in one function.
struct Work {
    operators: u64,
    joins: u64,
    passed: u64,
    steps: u64,
    carried: u64,
}

impl Work {
    fn enter(&mut self, (params, results): (u32, u32), joins: u64) {
        self.joins += joins;
        self.carried += u64::from(params) + u64::from(results);
    }
    fn call(&mut self, (params, results): (u32, u32)) {
        self.passed += u64::from(params) + u64::from(results);
    }
    fn total(&self) -> u64 {
        self.operators
            .saturating_add(self.joins * JOIN)
            .saturating_add(self.passed.saturating_mul(PASSED))
            .saturating_add(self.steps / STEPS)
            .saturating_add(self.carried.saturating_mul(self.carried) / CARRIED)
    }
}

/// Where each local was used last. The compiler finds a local's value by walking back over the places where control flow
/// meets, and every loop on the way takes the local over.
#[derive(Default)]
struct Locals {
    /// For each local: the joins before its last use, and the loop of that use.
    last: Vec<(u64, u32)>,
    touched: Vec<u32>,
    /// Open loops, innermost last, numbered as they come.
    loops: Vec<u32>,
    next: u32,
}

impl Locals {
    fn begin(&mut self) {
        for local in self.touched.drain(..) {
            self.last[local as usize] = (0, 0);
        }
        self.loops.clear();
        self.next = 0;
    }
    fn enter_loop(&mut self) {
        self.next += 1;
        self.loops.push(self.next);
    }
    fn leave_loop(&mut self) {
        self.loops.pop();
    }
    /// Steps back to the last use, and how many open loops have not seen the local before.
    fn touch(&mut self, local: u32, joins: u64) -> (u64, u64) {
        /// No valid function has more.
        const MOST: usize = 65_536;
        let at = local as usize;
        if at >= MOST {
            return (0, 0);
        }
        if at >= self.last.len() {
            self.last.resize(at + 1, (0, 0));
        }
        let (before, seen) = self.last[at];
        if (before, seen) == (0, 0) {
            self.touched.push(local);
        }
        // A loop that is open has seen it when the last use came after its start.
        let new = self.loops.iter().rev().take_while(|l| **l > seen).count() as u64;
        self.last[at] = (joins, self.loops.last().copied().unwrap_or(0).max(seen));
        (joins.saturating_sub(before), new)
    }
}
