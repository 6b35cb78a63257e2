//! The header of a container: metadata, and where each tensor lies.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::tensor::{Dtype, byte_len};
use crate::{Error, Result};

/// The key that is not a tensor.
pub const METADATA: &str = "__metadata__";

/// The most dimensions that a tensor may have: more is not data but an attempt to take memory.
const MAX_RANK: usize = 8;

/// A parsed header, tensors in the order found.
pub struct Header {
    metadata: BTreeMap<String, String>,
    pub tensors: Vec<(String, Entry)>,
}

/// What the header says of one tensor.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    dtype: String,
    shape: Shape,
    data_offsets: [u64; 2],
}

/// A tensor whose entry was checked.
pub struct Place<'a> {
    pub name: &'a str,
    pub dtype: Dtype,
    pub shape: &'a [usize],
    /// Its bytes in the data.
    pub range: Range<u64>,
}

/// A tensor's dimensions, at most [`MAX_RANK`].
struct Shape(Vec<usize>);

impl Entry {
    pub fn new(dtype: Dtype, shape: &[usize], data_offsets: [u64; 2]) -> Self {
        Self { dtype: dtype.name().to_owned(), shape: Shape(shape.to_vec()), data_offsets }
    }

    /// Whether this is a vector of `len` bytes.
    pub fn is_bytes(&self, len: usize) -> bool {
        self.dtype == Dtype::U8.name() && self.shape.0 == [len]
    }
}

impl Header {
    /// A header without tensors.
    pub fn new(kind: &str, version: u32, manifest: String) -> Self {
        let metadata = [
            ("format", "rarefy".to_owned()),
            ("kind", kind.to_owned()),
            ("manifest", manifest),
            ("version", version.to_string()),
        ];
        Self { metadata: metadata.map(|(k, v)| (k.to_owned(), v)).into(), tensors: Vec::new() }
    }

    /// The header as JSON, padded with blanks to whole 8 bytes.
    pub fn to_json(&self) -> String {
        let quote = |s: &str| serde_json::Value::from(s).to_string();
        let metadata: Vec<_> = self.metadata.iter().map(|(k, v)| format!("{}:{}", quote(k), quote(v))).collect();
        let mut json = format!("{{{}:{{{}}}", quote(METADATA), metadata.join(","));
        for (name, Entry { dtype, shape, data_offsets: [start, end] }) in &self.tensors {
            let (name, shape) = (quote(name), shape.0.iter().map(usize::to_string).collect::<Vec<_>>().join(","));
            json += &format!(",{name}:{{\"dtype\":\"{dtype}\",\"shape\":[{shape}],\"data_offsets\":[{start},{end}]}}");
        }
        json.push('}');
        let padded = json.len().next_multiple_of(8);
        json.extend(std::iter::repeat_n(' ', padded - json.len()));
        json
    }

