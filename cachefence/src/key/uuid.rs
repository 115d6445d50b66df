//! UUIDs, in the spelling of RFC 9562: hyphenated, lower case.

use ::uuid::Uuid;

use super::{KeyPart, PartWriter};

impl KeyPart for Uuid {
    fn write_part(&self, part: &mut PartWriter<'_>) {
        part.text(self.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_reads_as_it_is() {
        let mut out = String::new();
        let uuid = Uuid::from_u128(0x6BA7_B810_9DAD_11D1_80B4_00C0_4FD4_30C8);
        uuid.write_part(&mut PartWriter::new(&mut out));
        assert_eq!(out, "6ba7b810-9dad-11d1-80b4-00c04fd430c8");
    }
}
