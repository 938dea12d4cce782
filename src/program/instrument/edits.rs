//! Splices into a text. None adds or takes away a line; columns are kept in a table.

use crate::program::columns::{Column, Cursor};

/// In which order splices of one place stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    /// Ends something: the inner before the outer, as they are told.
    Close,
    /// A statement of ours.
    Start,
    /// Begins something: the outer before the inner, as they are told.
    Open,
}

#[derive(Debug)]
struct Edit {
    at: u32,
    to: u32,
    order: Order,
    text: String,
}

/// A place for something that begins here, if it turns out that something does.
#[derive(Clone, Copy, Debug)]
pub struct Slot(Option<usize>);

/// The insertions into a text, in any order.
#[derive(Debug, Default)]
pub struct Edits {
    list: Vec<Edit>,
    /// Within `with`, names that are put in may mean members of its object: nothing is put in.
    closed: u32,
    /// How many splices were held back.
    pub held_back: u32,
}

impl Edits {
    pub fn hold_back(&mut self) {
        self.closed += 1;
    }
    pub fn go_on(&mut self) {
        self.closed -= 1;
    }

    fn push(&mut self, at: u32, to: u32, order: Order, text: String) -> Option<usize> {
        if self.closed > 0 {
            self.held_back += 1;
            return None;
        }
        self.list.push(Edit {
            at,
            to,
            order,
            text,
        });
        Some(self.list.len() - 1)
    }

    /// Whether the last splice ends something at `at`.
    pub fn closes_at(&self, at: u32) -> bool {
        self.list
            .last()
            .is_some_and(|edit| edit.order == Order::Close && edit.at == at)
    }

    pub fn open(&mut self, at: u32, text: impl Into<String>) {
        self.push(at, at, Order::Open, text.into());
    }
    pub fn close(&mut self, at: u32, text: impl Into<String>) {
        self.push(at, at, Order::Close, text.into());
    }
    pub fn start(&mut self, at: u32, text: impl Into<String>) {
        self.push(at, at, Order::Start, text.into());
    }
    pub fn replace(&mut self, at: u32, to: u32, text: impl Into<String>) {
        self.push(at, to, Order::Open, text.into());
    }
    pub fn reserve(&mut self, at: u32) -> Slot {
        if self.closed > 0 {
            return Slot(None);
        }
        Slot(self.push(at, at, Order::Open, String::new()))
    }
    /// The same for something that ends here.
    pub fn reserve_close(&mut self, at: u32) -> Slot {
        if self.closed > 0 {
            return Slot(None);
        }
        Slot(self.push(at, at, Order::Close, String::new()))
    }
    pub fn fill(&mut self, slot: Slot, text: impl Into<String>) {
        match slot.0.and_then(|at| self.list.get_mut(at)) {
            Some(edit) => edit.text = text.into(),
            None => self.held_back += 1,
        }
    }

    /// The text from `from` to `to` with all splices, and where columns moved.
    pub fn apply(mut self, text: &str, from: u32, to: u32) -> (String, Vec<Column>) {
        self.list
            .retain(|edit| !edit.text.is_empty() || edit.to > edit.at);
        self.list.sort_by_key(|edit| (edit.at, edit.order));
        let more: usize = self.list.iter().map(|edit| edit.text.len() + 2).sum();
        let mut out = String::with_capacity((to - from) as usize + more);
        let mut columns = Vec::with_capacity(self.list.len());
        let mut cursor = Cursor::default();
        let mut at = from;
        for edit in &self.list {
            // What lies in something that was replaced as a whole is gone with it.
            if edit.at < at {
                continue;
            }
            let kept = slice(text, at, edit.at);
            out.push_str(kept);
            cursor.pass(kept);
            let before = cursor;
            let gone = slice(text, edit.at, edit.to);
            let mut put = String::with_capacity(edit.text.len() + 2);
            if glued(&out, &edit.text) {
                put.push(' ');
            }
            put.push_str(&edit.text);
            // Lines stay what they are.
            put.extend(breaks(gone));
            out.push_str(&put);
            cursor.pass_new(&put);
            let mut past = before;
            past.pass(gone);
            cursor.old = past.old;
            columns.push(before.column());
            columns.push(cursor.column());
            at = edit.to;
        }
        out.push_str(slice(text, at, to));
        (out, columns)
    }
}

fn slice(text: &str, from: u32, to: u32) -> &str {
    text.get(from as usize..to as usize).unwrap_or_default()
}

/// Two words would become one.
fn glued(before: &str, after: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '\u{200c}' | '\u{200d}');
    after.starts_with(word) && before.ends_with(word)
}

/// The line breaks of a text.
fn breaks(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars()
        .filter(|c| matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}'))
}
