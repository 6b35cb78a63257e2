//! Text tables: the cases that must be read, and the ones that must be refused, by line and column.

use rarefy_data::csv::{self, CsvOptions, LabelColumn};
use rarefy_data::{At, Dataset, Error, Features, Limits, Target, Task};

fn read_with(text: &str, options: &CsvOptions) -> Result<Dataset, Error> {
    csv::parse(text.as_bytes(), "t.csv", options, &Limits::default())
}

fn read(text: &str) -> Result<Dataset, Error> {
    read_with(text, &CsvOptions::default())
}

fn values(data: &Dataset) -> &[f32] {
    match &data.features {
        Features::Dense(m) => m.data(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn case_8_line_ends_marks_and_blank_lines_change_nothing() {
    let plain = read("a,b,label\n1,2,0\n3,4,1\n").unwrap();
    for text in [
        "\u{feff}a,b,label\n1,2,0\n3,4,1\n",
        "a,b,label\r\n1,2,0\r\n3,4,1\r\n",
        "a,b,label\n1,2,0\n3,4,1",
        "\n\na,b,label\n\n1,2,0\n\n\n3,4,1\n\n",
        "a;b;label\n1;2;0\n3;4;1\n",
        "a\tb\tlabel\n1\t2\t0\n3\t4\t1\n",
        "\"a\",\"b\",\"label\"\n\"1\",\"2\",\"0\"\n 3 , 4 , 1 \n",
    ] {
        assert_eq!(read(text).unwrap(), plain, "{text:?}");
    }
}

#[test]
fn case_9_nul_bytes_and_other_encodings_are_refused() {
    assert!(matches!(read("a,b\n1,\0x\n"), Err(Error::NotText { place, .. }) if place.at == At::Byte(6)));
    let latin1 = csv::parse(b"a,b\n1,\xe9t\xe9\n", "t.csv", &CsvOptions::default(), &Limits::default());
    assert!(matches!(latin1, Err(Error::NotText { place, .. }) if place.at == At::Cell(2, 2)));
}

#[test]
fn case_10_an_endless_row_stops_at_the_limit() {
    let limits = Limits { row_bytes: 1000, ..Limits::default() };
    let text = format!("a,b\n1,{}\n", "9".repeat(5000));
    let error = csv::parse(text.as_bytes(), "t.csv", &CsvOptions::default(), &limits).unwrap_err();
    assert!(matches!(&error, Error::Limit { place, option: "row_bytes", .. } if place.at == At::Line(2)), "{error}");
}

#[test]
fn case_11_an_empty_file_has_no_rows() {
    for text in ["", "\n\n", "\u{feff}"] {
        assert!(read(text).unwrap_err().to_string().contains("no rows"), "{text:?}");
    }
}

#[test]
fn case_12_ragged_rows_are_refused_by_line() {
    for (text, found) in [("a,b,c\n1,2,3\n\n4,5\n", 2), ("a,b,c\r\n\r\n\"1\",\"2\",3\r\n4,5,6,7\r\n", 4)] {
        let error = read(text).unwrap_err();
        assert!(
            matches!(&error, Error::Ragged { place, found: f, expected: 3, first: 1 } if place.at == At::Line(4) && *f == found),
            "{error}"
        );
    }
}

#[test]
fn case_13_an_unclosed_quote_is_reported_where_it_opens() {
    for text in ["a,b\n1,x\n2,\"y\n3,z\n4,w\n", "a,b\n1,x\n2,\"y"] {
        let error = read(text).unwrap_err();
        assert!(matches!(&error, Error::UnclosedQuote { place, .. } if place.at == At::Line(3)), "{error}");
    }
}

#[test]
fn case_13_an_unclosed_quote_does_not_swallow_a_large_file() {
    let limits = Limits { row_bytes: 1 << 16, ..Limits::default() };
    let text = format!("a,b\n1,\"x\n{}", "2,y\n".repeat(100_000));
    let error = csv::parse(text.as_bytes(), "t.csv", &CsvOptions::default(), &limits).unwrap_err();
    assert!(matches!(&error, Error::UnclosedQuote { place, .. } if place.at == At::Line(2)), "{error}");
}

#[test]
fn text_after_a_closing_quote_is_refused() {
    let error = read("a,b\n\"1\"2,x\n").unwrap_err();
    assert!(matches!(&error, Error::StrayQuote { place } if place.at == At::Line(2)), "{error}");
}

#[test]
fn case_14_a_header_alone_is_refused() {
    for text in ["a,b,label", "a,b,label\n"] {
        let message = read(text).unwrap_err().to_string();
        assert!(message.starts_with("t.csv: no rows") && message.contains("header"), "{message}");
    }
}

#[test]
fn case_15_text_in_a_number_column_at_row_a_million_is_refused_by_line() {
    let mut text = "a,b,label\n".to_owned();
    text.push_str(&"1,2,0\n".repeat(999_999));
    text.push_str("1,oops,0\n");
    let error = read(&text).unwrap_err();
    assert!(matches!(&error, Error::NotNumber { place, .. } if place.at == At::Cell(1_000_001, 2)), "{error}");
    assert!(error.to_string().starts_with("t.csv:1000001: column 2: \"oops\" is not a number"), "{error}");
}

#[test]
fn case_16_decimal_commas_and_separated_thousands_are_refused() {
    for text in
        ["a;b\n1,5;x\n2,5;y\n", "a,b\n\"1,5\",x\n", "a\tb\n1.234,5\tx\n", "a,b\n\"1,234\",x\n", "a;b\n1 234;x\n"]
    {
        let error = read(text).unwrap_err();
        assert!(
            matches!(&error, Error::NotNumber { place, guess, .. } if place.at == At::Cell(2, 1) && !guess.is_empty())
        );
    }
}

#[test]
fn case_17_a_million_columns_are_read_or_stop_at_the_limit() {
    let names: Vec<String> = (0..1_000_000).map(|i| format!("c{i}")).collect();
    let text = format!("{}\n{}1\n", names.join(","), "0,".repeat(999_999));
    assert_eq!(read(&text).unwrap().cols(), 999_999);
    let limits = Limits { columns: 1000, ..Limits::default() };
    let error = csv::parse(text.as_bytes(), "t.csv", &CsvOptions::default(), &limits).unwrap_err();
    assert!(matches!(error, Error::Limit { option: "columns", .. }), "{error}");
}

#[test]
fn case_41_not_a_number_and_infinity_are_refused() {
    for text in ["a,b\n1,0\nnan,1\n", "a,b\n1,0\n-inf,1\n", "a,b\n1,0\n1e400,1\n", "a,b\n0.5,1\n1,NaN\n"] {
        assert!(
            matches!(read(text), Err(Error::NotFinite { place, .. }) if matches!(place.at, At::Cell(3, _))),
            "{text:?}"
        );
    }
}

#[test]
fn case_42_a_table_of_labels_alone_has_no_columns() {
    assert!(read("label\n1\n2\n").unwrap_err().to_string().contains("no columns"));
}

#[test]
fn case_44_constant_and_zero_columns_and_rows_are_read() {
    let data = read("0,5,0,a\n0,5,1,b\n0,5,2,a\n").unwrap();
    assert_eq!(values(&data), [0.0, 5.0, 0.0, 0.0, 5.0, 1.0, 0.0, 5.0, 2.0]);
}

#[test]
fn case_46_duplicate_rows_and_columns_are_read() {
    let data = read("x,x,label\n1,1,0\n1,1,0\n2,2,1\n").unwrap();
    assert_eq!((data.rows(), data.cols()), (3, 2));
}

#[test]
fn case_47_labels_of_any_kind_become_classes() {
    assert_eq!(read("1,yes\n2,no\n").unwrap().class_names, ["no", "yes"]);
    assert_eq!(read("1,2.0\n2,10.0\n").unwrap().class_names, ["2", "10"]);
    let options = CsvOptions { classes: Some(vec!["no".into(), "yes".into()]), ..CsvOptions::default() };
    assert_eq!(read_with("1,yes\n2,yes\n", &options).unwrap().target, Target::Classes(vec![1, 1]));
    let error = read_with("1,yes\n2,maybe\n", &options).unwrap_err();
    assert!(matches!(&error, Error::UnseenLabel { place, .. } if place.at == At::Cell(2, 2)), "{error}");
}

#[test]
fn the_label_column_is_found_by_name_and_number() {
    let text = "kind,a,label,b\nx,1,5,2\ny,3,6,4\n";
    let by = |label| read_with(text, &CsvOptions { label, ..CsvOptions::default() });
    assert!(by(LabelColumn::Auto).is_err(), "the column `kind` is text");
    let data = by(LabelColumn::Name("kind".into())).unwrap();
    assert_eq!(
        (data.class_names, data.feature_names),
        (vec!["x".into(), "y".into()], ["a", "label", "b"].map(String::from).into())
    );
    assert_eq!(by("1".parse().unwrap()).unwrap().cols(), 3);
    assert!(by("9".parse().unwrap()).unwrap_err().to_string().contains("from 1 to 4"));
    assert!(by("knd".parse().unwrap()).unwrap_err().to_string().contains("the header has kind, a, label, b"));
    let no_header = read_with("1,2\n", &CsvOptions { label: LabelColumn::Name("y".into()), ..CsvOptions::default() });
    assert!(no_header.unwrap_err().to_string().contains("no header"));
}

#[test]
fn a_table_without_labels_is_read_to_predict_for() {
    let data = read_with("a,b\n1,2\n", &CsvOptions { label: LabelColumn::None, ..CsvOptions::default() }).unwrap();
    assert_eq!((data.target, data.features.cols()), (Target::None, 2));
}

#[test]
fn whole_numbers_are_values_when_asked_for() {
    let data = read_with("1,2\n2,3\n", &CsvOptions { task: Task::Values, ..CsvOptions::default() }).unwrap();
    assert!(matches!(data.target, Target::Values(y) if y.data() == [2.0, 3.0]));
}

#[test]
fn a_first_row_that_may_be_a_header_must_be_explained() {
    let text = "0,1,two\n3,4,5\n";
    let error = read(text).unwrap_err();
    assert!(matches!(&error, Error::Header { place, .. } if place.at == At::Cell(1, 3)), "{error}");
    assert_eq!(read_with(text, &CsvOptions { header: Some(true), ..CsvOptions::default() }).unwrap().rows(), 1);
}

#[test]
fn an_empty_cell_is_refused() {
    for (text, column) in [("a,b\n,1\n", 1), ("a,b\n1,\n", 2)] {
        assert!(
            matches!(read(text), Err(Error::EmptyCell { place, .. }) if place.at == At::Cell(2, column)),
            "{text:?}"
        );
    }
}
