//! The container format against files made by hand, against damage, and against the `safetensors` crate.

mod common;

use common::{Random, container_file};
use proptest::prelude::*;
use rarefy_model::container::{Container, Tensor};

/// Metadata of a well-formed file of kind `test`.
const METADATA: &str = r#""__metadata__":{"format":"rarefy","kind":"test","manifest":"{}","version":"1"}"#;

/// Eight bytes of data in two vectors `a` and `b`, then the checksum.
fn file(a: &str, b: &str) -> Vec<u8> {
    container_file(&format!("{{{METADATA},\"a\":{a},\"b\":{b},CHECKSUM}}"), &[1, 0, 0, 0, 2, 0, 0, 0])
}

/// A tensor's entry.
fn entry(dtype: &str, shape: &str, start: u64, end: u64) -> String {
    format!("{{\"dtype\":\"{dtype}\",\"shape\":{shape},\"data_offsets\":[{start},{end}]}}")
}

fn read(bytes: &[u8]) -> rarefy_model::Result<Container> {
    Container::from_bytes(bytes, "test", 1)
}

/// The message that a file is refused with.
fn refusal(bytes: &[u8]) -> String {
    read(bytes).expect_err("the file was accepted").to_string()
}

#[track_caller]
fn refused(bytes: &[u8], why: &str) {
    let message = refusal(bytes);
    assert!(message.contains(why), "{message:?} does not contain {why:?}");
}

/// Tensors of every type, empty ones and scalars among them.
fn example() -> Container {
    let mut container = Container::new("test", 1);
    container.manifest = serde_json::json!({ "x": [0.1, 1e300], "text": "line\nbreak \u{1F600}" });
    let random = &mut Random(3);
    container.insert("z.f32", Tensor::from_f32(&[2, 3], &random.floats(6)).unwrap()).unwrap();
    container.insert("a.u8", Tensor::from_u8(&[3], &[1, 2, 3]).unwrap()).unwrap();
    container.insert("m.u64", Tensor::from_u64(&[], &[u64::MAX]).unwrap()).unwrap();
    container.insert("i.u16", Tensor::from_indices(&[1, 2, 3], 9).unwrap()).unwrap();
    container.insert("i.u32", Tensor::from_u32(&[0, 5], &[]).unwrap()).unwrap();
    container.insert("~last by name", Tensor::from_u8(&[1], &[9]).unwrap()).unwrap();
    container
}

#[test]
fn a_container_comes_back_as_it_went() {
    assert_eq!(read(&example().to_bytes().unwrap()).unwrap(), example());
}

#[test]
fn the_file_made_by_hand_is_well_formed() {
    let bytes = file(&entry("U32", "[1]", 0, 4), &entry("F32", "[1]", 4, 8));
    let mut container = read(&bytes).unwrap();
    assert_eq!(container.take("a").unwrap().to_u32("a").unwrap(), [1]);
}

#[test]
fn other_programs_read_it_as_safetensors() {
    let bytes = example().to_bytes().unwrap();
    let theirs = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    for (name, tensor) in &example().tensors {
        let view = theirs.tensor(name).unwrap();
        assert_eq!((view.shape(), view.data()), (tensor.shape(), tensor.bytes()), "{name}");
    }
    assert_eq!(theirs.tensor("checksum").unwrap().data(), &bytes[bytes.len() - 32..]);
}

#[test]
fn tensors_are_aligned_in_the_file() {
    let bytes = example().to_bytes().unwrap();
    let (header, metadata) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    for (name, info) in metadata.tensors() {
        let width = info.dtype.bitsize() / 8;
        assert_eq!((8 + header + info.data_offsets.0) % width, 0, "{name}");
    }
}

#[test]
fn safetensors_of_another_program_is_named() {
    let data = 1f32.to_le_bytes().repeat(20);
    let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![20], &data).unwrap();
    let bytes = safetensors::serialize([("w", view)], None).unwrap();
    refused(&bytes, "safetensors of another program");
}

// ADVERSARIAL 32, one by one.

#[test]
fn a_header_longer_than_the_file_is_refused() {
    let mut bytes = example().to_bytes().unwrap();
    bytes[..8].copy_from_slice(&(1u64 << 20).to_le_bytes());
    refused(&bytes, "header length 1048576, expected at most");
    bytes[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    refused(&bytes, "header length 18446744073709551615");
}

#[test]
fn a_header_past_100_mb_is_refused_before_it_is_read() {
    // A sparse file: its length is real, its bytes take no disk.
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), [&100_000_001u64.to_le_bytes()[..], b"{"].concat()).unwrap();
    file.as_file().set_len(200_000_000).unwrap();
    let message = Container::read(file.path(), "test", 1).unwrap_err().to_string();
    assert!(message.contains("header length 100000001, expected at most 100000000"), "{message}");
}

