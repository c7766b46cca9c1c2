//! The text that is signed: time, method and path in, their concatenation out, on the stack.

/// Longest text signed: 20 digits, a method and a path with a 64-byte ticker or id fit thrice.
pub(super) const MESSAGE_BYTES_MAX: usize = 512;

/// The text that is signed, on the stack.
pub(super) struct Message {
    bytes: [u8; MESSAGE_BYTES_MAX],
    /// Grows past the end when the text does not fit: [`Self::finish`] then refuses.
    len: usize,
}

impl Message {
    pub(super) const fn new() -> Self {
        Self { bytes: [0; MESSAGE_BYTES_MAX], len: 0 }
    }

    pub(super) fn bytes(&mut self, text: &[u8]) {
        let end = self.len.saturating_add(text.len());
        if let Some(slot) = self.bytes.get_mut(self.len..end) {
            slot.copy_from_slice(text);
        }
        self.len = end;
    }

    pub(super) fn upper(&mut self, text: &str) {
        for byte in text.bytes() {
            self.bytes(&[byte.to_ascii_uppercase()]);
        }
    }

    pub(super) fn decimal(&mut self, value: u64) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        let mut rest = value;
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.bytes(&digits[at..]);
    }

    /// `None` when the text did not fit.
    pub(super) fn finish(&self) -> Option<&[u8]> {
        self.bytes.get(..self.len)
    }
}
