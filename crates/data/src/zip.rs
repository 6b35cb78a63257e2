//! Zip archives, as far as `.npz` files need them: read from memory, every claim checked; written without compression.
//!
//! Names of entries are looked up, and never touch a path. Nothing is decompressed before the sizes of all entries have been
//! checked against the limit, and no entry to more than its own size.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::ops::Range;

use crate::compression::Limits;
use crate::error::{At, Error, Place, Result};

/// The first bytes of an entry.
pub(crate) const MAGIC: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
const END64: &[u8] = b"PK\x06\x06";
const LOCATOR64: &[u8] = b"PK\x06\x07";
/// Stands in 32 bits for a number that is given in 64.
const WIDE: u64 = 0xffff_ffff;

/// An archive in memory.
pub(crate) struct Archive<'a> {
    bytes: &'a [u8],
    name: &'a str,
    entries: BTreeMap<String, Entry>,
}

/// One file of an archive.
struct Entry {
    deflated: bool,
    crc: u32,
    size: u64,
    /// Where the bytes of its local header and of its data lie.
    all: Range<usize>,
    data: usize,
}

impl<'a> Archive<'a> {
    /// The entries of an archive.
    ///
    /// # Errors
    /// [`Error::Malformed`] with the byte for whatever breaks the format's rules: entries that overlap or come twice, sizes that lie;
    /// [`Error::Unsupported`] for encryption and other compression; [`Error::Limit`] when all of it is past [`Limits::bytes`].
    pub fn open(bytes: &'a [u8], name: &'a str, limits: &Limits) -> Result<Self> {
        let mut archive = Self { bytes, name, entries: BTreeMap::new() };
        let (mut at, end, count) = archive.directory()?;
        let directory = at;
        let mut total = 0u64;
        for _ in 0..count {
            let (file, entry, next) = archive.entry(at, directory)?;
            total = total.saturating_add(entry.size);
            if total > limits.bytes {
                let what = "what it holds, in bytes after decompression,";
                return Err(Error::Limit { place: archive.place(at), what, limit: limits.bytes, option: "bytes" });
            }
            if archive.entries.contains_key(&file) {
                return Err(archive.malformed(at, format!("a second entry {file:?}"), "each name once"));
            }
            archive.entries.insert(file, entry);
            at = next;
        }
        if at != end {
            return Err(archive.malformed(at, "other bytes".to_owned(), "the end of the directory"));
        }
        let mut ranges: Vec<_> = archive.entries.values().map(|entry| entry.all.clone()).collect();
        ranges.sort_by_key(|range| range.start);
        if let Some(pair) = ranges.windows(2).find(|pair| pair[0].end > pair[1].start) {
            return Err(archive.malformed(
                pair[1].start,
                "an entry inside another".to_owned(),
                "entries one after the other",
            ));
        }
        Ok(archive)
    }

    /// The names of all entries, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The bytes of an entry. `length` tells from the first of them (`head` bytes, or all) how many there must be.
    pub fn read(&self, file: &str, head: usize, length: impl FnOnce(&[u8]) -> Result<u64>) -> Result<Option<Vec<u8>>> {
        let Some(entry) = self.entries.get(file) else { return Ok(None) };
        let stored = &self.bytes[entry.data..entry.all.end];
        let mut reader: Box<dyn Read> =
            if entry.deflated { Box::new(flate2::read::DeflateDecoder::new(stored)) } else { Box::new(stored) };
        let broken = |reason: String| Error::Compression { place: self.place(entry.data), format: "zip", reason };
        let mut bytes = Vec::new();
        let mut take = |bytes: &mut Vec<u8>, limit: u64| {
            reader.by_ref().take(limit).read_to_end(bytes).map_err(|e| broken(e.to_string())).map(drop)
        };
        take(&mut bytes, entry.size.min(head as u64))?;
        let expected = length(&bytes)?;
        if expected != entry.size {
            let found = format!("{file:?} of {} bytes", entry.size);
            return Err(self.malformed(
                entry.all.start,
                found,
                "as many as its own header says: the file is damaged, fetch it again",
            ));
        }
        // One more, to see that it ends.
        let left = (entry.size - bytes.len() as u64).saturating_add(1);
        take(&mut bytes, left)?;
        if bytes.len() as u64 != entry.size {
            return Err(broken(format!("{file:?} is not the {} bytes that the directory says", entry.size)));
        }
        let mut crc = flate2::Crc::new();
        crc.update(&bytes);
        if crc.sum() != entry.crc {
            return Err(broken(format!(
                "{file:?} has checksum {:08x}, the directory says {:08x}",
                crc.sum(),
                entry.crc
            )));
        }
        Ok(Some(bytes))
    }

