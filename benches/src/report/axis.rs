//! The axes of a plot: ranges, ticks and places.

/// How a number becomes a place on an axis.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scale {
    Linear,
    /// Every power of ten has the same length.
    Log,
}

/// An axis. Its title says what it shows, and in which unit.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    pub(super) title: String,
    pub(super) scale: Scale,
}

/// The range of an axis and the ticks on it.
pub(super) struct Range {
    low: f64,
    high: f64,
    scale: Scale,
    pub(super) ticks: Vec<f64>,
}

impl Range {
    pub(super) fn of(values: impl Iterator<Item = f64>, scale: Scale) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|value| value.is_finite()) {
            (low, high) = (low.min(value), high.max(value));
        }
        match scale {
            Scale::Linear => {
                let step = step((high * 1.02).max(1e-9) / 5.0);
                let high = (high * 1.02 / step).ceil() * step;
                let mut ticks = vec![0.0];
                while ticks[ticks.len() - 1] + step <= high * 1.0001 {
                    ticks.push(ticks[ticks.len() - 1] + step);
                }
                Self { low: 0.0, high, scale, ticks }
            }
            Scale::Log => {
                let (first, last) = (low.max(1e-9).log10().floor(), high.max(1e-9).log10().ceil());
                let last = if last > first { last } else { first + 1.0 };
                let mut ticks = vec![first];
                while ticks[ticks.len() - 1] < last {
                    ticks.push(ticks[ticks.len() - 1] + 1.0);
                }
                let ticks = ticks.into_iter().map(|power| 10_f64.powf(power)).collect();
                Self { low: 10_f64.powf(first), high: 10_f64.powf(last), scale, ticks }
            }
        }
    }

    /// 0 at the low end, 1 at the high one.
    pub(super) fn place(&self, value: f64) -> f64 {
        let place = match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Log => (value.max(self.low) / self.low).log10() / (self.high / self.low).log10(),
        };
        place.clamp(0.0, 1.0)
    }
}

/// 1, 2 or 5 times a power of ten, and no less than `least`.
fn step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|part| part * power)
        .find(|step| *step >= least)
        .unwrap_or(power)
}

/// The label of a tick.
pub(super) fn tick(value: f64) -> String {
    match value {
        value if value >= 1e6 => format!("{}M", value / 1e6),
        value if value >= 1e3 => format!("{}k", value / 1e3),
        value if value >= 1.0 || value == 0.0 => format!("{}", (value * 100.0).round() / 100.0),
        value => format!("{}", (value * 1e4).round() / 1e4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_on_a_tick() {
        let range = Range::of([3.0, 740.0].into_iter(), Scale::Log);
        assert_eq!(range.ticks.len(), 4);
        assert!((range.place(1_000.0) - 1.0).abs() < 1e-9);
        let range = Range::of([0.7, 4.6].into_iter(), Scale::Linear);
        assert!((range.ticks[range.ticks.len() - 1] - range.high).abs() < 1e-9);
    }
}
