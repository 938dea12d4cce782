//! What a WebAssembly binary says about itself: one walk over its sections, function bodies left alone.

use super::ReadError;
use std::fmt;
use std::sync::Arc;
use wasmparser::{ElementItems, ExternalKind, Parser, Payload, TypeRef};

/// Facts about the module as a whole. Indices are those of the binary; imports come first in each index space.
#[derive(Clone, Debug, Default)]
pub struct WasmFacts {
    pub imports: Vec<Import>,
    pub exports: Vec<Export>,
    /// Signature of every function, imported ones first.
    pub functions: Vec<Signature>,
    pub imported_functions: u32,
    pub memories: Vec<MemoryFacts>,
    pub tables: Vec<TableFacts>,
    pub globals: Vec<GlobalFacts>,
    pub tags: u32,
    /// The functions in the table take many i64 and give one: EMULATE_FUNCTION_POINTER_CASTS.
    pub emulates_casts: bool,
    pub start: Option<u32>,
    pub data: DataFacts,
    /// Names of all custom sections, in order.
    pub custom_sections: Vec<String>,
    pub dylink: Option<Dylink>,
    /// From the `target_features` section: features the toolchain says the module uses (`+`).
    pub target_features: Vec<String>,
    /// From the `producers` section: `(field, name, version)`.
    pub producers: Vec<(String, String, String)>,
    /// Has a `name` section, see [`super::wasm_custom::function_names`].
    pub has_names: bool,
}

/// What a module asks for, in the order of its import section.
#[derive(Clone, Debug)]
pub struct Import {
    pub module: String,
    pub name: String,
    pub item: Item,
}

/// What a module offers.
#[derive(Clone, Debug)]
pub struct Export {
    pub name: String,
    pub item: Item,
    /// Index in the item's own index space.
    pub index: u32,
}

/// The type of something imported or exported.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    Function(Signature),
    Memory(MemoryFacts),
    Table(TableFacts),
    Global(GlobalFacts),
    Tag,
}

/// The type of a value; references are all one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueType {
    I32,
    I64,
    F32,
    F64,
    V128,
    Ref,
}

/// A function type; displays as the ABI notes write it, `(ii)→v`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Signature {
    // Shared: a million functions may have one type.
    pub params: Arc<[ValueType]>,
    pub results: Arc<[ValueType]>,
}

impl Signature {
    /// How many parameters it has, where JavaScript has values for all types, and one result at most.
    pub fn taken(&self) -> Option<usize> {
        use ValueType::{F32, F64, I32, I64};
        let all = self.params.iter().chain(self.results.iter());
        let mut all = all.map(|ty| matches!(ty, I32 | I64 | F32 | F64));
        (self.results.len() <= 1 && all.all(|is| is)).then_some(self.params.len())
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = |types: &[ValueType]| -> String {
            types
                .iter()
                .map(|t| match t {
                    ValueType::I32 => 'i',
                    ValueType::I64 => 'j',
                    ValueType::F32 => 'f',
                    ValueType::F64 => 'd',
                    ValueType::V128 => 'V',
                    ValueType::Ref => 'r',
                })
                .collect()
        };
        let results = match self.results.len() {
            0 => "v".to_string(),
            _ => letters(&self.results),
        };
        write!(f, "({})→{results}", letters(&self.params))
    }
}

/// Binaryen gives such functions sixteen parameters where it is not told otherwise; no C function of the type is likely
/// with five.
fn takes_anything(signature: &Signature) -> bool {
    signature.params.len() >= 5
        && signature.params.iter().all(|ty| *ty == ValueType::I64)
        && *signature.results == [ValueType::I64]
}

/// Limits are in pages of 64 KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryFacts {
    pub min: u64,
    pub max: Option<u64>,
    pub shared: bool,
    pub memory64: bool,
    pub imported: bool,
}

/// A table: its limits, in entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableFacts {
    pub min: u64,
    pub max: Option<u64>,
    pub imported: bool,
}

/// A global.
#[derive(Clone, Debug, PartialEq)]
pub struct GlobalFacts {
    pub value_type: ValueType,
    pub mutable: bool,
    pub imported: bool,
    pub exported: bool,
    /// The initial value where it is a plain constant (integers only).
    pub constant: Option<i64>,
}

/// The data segments of a module: how many there are of each kind, and how many bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct DataFacts {
    pub active: u32,
    pub passive: u32,
    pub bytes: u64,
    /// End of the highest active segment with a constant offset: static data reaches at least to here.
    pub end: u64,
}

