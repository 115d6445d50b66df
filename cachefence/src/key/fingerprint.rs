//! A number for a name, worked out when it is first asked for: a hit on Redis asks for it twice, one in
//! memory not at all.

use std::sync::atomic::{AtomicU64, Ordering};

/// Zero while it is not known; a name whose fingerprint is zero has it worked out each time.
#[derive(Default)]
pub(super) struct Fingerprint(AtomicU64);

impl Fingerprint {
    /// The 64-bit FNV-1a of `name`, which is always the same one.
    pub(super) fn of(&self, name: &str) -> u64 {
        match self.0.load(Ordering::Relaxed) {
            0 => {
                let fingerprint = fnv1a(name);
                self.0.store(fingerprint, Ordering::Relaxed);
                fingerprint
            }
            known => known,
        }
    }
}

/// G. Fowler, L. Noll, K. Vo and D. Eastlake, "The FNV Non-Cryptographic Hash Algorithm"
/// (draft-eastlake-fnv), section 2.
fn fnv1a(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first test vectors of the algorithm's authors.
    #[test]
    fn it_is_the_published_one() {
        for (name, hash) in [
            ("", 0xcbf2_9ce4_8422_2325),
            ("a", 0xaf63_dc4c_8601_ec8c),
            ("foobar", 0x8594_4171_f739_67e8),
        ] {
            let fingerprint = Fingerprint::default();
            assert_eq!(fingerprint.of(name), hash);
            assert_eq!(fingerprint.of(name), hash, "once it is known");
        }
    }
}
