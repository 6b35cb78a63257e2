//! From a recipe's `[data]` to rows to train on, to choose by, and to test on.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;

use rarefy_data::csv::{CsvOptions, LabelColumn};
use rarefy_data::{
    Dataset, Factors, Features, FirstIndex, Limits, ReadOptions, SparseOptions, Target, bundled, read, split,
};

use rarefy_nn::trainer::Aim;

use super::linear;
use super::outcome::DataOutcome;
use crate::recipe::{Data, Part, Recipe, Scaling, Test};
use crate::{Error, Result};

/// The seed that takes test rows off a file: the same whatever the recipe's seed, so that seeds can be compared.
const TEST_SEED: u64 = 0;

/// The part of a file that is its test part unless the recipe says otherwise.
const TEST_SHARE: f64 = 0.1;

/// Data, divided.
pub struct Parts {
    /// Training rows and validation rows.
    pub train: Arc<Dataset>,
    /// The rows of `train` to learn from.
    pub rows: Vec<u32>,
    /// The rows of `train` that choices look at; may be none.
    pub validation: Vec<u32>,
    /// Looked at once, at the end.
    pub test: Arc<Dataset>,
    /// What features are multiplied by, learned from `rows` alone.
    pub factors: Factors,
    /// A digest of everything read.
    pub fingerprint: String,
}

impl Parts {
    /// Whether features are sparse.
    pub fn is_sparse(&self) -> bool {
        matches!(self.train.features, Features::Sparse(_))
    }
}

/// How to read the files of a recipe.
///
/// # Errors
/// [`Error::Recipe`] for a task that does not exist.
pub fn read_options(data: &Data) -> Result<ReadOptions> {
    let wrong = |problem| Error::Recipe { place: "data.task".to_owned(), problem };
    let limits = Limits::default();
    Ok(ReadOptions {
        csv: CsvOptions {
            delimiter: data.delimiter.as_ref().and_then(|text| text.bytes().next()),
            header: data.header,
            label: label_column(data.label.as_deref()),
            task: data.task.parse().map_err(wrong)?,
            classes: None,
        },
        array: data.array.clone(),
        labels: data.labels.as_ref().map(PathBuf::from),
        sparse: data.sparse,
        limits: Limits { max_features: data.max_features.map_or(limits.max_features, |n| n as usize), ..limits },
    })
}

/// A label column as recipes and the command line name it: `auto`, `last`, `none`, a number from 1, or a name.
pub fn label_column(text: Option<&str>) -> LabelColumn {
    text.map_or_else(LabelColumn::default, |text| text.parse().unwrap_or_else(|never: Infallible| match never {}))
}

/// Reads and divides the data of a recipe, and writes into the recipe what it left open.
pub fn load(recipe: &mut Recipe) -> Result<Parts> {
    let (train, test) = read_both(&mut recipe.data)?;
    let aim = aim(recipe);
    if aim == Aim::Target {
        train.check_for_training()?;
    }
    check_task(&recipe.data, aim, &train)?;
    let name = test.name.clone();
    let mismatch = |problem| Error::Mismatch { place: name.clone(), problem };
    if test.cols() != train.cols() {
        return Err(mismatch(format!("{} features, the training data have {}", test.cols(), train.cols())));
    }
    let test = test.align_classes(&train.class_names)?;
    if let (Target::Values(a), Target::Values(b)) = (&train.target, &test.target)
        && a.cols() != b.cols()
    {
        return Err(mismatch(format!("{} target columns, the training data have {}", b.cols(), a.cols())));
    }
    if std::mem::discriminant(&train.target) != std::mem::discriminant(&test.target) {
        let problem = "labels of another kind than the training data's; set data.task to classes, values or labels";
        return Err(mismatch(problem.to_owned()));
    }
    if matches!(&test.target, Target::Labels(sets) if aim == Aim::Target && sets.nnz() == 0) {
        return Err(mismatch("no row has a label, expected some to test with".to_owned()));
    }
    let usual = if recipe.model.kind == "linear" { linear::usual_loss } else { default_loss };
    recipe.train.loss.get_or_insert_with(|| usual(&train.target, aim).to_owned());
    let scaling = match recipe.data.scaling {
        Scaling::Given(scaling) => scaling,
        Scaling::Auto if train.scaling == rarefy_data::Scaling::None => rarefy_data::Scaling::MaxAbs,
        Scaling::Auto => train.scaling,
    };
    recipe.data.scaling = Scaling::Given(scaling);
    let fingerprint = format!("{} {}", train.fingerprint(), test.fingerprint());
    divided(Arc::new(train), Arc::new(test), fingerprint, recipe)
}

/// Checks that the labels are sets where the recipe says so: bundled data and some formats have labels of one kind, whatever is asked.
fn check_task(data: &Data, aim: Aim, train: &Dataset) -> Result<()> {
    if data.task != "labels" || aim == Aim::Input || matches!(train.target, Target::Labels(_)) {
        return Ok(());
    }
    let found = if let Target::Classes(_) = train.target { "one class a row" } else { "values" };
    let problem = format!(
        "the labels are {found}, expected sets of classes, as data.task is labels; write sets with commas, such as 3,17, as svmlight or \
         CSV, or set data.task to auto"
    );
    Err(Error::Mismatch { place: train.name.clone(), problem })
}

