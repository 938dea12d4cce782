//! What a short function does, as steps over registers, and taking them.

use crate::engine::Func;
use rustc_hash::FxHashMap;
use std::rc::Rc;
use wasmer_vm::VMSignatureHash;

/// A place for a value: parameters, then locals, then what the operand stack would hold.
pub type Register = u8;

/// The most registers of a function.
pub const REGISTERS: usize = 32;
/// Of a function and those that it calls.
const ALL: usize = 64;
/// How deep functions call each other.
pub const DEPTH: u32 = 4;

/// A function as steps. Values are held as their bits, low bits first.
#[derive(Debug)]
pub struct Steps {
    pub signature: VMSignatureHash,
    /// How many it uses.
    pub registers: u8,
    pub steps: Box<[Step]>,
    /// Where the result is, if there is one.
    pub result: Option<Register>,
}

/// One step of a short function. Registers are its parameters, its locals and what it computes.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    Constant {
        to: Register,
        value: u64,
    },
    /// So many, one after the other.
    Copy {
        to: Register,
        from: Register,
        count: u8,
    },
    /// Of 32 bits.
    Add {
        to: Register,
        left: Register,
        right: Register,
    },
    Load {
        to: Register,
        at: Register,
        offset: u32,
        load: Load,
    },
    Store {
        at: Register,
        from: Register,
        offset: u32,
        bytes: u8,
    },
    Unary {
        to: Register,
        from: Register,
        compute: fn(u64) -> u64,
    },
    Binary {
        to: Register,
        left: Register,
        right: Register,
        compute: fn(u64, u64) -> u64,
    },
    Select {
        to: Register,
        test: Register,
        one: Register,
        other: Register,
    },
    /// Goes on at `target` when the test is zero.
    Unless {
        test: Register,
        target: u16,
    },
    Jump {
        target: u16,
    },
    /// Calls the entry of the function table that `index` holds. Arguments are in `first` and what follows; so is the result.
    Call {
        index: Register,
        first: Register,
        signature: VMSignatureHash,
    },
}

/// How many bytes a load reads, and what they become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    U8,
    I8,
    U16,
    I16,
    U32,
    U64,
    I8To64,
    I16To64,
    I32To64,
}

/// The functions of an instance that have been looked at; `None` for one that is not short.
pub type StepsCache = FxHashMap<Func, Option<Rc<Steps>>>;

/// What steps work on.
pub struct Place<'a> {
    pub memory: &'a mut [u8],
    /// The function table.
    pub table: &'a [Option<Func>],
    pub known: &'a StepsCache,
    /// A function that is to be looked at before the steps can be taken.
    pub unknown: Option<Func>,
    /// How deep functions may call each other from here on.
    pub depth: u32,
}

/// Takes the steps. `None`: a step would trap, or calls what is not short. Nothing has been changed then.
#[inline]
pub fn take(function: &Steps, arguments: &[u64], place: &mut Place) -> Option<u64> {
    let mut registers = [0; ALL];
    for (register, argument) in registers.iter_mut().zip(arguments) {
        *register = *argument;
    }
    run(function, &mut registers, 0, place)
}

