//! `rarefy datasets`: the data sets that come with the program.

use rarefy::data::bundled::{Location, datasets};
use serde_json::json;

use crate::number::grouped;
use crate::output::Output;
use crate::table::{Align, Table};

/// List the data sets that come with Rarefy, and where they are
#[derive(clap::Args)]
pub struct Datasets {}

impl Datasets {
    /// Runs the command.
    pub fn run(self, output: &Output) -> anyhow::Result<()> {
        let place = |place: &Location| match place {
            Location::Program => "inside the program".to_owned(),
            Location::Folder(folder) => folder.display().to_string(),
            Location::Missing => "missing; set RAREFY_DATA to the folder that holds it".to_owned(),
        };
        let sets = datasets();
        if output.json {
            let list: Vec<_> = sets
                .iter()
                .map(|set| {
                    json!({
                        "name": set.name, "title": set.title, "train_rows": set.train_rows, "test_rows": set.test_rows,
                        "columns": set.columns, "classes": set.classes, "licence": set.licence, "source": set.source,
                        "available": set.place != Location::Missing, "place": place(&set.place),
                    })
                })
                .collect();
            return output.answer_json(&json!({ "datasets": list }));
        }
        let mut table = Table::new(&[
            ("name", Align::Left),
            ("what it is", Align::Left),
            ("train", Align::Right),
            ("test", Align::Right),
            ("features", Align::Right),
            ("classes", Align::Right),
            ("licence", Align::Left),
            ("where", Align::Left),
        ]);
        for set in &sets {
            table.row([
                set.name.to_owned(),
                set.title.to_owned(),
                grouped(set.train_rows as u64),
                grouped(set.test_rows as u64),
                set.columns.to_string(),
                if set.classes == 0 { "values".to_owned() } else { set.classes.to_string() },
                set.licence.to_owned(),
                place(&set.place),
            ]);
        }
        output.answer(&table.to_string())
    }
}
