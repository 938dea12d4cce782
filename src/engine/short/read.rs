//! Which functions are short, and what they do: read from their code.
//!
//! A step that can fail (an access out of bounds, a call) must come before anything has been changed, so that what fails can
//! be done by the compiled code from the beginning. After a store, or a call that may store, only steps that cannot fail.

use super::steps::{Load, REGISTERS, Register, Step, Steps};
use wasmer_types::{FunctionType, Type};
use wasmer_vm::VMSignatureHash;
use wasmparser::{BlockType, FunctionBody, MemArg, Operator, ValType};

/// More steps than this cost more than entering wasm does.
const MOST_STEPS: usize = 40;
/// The longest body worth reading, in bytes.
pub const MOST_BYTES: usize = 160;

/// What the code refers to by number.
pub trait Types {
    fn signature(&self, index: u32) -> Option<(&FunctionType, VMSignatureHash)>;
}

/// An operand that is still where it came from.
#[derive(Clone, Copy, PartialEq)]
enum Operand {
    /// In the register of its place on the operand stack.
    Here,
    Local(Register),
}

pub(super) struct Reader<'a, T> {
    types: &'a T,
    /// Parameters and locals.
    locals: usize,
    operands: Vec<Operand>,
    pub(super) steps: Vec<Step>,
    /// Something may have been changed: nothing may fail any more.
    settled: bool,
    frames: Vec<Frame>,
    /// How many are used so far.
    registers: usize,
    /// The last step that a jump goes to.
    target: usize,
}

/// An open `if`.
struct Frame {
    /// The step that goes to its `else` or end.
    test: usize,
    /// The step that leaves its first part.
    leave: Option<usize>,
    height: usize,
    results: usize,
    settled: bool,
    /// What the first part left behind.
    settles: bool,
}

/// The steps of a function, `None` when it is not short.
pub fn steps(
    body: &FunctionBody,
    ty: &FunctionType,
    signature: VMSignatureHash,
    types: &impl Types,
) -> Option<Steps> {
    if ty.results().len() > 1 || !ty.params().iter().chain(ty.results()).all(is_number) {
        return None;
    }
    let mut locals = ty.params().len();
    for local in body.get_locals_reader().ok()? {
        let (count, ty) = local.ok()?;
        if !matches!(
            ty,
            ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64
        ) {
            return None;
        }
        locals = locals
            .checked_add(count as usize)
            .filter(|locals| *locals < REGISTERS)?;
    }
    if locals >= REGISTERS {
        return None;
    }
    let params = ty.params().len();
    let mut reader = Reader {
        types,
        locals,
        operands: Vec::new(),
        steps: Vec::new(),
        settled: false,
        frames: Vec::new(),
        registers: locals,
        target: 0,
    };
    for local in params..locals {
        reader.steps.push(Step::Constant {
            to: local as Register,
            value: 0,
        });
    }
    let mut operators = body.get_operators_reader().ok()?;
    loop {
        let operator = operators.read().ok()?;
        if matches!(operator, Operator::End) && reader.frames.is_empty() {
            break;
        }
        reader.read(&operator)?;
        if reader.steps.len() > MOST_STEPS {
            return None;
        }
    }
    let result = match ty.results() {
        [] => None,
        _ => Some(reader.pop()?),
    };
    (operators.eof() && reader.operands.is_empty()).then(|| Steps {
        signature,
        registers: reader.registers as u8,
        steps: reader.steps.into(),
        result,
    })
}

fn is_number(ty: &Type) -> bool {
    matches!(ty, Type::I32 | Type::I64 | Type::F32 | Type::F64)
}

