//! Files and streams, plain or compressed, with limits.
//!
//! gzip and zstd are found by their first bytes, never by the file's name. What comes out is counted, and reading stops
//! with an error at [`Limits::bytes`], so that a small file cannot fill the memory. A file is read, never mapped: its
//! length is taken when it is opened, and compared with what was read, so a file that shrinks under the reader is an error.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

use crate::error::{At, Error, Place, Result};

/// How much a reader may read.
///
/// Memory follows what was read, never what a header claims: before a byte of the values has arrived, a reader has taken less
/// than 128 MiB, the largest zstd window among it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes after decompression, and bytes of the matrix that a text table becomes. 16 GiB unless set.
    pub bytes: u64,
    /// Bytes in one row of a text file. 16 MiB unless set.
    pub row_bytes: u64,
    /// Columns of a text table or of a dense array. 4,194,304 (2²²) unless set.
    pub columns: usize,
    /// Columns of sparse data, such as the largest index of an svmlight file. 16,777,216 (2²⁴) unless set.
    pub max_features: usize,
    /// Rows of sparse data that a header may declare; each takes 4 bytes, whether it has entries or not. 268,435,456 (2²⁸)
    /// unless set.
    pub rows: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 16 << 30, row_bytes: 16 << 20, columns: 1 << 22, max_features: 1 << 24, rows: 1 << 28 }
    }
}

/// The first bytes of a gzip file with the one method that there is.
const GZIP: [u8; 3] = [0x1f, 0x8b, 8];
/// The first bytes of a zstd frame (RFC 8878).
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Largest zstd window accepted, as a power of two: 64 MiB, which `zstd -19 --long=26` stays within.
const ZSTD_WINDOW_LOG: u32 = 26;
/// Bytes taken from the file at a time.
const CHUNK: usize = 256 << 10;

/// A stream of decompressed bytes that knows its name and its limits.
///
/// Through [`Read`] and [`BufRead`] its errors are [`io::Error`]s; [`Source::error`] turns them back into [`Error`]s.
pub struct Source<'a> {
    inner: BufReader<Counted<Box<dyn BufRead + 'a>>>,
    name: String,
    format: &'static str,
}

impl<'a> Source<'a> {
    /// Opens a file.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be opened or is a folder, [`Error::Compression`] if it does not decompress.
    pub fn open(path: &Path, limits: &Limits) -> Result<Source<'static>> {
        let name = path.display().to_string();
        let io_error = |source, fix| Error::Io { place: Place::new(&name, At::File), source, fix };
        let file = File::open(path).map_err(|e| io_error(e, "give a file that exists and may be read"))?;
        let about = file.metadata().map_err(|e| io_error(e, "give a file that may be read"))?;
        if about.is_dir() {
            let source = io::Error::new(io::ErrorKind::IsADirectory, "is a folder");
            return Err(io_error(source, "give a file inside it"));
        }
        // Pipes and devices have no length to hold them to.
        let expected = about.is_file().then_some(about.len());
        Source::new(Unchanged { inner: file, name: name.clone(), read: 0, expected }, &name, limits)
    }

    /// Reads bytes that are already in memory.
    ///
    /// # Errors
    /// [`Error::Compression`] if they do not decompress.
    pub fn from_bytes(bytes: &'a [u8], name: &str, limits: &Limits) -> Result<Self> {
        Source::new(Cursor::new(bytes), name, limits)
    }

    fn new(raw: impl Read + 'a, name: &str, limits: &Limits) -> Result<Self> {
        let mut raw = BufReader::with_capacity(CHUNK, raw);
        let head = raw.fill_buf().map_err(|e| to_error(e, name, 0, "plain"))?;
        let (format, inner): (_, Box<dyn BufRead + 'a>) = if head.starts_with(&GZIP) {
            ("gzip", Box::new(BufReader::with_capacity(CHUNK, flate2::bufread::MultiGzDecoder::new(raw))))
        } else if head.starts_with(&ZSTD) {
            let fail = |e: io::Error| to_error(e, name, 0, "zstd");
            let mut decoder = zstd::Decoder::with_buffer(raw).map_err(fail)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(fail)?;
            ("zstd", Box::new(BufReader::with_capacity(CHUNK, decoder)))
        } else {
            ("plain", Box::new(raw))
        };
        let counted = Counted { inner, name: name.to_owned(), read: 0, limit: limits.bytes, pending: None };
        Ok(Self { inner: BufReader::with_capacity(CHUNK, counted), name: name.to_owned(), format })
    }

    /// The path, or the name of the stream.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it is compressed: `gzip`, `zstd` or `plain`.
    pub fn format(&self) -> &'static str {
        self.format
    }

    /// Decompressed bytes handed out so far.
    pub fn position(&self) -> u64 {
        self.inner.get_ref().read - self.inner.buffer().len() as u64
    }

    /// The first bytes that have not been read, up to 256 KiB of them (fewer only at the end), without reading them.
    ///
    /// # Errors
    /// As reading.
    pub fn peek(&mut self) -> Result<&[u8]> {
        let (read, format) = (self.inner.get_ref().read, self.format);
        match self.inner.fill_buf() {
            Ok(head) => Ok(head),
            Err(e) => Err(to_error(e, &self.name, read, format)),
        }
    }

    /// What went wrong while reading this stream.
    pub fn error(&self, error: io::Error) -> Error {
        to_error(error, &self.name, self.inner.get_ref().read, self.format)
    }

    /// All that is left.
    ///
    /// # Errors
    /// [`Error::Limit`], [`Error::Changed`], [`Error::Compression`] or [`Error::Io`].
    pub fn read_all(mut self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        match self.inner.read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(e) => Err(self.error(e)),
        }
    }
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer)
    }
}

