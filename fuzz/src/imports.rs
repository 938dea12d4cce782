//! Every import of the native host with lengths and counts of any size, under a limit of time: each ends, with whatever
//! error, soon after the limit, and the file system is whole afterwards.

use super::Bytes;
use super::host::{Fake, abi, runtime_of};
use emvm::emscripten::fs::{self, Host, Input, Stdio};
use emvm::emscripten::{Runtime, answer, import_names};
use emvm::engine::{Args, Code, PIECE, Unwind, ValRaw};
use emvm::instance::Interrupter;
use std::cell::{Cell, RefCell};
use std::sync::LazyLock;
use std::time::Duration;
use wasmer_types::{FunctionType, Type};

/// The limit of one input's calls, each.
const LIMIT: Duration = Duration::from_millis(5);
/// Processor time that a call may take in all: sanitizers are slow, and one step may be long.
const MOST: Duration = Duration::from_millis(1500);

static CODE: LazyLock<Code> =
    LazyLock::new(|| Code::compile(include_bytes!("lengths.wasm"), None).expect("it compiles"));
static NAMES: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let mut names: Vec<_> = import_names().collect();
    names.sort_unstable();
    names
});

/// Output goes nowhere, input never ends.
struct Quiet;

impl Host for Quiet {
    fn line(&self, _: Stdio, _: &str) -> fs::Result<()> {
        Ok(())
    }
    fn stdin(&self) -> fs::Result<Input> {
        Ok(Input::Byte(b'x'))
    }
}

/// What `hook` is to do while the module waits for it.
struct Call {
    name: &'static str,
    ty: FunctionType,
    slots: Vec<ValRaw>,
}

thread_local! {
    static NEXT: RefCell<Option<Call>> = const { RefCell::new(None) };
    static LAST: Cell<&'static str> = const { Cell::new("") };
}

fn hook(rt: &mut Runtime, args: &mut Args) -> Result<(), Unwind> {
    let Some(mut call) = NEXT.take() else {
        return Ok(());
    };
    let function = answer(call.name).expect("a known import");
    let result = function(rt, &mut Args::new(&mut call.slots, &call.ty, 0));
    args.ret_u32(call.slots[0].u32())?;
    result
}

/// A pointer, a length, a count, a descriptor, a flag: what it is, is for the import to say.
fn word(input: &mut Bytes<'_>, memory: u32) -> u64 {
    let small = u64::from(input.u8());
    match input.u8() % 16 {
        0..=4 => small,
        5 | 6 => 64 + small * 8,
        7 => u64::from(memory / 2) + small,
        8 => u64::from(memory) - small,
        9 => u64::from(u32::MAX) - small,
        10 => 1 << (small % 33),
        11 => (1 << (small % 33)) - 1,
        12 => PIECE as u64 * (small % 9),
        13 => 250_000_000 + small,
        14 => u64::from(input.u32()),
        _ => input.number() as u64,
    }
}

fn next_call(input: &mut Bytes<'_>, memory: u32) -> Call {
    let name = NAMES[usize::from(input.u16()) % NAMES.len()];
    let count = usize::from(input.u8() % 9);
    let kinds = [
        Type::I32,
        Type::I32,
        Type::I32,
        Type::I32,
        Type::I32,
        Type::I64,
        Type::F64,
        Type::F32,
    ];
    let odd = input.u8().is_multiple_of(3);
    let params: Vec<_> = (0..count)
        .map(|_| if odd { input.pick(&kinds) } else { Type::I32 })
        .collect();
    let mut slots: Vec<ValRaw> = params
        .iter()
        .map(|ty| {
            let word = word(input, memory);
            match ty {
                Type::F64 => ValRaw::from_f64(word as i64 as f64),
                Type::F32 => ValRaw::from_f32(word as i64 as f32),
                Type::I64 => ValRaw::from_i64(word as i64),
                _ => ValRaw::from_u32(word as u32),
            }
        })
        .collect();
    slots.resize(count.max(1), ValRaw::default());
    let ty = FunctionType::new(params, vec![Type::I32]);
    Call { name, ty, slots }
}

/// Something to work on: text without an end, iovecs, names.
fn fill(rt: &mut Runtime, input: &mut Bytes<'_>, memory: u32) {
    const PATTERNS: [&[u8]; 12] = [
        b"%c",
        b"%",
        b"\n",
        b"/dev/urandom\0",
        b"/tmp/a\0",
        b" ",
        b"\xff",
        b"a\0",
        b"%*d",
        &[0x40, 0, 0, 0],
        &[1],
        b"/a",
    ];
    let (pattern, at) = (input.pick(&PATTERNS), word(input, memory) as u32);
    let len = (word(input, memory) as u32).min(2 << 20);
    if let Ok(place) = rt.wasm.bytes_mut(at, len) {
        for chunk in place.chunks_mut(pattern.len()) {
            chunk.copy_from_slice(&pattern[..chunk.len()]);
        }
    }
}

/// Processor time of this thread, where the system tells.
fn spent() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ')
        .next()?
        .parse()
        .ok()
        .map(Duration::from_nanos)
}

fn meddle(_: &mut Runtime, _: &Fake) {}

/// One input.
pub fn run(data: &[u8]) {
    let mut input = Bytes(data);
    let abi = abi(&mut input);
    let pages = input.pick(&[1u32, 64, 4096, 32768]);
    let decisions = input.take(16);
    let (mut rt, _fake) = runtime_of(&CODE, abi, decisions, meddle, hook, 1 << 31);
    rt.fs.set_host(Box::new(Quiet));
    rt.fs.set_limit(16 << 20);
    rt.wasm.grow(pages - 1);
    let image = rt.fs.snapshot();
    let interrupter =
        Interrupter::new(Interrupter::new_id(), rt.wasm.interrupt_flag(), Some(LIMIT));
    let go = rt.wasm.export("go").expect("it is there");
    let mut steps = 0;
    while !input.is_empty() && steps < 24 {
        steps += 1;
        let memory = rt.wasm.memory().len() as u32;
        if input.u8() % 4 == 0 {
            fill(&mut rt, &mut input, memory);
            continue;
        }
        let call = next_call(&mut input, memory);
        LAST.set(call.name);
        NEXT.set(Some(call));
        let before = spent();
        interrupter.begin();
        let called = rt.call(go, &[ValRaw::from_u32(0)]);
        drop(interrupter.end(called.err()));
        let took = spent().zip(before).map(|(after, before)| after - before);
        assert!(
            took.is_none_or(|took| took < MOST),
            "{} took {took:?}",
            LAST.get()
        );
        rt.fs
            .check()
            .unwrap_or_else(|e| panic!("{}: {e}", LAST.get()));
    }
    interrupter.forget();
    rt.fs.restore(&image);
    rt.fs.check_restored(&image).unwrap();
}