    fn place(&self, at: usize) -> Place {
        Place::new(self.name, At::Byte(at as u64))
    }

    fn malformed(&self, at: usize, found: String, expected: &'static str) -> Error {
        Error::Malformed { place: self.place(at), found, expected }
    }

    /// `N` bytes as a number.
    fn number<const N: usize>(&self, at: usize) -> Result<u64> {
        let bytes = at.checked_add(N).and_then(|end| self.bytes.get(at..end));
        let bytes = bytes.ok_or_else(|| {
            self.malformed(
                self.bytes.len(),
                "the end".to_owned(),
                "more of a zip archive: it is cut short, fetch it again",
            )
        })?;
        Ok(bytes.iter().rev().fold(0, |sum, &b| sum << 8 | u64::from(b)))
    }

    fn has(&self, at: usize, magic: &[u8]) -> bool {
        self.bytes.get(at..).is_some_and(|rest| rest.starts_with(magic))
    }

    /// A place in the archive that it names itself.
    fn offset(&self, at: usize, value: u64) -> Result<usize> {
        let inside = usize::try_from(value).ok().filter(|&v| v <= self.bytes.len());
        inside.ok_or_else(|| self.malformed(at, format!("the place {value}"), "a place inside the archive"))
    }

    /// Where the directory begins and ends, and how many entries it has.
    fn directory(&self) -> Result<(usize, usize, u64)> {
        // The end record is 22 bytes and a comment of 65,535 at most, the last thing in the file.
        let last = self.bytes.len().checked_sub(22);
        let found = last.and_then(|last| {
            (last.saturating_sub(65_535)..=last).rev().find(|&at| {
                self.has(at, END) && self.number::<2>(at + 20).is_ok_and(|n| at + 22 + n as usize == self.bytes.len())
            })
        });
        let end = found.ok_or_else(|| {
            self.malformed(
                self.bytes.len(),
                "the end".to_owned(),
                "the directory of a zip archive: it is cut short, fetch it again",
            )
        })?;
        let (disk, first, here, count) = (
            self.number::<2>(end + 4)?,
            self.number::<2>(end + 6)?,
            self.number::<2>(end + 8)?,
            self.number::<2>(end + 10)?,
        );
        let (size, offset) = (self.number::<4>(end + 12)?, self.number::<4>(end + 16)?);
        let (start, size, count, before) = match end.checked_sub(20).filter(|&at| self.has(at, LOCATOR64)) {
            Some(locator) => {
                let at = self.offset(locator, self.number::<8>(locator + 8)?)?;
                if !self.has(at, END64) {
                    return Err(self.malformed(at, "other bytes".to_owned(), "the zip64 end record"));
                }
                (self.number::<8>(at + 48)?, self.number::<8>(at + 40)?, self.number::<8>(at + 32)?, at)
            }
            None if disk != 0 || first != 0 || here != count => {
                return Err(self.malformed(end, "a part of a split archive".to_owned(), "a whole one"));
            }
            None => (offset, size, count, end),
        };
        let start = self.offset(end, start)?;
        let stop = self.offset(end, (start as u64).saturating_add(size))?;
        if stop != before {
            return Err(self.malformed(
                end,
                format!("a directory from {start} to {stop}"),
                "one that ends where the end record begins",
            ));
        }
        Ok((start, stop, count))
    }

