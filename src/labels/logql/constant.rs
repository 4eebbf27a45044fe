//! Queries that read nothing: numbers, `vector()` and operators. Grafana tries a data source with `vector(1)+vector(1)`.

/// Longest such query, bytes, and so the most brackets within each other.
const MAX: usize = 256;
/// Operators, longer ones before those that they begin with.
const OPERATORS: [&str; 12] = ["==", "!=", ">=", "<=", ">", "<", "+", "-", "*", "/", "%", "^"];

/// Whether a query is made of these alone, each of them where it belongs. Anything else may select something: it is not for sure.
pub(super) fn is_constant(query: &str) -> bool {
    let mut reader = Reader(query);
    query.len() <= MAX && reader.expression() && reader.rest().is_empty()
}

/// What is left to be read.
struct Reader<'t>(&'t str);

impl<'t> Reader<'t> {
    /// Operands with operators between them.
    fn expression(&mut self) -> bool {
        while self.operand() {
            if !self.operator() {
                return true;
            }
        }
        false
    }

    fn operand(&mut self) -> bool {
        if self.takes("(") {
            return self.expression() && self.takes(")");
        }
        if self.takes("+") || self.takes("-") {
            return self.number();
        }
        if self.word("vector") { self.takes("(") && self.number() && self.takes(")") } else { self.number() }
    }

    fn operator(&mut self) -> bool {
        if ["and", "or", "unless"].into_iter().any(|word| self.word(word)) {
            return true;
        }
        let Some(operator) = OPERATORS.into_iter().find(|operator| self.takes(operator)) else { return false };
        if operator.contains(['=', '<', '>']) {
            self.word("bool");
        }
        true
    }

    /// Digits, and a point between two of them: a letter behind would make a duration or a size of it.
    fn number(&mut self) -> bool {
        let (number, rest) = self.run();
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let is_number = number.split_once('.').map_or_else(|| digits(number), |(whole, part)| digits(whole) && digits(part));
        if is_number {
            self.0 = rest;
        }
        is_number
    }

    /// Takes a whole word, if it is this one.
    fn word(&mut self, word: &str) -> bool {
        let (run, rest) = self.run();
        if run == word {
            self.0 = rest;
        }
        run == word
    }

    /// What could be one word or number, and what is behind it.
    fn run(&self) -> (&'t str, &'t str) {
        let rest = self.rest();
        rest.split_at(rest.find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '.' | ':')).unwrap_or(rest.len()))
    }

    fn takes(&mut self, text: &str) -> bool {
        let behind = self.rest().strip_prefix(text);
        if let Some(behind) = behind {
            self.0 = behind;
        }
        behind.is_some()
    }

    /// What comes after white space.
    fn rest(&self) -> &'t str {
        self.0.trim_start_matches([' ', '\t', '\n', '\r'])
    }
}
