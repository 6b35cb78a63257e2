//! The header of an `.npy` file, and what its values are.

use super::{MAGIC, Number};
use crate::compression::Limits;
use crate::error::{At, Error, Place, Result, shorten};
use crate::idx::area;

/// Bytes of the longest header; NumPy itself refuses more than 10,000.
pub(super) const LONGEST: usize = 1 << 16;

/// Most dimensions; NumPy has 64.
const MOST_DIMS: usize = 64;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A byte, 0 for false.
    Bool,
    /// A signed integer.
    Signed,
    /// An unsigned integer.
    Unsigned,
    /// An IEEE float.
    Float,
    /// Bytes, padded with zeros.
    Bytes,
    /// Text in UTF-32, padded with zeros.
    Text,
}

/// Type of the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dtype {
    /// What a value is.
    pub kind: Kind,
    /// Bytes of a value.
    pub size: usize,
    /// Whether the most significant byte comes first.
    pub big_endian: bool,
}

impl Dtype {
    /// A number from its bytes.
    pub(super) fn number(self, bytes: &[u8]) -> Number {
        let mut wide = [0; 8];
        wide[..bytes.len()].copy_from_slice(bytes);
        if self.big_endian {
            wide[..bytes.len()].reverse();
        }
        let word = u64::from_le_bytes(wide);
        let spare = 64 - 8 * self.size as u32;
        match (self.kind, self.size) {
            (Kind::Signed, _) => Number::Whole((((word << spare) as i64) >> spare).into()),
            (Kind::Float, 8) => Number::Float(f64::from_bits(word)),
            (Kind::Float, 4) => Number::Float(f32::from_bits(word as u32).into()),
            (Kind::Float, _) => Number::Float(half(word as u16)),
            (Kind::Bool, _) => Number::Whole((word != 0).into()),
            _ => Number::Whole(word.into()),
        }
    }

    /// A value as text; `None` for bytes that are none.
    pub(super) fn text(self, bytes: &[u8]) -> Option<String> {
        match self.kind {
            Kind::Bytes => {
                let end = bytes.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
                String::from_utf8(bytes[..end].to_vec()).ok()
            }
            Kind::Text => {
                let of = if self.big_endian { u32::from_be_bytes } else { u32::from_le_bytes };
                let text: Option<String> = bytes.as_chunks::<4>().0.iter().map(|&c| char::from_u32(of(c))).collect();
                text.map(|text| text.trim_end_matches('\0').to_owned())
            }
            _ => Some(match self.number(bytes) {
                Number::Whole(value) => value.to_string(),
                Number::Float(value) if self.size == 4 => (value as f32).to_string(),
                Number::Float(value) => value.to_string(),
            }),
        }
    }
}

/// A float of 16 bits (IEEE 754 binary16): sign, 5 bits of exponent, 10 bits of fraction.
fn half(bits: u16) -> f64 {
    let (sign, exponent, fraction) = (bits >> 15, i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    let size = match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
    };
    if sign == 1 { -size } else { size }
}

/// What a header says.
pub(super) struct Header {
    pub dims: Vec<usize>,
    pub dtype: Dtype,
    pub fortran: bool,
    /// Where the values begin.
    pub start: usize,
    /// Bytes of the values.
    pub body: usize,
}