impl Parts {
    /// Facts about the data.
    pub fn outcome(&self) -> DataOutcome {
        let Self { train, rows, validation, test, .. } = self;
        DataOutcome {
            name: train.name.clone(),
            train_rows: rows.len(),
            validation_rows: validation.len(),
            test_rows: test.rows(),
            features: train.cols(),
            classes: train.class_names.clone(),
            image_shape: train.image_shape,
        }
    }

    /// The same data, divided as a recipe that differs in nothing but seed and sparsity asks.
    ///
    /// # Errors
    /// As [`load`].
    pub fn again(&self, recipe: &Recipe) -> Result<Self> {
        divided(Arc::clone(&self.train), Arc::clone(&self.test), self.fingerprint.clone(), recipe)
    }
}

/// Divides the training data into rows to learn from and rows to choose by, and learns the scaling from the former.
fn divided(train: Arc<Dataset>, test: Arc<Dataset>, fingerprint: String, recipe: &Recipe) -> Result<Parts> {
    let share = recipe.data.validation.of(train.rows());
    let (mut rows, validation) = divide(&train, share, recipe.train.seed)?;
    if let Some(wanted) = recipe.data.rows {
        rows = some_of(&rows, wanted, recipe.train.seed)?;
    }
    let Scaling::Given(scaling) = recipe.data.scaling else { unreachable!("loading has decided it") };
    let factors = scaling.fit(&train.features, &rows)?;
    let narrow = |rows: Vec<usize>| rows.into_iter().map(|row| row as u32).collect(); // matrices have at most u32::MAX rows
    Ok(Parts { rows: narrow(rows), validation: narrow(validation), train, test, factors, fingerprint })
}

/// What a recipe wants answered.
pub fn aim(recipe: &Recipe) -> Aim {
    if recipe.data.target == "input" { Aim::Input } else { Aim::Target }
}

/// The loss that suits labels.
fn default_loss(target: &Target, aim: Aim) -> &'static str {
    match target {
        Target::Classes(_) if aim == Aim::Target => "cross-entropy",
        Target::Labels(_) if aim == Aim::Target => "label-cross-entropy",
        _ => "squared-error",
    }
}

/// Training and test data, whole.
fn read_both(data: &mut Data) -> Result<(Dataset, Dataset)> {
    let options = read_options(data)?;
    let is_bundled = bundled::is_bundled(&data.train);
    let default = || match is_bundled {
        true => Test::Named(data.train.clone()),
        false => Test::Part(Part::Share(TEST_SHARE)),
    };
    let test = data.test.clone().unwrap_or_else(default);
    data.test = Some(test.clone());
    let (train, own_test) = if is_bundled {
        let bundled = bundled::load(&data.train)?;
        (bundled.train, Some(bundled.test))
    } else {
        (read_named(&data.train, &options)?, None)
    };
    match train.first_index {
        Some(0) => data.sparse.first_index = FirstIndex::Zero,
        Some(_) => data.sparse.first_index = FirstIndex::One,
        None => {}
    }
    match test {
        Test::Named(name) if name == data.train && is_bundled => {
            let test = own_test.map_or_else(|| bundled::load(&name).map(|set| set.test), Ok)?;
            Ok((train, test))
        }
        Test::Named(name)
            if name == data.train && data.test_array.as_ref().is_none_or(|a| Some(a) == data.array.as_ref()) =>
        {
            let problem = "the test data are the training data; leave data.test out, give other data, or name another array of the \
                           file by data.test-array"
                .to_owned();
            Err(Error::Recipe { place: "data.test".to_owned(), problem })
        }
        Test::Named(name) if bundled::is_bundled(&name) => Ok((train, bundled::load(&name)?.test)),
        Test::Named(name) => {
            // The test data have the training data's features, whether or not the last of them occur.
            let features = matches!(train.features, Features::Sparse(_)).then(|| train.cols());
            let sparse = SparseOptions { features, first_index: data.sparse.first_index, ..options.sparse };
            let label = data.test_label.as_ref().or(data.label.as_ref()).map(String::as_str);
            let options = ReadOptions {
                csv: CsvOptions { label: label_column(label), ..options.csv },
                array: data.test_array.clone().or(options.array),
                labels: data.test_labels.as_ref().map(PathBuf::from),
                sparse,
                limits: options.limits,
            };
            Ok((train, read_named(&name, &options)?))
        }
        Test::Part(part) => {
            let (rest, test) = divide(&train, part.of(train.rows()), TEST_SEED)?;
            if test.is_empty() {
                let problem = "leaves no rows to test on, expected a share above 0 or a number of rows".to_owned();
                return Err(Error::Recipe { place: "data.test".to_owned(), problem });
            }
            Ok((train.select(&rest)?, train.select(&test)?))
        }
    }
}

