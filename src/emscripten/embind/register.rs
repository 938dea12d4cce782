//! The imports by which the module's constructors describe its C++ classes, functions and values.

use super::members;
use super::names::latin1;
use super::registry::*;
use super::resolve::{Action, bind_when_known, register_type, when};
use crate::emscripten::js::ViewKind;
use crate::emscripten::{ImportFn, Runtime};
use crate::engine::{Args, Unwind};

pub const IMPORTS: &[(&str, ImportFn)] = &[
    ("_embind_register_void", register_void),
    ("_embind_register_bool", register_bool),
    ("_embind_register_integer", register_integer),
    ("_embind_register_bigint", register_bigint),
    ("_embind_register_float", register_float),
    ("_embind_register_std_string", register_std_string),
    ("_embind_register_std_wstring", register_std_wstring),
    ("_embind_register_emval", register_emval),
    ("_embind_register_user_type", register_emval),
    ("_embind_register_user_type_definition", register_emval),
    ("_embind_register_optional", register_optional),
    ("_embind_register_memory_view", register_memory_view),
    ("_embind_register_function", register_function),
    ("_embind_register_class", register_class),
    (
        "_embind_register_class_constructor",
        register_class_constructor,
    ),
    ("_embind_register_class_function", register_class_function),
    (
        "_embind_register_class_class_function",
        register_class_class_function,
    ),
    ("_embind_register_class_property", register_class_property),
    (
        "_embind_register_class_class_property",
        register_class_class_property,
    ),
    ("_embind_register_value_object", register_value_object),
    (
        "_embind_register_value_object_field",
        register_value_object_field,
    ),
    ("_embind_finalize_value_object", finalize_record),
    ("_embind_register_value_array", register_value_array),
    (
        "_embind_register_value_array_element",
        register_value_array_element,
    ),
    ("_embind_finalize_value_array", finalize_record),
    ("_embind_register_enum", register_enum),
    ("_embind_register_enum_value", register_enum_value),
    ("_embind_register_constant", register_constant),
    ("_embind_register_smart_ptr", register_smart_ptr),
    ("_embind_register_iterable", register_iterable),
    (
        "_embind_create_inheriting_constructor",
        create_inheriting_constructor,
    ),
];

/// A name, which counts as part of what the module registers.
fn text(rt: &mut Runtime, at: u32) -> Result<String, Unwind> {
    let length = rt.wasm.c_str(at)?.len();
    rt.embind.builder.charge(length)?;
    Ok(latin1(rt.wasm.c_str(at)?))
}

/// A function's name without the argument names that newer bindings append.
fn function_name(rt: &mut Runtime, at: u32) -> Result<String, Unwind> {
    let name = text(rt, at)?;
    let name = name.trim();
    Ok(name.split('(').next().unwrap_or(name).to_owned())
}

fn type_list(rt: &mut Runtime, count: u32, at: u32) -> Result<Vec<u32>, Unwind> {
    /// Result, receiver and the parameters that a wasm function can have.
    const MOST: u32 = 1002;
    if count > MOST {
        return Err(Unwind::binding(format!(
            "a function of {count} types is registered: at most {MOST} are possible"
        )));
    }
    rt.embind.builder.charge(4 * count as usize)?;
    let bytes = rt
        .wasm
        .bytes(at, count.checked_mul(4).ok_or_else(Unwind::out_of_bounds)?)?;
    Ok(bytes
        .chunks_exact(4)
        .map(|c| u32::from_le_bytes([c[0], c[1], c[2], c[3]]))
        .collect())
}

/// Registration is over once the image is taken: the facade is made from what is known then.
fn open(rt: &mut Runtime) -> Result<(), Unwind> {
    if rt.embind.is_closed() {
        return Err(Unwind::Unsupported(
            "embind registrations after start-up (a side module?); open the source with host: 'glue'".into(),
        ));
    }
    rt.embind.builder.count()
}

