//! Accuracy against sparsity: one recipe trained at several sparsities and seeds, beside its dense twin and, for each sparsity, a
//! small dense net of equal nonzeros.
//!
//! A [`Frontier`] owns an output folder while it works:
//!
//! | file | holds |
//! |---|---|
//! | `frontier.csv` | every model: figures of one a row |
//! | `frontier.json` | the same, with means and spreads over seeds and the knee |
//! | `recipe.toml` | the recipe, every default written out |
//! | `plan.json` | which sparsities and seeds, so that `--resume` needs no repetition |
//! | `points/SPARSITY-seed-N/`, `points/dense-seed-N/` | a [run](mod@crate::run) of its own each: models, checkpoint, epochs; and `point.json`, its figures |
//!
//! Points are independent jobs. As many as threads and memory allow are trained at once, each on one thread, which at high sparsity
//! is faster than many threads on one; how many changes no bit. A point that is finished is never trained again; one that was
//! interrupted at any moment goes on from its checkpoint, to the same model.
//!
//! ```
//! use rarefy::{Recipe, frontier::{Plan, frontier}};
//! let recipe = Recipe::parse(
//!     "[data]\ntrain = \"digits\"\n[model]\nlayers = [\"linear 32\", \"relu\", \"linear 10\"]\n[train]\nepochs = 2",
//!     "two epochs",
//! )?;
//! let out = std::env::temp_dir().join(format!("rarefy-doc-frontier-{}", std::process::id()));
//! let plan = Plan { sparsities: vec![0.5, 0.9], seeds: 1, out: out.clone(), ..Plan::default() };
//! let curve = frontier(recipe, &plan, &(), &mut |_| {})?;
//! assert_eq!(curve.points.len(), 1 + 2 * 2); // the twin, and two models for each sparsity
//! # std::fs::remove_dir_all(out).unwrap();
//! # Ok::<(), rarefy::Error>(())
//! ```

mod curve;
mod point;

pub use curve::{Curve, Spread, Summary};
pub use point::Figures;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use rarefy_core::progress::Progress;
use rarefy_core::{kernels, parallel};
use rarefy_model::file::{Lock, write_aside};
use serde::{Deserialize, Serialize};

use crate::run::data::Parts;
use crate::run::{self, Role, memory, plan};
use crate::{Error, Recipe, Result};
use point::Point;

/// The name of the table of all models.
pub const TABLE: &str = "frontier.csv";
/// The name of the same with means, spreads and knee.
pub const JSON: &str = "frontier.json";
/// The name that reports have; the command line writes them.
pub const REPORT: &str = "frontier.html";
/// The name of the plan as carried out.
const PLAN: &str = "plan.json";
/// The folder of the points.
const POINTS: &str = "points";

/// Which points to train, and where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Sparsities: zeros over entries of all weight matrices, each above 0 and below 1.
    pub sparsities: Vec<f64>,
    /// How many seeds, counted up from the recipe's.
    pub seeds: u64,
    /// Whether to train the dense twin, once for each seed.
    pub twin: bool,
    /// Whether to train a small dense net of equal nonzeros, once for each sparsity and seed.
    pub control: bool,
    /// The output folder; made if it is not there.
    #[serde(skip)]
    pub out: PathBuf,
    /// Go on from what is in `out`; start anew if there is nothing.
    #[serde(skip)]
    pub resume: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            sparsities: vec![0.5, 0.8, 0.9, 0.95, 0.98, 0.99],
            seeds: 3,
            twin: true,
            control: true,
            out: PathBuf::from("rarefy-frontier"),
            resume: false,
        }
    }
}

/// More points than this are surely a slip.
const MOST: u64 = 10_000;

impl Plan {
    /// The same, sparsities in order.
    fn checked(mut self, recipe: &Recipe) -> Result<Self> {
        let wrong = |place: &str, problem: String| Err(Error::Recipe { place: place.to_owned(), problem });
        if recipe.sparsity.method == "dense" {
            let problem = "is dense, expected a method that makes sparse, such as rigl".to_owned();
            return wrong("sparsity.method", problem);
        }
        self.sparsities.sort_by(f64::total_cmp);
        let out_of_range = |s: &&f64| !(**s > 0.0 && **s < 1.0);
        if let Some(found) = self.sparsities.iter().find(out_of_range) {
            return wrong("sparsities", format!("{found} found, expected numbers above 0 and below 1, such as 0.9"));
        }
        if let Some(pair) = self.sparsities.windows(2).find(|pair| pair[0] == pair[1]) {
            return wrong("sparsities", format!("{} stands there twice, expected each once", pair[0]));
        }
        if self.sparsities.is_empty() {
            return wrong("sparsities", "none given, expected at least one, such as 0.9".to_owned());
        }
        let most = MOST / self.sparsities.len() as u64;
        if self.seeds == 0 || self.seeds > most {
            return wrong("seeds", format!("{} found, expected 1 to {most}", self.seeds));
        }
        if recipe.train.seed.checked_add(self.seeds).is_none_or(|last| last > i64::MAX as u64) {
            return wrong("seeds", format!("{} from {} on leave the range of seeds", self.seeds, recipe.train.seed));
        }
        Ok(self)
    }

