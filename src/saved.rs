//! Values as bytes, for images in files, and what serde does not do of itself here.

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::hash::Hash;

/// Appends the bytes of a value.
pub fn save<T: Serialize>(value: &T, out: &mut Vec<u8>) -> postcard::Result<()> {
    *out = postcard::to_extend(value, std::mem::take(out))?;
    Ok(())
}

/// Takes a value from the beginning. `None`: these are not the bytes of such a value.
pub fn load<'a, T: Deserialize<'a>>(from: &mut &'a [u8]) -> Option<T> {
    let (value, rest) = postcard::take_from_bytes(from).ok()?;
    *from = rest;
    Some(value)
}

/// Bytes in one piece: a list of them is written number by number.
#[derive(Serialize, Deserialize)]
pub struct Bytes<'a>(#[serde(serialize_with = "in_one_piece")] pub &'a [u8]);

fn in_one_piece<S: serde::Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
    to.serialize_bytes(bytes)
}

/// What an `Arc` holds.
pub mod shared {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::sync::Arc;

    pub fn serialize<T, S>(value: &Arc<T>, to: S) -> Result<S::Ok, S::Error>
    where
        T: Serialize + ?Sized,
        S: Serializer,
    {
        T::serialize(value, to)
    }

    pub fn deserialize<'a, T, D>(from: D) -> Result<Arc<T>, D::Error>
    where
        T: ?Sized,
        Box<T>: Deserialize<'a>,
        D: Deserializer<'a>,
    {
        Box::deserialize(from).map(Arc::from)
    }
}

/// What an `Arc` holds, if there is one.
pub mod optional_shared {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::sync::Arc;

    pub fn serialize<T, S>(value: &Option<Arc<T>>, to: S) -> Result<S::Ok, S::Error>
    where
        T: Serialize + ?Sized,
        S: Serializer,
    {
        value.as_deref().serialize(to)
    }

    pub fn deserialize<'a, T, D>(from: D) -> Result<Option<Arc<T>>, D::Error>
    where
        T: ?Sized,
        Box<T>: Deserialize<'a>,
        D: Deserializer<'a>,
    {
        Ok(Option::<Box<T>>::deserialize(from)?.map(Arc::from))
    }
}

/// Maps, in the order of their keys, so that equal ones have equal bytes.
pub fn sorted<K, V, S>(map: &FxHashMap<K, V>, to: S) -> Result<S::Ok, S::Error>
where
    K: Serialize + Ord + Hash,
    V: Serialize,
    S: serde::Serializer,
{
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    to.collect_map(entries)
}

/// A type of wasm values.
#[derive(Serialize, Deserialize)]
#[serde(remote = "wasmer_types::Type")]
pub enum Type {
    I32,
    I64,
    F32,
    F64,
    V128,
    ExternRef,
    FuncRef,
    ExceptionRef,
}

/// A type of wasm values, if there is one.
pub mod optional_type {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use wasmer_types::Type;

    #[derive(Serialize, Deserialize)]
    struct One(#[serde(with = "super::Type")] Type);

    pub fn serialize<S: Serializer>(ty: &Option<Type>, to: S) -> Result<S::Ok, S::Error> {
        ty.map(One).serialize(to)
    }

    pub fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Option<Type>, D::Error> {
        Ok(Option::<One>::deserialize(from)?.map(|One(ty)| ty))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::sync::Arc;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum Shape {
        Dot,
        Line(u32, String),
        Box {
            width: f64,
            #[serde(with = "shared")]
            name: Arc<str>,
        },
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct All {
        shapes: Vec<Shape>,
        #[serde(serialize_with = "sorted")]
        map: FxHashMap<u32, Vec<u16>>,
        tree: BTreeMap<String, (i32, bool)>,
        fixed: [Vec<u8>; 2],
        #[serde(with = "optional_type")]
        ty: Option<wasmer_types::Type>,
    }

    #[test]
    fn values_come_back_and_cut_ones_do_not() {
        let all = All {
            shapes: vec![
                Shape::Dot,
                Shape::Line(7, "seven".into()),
                Shape::Box {
                    width: -0.5,
                    name: "box".into(),
                },
            ],
            map: [(3, vec![1, 2]), (1, Vec::new())].into_iter().collect(),
            tree: [("k".to_owned(), (-1, true))].into_iter().collect(),
            fixed: [vec![1], vec![2, 3]],
            ty: Some(wasmer_types::Type::F64),
        };
        let mut bytes = Vec::new();
        save(&all, &mut bytes).expect("is written");
        let mut from = &bytes[..];
        assert_eq!(load::<All>(&mut from), Some(all));
        assert!(from.is_empty());
        for len in 0..bytes.len() {
            assert_eq!(load::<All>(&mut &bytes[..len]), None, "{len} bytes");
        }
        // A length that no file has.
        let mut long = Vec::new();
        save(&u64::MAX, &mut long).expect("is written");
        assert_eq!(load::<Vec<u32>>(&mut &long[..]), None);
    }
}
