use alfm_lab::savings::Comparison;
use maud::{Markup, html};

/// `0.7153` as `71.5 %`.
pub(super) fn percent(share: f64) -> String {
    // `+ 0.0` turns a rounded -0 into 0.
    format!("{:.1} %", (share * 1000.0).round() / 10.0 + 0.0)
}

/// `0.7153` as `71.5`, for columns whose head names the unit.
pub(super) fn points(share: f64) -> String {
    format!("{:.1}", (share * 1000.0).round() / 10.0 + 0.0)
}

/// A mean with its standard error, in points.
pub(super) fn with_error(mean: f64, error: Option<f64>) -> Markup {
    html! {
        (points(mean))
        @if let Some(error) = error { span.spread { " ± " (points(error)) } }
    }
}

/// A saving with its interval.
pub(super) fn saving(comparison: &Comparison) -> Markup {
    html! {
        (comparison.saving)
        @if let Some(bounds) = comparison.interval { br; span.spread { (bounds) } }
    }
}

/// A table cell whose background grows with `share`.
pub(super) fn heat(share: f64, text: &str) -> Markup {
    html! { td.heat style=(format!("--v:{:.3}", share.clamp(0.0, 1.0))) { (text) } }
}

/// A wide table that scrolls sideways by itself on a narrow screen.
pub(super) fn scroll(table: Markup) -> Markup {
    html! { div.scroll tabindex="0" { (table) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_words() {
        assert_eq!(percent(0.715_34), "71.5 %");
        assert_eq!(points(-0.000_1), "0.0");
        assert_eq!(with_error(0.5, None).into_string(), "50.0");
    }
}
