use plotters::style::RGBColor;

/// Whether a strategy is the co-decision engine, in any of its forms: figures and the report put it first.
///
/// Forms with other options are told by their label, which starts with the engine's name.
pub(crate) fn is_co_decision(strategy: &str) -> bool {
    strategy.starts_with("prioral")
}

/// Baselines in the order of a reader's expectation; the rest follows by name.
const BASELINES: [&str; 7] =
    ["random", "least-confident", "margin", "entropy", "coreset", "badge", "typiclust"];

/// Colours that stay apart for colour-blind readers (Okabe and Ito 2008), sky blue and yellow left out
/// because thin lines of them vanish on white.
const PALETTE: [RGBColor; 6] = [
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 140, 200),
    RGBColor(190, 140, 0),
    RGBColor(120, 94, 160),
    RGBColor(150, 100, 60),
];

/// Strategies in display order: the engine's own, then the baselines.
pub(crate) fn ordered<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names: Vec<&str> = names.into_iter().collect();
    let rank = |name: &str| match name {
        "prioral" => 0,
        "prioral-guarded" => 1,
        name if is_co_decision(name) => 2,
        name => {
            let known = BASELINES.iter().position(|known| *known == name);
            3 + known.unwrap_or(BASELINES.len())
        }
    };
    names.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.cmp(b)));
    names
}

/// The colour of the strategy at `place` of the display order.
pub(super) fn colour(name: &str, place: usize) -> RGBColor {
    match name {
        "prioral" => RGBColor(213, 94, 0),
        "prioral-guarded" => RGBColor(0, 84, 166),
        "random" => RGBColor(128, 134, 145),
        _ => PALETTE[place % PALETTE.len()],
    }
}

/// The same colour as CSS.
pub(crate) fn colour_of(name: &str, place: usize) -> String {
    let RGBColor(red, green, blue) = colour(name, place);
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// A strategy's name as readers know it.
///
/// ```
/// assert_eq!(alfm_report::figures::display_name("prioral-guarded"), "PriorAL guarded");
/// assert_eq!(alfm_report::figures::display_name("least-confident"), "Least confident");
/// ```
pub fn display_name(strategy: &str) -> String {
    if let Some(form) = strategy.strip_prefix("prioral") {
        return format!("PriorAL {}", form.replace('-', " ").trim()).trim().to_owned();
    }
    match strategy {
        "badge" | "bald" | "bait" | "direct" | "galaxy" | "alps" => strategy.to_uppercase(),
        "coreset" => "CoreSet".into(),
        "typiclust" => "TypiClust".into(),
        "probcover" => "ProbCover".into(),
        "dropquery" => "DropQuery".into(),
        "alfamix" => "ALFA-Mix".into(),
        "mlp" => "MLP".into(),
        _ => {
            let words = strategy.replace('-', " ");
            let mut letters = words.chars();
            let first = letters.next().map(|first| first.to_ascii_uppercase());
            first.into_iter().chain(letters).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_comes_first_and_strangers_last() {
        let names = ordered([
            "zeta",
            "badge",
            "random",
            "prioral-x",
            "prioral-guarded",
            "alpha",
            "prioral",
        ]);
        let expected =
            ["prioral", "prioral-guarded", "prioral-x", "random", "badge", "alpha", "zeta"];
        assert_eq!(names, expected);
        assert_eq!(colour_of("prioral", 9), "#d55e00");
        assert_eq!(display_name("prioral"), "PriorAL");
        assert_eq!(display_name("prioral-rho-0.3"), "PriorAL rho 0.3");
    }
}
