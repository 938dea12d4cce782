//! Where columns of a text are after splices that add no lines.

use memchr::memchr_iter;

/// From a column of the new text on, columns are those of the old one from another on; until the next entry of the line.
/// Lines and columns count from 0, columns in UTF-16 units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    pub line: u32,
    pub new: u32,
    pub old: u32,
}

/// Line, new and old column of each, as JavaScript takes them.
pub fn flat(columns: &[Column]) -> Vec<u32> {
    columns
        .iter()
        .flat_map(|c| [c.line, c.new, c.old])
        .collect()
}

/// How far two texts have come, one of which is the other with splices.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cursor {
    pub line: u32,
    pub new: u32,
    pub old: u32,
}

impl Cursor {
    pub fn column(self) -> Column {
        let Self { line, new, old } = self;
        Column { line, new, old }
    }
    /// A text that is in both.
    pub fn pass(&mut self, text: &str) {
        let (lines, units) = extent(text);
        if lines > 0 {
            self.line += lines;
            self.new = units;
            self.old = units;
        } else {
            self.new += units;
            self.old += units;
        }
    }
    /// A text that is in the new one alone.
    pub fn pass_new(&mut self, text: &str) {
        let (lines, units) = extent(text);
        self.line += lines;
        self.new = if lines > 0 { units } else { self.new + units };
    }
}

/// The line breaks in a text, and the UTF-16 units after the last.
fn extent(text: &str) -> (u32, u32) {
    if text.is_ascii() && !text.contains('\r') {
        let mut lines = 0;
        let mut from = 0;
        for at in memchr_iter(b'\n', text.as_bytes()) {
            lines += 1;
            from = at + 1;
        }
        return (lines, (text.len() - from) as u32);
    }
    let (mut lines, mut units) = (0, 0);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\n' | '\r' | '\u{2028}' | '\u{2029}' => {
                lines += 1;
                units = 0;
            }
            c => units += c.len_utf16() as u32,
        }
    }
    (lines, units)
}