impl Header {
    /// The header of a file that begins with `bytes`.
    pub fn parse(bytes: &[u8], name: &str, limits: &Limits) -> Result<Self> {
        let malformed = |at: usize, found: String, expected| Error::Malformed {
            place: Place::new(name, At::Byte(at as u64)),
            found,
            expected,
        };
        let cut = |expected| {
            let place = Place::new(name, At::Byte(bytes.len() as u64));
            Error::Truncated { place, what: "the header of an .npy file", expected }
        };
        if !bytes.starts_with(MAGIC) {
            return Err(malformed(
                0,
                format!("{:02x?}", &bytes[..bytes.len().min(6)]),
                "93 4e 55 4d 50 59, as .npy files begin",
            ));
        }
        let (long, length) = match bytes.get(6..12) {
            Some(&[1, _, a, b, ..]) => (10, usize::from(u16::from_le_bytes([a, b]))),
            Some(&[2 | 3, _, a, b, c, d]) => (12, u32::from_le_bytes([a, b, c, d]) as usize),
            Some(&[version, ..]) => {
                return Err(malformed(6, format!("version {version}"), "version 1, 2 or 3 of the .npy format"));
            }
            _ => return Err(cut(12)),
        };
        if length > LONGEST {
            return Err(malformed(
                8,
                format!("a header of {length} bytes"),
                "65536 at most: the file is damaged, fetch it again",
            ));
        }
        let start = long + length;
        let text = bytes.get(long..start).ok_or_else(|| cut(start as u64))?;
        let mut cursor = Cursor { text, at: 0 };
        let dict = cursor.dict().map_err(|expected| {
            malformed(long + cursor.at, format!("header {:?}", shorten(&text[cursor.at.min(text.len())..])), expected)
        })?;
        let (Some(descr), Some(fortran), Some(dims)) = (dict.descr, dict.fortran, dict.dims) else {
            return Err(malformed(
                long,
                format!("header {:?}", shorten(text)),
                "the keys descr, fortran_order and shape",
            ));
        };
        let dtype = dtype(&descr).map_err(|fix| match fix {
            Some(fix) => {
                let (place, found) = (Place::new(name, At::Byte(long as u64)), format!("values of type {descr:?}"));
                Error::Unsupported { place, found, fix }
            }
            None => malformed(long, format!("type {descr:?}"), "such as <f4: byte order, kind and bytes"),
        })?;
        let place = || Place::new(name, At::Byte(long as u64));
        let body = area(&dims).and_then(|count| count.checked_mul(dtype.size));
        let body = body.ok_or_else(|| Error::Overflow { place: place(), dims: dims.clone(), width: dtype.size })?;
        if body as u64 > limits.bytes {
            let what = "the size in the header, in bytes,";
            return Err(Error::Limit { place: place(), what, limit: limits.bytes, option: "bytes" });
        }
        let body_end = start.checked_add(body);
        body_end.ok_or_else(|| Error::Overflow { place: place(), dims: dims.clone(), width: dtype.size })?;
        Ok(Self { dims, dtype, fortran, start, body })
    }
}

/// The type of a `descr`; otherwise what to do, if it is a type at all.
fn dtype(descr: &str) -> std::result::Result<Dtype, Option<&'static str>> {
    const PICKLE: &str =
        "Python objects are pickles; loading one runs the code in it, so they are never loaded: save numbers or text";
    let mut chars = descr.chars();
    let order = chars.next().ok_or(None)?;
    let (order, letter) = match order {
        '<' | '>' | '|' | '=' => (order, chars.next().ok_or(None)?),
        letter => ('|', letter),
    };
    let kind = match letter {
        'b' | '?' => Kind::Bool,
        'i' => Kind::Signed,
        'u' => Kind::Unsigned,
        'f' => Kind::Float,
        'S' | 'a' => Kind::Bytes,
        'U' => Kind::Text,
        'O' => return Err(Some(PICKLE)),
        'c' => return Err(Some("save real and imaginary parts as columns")),
        'M' | 'm' | 'V' => return Err(Some("save numbers or text")),
        _ => return Err(None),
    };
    let digits = chars.as_str();
    let size: usize = if letter == '?' { 1 } else { digits.parse().map_err(|_| None)? };
    let size = if kind == Kind::Text { size.checked_mul(4).ok_or(None)? } else { size };
    let sound = match kind {
        Kind::Bool => size == 1,
        Kind::Signed | Kind::Unsigned => matches!(size, 1 | 2 | 4 | 8),
        Kind::Float if matches!(size, 12 | 16) => return Err(Some("save 64-bit floats: astype('f8')")),
        Kind::Float => matches!(size, 2 | 4 | 8),
        Kind::Bytes | Kind::Text => size > 0,
    };
    if sound { Ok(Dtype { kind, size, big_endian: order == '>' }) } else { Err(None) }
}

/// The values of the keys, in the order in which they may come.
#[derive(Default)]
struct Dict {
    descr: Option<String>,
    fortran: Option<bool>,
    dims: Option<Vec<usize>>,
}

