//! How a network's nonzeros are shared out among its layers.

use super::{Structure, TopK};
use crate::matrix::{check_u32, checked_area};
use crate::{Error, Result};

/// How many nonzeros each weight matrix gets, once it is known how many there are in all.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Distribution {
    /// The same density everywhere.
    #[default]
    Uniform,
    /// Density in proportion to `(rows + cols) / (rows · cols)`, so that small layers stay denser.
    ///
    /// Where that asks for more than a layer has, the layer is dense and the others share the rest. Mocanu et al.,
    /// *Scalable training of artificial neural networks with adaptive sparse connectivity*, 2018.
    ErdosRenyi,
    /// These densities, one a layer, each in (0, 1].
    PerLayer(Vec<f64>),
    /// Whatever a ranking of all scores of all layers leaves to each.
    Global,
}

impl Distribution {
    /// Nonzeros of each layer, for layers of the given `(rows, columns)` and the density wanted over all of them.
    ///
    /// Their sum is `floor(target · weights)`; with [`PerLayer`](Self::PerLayer) it is that of the densities given,
    /// which may be less. Fractions are rounded to the largest remainder, ties to the earlier layer. Nobody but
    /// [`Global`](Self::Global) leaves a layer without a nonzero, which would cut the network in two, while there is
    /// one to spare. `scores` has one slice of `rows · cols` scores a layer for `Global`, and is not looked at by the
    /// others.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a target that is not in (0, 1] or leaves not one nonzero, and for densities that are
    /// not in (0, 1] or exceed the target together; [`Error::Length`] for a wrong number of densities or scores;
    /// [`Error::TooLarge`] for layers or counts past `u32`.
    pub fn allocate(&self, shapes: &[(usize, usize)], target: f64, scores: &[&[f32]]) -> Result<Vec<usize>> {
        self.allocate_within(shapes, Structure::Unstructured, target, scores)
    }

    /// As [`allocate`](Self::allocate), with no layer above what `structure` leaves room for: its
    /// [`capacity`](Structure::capacity). [`Global`](Self::Global) does not look at it.
    ///
    /// # Errors
    /// As there; [`Error::Parameter`] for a target above [`Structure::most`], and for densities of layers above it.
    pub fn allocate_within(
        &self,
        shapes: &[(usize, usize)],
        structure: Structure,
        target: f64,
        scores: &[&[f32]],
    ) -> Result<Vec<usize>> {
        let mut sizes = Vec::with_capacity(shapes.len());
        let mut rooms = Vec::with_capacity(shapes.len());
        let mut total = 0usize;
        for &(rows, cols) in shapes {
            let size = checked_area(rows, cols)?;
            let too_large = Error::TooLarge { what: "weights", found: usize::MAX, limit: usize::MAX / 2 };
            total = total.checked_add(size).ok_or(too_large)?;
            sizes.push(size);
            rooms.push(structure.capacity((rows, cols))?);
        }
        let budget = budget(target, total)?;
        if target > structure.most() {
            let found = format!("{target} with structure {structure}");
            let expected =
                "a density that leaves each window its zeros; raise the sparsity wanted, or the window's share";
            return Err(Error::Parameter { name: "target density", found, expected });
        }
        let counts = match self {
            Self::PerLayer(densities) => {
                check_densities(densities, shapes.len())?;
                if let Some(density) = densities.iter().find(|&&density| density > structure.most()) {
                    let found = format!("{density} with structure {structure}");
                    let expected = "densities that leave each window its zeros";
                    return Err(Error::Parameter { name: "density per layer", found, expected });
                }
                let asked = || densities.iter().zip(&sizes).map(|(density, &size)| density * size as f64);
                let sum: f64 = asked().sum();
                // Sums of products of decimals miss whole numbers by a few units in the last place; that is no excess.
                if sum > target * total as f64 * (1.0 + 1e-9) {
                    let found = format!("{densities:?}, {sum:.0} weights together, where the target leaves {budget}");
                    let expected = "densities that stay within the target; lower them, or the sparsity wanted";
                    return Err(Error::Parameter { name: "density per layer", found, expected });
                }
                let own = (sum * (1.0 + 1e-12)) as usize;
                round(asked(), &rooms, own.min(budget))
            }
            _ if budget == total => sizes,
            Self::Uniform => round(sizes.iter().map(|&size| target * size as f64), &rooms, budget),
            Self::ErdosRenyi => round(erdos_renyi(shapes, &rooms, budget), &rooms, budget),
            Self::Global => global(&sizes, scores, budget)?,
        };
        for &count in &counts {
            check_u32("nonzeros of a layer", count)?;
        }
        Ok(counts)
    }
}

