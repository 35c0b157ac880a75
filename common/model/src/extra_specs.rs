//! Extra specs: what a volume type asks of a backend, in Cinder's little language of operators.

use super::{BackendReport, Metadata, PoolReport};
use serde_json::{Map, Value, json};

/// The zones in which volumes of a type may be, separated by commas.
const ZONES: &str = "RESKEY:availability_zones";

/// Whether a pool offers everything that a volume type asks.
#[must_use]
pub fn fits(report: &BackendReport, pool: &PoolReport, extra_specs: &Metadata) -> bool {
    extra_specs.iter().all(|(key, asked)| offers(report, pool, key, asked))
}

/// Whether volumes of a type may be in a zone.
#[must_use]
pub fn allows_zone(extra_specs: &Metadata, zone: &str) -> bool {
    let zones = extra_specs.get(ZONES);
    zones.is_none_or(|zones| zones.split(',').any(|allowed| allowed.trim() == zone))
}

/// Whether a pool offers what an extra spec asks. Keys of other scopes (`quality:speed`) are for somebody
/// else.
fn offers(report: &BackendReport, pool: &PoolReport, key: &str, asked: &str) -> bool {
    let capability = match key.split_once(':') {
        None => key,
        Some(("capabilities", capability)) => capability,
        Some(_) => return true,
    };
    match capabilities(report, pool).get(capability) {
        None | Some(Value::Null) => false,
        Some(Value::Array(offered)) => offered.iter().any(|one| satisfies(&text(one), asked)),
        Some(offered) => satisfies(&text(offered), asked),
    }
}

/// Everything that a worker reported of a pool and its backend.
fn capabilities(report: &BackendReport, pool: &PoolReport) -> Map<String, Value> {
    let fields = |reported: Value| match reported {
        Value::Object(fields) => fields,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    };
    let mut all = fields(json!(report));
    all.extend(fields(json!(pool)));
    all.insert("pool_name".to_owned(), json!(pool.name));
    all
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Whether what is offered satisfies what is asked: a word, or an operator and its operands.
fn satisfies(offered: &str, asked: &str) -> bool {
    let mut words = asked.split_whitespace();
    let Some(operator) = words.next() else { return offered.is_empty() };
    let operands: Vec<&str> = words.collect();
    let operand = operands.join(" ");
    let numbers = || Some((offered.parse::<f64>().ok()?, operand.parse::<f64>().ok()?));
    let compare = |holds: fn(f64, f64) -> bool| numbers().is_some_and(|(a, b)| holds(a, b));
    match operator {
        "=" | ">=" => compare(|offered, asked| offered >= asked),
        "==" => compare(|offered, asked| offered == asked),
        "!=" => compare(|offered, asked| offered != asked),
        "<=" => compare(|offered, asked| offered <= asked),
        ">" => compare(|offered, asked| offered > asked),
        "<" => compare(|offered, asked| offered < asked),
        "s==" => offered == operand,
        "s!=" => offered != operand,
        "s>=" => offered >= operand.as_str(),
        "s>" => offered > operand.as_str(),
        "s<=" => offered <= operand.as_str(),
        "s<" => offered < operand.as_str(),
        "<in>" => offered.contains(&operand),
        "<is>" => truth(offered) == truth(&operand),
        "<all-in>" => operands.iter().all(|operand| offered.contains(operand)),
        "<or>" => operands.iter().filter(|word| **word != "<or>").any(|word| *word == offered),
        _ => offered == asked,
    }
}

/// Whether a text means true.
fn truth(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "true" | "1" | "yes" | "on" | "y" | "t")
}

#[cfg(test)]
mod tests {
    use super::satisfies;

    #[test]
    fn every_operator_does_what_cinders_does() {
        let table = [
            ("1", "1", true),
            ("", "1", false),
            ("3", "= 3", true),
            ("4", "= 3", true),
            ("2", "= 3", false),
            ("2", ">= 3", false),
            ("3", "== 3", true),
            ("3.0", "== 3", true),
            ("4", "!= 3", true),
            ("2", "<= 3", true),
            ("3", "> 3", false),
            ("2", "< 3", true),
            ("x", "> 3", false),
            ("ssd", "s== ssd", true),
            ("ssd", "s!= ssd", false),
            ("b", "s> a", true),
            ("a", "s>= a", true),
            ("a", "s< b", true),
            ("b", "s<= a", false),
            ("12311321", "<in> 11", true),
            ("12310321", "<in> 11", false),
            ("true", "<is> True", true),
            ("false", "<is> True", false),
            ("false", "<is> False", true),
            ("nvme-ssd-fast", "<all-in> ssd nvme", true),
            ("nvme-fast", "<all-in> ssd nvme", false),
            ("hdd", "<or> ssd <or> hdd", true),
            ("tape", "<or> ssd <or> hdd", false),
            ("two words", "two words", true),
        ];
        for (offered, asked, expected) in table {
            assert_eq!(satisfies(offered, asked), expected, "{offered:?} {asked:?}");
        }
    }
}
