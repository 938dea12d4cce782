//! What the module's constructors registered: types, classes, functions. Plain data, immutable after start-up, and
//! free of pointers into an instance, so that every sandbox of a program can share it.

mod callable;

pub use callable::{Callable, Param, Passing, Plan, Role, State, This};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Index into [`Registry::types`].
pub type TypeIdx = u32;
/// Index into [`Registry::funcs`] and into the sandbox's resolved functions.
pub type FuncId = u32;
/// Index into [`Registry::callables`].
pub type CallableId = u32;

pub const NO_TYPE: TypeIdx = u32::MAX;

/// A registered type.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TypeInfo {
    /// The address of the `std::type_info`.
    pub raw: u32,
    pub name: String,
    pub kind: TypeKind,
}

/// How values of a type are converted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum TypeKind {
    Void,
    Bool {
        size: u32,
        when_true: i32,
        when_false: i32,
    },
    Int {
        size: u32,
        signed: bool,
        min: f64,
        max: f64,
    },
    BigInt {
        signed: bool,
    },
    Float {
        size: u32,
    },
    StdString {
        utf8: bool,
    },
    /// Units of 2 or 4 bytes.
    WideString {
        unit: u32,
    },
    Emval {
        optional: bool,
    },
    MemoryView(super::super::js::ViewKind),
    Enum(u32),
    /// A value object or a value array.
    Record(u32),
    /// A class by pointer, by reference, or by smart pointer.
    Pointer(u32),
}

/// A pointer or reference to a class.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pointer {
    pub name: String,
    pub class: u32,
    pub is_reference: bool,
    pub is_const: bool,
    pub smart: Option<Smart>,
}

/// A smart pointer, and the functions that work on it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Smart {
    /// The plain pointer to the same class.
    pub pointee: u32,
    pub policy: u32,
    pub get_pointee: FuncId,
    pub construct: FuncId,
    pub share: FuncId,
    pub destroy: FuncId,
}

/// A class, and what belongs to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Class {
    pub name: String,
    pub legal_name: String,
    pub base: Option<u32>,
    pub actual_type: FuncId,
    pub upcast: Option<FuncId>,
    pub downcast: Option<FuncId>,
    pub destroy: FuncId,
    pub constructors: Option<BTreeMap<u32, CallableId>>,
    pub methods: Members,
    pub statics: Members,
    pub properties: Vec<Property>,
    pub static_properties: Vec<Property>,
    pub pure_virtual: Vec<String>,
    pub iterable: Option<(String, String)>,
    pub derived: Vec<u32>,
}

/// Functions of one object by name, in the order in which they were first registered.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Members {
    pub names: Vec<(String, Member)>,
    #[serde(serialize_with = "crate::saved::sorted")]
    index: FxHashMap<String, usize>,
}

impl Members {
    pub fn get(&self, name: &str) -> Option<Member> {
        self.index.get(name).map(|i| self.names[*i].1)
    }
    pub fn set(&mut self, name: &str, member: Member) {
        match self.index.get(name) {
            Some(i) => self.names[*i].1 = member,
            None => {
                self.index.insert(name.to_owned(), self.names.len());
                self.names.push((name.to_owned(), member));
            }
        }
    }
}

/// What a name of a class leads to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Member {
    /// One function; `class` registered it (`u32::MAX`: not a method).
    One {
        callable: CallableId,
        argc: u32,
        class: u32,
    },
    /// Index into [`Registry::tables`].
    Table(u32),
}

/// Overloads of one name, told apart by the number of arguments.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OverloadTable {
    pub human: String,
    pub by_argc: BTreeMap<u32, CallableId>,
}

/// A property, by its accessors.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Property {
    pub name: String,
    pub getter: CallableId,
    /// `None`: read-only.
    pub setter: Option<CallableId>,
    pub human: String,
}

/// A value object or value array.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    pub name: String,
    pub construct: FuncId,
    pub destroy: FuncId,
    pub is_array: bool,
    pub fields: Vec<Field>,
    /// How many numbers and booleans it consists of, when it consists of nothing else and they are few enough to cross
    /// one by one.
    pub leaves: Option<u32>,
    /// Levels of value objects, this one included.
    pub depth: u32,
}

/// A field or element of a record, by its accessors.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Field {
    /// Empty for the elements of a value array.
    pub name: String,
    pub getter: FuncId,
    pub getter_context: u32,
    /// The type id until the record is finalized, then the index.
    pub get_type: TypeIdx,
    pub setter: FuncId,
    pub setter_context: u32,
    pub set_type: TypeIdx,
}

/// What the values of an enum are in JavaScript.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EnumStyle {
    Object,
    Number,
    String,
}

/// An enum and its values.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Enum {
    pub name: String,
    pub style: EnumStyle,
    pub size: u32,
    pub signed: bool,
    pub values: Vec<(String, i32)>,
}

/// A symbol on the module object.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Public {
    Function {
        callable: CallableId,
        argc: u32,
    },
    Table(u32),
    Class(u32),
    /// The class whose base never came: constructing throws.
    UnboundClass(CallableId),
    Enum(u32),
    Constant(u32),
}

