//! MatrixMarket: the cases that must be read, and the ones that must be refused, by line and column.

use rarefy_core::matrix::{Csr, Dense};
use rarefy_data::{At, Duplicates, Error, Features, Limits, SparseOptions, matrix_market};

fn read(text: &str) -> Result<Features, Error> {
    matrix_market::parse(text.as_bytes(), "t.mtx", &SparseOptions::default(), &Limits::default())
}

fn coordinate(kind: &str, rest: &str) -> Result<Features, Error> {
    read(&format!("%%MatrixMarket matrix coordinate {kind}\n{rest}"))
}

fn sparse(rows: usize, cols: usize, entries: &[(usize, usize, f32)]) -> Features {
    Features::Sparse(Csr::from_triplets(rows, cols, entries).unwrap())
}

#[test]
fn case_21_every_kind_of_matrix_is_read_or_named() {
    let expected = sparse(2, 3, &[(0, 0, 0.5), (1, 2, 2.0)]);
    assert_eq!(coordinate("real general", "% made by hand\n\n2 3 2\n2 3 2e0\n1 1 0.5\n").unwrap(), expected);
    assert_eq!(read("%%matrixmarket MATRIX Coordinate Real General\r\n2 3 2\r\n2 3 2\r\n1 1 .5").unwrap(), expected);
    let ones = sparse(2, 2, &[(0, 1, 1.0)]);
    assert_eq!(coordinate("pattern general", "2 2 1\n1 2\n").unwrap(), ones);
    let symmetric = sparse(2, 2, &[(0, 0, 1.0), (1, 0, 3.0), (0, 1, 3.0)]);
    assert_eq!(coordinate("integer symmetric", "2 2 2\n1 1 1\n2 1 3\n").unwrap(), symmetric);
    let skew = sparse(2, 2, &[(1, 0, 3.0), (0, 1, -3.0)]);
    assert_eq!(coordinate("real skew-symmetric", "2 2 1\n2 1 3\n").unwrap(), skew);
    let array = |kind: &str, rest: &str| read(&format!("%%MatrixMarket matrix array {kind}\n{rest}"));
    let dense = |values: &[f32]| Features::Dense(Dense::new(2, 2, values.to_vec()).unwrap());
    assert_eq!(array("real general", "2 2\n1\n2\n3\n4\n").unwrap(), dense(&[1.0, 3.0, 2.0, 4.0]));
    assert_eq!(array("real symmetric", "2 2\n1\n2\n4\n").unwrap(), dense(&[1.0, 2.0, 2.0, 4.0]));
    assert_eq!(array("real skew-symmetric", "2 2\n2\n").unwrap(), dense(&[0.0, -2.0, 2.0, 0.0]));
    for kind in ["complex general", "real hermitian"] {
        assert!(matches!(coordinate(kind, "1 1 1\n1 1 1 0\n"), Err(Error::Unsupported { .. })), "{kind}");
    }
    let error = coordinate("real skew-symmetric", "2 2 1\n1 1 3\n").unwrap_err();
    assert!(matches!(&error, Error::Malformed { place, .. } if place.at == At::Line(3)), "{error}");
    assert!(
        coordinate("real symmetric", "2 2 1\n1 2 3\n").unwrap_err().to_string().contains("on or below the diagonal")
    );
    for header in
        ["%%MatrixMarket matrix coordinate real", "%%MatrixMarket vector array real general", "%%MatrixMarket"]
    {
        assert!(matches!(read(&format!("{header}\n1 1 1\n1 1 1\n")), Err(Error::Malformed { .. })), "{header}");
    }
}

