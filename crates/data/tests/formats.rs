//! Every format: what is written reads back, and no bytes at all make a reader panic.

use std::io::Write;

use proptest::prelude::*;
use rarefy_core::matrix::{Csr, Dense};
use rarefy_core::pattern::Pattern;
use rarefy_data::csv::{CsvOptions, WriteOptions};
use rarefy_data::{
    Dataset, Error, Features, FirstIndex, Limits, ReadOptions, SparseOptions, Target, compression, csv, idx,
    read_bytes, svmlight,
};

/// How one format's whole file, and any bytes, are read: `Ok` or an error, never a panic.
type Reader = fn(&[u8]) -> Result<(), Error>;

fn read_idx(bytes: &[u8]) -> Result<(), Error> {
    idx::parse(bytes, "x.idx", &small()).map(drop)
}

fn read_csv(bytes: &[u8]) -> Result<(), Error> {
    csv::parse(bytes, "x.csv", &CsvOptions::default(), &small()).map(drop)
}

fn read_any(bytes: &[u8]) -> Result<(), Error> {
    read_bytes(bytes, "x", &ReadOptions { limits: small(), ..ReadOptions::default() }).map(drop)
}

fn read_svmlight(bytes: &[u8]) -> Result<(), Error> {
    svmlight::parse(bytes, "x.svm", &CsvOptions::default(), &SparseOptions::default(), &small()).map(drop)
}

fn read_compressed(bytes: &[u8]) -> Result<(), Error> {
    compression::decompress(bytes, &small()).map(drop)
}

const READERS: [Reader; 5] = [read_idx, read_csv, read_svmlight, read_any, read_compressed];