impl BufRead for Source<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.inner.consume(amount);
    }
}

/// Decompresses bytes in memory; plain bytes come back as they are.
///
/// ```
/// use rarefy_data::{Limits, compression::decompress};
/// assert_eq!(decompress(b"1,2\n", &Limits::default())?, b"1,2\n");
/// # Ok::<(), rarefy_data::Error>(())
/// ```
///
/// # Errors
/// [`Error::Limit`] past [`Limits::bytes`], [`Error::Compression`] if they do not decompress.
pub fn decompress(bytes: &[u8], limits: &Limits) -> Result<Vec<u8>> {
    Source::from_bytes(bytes, "bytes", limits)?.read_all()
}

/// Bytes read, counted, and refused past a limit.
struct Counted<R> {
    inner: R,
    name: String,
    read: u64,
    limit: u64,
    /// An error to hand out once the bytes before it are. A decoder asked again would call it the end of the file.
    pending: Option<io::Error>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(error) = self.pending.take() {
            return Err(error);
        }
        let mut filled = 0;
        // Whole buffers, so that a first look sees enough to tell the format.
        while filled < buffer.len() {
            let count = match self.inner.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(count) => count,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) if filled > 0 => {
                    self.pending = Some(e);
                    break;
                }
                Err(e) => return Err(e),
            };
            filled += count;
        }
        self.read += filled as u64;
        if self.read <= self.limit {
            return Ok(filled);
        }
        let what = "what it holds, in bytes after decompression,";
        let place = Place::new(&self.name, At::File);
        Err(io::Error::other(Error::Limit { place, what, limit: self.limit, option: "bytes" }))
    }
}

/// A file held to the length it had when it was opened.
struct Unchanged<R> {
    inner: R,
    name: String,
    read: u64,
    expected: Option<u64>,
}

impl<R: Read> Read for Unchanged<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read += count as u64;
        match self.expected {
            Some(expected) if self.read > expected || (count == 0 && !buffer.is_empty() && self.read < expected) => {
                let place = Place::new(&self.name, At::File);
                Err(io::Error::other(Error::Changed { place, found: self.read, expected }))
            }
            _ => Ok(count),
        }
    }
}

/// Turns an [`io::Error`] of a stream into ours, which it may carry inside.
fn to_error(error: io::Error, name: &str, position: u64, format: &'static str) -> Error {
    let place = Place::new(name, At::Byte(position));
    match error.downcast::<Error>() {
        Ok(ours) => ours,
        Err(source) if format == "plain" => Error::Io { place, source, fix: "check the disk, or copy the file" },
        Err(source) => Error::Compression { place, format, reason: source.to_string() },
    }
}
