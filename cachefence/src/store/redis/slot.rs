//! Slots: the parts into which a cluster divides its keys.

use crate::key::hash_tag;

/// How many slots a cluster has.
pub(super) const SLOTS: usize = 16_384;

/// CRC16 (XMODEM) of each byte, by which the Redis Cluster specification (appendix A) places a name.
const CRC: [u16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    let mut high: u16 = 0;
    while byte < 256 {
        let mut crc = high << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
        high += 1;
    }
    table
};

/// The slot of `name`: by its hash tag, if there is one.
pub(super) fn slot_of(name: &str) -> u16 {
    let hashed = hash_tag(name).unwrap_or(name);
    let crc = hashed.bytes().fold(0_u16, |crc, byte| {
        let [high, _] = crc.to_be_bytes();
        (crc << 8) ^ CRC[usize::from(high ^ byte)]
    });
    crc % 16_384
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The slot by the specification, bit by bit.
    fn specified(name: &str) -> u16 {
        let hashed = match name.split_once('{').and_then(|(_, after)| after.split_once('}')) {
            Some((tag, _)) if !tag.is_empty() => tag,
            _ => name,
        };
        let crc = hashed.bytes().fold(0_u16, |crc, byte| {
            (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
                if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
            })
        });
        crc % 16_384
    }

    #[test]
    fn the_slot_is_that_of_the_specification() {
        assert_eq!(slot_of("123456789"), 0x31c3); // its own example
        for name in [
            "",
            "k",
            "{a}b",
            "a{b}{c}",
            "{}{x}",
            "{x",
            "}{",
            "{{x}}",
            "ß:{ß}",
            "{user1000}.following",
            "foo{{bar}}zap",
        ] {
            assert_eq!(slot_of(name), specified(name), "{name}");
        }
        assert_eq!(slot_of("{user1000}.following"), slot_of("{user1000}.followers"));
        for number in 0..10_000 {
            let name = format!("app:user:{number}");
            assert_eq!(slot_of(&name), specified(&name), "{name}");
        }
    }
}
