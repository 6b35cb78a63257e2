//! svmlight data: the cases that must be read, and the ones that must be refused, by line and column.

use rarefy_core::matrix::Csr;
use rarefy_core::pattern::Pattern;
use rarefy_data::csv::{CsvOptions, LabelColumn};
use rarefy_data::{
    At, Dataset, Duplicates, Error, Features, FirstIndex, Limits, ReadOptions, SparseOptions, Target, Task, read_bytes,
};

fn read_with(text: &str, sparse: SparseOptions) -> Result<Dataset, Error> {
    read_bytes(text.as_bytes(), "t.svm", &ReadOptions { sparse, ..ReadOptions::default() })
}

fn read(text: &str) -> Result<Dataset, Error> {
    read_with(text, SparseOptions::default())
}

fn matrix(data: &Dataset) -> &Csr<f32> {
    match &data.features {
        Features::Sparse(m) => m,
        other => panic!("{other:?}"),
    }
}

/// Two rows of four features: 0.5 at 0 and 2 at 3; −1 at 1.
fn example() -> Csr<f32> {
    Csr::new(2, 4, vec![0, 2, 3], vec![0, 3, 1], vec![0.5, 2.0, -1.0]).unwrap()
}

fn at(error: &Error) -> At {
    match error {
        Error::Index { place, .. } | Error::Limit { place, .. } | Error::Malformed { place, .. } => place.at,
        Error::Unsorted { place, .. } | Error::Duplicate { place, .. } | Error::NotFinite { place, .. } => place.at,
        Error::NotNumber { place, .. } | Error::NotText { place, .. } | Error::EmptyCell { place, .. } => place.at,
        other => panic!("{other}"),
    }
}

#[test]
fn case_1_index_0_counts_from_0_unless_the_file_is_said_to_count_from_1() {
    assert_eq!(matrix(&read("a 1:0.5 4:2\nb 2:-1\n").unwrap()), &example());
    let zero = read("a 0:0.5 3:2\nb 1:-1\n").unwrap();
    assert_eq!((matrix(&zero), zero.first_index), (&example(), Some(0)));
    let one = SparseOptions { first_index: FirstIndex::One, ..SparseOptions::default() };
    let error = read_with("a 1:0.5 3:2\nb 0:1 1:-1\n", one).unwrap_err();
    assert_eq!(at(&error), At::Cell(2, 2));
    assert!(error.to_string().starts_with("t.svm:2: column 2: feature index 0; expected 1 or more"), "{error}");
}

#[test]
fn a_file_said_to_count_from_0_may_leave_feature_0_out() {
    let zero = SparseOptions { first_index: FirstIndex::Zero, ..SparseOptions::default() };
    assert_eq!(matrix(&read_with("a 1:1\nb 2:1\n", zero).unwrap()).cols(), 3);
}

#[test]
fn case_2_indices_past_the_limit_are_refused() {
    for index in ["16777217", "2147483648", "4294967296", "9223372036854775808", "18446744073709551616"] {
        let error = read(&format!("a 1:1\nb 2:1 {index}:1\n")).unwrap_err();
        assert!(matches!(&error, Error::Limit { option: "max_features", .. }), "{error}");
        assert_eq!(at(&error), At::Cell(2, 3));
    }
    assert_eq!(matrix(&read("a 1:1\nb 16777216:1\n").unwrap()).cols(), 1 << 24);
}

#[test]
fn case_51_indices_past_32_bits_are_refused_whatever_may_be_believed() {
    let limits = Limits { max_features: usize::MAX, ..Limits::default() };
    for index in ["4294967296", "9223372036854775808", "18446744073709551616", "99999999999999999999999"] {
        for features in [None, Some(usize::MAX)] {
            let sparse = SparseOptions { features, ..SparseOptions::default() };
            let options = ReadOptions { limits, sparse, ..ReadOptions::default() };
            let error = read_bytes(format!("a 1:1\nb 2:1 {index}:1\n").as_bytes(), "t.svm", &options).unwrap_err();
            assert!(matches!(&error, Error::Limit { .. } | Error::Index { .. }), "{error}");
            assert_eq!(at(&error), At::Cell(2, 3));
        }
    }
}

#[test]
fn the_number_of_features_may_be_given() {
    let four = SparseOptions { features: Some(4), ..SparseOptions::default() };
    assert_eq!(matrix(&read_with("a 1:1\nb 2:1\n", four).unwrap()).cols(), 4);
    let error = read_with("a 1:1\nb 5:1\n", four).unwrap_err();
    assert!(matches!(&error, Error::Index { .. }) && at(&error) == At::Cell(2, 2), "{error}");
    let error = read_with("a 0:1\nb 4:1\n", four).unwrap_err();
    assert!(matches!(&error, Error::Index { .. }) && at(&error) == At::Line(2), "{error}");
}

