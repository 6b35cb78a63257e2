//! Data sets: their checks, the bundled ones, and scaling.

use rarefy_core::matrix::{Csr, Dense};
use rarefy_data::bundled::{self, Bundled, Location};
use rarefy_data::{Dataset, Error, Factors, Features, Scaling, Target, split};

fn dense(rows: usize, cols: usize, values: &[f32]) -> Features {
    Features::Dense(Dense::new(rows, cols, values.to_vec()).unwrap())
}

#[test]
fn case_41_not_finite_features_and_targets_are_refused() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let x = Dataset::new("x", dense(2, 2, &[0.0, 1.0, bad, 0.0]), Target::None);
        assert!(matches!(x, Err(Error::NonFinite { what: "feature", row: 1, column: 0, .. })));
        let y = Target::Values(Dense::new(2, 1, vec![0.0, bad]).unwrap());
        let y = Dataset::new("x", dense(2, 1, &[0.0, 1.0]), y);
        assert!(matches!(y, Err(Error::NonFinite { what: "target", row: 1, .. })));
        let sparse = Csr::new(3, 4, vec![0, 1, 1, 2], vec![2, 3], vec![1.0, bad]).unwrap();
        let sparse = Dataset::new("x", Features::Sparse(sparse), Target::None);
        assert!(matches!(sparse, Err(Error::NonFinite { row: 2, column: 3, .. })));
    }
}

#[test]
fn case_42_no_rows_and_no_columns_are_refused() {
    for (rows, cols, name) in [(0, 3, "rows"), (3, 0, "columns")] {
        let data = Dataset::new("x", dense(rows, cols, &[]), Target::None);
        assert!(matches!(data, Err(Error::Empty { what, .. }) if what == name));
    }
}

#[test]
fn case_42_features_without_a_nonzero_are_data() {
    let sparse = Csr::new(2, 3, vec![0, 0, 0], vec![], vec![]).unwrap();
    let data = Dataset::new("x", Features::Sparse(sparse), Target::Classes(vec![0, 1])).unwrap();
    data.check_for_training().unwrap();
}

#[test]
fn case_43_one_class_is_refused_for_training_and_fine_for_testing() {
    let data = Dataset::new("x", dense(2, 1, &[1.0, 2.0]), Target::Classes(vec![3, 3])).unwrap();
    let error = data.check_for_training().unwrap_err();
    assert!(matches!(&error, Error::OneClass { class, .. } if class == "3"), "{error}");
}

#[test]
fn case_44_a_zero_column_gets_the_factor_one() {
    let x = dense(2, 3, &[0.0, 4.0, 1e-42, 0.0, 4.0, 0.0]);
    let factors = Scaling::MaxAbs.fit(&x, &[0, 1]).unwrap();
    assert_eq!(factors, Factors::PerFeature(vec![1.0, 0.25, 1.0]));
}

#[test]
fn case_46_duplicate_rows_count_twice() {
    let data = Dataset::new("x", dense(2, 1, &[1.0, 2.0]), Target::Classes(vec![0, 1])).unwrap();
    let twice = data.select(&[1, 1, 0]).unwrap();
    assert_eq!((twice.features, twice.target), (dense(3, 1, &[2.0, 2.0, 1.0]), Target::Classes(vec![1, 1, 0])));
}

#[test]
fn case_47_classes_are_matched_by_name() {
    let names = |names: [&str; 2]| names.map(String::from).to_vec();
    let data = || {
        let target = Target::Classes(vec![0, 1]);
        Dataset::with_classes("x", dense(2, 1, &[1.0, 2.0]), target, names(["a", "b"])).unwrap()
    };
    let aligned = data().align_classes(&names(["b", "a"])).unwrap();
    assert_eq!(aligned.target, Target::Classes(vec![1, 0]));
    let error = data().align_classes(&names(["a", "c"])).unwrap_err();
    assert!(matches!(&error, Error::UnseenLabel { found, .. } if found == "b"), "{error}");
}

#[test]
fn case_48_as_many_labels_as_rows() {
    let data = Dataset::new("x", dense(2, 1, &[1.0, 2.0]), Target::Classes(vec![0, 1, 0]));
    assert!(matches!(data, Err(Error::Length { found: 3, expected: 2, .. })));
}

#[test]
fn scaling_is_learned_from_the_training_rows_alone_and_keeps_zeros() {
    let sparse = Csr::new(3, 2, vec![0, 1, 2, 4], vec![0, 1, 0, 1], vec![-2.0, 8.0, 100.0, 100.0]).unwrap();
    for features in [dense(3, 2, &[-2.0, 0.0, 0.0, 8.0, 100.0, 100.0]), Features::Sparse(sparse)] {
        let factors = Scaling::MaxAbs.fit(&features, &[0, 1]).unwrap();
        let mut row = vec![f32::NAN; 2];
        features.row_into(0, &mut row);
        factors.apply(&mut row);
        assert_eq!(row, [-1.0, 0.0]);
    }
    assert!(matches!(Scaling::Factor(f32::NAN).fit(&dense(1, 1, &[1.0]), &[0]), Err(Error::Scaling { .. })));
}

