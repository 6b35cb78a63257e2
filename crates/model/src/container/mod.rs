//! The file format under artifacts and checkpoints: named tensors, a JSON manifest, a checksum.
//!
//! A container is a [safetensors](https://github.com/huggingface/safetensors) file:
//! ```text
//! 8 bytes   length of the header, little endian
//! header    JSON: "__metadata__" and, for each tensor, its dtype, shape and byte range; padded with blanks to 8 bytes
//! data      the tensors, without holes, widest dtype first (so that each is aligned), then by name
//! 32 bytes  the last tensor, "checksum": SHA-256 of every byte before it
//! ```
//! `__metadata__` has four keys: `format` ("rarefy"), `kind` ("artifact", "checkpoint"), `version` and `manifest`.
//! Nothing in a container names another file, so reading one touches no other. Writing is a function of the content
//! alone: the same container gives the same bytes.
//!
//! Reading trusts nothing: the checksum first, then every length before memory is taken for it. The checksum finds
//! damage; it does not prove who made the file, so all checks after it assume an attacker who computed it.
//!
//! ```
//! use rarefy_model::container::{Container, Tensor};
//! let mut container = Container::new("checkpoint", 1);
//! container.manifest = serde_json::json!({ "step": 3 });
//! container.insert("moments", Tensor::from_f32(&[3], &[1.0, 2.0, 3.0])?)?;
//! let bytes = container.to_bytes()?;
//! let mut back = Container::from_bytes(&bytes, "checkpoint", 1)?;
//! assert_eq!(back.take("moments")?.to_f32("moments")?, [1.0, 2.0, 3.0]);
//! # Ok::<(), rarefy_model::Error>(())
//! ```

mod header;
mod json;
mod sniff;
mod tensor;

pub use tensor::{Dtype, Tensor};

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::file::{read_whole, write_aside};
use crate::{Error, Result};
use header::{Entry, Header, METADATA, Place};

/// The longest header, in bytes: the limit of the safetensors format.
pub const HEADER_LIMIT: u64 = 100_000_000;

/// The longest manifest, in bytes: room for the names of a million columns.
pub const MANIFEST_LIMIT: usize = 32 << 20;

/// The last tensor's name.
const CHECKSUM: &str = "checksum";

/// Bytes of the checksum.
const CHECKSUM_BYTES: usize = 32;

/// Named tensors and a manifest; a file's whole content.
#[derive(Debug, Clone, PartialEq)]
pub struct Container {
    /// Version of the kind's format.
    pub version: u32,
    /// What the file is: `artifact` or `checkpoint`.
    pub kind: String,
    /// All that is not numbers in bulk.
    pub manifest: Value,
    /// The tensors by name.
    pub tensors: BTreeMap<String, Tensor>,
}

impl Container {
    /// A container without tensors.
    pub fn new(kind: &str, version: u32) -> Self {
        Self { version, kind: kind.to_owned(), manifest: Value::Null, tensors: BTreeMap::new() }
    }

