//! MatrixMarket (`.mtx`): a matrix as text, sparse (`coordinate`) or dense (`array`).
//!
//! `%%MatrixMarket matrix coordinate|array real|integer|pattern general|symmetric|skew-symmetric`, comments (`%`), then
//! `rows columns entries` and a line `row column value` for each entry, counted from 1; or `rows columns` and a value a line, column by
//! column. A pattern's entries are ones. Of a symmetric matrix the lower triangle is in the file. Complex and Hermitian matrices are
//! refused by name. Rows are samples; labels come from a second file.
//!
//! ```
//! use rarefy_data::{Features, Limits, SparseOptions, matrix_market};
//! let file = b"%%MatrixMarket matrix coordinate real general\n2 3 2\n1 1 0.5\n2 3 2\n";
//! let Features::Sparse(x) = matrix_market::parse(file, "x.mtx", &SparseOptions::default(), &Limits::default())? else { unreachable!() };
//! assert_eq!((x.rows(), x.cols(), x.get(1, 2)), (2, 3, Some(2.0)));
//! # Ok::<(), rarefy_data::Error>(())
//! ```

use std::io::{self, Write};

use rarefy_core::matrix::Dense;

use crate::compression::{Limits, Source};
use crate::csv::shortest;
use crate::dataset::Features;
use crate::error::{At, Error, Place, Result, shorten};
use crate::lines::{Lines, skip_mark};
use crate::number::{parse_f32, parse_nonfinite};
use crate::sparse::{self, SparseOptions};

/// The first bytes of a file, in any case.
pub(crate) const MAGIC: &[u8] = b"%%matrixmarket";

/// Which entries a file has.
#[derive(Clone, Copy, PartialEq)]
enum Symmetry {
    General,
    Symmetric,
    Skew,
}

/// Reads a matrix from bytes in memory, decompressing them if need be.
///
/// # Errors
/// As [`read`].
pub fn parse(bytes: &[u8], name: &str, options: &SparseOptions, limits: &Limits) -> Result<Features> {
    read(Source::from_bytes(bytes, name, limits)?, options, limits)
}

/// Reads a matrix that takes up a whole stream.
///
/// # Errors
/// [`Error::Malformed`] with the line for a header or entry that breaks the format's rules, and for more or fewer entries than declared;
/// [`Error::Index`] for an entry outside the shape; [`Error::Unsupported`]; [`Error::NotNumber`], [`Error::NotFinite`],
/// [`Error::Duplicate`], [`Error::Limit`], and the errors of the stream itself.
pub fn read(mut source: Source<'_>, options: &SparseOptions, limits: &Limits) -> Result<Features> {
    let name = source.name().to_owned();
    skip_mark(&mut source)?;
    let mut reader = Reader { lines: Lines::new(source, limits), name: &name, options, limits };
    let (first, _) = reader.words()?.unwrap_or_default();
    let first: Vec<String> = first.iter().map(|word| word.to_ascii_lowercase()).collect();
    let first: Vec<&str> = first.iter().map(String::as_str).collect();
    let place = Place::new(&name, At::Line(1));
    let ["%%matrixmarket", "matrix", layout @ ("coordinate" | "array"), field, symmetry] = first[..] else {
        let expected = "%%MatrixMarket matrix, then coordinate or array, the kind of numbers, and the symmetry";
        return Err(Error::Malformed { place, found: format!("{:?}", shorten(first.join(" ").as_bytes())), expected });
    };
    let unsupported =
        |what: &str, fix| Err(Error::Unsupported { place: place.clone(), found: format!("a {what} matrix"), fix });
    let pattern = match field {
        "real" | "integer" | "double" => false,
        "pattern" if layout == "coordinate" => true,
        "complex" => return unsupported(field, "write real and imaginary parts as two matrices"),
        _ => {
            let expected = "real, integer, or pattern (of a coordinate matrix)";
            return Err(Error::Malformed {
                place,
                found: format!("numbers of kind {:?}", shorten(field.as_bytes())),
                expected,
            });
        }
    };
    let symmetry = match symmetry {
        "general" => Symmetry::General,
        "symmetric" => Symmetry::Symmetric,
        "skew-symmetric" => Symmetry::Skew,
        "hermitian" => return unsupported(symmetry, "write real and imaginary parts as two matrices"),
        _ => {
            let expected = "general, symmetric or skew-symmetric";
            return Err(Error::Malformed {
                place,
                found: format!("symmetry {:?}", shorten(symmetry.as_bytes())),
                expected,
            });
        }
    };
    if layout == "array" { reader.array(symmetry) } else { reader.coordinate(pattern, symmetry) }
}