    /// All points, the ones that take longest first, so that no worker is left with a long one at the end.
    fn points(&self, recipe: &Recipe) -> Result<Vec<Point>> {
        let seeds = recipe.train.seed..recipe.train.seed + self.seeds;
        let twins = seeds.clone().filter(|_| self.twin).map(|seed| Point::twin(recipe, seed));
        let sparse = self.sparsities.iter().flat_map(|&sparsity| seeds.clone().map(move |seed| (sparsity, seed)));
        twins.chain(sparse.map(|(sparsity, seed)| Point::sparse(recipe, sparsity, seed, self.control))).collect()
    }
}

/// What happens, for whoever watches.
#[derive(Debug)]
#[non_exhaustive]
pub enum Step<'a> {
    /// Training begins.
    Started {
        /// Points that are finished already.
        finished: usize,
        /// All points.
        points: usize,
        /// Points trained at once.
        workers: usize,
    },
    /// A point is trained, tested and saved.
    Point {
        /// Its models.
        models: &'a [Figures],
        /// Points finished until now.
        finished: usize,
        /// All points.
        points: usize,
    },
}

/// A frontier, ready to go: recipe, plan and data are checked, the output folder is ours.
pub struct Frontier {
    plan: Plan,
    recipe: Recipe,
    parts: Parts,
    points: Vec<Point>,
    resumed: bool,
    _lock: Lock,
}