#[test]
fn case_3_unsorted_indices_are_refused_or_sorted() {
    let text = "a 4:2 1:0.5\nb 2:-1\n";
    let error = read(text).unwrap_err();
    assert!(matches!(&error, Error::Unsorted { found: 1, before: 4, .. }), "{error}");
    assert_eq!(at(&error), At::Cell(1, 3));
    let sort = SparseOptions { sort: true, ..SparseOptions::default() };
    assert_eq!(matrix(&read_with(text, sort).unwrap()), &example());
}

#[test]
fn case_4_duplicates_are_refused_summed_or_the_last_is_kept() {
    let text = "a qid:3 1:0.5 1:1.5 3:1\n";
    let error = read(text).unwrap_err();
    assert!(matches!(&error, Error::Duplicate { index: 1, .. }) && at(&error) == At::Cell(1, 4), "{error}");
    for (duplicates, value) in [(Duplicates::Sum, 2.0), (Duplicates::Last, 1.5)] {
        let data = read_with(text, SparseOptions { duplicates, ..SparseOptions::default() }).unwrap();
        assert_eq!(matrix(&data).values(), [value, 1.0]);
    }
}

#[test]
fn case_5_broken_pairs_are_refused_by_line_and_column() {
    for pair in ["3:", ":4", "a:1", "1:2:3", "5", "3:x", "-1:1", "+1:1", "1,5:1", "3:1,5"] {
        let error = read(&format!("a 1:1\n\nb 2:1 {pair} 9:1\n")).unwrap_err();
        assert_eq!(at(&error), At::Cell(3, 3), "{pair}: {error}");
    }
}

#[test]
fn case_6_values_that_are_not_finite_pass_only_if_allowed_and_are_not_learned_from() {
    for value in ["nan", "inf", "-inf", "1e400", "1e39"] {
        let text = format!("a 1:1\nb 1:1 2:{value}\n");
        let error = read(&text).unwrap_err();
        assert!(matches!(&error, Error::NotFinite { .. }) && at(&error) == At::Cell(2, 3), "{error}");
        let data = read_with(&text, SparseOptions { allow_nonfinite: true, ..SparseOptions::default() }).unwrap();
        assert!(!matrix(&data).values()[2].is_finite());
        assert!(matches!(data.check_for_training(), Err(Error::NonFinite { row: 1, column: 1, .. })));
    }
}

#[test]
fn case_7_and_8_comments_queries_line_ends_marks_and_blank_lines_change_nothing() {
    let plain = read("a 1:0.5 4:2\nb 2:-1\n").unwrap();
    assert_eq!(matrix(&plain), &example());
    for text in [
        "# made by hand: 3\na 1:0.5 4:2 # one: 7\nb 2:-1#two\n",
        "a qid:1 1:0.5 4:2\nb qid:12 2:-1\n",
        "\u{feff}a 1:0.5 4:2\nb 2:-1\n",
        "a 1:0.5 4:2\r\nb 2:-1\r\n",
        "\n\r\n a\t1:0.5  4:2\n\n   \nb 2:-1",
        "a 1:0.5 3:0 4:2e0\nb 2:-1 3:-0\n",
    ] {
        assert_eq!(read(text).unwrap(), plain, "{text:?}");
    }
}

#[test]
fn case_9_nul_bytes_and_other_encodings_are_refused_by_byte() {
    for (text, offset) in [(&b"a 1:1\nb 2:\0\n"[..], 10), (b"a 1:1\nb 2:1 # \xe9t\xe9\n", 14)] {
        let error = read_bytes(text, "t.svm", &ReadOptions::default()).unwrap_err();
        assert!(matches!(&error, Error::NotText { .. }), "{error}");
        assert_eq!(at(&error), At::Byte(offset));
    }
}

#[test]
fn case_10_an_endless_line_stops_at_the_limit() {
    let limits = Limits { row_bytes: 1000, ..Limits::default() };
    let text = format!("a 1:1\nb {}", "2:1 ".repeat(100_000));
    let error = read_bytes(text.as_bytes(), "t.svm", &ReadOptions { limits, ..ReadOptions::default() }).unwrap_err();
    assert!(matches!(&error, Error::Limit { option: "row_bytes", .. }) && at(&error) == At::Line(2), "{error}");
}

