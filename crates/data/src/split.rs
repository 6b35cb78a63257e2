//! Dividing the rows of a data set into parts, such as training and validation.
//!
//! Every function returns one list of row numbers for each part, rising, none twice. The same seed gives the same parts on
//! every machine.
//!
//! ```
//! use rarefy_data::split;
//! let parts = split::random(10, &[0.8, 0.2], 7)?;
//! assert_eq!((parts[0].len(), parts[1].len()), (8, 2));
//! assert_eq!(split::ordered(10, &[0.8, 0.2])?[1], [8, 9]);
//! # Ok::<(), rarefy_data::Error>(())
//! ```

use rarefy_core::random::{Key, shuffle};

use crate::error::{Error, Result};

/// The stream of random numbers that splits draw from, apart from every other use of the same seed.
const STREAM: u32 = 0x5350_4c54; // "SPLT"

/// The sizes of parts: `fraction × rows` each, rounded so that they sum to the rounded whole (largest remainders first).
fn sizes(rows: usize, fractions: &[f64]) -> Result<Vec<usize>> {
    let sum: f64 = fractions.iter().sum();
    if fractions.is_empty() || fractions.iter().any(|&f| !(f > 0.0 && f <= 1.0)) || sum > 1.0 + 1e-9 {
        let expected = "one or more fractions above 0 that sum to 1 at most";
        return Err(Error::Split { found: format!("fractions {fractions:?}"), expected });
    }
    let exact: Vec<f64> = fractions.iter().map(|f| f * rows as f64).collect();
    let mut sizes: Vec<usize> = exact.iter().map(|&e| (e + 1e-9) as usize).collect();
    let whole = ((sum * rows as f64).round() as usize).min(rows);
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    let remainder = |i: &usize| exact[*i] - sizes[*i] as f64;
    order.sort_by(|a, b| remainder(b).total_cmp(&remainder(a)));
    let missing = whole.saturating_sub(sizes.iter().sum());
    order.into_iter().cycle().take(missing).for_each(|i| sizes[i] += 1);
    Ok(sizes)
}

/// No part may be empty.
fn check_parts(parts: Vec<Vec<usize>>) -> Result<Vec<Vec<usize>>> {
    match parts.iter().position(Vec::is_empty) {
        Some(i) => {
            let expected = "at least one row in each part: take larger fractions or more data";
            Err(Error::Split { found: format!("part {} of {} has no rows", i + 1, parts.len()), expected })
        }
        None => Ok(parts),
    }
}

/// Cuts `rows` into pieces of these sizes and sorts each.
fn cut(rows: &[usize], sizes: &[usize]) -> Vec<Vec<usize>> {
    let mut rest = rows;
    let mut parts = Vec::with_capacity(sizes.len());
    for &size in sizes {
        let (part, after) = rest.split_at(size.min(rest.len()));
        let mut part = part.to_vec();
        part.sort_unstable();
        parts.push(part);
        rest = after;
    }
    parts
}

/// Random parts of `rows` rows; rows are left over if the fractions sum to less than 1.
///
/// # Errors
/// [`Error::Split`] for fractions that are not above 0, sum to more than 1, or leave a part empty.
pub fn random(rows: usize, fractions: &[f64], seed: u64) -> Result<Vec<Vec<usize>>> {
    let sizes = sizes(rows, fractions)?;
    let mut order: Vec<usize> = (0..rows).collect();
    shuffle(&mut order, &mut Key::new(seed, STREAM).stream(0));
    check_parts(cut(&order, &sizes))
}

