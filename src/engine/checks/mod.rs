//! Where a module needs interruption checks: read from its code before it is compiled.
//!
//! What must hold: between two checks only so much runs that 50 ms are far away, whatever the module does. So
//! * a loop looks at the flag in each round, or, where a round is short and counted, in each 256th;
//! * a function looks at it when it is called, unless it and all that it calls without a check is short;
//! * a function that makes very many calls looks at it before each of them;
//! * so does each operation on a stretch of memory or table.

use rustc_hash::FxHashMap;
use wasmparser::{BlockType, Catch, FunctionBody, Operator, Parser, Payload, TypeRef};

/// What a call may run without any check, in bytes of code.
const SHORT: u64 = 16 << 10;
/// What a function may call that has no checks, in bytes of code; with more it looks at the flag before each call.
const MUCH: u64 = 16 << 20;
/// The longest body of a loop that looks only in each 256th round, in bytes of code.
const SHORT_LOOP: u64 = 2048;
/// Counted rounds from one look to the next, less one.
const ROUNDS: u32 = 0xff;

/// The checks of a module's functions, by their order in the code section.
#[derive(Debug, Default)]
pub(super) struct Checks(Vec<FunctionChecks>);

/// The checks of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FunctionChecks {
    pub entry: bool,
    /// Before each call.
    pub calls: bool,
    /// Before each operation on a stretch of memory or table.
    pub stretches: bool,
    /// Of its loops, in the order in which they begin.
    pub loops: Box<[LoopCheck]>,
}

/// Where a loop looks at the flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LoopCheck {
    /// At the beginning of each round.
    Header,
    /// When it goes back to its beginning, and `local & mask` is zero. The local changes by the same amount in each
    /// round, so that happens once in 256 rounds.
    Counted { local: u32, mask: u32 },
    /// Something else in each round does.
    None,
}

impl Checks {
    /// Of a module that is compiled next. What cannot be read gets all checks; the compiler says what is wrong with it.
    pub(super) fn of(wasm: &[u8]) -> Self {
        Self::read(wasm).unwrap_or_default()
    }

    /// None at all: what runs is never interrupted. For measuring what checks cost.
    pub(super) fn none(wasm: &[u8]) -> Self {
        let mut checks = Self::of(wasm);
        for function in &mut checks.0 {
            function.entry = false;
            function.calls = false;
            function.stretches = false;
            function.loops.fill(LoopCheck::None);
        }
        checks
    }

    fn read(wasm: &[u8]) -> Option<Self> {
        let mut imported = 0u32;
        let mut scans = Vec::new();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload.ok()? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        if matches!(import.ok()?.ty, TypeRef::Func(_) | TypeRef::FuncExact(_)) {
                            imported += 1;
                        }
                    }
                }
                Payload::CodeSectionEntry(body) => scans.push(Scan::of(&body, imported)?),
                _ => {}
            }
        }
        let weights = weights(&scans);
        let has_entry = |callee: &u32| weights.get(*callee as usize).is_some_and(|w| *w > SHORT);
        let functions = scans.iter().zip(&weights).map(|(scan, weight)| {
            let loops = scan.loops.iter().map(|found| match found.check {
                LoopCheck::Header if found.callees.iter().any(has_entry) => LoopCheck::None,
                check => check,
            });
            FunctionChecks {
                entry: *weight > SHORT,
                calls: *weight > MUCH,
                stretches: true,
                loops: loops.collect(),
            }
        });
        Some(Self(functions.collect()))
    }

    /// `None`: nothing is known of the function, so it gets all checks.
    pub(super) fn function(&self, index: u32) -> Option<&FunctionChecks> {
        self.0.get(index as usize)
    }
}

/// What the code of a function says.
struct Scan {
    /// What its own code runs at most without a check, in bytes.
    size: u64,
    /// Functions of the module, by their order in the code section, as often as calls to them are written.
    direct: Vec<u32>,
    /// Calls whose target is not known.
    indirect: u64,
    loops: Vec<CountedLoop>,
}

struct CountedLoop {
    check: LoopCheck,
    /// Functions that every round calls.
    callees: Vec<u32>,
}

