//! Figures as they are kept: `docs/scale/measured.csv`, a line for each.

/// One figure: of `store`, with `n` of what the axis counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    pub axis: String,
    pub store: String,
    pub n: u64,
    pub what: String,
    pub value: f64,
}

/// All of them, and when and where they were measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    pub about: String,
    pub figures: Vec<Figure>,
}

const HEADING: &str = "axis,store,n,what,value";

impl Measured {
    pub fn add(&mut self, (axis, store): (&str, &str), n: u64, what: &str, value: f64) {
        // As it is written, so that what is computed now is what is computed from the file.
        let value = format!("{value:.3}").parse().unwrap_or(f64::NAN);
        self.figures.push(Figure {
            axis: axis.to_owned(),
            store: store.to_owned(),
            n,
            what: what.to_owned(),
            value,
        });
    }

    /// The points of a curve.
    pub fn curve(&self, axis: &str, store: &str, what: &str) -> Vec<(f64, f64)> {
        let on_it = self
            .figures
            .iter()
            .filter(|figure| (&*figure.axis, &*figure.store, &*figure.what) == (axis, store, what));
        on_it
            .map(|figure| (figure.n as f64, figure.value))
            .collect()
    }

    /// The last point of a curve, which is the one with the most.
    pub fn last(&self, axis: &str, store: &str, what: &str) -> Result<f64, String> {
        let last = self.curve(axis, store, what).pop();
        last.map(|(_, value)| value)
            .ok_or_else(|| format!("{axis},{store},…,{what} is not measured"))
    }

    pub fn at(&self, axis: &str, store: &str, n: u64, what: &str) -> Result<f64, String> {
        let mut curve = self.curve(axis, store, what).into_iter();
        let found = curve.find(|(at, _)| *at == n as f64);
        found
            .map(|(_, value)| value)
            .ok_or_else(|| format!("{axis},{store},{n},{what} is not measured"))
    }

    pub fn to_csv(&self) -> String {
        let mut csv = format!("# {}\n{HEADING}\n", self.about);
        for figure in &self.figures {
            let Figure {
                axis,
                store,
                n,
                what,
                value,
            } = figure;
            csv += &format!("{axis},{store},{n},{what},{value:.3}\n");
        }
        csv
    }

    pub fn parse(csv: &str) -> Result<Measured, String> {
        let mut lines = csv.lines();
        let about = lines.next().and_then(|line| line.strip_prefix("# "));
        let about = about.ok_or("no first line")?.to_owned();
        if lines.next() != Some(HEADING) {
            return Err(format!("the second line is not {HEADING}"));
        }
        let figure = |line: &str| {
            let [axis, store, n, what, value] = line.split(',').collect::<Vec<_>>()[..] else {
                return Err(format!("not five fields: {line}"));
            };
            Ok(Figure {
                axis: axis.to_owned(),
                store: store.to_owned(),
                n: n.parse().map_err(|error| format!("{line}: {error}"))?,
                what: what.to_owned(),
                value: value.parse().map_err(|error| format!("{line}: {error}"))?,
            })
        };
        let figures: Result<_, String> = lines.map(figure).collect();
        Ok(Measured {
            about,
            figures: figures?,
        })
    }
}