#[test]
fn case_11_a_file_without_rows_or_features_is_refused() {
    let empty = |bytes: &[u8]| {
        rarefy_data::svmlight::parse(bytes, "t", &CsvOptions::default(), &SparseOptions::default(), &Limits::default())
    };
    for bytes in [&b""[..], b"\n\n", b"\xef\xbb\xbf", b"# nothing\n"] {
        assert!(empty(bytes).unwrap_err().to_string().contains("no rows"));
    }
    assert!(empty(b"1\n2\n").unwrap_err().to_string().contains("no columns"));
}

#[test]
fn case_45_and_49_wide_single_rows_and_extreme_values() {
    let wide = read("a 1:1\nb 10000000:1\n").unwrap();
    assert_eq!((matrix(&wide).cols(), matrix(&wide).nnz()), (10_000_000, 2));
    assert_eq!(read("a 5:1\n").unwrap().rows(), 1);
    assert!(matches!(read("a 1:1e300\nb 1:1\n"), Err(Error::NotFinite { .. })));
    // The smallest 32-bit float is 1.4e-45; what is smaller still rounds to 0.
    let tiny = read("a 1:1e-40 2:1e-320\nb 2:1\n").unwrap();
    assert_eq!(matrix(&tiny).values(), [1e-40, 1.0]);
}

#[test]
fn labels_are_classes_values_or_sets() {
    assert_eq!(read("3 1:1\n-1 1:1\n3 1:1\n").unwrap().target, Target::Classes(vec![1, 0, 1]));
    assert!(matches!(read("0.5 1:1\n2 1:1\n").unwrap().target, Target::Values(_)));
    let sets = read("10,2 1:1\n3:1\n7 1:1 # one\n2,7,10 1:1\n").unwrap();
    assert_eq!(sets.class_names, ["2", "7", "10"]);
    let expected = Pattern::new(4, 3, vec![0, 2, 2, 3, 6], vec![0, 2, 1, 0, 1, 2]).unwrap();
    assert_eq!(sets.target, Target::Labels(expected));
    assert_eq!(read("1:1\n2:1\n").unwrap().target, Target::None);
}

#[test]
fn a_label_that_is_missing_among_others_is_refused() {
    let error = read("a 1:1\n2:1\n").unwrap_err();
    assert!(matches!(&error, Error::EmptyCell { .. }) && at(&error) == At::Line(2), "{error}");
    let csv = CsvOptions { task: Task::Labels, ..CsvOptions::default() };
    let options = ReadOptions { csv, ..ReadOptions::default() };
    assert!(matches!(read_bytes(b"a 1:1\n2:1\n", "t", &options).unwrap().target, Target::Labels(_)));
    let csv = CsvOptions { label: LabelColumn::None, ..CsvOptions::default() };
    let options = ReadOptions { csv, ..ReadOptions::default() };
    assert_eq!(read_bytes(b"a 1:1\n2:1\n", "t", &options).unwrap().target, Target::None);
}

#[test]
fn sets_of_classes_are_selected_and_matched_by_name() {
    let data = read("a,c 1:1\nb 1:1\nc 2:1\n").unwrap();
    let names = ["c", "b", "a"].map(str::to_owned);
    let aligned = data.select(&[2, 0]).unwrap().align_classes(&names).unwrap();
    assert_eq!(aligned.target, Target::Labels(Pattern::new(2, 3, vec![0, 1, 3], vec![0, 0, 2]).unwrap()));
    let missing = ["a".to_owned(), "b".to_owned()];
    assert!(matches!(data.align_classes(&missing), Err(Error::UnseenLabel { .. })));
}

#[test]
fn tables_that_look_alike_are_not_taken_for_svmlight() {
    for text in ["a,b\n12:30,1\n13:30,2\n", "time\tlabel\n12:30\tx\n", "1 2:x,3\n", "1\n2\n3\n"] {
        assert!(!matches!(read(text).map(|d| d.features), Ok(Features::Sparse(_))), "{text:?}");
    }
}

#[test]
fn sets_of_one_class_each_are_written_as_sets() {
    for text in [",7 \n2:1 9:3\n", ",a 1:1\n,b 2:1\n", "a,b 1:1\nb 2:1\n3:1\n"] {
        let data = read(text).unwrap();
        assert!(matches!(data.target, Target::Labels(_)), "{text:?}");
        let mut written = Vec::new();
        rarefy_data::svmlight::write(&mut written, &data, 1).unwrap();
        let again = read(std::str::from_utf8(&written).unwrap()).unwrap();
        assert_eq!((again.target, again.class_names), (data.target, data.class_names), "{text:?}");
    }
}
