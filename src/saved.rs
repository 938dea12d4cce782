//! Values as bytes, for images in files: fixed and little-endian, the same for every build of a version.

use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, VecDeque};
use std::hash::Hash;
use std::sync::Arc;

/// What can be written to an image's file and read from it.
pub trait Saved: Sized {
    fn save(&self, out: &mut Vec<u8>);
    /// `None`: these are not the bytes of such a value.
    fn load(from: &mut &[u8]) -> Option<Self>;
}

/// `saved_struct!(Type { field, field })`: all of its fields.
macro_rules! saved_struct {
    ($ty:ty { $($field:ident),* $(,)? }) => {
        impl $crate::saved::Saved for $ty {
            fn save(&self, out: &mut Vec<u8>) {
                let Self { $($field),* } = self;
                $($crate::saved::Saved::save($field, out);)*
            }
            fn load(from: &mut &[u8]) -> Option<Self> {
                Some(Self { $($field: $crate::saved::Saved::load(from)?),* })
            }
        }
    };
}
pub(crate) use saved_struct;

/// `saved_enum!(Type { 0 Unit, 1 Tuple(a), 2 Struct { x } })`, in this order: variants without fields, tuples, the others.
macro_rules! saved_enum {
    ($ty:ty {
        $($n0:literal $unit:ident),* $(,)?
        ; $($n1:literal $tuple:ident($($a:ident),+)),* $(,)?
        ; $($n2:literal $with:ident { $($f:ident),+ $(,)? }),* $(,)?
    }) => {
        impl $crate::saved::Saved for $ty {
            fn save(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$unit => out.push($n0),)*
                    $(Self::$tuple($($a),+) => {
                        out.push($n1);
                        $($crate::saved::Saved::save($a, out);)+
                    })*
                    $(Self::$with { $($f),+ } => {
                        out.push($n2);
                        $($crate::saved::Saved::save($f, out);)+
                    })*
                }
            }
            fn load(from: &mut &[u8]) -> Option<Self> {
                Some(match <u8 as $crate::saved::Saved>::load(from)? {
                    $($n0 => Self::$unit,)*
                    $($n1 => {
                        $(let $a = $crate::saved::Saved::load(from)?;)+
                        Self::$tuple($($a),+)
                    })*
                    $($n2 => Self::$with { $($f: $crate::saved::Saved::load(from)?),+ },)*
                    _ => return None,
                })
            }
        }
    };
}
pub(crate) use saved_enum;

