//! What the module's constructors registered: types, classes, functions. Plain data, immutable after start-up, and
//! free of pointers into an instance, so that every sandbox of a program can share it.

use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// Index into [`Registry::types`].
pub type TypeIdx = u32;
/// Index into [`Registry::funcs`] and into the sandbox's resolved functions.
pub type FuncId = u32;
/// Index into [`Registry::callables`].
pub type CallableId = u32;

pub const NO_TYPE: TypeIdx = u32::MAX;

#[derive(Clone, Debug)]
pub struct TypeInfo {
    /// The address of the `std::type_info`.
    pub raw: u32,
    pub name: String,
    pub kind: TypeKind,
}

#[derive(Clone, Debug)]
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

#[derive(Clone, Debug)]
pub struct Pointer {
    pub name: String,
    pub class: u32,
    pub is_reference: bool,
    pub is_const: bool,
    pub smart: Option<Smart>,
}

#[derive(Clone, Debug)]
pub struct Smart {
    /// The plain pointer to the same class.
    pub pointee: u32,
    pub policy: u32,
    pub get_pointee: FuncId,
    pub construct: FuncId,
    pub share: FuncId,
    pub destroy: FuncId,
}

#[derive(Clone, Debug)]
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
#[derive(Clone, Debug, Default)]
pub struct Members {
    pub names: Vec<(String, Member)>,
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

#[derive(Clone, Copy, Debug, PartialEq)]
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
#[derive(Clone, Debug)]
pub struct OverloadTable {
    pub human: String,
    pub by_argc: BTreeMap<u32, CallableId>,
}

#[derive(Clone, Debug)]
pub struct Property {
    pub name: String,
    pub getter: CallableId,
    /// `None`: read-only.
    pub setter: Option<CallableId>,
    pub human: String,
}

#[derive(Clone, Debug)]
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

#[derive(Clone, Debug)]
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnumStyle {
    Object,
    Number,
    String,
}

#[derive(Clone, Debug)]
pub struct Enum {
    pub name: String,
    pub style: EnumStyle,
    pub size: u32,
    pub signed: bool,
    pub values: Vec<(String, i32)>,
}

#[derive(Clone, Debug)]
pub struct Callable {
    /// `Class.method`, as error messages say it.
    pub human: String,
    pub role: Role,
    /// How many arguments JavaScript passes.
    pub argc: u32,
    pub state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Function,
    Method,
    Constructor,
    Getter,
    Setter,
    StaticGetter,
    StaticSetter,
}

impl Role {
    pub fn has_this(self) -> bool {
        matches!(self, Role::Method | Role::Getter | Role::Setter)
    }
}

#[derive(Clone, Debug)]
pub enum State {
    /// Some type is not registered (yet): calling throws `UnboundTypeError`.
    Unbound {
        message: String,
        types: Vec<u32>,
    },
    Bound(Plan),
}

/// How to call: everything that can be known beforehand.
#[derive(Clone, Debug)]
pub struct Plan {
    pub func: FuncId,
    pub context: u32,
    pub this: This,
    pub args: Box<[Param]>,
    pub result: TypeIdx,
    /// The result's wasm type, `None` when the function returns nothing.
    pub result_wasm: Option<wasmer_types::Type>,
    /// Destructors run last-in-first-out; otherwise in the order of the arguments.
    pub lifo: bool,
    /// The smallest number of arguments, when trailing ones are optional.
    pub required: u32,
    /// The result is a value object of that many numbers and booleans, which cross without JavaScript objects.
    pub leaves: Option<u32>,
    /// Arguments and result are numbers, and a call needs nothing beside the function itself.
    pub plain: bool,
}

#[derive(Clone, Copy, Debug)]
pub enum This {
    None,
    /// A method: converted as any argument of that pointer type.
    Pointer(u32),
    /// A property: checked against the class.
    Class(u32),
}

#[derive(Clone, Copy, Debug)]
pub struct Param {
    pub ty: TypeIdx,
    pub wasm: wasmer_types::Type,
    pub passing: Passing,
}

/// How an argument crosses from JavaScript.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passing {
    Value,
    /// A value that is taken as it is when it is a number: no range is checked.
    Number,
    /// Two numbers: see `invoke::Passed`.
    Handle,
    /// A flag, then that many values: the numbers and booleans in a value object, depth first. Without the flag, the
    /// first value is whatever was passed.
    Leaves(u32),
}

/// A symbol on the module object.
#[derive(Clone, Copy, Debug, PartialEq)]
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

#[derive(Clone, Debug)]
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