    /// Parses a header, which begins at byte 8 of its file.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let text = std::str::from_utf8(bytes)
            .map_err(|e| Error::Header { at: 8 + e.valid_up_to() as u64, problem: "not UTF-8 text".to_owned() })?;
        serde_json::from_str(text).map_err(|e| {
            let line_start: usize = text.split_inclusive('\n').take(e.line().saturating_sub(1)).map(str::len).sum();
            let at = 8 + (line_start + e.column().saturating_sub(1)) as u64;
            Error::Header { at, problem: format!("in the header, {e}") }
        })
    }

    /// Whether the header says that Rarefy wrote it.
    pub fn is_rarefy(&self) -> bool {
        self.metadata.get("format").is_some_and(|format| format == "rarefy")
    }

    /// Kind, version and manifest.
    ///
    /// The version comes before everything that a newer version might have changed.
    pub fn identity(&self, newest: u32) -> Result<(&str, u32, &str)> {
        let problem =
            |key: &str, problem: String| Error::Header { at: 8, problem: format!("{METADATA:?}, {key:?}: {problem}") };
        let get = |key: &str| self.metadata.get(key).ok_or_else(|| problem(key, "is missing".to_owned()));
        let format = get("format")?;
        if format != "rarefy" {
            return Err(problem("format", format!("found {format:?}, expected \"rarefy\"")));
        }
        let text = get("version")?;
        let version: u64 =
            text.parse().map_err(|_| problem("version", format!("found {text:?}, expected a whole number from 1")))?;
        if version > u64::from(newest) {
            return Err(Error::Newer { found: version, newest });
        }
        if version == 0 || *text != version.to_string() {
            return Err(problem("version", format!("found {text:?}, expected a whole number from 1")));
        }
        let identity = (get("kind")?.as_str(), version as u32, get("manifest")?.as_str());
        if let Some(key) =
            self.metadata.keys().find(|key| !["format", "kind", "manifest", "version"].contains(&key.as_str()))
        {
            return Err(problem(key, "is an unknown key, expected format, kind, manifest and version".to_owned()));
        }
        Ok(identity)
    }

    /// Each tensor's name, type, shape and byte range in `len` bytes of data, which the ranges fill without hole or overlap.
    pub fn places(&self, len: u64) -> Result<Vec<Place<'_>>> {
        let mut order: Vec<_> = self.tensors.iter().collect();
        order.sort_by_key(|(_, entry)| entry.data_offsets);
        let mut at = 0;
        let mut places = Vec::with_capacity(order.len());
        for (name, entry) in order {
            let [start, end] = entry.data_offsets;
            let dtype = Dtype::named(&entry.dtype).ok_or_else(|| {
                Error::tensor(name, format!("dtype {:?}, expected F32, U64, U32, U16 or U8", entry.dtype))
            })?;
            if start != at {
                let what = if start < at { "overlaps the tensor before it" } else { "leaves a hole before it" };
                return Err(Error::tensor(
                    name,
                    format!("starts at byte {start} of the data and {what}, expected {at}"),
                ));
            }
            if end < start || end > len {
                return Err(Error::tensor(name, format!("ends at byte {end} of the data, expected {start} to {len}")));
            }
            let shape = &entry.shape.0;
            match byte_len(dtype, shape) {
                Some(bytes) if bytes as u64 == end - start => {}
                found => {
                    let found = found.map_or("more than can be counted".to_owned(), |n| n.to_string());
                    let problem =
                        format!("shape {shape:?} of {} takes {found} bytes, expected {}", dtype.name(), end - start);
                    return Err(Error::tensor(name, problem));
                }
            }
            at = end;
            places.push(Place { name, dtype, shape, range: start..end });
        }
        if at != len {
            let problem = format!("{} bytes follow the last tensor, expected none", len - at);
            return Err(Error::Header { at: 8, problem });
        }
        Ok(places)
    }

    /// The tensor that ends last, empty ones aside.
    pub fn last(&self) -> Option<(&str, &Entry)> {
        let last = self.tensors.iter().max_by_key(|(_, e)| (e.data_offsets[1], e.data_offsets[1] - e.data_offsets[0]));
        last.map(|(name, entry)| (name.as_str(), entry))
    }
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

/// Reads the header's entries, each name once.
struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> std::result::Result<Header, A::Error> {
        let mut header = Header { metadata: BTreeMap::new(), tensors: Vec::new() };
        let mut seen = std::collections::HashSet::new();
        while let Some(name) = entries.next_key::<String>()? {
            if !seen.insert(name.clone()) {
                return Err(A::Error::custom(format!("key {name:?} appears twice, expected once")));
            }
            if name == METADATA {
                header.metadata = entries.next_value::<Texts>()?.0;
            } else {
                header.tensors.push((name, entries.next_value()?));
            }
        }
        Ok(header)
    }
}

/// Texts by name, each name once.
struct Texts(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct TextsVisitor;
        impl<'de> Visitor<'de> for TextsVisitor {
            type Value = Texts;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> std::result::Result<Texts, A::Error> {
                let mut texts = BTreeMap::new();
                while let Some((key, text)) = entries.next_entry::<String, String>()? {
                    if let Some(_first) = texts.insert(key.clone(), text) {
                        return Err(A::Error::custom(format!("key {key:?} appears twice, expected once")));
                    }
                }
                Ok(Texts(texts))
            }
        }
        deserializer.deserialize_map(TextsVisitor)
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct ShapeVisitor;
        impl<'de> Visitor<'de> for ShapeVisitor {
            type Value = Shape;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                write!(f, "at most {MAX_RANK} dimensions")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Shape, A::Error> {
                let mut shape = Vec::new();
                while let Some(dimension) = seq.next_element()? {
                    if shape.len() == MAX_RANK {
                        return Err(A::Error::invalid_length(MAX_RANK + 1, &self));
                    }
                    shape.push(dimension);
                }
                Ok(Shape(shape))
            }
        }
        deserializer.deserialize_seq(ShapeVisitor)
    }
}