fn small() -> Limits {
    Limits { bytes: 1 << 20, row_bytes: 1 << 16, columns: 1 << 10, max_features: 1 << 16, rows: 1 << 16 }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

/// An IDX array of 3 × 5 floats.
fn idx_file() -> Vec<u8> {
    let values = (0..15).map(|i| i as f32 * 0.5).collect();
    let mut file = Vec::new();
    idx::write(&mut file, &idx::Array::new(vec![3, 5], idx::Values::F32(values)).unwrap()).unwrap();
    file
}

#[test]
fn an_idx_or_compressed_file_cut_at_any_64th_is_refused() {
    let plain = idx_file();
    let (gz, zst) = (gzip(&plain), zstd(&plain));
    for (reader, file) in [(read_idx as Reader, &plain), (read_idx, &gz), (read_compressed, &gz), (read_any, &zst)] {
        reader(file).unwrap();
        for i in 0..64 {
            let cut = &file[..file.len() * i / 64];
            // Nothing at all, or less than a magic number, decompresses to itself.
            if !(cut.len() < 4 && std::ptr::fn_addr_eq(reader, read_compressed as Reader)) {
                assert!(reader(cut).is_err(), "cut to {} of {} bytes", cut.len(), file.len());
            }
        }
    }
}

#[test]
fn a_text_table_cut_inside_a_row_is_refused() {
    let file = b"a,b,label\n1,2,x\n3,4,y\n";
    for end in 0..file.len() {
        let whole_row = file[end - usize::from(end > 0)] == b'\n' && end > 10 || end == 15 || end == 21;
        assert_eq!(read_csv(&file[..end]).is_ok(), whole_row, "cut to {end} bytes");
    }
}

#[test]
fn gzip_and_zstd_are_found_by_content_and_read_as_plain() {
    let plain = idx_file();
    for file in [gzip(&plain), zstd(&plain), [gzip(&plain[..20]), gzip(&plain[20..])].concat()] {
        assert_eq!(compression::decompress(&file, &small()).unwrap(), plain);
        assert_eq!(idx::parse(&file, "x", &small()).unwrap(), idx::parse(&plain, "x", &small()).unwrap());
    }
}

#[test]
fn a_flipped_bit_in_gzip_is_refused() {
    let file = gzip(&idx_file());
    for at in 10..file.len() {
        let mut broken = file.clone();
        broken[at] ^= 16;
        assert!(read_compressed(&broken).is_err(), "byte {at}");
    }
}

/// The formats differ; what they hold does not.
fn any_idx() -> impl Strategy<Value = idx::Array> {
    fn of<T: std::fmt::Debug + Clone>(
        value: impl Strategy<Value = T> + Clone + 'static,
        wrap: fn(Vec<T>) -> idx::Values,
    ) -> impl Strategy<Value = idx::Array> {
        proptest::collection::vec(0usize..5, 1..5).prop_flat_map(move |dims| {
            let values = proptest::collection::vec(value.clone(), dims.iter().product::<usize>());
            values.prop_map(move |values| idx::Array::new(dims.clone(), wrap(values)).unwrap())
        })
    }
    prop_oneof![
        of(any::<u8>(), idx::Values::U8),
        of(any::<i8>(), idx::Values::I8),
        of(any::<i16>(), idx::Values::I16),
        of(any::<i32>(), idx::Values::I32),
        of(-1e30f32..1e30, idx::Values::F32),
        of(-1e300f64..1e300, idx::Values::F64),
    ]
}

/// Finite floats of every size, both zeros and denormals among them.
fn finite() -> impl Strategy<Value = f32> {
    any::<u32>().prop_map(f32::from_bits).prop_filter("finite", |v| v.is_finite())
}

/// Tables with a header, whose class names hold every delimiter, quotes and line ends.
fn any_table() -> impl Strategy<Value = Dataset> {
    (1usize..6, 1usize..5).prop_flat_map(|(rows, cols)| {
        let values = proptest::collection::vec(finite(), rows * cols);
        let labels = proptest::collection::vec("[a-z][a-z,;\"\t\r\n]{0,4}[a-z]", rows);
        (values, labels).prop_map(move |(values, labels)| {
            let (classes, names) = rarefy_data::labels::encode(&labels, "y").unwrap();
            let features = Features::Dense(Dense::new(rows, cols, values).unwrap());
            let mut data = Dataset::with_classes("t", features, Target::Classes(classes), names).unwrap();
            data.feature_names = (0..cols).map(|j| format!("feature {j}")).collect();
            data
        })
    })
}

/// Sparse data with every kind of target that svmlight has.
fn any_sparse() -> impl Strategy<Value = Dataset> {
    (1usize..6, 1usize..9, 0u8..4).prop_flat_map(|(rows, cols, kind)| {
        let entry = prop_oneof![Just(0.0), finite()];
        let dense = proptest::collection::vec(entry, rows * cols);
        let sets = proptest::collection::vec(proptest::collection::btree_set(0u32..3, 0..3), rows);
        (dense, sets).prop_map(move |(dense, sets)| {
            let x = Csr::from_dense(Dense::new(rows, cols, dense).unwrap().view()).unwrap();
            let names: Vec<String> = ["7", "12", "b"].map(str::to_owned).to_vec();
            let (target, names) = match kind {
                0 => (Target::None, Vec::new()),
                1 => (Target::Classes((0..rows as u32).map(|i| i % 3).collect()), names),
                2 => (Target::Values(Dense::new(rows, 1, vec![0.5; rows]).unwrap()), Vec::new()),
                _ => {
                    let indptr = std::iter::once(0).chain(sets.iter().scan(0, |n, set| {
                        *n += set.len() as u32;
                        Some(*n)
                    }));
                    let indices = sets.iter().flatten().copied().collect();
                    (Target::Labels(Pattern::new(rows, 3, indptr.collect(), indices).unwrap()), names)
                }
            };
            Dataset::with_classes("s", Features::Sparse(x), target, names).unwrap()
        })
    })
}

proptest! {
    #[test]
    fn svmlight_data_read_back_to_the_same_bits(data in any_sparse(), first in 0u32..2) {
        let mut file = Vec::new();
        svmlight::write(&mut file, &data, first).unwrap();
        let mut options = CsvOptions { classes: Some(data.class_names.clone()), ..CsvOptions::default() };
        match data.target {
            Target::Labels(_) => options.task = rarefy_data::Task::Labels,
            Target::Classes(_) => options.task = rarefy_data::Task::Classes,
            _ => options.classes = None,
        }
        let first_index = if first == 0 { FirstIndex::Zero } else { FirstIndex::One };
        let sparse = SparseOptions { first_index, features: Some(data.cols()), ..SparseOptions::default() };
        let back = svmlight::parse(&file, "s", &options, &sparse, &Limits::default()).unwrap();
        prop_assert_eq!(back.fingerprint(), data.fingerprint());
    }

    #[test]
    fn random_pairs_never_panic(text in "[0-9a,:# \n\r.q-]{0,120}") {
        READERS.iter().for_each(|read| drop(read(text.as_bytes())));
    }

    #[test]
    fn an_idx_array_reads_back(array in any_idx()) {
        let mut file = Vec::new();
        idx::write(&mut file, &array).unwrap();
        prop_assert_eq!(idx::parse(&file, "x", &Limits::default()).unwrap(), array);
    }

    #[test]
    fn a_text_table_reads_back_to_the_same_bits(table in any_table(), delimiter in prop::sample::select(b",;\t".to_vec())) {
        let mut file = Vec::new();
        csv::write(&mut file, &table, &WriteOptions { delimiter, ..WriteOptions::default() }).unwrap();
        let options = CsvOptions { delimiter: Some(delimiter), ..CsvOptions::default() };
        let back = csv::parse(&file, "t", &options, &Limits::default()).unwrap();
        prop_assert_eq!(back.fingerprint(), table.fingerprint());
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        READERS.iter().for_each(|read| drop(read(&bytes)));
    }

    #[test]
    fn random_idx_bodies_never_panic(tail in proptest::collection::vec(any::<u8>(), 0..80), code in 7u8..16, dims in 0u8..4) {
        let _ = read_any(&[&[0, 0, code, dims][..], &tail].concat());
    }

    #[test]
    fn random_tables_never_panic(text in "[0-9a,;\"\t\n\r. -]{0,120}") {
        READERS.iter().for_each(|read| drop(read(text.as_bytes())));
    }

    #[test]
    fn random_compressed_bodies_never_panic(tail in proptest::collection::vec(any::<u8>(), 0..200)) {
        for magic in [&[0x1f, 0x8b, 8, 0][..], &[0x28, 0xb5, 0x2f, 0xfd]] {
            let bytes = [magic, &tail].concat();
            READERS.iter().for_each(|read| drop(read(&bytes)));
        }
    }
}