/// A file, or, for a name that is neither a file nor bundled, an error that lists the bundled names.
pub fn read_named(name: &str, options: &ReadOptions) -> Result<Dataset> {
    let path = std::path::Path::new(name);
    let bare = !name.contains(['/', '\\', '.']);
    if bare && !path.exists() {
        return Ok(bundled::load(name).map(|set| set.train)?);
    }
    Ok(read(path, options)?)
}

/// So many of the rows left for training, drawn at random.
fn some_of(rows: &[usize], wanted: u64, seed: u64) -> Result<Vec<usize>> {
    if wanted > rows.len() as u64 {
        let problem = format!("is {wanted}, expected at most the {} rows that are left for training", rows.len());
        return Err(Error::Recipe { place: "data.rows".to_owned(), problem });
    }
    let parts = split::random(rows.len(), &[wanted as f64 / rows.len() as f64], seed)?;
    Ok(parts.concat().into_iter().map(|at| rows[at]).collect())
}

/// All rows but a share, and the share; stratified if the target is classes.
fn divide(data: &Dataset, share: f64, seed: u64) -> Result<(Vec<usize>, Vec<usize>)> {
    if share == 0.0 {
        return Ok(((0..data.rows()).collect(), Vec::new()));
    }
    if share >= 1.0 {
        let problem = format!("the parts taken off leave none of {} rows to train on; take less", data.rows());
        return Err(Error::Mismatch { place: data.name.clone(), problem });
    }
    let fractions = [1.0 - share, share];
    let mut parts = match &data.target {
        Target::Classes(classes) => split::stratified(classes, &fractions, seed)?,
        _ => split::random(data.rows(), &fractions, seed)?,
    };
    let second = parts.pop().unwrap_or_default();
    Ok((parts.pop().unwrap_or_default(), second))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(more: &str) -> Recipe {
        Recipe::parse(&format!("[data]\n{more}\n[model]\nlayers = [\"linear 10\"]"), "r").unwrap()
    }

    #[test]
    fn parts_share_no_row_and_have_their_sizes() {
        let mut recipe = recipe("train = \"digits\"\nvalidation = 0.25");
        let parts = load(&mut recipe).unwrap();
        let mut all = [parts.rows.clone(), parts.validation.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, (0..1442).collect::<Vec<u32>>());
        assert!((parts.validation.len() as f64 - 360.5).abs() <= 10.0);
        assert_eq!(parts.test.rows(), 355);
    }

    #[test]
    fn fewer_rows_to_learn_from_leave_the_other_parts_alone() {
        let mut all = recipe("train = \"digits\"\nvalidation = 300");
        let mut few = recipe("train = \"digits\"\nvalidation = 300\nrows = 100");
        let (all, few) = (load(&mut all).unwrap(), load(&mut few).unwrap());
        assert_eq!(few.rows.len(), 100);
        assert!(few.rows.iter().all(|row| all.rows.contains(row)));
        assert_eq!((few.validation, few.test), (all.validation, all.test));
        let message = load(&mut recipe("train = \"digits\"\nrows = 5000")).err().unwrap().to_string();
        assert!(message.contains("data.rows") && message.contains("expected at most the"), "{message}");
    }

    #[test]
    fn what_the_recipe_left_open_is_written_into_it() {
        let mut recipe = recipe("train = \"digits\"");
        load(&mut recipe).unwrap();
        assert_eq!(recipe.train.loss.as_deref(), Some("cross-entropy"));
        assert_eq!(recipe.data.test, Some(Test::Named("digits".to_owned())));
        assert_eq!(recipe.data.scaling, Scaling::Given(rarefy_data::Scaling::Factor(1.0 / 16.0)));
    }

    #[test]
    fn the_test_rows_of_a_file_do_not_depend_on_the_seed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        let rows: String = (0..50).map(|i| format!("{i},{},{}\n", i * i, ["a", "b"][i % 2])).collect();
        std::fs::write(&path, rows).unwrap();
        let tests: Vec<Arc<Dataset>> = ["0", "1"]
            .iter()
            .map(|seed| {
                let mut recipe = recipe(&format!("train = {:?}\ntest = 0.2", path.to_str().unwrap()));
                recipe.set(&format!("train.seed={seed}")).unwrap();
                load(&mut recipe).unwrap().test
            })
            .collect();
        assert_eq!(tests[0].rows(), 10);
        assert_eq!(tests[0], tests[1]);
    }

    #[test]
    fn an_unknown_name_lists_the_bundled_ones() {
        let message = load(&mut recipe("train = \"minst\"")).err().unwrap().to_string();
        assert!(message.contains("digits, iris, mnist"), "{message}");
    }

    #[test]
    fn a_part_of_all_rows_is_refused() {
        let message = load(&mut recipe("train = \"digits\"\nvalidation = 5000")).err().unwrap().to_string();
        assert!(message.contains("leave none of 1442 rows"), "{message}");
    }
}
