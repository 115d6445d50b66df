//! Values of one piece.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::{
    NonZeroI8, NonZeroI16, NonZeroI32, NonZeroI64, NonZeroI128, NonZeroIsize, NonZeroU8,
    NonZeroU16, NonZeroU32, NonZeroU64, NonZeroU128, NonZeroUsize,
};

use uuid::Uuid;

use crate::key::{KeyPart, PartWriter};

macro_rules! by_display {
    ($($ty:ty),* $(,)?) => {$(
        impl KeyPart for $ty {
            fn write_part(&self, part: &mut PartWriter<'_>) {
                part.display(self);
            }
        }
    )*};
}

by_display!(
    bool,
    char,
    i8,
    i16,
    i32,
    i64,
    i128,
    isize,
    u8,
    u16,
    u32,
    u64,
    u128,
    usize,
    NonZeroI8,
    NonZeroI16,
    NonZeroI32,
    NonZeroI64,
    NonZeroI128,
    NonZeroIsize,
    NonZeroU8,
    NonZeroU16,
    NonZeroU32,
    NonZeroU64,
    NonZeroU128,
    NonZeroUsize,
    IpAddr,
    Ipv4Addr,
    Ipv6Addr,
);

/// In the spelling of RFC 9562: hyphenated, lower case.
impl KeyPart for Uuid {
    fn write_part(&self, part: &mut PartWriter<'_>) {
        part.text(self.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    }
}

impl KeyPart for str {
    fn write_part(&self, part: &mut PartWriter<'_>) {
        part.text(self);
    }
}

impl KeyPart for String {
    fn write_part(&self, part: &mut PartWriter<'_>) {
        part.text(self);
    }
}