/// How much a call of each function runs at most without passing a check that is not its own, in bytes of code. Callees
/// come before callers. What calls itself, over whatever detours, has a check; so has what calls such a function.
fn weights(functions: &[Scan]) -> Vec<u64> {
    let mut callers: Vec<Vec<u32>> = vec![Vec::new(); functions.len()];
    let mut missing: Vec<u32> = vec![0; functions.len()];
    for (caller, scan) in functions.iter().enumerate() {
        for callee in &scan.direct {
            if let Some(list) = callers.get_mut(*callee as usize) {
                list.push(caller as u32);
                missing[caller] += 1;
            }
        }
    }
    // Not reached yet, or never.
    const ENDLESS: u64 = u64::MAX;
    let weigh = |weights: &[u64], function: usize| {
        let scan = &functions[function];
        let called = scan
            .direct
            .iter()
            .filter_map(|callee| weights.get(*callee as usize))
            .filter(|weight| **weight <= SHORT);
        scan.size + called.sum::<u64>() + scan.indirect * SHORT
    };
    let mut weights = vec![ENDLESS; functions.len()];
    let mut ready: Vec<usize> = (0..functions.len()).filter(|f| missing[*f] == 0).collect();
    while let Some(function) = ready.pop() {
        weights[function] = weigh(&weights, function);
        for caller in std::mem::take(&mut callers[function]) {
            missing[caller as usize] -= 1;
            if missing[caller as usize] == 0 {
                ready.push(caller as usize);
            }
        }
    }
    for function in (0..functions.len()).filter(|f| missing[*f] > 0) {
        weights[function] = weigh(&weights, function).max(SHORT + 1);
    }
    weights
}

/// A loop whose end has not been read yet.
struct Open {
    index: usize,
    from: u64,
    /// The block type has no parameters: going back carries no values.
    plain: bool,
    /// What every round does before it can go back, as far as it has been read.
    step: Option<(u32, u32)>,
    /// Locals that are, where the reader stands, what another was when the round began.
    copies: FxHashMap<u32, u32>,
    looks: bool,
    callees: Vec<u32>,
    /// It has gone back, before the step, before it looked.
    back: bool,
    back_before_step: bool,
    back_before_look: bool,
    /// Something but `br` and `br_if` goes back.
    other_back: bool,
    /// It calls, or holds another loop.
    leaves: bool,
    written: FxHashMap<u32, u32>,
}

enum Frame {
    Block,
    Loop(Box<Open>),
}

/// The last operators, for recognizing `local + constant`.
#[derive(Clone, Copy)]
enum LastOperator {
    Get(u32),
    Const(u32),
    Sum(u32, u32),
    Other,
}