fn plain(rt: &mut Runtime, raw: u32, name: u32, kind: TypeKind) -> Result<(), Unwind> {
    open(rt)?;
    let name = text(rt, name)?;
    register_type(rt, raw, name, kind, false)
}

fn register_void(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    plain(rt, a.u32(0), a.u32(1), TypeKind::Void)
}

fn register_bool(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    let sized = a.len() > 4;
    let at = 2 + usize::from(sized);
    let size = if sized { a.u32(2) } else { 1 };
    let kind = TypeKind::Bool {
        size,
        when_true: a.i32(at),
        when_false: a.i32(at + 1),
    };
    plain(rt, a.u32(0), a.u32(1), kind)
}

fn register_integer(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    let (size, min) = (a.u32(2), a.i32(3));
    if !matches!(size, 1 | 2 | 4) {
        let name = text(rt, a.u32(1))?;
        return Err(Unwind::script(
            "TypeError",
            format!("invalid integer width ({size}): {name}"),
        ));
    }
    let signed = min != 0;
    let max = if signed {
        f64::from(a.i32(4))
    } else {
        let shift = 32 - 8 * size;
        f64::from(a.u32(4) << shift >> shift)
    };
    plain(
        rt,
        a.u32(0),
        a.u32(1),
        TypeKind::Int {
            size,
            signed,
            min: f64::from(min),
            max,
        },
    )
}

fn register_bigint(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    // With i64 legalised into pairs of i32, Emscripten leaves these types unregistered.
    if !a.is_i64(3) {
        return Ok(());
    }
    plain(
        rt,
        a.u32(0),
        a.u32(1),
        TypeKind::BigInt {
            signed: a.i64(3) != 0,
        },
    )
}

fn register_float(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    plain(rt, a.u32(0), a.u32(1), TypeKind::Float { size: a.u32(2) })
}

fn register_std_string(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    let utf8 = rt.abi.std_string_utf8 && text(rt, a.u32(1))? == "std::string";
    plain(rt, a.u32(0), a.u32(1), TypeKind::StdString { utf8 })
}

fn register_std_wstring(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    plain(
        rt,
        a.u32(0),
        a.u32(2),
        TypeKind::WideString {
            unit: if a.u32(1) == 2 { 2 } else { 4 },
        },
    )
}

fn register_emval(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    open(rt)?;
    let name = if a.len() == 2 {
        text(rt, a.u32(1))?
    } else {
        "emscripten::val".to_owned()
    };
    register_type(
        rt,
        a.u32(0),
        name,
        TypeKind::Emval { optional: false },
        false,
    )
}

fn register_optional(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    open(rt)?;
    let (raw, inner) = (a.u32(0), a.u32(1));
    rt.embind.note_optional(raw, inner);
    register_type(
        rt,
        raw,
        "emscripten::val".to_owned(),
        TypeKind::Emval { optional: true },
        false,
    )
}

fn register_memory_view(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    open(rt)?;
    let name = text(rt, a.u32(2))?;
    let Some(kind) = ViewKind::ALL.get(a.u32(1) as usize) else {
        return Err(Unwind::binding(format!(
            "{name}: unknown element type {}",
            a.u32(1)
        )));
    };
    register_type(rt, a.u32(0), name, TypeKind::MemoryView(*kind), true)
}

/// Notes a function pointer with its signature.
fn require_function(rt: &mut Runtime, signature: u32, index: u32) -> Result<FuncId, Unwind> {
    open(rt)?;
    let signature = if signature == 0 {
        String::new()
    } else {
        text(rt, signature)?
    };
    Ok(rt
        .embind
        .add_function(&rt.wasm, rt.abi.calls_by_dyncall, index, signature))
}

fn optional_function(
    rt: &mut Runtime,
    signature: u32,
    index: u32,
) -> Result<Option<FuncId>, Unwind> {
    if index == 0 {
        Ok(None)
    } else {
        require_function(rt, signature, index).map(Some)
    }
}

