//! Numbers that a reference has written down as JSON, for tests beside which the reference lies.
//!
//! Each function panics where the file holds something else: it is the test's own.

use serde_json::Value;

/// A whole number.
///
/// # Panics
/// If it is none.
pub fn count(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

/// Numbers in double precision.
///
/// # Panics
/// If it is no list of numbers.
pub fn doubles(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

/// Numbers in single precision.
///
/// # Panics
/// If it is no list of numbers.
pub fn singles(value: &Value) -> Vec<f32> {
    doubles(value).into_iter().map(|number| number as f32).collect()
}

/// Whole numbers, such as rows.
///
/// # Panics
/// If it is no list of whole numbers.
pub fn counts(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(count).collect()
}
