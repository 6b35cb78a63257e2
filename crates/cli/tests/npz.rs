//! Files of several arrays, named by the recipe.

mod common;

use common::Place;
use rarefy::data::npy::{self, Array};

/// The checksum of zip archives, bit by bit.
fn crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), step))
}

/// A zip archive, as `numpy.savez` writes it.
fn archive(arrays: &[(&str, Array)]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, array) in arrays {
        let mut bytes = Vec::new();
        npy::write(&mut bytes, array).unwrap();
        let name = format!("{name}.npy");
        let sizes = [crc(&bytes), bytes.len() as u32, bytes.len() as u32].map(u32::to_le_bytes).concat();
        let about = [&[20, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &sizes, &[name.len() as u8, 0, 0, 0]].concat();
        let offset = (file.len() as u32).to_le_bytes();
        directory.extend([b"PK\x01\x02\x14\0", &about[..], &[0; 10], &offset, name.as_bytes()].concat());
        file.extend([b"PK\x03\x04", &about[..], name.as_bytes(), &bytes].concat());
    }
    let count = (arrays.len() as u16).to_le_bytes();
    let ends = [(directory.len() as u32).to_le_bytes(), (file.len() as u32).to_le_bytes()].concat();
    [&file[..], &directory, b"PK\x05\x06\0\0\0\0", &count, &count, &ends, &[0, 0]].concat()
}

/// Rows of four numbers, the largest of which is at the place of their class.
fn rows(range: std::ops::Range<usize>) -> (Array, Array) {
    let (x, y): (Vec<[f32; 4]>, Vec<i64>) = range
        .map(|i| {
            let class = i * 7 % 4;
            (std::array::from_fn(|j| (i * (j + 3) % 5) as f32 / 5.0 + if j == class { 2.0 } else { 0.0 }), class as i64)
        })
        .unzip();
    let labels = Array::from_i64(&[y.len()], y.iter().copied()).unwrap();
    (Array::from_f32(&[x.len(), 4], &x.concat()).unwrap(), labels)
}

const RECIPE: &str = "\
[data]
train = \"all.npz\"
array = \"x_train\"
label = \"y_train\"
test = \"all.npz\"
test-array = \"x_test\"
test-label = \"y_test\"
[model]
layers = [\"linear 16\", \"relu\", \"linear 4\"]
[train]
batch = 16
epochs = 20
learning-rate = 1e-2
[sparsity]
target = 0.5
every = 5
[twin]
train = false
";

/// A recipe, and the file of four arrays that it names.
fn place() -> Place {
    let place = Place::new();
    let ((x_train, y_train), (x_test, y_test)) = (rows(0..200), rows(200..260));
    let arrays = [("x_train", x_train), ("y_train", y_train), ("x_test", x_test), ("y_test", y_test)];
    std::fs::write(place.path("all.npz"), archive(&arrays)).unwrap();
    place.write("four.toml", RECIPE);
    place
}

#[test]
fn one_file_holds_training_and_test_data() {
    let place = place();
    let run = place.run(&["fit", "four.toml", "--out", "out", "--json", "-q"]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    let fitted = run.json();
    assert!(fitted["rows"]["test"] == 60 && fitted["accuracy"].as_f64().unwrap() > 0.95, "{fitted}");
    let eval = ["eval", "out/model.rarefy", "all.npz", "--json", "--array", "x_test", "--label", "y_test"];
    assert_eq!(place.run(&eval).json()["accuracy"], fitted["accuracy"]);
}

#[test]
fn labels_may_lie_in_an_archive_of_their_own() {
    let place = place();
    let (x, y) = rows(0..200);
    std::fs::write(place.path("x.npz"), archive(&[("x", x)])).unwrap();
    std::fs::write(place.path("y.npz"), archive(&[("other", rows(0..9).1), ("y", y)])).unwrap();
    let recipe = RECIPE.lines().filter(|line| !line.contains("test") && !line.contains("_train"));
    let recipe = recipe.map(|line| line.replace("all.npz\"", "x.npz\"\nlabels = \"y.npz\"")).collect::<Vec<_>>();
    place.write("two.toml", &recipe.join("\n"));
    let run = place.run(&["fit", "two.toml", "--out", "out", "--json", "-q"]);
    assert!(run.code == Some(0) && run.json()["accuracy"].as_f64().unwrap() > 0.9, "{}", run.err);
}

#[test]
fn arrays_that_leave_a_choice_are_listed_with_the_key() {
    let place = place();
    place.write("open.toml", &RECIPE.replace("array = \"x_train\"\n", "").replace("test-array = \"x_test\"\n", ""));
    let run = place.run(&["fit", "open.toml", "--set", "data.test=0.2"]);
    run.fails(1, "all.npz");
    assert!(run.err.contains("x_test, x_train, y_test, y_train") && run.err.contains("data.array"), "{}", run.err);
    let run = place.run(&["fit", "four.toml", "--set", "data.array=x"]);
    run.fails(1, "no array \"x\" (the arrays x_test");
    place
        .run(&["fit", "four.toml", "--set", "data.test-array=x_train"])
        .fails(2, "name another array of the file by data.test-array");
}