/// Makes room for a callable among the module's symbols.
fn expose_function(
    rt: &mut Runtime,
    name: &str,
    callable: CallableId,
    argc: u32,
) -> Result<(), Unwind> {
    // Older generations looked in the wrong place for a duplicate of a function that had no overloads yet, and let the
    // second registration win.
    let lenient = rt.abi.embind_args_suffix;
    let reg = rt.embind.registry_mut();
    let duplicate = || {
        Unwind::binding(format!(
            "Cannot register multiple overloads of a function with the same number of arguments ({argc})!"
        ))
    };
    match reg.public(name) {
        None => reg.set_public(name, Public::Function { callable, argc }),
        Some(Public::Table(table)) => {
            let table = &mut reg.tables[table as usize];
            if table.by_argc.contains_key(&argc) {
                return Err(Unwind::binding(format!(
                    "Cannot register public name '{name}' twice"
                )));
            }
            table.by_argc.insert(argc, callable);
        }
        Some(Public::Function { argc: had, .. }) if had == argc && !lenient => {
            return Err(duplicate());
        }
        Some(other) => {
            let mut table = OverloadTable {
                human: name.to_owned(),
                by_argc: Default::default(),
            };
            if let Public::Function { callable, argc } = other {
                table.by_argc.insert(argc, callable);
            }
            table.by_argc.insert(argc, callable);
            reg.tables.push(table);
            let index = reg.tables.len() as u32 - 1;
            reg.set_public(name, Public::Table(index));
        }
    }
    Ok(())
}

fn register_function(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    let types = type_list(rt, a.u32(1), a.u32(2))?;
    let name = function_name(rt, a.u32(0))?;
    let func = require_function(rt, a.u32(3), a.u32(4))?;
    let argc = a.u32(1).saturating_sub(1);
    let callable = members::unbound(rt, name.clone(), Role::Function, argc, "call", &types);
    expose_function(rt, &name, callable, argc)?;
    bind_when_known(rt, callable, types, func, a.u32(5))
}

/// A class's name as a JavaScript identifier.
pub fn legal_name(name: &str) -> String {
    let mut legal: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '_' {
                c
            } else {
                '$'
            }
        })
        .collect();
    if legal.starts_with(|c: char| c.is_ascii_digit()) {
        legal.insert(0, '_');
    }
    legal
}

fn register_class(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    let (raw, pointer, const_pointer, base) = (a.u32(0), a.u32(1), a.u32(2), a.u32(3));
    let name = text(rt, a.u32(10))?;
    let legal = legal_name(&name);
    let actual_type = require_function(rt, a.u32(4), a.u32(5))?;
    let upcast = optional_function(rt, a.u32(6), a.u32(7))?;
    let downcast = optional_function(rt, a.u32(8), a.u32(9))?;
    let destroy = require_function(rt, a.u32(11), a.u32(12))?;
    if rt.embind.reg.public(&legal).is_some() {
        return Err(Unwind::binding(format!(
            "Cannot register public name '{legal}' twice"
        )));
    }
    let needs: &[u32] = if base == 0 { &[] } else { &[base] };
    let stub = members::unbound(rt, name.clone(), Role::Function, 0, "construct", needs);
    rt.embind
        .registry_mut()
        .set_public(&legal, Public::UnboundClass(stub));
    let class = Box::new(Class {
        name,
        legal_name: legal,
        base: None,
        actual_type,
        upcast,
        downcast,
        destroy,
        constructors: None,
        methods: Members::default(),
        statics: Members::default(),
        properties: Vec::new(),
        static_properties: Vec::new(),
        pure_virtual: Vec::new(),
        iterable: None,
        derived: Vec::new(),
    });
    when(
        rt,
        &[raw, pointer, const_pointer],
        needs,
        Action::Class {
            raw,
            pointer,
            const_pointer,
            base,
            class,
        },
    )
}

