//! Bars of measured numbers beside their targets, as SVG: `measured.toml` says which.

use std::fmt::{self, Write};

use serde::Deserialize;

/// The numbers that were measured, and the pictures that show them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Each becomes a file of its own.
    pub picture: Vec<Picture>,
}

/// One picture: panels, one below the other.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Picture {
    /// The file's name.
    pub file: String,
    /// What it shows.
    pub title: String,
    /// How many decimals of its numbers are shown.
    #[serde(default = "one")]
    pub decimals: usize,
    /// From top to bottom.
    pub panel: Vec<Panel>,
}

/// Rows that share a scale.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Panel {
    /// What was measured, and with which command.
    pub title: String,
    /// What the numbers of a row are; the others are compared with the first.
    pub series: Vec<String>,
    /// From top to bottom.
    pub row: Vec<Row>,
}

fn one() -> usize {
    1
}

/// One thing that was measured: a kind of packet, mostly.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// What.
    pub label: String,
    /// Nanoseconds, or what the panel's title says; one number for each series.
    pub nanos: Vec<f64>,
    /// Where the target of the second series lies, if it has one.
    pub limit: Option<Limit>,
    /// The target is not met; the page says why.
    #[serde(default)]
    pub missed: bool,
}

/// The most that the second series may have.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Limit {
    /// This many times the first series.
    Times(f64),
    /// The first series divided by this.
    Share(f64),
    /// This much more than the first series.
    More(f64),
    /// This, whatever the first series has.
    Most(f64),
}

impl Measured {
    /// Reads the numbers; every row must have one for each series.
    ///
    /// # Errors
    ///
    /// What is wrong with the text.
    pub fn read(text: &str) -> Result<Self, String> {
        let measured: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        for panel in measured.picture.iter().flat_map(|picture| &picture.panel) {
            for Row { label, nanos, .. } in &panel.row {
                if nanos.len() != panel.series.len() || !(2..=COLOURS.len()).contains(&nanos.len()) {
                    return Err(format!("row `{label}` of `{}` needs a number for each series, 2 or 3", panel.title));
                }
                if !nanos.iter().all(|nanos| nanos.is_finite() && *nanos > 0.0) {
                    return Err(format!("row `{label}` of `{}` has a number that is not positive", panel.title));
                }
            }
        }
        Ok(measured)
    }
}

impl Row {
    /// The target.
    #[must_use]
    pub fn most(&self) -> Option<f64> {
        let first = self.nanos.first()?;
        self.limit.map(|limit| match limit {
            Limit::Times(times) => first * times,
            Limit::Share(share) => first / share,
            Limit::More(more) => first + more,
            Limit::Most(most) => most,
        })
    }
}

const COLOURS: [&str; 3] = ["#9aa5b1", "#2f6fb3", "#8fbce6"];
const LIMIT: &str = "#c0392b";
const WIDTH: f64 = 760.0;
const LEFT: f64 = 220.0;
const LONGEST: f64 = 470.0;
const BAR: f64 = 13.0;
const LINE: f64 = 22.0;
/// The room that a number takes behind its bar.
const NUMBER: f64 = 40.0;

/// Draws the picture: a bar for each number, and a red line across the bars that a target holds.
#[must_use]
pub fn draw(picture: &Picture) -> String {
    let mut body = String::new();
    let mut y = 30.0;
    let mut drawn = text(&mut body, 16.0, y, "font-size='16' font-weight='bold'", &picture.title);
    for panel in &picture.panel {
        y += 34.0;
        drawn = drawn.and_then(|()| draw_panel(&mut body, panel, picture.decimals, &mut y));
    }
    // A string takes everything.
    debug_assert!(drawn.is_ok());
    let height = y + 12.0;
    format!(
        "<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{height}' viewBox='0 0 {WIDTH} {height}' \
         font-family='sans-serif' font-size='12' fill='#1f2933'>\n\
         <rect width='{WIDTH}' height='{height}' fill='#ffffff'/>\n{body}</svg>\n"
    )
}

fn draw_panel(out: &mut String, panel: &Panel, decimals: usize, y: &mut f64) -> fmt::Result {
    text(out, 16.0, *y, "font-weight='bold'", &panel.title)?;
    *y += LINE;
    legend(out, &panel.series, *y)?;
    *y += 12.0;
    let numbers = panel.row.iter().flat_map(|row| row.nanos.iter().copied().chain(row.most()));
    let scale = LONGEST / numbers.fold(0.0, f64::max);
    for row in &panel.row {
        let top = *y;
        let limit = row.most().map(|most| LEFT + most * scale);
        for (place, (nanos, colour)) in row.nanos.iter().zip(COLOURS).enumerate() {
            let long = nanos * scale;
            let end = LEFT + long;
            // The target's line would run through the number.
            let behind = limit.filter(|x| place > 0 && (end..end + NUMBER).contains(x));
            writeln!(out, "<rect x='{LEFT}' y='{y}' width='{long:.1}' height='{BAR}' fill='{colour}'/>")?;
            text(out, behind.unwrap_or(end) + 5.0, *y + 11.0, "font-size='11'", &format!("{nanos:.decimals$}"))?;
            *y += BAR;
        }
        let middle = (top + *y) / 2.0 + 4.0;
        text(out, LEFT - 8.0, middle, "text-anchor='end'", &row.label)?;
        if let Some(x) = limit {
            let (from, to) = (top + BAR, *y);
            writeln!(out, "<path d='M{x:.1} {from}V{to}' stroke='{LIMIT}' stroke-width='2'/>")?;
        }
        *y += 8.0;
    }
    Ok(())
}

/// What the colours mean, in one line.
fn legend(out: &mut String, series: &[String], y: f64) -> fmt::Result {
    let mut x = LEFT;
    for (name, colour) in series.iter().map(String::as_str).zip(COLOURS).chain([("target", LIMIT)]) {
        let (width, top) = if colour == LIMIT { (2.0, y - 10.0) } else { (10.0, y - 9.0) };
        writeln!(out, "<rect x='{x}' y='{top}' width='{width}' height='10' fill='{colour}'/>")?;
        text(out, x + 14.0, y, "", name)?;
        #[expect(clippy::cast_precision_loss, reason = "a few dozen letters")]
        let letters = name.len() as f64;
        x += 32.0 + 6.4 * letters;
    }
    Ok(())
}

fn text(out: &mut String, x: f64, y: f64, style: &str, text: &str) -> fmt::Result {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;");
    writeln!(out, "<text x='{x:.1}' y='{y:.1}' {style}>{escaped}</text>")
}