#[test]
fn case_18_a_header_that_declares_more_or_fewer_entries_is_refused() {
    for (rest, says) in [("2 2 1\n1 1 1\n2 2 1\n", "no more entries"), ("2 2 3\n1 1 1\n", "as many entries")] {
        let error = coordinate("real general", rest).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    for rest in ["2 2\n1\n2\n3\n", "2 2\n1\n2\n3\n4\n5\n"] {
        assert!(matches!(
            read(&format!("%%MatrixMarket matrix array real general\n{rest}")),
            Err(Error::Malformed { .. })
        ));
    }
}

#[test]
fn case_19_indices_outside_the_shape_are_refused_by_line_and_column() {
    for (entry, column) in
        [("3 1", 1), ("0 1", 1), ("-1 1", 1), ("1 4", 2), ("1 0", 2), ("x 1", 1), ("1 99999999999999999999", 2)]
    {
        let error = coordinate("real general", &format!("2 3 2\n1 1 1\n{entry} 1\n")).unwrap_err();
        assert!(matches!(&error, Error::Index { place, .. } if place.at == At::Cell(4, column)), "{entry}: {error}");
    }
}

#[test]
fn case_20_a_huge_shape_takes_no_memory() {
    let huge = coordinate("real general", "1000000000000000000 1000000000000000000 1\n1 1 1\n").unwrap_err();
    assert!(matches!(&huge, Error::Limit { .. }), "{huge}");
    let wide = coordinate("real general", "2 16777216 1\n2 16777216 1\n").unwrap();
    assert_eq!((wide.cols(), wide.rows()), (1 << 24, 2));
    let array = read("%%MatrixMarket matrix array real general\n100000000 10000000\n1\n").unwrap_err();
    assert!(matches!(&array, Error::Limit { .. }), "{array}");
}

#[test]
fn case_51_a_header_that_declares_entries_past_32_bits_takes_no_memory() {
    for entries in ["4294967295", "4294967296", "18446744073709551615"] {
        let error = coordinate("real general", &format!("2 2 {entries}\n1 1 1\n")).unwrap_err();
        assert!(error.to_string().contains("1 entries and the end"), "{error}");
    }
    let error = coordinate("real general", "2 2 18446744073709551616\n1 1 1\n").unwrap_err();
    assert!(matches!(&error, Error::Malformed { place, .. } if place.at == At::Line(2)), "{error}");
}

#[test]
fn case_51_a_shape_past_32_bits_is_refused_whatever_may_be_believed() {
    let limits = Limits { max_features: usize::MAX, rows: usize::MAX, ..Limits::default() };
    for shape in ["4294967295 1", "1 4294967296", "18446744073709551615 18446744073709551615"] {
        let text = format!("%%MatrixMarket matrix coordinate real general\n{shape} 1\n1 1 1\n");
        let error = matrix_market::parse(text.as_bytes(), "t.mtx", &SparseOptions::default(), &limits).unwrap_err();
        assert!(matches!(&error, Error::Limit { limit: 4_294_967_294, .. }), "{error}");
    }
}

#[test]
fn case_6_and_5_values_are_checked() {
    for (value, finite) in [("nan", false), ("1e400", false), ("4,5", true), ("x", true)] {
        let error = coordinate("real general", &format!("1 1 1\n1 1 {value}\n")).unwrap_err();
        assert_eq!(matches!(&error, Error::NotFinite { .. }), !finite, "{error}");
    }
    for entry in ["1 1", "1 1 1 1"] {
        let error = coordinate("real general", &format!("1 1 1\n{entry}\n")).unwrap_err();
        assert!(matches!(&error, Error::Malformed { place, .. } if place.at == At::Line(3)), "{error}");
    }
}

#[test]
fn case_4_duplicates_are_refused_or_summed() {
    let text = "%%MatrixMarket matrix coordinate real general\n1 2 3\n1 2 1\n1 1 5\n1 2 2\n";
    assert!(matches!(read(text), Err(Error::Duplicate { .. })));
    let sum = SparseOptions { duplicates: Duplicates::Sum, ..SparseOptions::default() };
    let summed = matrix_market::parse(text.as_bytes(), "t", &sum, &Limits::default()).unwrap();
    assert_eq!(summed, sparse(1, 2, &[(0, 0, 5.0), (0, 1, 3.0)]));
}

#[test]
fn what_is_written_reads_back() {
    for features in [
        sparse(3, 4, &[(0, 3, 1e-40), (2, 0, -0.1)]),
        Features::Dense(Dense::new(2, 2, vec![1.5, -0.0, 3e38, 0.1]).unwrap()),
    ] {
        let mut file = Vec::new();
        matrix_market::write(&mut file, &features).unwrap();
        assert_eq!(matrix_market::parse(&file, "t", &SparseOptions::default(), &Limits::default()).unwrap(), features);
    }
}