/// Reads the header's own small part of Python; errors say what was expected.
struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn peek(&mut self) -> Option<u8> {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    /// Goes past `byte` if it comes next.
    fn skip(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8, expected: &'static str) -> std::result::Result<(), &'static str> {
        if self.skip(byte) { Ok(()) } else { Err(expected) }
    }

    fn dict(&mut self) -> std::result::Result<Dict, &'static str> {
        let mut dict = Dict::default();
        self.expect(b'{', "a dict: {")?;
        while !self.skip(b'}') {
            let key = self.string()?;
            self.expect(b':', "a colon after the key")?;
            let twice = match &key[..] {
                "descr" => dict.descr.replace(self.string()?).is_some(),
                "fortran_order" => dict.fortran.replace(self.flag()?).is_some(),
                "shape" => dict.dims.replace(self.tuple()?).is_some(),
                _ => return Err("the keys descr, fortran_order and shape alone"),
            };
            if twice {
                return Err("each key once");
            }
            if !self.skip(b',') {
                self.expect(b'}', "a comma, or the end of the dict")?;
                break;
            }
        }
        if self.peek().is_some() { Err("nothing after the dict") } else { Ok(dict) }
    }

    fn string(&mut self) -> std::result::Result<String, &'static str> {
        let quote = self
            .peek()
            .filter(|q| matches!(q, b'\'' | b'"'))
            .ok_or("text in quotes (structured types are not read)")?;
        let start = self.at + 1;
        let length = self.text[start..].iter().position(|&b| b == quote).ok_or("a closing quote")?;
        self.at = start + length + 1;
        String::from_utf8(self.text[start..start + length].to_vec()).map_err(|_| "text in UTF-8")
    }

    fn flag(&mut self) -> std::result::Result<bool, &'static str> {
        self.peek();
        let found = [(&b"True"[..], true), (b"False", false)]
            .into_iter()
            .find(|(word, _)| self.text[self.at..].starts_with(word));
        let (word, value) = found.ok_or("True or False")?;
        self.at += word.len();
        Ok(value)
    }

    fn tuple(&mut self) -> std::result::Result<Vec<usize>, &'static str> {
        let mut dims = Vec::new();
        self.expect(b'(', "a tuple: (")?;
        while !self.skip(b')') {
            self.peek();
            let digits = self.text[self.at..].iter().take_while(|b| b.is_ascii_digit()).count();
            let text = std::str::from_utf8(&self.text[self.at..self.at + digits]).unwrap_or("");
            dims.push(text.parse().map_err(|_| "dimensions of 0 or more, below 2^64")?);
            self.at += digits;
            self.skip(b'L'); // Python 2
            if dims.len() > MOST_DIMS {
                return Err("64 dimensions at most");
            }
            if !self.skip(b',') {
                self.expect(b')', "a comma, or the end of the tuple")?;
                break;
            }
        }
        Ok(dims)
    }
}

/// A header of version 1, padded to 64 bytes as NumPy does.
pub(super) fn write(dims: &[usize], dtype: Dtype, fortran: bool) -> Vec<u8> {
    let (kind, size) = match dtype.kind {
        Kind::Bool => ('b', 1),
        Kind::Signed => ('i', dtype.size),
        Kind::Unsigned => ('u', dtype.size),
        Kind::Float => ('f', dtype.size),
        Kind::Bytes => ('S', dtype.size),
        Kind::Text => ('U', dtype.size / 4),
    };
    let order = if dtype.big_endian { '>' } else { '<' };
    let fortran = if fortran { "True" } else { "False" };
    let shape: String = dims.iter().map(|dim| format!("{dim}, ")).collect();
    let mut text = format!("{{'descr': '{order}{kind}{size}', 'fortran_order': {fortran}, 'shape': ({shape}), }}");
    // At most 64 dimensions of 20 digits: 16 bits hold the length.
    let padded = (10 + text.len() + 1).next_multiple_of(64);
    text.extend(std::iter::repeat_n(' ', padded - 11 - text.len()));
    text.push('\n');
    [MAGIC, &[1, 0], &(text.len() as u16).to_le_bytes(), text.as_bytes()].concat()
}
