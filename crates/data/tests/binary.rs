//! IDX, compression and files: what must be read, and what must be refused.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use rarefy_data::idx::{self, Array, Values};
use rarefy_data::{At, Dataset, Error, Features, Limits, ReadOptions, Source, Target, read, read_bytes};

fn parse(bytes: &[u8]) -> Result<Array, Error> {
    idx::parse(bytes, "x.idx", &Limits::default())
}

fn file(dims: &[usize], values: Values) -> Vec<u8> {
    let mut bytes = Vec::new();
    idx::write(&mut bytes, &Array::new(dims.to_vec(), values).unwrap()).unwrap();
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A folder with these files.
fn folder(files: &[(&str, &[u8])]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    let path = folder.path().to_owned();
    (folder, path)
}

fn read_file(path: &Path) -> Result<Dataset, Error> {
    read(path, &ReadOptions::default())
}

#[test]
fn an_idx_file_written_by_hand_is_read() {
    let bytes = [0, 0, 0x0b, 2, 0, 0, 0, 1, 0, 0, 0, 3, 0, 1, 0xff, 0xff, 0x7f, 0xff];
    let expected = Array::new(vec![1, 3], Values::I16(vec![1, -1, i16::MAX])).unwrap();
    assert_eq!(parse(&bytes).unwrap(), expected);
}

#[test]
fn case_30_a_wrong_magic_number_is_refused() {
    for magic in [[0, 0, 7, 3], [8, 0, 0, 3], [0, 1, 8, 3], [0, 0, 8, 0]] {
        assert!(matches!(parse(&[&magic[..], &[0; 16]].concat()), Err(Error::Magic { .. })), "{magic:?}");
    }
}

#[test]
fn case_30_dimensions_that_overflow_are_refused() {
    let mut bytes = vec![0, 0, 0x0e, 4];
    bytes.extend([0xff; 16]);
    assert!(matches!(parse(&bytes), Err(Error::Overflow { .. })));
    let zero_among_them = [&[0, 0, 0x0e, 4][..], &[0xff; 12], &[0; 4]].concat();
    assert!(matches!(parse(&zero_among_them), Err(Error::Overflow { .. })));
}

#[test]
fn case_30_a_header_that_claims_gigabytes_takes_no_memory() {
    let claim = |dim: u32| [&[0, 0, 8, 1][..], &dim.to_be_bytes(), &[1, 2, 3]].concat();
    assert!(matches!(parse(&claim(u32::MAX)), Err(Error::Truncated { place, .. }) if place.at == At::Byte(11)));
    let limits = Limits { bytes: 1000, ..Limits::default() };
    assert!(matches!(idx::parse(&claim(1001), "x", &limits), Err(Error::Limit { option: "bytes", .. })));
}

#[test]
fn case_30_truncated_and_trailing_bytes_are_refused() {
    let whole = file(&[2, 2], Values::U8(vec![1, 2, 3, 4]));
    for end in 0..whole.len() {
        assert!(
            matches!(parse(&whole[..end]), Err(Error::Truncated { place, .. }) if place.at == At::Byte(end as u64))
        );
    }
    let longer = [&whole[..], &[0]].concat();
    assert!(matches!(parse(&longer), Err(Error::Trailing { place, .. }) if place.at == At::Byte(16)));
}

#[test]
fn case_30_a_gzip_bomb_stops_at_the_limit() {
    let bomb = gzip(&vec![b'1'; 64 << 20]);
    assert!(bomb.len() < 100 << 10);
    let limits = Limits { bytes: 1 << 20, row_bytes: 1 << 30, ..Limits::default() };
    for bytes in [bomb, zstd::encode_all(&vec![b'1'; 64 << 20][..], 3).unwrap()] {
        let options = ReadOptions { limits, ..ReadOptions::default() };
        let error = read_bytes(&bytes, "bomb", &options).unwrap_err();
        assert!(matches!(error, Error::Limit { limit: 1_048_576, option: "bytes", .. }), "{error}");
    }
}

#[test]
fn case_30_an_idx_bomb_is_refused_without_reading_it() {
    let mut long = file(&[4, 2], Values::U8(vec![0; 8]));
    long.resize(64 << 20, 0);
    let error = parse(&gzip(&long)).unwrap_err().to_string();
    assert!(error.contains("byte 20: more bytes follow"), "{error}");
}

#[test]
fn case_39_foreign_files_are_named_and_never_loaded() {
    let pickle =
        b"\x80\x04\x95\x1e\0\0\0\0\0\0\0\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x94\x85\x94R\x94.";
    let torch = b"PK\x03\x04\0\0\x08\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10\0\0\0archive/data.pkl";
    let cases: [(&[u8], &str); 5] = [
        (pickle, "pickle"),
        (&gzip(pickle), "pickle"),
        (torch, "PyTorch"),
        (b"\x89HDF\r\n\x1a\n\0\0", "HDF5"),
        (&gzip(&gzip(b"1,2\n")), "compressed twice"),
    ];
    for (bytes, what) in cases {
        let (_keep, path) = folder(&[("digits.csv", bytes)]);
        let error = read_file(&path.join("digits.csv")).unwrap_err();
        assert!(matches!(&error, Error::Foreign { found, .. } if found.contains(what)), "{error}");
    }
}

#[test]
fn bytes_of_no_format_are_shown() {
    let error = read_bytes(b"\x01\x02\x03\x04", "noise", &ReadOptions::default()).unwrap_err();
    assert!(error.to_string().starts_with("noise: begins with 01 02 03 04; expected IDX"), "{error}");
}

#[test]
fn pictures_find_their_labels_by_name() {
    let images = file(&[3, 2, 2], Values::U8((0..12).collect()));
    let labels = gzip(&file(&[3], Values::U8(vec![9, 7, 9])));
    let (_keep, path) = folder(&[("a-images-idx3-ubyte", &images), ("a-labels-idx1-ubyte.gz", &labels)]);
    let data = read_file(&path.join("a-images-idx3-ubyte")).unwrap();
    assert_eq!((data.target, data.class_names), (Target::Classes(vec![1, 0, 1]), vec!["7".into(), "9".into()]));
    assert_eq!((data.image_shape, data.features.cols()), (Some((2, 2)), 4));
    assert!(matches!(data.features, Features::Bytes(_)));
}

#[test]
fn case_48_as_many_labels_as_pictures() {
    let images = file(&[3, 2], Values::U8(vec![1; 6]));
    let labels = file(&[2], Values::U8(vec![0, 1]));
    let (_keep, path) = folder(&[("images", &images), ("labels", &labels)]);
    let error = read_file(&path.join("images")).unwrap_err();
    assert!(matches!(error, Error::Length { found: 2, expected: 3, .. }), "{error}");
}

#[test]
fn case_41_not_a_number_in_idx_is_refused_by_row_and_column() {
    let bytes = file(&[2, 2], Values::F32(vec![0.0, 1.0, 2.0, f32::NAN]));
    let error = read_bytes(&bytes, "x", &ReadOptions::default()).unwrap_err();
    assert!(matches!(error, Error::NonFinite { row: 1, column: 1, .. }), "{error}");
}

#[test]
fn case_42_no_rows_and_no_columns_are_refused() {
    for (dims, what) in [([0, 3], "no rows"), ([3, 0], "no columns")] {
        let error = read_bytes(&file(&dims, Values::U8(vec![])), "x", &ReadOptions::default()).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
    }
}

#[test]
fn integers_past_what_floats_hold_are_refused() {
    let error = read_bytes(&file(&[1, 2], Values::I32(vec![1, 16_777_217])), "x", &ReadOptions::default()).unwrap_err();
    assert!(matches!(error, Error::Inexact { index: 1, found: 16_777_217, .. }), "{error}");
}

#[test]
fn case_78_a_file_that_shrinks_or_grows_while_it_is_read_is_refused() {
    for new_length in [300_000, 900_000] {
        let (_keep, path) = folder(&[("big", &vec![b'1'; 800_000])]);
        let mut source = Source::open(&path.join("big"), &Limits::default()).unwrap();
        source.read_exact(&mut [0; 10]).unwrap();
        fs::OpenOptions::new().write(true).open(path.join("big")).unwrap().set_len(new_length).unwrap();
        let error = source.read_all().unwrap_err();
        assert!(matches!(error, Error::Changed { expected: 800_000, .. }), "{error}");
    }
}

#[test]
fn a_missing_file_and_a_folder_are_named() {
    let (_keep, path) = folder(&[]);
    let missing = read_file(&path.join("none.csv")).unwrap_err();
    assert!(matches!(&missing, Error::Io { place, .. } if place.file.ends_with("none.csv")), "{missing}");
    assert!(read_file(&path).unwrap_err().to_string().contains("is a folder"));
}