macro_rules! numbers {
    ($($ty:ty)*) => {
        $(impl Saved for $ty {
            fn save(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
            fn load(from: &mut &[u8]) -> Option<Self> {
                let (bytes, rest) = from.split_first_chunk()?;
                *from = rest;
                Some(Self::from_le_bytes(*bytes))
            }
        })*
    };
}
numbers!(u8 u16 u32 u64 u128 i32 i64 f64);

impl Saved for usize {
    fn save(&self, out: &mut Vec<u8>) {
        (*self as u64).save(out);
    }
    fn load(from: &mut &[u8]) -> Option<Self> {
        usize::try_from(u64::load(from)?).ok()
    }
}

impl Saved for bool {
    fn save(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
    fn load(from: &mut &[u8]) -> Option<Self> {
        match u8::load(from)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl<T: Saved> Saved for Vec<T> {
    fn save(&self, out: &mut Vec<u8>) {
        self.len().save(out);
        for item in self {
            item.save(out);
        }
    }
    fn load(from: &mut &[u8]) -> Option<Self> {
        let len = usize::load(from)?;
        // No more than there can be, whatever the bytes say.
        let mut items = Vec::with_capacity(len.min(from.len()));
        for _ in 0..len {
            items.push(T::load(from)?);
        }
        Some(items)
    }
}

impl<T: Saved, const N: usize> Saved for [T; N] {
    fn save(&self, out: &mut Vec<u8>) {
        for item in self {
            item.save(out);
        }
    }
    fn load(from: &mut &[u8]) -> Option<Self> {
        let items: Option<Vec<T>> = (0..N).map(|_| T::load(from)).collect();
        items?.try_into().ok()
    }
}

impl<T: Saved> Saved for Option<T> {
    fn save(&self, out: &mut Vec<u8>) {
        self.is_some().save(out);
        if let Some(value) = self {
            value.save(out);
        }
    }
    fn load(from: &mut &[u8]) -> Option<Self> {
        Some(match bool::load(from)? {
            true => Some(T::load(from)?),
            false => None,
        })
    }
}

impl Saved for String {
    fn save(&self, out: &mut Vec<u8>) {
        self.len().save(out);
        out.extend_from_slice(self.as_bytes());
    }
    fn load(from: &mut &[u8]) -> Option<Self> {
        let len = usize::load(from)?;
        let (text, rest) = from.split_at_checked(len)?;
        *from = rest;
        Some(std::str::from_utf8(text).ok()?.to_owned())
    }
}

/// Values that are kept as others are.
macro_rules! as_vec {
    ($([$($params:tt)*] $ty:ty, $item:ty;)*) => {
        $(impl<$($params)*> Saved for $ty {
            fn save(&self, out: &mut Vec<u8>) {
                self.len().save(out);
                for item in self.iter() {
                    item.save(out);
                }
            }
            fn load(from: &mut &[u8]) -> Option<Self> {
                Some(Vec::<$item>::load(from)?.into())
            }
        })*
    };
}
as_vec! {
    [T: Saved] Box<[T]>, T;
    [T: Saved] Arc<[T]>, T;
    [T: Saved] VecDeque<T>, T;
}

impl Saved for Arc<str> {
    fn save(&self, out: &mut Vec<u8>) {
        self.len().save(out);
        out.extend_from_slice(self.as_bytes());
    }
    fn load(from: &mut &[u8]) -> Option<Self> {
        Some(String::load(from)?.into())
    }
}

impl Saved for Box<str> {
    fn save(&self, out: &mut Vec<u8>) {
        self.len().save(out);
        out.extend_from_slice(self.as_bytes());
    }
    fn load(from: &mut &[u8]) -> Option<Self> {
        Some(String::load(from)?.into())
    }
}

impl<T: Saved> Saved for Arc<T> {
    fn save(&self, out: &mut Vec<u8>) {
        T::save(self, out);
    }
    fn load(from: &mut &[u8]) -> Option<Self> {
        T::load(from).map(Arc::new)
    }
}

macro_rules! tuples {
    ($(($($name:ident $at:tt),+))*) => {
        $(impl<$($name: Saved),+> Saved for ($($name,)+) {
            fn save(&self, out: &mut Vec<u8>) {
                $(self.$at.save(out);)+
            }
            fn load(from: &mut &[u8]) -> Option<Self> {
                Some(($($name::load(from)?,)+))
            }
        })*
    };
}
tuples!((A 0, B 1)(A 0, B 1, C 2));

/// In the order of their keys, so that equal maps have equal bytes.
impl<K: Saved + Ord + Eq + Hash + Clone, V: Saved> Saved for FxHashMap<K, V> {
    fn save(&self, out: &mut Vec<u8>) {
        let mut keys: Vec<_> = self.keys().collect();
        keys.sort_unstable();
        keys.len().save(out);
        for key in keys {
            key.save(out);
            self[key].save(out);
        }
    }
    fn load(from: &mut &[u8]) -> Option<Self> {
        Some(Vec::<(K, V)>::load(from)?.into_iter().collect())
    }
}

impl<K: Saved + Ord, V: Saved> Saved for BTreeMap<K, V> {
    fn save(&self, out: &mut Vec<u8>) {
        self.len().save(out);
        for (key, value) in self {
            key.save(out);
            value.save(out);
        }
    }
    fn load(from: &mut &[u8]) -> Option<Self> {
        Some(Vec::<(K, V)>::load(from)?.into_iter().collect())
    }
}

impl Saved for wasmer_types::Type {
    fn save(&self, out: &mut Vec<u8>) {
        out.push(match self {
            Self::I32 => 0,
            Self::I64 => 1,
            Self::F32 => 2,
            Self::F64 => 3,
            Self::V128 => 4,
            _ => 5,
        });
    }
    fn load(from: &mut &[u8]) -> Option<Self> {
        Some(match u8::load(from)? {
            0 => Self::I32,
            1 => Self::I64,
            2 => Self::F32,
            3 => Self::F64,
            4 => Self::V128,
            5 => Self::ExternRef,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    enum Shape {
        Dot,
        Line(u32, String),
        Box { width: f64, name: Option<Arc<str>> },
    }
    saved_enum!(Shape { 0 Dot ; 1 Line(a, b) ; 2 Box { width, name } });

    #[derive(Debug, PartialEq)]
    struct All {
        shapes: Vec<Shape>,
        map: FxHashMap<u32, Vec<u16>>,
        tree: BTreeMap<String, (i32, bool)>,
        fixed: [Vec<u8>; 2],
    }
    saved_struct!(All {
        shapes,
        map,
        tree,
        fixed
    });

    #[test]
    fn values_come_back_and_cut_ones_do_not() {
        let all = All {
            shapes: vec![
                Shape::Dot,
                Shape::Line(7, "seven".into()),
                Shape::Box {
                    width: -0.5,
                    name: Some("box".into()),
                },
            ],
            map: [(3, vec![1, 2]), (1, Vec::new())].into_iter().collect(),
            tree: [("k".to_owned(), (-1, true))].into_iter().collect(),
            fixed: [vec![1], vec![2, 3]],
        };
        let mut bytes = Vec::new();
        all.save(&mut bytes);
        let mut from = &bytes[..];
        assert_eq!(All::load(&mut from), Some(all));
        assert!(from.is_empty());
        for len in 0..bytes.len() {
            assert_eq!(All::load(&mut &bytes[..len]), None, "{len} bytes");
        }
        assert_eq!(Vec::<u8>::load(&mut &u64::MAX.to_le_bytes()[..]), None);
    }
}
