//! What is fuzzed, and what the targets share. emvm's unit tests have all of it as a module, so that it keeps in step.

pub mod arguments;
pub mod calls;
pub mod embind;
pub mod filesystem;
pub mod host;
pub mod imports;
pub mod program;

/// Takes decisions from the fuzzer's bytes; zeros when they are used up.
pub struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    pub fn u8(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }
    pub fn u16(&mut self) -> u16 {
        u16::from_le_bytes([self.u8(), self.u8()])
    }
    pub fn u32(&mut self) -> u32 {
        u32::from(self.u16()) | u32::from(self.u16()) << 16
    }
    pub fn u64(&mut self) -> u64 {
        u64::from(self.u32()) | u64::from(self.u32()) << 32
    }
    pub fn below(&mut self, n: usize) -> usize {
        usize::from(self.u8()) % n
    }
    pub fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }
    pub fn bool(&mut self) -> bool {
        self.u8() & 1 == 1
    }
    /// At most `n` bytes.
    pub fn take(&mut self, n: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(n.min(self.0.len()));
        self.0 = rest;
        taken
    }
    /// Small numbers often, large and odd ones now and then.
    pub fn number(&mut self) -> i64 {
        match self.u8() {
            small @ 0..=199 => i64::from(small),
            200..=229 => i64::from(self.u16()),
            230..=239 => i64::from(self.u32()),
            240 => i64::MAX,
            241 => i64::MIN,
            242 => -1,
            243 => 1 << 31,
            244 => 1 << 32,
            245 => 1 << 40,
            246 => 65536,
            247 => 65535,
            _ => self.u64() as i64,
        }
    }
}

#[cfg(test)]
mod tests {
    /// Random bytes, each input from a seed of its own.
    fn try_some(run: fn(&[u8])) {
        for seed in 1..=150u64 {
            let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mut byte = || {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 32) as u8
            };
            let data: Vec<u8> = (0..seed * 12).map(|_| byte()).collect();
            run(&data);
        }
    }

    #[test]
    fn arguments() {
        try_some(super::arguments::run);
    }
    #[test]
    fn embind() {
        try_some(super::embind::run);
    }
    #[test]
    fn filesystem() {
        try_some(super::filesystem::run);
    }
    #[test]
    fn imports() {
        try_some(super::imports::run);
    }
    #[test]
    fn program() {
        try_some(super::program::run);
    }
}
