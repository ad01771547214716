//! Figures as a table: each size, how it grows, and what it is of what is aimed at.

use std::{fmt, time::Duration};

/// Something that was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    pub what: String,
    /// `None` where it was not to be had.
    pub much: Option<f64>,
    /// Where `much` is the slowest but a few: the one in the middle.
    pub middle: Option<f64>,
    pub unit: &'static str,
    /// Less than that is aimed at.
    pub aim: Option<f64>,
    /// To the next size it shall grow by no more than that.
    pub growth: Option<f64>,
}

impl Figure {
    pub fn new(what: impl Into<String>, much: impl Into<Option<f64>>, unit: &'static str) -> Figure {
        Figure {
            what: what.into(),
            much: much.into(),
            middle: None,
            unit,
            aim: None,
            growth: None,
        }
    }

    pub fn aim(mut self, aim: f64) -> Figure {
        self.aim = Some(aim);
        self
    }

    pub fn growth(mut self, growth: f64) -> Figure {
        self.growth = Some(growth);
        self
    }

    pub fn middle(mut self, middle: f64) -> Figure {
        self.middle = Some(middle);
        self
    }

    /// By which it grows: what is in the middle is less a matter of chance.
    fn grows_by(&self) -> Option<f64> {
        self.middle.or(self.much)
    }
}

/// What was measured in an organisation of one size.
#[derive(Debug)]
pub struct Column {
    pub people: usize,
    pub figures: Vec<Figure>,
}

impl Column {
    pub fn of(people: usize, figures: Vec<Figure>) -> Column {
        Column { people, figures }
    }

    fn figure(&self, what: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.what == what)
    }
}

#[derive(Debug)]
pub struct Table {
    pub title: String,
    pub columns: Vec<Column>,
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "| {} |", self.title)?;
        for column in &self.columns {
            write!(f, " {} people |", thousands(column.people))?;
        }
        writeln!(f, " growth, last step | aim | of the aim |")?;
        writeln!(f, "|{}", " --- |".repeat(self.columns.len() + 4))?;
        let Some(last) = self.columns.last() else {
            return Ok(());
        };
        for figure in &last.figures {
            write!(f, "| {} |", figure.what)?;
            for column in &self.columns {
                match column.figure(&figure.what) {
                    Some(figure) => write!(f, " {} |", shown(figure))?,
                    None => write!(f, " |")?,
                }
            }
            let before = self.columns.len().checked_sub(2).map(|at| &self.columns[at]);
            let before = before.and_then(|column| column.figure(&figure.what));
            let growth = figure.grows_by().zip(before.and_then(Figure::grows_by));
            let growth = growth
                .map(|(now, before)| now / before)
                .filter(|growth| growth.is_finite());
            let said = growth.map_or(String::new(), |growth| format!("× {growth:.2}"));
            let too_fast = growth.zip(figure.growth).is_some_and(|(growth, most)| growth >= most);
            write!(f, " {said}{} |", if too_fast { " **!**" } else { "" })?;
            let aims = [
                figure.aim.map(|aim| format!("{} {}", said_of(aim), figure.unit)),
                figure.growth.map(|growth| format!("× {growth}")),
            ];
            write!(f, " {} |", aims.into_iter().flatten().collect::<Vec<_>>().join(", "))?;
            let share = figure.much.zip(figure.aim).map(|(much, aim)| much / aim);
            match share {
                Some(share) => {
                    let missed = if share >= 1.0 { " **!**" } else { "" };
                    writeln!(f, " {share:.2}{missed} |")?;
                }
                None => writeln!(f, " |")?,
            }
        }
        Ok(())
    }
}

fn shown(figure: &Figure) -> String {
    match (figure.much, figure.middle) {
        (None, _) => "-".to_owned(),
        (Some(much), None) => format!("{} {}", said_of(much), figure.unit),
        (Some(much), Some(middle)) => format!("{} / {} {}", said_of(middle), said_of(much), figure.unit),
    }
}

fn said_of(much: f64) -> String {
    match much {
        _ if much >= 100.0 => format!("{much:.0}"),
        _ if much >= 10.0 => format!("{much:.1}"),
        _ if much >= 1.0 || much == 0.0 => format!("{much:.2}"),
        _ => format!("{much:.3}"),
    }
}

fn thousands(number: usize) -> String {
    match number {
        0..1_000 => number.to_string(),
        _ => format!("{},{:03}", thousands(number / 1_000), number % 1_000),
    }
}

pub fn micros(took: Duration) -> f64 {
    took.as_secs_f64() * 1e6
}

pub fn millis(took: Duration) -> f64 {
    took.as_secs_f64() * 1e3
}

/// The one in the middle. They are in order afterwards.
pub fn middle(took: &mut [Duration]) -> Duration {
    took.sort_unstable();
    took.get(took.len() / 2).copied().unwrap_or_default()
}

/// Which one in a hundred is slower than. They are in order afterwards.
pub fn slowest(took: &mut [Duration]) -> Duration {
    took.sort_unstable();
    let beyond = (took.len() / 100).max(1);
    took.len().checked_sub(beyond + 1).map_or(Duration::ZERO, |at| took[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is missed, and what grows too fast, cannot be overlooked.
    #[test]
    fn what_is_not_met_is_marked() {
        let page = |middle, slow| Figure::new("a page", slow, "ms").middle(middle).aim(50.0).growth(1.3);
        let table = Table {
            title: "SQLite".to_owned(),
            columns: vec![
                Column::of(
                    1_000,
                    vec![page(10.0, 20.0), Figure::new("what nobody aims at", None, "s")],
                ),
                Column::of(
                    100_000,
                    vec![page(14.0, 60.0), Figure::new("what nobody aims at", 3.0, "s")],
                ),
            ],
        };
        let expected = "\
| SQLite | 1,000 people | 100,000 people | growth, last step | aim | of the aim |
| --- | --- | --- | --- | --- | --- |
| a page | 10.0 / 20.0 ms | 14.0 / 60.0 ms | × 1.40 **!** | 50.0 ms, × 1.3 | 1.20 **!** |
| what nobody aims at | - | 3.00 s |  |  | |
";
        assert_eq!(table.to_string(), expected);
    }

    #[test]
    fn one_in_a_hundred_is_slower_than_the_slowest_but_one() {
        let mut took: Vec<Duration> = (1..=100).rev().map(Duration::from_millis).collect();
        assert_eq!(slowest(&mut took), Duration::from_millis(99));
        let mut took: Vec<Duration> = (1..=1000).map(Duration::from_millis).collect();
        assert_eq!(
            (middle(&mut took), slowest(&mut took)),
            (Duration::from_millis(501), Duration::from_millis(990))
        );
    }
}