/// Reads line by line.
struct Reader<'a> {
    lines: Lines<'a>,
    name: &'a str,
    options: &'a SparseOptions,
    limits: &'a Limits,
}

impl Reader<'_> {
    /// The words of the next line that is neither blank nor, after the first, a comment; and its number.
    fn words(&mut self) -> Result<Option<(Vec<String>, u64)>> {
        while let Some((number, line)) = self.lines.next()? {
            if (number == 1 || !line.trim_start().starts_with('%')) && !line.trim_ascii().is_empty() {
                // No line of this format has more words; a fourth tells that there are too many.
                return Ok(Some((line.split_ascii_whitespace().take(6).map(str::to_owned).collect(), number)));
            }
        }
        Ok(None)
    }

    fn malformed(&self, line: u64, found: &[String], expected: &'static str) -> Error {
        let found = format!("{:?}", shorten(found.join(" ").as_bytes()));
        Error::Malformed { place: Place::new(self.name, At::Line(line)), found, expected }
    }

    /// The line of sizes.
    fn sizes(&mut self, count: usize, expected: &'static str) -> Result<(Vec<u64>, u64)> {
        let (words, line) = self.words()?.unwrap_or((Vec::new(), 2));
        let sizes: Option<Vec<u64>> = words.iter().map(|word| word.parse().ok()).collect();
        match sizes.filter(|sizes| sizes.len() == count) {
            Some(sizes) => Ok((sizes, line)),
            None => Err(self.malformed(line, &words, expected)),
        }
    }

    fn value(&self, text: &str, line: u64, column: usize) -> Result<f32> {
        let place = || Place::new(self.name, At::Cell(line, column));
        if self.options.allow_nonfinite {
            parse_nonfinite(text.as_bytes(), place)
        } else {
            parse_f32(text.as_bytes(), place)
        }
    }

    fn coordinate(&mut self, pattern: bool, symmetry: Symmetry) -> Result<Features> {
        let (sizes, sizes_line) = self.sizes(3, "rows, columns and entries")?;
        let place = Place::new(self.name, At::Line(sizes_line));
        let (rows, cols) = sparse::check_shape(sizes[0], sizes[1], self.limits, &place)?;
        self.check_square(symmetry, rows, cols, &place)?;
        let expected = if pattern { "row and column" } else { "row, column and value" };
        let mut entries: Vec<(u32, u32, f32)> = Vec::new();
        let mut found = 0u64;
        while let Some((words, line)) = self.words()? {
            if words.len() != if pattern { 2 } else { 3 } {
                return Err(self.malformed(line, &words, expected));
            }
            found += 1;
            if found > sizes[2] {
                return Err(self.malformed(
                    line,
                    &words,
                    "the end, as the header declares no more entries: mend the header",
                ));
            }
            let i = self.index(&words[0], rows, line, 1, "row")?;
            let j = self.index(&words[1], cols, line, 2, "column")?;
            let value = if pattern { 1.0 } else { self.value(&words[2], line, 3)? };
            entries.push((i, j, value));
            if symmetry != Symmetry::General {
                if i < j || symmetry == Symmetry::Skew && i == j {
                    let expected = if symmetry == Symmetry::Skew {
                        "an entry below the diagonal, as the matrix is skew-symmetric"
                    } else {
                        "an entry on or below the diagonal, as the matrix is symmetric"
                    };
                    return Err(self.malformed(line, &words, expected));
                }
                if i != j {
                    entries.push((j, i, if symmetry == Symmetry::Skew { -value } else { value }));
                }
            }
            sparse::check_entries(entries.len(), self.limits, || Place::new(self.name, At::Line(line)))?;
        }
        if found < sizes[2] {
            let found = format!("{found} entries and the end");
            let expected = "as many entries as the header declares: the file is cut short, fetch it again";
            return Err(Error::Malformed { place: Place::new(self.name, At::File), found, expected });
        }
        let place = Place::new(self.name, At::File);
        Ok(Features::Sparse(sparse::from_entries((rows, cols), &entries, self.options, &place)?))
    }

    fn check_square(&self, symmetry: Symmetry, rows: usize, cols: usize, place: &Place) -> Result<()> {
        if symmetry == Symmetry::General || rows == cols {
            return Ok(());
        }
        let found = format!("{rows} rows and {cols} columns");
        Err(Error::Malformed { place: place.clone(), found, expected: "as many of both, as the matrix is symmetric" })
    }

    /// An index counted from 1, counted from 0.
    fn index(&self, text: &str, limit: usize, line: u64, column: usize, axis: &'static str) -> Result<u32> {
        match text.parse::<u64>() {
            Ok(index) if index >= 1 && index <= limit as u64 => Ok((index - 1) as u32),
            _ => {
                let (place, found) = (Place::new(self.name, At::Cell(line, column)), shorten(text.as_bytes()));
                Err(Error::Index {
                    place,
                    axis,
                    found,
                    expected: format!("1 to {limit}, as the header declares").into(),
                })
            }
        }
    }

    fn array(&mut self, symmetry: Symmetry) -> Result<Features> {
        let (sizes, line) = self.sizes(2, "rows and columns")?;
        let place = Place::new(self.name, At::Line(line));
        let (rows, cols) = sparse::check_shape(sizes[0], sizes[1], self.limits, &place)?;
        self.check_square(symmetry, rows, cols, &place)?;
        let whole = rows.checked_mul(cols).filter(|&n| n as u64 * 4 <= self.limits.bytes);
        let whole = whole.ok_or_else(|| {
            let what = "the matrix, in bytes,";
            Error::Limit { place: place.clone(), what, limit: self.limits.bytes, option: "bytes" }
        })?;
        // The places of the file's values: column by column, of the lower triangle if symmetric.
        let first = |j: usize| match symmetry {
            Symmetry::General => 0,
            Symmetry::Symmetric => j,
            Symmetry::Skew => j + 1,
        };
        let mut values = Vec::new();
        for j in 0..cols {
            for i in first(j)..rows {
                let Some((words, line)) = self.words()? else {
                    let found = format!("{} values and the end", values.len());
                    let expected = "a value for each entry: the file is cut short, fetch it again";
                    return Err(Error::Malformed { place: Place::new(self.name, At::File), found, expected });
                };
                let [word] = &words[..] else { return Err(self.malformed(line, &words, "one value")) };
                values.push((i, j, self.value(word, line, 1)?));
            }
        }
        if let Some((words, line)) = self.words()? {
            return Err(self.malformed(line, &words, "the end, as every entry has its value"));
        }
        let matrix = |source| Error::Matrix { place: place.clone(), source };
        let mut dense = rarefy_core::matrix::try_vec("values of a matrix", whole, 0f32).map_err(matrix)?;
        for (i, j, value) in values {
            dense[i * cols + j] = value;
            if symmetry != Symmetry::General && i != j {
                dense[j * cols + i] = if symmetry == Symmetry::Skew { -value } else { value };
            }
        }
        Ok(Features::Dense(Dense::new(rows, cols, dense).map_err(matrix)?))
    }
}

/// Writes features: sparse ones as `coordinate`, others as `array`. Numbers have as few digits as read back to the same bits.
///
/// # Errors
/// Those of the writer.
pub fn write(mut out: impl Write, features: &Features) -> io::Result<()> {
    let (rows, cols) = (features.rows(), features.cols());
    if let Features::Sparse(m) = features {
        writeln!(out, "%%MatrixMarket matrix coordinate real general\n{rows} {cols} {}", m.nnz())?;
        for (i, j, value) in m.iter() {
            writeln!(out, "{} {} {}", i + 1, j + 1, shortest(value))?;
        }
        return out.flush();
    }
    writeln!(out, "%%MatrixMarket matrix array real general\n{rows} {cols}")?;
    for j in 0..cols {
        for i in 0..rows {
            let value = match features {
                Features::Dense(m) => shortest(m.row(i)[j]),
                Features::Bytes(m) => m.row(i)[j].to_string(),
                Features::Sparse(_) => String::new(),
            };
            writeln!(out, "{value}")?;
        }
    }
    out.flush()
}
