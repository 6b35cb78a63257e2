//! Files that are not data for us, told by their first bytes, so that an error can say what they are.
//!
//! A pickle is never loaded, and of archives only NumPy's are opened: names in them are not followed.

use crate::error::{At, Error, Place, Result};

/// What a file may turn out to be.
struct Kind {
    /// Its first bytes, or bytes at an offset.
    magic: &'static [u8],
    offset: usize,
    what: &'static str,
    fix: &'static str,
}

const PICKLE: &str =
    "a Python pickle (also joblib, or an old PyTorch file); loading one runs the code in it, so it is never loaded";
const EXPORT: &str = "save the arrays as CSV instead";
const PAGE: &str = "a web page or XML";
const FETCH: &str = "fetch the data themselves, not the page about them";
const UNPACK: &str = "unpack it first";

/// Compressed twice, archives, arrays of other programs, pictures: `magic`, where it stands, what it is, what to do.
const KINDS: &[Kind] = &[
    kind(b"\x80\x02", PICKLE, EXPORT),
    kind(b"\x80\x03", PICKLE, EXPORT),
    kind(b"\x80\x04", PICKLE, EXPORT),
    kind(b"\x80\x05", PICKLE, EXPORT),
    kind(b"(dp0\n", PICKLE, EXPORT),
    kind(b"(lp0\n", PICKLE, EXPORT),
    kind(b"ccopy_reg\n", PICKLE, EXPORT),
    kind(b"cnumpy.core", PICKLE, EXPORT),
    kind(b"PK\x05\x06", "an empty zip archive", UNPACK),
    kind(b"\x89HDF\r\n\x1a\n", "an HDF5 file", EXPORT),
    kind(b"PAR1\x15", "a Parquet file", EXPORT),
    kind(b"ARROW1\0\0", "an Arrow file", EXPORT),
    kind(b"SQLite format 3\0", "an SQLite database", EXPORT),
    kind(b"MATLAB 5.0 MAT-file", "a MATLAB file", EXPORT),
    kind(b"\x1f\x8b", "compressed twice, with gzip inside", "decompress it once"),
    kind(b"\x28\xb5\x2f\xfd", "compressed twice, with zstd inside", "decompress it once"),
    kind(b"\xfd7zXZ\0", "compressed with xz", "decompress it, or use gzip or zstd"),
    Kind { magic: b"1AY&SY", offset: 4, what: "compressed with bzip2", fix: "decompress it, or use gzip or zstd" },
    kind(b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    Kind { magic: b"ustar", offset: 257, what: "a tar archive", fix: UNPACK },
    kind(b"\x89PNG\r\n\x1a\n", "a PNG picture", "gather pictures into one IDX file"),
    kind(b"\xff\xd8\xff", "a JPEG picture", "gather pictures into one IDX file"),
    kind(b"%PDF-", "a PDF document", EXPORT),
    kind(b"\x7fELF", "a program", "give a data file"),
    kind(b"\xff\xfe", "text in UTF-16", "save it as UTF-8"),
    kind(b"\xfe\xff", "text in UTF-16", "save it as UTF-8"),
    kind(b"version https://git-lfs", "a Git LFS pointer, not the file itself", "run `git lfs pull`"),
    kind(b"<!", PAGE, FETCH),
    kind(b"<?xml", PAGE, FETCH),
    kind(b"<html", PAGE, FETCH),
    kind(b"{", "JSON", EXPORT),
    kind(b"[[", "JSON", EXPORT),
    kind(b"[{", "JSON", EXPORT),
];

const fn kind(magic: &'static [u8], what: &'static str, fix: &'static str) -> Kind {
    Kind { magic, offset: 0, what, fix }
}

/// Refuses `head`, the first bytes of a file, if they are of a kind that is known and not read.
pub(crate) fn refuse(head: &[u8], name: &str) -> Result<()> {
    let foreign = |found, fix| Err(Error::Foreign { place: Place::new(name, At::File), found, fix });
    if head.starts_with(crate::zip::MAGIC)
        && let Some(found) = archive(head)
    {
        return foreign(found, if found == ARCHIVE { UNPACK } else { EXPORT });
    }
    // safetensors: the length of a JSON header as u64, then the header. (Two zero bytes begin an IDX file.)
    if head.len() > 9 && head[..2] != [0, 0] && head[6..8] == [0, 0] && head[8] == b'{' {
        return foreign(
            "a safetensors file: a model (a Rarefy artifact?), not data",
            "give the data it should be used on",
        );
    }
    for kind in KINDS {
        if head.get(kind.offset..).is_some_and(|rest| rest.starts_with(kind.magic)) {
            return foreign(kind.what, kind.fix);
        }
    }
    Ok(())
}

const ARCHIVE: &str = "a zip archive";

/// What a zip archive is for, from the names of its first entries; `None` for NumPy arrays, which are read.
fn archive(head: &[u8]) -> Option<&'static str> {
    let holds = |name: &[u8]| head.windows(name.len()).any(|window| window == name);
    if holds(b"data.pkl") {
        Some("a PyTorch file (.pt): a zip of pickles; loading one runs the code in it, so it is never loaded")
    } else if holds(b".npy") {
        None
    } else if holds(b"xl/") {
        Some("an Excel workbook")
    } else {
        Some(ARCHIVE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(head: &[u8]) -> &'static str {
        match refuse(head, "x") {
            Err(Error::Foreign { found, .. }) => found,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn case_39_pickles_and_archives_are_named() {
        assert_eq!(found(b"\x80\x04\x95\x10\0\0\0\0\0\0\0}q\0."), PICKLE);
        assert!(found(b"PK\x03\x04\0\0\0\0archive/data.pkl").contains("PyTorch"));
        assert_eq!(found(b"PK\x03\x04\0\0\0\0readme.txt"), "a zip archive");
        assert!(found(b"\x10\x02\0\0\0\0\0\0{\"w\":").contains("safetensors"));
    }

    #[test]
    fn text_tables_and_idx_are_not_foreign() {
        for head in [
            &b"1.5,2,3\n"[..],
            b"a;b\n1;2\n",
            b"\0\0\x08\x03\0\0\0\x01",
            b"12:30,1\n",
            b"\"a\",\"b\"\n",
            b"PAR1,PAR2\n1,2\n",
            b"PK\x03\x04\0\0\0\0X.npy",
        ] {
            refuse(head, "x").unwrap();
        }
    }
}