/// Trains, tests and compares the models of a plan.
///
/// # Errors
/// As [`Frontier::open`] and [`Frontier::run`].
pub fn frontier(
    recipe: Recipe,
    plan: &Plan,
    progress: &dyn Progress,
    watch: &mut (dyn FnMut(&Step<'_>) + Send),
) -> Result<Curve> {
    Frontier::open(recipe, plan.clone())?.run(progress, watch)
}

/// Recipe and plan of the frontier that was begun in `folder`; `None` if none was.
///
/// # Errors
/// Files that cannot be read or are not what they were.
pub fn begun(folder: &Path) -> Result<Option<(Recipe, Plan)>> {
    let path = folder.join(PLAN);
    if !path.exists() {
        return Ok(None);
    }
    let text = std::fs::read(&path).map_err(|e| run::io_error(&path, "read", e))?;
    let plan: Plan = serde_json::from_slice(&text).map_err(|e| Error::Mismatch {
        place: path.display().to_string(),
        problem: format!("{e}; give recipe and sparsities again, without --resume"),
    })?;
    Ok(Some((Recipe::read(&folder.join(run::RECIPE))?, Plan { out: folder.to_owned(), resume: true, ..plan })))
}

impl Frontier {
    /// Checks everything that can be checked before training.
    ///
    /// # Errors
    /// [`Error::Recipe`], also for a plan out of range; those of [`Job::open`](crate::Job::open).
    pub fn open(recipe: Recipe, plan: Plan) -> Result<Self> {
        run::check::kind(&recipe)?;
        let plan = plan.checked(&recipe)?;
        let mut first = recipe;
        // What is checked and completed is the largest model that any point needs.
        first.set(&format!("sparsity.target={}", plan.sparsities[0]))?;
        (first.twin.train, first.twin.control) = (plan.twin, plan.control);
        let (recipe, parts) = run::prepared(first, &plan.out)?;
        let points = plan.points(&recipe)?;
        for point in &points {
            plan::config(&point.recipe, point.roles[0], parts.train.cols(), 0)?.check()?;
        }
        std::fs::create_dir_all(&plan.out).map_err(|e| run::io_error(&plan.out, "make the output folder", e))?;
        let lock = Lock::acquire(&plan.out)?;
        let resumed = plan.resume && plan.out.join(PLAN).exists();
        if !resumed {
            point::forget_all(&plan.out.join(POINTS))?;
        }
        let frontier = Self { plan, recipe, parts, points, resumed, _lock: lock };
        frontier.write(run::RECIPE, frontier.recipe.to_toml().as_bytes())?;
        frontier.write(PLAN, json(&frontier.plan)?.as_bytes())?;
        Ok(frontier)
    }

    /// Whether it goes on from an earlier, interrupted one.
    pub fn resumed(&self) -> bool {
        self.resumed
    }

    /// Writes a file into the output folder, aside and renamed.
    ///
    /// # Errors
    /// [`Error::Model`].
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        Ok(write_aside(&self.plan.out.join(name), bytes)?)
    }

    /// Trains what is not trained yet, and compares.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when `progress` cancelled it, all checkpoints written; [`Error::Point`] with the error of the first
    /// point that failed, the others' checkpoints written; [`Error::Model`] when the disk fails.
    pub fn run(&self, progress: &dyn Progress, watch: &mut (dyn FnMut(&Step<'_>) + Send)) -> Result<Curve> {
        let folders = self.plan.out.join(POINTS);
        let known: Vec<Option<Vec<Figures>>> = match self.resumed {
            true => self.points.iter().map(|point| point.known(&folders, &self.parts.fingerprint)).collect(),
            false => self.points.iter().map(|_| None).collect(),
        };
        let pending: Vec<usize> = (0..known.len()).filter(|&at| known[at].is_none()).collect();
        let room = pending.first().map_or(Ok(1), |&largest| {
            let Point { recipe, roles, .. } = &self.points[largest];
            memory::at_once(recipe, roles[0], &self.parts, parallel::threads())
        })?;
        let workers = room.min(pending.len());
        let (points, finished) = (known.len(), known.len() - pending.len());
        watch(&Step::Started { finished, points, workers });

        let total: u64 = pending.iter().map(|&at| self.points[at].work()).sum();
        progress.start("frontier", total);
        let board = Board { progress, failed: AtomicBool::new(false), done: Mutex::new(0), total };
        let next = AtomicUsize::new(0);
        let shared = Mutex::new((known, finished, watch, None::<Error>));
        let work = || {
            while let Some(&at) = pending.get(next.fetch_add(1, Ordering::Relaxed)) {
                if board.cancelled() {
                    break;
                }
                let outcome = self.points[at].train(&folders, &self.parts, &board);
                let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
                let (known, finished, watch, error) = &mut *shared;
                match outcome {
                    Ok(models) => {
                        *finished += 1;
                        watch(&Step::Point { models: &models, finished: *finished, points });
                        known[at] = Some(models);
                    }
                    // The first one counts; the others were stopped because of it.
                    Err(found) => {
                        board.failed.store(true, Ordering::Relaxed);
                        error.get_or_insert(found);
                    }
                }
            }
        };
        if room == 1 {
            work(); // with all threads on each point
        } else {
            std::thread::scope(|scope| (0..workers).for_each(|_| drop(scope.spawn(|| parallel::in_place(work)))));
        }
        progress.finish();
        let (known, _, _, error) = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
        if progress.cancelled() {
            return Err(Error::Interrupted { checkpoint: self.plan.out.clone() });
        }
        if let Some(error) = error {
            return Err(error);
        }
        let models = known.into_iter().flatten().flatten().collect();
        self.curve(models, workers)
    }

    /// What came of it, written down.
    fn curve(&self, points: Vec<Figures>, workers: usize) -> Result<Curve> {
        let curve = Curve::new(
            points,
            Curve {
                points: Vec::new(),
                summary: Vec::new(),
                knee: None,
                within: None,
                data: self.parts.outcome(),
                recipe: self.recipe.to_toml(),
                folder: self.plan.out.clone(),
                workers,
                isa: kernels::isa().name().to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                resumed: self.resumed,
            },
        );
        self.write(TABLE, curve.csv().as_bytes())?;
        self.write(JSON, json(&curve)?.as_bytes())?;
        Ok(curve)
    }
}

/// A value as JSON for people.
fn json(value: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string_pretty(value);
    let problem = |e: serde_json::Error| Error::Mismatch { place: "frontier".to_owned(), problem: e.to_string() };
    text.map(|text| text + "\n").map_err(problem)
}

/// What all workers report to.
struct Board<'a> {
    progress: &'a dyn Progress,
    /// Whether a point failed: the others then save their state and stop.
    failed: AtomicBool,
    done: Mutex<u64>,
    total: u64,
}

impl Board<'_> {
    /// Adds work done.
    fn add(&self, work: u64, note: &str) {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        *done = (*done + work).min(self.total);
        self.progress.advance(*done, note);
    }
}

impl Progress for Board<'_> {
    fn cancelled(&self) -> bool {
        self.progress.cancelled() || self.failed.load(Ordering::Relaxed)
    }
}

/// Titles of models, for progress notes.
fn label(role: Role, sparsity: Option<f64>, seed: u64) -> String {
    match (role, sparsity) {
        (Role::Control, Some(sparsity)) => format!("small dense like {sparsity}, seed {seed}"),
        (_, Some(sparsity)) => format!("sparsity {sparsity}, seed {seed}"),
        (_, None) => format!("dense twin, seed {seed}"),
    }
}