/// What a `dylink.0` (or the older `dylink`) section asks for.
#[derive(Clone, Debug, Default)]
pub struct Dylink {
    pub memory_size: u32,
    pub memory_alignment: u32,
    pub table_size: u32,
    pub table_alignment: u32,
    pub needed: Vec<String>,
}

impl WasmFacts {
    pub fn function_imports(&self) -> impl Iterator<Item = (&Import, &Signature)> {
        self.imports.iter().filter_map(|i| match &i.item {
            Item::Function(signature) => Some((i, signature)),
            _ => None,
        })
    }

    pub fn export(&self, name: &str) -> Option<&Export> {
        self.exports.iter().find(|e| e.name == name)
    }

    /// Imports of `GOT.mem`/`GOT.func`, or a dylink section: the module takes part in dynamic linking.
    pub fn dynamic_linking(&self) -> bool {
        self.dylink.is_some() || self.imports.iter().any(|i| i.module.starts_with("GOT."))
    }
}

fn invalid(e: wasmparser::BinaryReaderError) -> ReadError {
    ReadError::InvalidWasm {
        offset: e.offset(),
        reason: e.message().to_string(),
    }
}

fn value_type(t: wasmparser::ValType) -> ValueType {
    match t {
        wasmparser::ValType::I32 => ValueType::I32,
        wasmparser::ValType::I64 => ValueType::I64,
        wasmparser::ValType::F32 => ValueType::F32,
        wasmparser::ValType::F64 => ValueType::F64,
        wasmparser::ValType::V128 => ValueType::V128,
        wasmparser::ValType::Ref(_) => ValueType::Ref,
    }
}

fn memory(t: wasmparser::MemoryType, imported: bool) -> MemoryFacts {
    MemoryFacts {
        min: t.initial,
        max: t.maximum,
        shared: t.shared,
        memory64: t.memory64,
        imported,
    }
}

fn table(t: wasmparser::TableType, imported: bool) -> TableFacts {
    TableFacts {
        min: t.initial,
        max: t.maximum,
        imported,
    }
}

fn constant(expr: &wasmparser::ConstExpr<'_>) -> Option<i64> {
    let mut ops = expr.get_operators_reader();
    match ops.read().ok()? {
        wasmparser::Operator::I32Const { value } => Some(i64::from(value)),
        wasmparser::Operator::I64Const { value } => Some(value),
        _ => None,
    }
}