    /// Adds a tensor.
    ///
    /// # Errors
    /// [`Error::Tensor`] when there is one of that name, or the name is the format's own.
    pub fn insert(&mut self, name: impl Into<String>, tensor: Tensor) -> Result<()> {
        let name = name.into();
        if name == CHECKSUM || name == METADATA {
            return Err(Error::tensor(&name, "this name is the format's own; choose another"));
        }
        match self.tensors.entry(name) {
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(tensor);
                Ok(())
            }
            std::collections::btree_map::Entry::Occupied(entry) => {
                Err(Error::tensor(entry.key(), "there are two of this name; choose another for one"))
            }
        }
    }

    /// Whether it holds a tensor of this name that was not taken yet.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Removes and returns a tensor.
    ///
    /// # Errors
    /// [`Error::Tensor`] when there is none of that name.
    pub fn take(&mut self, name: &str) -> Result<Tensor> {
        self.tensors.remove(name).ok_or_else(|| Error::tensor(name, "is missing"))
    }

    /// Refuses tensors that nobody took: each must have a meaning.
    ///
    /// # Errors
    /// [`Error::Tensor`] naming the first that is left.
    pub fn finish(&self) -> Result<()> {
        match self.tensors.keys().next() {
            Some(name) => Err(Error::tensor(name, "has no meaning in this file, expected no such tensor")),
            None => Ok(()),
        }
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// [`Error::Tensor`] for a name that is the format's own, [`Error::HeaderLength`] or [`Error::Manifest`] past the limits.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let manifest = self.manifest.to_string();
        if manifest.len() > MANIFEST_LIMIT {
            let problem =
                format!("{} bytes long, expected at most {MANIFEST_LIMIT}; use fewer or shorter names", manifest.len());
            return Err(Error::manifest("whole", problem));
        }
        let mut order: Vec<_> = self.tensors.iter().collect();
        order.sort_by_key(|(name, tensor)| (std::cmp::Reverse(tensor.dtype().bytes()), *name));

        let mut header = Header::new(&self.kind, self.version, manifest);
        let mut end = 0;
        let mut place = |name: &str, dtype: Dtype, shape: &[usize], bytes: usize| {
            let start = end;
            end += bytes as u64;
            header.tensors.push((name.to_owned(), Entry::new(dtype, shape, [start, end])));
        };
        for (name, tensor) in &order {
            if *name == CHECKSUM || *name == METADATA {
                return Err(Error::tensor(name, "this name is the format's own; choose another"));
            }
            place(name, tensor.dtype(), tensor.shape(), tensor.bytes().len());
        }
        place(CHECKSUM, Dtype::U8, &[CHECKSUM_BYTES], CHECKSUM_BYTES);

        let header = header.to_json();
        let len = header.len() as u64;
        if len > HEADER_LIMIT {
            return Err(Error::HeaderLength { found: len, limit: HEADER_LIMIT });
        }
        let mut bytes = Vec::with_capacity(8 + header.len() + end as usize);
        bytes.extend(len.to_le_bytes());
        bytes.extend(header.as_bytes());
        for (_, tensor) in order {
            bytes.extend(tensor.bytes());
        }
        let checksum = Sha256::digest(&bytes);
        bytes.extend(&checksum[..]);
        Ok(bytes)
    }

    /// Reads a file's bytes, of a `kind` whose `newest` known version is given.
    ///
    /// # Errors
    /// One for each thing that can be wrong, named where it lies: see [`Error`].
    pub fn from_bytes(bytes: &[u8], kind: &str, newest: u32) -> Result<Self> {
        check_start(bytes.len() as u64, bytes)?;
        let data_at = 8 + le_u64(bytes) as usize; // at most the file's length, as just checked
        let checksum_at = bytes.len() - CHECKSUM_BYTES;
        if Sha256::digest(&bytes[..checksum_at])[..] != bytes[checksum_at..] {
            return Err(whose_checksum(bytes, data_at, checksum_at));
        }
        let header = Header::parse(&bytes[8..data_at])?;
        let (found, version, manifest) = header.identity(newest)?;
        if found != kind {
            return Err(Error::Kind { found: found.to_owned(), expected: kind.to_owned() });
        }
        if manifest.len() > MANIFEST_LIMIT {
            let problem = format!("{} bytes long, expected at most {MANIFEST_LIMIT}", manifest.len());
            return Err(Error::manifest("whole", problem));
        }
        let manifest = json::parse(manifest).map_err(|e| Error::manifest("whole", e.to_string()))?;
        let data = &bytes[data_at..];
        let mut container = Self { version, kind: kind.to_owned(), manifest, tensors: BTreeMap::new() };
        for Place { name, dtype, shape, range } in header.places(data.len() as u64)? {
            let bytes = &data[range.start as usize..range.end as usize];
            container.tensors.insert(name.to_owned(), Tensor::new(name, dtype, shape, bytes)?);
        }
        // It covers all bytes before it, so it must be the last 32, which were verified as such above.
        let last = header.last().filter(|(name, entry)| *name == CHECKSUM && entry.is_bytes(CHECKSUM_BYTES));
        if last.is_none() {
            return Err(Error::tensor(CHECKSUM, "is missing, or not the last 32 bytes of the file"));
        }
        container.tensors.remove(CHECKSUM);
        Ok(container)
    }

    /// Writes the file, aside and renamed.
    ///
    /// # Errors
    /// As [`Container::to_bytes`] and [`write_aside`].
    pub fn write(&self, path: &Path) -> Result<()> {
        write_aside(path, &self.to_bytes().map_err(|e| e.in_file(path))?)
    }

    /// Reads a file. What is not a container is refused by its first bytes, before the rest is read.
    ///
    /// # Errors
    /// As [`Container::from_bytes`], with the path; [`Error::Io`].
    pub fn read(path: &Path, kind: &str, newest: u32) -> Result<Self> {
        let bytes = read_whole(path, check_start).map_err(|e| e.in_file(path))?;
        Self::from_bytes(&bytes, kind, newest).map_err(|e| e.in_file(path))
    }
}

/// The header's length.
fn le_u64(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).rev().fold(0, |n, &byte| n << 8 | u64::from(byte))
}

/// Checks what the first bytes of a file of `len` bytes tell.
fn check_start(len: u64, first: &[u8]) -> Result<()> {
    const LEAST: u64 = 8 + 2 + CHECKSUM_BYTES as u64;
    let brace = first.get(8) == Some(&b'{');
    if !brace && let Some((found, advice)) = sniff::foreign(first) {
        return Err(Error::NotRarefy { found, advice });
    }
    if len < LEAST {
        return Err(Error::TooShort { found: len, expected: LEAST });
    }
    let (found, room) = (le_u64(first), len - 8 - CHECKSUM_BYTES as u64);
    if !brace {
        return Err(Error::NotRarefy { found: "an unknown format", advice: sniff::ADVICE });
    }
    if found < 2 || found > room.min(HEADER_LIMIT) {
        return Err(Error::HeaderLength { found, limit: room.min(HEADER_LIMIT) });
    }
    Ok(())
}

/// Tells a damaged file from a safetensors file that never had a checksum.
fn whose_checksum(bytes: &[u8], data_at: usize, checksum_at: usize) -> Error {
    match Header::parse(&bytes[8..data_at]) {
        Ok(header) if !header.is_rarefy() => {
            Error::NotRarefy { found: "safetensors of another program", advice: sniff::ADVICE }
        }
        _ => Error::Checksum { at: checksum_at as u64 },
    }
}