    /// The entry whose directory record is at `at`: its name, itself, and where the next record is.
    fn entry(&self, at: usize, directory: usize) -> Result<(String, Entry, usize)> {
        if !self.has(at, CENTRAL) {
            return Err(self.malformed(at, "other bytes".to_owned(), "a record of the directory"));
        }
        let (flags, method, crc) = (self.number::<2>(at + 8)?, self.number::<2>(at + 10)?, self.number::<4>(at + 16)?);
        let lengths = [28, 30, 32].map(|field| self.number::<2>(at + field).map(|n| n as usize));
        let [name, extra, comment] = lengths;
        let (name, extra, comment) = (name?, extra?, comment?);
        let mut numbers = [self.number::<4>(at + 24)?, self.number::<4>(at + 20)?, self.number::<4>(at + 42)?];
        self.widen(&mut numbers, at + 46 + name, extra)?;
        let [size, packed, offset] = numbers;
        let text = self.bytes.get(at + 46..at + 46 + name).and_then(|bytes| std::str::from_utf8(bytes).ok());
        let file = text.ok_or_else(|| self.malformed(at, "a name that is not UTF-8".to_owned(), "text"))?;
        let unsupported = |found: String, fix| Err(Error::Unsupported { place: self.place(at), found, fix });
        if flags & 1 != 0 {
            return unsupported(format!("{file:?} is encrypted"), "save it without a password");
        }
        if !matches!(method, 0 | 8) {
            return unsupported(
                format!("{file:?} is compressed by method {method}"),
                "save it with numpy.savez or savez_compressed",
            );
        }
        let start = self.offset(at, offset)?;
        if !self.has(start, MAGIC) {
            return Err(self.malformed(start, "other bytes".to_owned(), "the entry that the directory names"));
        }
        let (local_name, local_extra) =
            (self.number::<2>(start + 26)? as usize, self.number::<2>(start + 28)? as usize);
        let data = start + 30 + local_name + local_extra;
        let mut local = [self.number::<4>(start + 22)?, self.number::<4>(start + 18)?];
        self.widen(&mut local, start + 30 + local_name, local_extra)?;
        let same_name = self.bytes.get(start + 30..start + 30 + local_name) == Some(file.as_bytes());
        // With bit 3 the sizes follow the data, and stand in the directory alone.
        let streamed = flags & 8 != 0 && local == [0, 0];
        if !same_name || self.number::<2>(start + 8)? != method || !(streamed || local == [size, packed]) {
            return Err(self.malformed(
                start,
                "another name, method or size".to_owned(),
                "those of the directory: the file is damaged",
            ));
        }
        let end =
            usize::try_from(packed).ok().and_then(|packed| data.checked_add(packed)).filter(|&end| end <= directory);
        let end = end.ok_or_else(|| {
            self.malformed(start, format!("an entry of {packed} bytes"), "one that ends before the directory")
        })?;
        if method == 0 && size != packed {
            return Err(self.malformed(
                start,
                format!("{size} bytes stored in {packed}"),
                "as many, as they are not compressed",
            ));
        }
        let entry = Entry { deflated: method == 8, crc: crc as u32, size, all: start..end, data };
        Ok((file.to_owned(), entry, at + 46 + name + extra + comment))
    }

    /// Replaces numbers that stand for wide ones by those of the zip64 field among the extra fields.
    fn widen(&self, numbers: &mut [u64], mut at: usize, length: usize) -> Result<()> {
        let end = at + length;
        if numbers.iter().all(|&n| n != WIDE) {
            return Ok(());
        }
        while at + 4 <= end {
            let (id, size) = (self.number::<2>(at)?, self.number::<2>(at + 2)? as usize);
            at += 4;
            if id == 1 {
                let mut field = at;
                for number in numbers.iter_mut().filter(|n| **n == WIDE) {
                    if field + 8 > (at + size).min(end) {
                        break;
                    }
                    *number = self.number::<8>(field)?;
                    field += 8;
                }
                return Ok(());
            }
            at += size;
        }
        Ok(())
    }
}

/// Writes an archive of these files, uncompressed. The same files give the same bytes.
///
/// # Errors
/// Those of the writer; [`io::ErrorKind::InvalidInput`] past 4 GiB.
pub(crate) fn write(mut out: impl Write, files: &[(String, Vec<u8>)]) -> io::Result<()> {
    let narrow = |n: usize| {
        u32::try_from(n)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "more than 4 GiB: write another format"))
    };
    let (mut offset, mut directory) = (0usize, Vec::new());
    for (name, bytes) in files {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        // Version 2.0, no flags, stored, 1 January 1980.
        let mut about = vec![20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
        about.extend(crc.sum().to_le_bytes());
        about.extend([narrow(bytes.len())?; 2].iter().flat_map(|n| n.to_le_bytes()));
        about.extend([name.len() as u8, 0, 0, 0]);
        let header = [MAGIC, &about, name.as_bytes()].concat();
        out.write_all(&header)?;
        out.write_all(bytes)?;
        directory
            .extend([CENTRAL, &[20, 0], &about, &[0; 10], &narrow(offset)?.to_le_bytes(), name.as_bytes()].concat());
        offset += header.len() + bytes.len();
    }
    out.write_all(&directory)?;
    let count = (files.len() as u16).to_le_bytes();
    let ends = [narrow(directory.len())?.to_le_bytes(), narrow(offset)?.to_le_bytes()].concat();
    out.write_all(&[END, &[0; 4], &count, &count, &ends, &[0, 0]].concat())?;
    out.flush()
}
