//! How the registry is kept in an image's file.

use super::callable::{Callable, Param, Passing, Plan, Role, State, This};
use super::{
    Class, Constant, Enum, EnumStyle, Field, Member, Members, OverloadTable, Pointer, Property,
    Public, Record, Registry, Smart, TypeInfo, TypeKind,
};
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
