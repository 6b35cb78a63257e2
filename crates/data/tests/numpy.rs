//! NumPy arrays and SciPy matrices: files that NumPy has made, and the ways in which a file can lie.

use std::path::PathBuf;

use rarefy_core::matrix::{Csr, Dense};
use rarefy_data::csv::{CsvOptions, LabelColumn};
use rarefy_data::{
    Dataset, Duplicates, Error, Features, Limits, ReadOptions, SparseOptions, Target, npy, npz, read, read_bytes,
};

fn golden(name: &str) -> Vec<u8> {
    std::fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)).unwrap()
}

fn of(bytes: &[u8]) -> Result<Dataset, Error> {
    read_bytes(bytes, "t", &ReadOptions::default())
}

/// What the files hold: 0.5 and 2 in row 0, −1 in row 1.
fn example() -> Csr<f32> {
    Csr::new(2, 3, vec![0, 2, 3], vec![0, 2, 1], vec![0.5, 2.0, -1.0]).unwrap()
}

#[test]
fn case_26_both_orders_and_byte_orders_give_the_same_numbers() {
    let expected = Features::Dense(Dense::new(2, 3, vec![1.0, 0.0, 4.0, 0.0, -2.0, 0.0]).unwrap());
    let names =
        ["C-little-f4", "F-little-f8", "C-big-f8", "F-big-f4", "C-little-f2", "F-big-i4", "C-little-i8", "C-i1"];
    for name in names {
        assert_eq!(of(&golden(&format!("{name}.npy"))).unwrap().features, expected, "{name}");
    }
}

#[test]
fn case_23_python_objects_are_never_loaded() {
    let error = of(&golden("pickle.npy")).unwrap_err();
    assert!(matches!(&error, Error::Unsupported { .. }) && error.to_string().contains("pickle"), "{error}");
}

#[test]
fn scipy_matrices_stay_sparse() {
    for name in ["csr.npz", "csc.npz", "coo.npz", "wide.npz"] {
        assert_eq!(of(&golden(name)).unwrap().features, Features::Sparse(example()), "{name}");
    }
    let wide = of(&golden("wide.npz")).unwrap();
    assert_eq!((wide.class_names, wide.target), (vec!["cat".into(), "dog".into()], Target::Classes(vec![1, 0])));
    let error = of(&golden("bsr.npz")).unwrap_err();
    assert!(matches!(&error, Error::Unsupported { .. }) && error.to_string().contains("tocsr"), "{error}");
}

#[test]
fn arrays_are_found_by_name() {
    let data = of(&golden("arrays.npz")).unwrap();
    assert_eq!((data.rows(), data.cols(), data.class_names), (2, 3, vec!["3".to_owned(), "7".to_owned()]));
    let csv = |label| ReadOptions { csv: CsvOptions { label, ..CsvOptions::default() }, ..ReadOptions::default() };
    let none = read_bytes(&golden("arrays.npz"), "t", &csv(LabelColumn::None)).unwrap();
    assert_eq!(none.target, Target::None);
    let error = read_bytes(&golden("arrays.npz"), "t", &csv(LabelColumn::Name("z".into()))).unwrap_err();
    assert!(error.to_string().contains("the arrays X, other, y"), "{error}");
}

fn named(array: &str) -> ReadOptions {
    ReadOptions { array: Some(array.to_owned()), ..ReadOptions::default() }
}

#[test]
fn the_array_of_features_may_be_named() {
    let (x, y) = (npy::Array::from_f32(&[2, 2], &[1.0, 2.0, 3.0, 4.0]).unwrap(), ints(&[3, 7]));
    let file = archive(&[("x_train", x.clone()), ("y_train", y.clone()), ("x_test", x)]);
    let csv = CsvOptions { label: LabelColumn::Name("y_train".to_owned()), ..CsvOptions::default() };
    let data = read_bytes(&file, "t", &ReadOptions { csv, ..named("x_train") }).unwrap();
    assert_eq!((data.cols(), data.class_names), (2, vec!["3".to_owned(), "7".to_owned()]));
    assert_eq!(read_bytes(&file, "t", &named("x_test")).unwrap().target, Target::None);
    // Names that are usual count for nothing beside one that is given.
    assert_eq!(read_bytes(&golden("arrays.npz"), "t", &named("X")).unwrap().class_names.len(), 2);
}

#[test]
fn arrays_that_leave_a_choice_or_are_not_there_are_listed_with_the_key() {
    let x = npy::Array::from_f32(&[1, 2], &[1.0, 2.0]).unwrap();
    let file = archive(&[("a", x.clone()), ("b", x)]);
    let error = of(&file).unwrap_err().to_string();
    assert!(error.contains("the arrays a, b;") && error.contains("name it by data.array (--array)"), "{error}");
    let error = read_bytes(&file, "t", &named("c")).unwrap_err().to_string();
    assert!(error.contains("no array \"c\" (the arrays a, b)") && error.contains("data.array"), "{error}");
}