fn register_class_constructor(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    let class = a.u32(0);
    let types = type_list(rt, a.u32(1), a.u32(2))?;
    let func = require_function(rt, a.u32(3), a.u32(4))?;
    when(
        rt,
        &[],
        &[class],
        Action::Constructor {
            class,
            types,
            func,
            context: a.u32(5),
        },
    )
}

fn register_class_function(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    let class = a.u32(0);
    let types = type_list(rt, a.u32(2), a.u32(3))?;
    let name = function_name(rt, a.u32(1))?;
    let func = require_function(rt, a.u32(4), a.u32(5))?;
    let pure_virtual = a.u32(7) != 0;
    when(
        rt,
        &[],
        &[class],
        Action::Method {
            class,
            name,
            types,
            func,
            context: a.u32(6),
            pure_virtual,
        },
    )
}

fn register_class_class_function(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    let class = a.u32(0);
    let types = type_list(rt, a.u32(2), a.u32(3))?;
    let name = function_name(rt, a.u32(1))?;
    let func = require_function(rt, a.u32(4), a.u32(5))?;
    when(
        rt,
        &[],
        &[class],
        Action::Static {
            class,
            name,
            types,
            func,
            context: a.u32(6),
        },
    )
}

fn register_class_property(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    let (class, name) = (a.u32(0), text(rt, a.u32(1))?);
    let getter = (
        a.u32(2),
        require_function(rt, a.u32(3), a.u32(4))?,
        a.u32(5),
    );
    let setter = optional_function(rt, a.u32(7), a.u32(8))?.map(|f| (a.u32(6), f, a.u32(9)));
    when(
        rt,
        &[],
        &[class],
        Action::Property {
            class,
            name,
            getter,
            setter,
            is_static: false,
        },
    )
}

fn register_class_class_property(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    let (class, name, ty, field) = (a.u32(0), text(rt, a.u32(1))?, a.u32(2), a.u32(3));
    let getter = (ty, require_function(rt, a.u32(4), a.u32(5))?, field);
    let setter = optional_function(rt, a.u32(6), a.u32(7))?.map(|f| (ty, f, field));
    when(
        rt,
        &[],
        &[class],
        Action::Property {
            class,
            name,
            getter,
            setter,
            is_static: true,
        },
    )
}

fn register_record(rt: &mut Runtime, a: &mut Args, is_array: bool) -> Result<(), Unwind> {
    let record = Record {
        name: text(rt, a.u32(1))?,
        construct: require_function(rt, a.u32(2), a.u32(3))?,
        destroy: require_function(rt, a.u32(4), a.u32(5))?,
        is_array,
        fields: Vec::new(),
        leaves: None,
        depth: 1,
    };
    rt.embind.builder.records.insert(a.u32(0), record);
    Ok(())
}

fn register_value_object(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    register_record(rt, a, false)
}

fn register_value_array(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    register_record(rt, a, true)
}

/// `at` is the index of the getter's return type among the arguments.
fn register_field(rt: &mut Runtime, a: &mut Args, name: String, at: usize) -> Result<(), Unwind> {
    let field = Field {
        name,
        get_type: a.u32(at),
        getter: require_function(rt, a.u32(at + 1), a.u32(at + 2))?,
        getter_context: a.u32(at + 3),
        set_type: a.u32(at + 4),
        setter: require_function(rt, a.u32(at + 5), a.u32(at + 6))?,
        setter_context: a.u32(at + 7),
    };
    let Some(record) = rt.embind.builder.records.get_mut(&a.u32(0)) else {
        return Err(Unwind::script(
            "InternalError",
            "field of an unregistered value object",
        ));
    };
    // A field that is registered again replaces the first, in its place.
    let old = record
        .fields
        .iter_mut()
        .find(|f| !record.is_array && f.name == field.name);
    match old {
        Some(old) => *old = field,
        None => record.fields.push(field),
    }
    Ok(())
}

fn register_value_object_field(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    let name = text(rt, a.u32(1))?;
    register_field(rt, a, name, 2)
}