#[test]
fn a_header_that_does_not_start_with_a_brace_is_refused() {
    refused(&container_file(" {CHECKSUM}", &[]), "expected a Rarefy file");
}

#[test]
fn duplicate_keys_are_refused_at_every_level() {
    let a = entry("U32", "[1]", 0, 4);
    refused(&container_file(&format!("{{{METADATA},\"a\":{a},\"a\":{a},CHECKSUM}}"), &[0; 4]), "\"a\" appears twice");
    refused(&container_file(&format!("{{{METADATA},{METADATA},CHECKSUM}}"), &[]), "\"__metadata__\" appears twice");
    let twice = METADATA.replace("\"kind\":\"test\"", "\"kind\":\"test\",\"kind\":\"test\"");
    refused(&container_file(&format!("{{{twice},CHECKSUM}}"), &[]), "\"kind\" appears twice");
    let twice = a.replace("\"dtype\":\"U32\"", "\"dtype\":\"U32\",\"dtype\":\"U32\"");
    refused(&container_file(&format!("{{{METADATA},\"a\":{twice},CHECKSUM}}"), &[0; 4]), "duplicate field `dtype`");
    let twice = METADATA.replace("{}", r#"{\"x\":1,\"x\":2}"#);
    refused(&container_file(&format!("{{{twice},CHECKSUM}}"), &[]), "\"x\" appears twice");
}

#[test]
fn overlapping_tensors_are_refused() {
    refused(&file(&entry("U8", "[8]", 0, 8), &entry("U8", "[4]", 4, 8)), "overlaps the tensor before it");
    refused(&file(&entry("U8", "[8]", 0, 8), &entry("U8", "[8]", 0, 8)), "overlaps the tensor before it");
}

#[test]
fn a_hole_is_refused() {
    refused(&file(&entry("U8", "[3]", 0, 3), &entry("U8", "[4]", 4, 8)), "leaves a hole before it");
}

#[test]
fn a_shape_that_does_not_fill_its_range_is_refused() {
    refused(
        &file(&entry("U32", "[2]", 0, 4), &entry("U32", "[1]", 4, 8)),
        "shape [2] of U32 takes 8 bytes, expected 4",
    );
}

#[test]
fn a_shape_that_overflows_is_refused() {
    let huge = "[8589934592,8589934592]";
    refused(&file(&entry("U32", huge, 0, 4), &entry("U32", "[1]", 4, 8)), "takes more than can be counted bytes");
}

#[test]
fn offsets_that_run_backwards_or_out_are_refused() {
    refused(&file(&entry("U8", "[8]", 0, 8), &entry("U8", "[0]", 8, 7)), "ends at byte 7");
    refused(&file(&entry("U8", "[8]", 0, u64::MAX), &entry("U8", "[0]", 8, 8)), "ends at byte 18446744073709551615");
}

#[test]
fn trailing_bytes_are_refused() {
    let mut bytes = example().to_bytes().unwrap();
    bytes.extend(b"PK\x05\x06");
    refused(&bytes, "the checksum differs");
    // Even with a checksum that covers them.
    let short = format!("{{{METADATA},\"checksum\":{}}}", entry("U8", "[32]", 0, 32));
    refused(&container_file(&short, &[0; 4]), "4 bytes follow the last tensor");
}

#[test]
fn a_file_whose_checksum_is_not_its_last_tensor_is_refused() {
    let none = format!("{{{METADATA},\"other\":{}}}", entry("U8", "[32]", 0, 32));
    refused(&container_file(&none, &[]), "\"checksum\": is missing, or not the last 32 bytes");
    let wide = format!("{{{METADATA},\"checksum\":{}}}", entry("U8", "[36]", 0, 36));
    refused(&container_file(&wide, &[0; 4]), "\"checksum\": is missing, or not the last 32 bytes");
}

#[test]
fn a_tensor_of_many_dimensions_is_refused() {
    let shape = format!("[{}1]", "1,".repeat(1000));
    refused(&file(&entry("U32", &shape, 0, 4), &entry("U32", "[1]", 4, 8)), "at most 8 dimensions");
}

#[test]
fn unknown_types_and_keys_are_named() {
    refused(&file(&entry("I4", "[1]", 0, 4), &entry("U32", "[1]", 4, 8)), "dtype \"I4\", expected F32");
    let path = entry("U32", "[1]", 0, 4).replace("{", "{\"path\":\"../../etc/passwd\",");
    refused(&file(&path, &entry("U32", "[1]", 4, 8)), "unknown field `path`");
    let key = METADATA.replace("\"format\"", "\"location\":\"x.bin\",\"format\"");
    refused(&container_file(&format!("{{{key},CHECKSUM}}"), &[]), "\"location\": is an unknown key");
}

#[test]
fn a_newer_version_is_named_even_if_its_types_are_unknown() {
    let metadata = METADATA.replace("\"version\":\"1\"", "\"version\":\"2\",\"codec\":\"ans\"");
    let header = format!("{{{metadata},\"a\":{},CHECKSUM}}", entry("F4", "[8]", 0, 4));
    let message = refusal(&container_file(&header, &[0; 4]));
    assert_eq!(message, "made by a newer version of Rarefy (format 2, this program reads up to 1); update Rarefy");
}

#[test]
fn a_version_that_is_not_a_number_is_refused() {
    for version in ["", "0", "-1", "01", "1.0", "99999999999999999999"] {
        let metadata = METADATA.replace("\"version\":\"1\"", &format!("\"version\":\"{version}\""));
        refused(&container_file(&format!("{{{metadata},CHECKSUM}}"), &[]), "expected a whole number from 1");
    }
}

#[test]
fn another_kind_is_named() {
    let error = Container::from_bytes(&example().to_bytes().unwrap(), "artifact", 1).unwrap_err();
    assert_eq!(error.to_string(), "this Rarefy file is of kind \"test\", expected \"artifact\"");
}

#[test]
fn names_of_the_format_are_not_for_tensors() {
    for name in ["checksum", "__metadata__"] {
        let tensor = || Tensor::from_u8(&[1], &[0]).unwrap();
        assert!(example().insert(name, tensor()).is_err());
        let mut container = example();
        container.tensors.insert(name.to_owned(), tensor());
        assert!(container.to_bytes().is_err());
    }
}

#[test]
fn an_empty_and_a_short_file_are_refused() {
    refused(&[], "byte 0: the file ends");
    refused(b"\x02\0\0\0\0\0\0\0{}", "byte 10: the file ends, expected at least 42 bytes");
}

#[test]
fn deep_nesting_is_refused() {
    let deep = "[".repeat(100_000);
    refused(&container_file(&format!("{{{METADATA},\"a\":{deep}"), &[]), "in the header");
    let metadata = METADATA.replace("{}\"", &format!("{deep}\""));
    refused(&container_file(&format!("{{{metadata},CHECKSUM}}"), &[]), "recursion limit");
}

#[cfg(unix)]
#[test]
fn folders_and_devices_are_refused_without_reading() {
    let folder = tempfile::tempdir().unwrap();
    let message = Container::read(folder.path(), "test", 1).unwrap_err().to_string();
    assert!(message.contains("it is a folder"), "{message}");
    let message = Container::read("/dev/zero".as_ref(), "test", 1).unwrap_err().to_string();
    assert!(message.contains("a pipe or a device"), "{message}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(read(&bytes).is_err());
    }

    /// Random text as a header, with right length and checksum, so that parsing is reached.
    #[test]
    fn random_headers_never_panic(header in "\\{[\\[\\]{}\":,a-z0-9 ]{0,80}", data in prop::collection::vec(any::<u8>(), 0..40)) {
        let _ = read(&container_file(&header, &data));
    }

    /// What is accepted here, `safetensors` accepts too.
    #[test]
    fn random_layouts_are_accepted_only_if_safetensors_does(
        dtypes in prop::collection::vec(prop::sample::select(vec!["U8", "U16", "F32"]), 2),
        shapes in prop::collection::vec(prop::collection::vec(0u64..5, 0..3), 2),
        offsets in prop::collection::vec(0u64..12, 4),
    ) {
        let bytes = file(
            &entry(dtypes[0], &format!("{:?}", shapes[0]), offsets[0], offsets[1]),
            &entry(dtypes[1], &format!("{:?}", shapes[1]), offsets[2], offsets[3]),
        );
        if read(&bytes).is_ok() {
            prop_assert!(safetensors::SafeTensors::deserialize(&bytes).is_ok());
        }
    }
}
