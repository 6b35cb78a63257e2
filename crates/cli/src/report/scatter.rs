//! Charts of means with error bars on logarithmic axes, in SVG: what sparsity costs and saves.

use std::fmt::Write as _;

use super::chart::{Axis, BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, decimals, escape};
use crate::number::{bytes, significant};

/// How numbers on the horizontal axis are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Across {
    /// Counts: `20k`, `1M`.
    Count,
    /// Bytes: `20 kB`.
    Bytes,
    /// Seconds.
    Seconds,
}

/// A mean of several seeds.
pub struct Mark {
    /// Where it lies.
    pub x: f64,
    /// Its height, and how far the bar reaches up and down.
    pub y: f64,
    pub deviation: Option<f64>,
    /// What it is, for the tooltip.
    pub text: String,
    /// Whether it is the knee.
    pub knee: bool,
}

/// Marks of one kind of model, joined by a line; `class` gives it its colour.
pub struct Series {
    pub name: String,
    pub class: String,
    pub marks: Vec<Mark>,
}

/// A chart of several kinds of model.
pub struct Scatter {
    pub title: String,
    pub note: String,
    pub across: Across,
    pub x: String,
    /// Whether heights are shares of right answers, 0 to 1: placed by the logarithm of what is missing to 1. Otherwise they are losses.
    pub share: bool,
    pub series: Vec<Series>,
}

/// Where values lie between the bottom (0) and the top (1).
struct Heights {
    share: bool,
    /// The smallest error or loss that is told from none.
    least: f64,
    low: f64,
    high: f64,
}

impl Heights {
    /// Over these marks and their bars.
    fn over(share: bool, marks: &[&Mark]) -> Self {
        let error = |y: f64| if share { 1.0 - y } else { y };
        let least = marks.iter().map(|m| error(m.y)).filter(|e| *e > 0.0).fold(1.0, f64::min) / 2.0;
        let mut heights = Self { share, least, low: 0.0, high: 1.0 };
        let (low, high) = range(marks.iter().flat_map(|m| {
            let bar = m.deviation.unwrap_or(0.0);
            [heights.raw(m.y - bar), heights.raw(m.y + bar)]
        }));
        let margin = 0.05 * (high - low).max(0.1);
        if low <= high {
            (heights.low, heights.high) = (low - margin, high + margin);
        }
        heights
    }

    /// The error or loss of a value, as a number with a logarithm.
    fn error(&self, y: f64) -> f64 {
        (if self.share { 1.0 - y } else { y }).max(self.least)
    }

    /// The logarithm, upwards with the value.
    fn raw(&self, y: f64) -> f64 {
        if self.share { -self.error(y).ln() } else { self.error(y).ln() }
    }

    fn place(&self, y: f64) -> f64 {
        (self.raw(y) - self.low) / (self.high - self.low)
    }

    /// Values to mark, with their texts.
    fn marks(&self) -> Vec<(f64, String)> {
        let mut ends = [self.low, self.high].map(|raw| if self.share { (-raw).exp() } else { raw.exp() });
        ends.sort_by(f64::total_cmp);
        let marks = round_between(ends[0], ends[1]).into_iter();
        match self.share {
            true => marks.map(|e| (1.0 - e, format!("{} %", decimals(100.0 * (1.0 - e), 100.0 * e)))).collect(),
            false => marks.map(|loss| (loss, decimals(loss, loss))).collect(),
        }
    }
}

/// The smallest and the largest.
fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
}