#[test]
fn labels_come_from_an_archive_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let (path, of) = (folder.path().join("x.npy"), folder.path().join("y.npz"));
    std::fs::write(&path, golden("C-little-f4.npy")).unwrap();
    let read_with = |arrays: &[(&str, npy::Array)], label: LabelColumn| {
        std::fs::write(&of, archive(arrays)).unwrap();
        let csv = CsvOptions { label, ..CsvOptions::default() };
        read(&path, &ReadOptions { csv, labels: Some(of.clone()), ..ReadOptions::default() })
            .map(|data| data.class_names)
    };
    let (few, many) = (ints(&[3, 7]), ints(&[1, 2]));
    assert_eq!(read_with(&[("only", few.clone())], LabelColumn::Auto).unwrap(), ["3", "7"]);
    assert_eq!(read_with(&[("z", many.clone()), ("y", few.clone())], LabelColumn::Auto).unwrap(), ["3", "7"]);
    let both = [("z", many), ("w", few)];
    assert_eq!(read_with(&both, LabelColumn::Name("z".to_owned())).unwrap(), ["1", "2"]);
    let error = read_with(&both, LabelColumn::Auto).unwrap_err().to_string();
    assert!(error.contains("the arrays w, z;") && error.contains("name it by data.label"), "{error}");
}

#[test]
fn labels_come_from_a_second_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npy");
    std::fs::write(&path, golden("C-little-f4.npy")).unwrap();
    for (labels, names) in [(&b"b\na\n"[..], ["a", "b"]), (b"1,2\n2\n", ["1", "2"])] {
        let of = folder.path().join("y.txt");
        std::fs::write(&of, labels).unwrap();
        let data = read(&path, &ReadOptions { labels: Some(of), ..ReadOptions::default() }).unwrap();
        assert_eq!(data.class_names, names);
    }
}

/// A file of version 1 with this header.
fn with_header(header: &str, body: &[u8]) -> Vec<u8> {
    [b"\x93NUMPY\x01\0", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), body].concat()
}

#[test]
fn case_24_broken_headers_are_refused() {
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }";
    of(&with_header(header, &[0; 8])).unwrap();
    let deep = "[".repeat(10_000);
    for (text, says) in [
        ("", "a dict"),
        ("__import__('os')", "a dict"),
        ("{'descr': '<f4', 'fortran_order': False}", "the keys"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), 'x': 1}", "alone"),
        ("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2, 1)}", "each key once"),
        ("{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 1)}", "True or False"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 1)}", "dimensions"),
        ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 1)}", "structured"),
        ("{'descr': '<f3', 'fortran_order': False, 'shape': (2, 1)}", "such as <f4"),
        ("{'descr': '<c8', 'fortran_order': False, 'shape': (2, 1)}", "real and imaginary"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1)} x", "nothing after"),
        (&format!("{{'descr': {deep}, 'shape': {deep}"), "text in quotes"),
        (&format!("{{'shape': ({}", "(".repeat(10_000)), "dimensions"),
    ] {
        let error = of(&with_header(text, &[0; 8])).unwrap_err().to_string();
        assert!(error.contains(says), "{text:.60}: {error}");
    }
    let mut long = with_header(header, &[]);
    long[8..10].copy_from_slice(&[255, 255]);
    assert!(matches!(of(&long), Err(Error::Truncated { .. })));
}

#[test]
fn case_25_impossible_shapes_are_refused_and_empty_ones_named() {
    let shaped = |shape: &str| {
        of(&with_header(&format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}"), &[0; 8]))
    };
    assert!(matches!(shaped("(8589934592, 8589934592)"), Err(Error::Overflow { .. })));
    assert!(matches!(shaped("(8589934592, 1)"), Err(Error::Limit { .. })));
    assert!(matches!(shaped("(3, 1)"), Err(Error::Truncated { .. })));
    assert!(matches!(shaped("(1, 1)"), Err(Error::Trailing { .. })));
    assert!(matches!(shaped("(2,)"), Err(Error::Dimensions { .. })));
    let empty = of(&with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 3)}", &[])).unwrap_err();
    assert!(empty.to_string().contains("no rows"), "{empty}");
}