#[derive(Clone, Debug, Default)]
pub struct Registry {
    pub types: Vec<TypeInfo>,
    pub by_raw: FxHashMap<u32, TypeIdx>,
    /// Types announced but not registered, and the type ids that they wait for.
    pub dependencies: FxHashMap<u32, Vec<u32>>,
    pub pointers: Vec<Pointer>,
    /// Class type id to its plain and its const pointer: what a downcast may give.
    pub actual: FxHashMap<u32, (u32, u32)>,
    pub classes: Vec<Class>,
    pub records: Vec<Record>,
    pub enums: Vec<Enum>,
    pub callables: Vec<Callable>,
    pub tables: Vec<OverloadTable>,
    pub public: Vec<(String, Public)>,
    pub public_index: FxHashMap<String, usize>,
    pub constants: Vec<Constant>,
    /// Table indices with the signature text they were registered with.
    pub funcs: Vec<(u32, String)>,
    /// Type ids of `std::optional`s to those of what they may hold.
    pub optionals: FxHashMap<u32, u32>,
}

impl Callable {
    /// The result is an `emscripten::val`: any value, or a class handle.
    pub fn gives_val(&self, reg: &Registry) -> bool {
        match &self.state {
            State::Bound(plan) => {
                plan.result_wasm.is_some()
                    && matches!(reg.ty(plan.result).kind, TypeKind::Emval { .. })
            }
            State::Unbound { .. } => false,
        }
    }
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

// How it is kept in an image's file.
use crate::saved::{saved_enum, saved_struct};
saved_struct!(TypeInfo { raw, name, kind });
saved_enum!(TypeKind {
    0 Void
    ; 1 MemoryView(kind), 2 Enum(index), 3 Record(index), 4 Pointer(index)
    ; 5 Bool { size, when_true, when_false }, 6 Int { size, signed, min, max }, 7 BigInt { signed }, 8 Float { size },
      9 StdString { utf8 }, 10 WideString { unit }, 11 Emval { optional }
});
saved_struct!(Pointer {
    name,
    class,
    is_reference,
    is_const,
    smart
});
saved_struct!(Smart {
    pointee,
    policy,
    get_pointee,
    construct,
    share,
    destroy
});
saved_struct!(Class {
    name,
    legal_name,
    base,
    actual_type,
    upcast,
    downcast,
    destroy,
    constructors,
    methods,
    statics,
    properties,
    static_properties,
    pure_virtual,
    iterable,
    derived,
});
saved_struct!(Members { names, index });
saved_enum!(Member { ; 0 Table(index) ; 1 One { callable, argc, class } });
saved_struct!(OverloadTable { human, by_argc });
saved_struct!(Property {
    name,
    getter,
    setter,
    human
});
saved_struct!(Record {
    name,
    construct,
    destroy,
    is_array,
    fields,
    leaves,
    depth
});
saved_struct!(Field {
    name,
    getter,
    getter_context,
    get_type,
    setter,
    setter_context,
    set_type
});
saved_enum!(EnumStyle { 0 Object, 1 Number, 2 String ; ; });
saved_struct!(Enum {
    name,
    style,
    size,
    signed,
    values
});
saved_struct!(Callable {
    human,
    role,
    argc,
    state
});
saved_enum!(Role { 0 Function, 1 Method, 2 Constructor, 3 Getter, 4 Setter, 5 StaticGetter, 6 StaticSetter ; ; });
saved_enum!(State { ; 0 Bound(plan) ; 1 Unbound { message, types } });
saved_struct!(Plan {
    func,
    context,
    this,
    args,
    result,
    result_wasm,
    lifo,
    required,
    leaves,
    plain
});
saved_enum!(This { 0 None ; 1 Pointer(index), 2 Class(index) ; });
saved_struct!(Param { ty, wasm, passing });
saved_enum!(Passing { 0 Value, 1 Number, 2 Handle ; 3 Leaves(count) ; });
saved_enum!(Public {
    ; 0 Table(index), 1 Class(index), 2 UnboundClass(callable), 3 Enum(index), 4 Constant(index)
    ; 5 Function { callable, argc }
});
saved_enum!(Constant {
    0 Undefined, 1 Null
    ; 2 Bool(value), 3 Number(value), 4 I64(value), 5 U64(value), 6 Text(units), 7 Enum(index, value), 8 Js(reference)
    ;
});
saved_struct!(Registry {
    types,
    by_raw,
    dependencies,
    pointers,
    actual,
    classes,
    records,
    enums,
    callables,
    tables,
    public,
    public_index,
    constants,
    funcs,
    optionals,
});