/// Random parts in which each class has its share, but for rounding; a class too small for every part goes to the largest first.
///
/// # Errors
/// As [`random`].
pub fn stratified(classes: &[u32], fractions: &[f64], seed: u64) -> Result<Vec<Vec<usize>>> {
    let mut by_class: Vec<usize> = (0..classes.len()).collect();
    by_class.sort_by_key(|&row| classes[row]);
    let mut parts = vec![Vec::new(); fractions.len()];
    for group in by_class.chunk_by_mut(|&a, &b| classes[a] == classes[b]) {
        let sizes = sizes(group.len(), fractions)?;
        let step = classes[group[0]].into();
        shuffle(group, &mut Key::new(seed, STREAM).stream(step));
        parts.iter_mut().zip(cut(group, &sizes)).for_each(|(part, rows)| part.extend(rows));
    }
    sizes(classes.len(), fractions)?;
    parts.iter_mut().for_each(|part| part.sort_unstable());
    check_parts(parts)
}

/// Parts in the order of the data: the first rows, the next, and so on.
///
/// # Errors
/// As [`random`].
pub fn ordered(rows: usize, fractions: &[f64]) -> Result<Vec<Vec<usize>>> {
    let order: Vec<usize> = (0..rows).collect();
    check_parts(cut(&order, &sizes(rows, fractions)?))
}

/// Parts that are given as rows, checked and sorted.
///
/// # Errors
/// [`Error::Row`] if a row is past the last, [`Error::Split`] if a part is empty or a row is given twice.
pub fn given(rows: usize, mut parts: Vec<Vec<usize>>) -> Result<Vec<Vec<usize>>> {
    let mut taken = vec![false; rows];
    for part in &mut parts {
        for &row in part.iter() {
            match taken.get_mut(row) {
                None => return Err(Error::Row { row, rows }),
                Some(true) => {
                    return Err(Error::Split {
                        found: format!("row {row} twice"),
                        expected: "each row once, in one part",
                    });
                }
                Some(free) => *free = true,
            }
        }
        part.sort_unstable();
    }
    check_parts(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn random_parts_have_their_size_and_share_no_row(rows in 10usize..500, f in 0.2f64..0.8, seed: u64) {
            let parts = random(rows, &[f, 1.0 - f], seed).unwrap();
            prop_assert!((parts[0].len() as f64 - f * rows as f64).abs() <= 1.0);
            let mut all = parts.concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..rows).collect::<Vec<_>>());
        }

        #[test]
        fn stratified_parts_keep_the_share_of_each_class(counts in proptest::collection::vec(5usize..60, 2..6), seed: u64) {
            let classes: Vec<u32> = (0u32..).zip(&counts).flat_map(|(class, &n)| vec![class; n]).collect();
            let parts = stratified(&classes, &[0.6, 0.4], seed).unwrap();
            for (class, &n) in (0u32..).zip(&counts) {
                let here = parts[0].iter().filter(|&&row| classes[row] == class).count();
                prop_assert!((here as f64 - 0.6 * n as f64).abs() <= 1.0);
            }
        }
    }

    #[test]
    fn another_seed_gives_another_split() {
        assert_ne!(random(100, &[0.5, 0.5], 1).unwrap(), random(100, &[0.5, 0.5], 2).unwrap());
        assert_eq!(random(100, &[0.5, 0.5], 1).unwrap(), random(100, &[0.5, 0.5], 1).unwrap());
    }

    #[test]
    fn case_48_impossible_fractions_are_refused() {
        for fractions in [&[][..], &[0.0, 1.0], &[0.7, 0.7], &[-0.5], &[f64::NAN], &[f64::INFINITY]] {
            assert!(matches!(random(10, fractions, 0), Err(Error::Split { .. })), "{fractions:?}");
            assert!(matches!(stratified(&[], fractions, 0), Err(Error::Split { .. })), "{fractions:?}");
        }
        assert!(matches!(random(3, &[0.9, 0.1], 0), Err(Error::Split { .. })));
    }

    #[test]
    fn given_rows_must_exist_and_be_given_once() {
        assert_eq!(given(4, vec![vec![3, 0], vec![1]]).unwrap(), [vec![0, 3], vec![1]]);
        assert!(given(4, vec![vec![4]]).unwrap_err().to_string().contains("row 4;"));
        assert!(given(4, vec![vec![1], vec![1]]).unwrap_err().to_string().contains("row 1 twice"));
    }
}
