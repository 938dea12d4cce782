//! Code that could not be kept: the next process compiles it again, which somebody should know.

use parking_lot::Mutex;
use std::io;
use std::path::Path;

enum Unkept {
    Nothing,
    Noted(String),
    Told,
}

static UNKEPT: Mutex<Unkept> = Mutex::new(Unkept::Nothing);

pub(super) fn note(folder: &Path, error: &io::Error) {
    let mut unkept = UNKEPT.lock();
    if matches!(*unkept, Unkept::Nothing) {
        *unkept = Unkept::Noted(format!("{}: {error}", folder.display()));
    }
}

/// The folder and the reason, of the first that could not be kept; once in a process.
pub fn take() -> Option<String> {
    let mut unkept = UNKEPT.lock();
    if !matches!(*unkept, Unkept::Noted(_)) {
        return None;
    }
    match std::mem::replace(&mut *unkept, Unkept::Told) {
        Unkept::Noted(why) => Some(why),
        _ => None,
    }
}
