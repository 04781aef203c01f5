//! A curve, drawn: an SVG that is read on white and on black, in a browser and on GitHub.

/// One axis.
pub struct Axis {
    /// With the unit.
    pub label: &'static str,
    pub is_log: bool,
    /// Where there is a mark, and what stands there.
    pub ticks: Vec<(f64, String)>,
}

/// One line with its name.
pub struct Line {
    pub name: &'static str,
    pub points: Vec<(f64, f64)>,
}

pub struct Chart {
    pub title: &'static str,
    /// For whoever does not see it.
    pub description: String,
    pub x: Axis,
    pub y: Axis,
    pub lines: Vec<Line>,
}

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 92.0;
const RIGHT: f64 = 170.0;
const TOP: f64 = 48.0;
const BOTTOM: f64 = 58.0;
/// Between two names at the ends of lines.
const APART: f64 = 17.0;

/// Told apart by their dashes as well, and by the names at their ends.
const DASHES: [&str; 5] = ["", "7 4", "2 4", "11 4 2 4", "1 0"];

const STYLE: &str = "
.paper { fill: #ffffff } .ink { fill: #1f2328 } .pale { fill: #59636e }
.grid { stroke: #d1d9e0; stroke-width: 1 } .axis { stroke: #59636e; stroke-width: 1 }
text { font: 13px system-ui, sans-serif } .title { font-weight: 600; font-size: 15px }
.line { fill: none; stroke-width: 2.5; stroke-linejoin: round }
.s0 { stroke: #0550ae } .s1 { stroke: #953800 } .s2 { stroke: #116329 } .s3 { stroke: #8250df } .s4 { stroke: #59636e }
.f0 { fill: #0550ae } .f1 { fill: #953800 } .f2 { fill: #116329 } .f3 { fill: #8250df } .f4 { fill: #59636e }
@media (prefers-color-scheme: dark) {
.paper { fill: #0d1117 } .ink { fill: #f0f6fc } .pale { fill: #9198a1 }
.grid { stroke: #3d444d } .axis { stroke: #9198a1 }
.s0 { stroke: #79c0ff } .s1 { stroke: #ffa657 } .s2 { stroke: #7ee787 } .s3 { stroke: #d2a8ff } .s4 { stroke: #9198a1 }
.f0 { fill: #79c0ff } .f1 { fill: #ffa657 } .f2 { fill: #7ee787 } .f3 { fill: #d2a8ff } .f4 { fill: #9198a1 }
}";

impl Axis {
    /// Powers of ten, named by `name`.
    pub fn log(label: &'static str, from: i32, to: i32, name: impl Fn(f64) -> String) -> Axis {
        let ticks = (from..=to).map(|power| 10_f64.powi(power));
        Axis {
            label,
            is_log: true,
            ticks: ticks.map(|at| (at, name(at))).collect(),
        }
    }

    /// From nought to what is not less than `most`, in four to eight even steps.
    pub fn linear(label: &'static str, most: f64, name: impl Fn(f64) -> String) -> Axis {
        let magnitude = 10_f64.powf((most / 4.0).log10().floor());
        let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|step| step * magnitude);
        let step = steps.into_iter().find(|step| most / step <= 7.0);
        let step = step.unwrap_or(most);
        let count = (most / step).ceil() as usize;
        let ticks = (0..=count).map(|index| index as f64 * step);
        Axis {
            label,
            is_log: false,
            ticks: ticks.map(|at| (at, name(at))).collect(),
        }
    }

    fn place(&self, value: f64) -> f64 {
        let scale = |value: f64| match self.is_log {
            true => value.max(f64::MIN_POSITIVE).log10(),
            false => value,
        };
        let ends = [self.ticks.first(), self.ticks.last()];
        let [from, to] = ends.map(|end| end.map_or(0.0, |(at, _)| scale(*at)));
        ((scale(value) - from) / (to - from)).clamp(0.0, 1.0)
    }
}

impl Chart {
    fn x(&self, value: f64) -> f64 {
        LEFT + self.x.place(value) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - self.y.place(value) * (HEIGHT - TOP - BOTTOM)
    }

    pub fn svg(&self) -> String {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
             aria-labelledby=\"t d\">\n<title id=\"t\">{}</title>\n<desc id=\"d\">{}</desc>\n\
             <style>{STYLE}\n</style>\n<rect class=\"paper\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\n\
             <text class=\"ink title\" x=\"16\" y=\"26\">{}</text>\n",
            escaped(self.title),
            escaped(&self.description),
            escaped(self.title)
        );
        for (at, name) in &self.y.ticks {
            let y = self.y(*at);
            svg += &format!(
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text class=\"pale\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n",
                LEFT - 8.0,
                y + 4.0,
                escaped(name)
            );
        }
        for (at, name) in &self.x.ticks {
            let x = self.x(*at);
            svg += &format!(
                "<line class=\"axis\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{bottom}\" y2=\"{}\"/>\
                 <text class=\"pale\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
                bottom + 5.0,
                bottom + 20.0,
                escaped(name)
            );
        }
        svg += &format!(
            "<line class=\"axis\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{bottom}\" y2=\"{bottom}\"/>\n\
             <text class=\"ink\" x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n\
             <text class=\"ink\" transform=\"translate(18 {:.1}) rotate(-90)\" text-anchor=\"middle\">{}</text>\n",
            f64::midpoint(LEFT, right),
            HEIGHT - 14.0,
            escaped(self.x.label),
            f64::midpoint(TOP, bottom),
            escaped(self.y.label)
        );
        for (index, line) in self.lines.iter().enumerate() {
            let points = line.points.iter();
            let points: Vec<_> = points.map(|(x, y)| (self.x(*x), self.y(*y))).collect();
            let path = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}"));
            svg += &format!(
                "<polyline class=\"line s{index}\" stroke-dasharray=\"{}\" points=\"{}\"/>\n",
                DASHES[index % DASHES.len()],
                path.collect::<Vec<_>>().join(" ")
            );
            for (x, y) in points {
                svg +=
                    &format!("<circle class=\"f{index}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\"/>");
            }
            svg += "\n";
        }
        for (index, y) in self.names() {
            let name = escaped(self.lines[index].name);
            let x = right + 12.0;
            svg += &format!("<text class=\"f{index}\" x=\"{x}\" y=\"{y:.1}\">{name}</text>\n");
        }
        svg + "</svg>\n"
    }

    /// Each name beside the end of its line, and none over another.
    fn names(&self) -> Vec<(usize, f64)> {
        let ends = self.lines.iter().enumerate();
        let end = |line: &Line| line.points.last().map_or(HEIGHT, |(_, y)| self.y(*y) + 4.0);
        let mut names: Vec<_> = ends.map(|(index, line)| (index, end(line))).collect();
        names.sort_by(|one, other| one.1.total_cmp(&other.1));
        for index in 1..names.len() {
            names[index].1 = names[index].1.max(names[index - 1].1 + APART);
        }
        // What has come below the axis goes up again.
        let mut lowest = HEIGHT - BOTTOM + 4.0;
        for name in names.iter_mut().rev() {
            name.1 = name.1.min(lowest);
            lowest = name.1 - APART;
        }
        names
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
