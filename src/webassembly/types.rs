//! Value and extern types by small numbers: the form in which they cross to JavaScript.

use wasmer_types::Type;

/// A wasm value type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ValueKind {
    I32,
    I64,
    F32,
    F64,
    V128,
    FuncRef,
    ExternRef,
    ExnRef,
}

impl ValueKind {
    pub const ALL: [ValueKind; 8] = [
        Self::I32,
        Self::I64,
        Self::F32,
        Self::F64,
        Self::V128,
        Self::FuncRef,
        Self::ExternRef,
        Self::ExnRef,
    ];

    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.get(number as usize).copied()
    }
    /// Whether JavaScript can see values of this type.
    pub fn crosses(self) -> bool {
        !matches!(self, Self::V128 | Self::ExnRef)
    }
}

impl From<Type> for ValueKind {
    fn from(ty: Type) -> Self {
        match ty {
            Type::I32 => Self::I32,
            Type::I64 => Self::I64,
            Type::F32 => Self::F32,
            Type::F64 => Self::F64,
            Type::V128 => Self::V128,
            Type::FuncRef => Self::FuncRef,
            Type::ExternRef => Self::ExternRef,
            Type::ExceptionRef => Self::ExnRef,
        }
    }
}

impl From<ValueKind> for Type {
    fn from(kind: ValueKind) -> Self {
        match kind {
            ValueKind::I32 => Self::I32,
            ValueKind::I64 => Self::I64,
            ValueKind::F32 => Self::F32,
            ValueKind::F64 => Self::F64,
            ValueKind::V128 => Self::V128,
            ValueKind::FuncRef => Self::FuncRef,
            ValueKind::ExternRef => Self::ExternRef,
            ValueKind::ExnRef => Self::ExceptionRef,
        }
    }
}

/// What an import or export is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExternKind {
    Function,
    Table,
    Memory,
    Global,
    Tag,
}
