//! Files of other programs, told by their first bytes, so that the error can name them. None of them is ever loaded.

/// What to do with a file that is not Rarefy's.
pub const ADVICE: &str = "give a file that `rarefy fit` wrote";

/// What to do with a file that holds a program rather than data.
const UNSAFE: &str =
    "loading it would run code from the file, which Rarefy never does; give a file that `rarefy fit` wrote";

/// First bytes, the format they belong to, what to do.
const FORMATS: &[(&[u8], &str, &str)] = &[
    (b"PK\x03\x04", "a ZIP archive (PyTorch .pt, NumPy .npz, Keras)", UNSAFE),
    (b"PK\x05\x06", "an empty ZIP archive", ADVICE),
    (b"\x80\x02", "a pickle (joblib, PyTorch .pt, scikit-learn)", UNSAFE),
    (b"\x80\x03", "a pickle (joblib, PyTorch .pt, scikit-learn)", UNSAFE),
    (b"\x80\x04", "a pickle (joblib, PyTorch .pt, scikit-learn)", UNSAFE),
    (b"\x80\x05", "a pickle (joblib, PyTorch .pt, scikit-learn)", UNSAFE),
    (b"\x1f\x8b", "gzip data (joblib, MNIST images)", ADVICE),
    (b"\x78\x01", "zlib data (joblib)", UNSAFE),
    (b"\x78\x9c", "zlib data (joblib)", UNSAFE),
    (b"\x78\xda", "zlib data (joblib)", UNSAFE),
    (b"BZh", "bzip2 data (joblib)", UNSAFE),
    (b"\xfd7zXZ\0", "xz data (joblib)", UNSAFE),
    (b"\x28\xb5\x2f\xfd", "zstd data", ADVICE),
    (b"\x93NUMPY", "a NumPy array", ADVICE),
    (b"\x89HDF\r\n\x1a\n", "HDF5 (Keras)", ADVICE),
    (b"GGUF", "GGUF", ADVICE),
    (b"PAR1", "Parquet", ADVICE),
    (b"%PDF", "PDF", ADVICE),
    (b"\x7fELF", "a program", ADVICE),
];

/// The foreign format that a file begins like, and what to do about it.
pub fn foreign(first: &[u8]) -> Option<(&'static str, &'static str)> {
    let known = FORMATS.iter().find(|(magic, ..)| first.starts_with(magic)).map(|&(_, name, advice)| (name, advice));
    known.or(match first {
        // ONNX is protobuf: field 1, ir_version (3 to 13 so far), then field 2, 3 or 7: producer name, its version, graph.
        [0x08, 3..=20, 0x12 | 0x1a | 0x3a, ..] => Some(("ONNX", ADVICE)),
        [_, _, _, _, b'T', b'F', b'L', b'3', ..] => Some(("TensorFlow Lite", ADVICE)),
        [b'{' | b'[', ..] => Some(("JSON or other text", ADVICE)),
        _ => None,
    })
}