/// Reads the sections of `wasm`. Finds truncation and malformed sections, but does not look into function bodies:
/// [`super::wasm_code::check`] does.
pub fn read(wasm: &[u8]) -> Result<WasmFacts, ReadError> {
    let mut facts = WasmFacts::default();
    let mut types: Vec<Option<Signature>> = Vec::new();
    let signature = |types: &[Option<Signature>], index: u32| -> Signature {
        types
            .get(index as usize)
            .cloned()
            .flatten()
            .unwrap_or_default()
    };
    let mut bodies = 0u32;
    let mut declared = 0u32;
    let mut parser = Parser::new(0);
    parser.set_features(wasmparser::WasmFeatures::all());
    let mut data = wasm;
    loop {
        let payload = match parser.parse(data, true).map_err(invalid)? {
            wasmparser::Chunk::Parsed { consumed, payload } => {
                data = data.get(consumed..).unwrap_or_default();
                payload
            }
            wasmparser::Chunk::NeedMoreData(_) => {
                return Err(ReadError::InvalidWasm {
                    offset: wasm.len() as u64,
                    reason: "unexpected end: the file is truncated".into(),
                });
            }
        };
        match payload {
            Payload::Version { encoding, .. } if encoding != wasmparser::Encoding::Module => {
                return Err(ReadError::UnsupportedFeature {
                    feature: "the component model".into(),
                });
            }
            Payload::TypeSection(reader) => {
                for group in reader {
                    for ty in group.map_err(invalid)?.into_types() {
                        types.push(match &ty.composite_type.inner {
                            wasmparser::CompositeInnerType::Func(f) => Some(Signature {
                                params: f.params().iter().map(|t| value_type(*t)).collect(),
                                results: f.results().iter().map(|t| value_type(*t)).collect(),
                            }),
                            _ => None,
                        });
                    }
                }
            }
            Payload::ImportSection(reader) => {
                for import in reader.into_imports() {
                    let import = import.map_err(invalid)?;
                    let item = match import.ty {
                        TypeRef::Func(t) | TypeRef::FuncExact(t) => {
                            let s = signature(&types, t);
                            facts.functions.push(s.clone());
                            facts.imported_functions += 1;
                            Item::Function(s)
                        }
                        TypeRef::Table(t) => {
                            facts.tables.push(table(t, true));
                            Item::Table(table(t, true))
                        }
                        TypeRef::Memory(t) => {
                            facts.memories.push(memory(t, true));
                            Item::Memory(memory(t, true))
                        }
                        TypeRef::Global(t) => {
                            let global = GlobalFacts {
                                value_type: value_type(t.content_type),
                                mutable: t.mutable,
                                imported: true,
                                exported: false,
                                constant: None,
                            };
                            facts.globals.push(global.clone());
                            Item::Global(global)
                        }
                        TypeRef::Tag(_) => {
                            facts.tags += 1;
                            Item::Tag
                        }
                    };
                    facts.imports.push(Import {
                        module: import.module.to_string(),
                        name: import.name.to_string(),
                        item,
                    });
                }
            }
            Payload::FunctionSection(reader) => {
                declared = reader.count();
                for index in reader {
                    facts
                        .functions
                        .push(signature(&types, index.map_err(invalid)?));
                }
            }
            Payload::TableSection(reader) => {
                for t in reader {
                    facts.tables.push(table(t.map_err(invalid)?.ty, false));
                }
            }
            Payload::MemorySection(reader) => {
                for t in reader {
                    facts.memories.push(memory(t.map_err(invalid)?, false));
                }
            }
            Payload::TagSection(reader) => facts.tags += reader.count(),
            Payload::GlobalSection(reader) => {
                for global in reader {
                    let global = global.map_err(invalid)?;
                    facts.globals.push(GlobalFacts {
                        value_type: value_type(global.ty.content_type),
                        mutable: global.ty.mutable,
                        imported: false,
                        exported: false,
                        constant: constant(&global.init_expr),
                    });
                }
            }
            Payload::ExportSection(reader) => {
                for export in reader {
                    let export = export.map_err(invalid)?;
                    let at = export.index as usize;
                    let missing = || ReadError::InvalidWasm {
                        offset: 0,
                        reason: format!(
                            "export {:?} names index {at}, which is not there",
                            export.name
                        ),
                    };
                    let item = match export.kind {
                        ExternalKind::Func | ExternalKind::FuncExact => {
                            Item::Function(facts.functions.get(at).cloned().ok_or_else(missing)?)
                        }
                        ExternalKind::Table => {
                            Item::Table(*facts.tables.get(at).ok_or_else(missing)?)
                        }
                        ExternalKind::Memory => {
                            Item::Memory(*facts.memories.get(at).ok_or_else(missing)?)
                        }
                        ExternalKind::Global => {
                            let global = facts.globals.get_mut(at).ok_or_else(missing)?;
                            global.exported = true;
                            Item::Global(global.clone())
                        }
                        ExternalKind::Tag => Item::Tag,
                    };
                    facts.exports.push(Export {
                        name: export.name.to_string(),
                        item,
                        index: export.index,
                    });
                }
            }
            Payload::ElementSection(reader) => {
                let first = reader
                    .into_iter()
                    .find_map(|element| match element.ok()?.items {
                        ElementItems::Functions(functions) => functions.into_iter().next()?.ok(),
                        ElementItems::Expressions(..) => None,
                    });
                let first = first.and_then(|index| facts.functions.get(index as usize));
                facts.emulates_casts = first.is_some_and(takes_anything);
            }
            Payload::StartSection { func, .. } => facts.start = Some(func),
            Payload::DataSection(reader) => {
                for segment in reader {
                    let segment = segment.map_err(invalid)?;
                    facts.data.bytes += segment.data.len() as u64;
                    match segment.kind {
                        wasmparser::DataKind::Passive => facts.data.passive += 1,
                        wasmparser::DataKind::Active { offset_expr, .. } => {
                            facts.data.active += 1;
                            if let Some(at) = constant(&offset_expr) {
                                let end = (at as u32 as u64) + segment.data.len() as u64;
                                facts.data.end = facts.data.end.max(end);
                            }
                        }
                    }
                }
            }
            Payload::CodeSectionEntry(_) => bodies += 1,
            Payload::CustomSection(section) => super::wasm_custom::read(&mut facts, &section),
            Payload::End(_) => break,
            _ => {}
        }
    }
    if bodies != declared {
        return Err(ReadError::InvalidWasm {
            offset: wasm.len() as u64,
            reason: format!("{declared} functions are declared, {bodies} bodies are there"),
        });
    }
    Ok(facts)
}