fn register_value_array_element(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    register_field(rt, a, String::new(), 1)
}

fn finalize_record(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    open(rt)?;
    let raw = a.u32(0);
    let Some(record) = rt.embind.builder.records.get(&raw) else {
        return Err(Unwind::script(
            "InternalError",
            "finalizing an unregistered value object",
        ));
    };
    let needs: Vec<u32> = record
        .fields
        .iter()
        .map(|f| f.get_type)
        .chain(record.fields.iter().map(|f| f.set_type))
        .collect();
    when(rt, &[raw], &needs, Action::Record { raw })
}

fn register_enum(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    open(rt)?;
    let name = text(rt, a.u32(1))?;
    let style = match a.u32(4) {
        0 => EnumStyle::Object,
        1 => EnumStyle::Number,
        _ => EnumStyle::String,
    };
    let reg = rt.embind.registry_mut();
    let index = reg.enums.len() as u32;
    reg.enums.push(Enum {
        name: name.clone(),
        style,
        size: a.u32(2),
        signed: a.u32(3) != 0,
        values: Vec::new(),
    });
    register_type(rt, a.u32(0), name.clone(), TypeKind::Enum(index), false)?;
    let reg = rt.embind.registry_mut();
    if reg.public(&name).is_some() {
        return Err(Unwind::binding(format!(
            "Cannot register public name '{name}' twice"
        )));
    }
    reg.set_public(&name, Public::Enum(index));
    Ok(())
}

fn register_enum_value(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    open(rt)?;
    let ty = super::require_type(rt, a.u32(0), "enum")?;
    let name = text(rt, a.u32(1))?;
    let TypeKind::Enum(index) = rt.embind.reg.ty(ty).kind else {
        return Err(Unwind::script(
            "InternalError",
            format!("{name} belongs to a type that is no enum"),
        ));
    };
    rt.embind.registry_mut().enums[index as usize]
        .values
        .push((name, a.i32(2)));
    Ok(())
}

fn register_constant(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    open(rt)?;
    let (name, raw, value) = (text(rt, a.u32(0))?, a.u32(1), a.f64(2));
    when(rt, &[], &[raw], Action::Constant { name, raw, value })
}

fn register_smart_ptr(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    let (raw, pointee) = (a.u32(0), a.u32(1));
    let smart = Smart {
        pointee: 0,
        policy: a.u32(3),
        get_pointee: require_function(rt, a.u32(4), a.u32(5))?,
        construct: require_function(rt, a.u32(6), a.u32(7))?,
        share: require_function(rt, a.u32(8), a.u32(9))?,
        destroy: require_function(rt, a.u32(10), a.u32(11))?,
    };
    let pointer = Box::new(Pointer {
        name: text(rt, a.u32(2))?,
        class: 0,
        is_reference: false,
        is_const: false,
        smart: Some(smart),
    });
    when(
        rt,
        &[raw],
        &[pointee],
        Action::SmartPointer {
            raw,
            pointee,
            pointer,
        },
    )
}

fn register_iterable(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    open(rt)?;
    let (class, size, get) = (a.u32(0), text(rt, a.u32(2))?, text(rt, a.u32(3))?);
    when(
        rt,
        &[],
        &[class, a.u32(1)],
        Action::Iterable { class, size, get },
    )
}

fn create_inheriting_constructor(rt: &mut Runtime, a: &mut Args) -> Result<(), Unwind> {
    let name = text(rt, a.u32(0))?;
    let wrapper = super::require_type(rt, a.u32(1), "wrapper")?;
    let properties = rt.emval_value(a.u32(2))?;
    let Some(class) = rt.embind.reg.class_of_type(wrapper) else {
        return Err(Unwind::binding(format!("wrapper {name} is not a class")));
    };
    let js = rt.js();
    let constructor = js.inheriting_constructor(rt, &name, class, properties)?;
    let handle = rt.emval_handle(constructor);
    a.ret_u32(handle);
    Ok(())
}