#[test]
fn fingerprints_tell_contents_apart_and_nothing_else() {
    let data = |values: &[f32]| Dataset::new("x", dense(2, 1, values), Target::Classes(vec![0, 1])).unwrap();
    let renamed = Dataset { name: "elsewhere".into(), ..data(&[1.0, 2.0]) };
    assert_eq!(renamed.fingerprint(), data(&[1.0, 2.0]).fingerprint());
    assert_ne!(data(&[1.0, 2.0]).fingerprint(), data(&[1.0, 2.5]).fingerprint());
    let classes = Dataset { class_names: vec!["a".into(), "b".into()], ..data(&[1.0, 2.0]) };
    assert_ne!(classes.fingerprint(), data(&[1.0, 2.0]).fingerprint());
    assert_eq!(data(&[1.0, 2.0]).fingerprint().len(), 64);
}

#[test]
fn digits_are_inside_the_program() {
    let Bundled { train, test } = bundled::load("digits").unwrap();
    assert_eq!((train.rows(), test.rows(), train.image_shape), (1442, 355, Some((8, 8))));
    // The first digit of scikit-learn's load_digits(), a zero.
    let Features::Bytes(pixels) = &train.features else { panic!("digits are bytes") };
    assert_eq!(pixels.row(0)[..16], [0, 0, 5, 13, 9, 1, 0, 0, 0, 0, 13, 15, 10, 15, 5, 0]);
    assert!(matches!(&train.target, Target::Classes(y) if y[0] == 0));
}

/// Sums over the arrays of the original files, taken with Python: `sum(open(path, "rb").read()[16:])`.
#[test]
fn mnist_is_the_original() {
    let Bundled { train, test } = bundled::load("mnist").unwrap();
    assert_eq!((train.rows(), test.rows(), train.cols(), train.image_shape), (60_000, 10_000, 784, Some((28, 28))));
    let sum = |data: &Dataset| match &data.features {
        Features::Bytes(m) => m.data().iter().map(|&b| u64::from(b)).sum::<u64>(),
        _ => 0,
    };
    let first = |data: &Dataset| match &data.target {
        Target::Classes(y) => y[..10].to_vec(),
        _ => Vec::new(),
    };
    assert_eq!((sum(&train), sum(&test)), (1_567_298_545, 264_923_200));
    assert_eq!(first(&train), [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
    assert_eq!(first(&test), [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]);
    assert_eq!(train.class_names, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
}

#[test]
fn case_83_two_readers_at_once_are_both_right() {
    let once = bundled::load("mnist").unwrap().test.fingerprint();
    std::thread::scope(|scope| {
        let readers: Vec<_> =
            (0..2).map(|_| scope.spawn(|| bundled::load("mnist").unwrap().test.fingerprint())).collect();
        readers.into_iter().for_each(|reader| assert_eq!(reader.join().unwrap(), once));
    });
}

#[test]
fn every_bundled_set_is_listed_with_its_true_shape() {
    for listing in bundled::datasets() {
        let Bundled { train, test } = bundled::load(listing.name).unwrap();
        assert_eq!((train.rows(), test.rows()), (listing.train_rows, listing.test_rows));
        assert_eq!((train.cols(), train.classes()), (listing.columns, listing.classes));
        assert_ne!(listing.place, Location::Missing);
        train.check_for_training().unwrap();
        assert_eq!(train.class_names, test.class_names);
    }
}

#[test]
fn a_split_of_a_bundled_set_is_the_same_everywhere() {
    let train = bundled::load("digits").unwrap().train;
    let Target::Classes(classes) = &train.target else { panic!("digits are classes") };
    let parts = split::stratified(classes, &[0.9, 0.1], 1).unwrap();
    assert_eq!(parts, split::stratified(classes, &[0.9, 0.1], 1).unwrap());
    assert_eq!(parts.iter().map(Vec::len).sum::<usize>(), train.rows());
}

#[test]
fn the_tables_of_scikit_learn_are_as_it_gives_them() {
    let rows = |name: &str| {
        let Bundled { train, test } = bundled::load(name).unwrap();
        let Features::Dense(x) = &train.features else { panic!("{name}") };
        (x.row(0).to_vec(), train.feature_names[0].clone(), train.class_names, train.target, test.target)
    };
    let (first, name, classes, train, test) = rows("diabetes");
    assert_eq!(first, [59.0, 2.0, 32.1, 101.0, 157.0, 93.2, 38.0, 4.0, 4.8598, 87.0]);
    let (Target::Values(train), Target::Values(test)) = (train, test) else { panic!("values") };
    assert_eq!((name.as_str(), classes.len(), train.row(0), test.row(0)), ("age", 0, &[151.0][..], &[135.0][..]));
    let (first, name, classes, ..) = rows("iris");
    assert_eq!((first.as_slice(), name.as_str()), (&[5.1, 3.5, 1.4, 0.2][..], "sepal length (cm)"));
    assert_eq!(classes, ["setosa", "versicolor", "virginica"]);
    // scikit-learn counts malignant as class 0; names are in the order of their letters here.
    let (first, _, classes, Target::Classes(train), Target::Classes(test)) = rows("breast-cancer") else { panic!() };
    assert_eq!(
        (first[0], classes.as_slice(), train[0]),
        (17.99, &["benign".to_owned(), "malignant".to_owned()][..], 1)
    );
    assert_eq!(train.iter().chain(&test).filter(|class| **class == 1).count(), 212);
    assert_eq!(rows("wine").0[12], 1065.0);
}
