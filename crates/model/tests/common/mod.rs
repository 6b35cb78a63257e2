//! Models and random numbers that several tests share.
#![allow(dead_code)] // each test program uses its part

use rarefy_core::matrix::{Csr, Dense};
use rarefy_model::artifact::{Artifact, Scaling, Task};
use rarefy_model::graph::{Graph, Op, Weight};

/// Numbers that only look random (SplitMix64; Steele, Lea and Flood, 2014): the tests' own, not the library's.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// From −1 to 1.
    pub fn float(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    pub fn floats(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.float()).collect()
    }
}

/// A sparse weight with about `density` of its entries; its first row and first column are empty.
pub fn sparse(random: &mut Random, outputs: usize, inputs: usize, density: f64) -> Csr<f32> {
    let (mut indptr, mut indices) = (vec![0], Vec::new());
    for row in 0..outputs {
        for column in 1..inputs {
            if row > 0 && f64::from(random.float()) < 2.0 * density - 1.0 {
                indices.push(column as u32);
            }
        }
        indptr.push(indices.len() as u32);
    }
    let values = random.floats(indices.len());
    Csr::new(outputs, inputs, indptr, indices, values).unwrap()
}

/// A dense weight.
pub fn dense(random: &mut Random, outputs: usize, inputs: usize) -> Dense<f32> {
    Dense::new(outputs, inputs, random.floats(outputs * inputs)).unwrap()
}

/// A classifier with every operation, sparse and dense weights, column factors, names and an image shape.
pub fn artifact() -> Artifact {
    let random = &mut Random(7);
    let mut graph = Graph::new(12);
    graph.push("linear1", Op::Linear { weight: Weight::Sparse(sparse(random, 9, 12, 0.3)) });
    graph.push("bias1", Op::Bias { values: random.floats(9) });
    graph.push(
        "norm1",
        Op::BatchNorm {
            gamma: random.floats(9),
            beta: random.floats(9),
            mean: random.floats(9),
            variance: random.floats(9).iter().map(|v| v * v + 0.25).collect(),
            epsilon: 1e-5,
        },
    );
    graph.push("relu1", Op::Relu);
    graph.push("tanh1", Op::Tanh);
    graph.push("linear2", Op::Linear { weight: Weight::Dense(dense(random, 5, 9)) });
    graph.push("gelu1", Op::Gelu);
    graph.push("leaky1", Op::LeakyRelu { slope: 0.01 });
    graph.push("sigmoid1", Op::Sigmoid);
    graph.push("linear3", Op::Linear { weight: Weight::Sparse(sparse(random, 3, 5, 0.6)) });
    graph.push("exp1", Op::Exp);
    graph.push("softmax1", Op::Softmax);
    let classes = ["nought", "one", "çedilla \"quoted\""].map(str::to_owned).to_vec();
    let mut artifact = Artifact::new(graph, Task::Classification { classes });
    artifact.scaling = Scaling::Columns(random.floats(12).iter().map(|v| v + 1.0).collect());
    artifact.feature_names = (0..12).map(|j| format!("pixel {j}")).collect();
    artifact.image_shape = Some(vec![3, 4]);
    artifact.training = [("epochs", "12"), ("seed", "1")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    artifact
}

/// The bytes of a container file with this header and data, the right length in front and the right checksum behind.
///
/// `CHECKSUM` in the header stands for the checksum's entry.
pub fn container_file(header: &str, data: &[u8]) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    let (start, end) = (data.len(), data.len() + 32);
    let entry = format!("\"checksum\":{{\"dtype\":\"U8\",\"shape\":[32],\"data_offsets\":[{start},{end}]}}");
    let header = header.replace("CHECKSUM", &entry);
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    let checksum = Sha256::digest(&bytes);
    bytes.extend(&checksum[..]);
    bytes
}