/// `base`: where its registers begin.
fn run(
    function: &Steps,
    registers: &mut [u64; ALL],
    base: usize,
    place: &mut Place,
) -> Option<u64> {
    if base + usize::from(function.registers) > ALL {
        return None;
    }
    // A step names no register that the function does not have.
    let at = |register: Register| (base + usize::from(register)) % ALL;
    let mut next = 0;
    while let Some(step) = function.steps.get(next) {
        next += 1;
        let (to, value) = match *step {
            Step::Add { to, left, right } => {
                let sum = (registers[at(left)] as u32).wrapping_add(registers[at(right)] as u32);
                (to, u64::from(sum))
            }
            Step::Constant { to, value } => (to, value),
            Step::Copy { to, from, count } => {
                for more in 0..count {
                    registers[at(to + more)] = registers[at(from + more)];
                }
                continue;
            }
            Step::Load {
                to,
                at: from,
                offset,
                load,
            } => {
                let address = address(registers[at(from)], offset);
                (to, load.from(place.memory, address)?)
            }
            Step::Store {
                at: to,
                from,
                offset,
                bytes,
            } => {
                let address = address(registers[at(to)], offset);
                store(place.memory, address, registers[at(from)], bytes)?;
                continue;
            }
            Step::Unary { to, from, compute } => (to, compute(registers[at(from)])),
            Step::Binary {
                to,
                left,
                right,
                compute,
            } => (to, compute(registers[at(left)], registers[at(right)])),
            Step::Select {
                to,
                test,
                one,
                other,
            } => {
                let chosen = match registers[at(test)] as u32 {
                    0 => other,
                    _ => one,
                };
                (to, registers[at(chosen)])
            }
            Step::Unless { test, target } => {
                if registers[at(test)] as u32 == 0 {
                    next = usize::from(target);
                }
                continue;
            }
            Step::Jump { target } => {
                next = usize::from(target);
                continue;
            }
            Step::Call {
                index,
                first,
                signature,
            } => {
                let index = registers[at(index)] as u32;
                let callee = (*place.table.get(index as usize)?)?;
                let Some(known) = place.known.get(&callee) else {
                    place.unknown = Some(callee);
                    return None;
                };
                let callee = known
                    .as_deref()
                    .filter(|callee| callee.signature == signature)?;
                place.depth = place.depth.checked_sub(1)?;
                // Its parameters are where the arguments are, and nothing is behind them.
                let result = run(callee, registers, at(first), place)?;
                place.depth += 1;
                (first, result)
            }
        };
        registers[at(to)] = value;
    }
    Some(function.result.map_or(0, |result| registers[at(result)]))
}

#[inline]
fn store(memory: &mut [u8], at: usize, value: u64, bytes: u8) -> Option<()> {
    let room = memory.get_mut(at..)?;
    match bytes {
        1 => *room.first_mut()? = value as u8,
        2 => *room.first_chunk_mut()? = (value as u16).to_le_bytes(),
        4 => *room.first_chunk_mut()? = (value as u32).to_le_bytes(),
        _ => *room.first_chunk_mut()? = value.to_le_bytes(),
    }
    Some(())
}

#[inline]
fn address(base: u64, offset: u32) -> usize {
    base as u32 as usize + offset as usize
}

impl Steps {
    /// The load that reads the field, of a function `(context, object)` that does nothing else: its address is the object's and
    /// the number of 32 bits at the context.
    pub fn field(&self) -> Option<Load> {
        let [
            Step::Load {
                to: number,
                at: 0,
                offset: 0,
                load: Load::U32,
            },
            Step::Add {
                to: sum,
                left,
                right,
            },
            Step::Load {
                to,
                at,
                offset: 0,
                load,
            },
        ] = *self.steps
        else {
            return None;
        };
        let adds = (left, right) == (1, number) || (left, right) == (number, 1);
        (adds && at == sum && self.result == Some(to) && number > 1).then_some(load)
    }
}

impl Load {
    #[inline]
    fn from(self, memory: &[u8], at: usize) -> Option<u64> {
        fn bytes<const N: usize>(memory: &[u8], at: usize) -> Option<[u8; N]> {
            memory.get(at..)?.first_chunk().copied()
        }
        // A narrow integer is 32 bits wide unless it says otherwise: the upper half of its register is zero.
        let narrow = |value: i32| u64::from(value as u32);
        Some(match self {
            Load::U8 => u64::from(u8::from_le_bytes(bytes(memory, at)?)),
            Load::I8 => narrow(i8::from_le_bytes(bytes(memory, at)?).into()),
            Load::U16 => u64::from(u16::from_le_bytes(bytes(memory, at)?)),
            Load::I16 => narrow(i16::from_le_bytes(bytes(memory, at)?).into()),
            Load::U32 => u64::from(u32::from_le_bytes(bytes(memory, at)?)),
            Load::U64 => u64::from_le_bytes(bytes(memory, at)?),
            Load::I8To64 => i64::from(i8::from_le_bytes(bytes(memory, at)?)) as u64,
            Load::I16To64 => i64::from(i16::from_le_bytes(bytes(memory, at)?)) as u64,
            Load::I32To64 => i64::from(i32::from_le_bytes(bytes(memory, at)?)) as u64,
        })
    }
}