impl Scatter {
    /// The drawing.
    pub fn svg(&self) -> String {
        let all = self.series.iter().flat_map(|series| &series.marks);
        let all: Vec<&Mark> = all.filter(|m| m.x > 0.0 && m.y.is_finite()).collect();
        let (left, right) = match range(all.iter().map(|m| m.x.ln())) {
            (left, right) if left <= right => (left, right),
            _ => (0.0, 1.0),
        };
        let margin = 0.06 * (right - left).max(1.0);
        let (left, right) = (left - margin, right + margin);
        let heights = Heights::over(self.share, &all);
        let across = |x: f64| LEFT + (x.ln() - left) / (right - left) * (RIGHT - LEFT);
        let up = |value: f64| BOTTOM - heights.place(value) * (BOTTOM - TOP);

        let mut svg =
            format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">", escape(&self.title));
        for (mark, text) in heights.marks() {
            let at = up(mark);
            let _ = write!(svg, "<line class=\"mark\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>");
            let (x, y) = (LEFT - 6.0, at + 4.0);
            let _ = write!(svg, "<text class=\"end\" x=\"{x}\" y=\"{y:.1}\">{text}</text>");
        }
        for mark in round_between(left.exp(), right.exp()) {
            let (at, text) = (across(mark), self.along(mark));
            let _ = write!(svg, "<line class=\"mark\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{BOTTOM}\"/>");
            let _ = write!(svg, "<text class=\"middle\" x=\"{at:.1}\" y=\"{}\">{text}</text>", BOTTOM + 16.0);
        }
        let (middle, below) = ((LEFT + RIGHT) / 2.0, BOTTOM + 34.0);
        let _ = write!(svg, "<text class=\"middle name\" x=\"{middle}\" y=\"{below}\">{}</text>", escape(&self.x));
        for series in &self.series {
            draw(&mut svg, series, &across, &up);
        }
        self.legend(&mut svg);
        svg.push_str("</svg>");
        svg
    }

    /// Names of the series, in a row above the frame.
    fn legend(&self, svg: &mut String) {
        let mut x = LEFT;
        for Series { name, class, .. } in &self.series {
            let _ = write!(svg, "<circle class=\"dot {class}\" cx=\"{:.1}\" cy=\"13\" r=\"4\"/>", x + 4.0);
            let _ = write!(svg, "<text x=\"{:.1}\" y=\"17\">{}</text>", x + 13.0, escape(name));
            x += 30.0 + 6.6 * name.chars().count() as f64;
        }
    }

    /// A mark of the horizontal axis: a round number.
    fn along(&self, value: f64) -> String {
        let trimmed = |text: String| match text.contains('.') {
            true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
            false => text,
        };
        match self.across {
            Across::Count if value >= 1e6 => format!("{}M", trimmed(significant(value / 1e6))),
            Across::Count if value >= 1e3 => format!("{}k", trimmed(significant(value / 1e3))),
            Across::Count | Across::Seconds => trimmed(significant(value)),
            Across::Bytes => match bytes(value.round() as u64).split_once(' ') {
                Some((number, unit)) => format!("{} {unit}", trimmed(number.to_owned())),
                None => String::new(),
            },
        }
    }
}

/// A series: its line, error bars, dots with tooltips, and a ring around the knee.
fn draw(svg: &mut String, series: &Series, across: &dyn Fn(f64) -> f64, up: &dyn Fn(f64) -> f64) {
    let class = &series.class;
    let marks = || series.marks.iter().filter(|mark| mark.x > 0.0 && mark.y.is_finite());
    if let ([only], true) = (&series.marks[..], marks().next().is_some()) {
        // A yardstick: its height all across.
        let at = up(only.y);
        let _ = write!(
            svg,
            "<line class=\"line rule {class}\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>"
        );
    }
    let points: Vec<String> = marks().map(|mark| format!("{:.1},{:.1}", across(mark.x), up(mark.y))).collect();
    let _ = write!(svg, "<polyline class=\"line {class}\" points=\"{}\"/>", points.join(" "));
    for mark in marks() {
        let (x, y) = (across(mark.x), up(mark.y));
        if let Some(deviation) = mark.deviation {
            let (top, bottom) = (up(mark.y + deviation), up(mark.y - deviation));
            let _ = write!(
                svg,
                "<path class=\"bar {class}\" d=\"M{x:.1} {top:.1}V{bottom:.1}M{:.1} {top:.1}h6M{:.1} {bottom:.1}h6\"/>",
                x - 3.0,
                x - 3.0
            );
        }
        if mark.knee {
            let _ = write!(svg, "<circle class=\"ring {class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"8\"/>");
            // To the right and below, where a curve that falls to the left leaves room.
            let (x, y) = (x + 9.0, y + 17.0);
            let _ = write!(svg, "<text class=\"knee\" x=\"{x:.1}\" y=\"{y:.1}\">knee</text>");
        }
        let text = escape(&mark.text);
        let _ = write!(
            svg,
            "<circle class=\"dot {class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\"><title>{text}</title></circle>"
        );
    }
}

