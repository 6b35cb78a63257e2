//! Line charts in SVG.

use std::fmt::Write as _;

use crate::number::significant;

/// How numbers on the vertical axis are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// As they are.
    Number,
    /// Shares, in percent.
    Percent,
    /// Shares of any magnitude, in percent, on a logarithmic axis.
    LogPercent,
}

/// A line; `class` gives it its colour.
pub struct Line {
    pub name: String,
    pub class: String,
    pub points: Vec<(f64, f64)>,
}

/// A chart of lines over a common horizontal axis.
pub struct Chart {
    pub title: String,
    pub note: String,
    pub x: String,
    pub unit: Unit,
    pub lines: Vec<Line>,
}

/// Size of the drawing in user units; at 340 pixels, the width of a phone, text of 12 units is still 10 pixels high.
pub(super) const WIDTH: f64 = 400.0;
pub(super) const HEIGHT: f64 = 250.0;
/// The plotting area within.
pub(super) const LEFT: f64 = 52.0;
pub(super) const RIGHT: f64 = 390.0;
pub(super) const TOP: f64 = 30.0;
pub(super) const BOTTOM: f64 = 208.0;
/// Points that get a tooltip, per line: more would only lie on each other.
const DOTS: usize = 120;

/// The values between which an axis runs, and where its marks are.
pub(super) struct Axis {
    low: f64,
    high: f64,
    pub step: f64,
    /// Whether places are by the logarithm; `low`, `high` and `step` are then powers of ten.
    log: bool,
}

impl Axis {
    /// An axis over these values, ending at round numbers, with about `marks` marks.
    pub fn over(low: f64, high: f64, marks: f64) -> Self {
        let span = if high > low { high - low } else { high.abs().max(1e-3) * 0.2 };
        let rough = span / marks;
        let power = 10f64.powf(rough.log10().floor());
        let step =
            [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|m| m * power).find(|&s| s >= rough * 0.999).unwrap_or(rough);
        let (low, high) = ((low / step + 1e-9).floor() * step, (high / step - 1e-9).ceil() * step);
        Self { low, high: high.max(low + step), step, log: false }
    }

    /// A logarithmic axis over these values, from a power of ten to another.
    fn decades(low: f64, high: f64) -> Self {
        let (low, high) = (low.max(1e-9).log10().floor(), high.max(1e-9).log10().ceil());
        Self { low, high: high.max(low + 1.0), step: 1.0, log: true }
    }

    /// The marks.
    pub fn marks(&self) -> impl Iterator<Item = f64> + '_ {
        let count = ((self.high - self.low) / self.step).round() as usize;
        (0..=count).map(|i| self.low + i as f64 * self.step).map(|at| if self.log { 10f64.powf(at) } else { at })
    }

    /// Where a value lies, 0 to 1.
    pub fn place(&self, value: f64) -> f64 {
        let value = if self.log { value.max(1e-9).log10() } else { value };
        (value - self.low) / (self.high - self.low)
    }
}