impl<T: Types> Reader<'_, T> {
    /// The register of a place on the operand stack.
    fn place(&mut self, height: usize) -> Option<Register> {
        let register = self.locals + height;
        self.registers = self.registers.max(register + 1);
        (register < REGISTERS).then_some(register as Register)
    }
    fn copy(&mut self, to: Register, from: Register) {
        let len = self.steps.len();
        if let Some(Step::Copy {
            to: before,
            from: source,
            count,
        }) = self.steps.last_mut()
            && *before + *count == to
            && *source + *count == from
            && len > self.target
        {
            *count += 1;
            return;
        }
        self.steps.push(Step::Copy { to, from, count: 1 });
    }
    fn local(&self, index: u32) -> Option<Register> {
        ((index as usize) < self.locals).then_some(index as Register)
    }
    pub(super) fn pop(&mut self) -> Option<Register> {
        if self
            .frames
            .last()
            .is_some_and(|frame| self.operands.len() <= frame.height)
        {
            return None;
        }
        match self.operands.pop()? {
            Operand::Local(local) => Some(local),
            Operand::Here => self.place(self.operands.len()),
        }
    }
    /// A new operand, and the register that it is to be put in.
    pub(super) fn push(&mut self) -> Option<Register> {
        let register = self.place(self.operands.len())?;
        self.operands.push(Operand::Here);
        Some(register)
    }
    /// Puts operands from this height on in their own registers.
    fn settle(&mut self, from: usize, which: impl Fn(Register) -> bool) -> Option<()> {
        for height in from..self.operands.len() {
            if let Operand::Local(local) = self.operands[height]
                && which(local)
            {
                let to = self.place(height)?;
                self.copy(to, local);
                self.operands[height] = Operand::Here;
            }
        }
        Some(())
    }
    /// A step that may fail follows.
    fn fallible(&self) -> Option<()> {
        (!self.settled).then_some(())
    }
    fn load(&mut self, memory: &MemArg, load: Load) -> Option<()> {
        self.fallible()?;
        let (at, offset) = (self.pop()?, offset(memory)?);
        let to = self.push()?;
        self.steps.push(Step::Load {
            to,
            at,
            offset,
            load,
        });
        Some(())
    }
    fn store(&mut self, memory: &MemArg, bytes: u8) -> Option<()> {
        self.fallible()?;
        let (from, at, offset) = (self.pop()?, self.pop()?, offset(memory)?);
        self.steps.push(Step::Store {
            at,
            from,
            offset,
            bytes,
        });
        self.settled = true;
        Some(())
    }
    fn constant(&mut self, value: u64) -> Option<()> {
        let to = self.push()?;
        self.steps.push(Step::Constant { to, value });
        Some(())
    }
    fn set(&mut self, index: u32) -> Option<()> {
        let from = self.pop()?;
        let to = self.local(index)?;
        // What was taken of the local before keeps its value.
        self.settle(0, |local| local == to)?;
        self.copy(to, from);
        Some(())
    }

    fn read(&mut self, operator: &Operator) -> Option<()> {
        match operator {
            Operator::Nop => Some(()),
            Operator::LocalGet { local_index } => {
                let local = self.local(*local_index)?;
                self.place(self.operands.len())?;
                self.operands.push(Operand::Local(local));
                Some(())
            }
            Operator::LocalSet { local_index } => self.set(*local_index),
            Operator::LocalTee { local_index } => {
                self.set(*local_index)?;
                self.operands
                    .push(Operand::Local(self.local(*local_index)?));
                Some(())
            }
            Operator::Drop => self.pop().map(drop),
            Operator::I32Const { value } => self.constant(u64::from(*value as u32)),
            Operator::I64Const { value } => self.constant(*value as u64),
            Operator::F32Const { value } => self.constant(u64::from(value.bits())),
            Operator::F64Const { value } => self.constant(value.bits()),
            Operator::Select => {
                let (test, other, one) = (self.pop()?, self.pop()?, self.pop()?);
                let to = self.push()?;
                self.steps.push(Step::Select {
                    to,
                    test,
                    one,
                    other,
                });
                Some(())
            }
            Operator::I32Load { memarg } | Operator::F32Load { memarg } => {
                self.load(memarg, Load::U32)
            }
            Operator::I64Load { memarg } | Operator::F64Load { memarg } => {
                self.load(memarg, Load::U64)
            }
            Operator::I32Load8U { memarg } | Operator::I64Load8U { memarg } => {
                self.load(memarg, Load::U8)
            }
            Operator::I32Load16U { memarg } | Operator::I64Load16U { memarg } => {
                self.load(memarg, Load::U16)
            }
            Operator::I64Load32U { memarg } => self.load(memarg, Load::U32),
            Operator::I32Load8S { memarg } => self.load(memarg, Load::I8),
            Operator::I32Load16S { memarg } => self.load(memarg, Load::I16),
            Operator::I64Load8S { memarg } => self.load(memarg, Load::I8To64),
            Operator::I64Load16S { memarg } => self.load(memarg, Load::I16To64),
            Operator::I64Load32S { memarg } => self.load(memarg, Load::I32To64),
            Operator::I32Store { memarg }
            | Operator::F32Store { memarg }
            | Operator::I64Store32 { memarg } => self.store(memarg, 4),
            Operator::I64Store { memarg } | Operator::F64Store { memarg } => self.store(memarg, 8),
            Operator::I32Store8 { memarg } | Operator::I64Store8 { memarg } => {
                self.store(memarg, 1)
            }
            Operator::I32Store16 { memarg } | Operator::I64Store16 { memarg } => {
                self.store(memarg, 2)
            }
            Operator::If { blockty } => self.begin(*blockty),
            Operator::Else => self.otherwise(),
            Operator::End => self.end(),
            Operator::CallIndirect {
                type_index,
                table_index: 0,
            } => self.call(*type_index),
            _ => self.compute(operator),
        }
    }

    fn begin(&mut self, ty: BlockType) -> Option<()> {
        let results = match ty {
            BlockType::Empty => 0,
            BlockType::Type(_) => 1,
            BlockType::FuncType(_) => return None,
        };
        let test = self.pop()?;
        // Both parts find their operands in the same places.
        self.settle(0, |_| true)?;
        self.frames.push(Frame {
            test: self.steps.len(),
            leave: None,
            height: self.operands.len(),
            results,
            settled: self.settled,
            settles: false,
        });
        self.steps.push(Step::Unless { test, target: 0 });
        Some(())
    }

    fn otherwise(&mut self) -> Option<()> {
        let mut frame = self.frames.pop().filter(|frame| frame.leave.is_none())?;
        self.part_ends(&frame)?;
        frame.leave = Some(self.steps.len());
        self.steps.push(Step::Jump { target: 0 });
        self.aim(frame.test)?;
        frame.settles = self.settled;
        self.settled = frame.settled;
        self.operands.truncate(frame.height);
        self.frames.push(frame);
        Some(())
    }

    fn end(&mut self) -> Option<()> {
        let frame = self.frames.pop()?;
        self.part_ends(&frame)?;
        match frame.leave {
            Some(leave) => self.aim(leave)?,
            None if frame.results > 0 => return None,
            None => self.aim(frame.test)?,
        }
        self.settled |= frame.settles || frame.settled;
        Some(())
    }

    fn part_ends(&mut self, frame: &Frame) -> Option<()> {
        if self.operands.len() != frame.height + frame.results {
            return None;
        }
        self.settle(frame.height, |_| true)
    }

    /// A jump goes to the next step.
    fn aim(&mut self, jump: usize) -> Option<()> {
        let next = u16::try_from(self.steps.len()).ok()?;
        match self.steps.get_mut(jump)? {
            Step::Unless { target, .. } | Step::Jump { target } => *target = next,
            _ => return None,
        }
        self.target = self.steps.len();
        Some(())
    }

    fn call(&mut self, ty: u32) -> Option<()> {
        self.fallible()?;
        let (ty, signature) = self.types.signature(ty)?;
        if ty.results().len() > 1 || !ty.params().iter().chain(ty.results()).all(is_number) {
            return None;
        }
        let params = ty.params().len();
        let returns = !ty.results().is_empty();
        let index = self.pop()?;
        let lowest = self.frames.last().map_or(0, |frame| frame.height);
        let first = self
            .operands
            .len()
            .checked_sub(params)
            .filter(|first| *first >= lowest)?;
        // The index may lie where nothing is put meanwhile: above all arguments, or in a local.
        self.settle(first, |_| true)?;
        self.operands.truncate(first);
        let place = self.place(first)?;
        self.steps.push(Step::Call {
            index,
            first: place,
            signature,
        });
        if returns {
            self.operands.push(Operand::Here);
        }
        self.settled = true;
        Some(())
    }
}

fn offset(memory: &MemArg) -> Option<u32> {
    (memory.memory == 0).then_some(())?;
    u32::try_from(memory.offset).ok()
}
