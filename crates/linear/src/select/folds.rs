//! Dividing rows into folds.

use rarefy_core::random::{Key, shuffle};

use crate::{Error, Result};

/// The stream of random numbers that folds draw from, apart from every other use of the same seed.
const STREAM: u32 = 0x464f_4c44; // "FOLD"

/// A fold, `0..count`, for each of `rows` rows: random, and as large as each other but for one row. With `classes`, the class of each row, every
/// class is spread evenly over the folds too.
///
/// ```
/// use rarefy_linear::select::folds;
/// let classes = [0, 0, 0, 0, 1, 1, 1, 1];
/// let fold = folds(8, 4, Some(&classes), 7)?;
/// assert!((0..4).all(|k| fold[..4].contains(&k) && fold[4..].contains(&k)));
/// # Ok::<(), rarefy_linear::Error>(())
/// ```
///
/// # Errors
/// [`Error::Parameter`] for fewer than two folds or fewer rows than folds, [`Error::Length`] for another number of classes than rows.
pub fn folds(rows: usize, count: usize, classes: Option<&[u32]>, seed: u64) -> Result<Vec<u32>> {
    if count < 2 || count > rows {
        let found = format!("{count} for {rows} rows");
        return Err(Error::Parameter { name: "folds", found, expected: "two or more, and no more than rows" });
    }
    let mut order: Vec<usize> = (0..rows).collect();
    shuffle(&mut order, &mut Key::new(seed, STREAM).stream(0));
    if let Some(classes) = classes {
        if classes.len() != rows {
            return Err(Error::Length { what: "classes", found: classes.len(), expected: rows, each: "row" });
        }
        order.sort_by_key(|&row| classes[row]);
    }
    let mut fold = vec![0; rows];
    order.into_iter().enumerate().for_each(|(at, row)| fold[row] = (at % count) as u32);
    Ok(fold)
}