impl Chart {
    /// The drawing.
    pub fn svg(&self) -> String {
        let all = || self.lines.iter().flat_map(|line| &line.points).filter(|(x, y)| x.is_finite() && y.is_finite());
        let x = Axis::over(0.0, all().map(|p| p.0).fold(0.0, f64::max), 5.0);
        let (low, high) = self.range();
        let y = if self.unit == Unit::LogPercent { Axis::decades(low, high) } else { Axis::over(low, high, 4.0) };
        let at = |p: (f64, f64)| (LEFT + x.place(p.0) * (RIGHT - LEFT), BOTTOM - y.place(p.1) * (BOTTOM - TOP));
        let mut svg =
            format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">", escape(&self.title));
        self.axes(&mut svg, &x, &y);
        // What falls below the range, such as the first epoch, is cut off at the frame.
        let (width, height) = (RIGHT - LEFT + 6.0, BOTTOM - TOP + 6.0);
        let _ = write!(
            svg,
            "<svg x=\"{LEFT}\" y=\"{}\" width=\"{width}\" height=\"{height}\" viewBox=\"{LEFT} {} {width} {height}\">",
            TOP - 6.0,
            TOP - 6.0
        );
        for line in &self.lines {
            let points: Vec<String> =
                line.points.iter().map(|&p| at(p)).map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
            let _ = write!(svg, "<polyline class=\"line {}\" points=\"{}\"/>", line.class, points.join(" "));
            let every = line.points.len().div_ceil(DOTS).max(1);
            for &point in line.points.iter().step_by(every) {
                let (cx, cy) = at(point);
                let (x, y) = (significant(point.0), self.show_exactly(point.1));
                let text = escape(&format!("{}, {} {x}: {y}", line.name, self.x));
                let _ = write!(
                    svg,
                    "<circle class=\"dot {}\" cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"3\"><title>{text}</title></circle>",
                    line.class
                );
            }
        }
        svg.push_str("</svg>");
        self.legend(&mut svg);
        svg.push_str("</svg>");
        svg
    }

    /// From which value to which the vertical axis runs: all of them, unless a few at the start lie so far off that the rest
    /// would be flat.
    fn range(&self) -> (f64, f64) {
        let mut values: Vec<f64> =
            self.lines.iter().flat_map(|line| &line.points).map(|p| p.1).filter(|y| y.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let (Some(&low), Some(&high)) = (values.first(), values.last()) else { return (0.0, 1.0) };
        if self.unit == Unit::LogPercent {
            return (low, high);
        }
        let (near_low, near_high) = (values[values.len() / 10], values[values.len() - 1 - values.len() / 10]);
        let falls = self.lines.iter().all(|line| line.points.first().map(|p| p.1) >= line.points.last().map(|p| p.1));
        let enough = 3.0;
        if falls && high - low > enough * (near_high - low) && near_high > low {
            return (low, low + 1.5 * (near_high - low));
        }
        if !falls && high - low > enough * (high - near_low) && high > near_low {
            return (high - 1.5 * (high - near_low), high);
        }
        (low, high)
    }

    /// Frame, marks and names of the axes.
    fn axes(&self, svg: &mut String, x: &Axis, y: &Axis) {
        for mark in y.marks() {
            let at = BOTTOM - y.place(mark) * (BOTTOM - TOP);
            let _ = write!(svg, "<line class=\"mark\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>");
            let _ = write!(
                svg,
                "<text class=\"end\" x=\"{}\" y=\"{:.1}\">{}</text>",
                LEFT - 6.0,
                at + 4.0,
                self.show(mark, y.step)
            );
        }
        for mark in x.marks() {
            let at = LEFT + x.place(mark) * (RIGHT - LEFT);
            let _ = write!(
                svg,
                "<text class=\"middle\" x=\"{at:.1}\" y=\"{}\">{}</text>",
                BOTTOM + 16.0,
                decimals(mark, x.step)
            );
        }
        let _ = write!(
            svg,
            "<text class=\"middle name\" x=\"{}\" y=\"{}\">{}</text>",
            (LEFT + RIGHT) / 2.0,
            BOTTOM + 34.0,
            escape(&self.x)
        );
    }

    /// Names of the lines, in a row above the frame.
    fn legend(&self, svg: &mut String) {
        let mut x = LEFT;
        for line in &self.lines {
            let _ = write!(
                svg,
                "<line class=\"line {}\" x1=\"{x:.1}\" x2=\"{:.1}\" y1=\"13\" y2=\"13\"/>",
                line.class,
                x + 16.0
            );
            let _ = write!(svg, "<text x=\"{:.1}\" y=\"17\">{}</text>", x + 21.0, escape(&line.name));
            x += 36.0 + 6.6 * line.name.chars().count() as f64;
        }
    }

    /// A mark of the vertical axis.
    fn show(&self, value: f64, step: f64) -> String {
        match self.unit {
            Unit::Number => decimals(value, step),
            Unit::Percent => format!("{} %", decimals(100.0 * value, 100.0 * step)),
            Unit::LogPercent => format!("{} %", decimals(100.0 * value, 100.0 * value)),
        }
    }

    /// A value in a tooltip.
    fn show_exactly(&self, value: f64) -> String {
        match self.unit {
            Unit::Number => format!("{value:.4}"),
            Unit::Percent | Unit::LogPercent => format!("{:.2} %", 100.0 * value),
        }
    }
}

/// A number with as many decimals as steps of this size need.
pub(super) fn decimals(value: f64, step: f64) -> String {
    let mut digits = 0;
    while digits < 9 && (step * 10f64.powi(digits)).fract().min(1.0 - (step * 10f64.powi(digits)).fract()) > 1e-6 {
        digits += 1;
    }
    format!("{value:.*}", digits as usize)
}

/// Text for XML.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers() {
        let axis = Axis::over(0.913, 0.984, 4.0);
        let marks: Vec<String> = axis.marks().map(|mark| decimals(mark, axis.step)).collect();
        assert_eq!(marks, ["0.90", "0.92", "0.94", "0.96", "0.98", "1.00"]);
    }

    #[test]
    fn a_single_value_has_an_axis() {
        for value in [0.0, 5.0, -3.0] {
            let axis = Axis::over(value, value, 4.0);
            assert!(axis.low <= value && value <= axis.high && axis.low < axis.high);
            assert!(axis.marks().count() < 20);
        }
    }

    #[test]
    fn a_logarithmic_axis_has_a_mark_for_each_power_of_ten() {
        let axis = Axis::decades(0.0127, 0.77);
        let marks: Vec<String> = axis.marks().map(|mark| decimals(100.0 * mark, 100.0 * mark)).collect();
        assert_eq!(marks, ["1", "10", "100"]);
        assert!((axis.place(0.1) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn a_first_epoch_far_off_does_not_flatten_the_rest() {
        let points: Vec<(f64, f64)> =
            (0..20).map(|i| (f64::from(i), if i == 0 { 0.1 } else { 0.9 + 0.004 * f64::from(i) })).collect();
        let line = Line { name: "a".into(), class: "a".into(), points };
        let chart =
            Chart { title: "t".into(), note: String::new(), x: "epoch".into(), unit: Unit::Percent, lines: vec![line] };
        assert!(chart.range().0 > 0.8, "{:?}", chart.range());
    }
}