/// `floor(target · total)`, for a target in (0, 1] that leaves at least one weight.
fn budget(target: f64, total: usize) -> Result<usize> {
    if !(target > 0.0 && target <= 1.0) {
        let expected = "more than 0 and at most 1 (a network pruned to 100 % computes nothing)";
        return Err(Error::Parameter { name: "target density", found: target.to_string(), expected });
    }
    // Past 2⁵³ weights the product might round up.
    let budget = if target == 1.0 { total } else { ((target * total as f64) as usize).min(total) };
    if budget == 0 {
        let found = format!("{target} of {total} weights");
        return Err(Error::Parameter { name: "target density", found, expected: "enough for one weight at least" });
    }
    Ok(budget)
}

fn check_densities(densities: &[f64], layers: usize) -> Result<()> {
    if densities.len() != layers {
        return Err(Error::Length { what: "density per layer", found: densities.len(), expected: layers });
    }
    match densities.iter().find(|&&density| !(density > 0.0 && density <= 1.0)) {
        None => Ok(()),
        Some(density) => Err(Error::Parameter {
            name: "density per layer",
            found: density.to_string(),
            expected: "more than 0 and at most 1",
        }),
    }
}

/// Shares `ε · (rows + cols)`, or the whole layer where that is less, with `ε` such that the sum is `budget`.
fn erdos_renyi(shapes: &[(usize, usize)], sizes: &[usize], budget: usize) -> Vec<f64> {
    let side = |&(rows, cols): &(usize, usize)| rows as f64 + cols as f64;
    let mut dense = vec![false; shapes.len()];
    // A layer that is dense at some ε stays so, since taking it out only raises ε for the rest: at most one round a
    // layer.
    loop {
        let taken: f64 = sizes.iter().zip(&dense).filter(|(_, dense)| **dense).map(|(&size, _)| size as f64).sum();
        let sides: f64 = shapes.iter().zip(&dense).filter(|(_, dense)| !**dense).map(|(shape, _)| side(shape)).sum();
        let epsilon = if sides > 0.0 { (budget as f64 - taken) / sides } else { 0.0 };
        let over = |i: usize| !dense[i] && epsilon * side(&shapes[i]) >= sizes[i] as f64;
        let full: Vec<usize> = (0..shapes.len()).filter(|&i| over(i)).collect();
        if full.is_empty() {
            let share = |i: usize| if dense[i] { sizes[i] as f64 } else { epsilon * side(&shapes[i]) };
            return (0..shapes.len()).map(share).collect();
        }
        full.into_iter().for_each(|i| dense[i] = true);
    }
}

/// Whole numbers near `shares`, none above its size, that add up to `budget`, which is at most the sum of the sizes.
fn round(shares: impl IntoIterator<Item = f64>, sizes: &[usize], budget: usize) -> Vec<usize> {
    let shares: Vec<f64> = shares.into_iter().collect();
    let mut counts: Vec<usize> = shares.iter().zip(sizes).map(|(&share, &size)| (share as usize).min(size)).collect();
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by(|&a, &b| shares[b].fract().total_cmp(&shares[a].fract())); // stable: ties stay in order of layers
    let mut sum: usize = counts.iter().sum();
    while sum < budget {
        let before = sum;
        for &i in &order {
            if sum < budget && counts[i] < sizes[i] {
                counts[i] += 1;
                sum += 1;
            }
        }
        if sum == before {
            break; // every layer is full
        }
    }
    let largest = |counts: &[usize]| (0..counts.len()).rev().max_by_key(|&i| counts[i]).filter(|&i| counts[i] > 1);
    while sum > budget {
        // Only where a share a hair below a whole number was computed a hair above it.
        let Some(i) = largest(&counts) else { break };
        counts[i] -= 1;
        sum -= 1;
    }
    for i in 0..counts.len() {
        if counts[i] == 0 && sizes[i] > 0 {
            let Some(rich) = largest(&counts) else { break };
            counts[rich] -= 1;
            counts[i] = 1;
        }
    }
    counts
}