/// An archive of these arrays, by the writer of the format itself, then changed.
fn archive(arrays: &[(&str, npy::Array)]) -> Vec<u8> {
    // `numpy.savez` by hand: local headers, directory, end.
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, array) in arrays {
        let mut bytes = Vec::new();
        npy::write(&mut bytes, array).unwrap();
        let name = format!("{name}.npy");
        let mut crc = flate2::Crc::new();
        crc.update(&bytes);
        let sizes = [crc.sum(), bytes.len() as u32, bytes.len() as u32].map(u32::to_le_bytes).concat();
        let about = [&[20, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &sizes, &[name.len() as u8, 0, 0, 0]].concat();
        let offset = (file.len() as u32).to_le_bytes();
        directory.extend([b"PK\x01\x02\x14\0", &about[..], &[0; 10], &offset, name.as_bytes()].concat());
        file.extend([b"PK\x03\x04", &about[..], name.as_bytes(), &bytes].concat());
    }
    let count = (arrays.len() as u16).to_le_bytes();
    let ends = [(directory.len() as u32).to_le_bytes(), (file.len() as u32).to_le_bytes()].concat();
    [&file[..], &directory, b"PK\x05\x06\0\0\0\0", &count, &count, &ends, &[0, 0]].concat()
}

fn ints(values: &[i64]) -> npy::Array {
    npy::Array::from_i64(&[values.len()], values.iter().copied()).unwrap()
}

/// The example as csr, with other `indptr`, `indices` and shape.
fn csr_file(shape: &[i64], indptr: &[i64], indices: &[i64], values: &[f32]) -> Vec<u8> {
    archive(&[
        ("format", npy::Array::from_text(&["csr"])),
        ("shape", ints(shape)),
        ("indptr", ints(indptr)),
        ("indices", ints(indices)),
        ("data", npy::Array::from_f32(&[values.len()], values).unwrap()),
    ])
}

#[test]
fn case_28_and_29_arrays_that_are_no_matrix_are_refused() {
    let v = [0.5, 2.0, -1.0];
    assert_eq!(of(&csr_file(&[2, 3], &[0, 2, 3], &[0, 2, 1], &v)).unwrap().features, Features::Sparse(example()));
    for (what, file) in [
        ("indptr[0]", csr_file(&[2, 3], &[1, 2, 3], &[0, 2, 1], &v)),
        ("indptr falls", csr_file(&[2, 3], &[0, 4, 3], &[0, 2, 1], &v)),
        ("last indptr", csr_file(&[2, 3], &[0, 2, 2], &[0, 2, 1], &v)),
        ("rows + 1", csr_file(&[2, 3], &[0, 3], &[0, 2, 1], &v)),
        ("index past columns", csr_file(&[2, 3], &[0, 2, 3], &[0, 3, 1], &v)),
        ("fewer values", csr_file(&[2, 3], &[0, 2, 3], &[0, 2, 1], &v[..2])),
    ] {
        assert!(matches!(of(&file), Err(Error::Matrix { .. })), "{what}: {:?}", of(&file));
    }
    for index in [-1, 1 << 32, i64::MAX] {
        let error = of(&csr_file(&[2, 3], &[0, 2, 3], &[0, index, 1], &v)).unwrap_err();
        assert!(matches!(&error, Error::Index { .. }), "{error}");
    }
    assert!(matches!(of(&csr_file(&[-2, 3], &[0], &[], &[])), Err(Error::Index { .. })));
    assert!(matches!(
        of(&csr_file(&[2, 1 << 40], &[0, 0, 0], &[], &[])),
        Err(Error::Limit { option: "max_features", .. })
    ));
    assert!(matches!(of(&csr_file(&[1 << 40, 2], &[0], &[], &[])), Err(Error::Limit { option: "rows", .. })));
    let unsorted = csr_file(&[2, 3], &[0, 2, 3], &[2, 0, 1], &[2.0, 0.5, -1.0]);
    assert!(matches!(of(&unsorted), Err(Error::Unsorted { .. })));
    let with = |sparse| ReadOptions { sparse, ..ReadOptions::default() };
    let sort = with(SparseOptions { sort: true, ..SparseOptions::default() });
    assert_eq!(read_bytes(&unsorted, "t", &sort).unwrap().features, Features::Sparse(example()));
    let twice = csr_file(&[1, 3], &[0, 2], &[1, 1], &[1.0, 2.0]);
    assert!(matches!(of(&twice), Err(Error::Duplicate { .. })));
    let sum = with(SparseOptions { duplicates: Duplicates::Sum, ..SparseOptions::default() });
    assert_eq!(
        read_bytes(&twice, "t", &sum).unwrap().features,
        Features::Sparse(Csr::new(1, 3, vec![0, 1], vec![1], vec![3.0]).unwrap())
    );
}