/// The value of a constant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Constant {
    Undefined,
    Null,
    Bool(bool),
    Number(f64),
    I64(i64),
    U64(u64),
    Text(Vec<u16>),
    /// Enum index, value.
    Enum(u32, f64),
    /// Anything else: a JavaScript value made at start-up.
    Js(super::super::js::JsRef),
}

/// All that was registered, each kind in a list of its own.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Registry {
    pub types: Vec<TypeInfo>,
    #[serde(serialize_with = "crate::saved::sorted")]
    pub by_raw: FxHashMap<u32, TypeIdx>,
    /// Types announced but not registered, and the type ids that they wait for.
    #[serde(serialize_with = "crate::saved::sorted")]
    pub dependencies: FxHashMap<u32, Vec<u32>>,
    pub pointers: Vec<Pointer>,
    /// Class type id to its plain and its const pointer: what a downcast may give.
    #[serde(serialize_with = "crate::saved::sorted")]
    pub actual: FxHashMap<u32, (u32, u32)>,
    pub classes: Vec<Class>,
    pub records: Vec<Record>,
    pub enums: Vec<Enum>,
    pub callables: Vec<Callable>,
    pub tables: Vec<OverloadTable>,
    pub public: Vec<(String, Public)>,
    #[serde(serialize_with = "crate::saved::sorted")]
    pub public_index: FxHashMap<String, usize>,
    pub constants: Vec<Constant>,
    /// Table indices with the signature text they were registered with.
    pub funcs: Vec<(u32, String)>,
    /// Type ids of `std::optional`s to those of what they may hold.
    #[serde(serialize_with = "crate::saved::sorted")]
    pub optionals: FxHashMap<u32, u32>,
}

impl Registry {
    pub fn type_of_raw(&self, raw: u32) -> Option<TypeIdx> {
        self.by_raw.get(&raw).copied()
    }
    pub fn ty(&self, index: TypeIdx) -> &TypeInfo {
        &self.types[index as usize]
    }
    pub fn pointer(&self, index: u32) -> &Pointer {
        &self.pointers[index as usize]
    }
    pub fn class(&self, index: u32) -> &Class {
        &self.classes[index as usize]
    }
    pub fn class_of_type(&self, index: TypeIdx) -> Option<u32> {
        match self.ty(index).kind {
            TypeKind::Pointer(p) => Some(self.pointer(p).class),
            _ => None,
        }
    }
    pub fn public(&self, name: &str) -> Option<Public> {
        self.public_index.get(name).map(|i| self.public[*i].1)
    }
    pub fn set_public(&mut self, name: &str, value: Public) {
        match self.public_index.get(name) {
            Some(i) => self.public[*i].1 = value,
            None => {
                self.public_index.insert(name.to_owned(), self.public.len());
                self.public.push((name.to_owned(), value));
            }
        }
    }
    /// A method as the prototype chain of `class` gives it.
    pub fn find_method(&self, class: u32, name: &str) -> Option<Member> {
        let mut at = Some(class);
        while let Some(index) = at {
            let class = self.class(index);
            if let Some(member) = class.methods.get(name) {
                return Some(member);
            }
            at = class.base;
        }
        None
    }
    /// [`Record::leaves`] of a record whose fields' types are known.
    pub fn count_leaves(&self, fields: &[Field]) -> Option<u32> {
        let mut count = 0;
        for field in fields {
            if field.get_type != field.set_type {
                return None;
            }
            count += match self.ty(field.get_type).kind {
                TypeKind::Bool { .. } | TypeKind::Int { .. } | TypeKind::Float { .. } => 1,
                TypeKind::Record(inner) => self.records[inner as usize].leaves?,
                _ => return None,
            };
            if count > super::plan::MOST_RESULT_LEAVES {
                return None;
            }
        }
        (count != 0).then_some(count)
    }
    /// [`Record::depth`] of a record with these fields.
    pub fn record_depth(&self, fields: &[Field]) -> u32 {
        let types = fields.iter().flat_map(|f| [f.get_type, f.set_type]);
        let depths = types.map(|ty| match self.ty(ty).kind {
            TypeKind::Record(inner) => self.records[inner as usize].depth,
            _ => 0,
        });
        1 + depths.max().unwrap_or(0)
    }
    /// [`Record::leaves`] for any type, up to a limit.
    pub fn leaves_of_type(&self, ty: TypeIdx, most: u32) -> Option<u32> {
        match self.ty(ty).kind {
            TypeKind::Record(record) => self.records[record as usize].leaves.filter(|n| *n <= most),
            _ => None,
        }
    }
    /// Whether the conversion leaves something to be undone after the call, and how embind decides it:
    /// `None` decides at run time and forces the stack form.
    pub fn static_destructor(&self, index: TypeIdx) -> Option<bool> {
        match &self.ty(index).kind {
            TypeKind::StdString { .. } | TypeKind::WideString { .. } | TypeKind::Record(_) => {
                Some(true)
            }
            TypeKind::MemoryView(_) => None,
            TypeKind::Void => None,
            TypeKind::Pointer(p) => {
                let pointer = self.pointer(*p);
                let plain = pointer.smart.is_none() && self.class(pointer.class).base.is_none();
                plain.then_some(false)
            }
            _ => Some(false),
        }
    }
}