/// How many of the `budget` best of all scores lie in each layer.
fn global(sizes: &[usize], scores: &[&[f32]], budget: usize) -> Result<Vec<usize>> {
    if scores.len() != sizes.len() {
        return Err(Error::Length { what: "scores of layers", found: scores.len(), expected: sizes.len() });
    }
    let mut best = TopK::new(budget)?;
    let mut ends = Vec::with_capacity(sizes.len());
    let mut first = 0u64;
    for (layer, &expected) in scores.iter().zip(sizes) {
        if layer.len() != expected {
            return Err(Error::Length { what: "scores of a layer", found: layer.len(), expected });
        }
        best.extend(first, layer);
        first += expected as u64;
        ends.push(first);
    }
    let mut counts = vec![0; sizes.len()];
    for index in best.into_indices() {
        counts[ends.partition_point(|&end| end <= index)] += 1;
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LENET: [(usize, usize); 3] = [(300, 784), (100, 300), (10, 100)];
    const WEIGHTS: usize = 300 * 784 + 100 * 300 + 1000;

    fn allocate(how: &Distribution, target: f64) -> Vec<usize> {
        how.allocate(&LENET, target, &[]).unwrap()
    }

    #[test]
    fn uniform_is_the_same_density_everywhere() {
        assert_eq!(allocate(&Distribution::Uniform, 0.1), [23520, 3000, 100]);
    }

    /// By hand: at 5 % ε = 13310 / 1594, and the shares are 9051.47, 3340.03 and 918.51 of the last layer's 1000.
    #[test]
    fn erdos_renyi_follows_the_formula() {
        assert_eq!(allocate(&Distribution::ErdosRenyi, 0.05), [9051, 3340, 919]);
    }

    /// By hand: at 10 % the last layer would get 1837 of 1000, so it is dense and ε = 25620 / 1484 for the rest.
    #[test]
    fn erdos_renyi_clamps_and_gives_the_rest_to_others() {
        assert_eq!(allocate(&Distribution::ErdosRenyi, 0.1), [18714, 6906, 1000]);
    }

    /// By hand: 2:4 leaves the last layer 500 of 1000, which 5 % would give 919; the others share the 419.
    #[test]
    fn a_quota_clamps_layers_too() {
        let two_of_four = Structure::Window { keep: 2, of: 4 };
        let counts = Distribution::ErdosRenyi.allocate_within(&LENET, two_of_four, 0.05, &[]).unwrap();
        assert_eq!((counts[2], counts.iter().sum::<usize>()), (500, (0.05 * WEIGHTS as f64) as usize));
        let half = Distribution::Uniform.allocate_within(&LENET, two_of_four, 0.5, &[]).unwrap();
        assert_eq!(half, [117_600, 15_000, 500]);
        assert!(Distribution::Uniform.allocate_within(&LENET, two_of_four, 0.51, &[]).is_err());
        let how = Distribution::PerLayer(vec![0.1, 0.1, 0.6]);
        assert!(how.allocate_within(&LENET, two_of_four, 0.2, &[]).is_err());
    }

    #[test]
    fn given_densities_are_kept() {
        let how = Distribution::PerLayer(vec![0.05, 0.1, 1.0]);
        assert_eq!(allocate(&how, 0.1), [11760, 3000, 1000]);
        assert_eq!(allocate(&how, 1.0), [11760, 3000, 1000]);
    }

    #[test]
    fn given_densities_equal_to_the_target_fit_it() {
        for target in [0.02, 0.07, 0.1, 0.29, 1.0 - 0.98] {
            let counts = allocate(&Distribution::PerLayer(vec![target; 3]), target);
            assert_eq!(counts.iter().sum::<usize>(), (target * WEIGHTS as f64) as usize);
        }
    }

    #[test]
    fn given_densities_above_the_target_are_refused() {
        let error = Distribution::PerLayer(vec![0.1, 0.1, 1.0]).allocate(&LENET, 0.1, &[]).unwrap_err();
        assert!(error.to_string().starts_with("density per layer is [0.1, 0.1, 1.0], 27520 weights together"));
        for densities in [vec![0.0, 0.1, 0.1], vec![f64::NAN; 3], vec![1.5; 3]] {
            let error = Distribution::PerLayer(densities).allocate(&LENET, 0.5, &[]).unwrap_err();
            assert!(matches!(error, Error::Parameter { name: "density per layer", .. }));
        }
        let error = Distribution::PerLayer(vec![0.1]).allocate(&LENET, 0.5, &[]).unwrap_err();
        assert_eq!(error, Error::Length { what: "density per layer", found: 1, expected: 3 });
    }

    #[test]
    fn global_counts_where_the_best_scores_lie() {
        let (a, b) = ([5.0, f32::NAN, 1.0, 4.0], [3.0, 2.0]);
        let counts = Distribution::Global.allocate(&[(2, 2), (1, 2)], 0.5, &[&a, &b]);
        assert_eq!(counts, Ok(vec![2, 1]));
    }

    #[test]
    fn global_needs_every_score() {
        let missing = Distribution::Global.allocate(&[(2, 2)], 0.5, &[]).unwrap_err();
        assert_eq!(missing, Error::Length { what: "scores of layers", found: 0, expected: 1 });
        let short = Distribution::Global.allocate(&[(2, 2)], 0.5, &[&[1.0]]).unwrap_err();
        assert_eq!(short, Error::Length { what: "scores of a layer", found: 1, expected: 4 });
    }

    #[test]
    fn pruning_everything_is_refused() {
        for target in [0.0, -0.1, 1.1, f64::NAN, f64::INFINITY, 1e-9] {
            let error = Distribution::Uniform.allocate(&LENET, target, &[]).unwrap_err();
            assert!(matches!(error, Error::Parameter { name: "target density", .. }), "{target}");
        }
        assert!(Distribution::Uniform.allocate(&[], 0.5, &[]).is_err());
    }

    #[test]
    fn pruning_nothing_changes_nothing() {
        for how in [Distribution::Uniform, Distribution::ErdosRenyi, Distribution::Global] {
            assert_eq!(allocate(&how, 1.0), [300 * 784, 30_000, 1000]);
        }
    }

    #[test]
    fn no_layer_is_cut_while_another_can_spare() {
        let shapes = [(100, 100), (1, 2), (1, 1)];
        assert_eq!(Distribution::Uniform.allocate(&shapes, 0.01, &[]), Ok(vec![98, 1, 1]));
    }

    #[test]
    fn overflow_is_refused() {
        let huge = usize::MAX / 2;
        for shapes in [[(huge, 3), (1, 1)], [(huge, 2), (huge, 2)]] {
            let error = Distribution::Uniform.allocate(&shapes, 0.5, &[]).unwrap_err();
            assert!(matches!(error, Error::TooLarge { .. }));
        }
        let error = Distribution::Uniform.allocate(&[(1 << 20, 1 << 20)], 0.5, &[]).unwrap_err();
        assert!(matches!(error, Error::TooLarge { what: "nonzeros of a layer", .. }));
    }

    proptest! {
        #[test]
        fn sums_are_exact_and_no_layer_overflows(
            shapes in prop::collection::vec((1usize..40, 1usize..40), 1..7),
            target in 0.001f64..=1.0,
        ) {
            let total: usize = shapes.iter().map(|(r, c)| r * c).sum();
            let budget = (target * total as f64) as usize;
            prop_assume!(budget > 0);
            for how in [Distribution::Uniform, Distribution::ErdosRenyi] {
                let counts = how.allocate(&shapes, target, &[]).unwrap();
                prop_assert_eq!(counts.iter().sum::<usize>(), budget);
                prop_assert!(counts.iter().zip(&shapes).all(|(&n, (r, c))| n <= r * c));
                prop_assert!(budget < shapes.len() || !counts.contains(&0));
            }
        }
    }
}
