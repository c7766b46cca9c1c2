//! Explicit little-endian bytes of everything the journal holds. No allocation, no layout tricks.
//!
//! In: a value, and a slice to write into. Out: how many bytes it took. Reading goes the other
//! way and answers `None` for bytes that no value packs to; it never panics and never reads past
//! the end. What is written here is read by later versions: a changed field is a new
//! [`VERSION`](crate::recorder::journal::VERSION).

mod change;
mod books;
mod message;
mod news;
mod result;
mod risk;
mod vocabulary;

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;

/// A value that can be written as bytes and read back unchanged.
pub trait Pack: Sized {
    /// Writes the value's bytes.
    fn pack(&self, out: &mut Packer<'_>);

    /// Reads a value; `None` when the bytes are cut short or no value packs to them.
    fn unpack(from: &mut Unpacker<'_>) -> Option<Self>;
}

/// Writes packed values into a slice. Running out of room is remembered, not answered at once:
/// the caller asks [`Self::finish`] when everything is written.
#[derive(Debug)]
pub struct Packer<'a> {
    out: &'a mut [u8],
    at: usize,
    overflow: bool,
}

impl<'a> Packer<'a> {
    /// Writes into `out` from its start.
    #[must_use]
    pub const fn new(out: &'a mut [u8]) -> Self {
        Self { out, at: 0, overflow: false }
    }

    /// Writes one value.
    pub fn put<T: Pack>(&mut self, value: &T) {
        value.pack(self);
    }

    /// Writes bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) {
        let end = self.at.saturating_add(bytes.len());
        match self.out.get_mut(self.at..end) {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.at = end;
            }
            None => self.overflow = true,
        }
    }

    /// Writes which places of a sparse array are taken, then the values in them.
    pub fn sparse<T: Pack, const N: usize>(&mut self, places: &[Option<T>; N]) {
        const { assert!(N <= 16, "one bit of the mask per place") };
        let taken = |(place, value): (usize, &Option<T>)| u16::from(value.is_some()) << place;
        let mask = places.iter().enumerate().map(taken).fold(0_u16, |mask, bit| mask | bit);
        self.put(&mask);
        for value in places.iter().flatten() {
            self.put(value);
        }
    }

    /// How many bytes were written; `None` when they did not fit.
    #[must_use]
    pub const fn finish(self) -> Option<usize> {
        if self.overflow { None } else { Some(self.at) }
    }
}

/// Reads packed values from a slice.
#[derive(Debug)]
pub struct Unpacker<'a> {
    rest: &'a [u8],
}

impl<'a> Unpacker<'a> {
    /// Reads from the start of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Reads one value.
    pub fn take<T: Pack>(&mut self) -> Option<T> {
        T::unpack(self)
    }

    /// Reads `count` bytes as they are.
    pub const fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        match self.rest.split_at_checked(count) {
            Some((bytes, rest)) => {
                self.rest = rest;
                Some(bytes)
            }
            None => None,
        }
    }

    /// Reads what [`Packer::sparse`] wrote.
    pub fn sparse<T: Pack + Copy, const N: usize>(&mut self) -> Option<[Option<T>; N]> {
        let mask: u16 = self.take()?;
        if N < 16 && mask >> N != 0 {
            return None;
        }
        let mut places = [None; N];
        for (place, value) in places.iter_mut().enumerate() {
            if mask & (1 << place) != 0 {
                *value = Some(self.take()?);
            }
        }
        Some(places)
    }

    /// Reads one byte that counts into `all`.
    pub fn coded<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        let code: u8 = self.take()?;
        all.get(usize::from(code)).copied()
    }

    /// Whether everything was read.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

/// Reads one value from the whole of `bytes`; `None` also when something is left over.
#[must_use]
pub fn unpack_whole<T: Pack>(bytes: &[u8]) -> Option<T> {
    let mut from = Unpacker::new(bytes);
    let value = from.take()?;
    from.is_empty().then_some(value)
}

impl Pack for u8 {
    fn pack(&self, out: &mut Packer<'_>) {
        out.bytes(&[*self]);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        from.bytes(1).map(|bytes| bytes[0])
    }
}

impl Pack for bool {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&u8::from(*self));
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        from.coded(&[false, true])
    }
}

impl Pack for u16 {
    fn pack(&self, out: &mut Packer<'_>) {
        out.bytes(&self.to_le_bytes());
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self::from_le_bytes(from.bytes(size_of::<Self>())?.try_into().ok()?))
    }
}

impl Pack for u32 {
    fn pack(&self, out: &mut Packer<'_>) {
        out.bytes(&self.to_le_bytes());
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self::from_le_bytes(from.bytes(size_of::<Self>())?.try_into().ok()?))
    }
}

impl Pack for u64 {
    fn pack(&self, out: &mut Packer<'_>) {
        out.bytes(&self.to_le_bytes());
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self::from_le_bytes(from.bytes(size_of::<Self>())?.try_into().ok()?))
    }
}

impl Pack for i64 {
    fn pack(&self, out: &mut Packer<'_>) {
        out.bytes(&self.to_le_bytes());
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self::from_le_bytes(from.bytes(size_of::<Self>())?.try_into().ok()?))
    }
}

impl<T: Pack> Pack for Option<T> {
    fn pack(&self, out: &mut Packer<'_>) {
        match self {
            None => out.put(&0_u8),
            Some(value) => {
                out.put(&1_u8);
                out.put(value);
            }
        }
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        match from.take::<u8>()? {
            0 => Some(None),
            1 => Some(Some(from.take()?)),
            _ => None,
        }
    }
}