impl Scan {
    fn of(body: &FunctionBody<'_>, imported: u32) -> Option<Self> {
        let own = body.range().end - body.range().start;
        let mut scan = Scan {
            size: own,
            direct: Vec::new(),
            indirect: 0,
            loops: Vec::new(),
        };
        let mut counted = 0;
        let mut frames = vec![Frame::Block];
        let mut seen = [LastOperator::Other; 2];
        let mut reader = body.get_operators_reader().ok()?;
        while !reader.eof() {
            let (operator, at) = reader.read_with_offset().ok()?;
            let mut now = LastOperator::Other;
            match operator {
                Operator::Loop { blockty } => {
                    for frame in &mut frames {
                        if let Frame::Loop(open) = frame {
                            open.leaves = true;
                        }
                    }
                    frames.push(Frame::Loop(Box::new(Open {
                        index: scan.loops.len(),
                        from: at,
                        plain: matches!(blockty, BlockType::Empty | BlockType::Type(_)),
                        step: None,
                        copies: FxHashMap::default(),
                        looks: false,
                        callees: Vec::new(),
                        back: false,
                        back_before_step: false,
                        back_before_look: false,
                        other_back: false,
                        leaves: false,
                        written: FxHashMap::default(),
                    })));
                    scan.loops.push(CountedLoop {
                        check: LoopCheck::Header,
                        callees: Vec::new(),
                    });
                }
                Operator::Block { .. } | Operator::If { .. } => frames.push(Frame::Block),
                Operator::TryTable { ref try_table } => {
                    for catch in &try_table.catches {
                        let (Catch::One { label, .. }
                        | Catch::OneRef { label, .. }
                        | Catch::All { label }
                        | Catch::AllRef { label }) = *catch;
                        back(&mut frames, label, true);
                    }
                    frames.push(Frame::Block);
                }
                Operator::End => {
                    let Some(Frame::Loop(open)) = frames.pop() else {
                        continue;
                    };
                    let found = &mut scan.loops[open.index];
                    found.check = open.check(at);
                    if matches!(found.check, LoopCheck::Counted { .. }) {
                        counted += at - open.from;
                    }
                    let surely = found.check == LoopCheck::Header && open.callees.is_empty();
                    found.callees = open.callees;
                    if surely && let Some(Frame::Loop(outer)) = frames.last_mut() {
                        outer.looks = true;
                    }
                }
                Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => {
                    back(&mut frames, relative_depth, false);
                }
                Operator::BrTable { ref targets } => {
                    for target in targets.targets() {
                        back(&mut frames, target.ok()?, true);
                    }
                    back(&mut frames, targets.default(), true);
                }
                Operator::BrOnNull { relative_depth }
                | Operator::BrOnNonNull { relative_depth } => {
                    back(&mut frames, relative_depth, true);
                }
                Operator::BrOnCast { .. } | Operator::BrOnCastFail { .. } => return None,
                Operator::Call { function_index } => {
                    calls(&mut frames);
                    let callee = function_index.checked_sub(imported);
                    scan.direct.extend(callee);
                    if let Some(Frame::Loop(open)) = frames.last_mut()
                        && !open.back
                    {
                        open.callees.extend(callee);
                    }
                }
                Operator::ReturnCall { function_index } => {
                    scan.direct.extend(function_index.checked_sub(imported));
                }
                Operator::CallIndirect { .. } | Operator::CallRef { .. } => {
                    calls(&mut frames);
                    scan.indirect += 1;
                }
                Operator::ReturnCallIndirect { .. } | Operator::ReturnCallRef { .. } => {
                    scan.indirect += 1;
                }
                ref bulk if is_bulk(bulk) => calls(&mut frames),
                Operator::LocalGet { local_index } => now = LastOperator::Get(local_index),
                Operator::I32Const { value } => now = LastOperator::Const(value as u32),
                Operator::I32Add => {
                    now = match seen {
                        [LastOperator::Get(local), LastOperator::Const(step)]
                        | [LastOperator::Const(step), LastOperator::Get(local)] => {
                            LastOperator::Sum(local, step)
                        }
                        _ => LastOperator::Other,
                    }
                }
                Operator::I32Sub => {
                    if let [LastOperator::Get(local), LastOperator::Const(step)] = seen {
                        now = LastOperator::Sum(local, step.wrapping_neg());
                    }
                }
                Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                    if let (LastOperator::Sum(local, step), Some(Frame::Loop(open))) =
                        (seen[1], frames.last_mut())
                        && step != 0
                        && (local == local_index || open.copies.get(&local) == Some(&local_index))
                        && open.step.is_none()
                        && !open.back_before_step
                    {
                        open.step = Some((local_index, step));
                    }
                    for frame in &mut frames {
                        if let Frame::Loop(open) = frame {
                            *open.written.entry(local_index).or_default() += 1;
                            open.copies
                                .retain(|to, from| *to != local_index && *from != local_index);
                        }
                    }
                    if let (LastOperator::Get(from), Some(Frame::Loop(open))) =
                        (seen[1], frames.last_mut())
                        && from != local_index
                    {
                        open.copies.insert(local_index, from);
                    }
                    if matches!(operator, Operator::LocalTee { .. }) {
                        now = match seen[1] {
                            LastOperator::Get(from) => LastOperator::Get(from),
                            _ => LastOperator::Get(local_index),
                        };
                    }
                }
                _ => {}
            }
            seen = [seen[1], now];
        }
        // A counted loop may run 255 rounds without a look.
        scan.size = own + counted * u64::from(ROUNDS);
        if scan.size > MUCH / 2 {
            scan.size = own;
            for found in &mut scan.loops {
                if matches!(found.check, LoopCheck::Counted { .. }) {
                    found.check = LoopCheck::Header;
                }
            }
        }
        Some(scan)
    }
}

/// A branch to that label; `other`: by something else than `br` and `br_if`.
fn back(frames: &mut [Frame], depth: u32, other: bool) {
    let Some(at) = frames.len().checked_sub(1 + depth as usize) else {
        return;
    };
    if let Frame::Loop(open) = &mut frames[at] {
        open.back = true;
        open.other_back |= other;
        open.back_before_step |= open.step.is_none();
        open.back_before_look |= !open.looks;
    }
}

fn calls(frames: &mut [Frame]) {
    for frame in frames {
        if let Frame::Loop(open) = frame {
            open.leaves = true;
        }
    }
}

impl Open {
    /// Code of a loop's own level runs in order: branches within a round only go forward, to ends of blocks that were
    /// closed before. So what stands there before all branches back has run once in every round.
    fn check(&self, end: u64) -> LoopCheck {
        if self.looks && !self.back_before_look {
            return LoopCheck::None;
        }
        let short = end - self.from <= SHORT_LOOP;
        match self.step {
            Some((local, step))
                if short
                    && self.plain
                    && !self.leaves
                    && !self.other_back
                    && !self.back_before_step
                    && self.written.get(&local) == Some(&1) =>
            {
                // With an odd multiple of 2^n added in each round, the eight bits from n on take all values in turn.
                LoopCheck::Counted {
                    local,
                    mask: ROUNDS << step.trailing_zeros(),
                }
            }
            _ => LoopCheck::Header,
        }
    }
}

/// Whether one of these takes long by itself.
pub fn is_bulk(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::MemoryFill { .. }
            | Operator::MemoryCopy { .. }
            | Operator::MemoryInit { .. }
            | Operator::TableFill { .. }
            | Operator::TableCopy { .. }
            | Operator::TableInit { .. }
            | Operator::TableGrow { .. }
    )
}

#[cfg(test)]
mod tests;
