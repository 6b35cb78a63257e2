//! Makes the checksum of a mutated file right again, so that the fuzzer reaches the checks behind it.

use sha2::{Digest, Sha256};

/// `bytes`, the last 32 replaced by the SHA-256 of all before them.
pub fn checksum(bytes: &[u8]) -> Vec<u8> {
    let body = &bytes[..bytes.len().saturating_sub(32)];
    let mut mended = body.to_vec();
    mended.extend_from_slice(&Sha256::digest(body));
    mended
}