#[test]
fn case_51_claims_past_32_bits_take_no_memory_whatever_may_be_believed() {
    let limits = Limits { max_features: usize::MAX, rows: usize::MAX, ..Limits::default() };
    let of = |file: &[u8]| read_bytes(file, "t", &ReadOptions { limits, ..ReadOptions::default() }).unwrap_err();
    for past in [u32::MAX.into(), 1 << 32, 1 << 62, i64::MAX] {
        for shape in [[past, 1], [1, past], [past, past]] {
            let error = of(&csr_file(&shape, &[0], &[], &[]));
            assert!(matches!(&error, Error::Limit { limit: 4_294_967_294, .. }), "{error}");
        }
        let error = of(&csr_file(&[1, 3], &[0, past], &[0], &[1.0]));
        assert!(matches!(&error, Error::Index { .. } | Error::Matrix { .. }), "{error}");
    }
}

#[test]
fn case_27_archives_that_lie_are_refused() {
    let x = npy::Array::from_f32(&[2, 2], &[1.0, 2.0, 3.0, 4.0]).unwrap();
    let good = archive(&[("X", x.clone())]);
    of(&good).unwrap();
    // A name that points elsewhere is a name; the array is not found by it, and no file is touched.
    let elsewhere = archive(&[("../../tmp/x", x.clone()), ("X", x.clone())]);
    assert_eq!(of(&elsewhere).unwrap().rows(), 2);
    assert!(of(&archive(&[("X", x.clone()), ("X", x.clone())])).unwrap_err().to_string().contains("second entry"));
    let end = good.len() - 22;
    let directory = good.len() - 22 - (46 + 5);
    let change = |at: usize, bytes: &[u8]| {
        let mut file = good.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        of(&file).unwrap_err()
    };
    for (what, error) in [
        ("crc", change(directory + 16, &[1])),
        ("size in the directory", change(directory + 24, &[1])),
        ("size in the entry", change(22, &[1])),
        ("compressed size", change(directory + 20, &[255, 255, 255])),
        ("zip64 size that is not there", change(directory + 24, &[255; 4])),
        ("place of the entry", change(directory + 42, &[1])),
        ("place past the end", change(directory + 42, &[255; 3])),
        ("number of entries", change(end + 10, &[2])),
        ("place of the directory", change(end + 16, &[1])),
        ("method", change(directory + 10, &[9])),
        ("encrypted", change(directory + 8, &[1])),
        ("name", change(30, b"Y")),
    ] {
        let named = matches!(&error, Error::Malformed { .. } | Error::Compression { .. } | Error::Unsupported { .. });
        assert!(named, "{what}: {error}");
    }
    // Two records of the directory for one entry.
    let two = archive(&[("X", x.clone()), ("y", ints(&[1, 2]))]);
    let second = two.len() - 22 - (46 + 5) + 42;
    let mut overlapping = two.clone();
    overlapping[second..second + 4].fill(0);
    assert!(of(&overlapping).is_err());
    for cut in 0..good.len() {
        assert!(of(&good[..cut]).is_err(), "cut to {cut} bytes");
    }
}

#[test]
fn case_27_a_zip_bomb_stops_at_the_limit() {
    let limits = Limits { bytes: 1 << 16, ..Limits::default() };
    let zeros = npy::Array::from_u8(&[1 << 10, 1 << 10], &vec![0; 1 << 20]).unwrap();
    let file = archive(&[("X", zeros)]);
    // Not even the stream is read to its end.
    let error = read_bytes(&file, "t", &ReadOptions { limits, ..ReadOptions::default() }).unwrap_err();
    assert!(matches!(&error, Error::Limit { option: "bytes", .. }), "{error}");
    // Compressed, the archive is small, and only its directory tells.
    let mut deflated = golden("arrays.npz");
    let at = deflated.windows(4).rposition(|w| w == b"PK\x01\x02").unwrap() + 24;
    deflated[at..at + 4].copy_from_slice(&0x7fff_ffffu32.to_le_bytes());
    let error = read_bytes(&deflated, "t", &ReadOptions { limits, ..ReadOptions::default() }).unwrap_err();
    assert!(matches!(&error, Error::Limit { .. } | Error::Malformed { .. }), "{error}");
}

#[test]
fn what_is_written_reads_back() {
    let names = vec!["a b".to_owned(), "c,ü".to_owned()];
    let sparse = Dataset::with_classes("t", Features::Sparse(example()), Target::Classes(vec![1, 0]), names).unwrap();
    let x = Features::Dense(Dense::new(2, 2, vec![1.5, -0.0, 1e-40, 3e38]).unwrap());
    let y = Target::Values(Dense::new(2, 2, vec![1.0, 2.0, 3.0, 4.5]).unwrap());
    let dense = Dataset::new("t", x, y).unwrap();
    let bytes =
        Dataset::new("t", Features::Bytes(Dense::new(2, 2, vec![0, 1, 2, 255]).unwrap()), Target::None).unwrap();
    for data in [sparse, dense, bytes] {
        let mut file = Vec::new();
        npz::write(&mut file, &data).unwrap();
        assert_eq!(of(&file).unwrap().fingerprint(), data.fingerprint());
    }
}
