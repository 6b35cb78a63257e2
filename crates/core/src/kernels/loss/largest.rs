//! The few features that are largest in a sample.

/// The places of the `count` largest numbers, the largest first, of equal ones the first first; of fewer numbers, all of them. What
/// is not a number counts as −∞.
///
/// One pass, with the best so far beside it: nothing is sorted, and nothing as long as `z` is stored. For a few out of very many.
///
/// ```
/// use rarefy_core::kernels::loss::largest;
/// assert_eq!(largest(&[0.5, 2.0, -1.0, 2.0], 3), [1, 3, 0]);
/// ```
pub fn largest(z: &[f32], count: usize) -> Vec<u32> {
    let count = count.min(z.len());
    if count == 0 {
        return Vec::new();
    }
    let number = |x: f32| x.max(f32::NEG_INFINITY);
    let mut best: Vec<u32> = Vec::with_capacity(count + 1);
    let mut bound = f32::NEG_INFINITY;
    for (j, &x) in z.iter().enumerate() {
        let x = number(x);
        if best.len() == count && x <= bound {
            continue;
        }
        let place = best.partition_point(|&other| number(z[other as usize]) >= x);
        best.insert(place, j as u32);
        best.truncate(count);
        bound = best.last().map_or(bound, |&last| number(z[last as usize]));
    }
    best
}