/// Round numbers from `low` to `high`, six at most: 1, 2 and 5 times powers of ten, or fewer of them; in a narrow range those of a
/// linear axis.
fn round_between(low: f64, high: f64) -> Vec<f64> {
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let inside = |mark: &f64| (low..=high).contains(mark);
    let of = |factors: &[f64]| -> Vec<f64> {
        let decades = (first..=last).map(|power| 10f64.powi(power));
        decades.flat_map(|decade| factors.iter().map(move |factor| factor * decade)).filter(inside).collect()
    };
    let choices: [&[f64]; 3] = [&[1.0, 2.0, 5.0], &[1.0, 3.0], &[1.0]];
    let chosen = choices.into_iter().map(of).find(|marks| (2..=6).contains(&marks.len()));
    chosen.unwrap_or_else(|| {
        let many = of(&[1.0]);
        match many.len() {
            0 | 1 => Axis::over(low, high, 3.0).marks().filter(inside).take(6).collect(),
            n => many.into_iter().step_by(n.div_ceil(6)).collect(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_few_and_inside() {
        assert_eq!(round_between(17_000.0, 2e6), [30_000.0, 100_000.0, 300_000.0, 1e6]);
        assert_eq!(round_between(0.9, 5.5), [1.0, 2.0, 5.0]);
        assert_eq!(round_between(1.2, 2.3), [1.5, 2.0]);
        for (low, high) in [(1.0, 1e9), (3.0, 4.0), (1e-3, 1e12), (7.0, 9.5)] {
            let marks = round_between(low, high);
            assert!(marks.len() <= 6 && marks.iter().all(|m| (low..=high).contains(m)), "{low} {high}: {marks:?}");
        }
    }

    #[test]
    fn accuracies_are_placed_by_what_is_missing() {
        let mark = |y| Mark { x: 1.0, y, deviation: Some(0.001), text: String::new(), knee: false };
        let marks = [mark(0.5), mark(0.98), mark(1.0)];
        let heights = Heights::over(true, &marks.iter().collect::<Vec<_>>());
        let texts: Vec<String> = heights.marks().into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["99 %", "98 %", "95 %", "90 %", "80 %", "50 %"]);
        // From 99 to 90 is as far as from 90 to 0.
        assert!((heights.place(0.99) - 2.0 * heights.place(0.9) + heights.place(0.0)).abs() < 1e-12);
        assert!(marks.iter().all(|m| (0.0..=1.0).contains(&heights.place(m.y))));
        let losses = Heights::over(false, &marks.iter().collect::<Vec<_>>());
        assert!(losses.place(0.5) < losses.place(0.98));
    }

    #[test]
    fn numbers_along_the_axis_are_short() {
        let chart = |across| Scatter {
            title: String::new(),
            note: String::new(),
            across,
            x: String::new(),
            share: true,
            series: Vec::new(),
        };
        assert_eq!(chart(Across::Count).along(20_000.0), "20k");
        assert_eq!(chart(Across::Count).along(3e6), "3M");
        assert_eq!(chart(Across::Bytes).along(5e5), "500 kB");
        assert_eq!(chart(Across::Seconds).along(0.5), "0.5");
        assert!(chart(Across::Seconds).svg().starts_with("<svg"));
    }
}
