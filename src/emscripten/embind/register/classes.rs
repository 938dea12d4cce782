//! Classes, their members, and smart pointers to them.

use super::{function_name, open, optional_function, require_function, text, type_list};
use crate::emscripten::Runtime;
use crate::emscripten::embind::members::{Accessor, Accessors};
use crate::emscripten::embind::registry::*;
use crate::emscripten::embind::resolve::{class_index, when};
use crate::emscripten::embind::{members, require_type};
use crate::engine::{Args, Result, Unwind};

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

pub(super) fn register_class(rt: &mut Runtime, a: &mut Args) -> Result {
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
    let class = Class {
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
    };
    when(rt, &[raw, pointer, const_pointer], needs, move |rt| {
        members::build_class(rt, raw, pointer, const_pointer, base, class)
    })
}

pub(super) fn register_class_constructor(rt: &mut Runtime, a: &mut Args) -> Result {
    let class = a.u32(0);
    let types = type_list(rt, a.u32(1), a.u32(2))?;
    let func = require_function(rt, a.u32(3), a.u32(4))?;
    let context = a.u32(5);
    when(rt, &[], &[class], move |rt| {
        members::build_constructor(rt, class, types, func, context)
    })
}

pub(super) fn register_class_function(rt: &mut Runtime, a: &mut Args) -> Result {
    let class = a.u32(0);
    let types = type_list(rt, a.u32(2), a.u32(3))?;
    let name = function_name(rt, a.u32(1))?;
    let func = require_function(rt, a.u32(4), a.u32(5))?;
    let (context, pure_virtual) = (a.u32(6), a.u32(7) != 0);
    when(rt, &[], &[class], move |rt| {
        let class = class_index(rt, class)?;
        members::build_method(rt, class, name, types, (func, context), pure_virtual)
    })
}

pub(super) fn register_class_class_function(rt: &mut Runtime, a: &mut Args) -> Result {
    let class = a.u32(0);
    let types = type_list(rt, a.u32(2), a.u32(3))?;
    let name = function_name(rt, a.u32(1))?;
    let func = require_function(rt, a.u32(4), a.u32(5))?;
    let context = a.u32(6);
    when(rt, &[], &[class], move |rt| {
        let class = class_index(rt, class)?;
        members::build_static(rt, class, name, types, (func, context))
    })
}

pub(super) fn register_class_property(rt: &mut Runtime, a: &mut Args) -> Result {
    let (class, name) = (a.u32(0), text(rt, a.u32(1))?);
    let getter = Accessor {
        ty: a.u32(2),
        function: require_function(rt, a.u32(3), a.u32(4))?,
        context: a.u32(5),
    };
    let setter = optional_function(rt, a.u32(7), a.u32(8))?.map(|function| Accessor {
        ty: a.u32(6),
        function,
        context: a.u32(9),
    });
    let accessors = Accessors {
        name,
        getter,
        setter,
        is_static: false,
    };
    property(rt, class, accessors)
}

pub(super) fn register_class_class_property(rt: &mut Runtime, a: &mut Args) -> Result {
    let (class, name) = (a.u32(0), text(rt, a.u32(1))?);
    let (ty, context) = (a.u32(2), a.u32(3));
    let accessor = |function| Accessor {
        ty,
        function,
        context,
    };
    let accessors = Accessors {
        name,
        getter: accessor(require_function(rt, a.u32(4), a.u32(5))?),
        setter: optional_function(rt, a.u32(6), a.u32(7))?.map(accessor),
        is_static: true,
    };
    property(rt, class, accessors)
}

fn property(rt: &mut Runtime, class: u32, accessors: Accessors) -> Result {
    when(rt, &[], &[class], move |rt| {
        let class = class_index(rt, class)?;
        members::build_property(rt, class, accessors)
    })
}

pub(super) fn register_smart_ptr(rt: &mut Runtime, a: &mut Args) -> Result {
    let (raw, pointee) = (a.u32(0), a.u32(1));
    let smart = Smart {
        pointee: 0,
        policy: a.u32(3),
        get_pointee: require_function(rt, a.u32(4), a.u32(5))?,
        construct: require_function(rt, a.u32(6), a.u32(7))?,
        share: require_function(rt, a.u32(8), a.u32(9))?,
        destroy: require_function(rt, a.u32(10), a.u32(11))?,
    };
    let pointer = Pointer {
        name: text(rt, a.u32(2))?,
        class: 0,
        is_reference: false,
        is_const: false,
        smart: Some(smart),
    };
    when(rt, &[raw], &[pointee], move |rt| {
        members::build_smart_pointer(rt, raw, pointee, pointer)
    })
}

pub(super) fn register_iterable(rt: &mut Runtime, a: &mut Args) -> Result {
    open(rt)?;
    let (class, size, get) = (a.u32(0), text(rt, a.u32(2))?, text(rt, a.u32(3))?);
    when(rt, &[], &[class, a.u32(1)], move |rt| {
        let class = class_index(rt, class)?;
        let class = &mut rt.embind.registry_mut().classes[class as usize];
        class.iterable.get_or_insert((size, get));
        Ok(())
    })
}

pub(super) fn create_inheriting_constructor(rt: &mut Runtime, a: &mut Args) -> Result {
    let name = text(rt, a.u32(0))?;
    let wrapper = require_type(rt, a.u32(1), "wrapper")?;
    let properties = rt.emval_value(a.u32(2))?;
    let Some(class) = rt.embind.reg.class_of_type(wrapper) else {
        return Err(Unwind::binding(format!("wrapper {name} is not a class")));
    };
    let js = rt.js();
    let constructor = js.inheriting_constructor(rt, &name, class, properties)?;
    let handle = rt.emval_handle(constructor)?;
    a.ret_u32(handle)
}
