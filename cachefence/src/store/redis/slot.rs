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
