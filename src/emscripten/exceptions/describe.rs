//! What can be said of a C++ exception that left the module: its type and `what()`.

use super::{HEADER, header};
use crate::emscripten::Runtime;
use crate::engine::{Result, ValRaw};

/// What can be said of a C++ exception that left the module: its type's name, and `what()`.
pub struct Description {
    pub type_name: Option<String>,
    pub what: Option<String>,
}

impl Runtime {
    /// Describes a thrown object. Asks the module itself where it exports the means, else reads its type information.
    pub fn describe_exception(&mut self, at: u32) -> Description {
        let ty = self.exceptions.type_of(at).or_else(|| {
            self.wasm
                .read_u32(at.wrapping_sub(HEADER) + header::TYPE)
                .ok()
        });
        let Some(ty) = ty.filter(|ty| *ty != 0) else {
            return Description {
                type_name: None,
                what: None,
            };
        };
        let type_name = self.type_name(ty);
        let what = if self.is_std_exception(ty) {
            self.what(at).ok()
        } else {
            None
        };
        Description {
            type_name: type_name.map(|name| demangle(&name)),
            what,
        }
    }

    /// The mangled name behind a `std::type_info*`: its second word.
    fn type_name(&self, ty: u32) -> Option<String> {
        let at = self.wasm.read_u32(ty.checked_add(4)?).ok()?;
        let room = self.wasm.memory().get(at as usize..)?;
        // A longer one is no name.
        let room = &room[..room.len().min(4096)];
        let name = &room[..memchr::memchr(0, room)?];
        let plausible = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
        plausible.then(|| {
            String::from_utf8_lossy(name)
                .trim_start_matches('*')
                .to_owned()
        })
    }

    /// Follows single inheritance (`__si_class_type_info`: the base is the third word).
    fn is_std_exception(&self, mut ty: u32) -> bool {
        for _ in 0..16 {
            match self.type_name(ty) {
                Some(name) if name == "St9exception" => return true,
                Some(_) => {}
                None => return false,
            }
            let Some(base) = ty.checked_add(8).and_then(|at| self.wasm.read_u32(at).ok()) else {
                return false;
            };
            ty = base;
        }
        false
    }

    /// `what()`, the third entry of every `std::exception`'s virtual table.
    fn what(&mut self, at: u32) -> Result<String> {
        let table = self.wasm.read_u32(at)?;
        let entry = self.wasm.read_u32(table.wrapping_add(8))?;
        let text = self.call_indirect(entry, &[ValRaw::from_u32(at)])?.u32();
        self.c_string(text)
    }
}

/// `N2cv9ExceptionE` to `cv::Exception`; what cannot be read stays as it is.
fn demangle(name: &str) -> String {
    let symbol = format!("_ZTS{name}");
    let demangled = cpp_demangle::Symbol::new(&symbol)
        .ok()
        .and_then(|s| s.demangle().ok());
    demangled
        .and_then(|s| s.strip_prefix("typeinfo name for ").map(str::to_owned))
        .unwrap_or_else(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::demangle;

    #[test]
    fn type_names_are_demangled() {
        assert_eq!(demangle("N2cv9ExceptionE"), "cv::Exception");
        assert_eq!(demangle("St13runtime_error"), "std::runtime_error");
        assert_eq!(demangle("i"), "int");
    }
}
