//! PromQL: every vector selector gets the label, wherever it stands.

mod masked;

use std::panic::{AssertUnwindSafe, catch_unwind};

use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::{self, AggregateExpr, BinaryExpr, Expr, LabelModifier, VectorSelector};

use super::text::{Piece, Pieces};
use super::{Labels, Refused};
use masked::Masked;

/// Most operators and brackets of a query: each may be one level of its tree, and trees are walked by recursion.
const MAX_OPERATORS: usize = 256;
/// Quotation marks of PromQL.
const QUOTES: &[char] = &['"', '\'', '`'];

/// `query` with `label` in every selector.
///
/// # Errors
/// When the query can't be read whole, or reads more than its selectors say.
pub(super) fn query(query: &str, labels: &Labels) -> Result<String, Refused> {
    let narrowing = Narrowing::of(query, labels)?;
    let mut expr = parse(&narrowing.masked.text)?;
    let mut added = 0;
    narrowing.add(&mut expr, &mut added)?;
    narrowing.printed(&expr, added)
}

/// `selector`, which must be one series selector alone, with `label`.
///
/// # Errors
/// When it is something else.
pub(super) fn selector(selector: &str, labels: &Labels) -> Result<String, Refused> {
    let narrowing = Narrowing::of(selector, labels)?;
    let mut expr = parse(&narrowing.masked.text)?;
    let Expr::VectorSelector(VectorSelector { offset: None, at: None, .. }) = expr else { return Err(Refused::Malformed) };
    narrowing.add(&mut expr, &mut 0)?;
    narrowing.printed(&expr, 1)
}

/// What a query says, with stand-ins for what the parser must not read.
#[cfg(any(test, fuzzing))]
pub(super) fn read(query: &str, labels: &Labels) -> Option<Expr> {
    parse(&Masked::of(query, labels).ok()?.text).ok()
}

fn parse(text: &str) -> Result<Expr, Refused> {
    // The parser panics on some durations that overflow.
    match catch_unwind(AssertUnwindSafe(|| parser::parse(text))) {
        Ok(Ok(expr)) => Ok(expr),
        Ok(Err(_)) | Err(_) => Err(Refused::Malformed),
    }
}

/// What may make the tree of a query deeper, counted.
fn operators(text: &str) -> Result<usize, Refused> {
    let (mut count, mut inside) = (0, false);
    for piece in Pieces::of(text, QUOTES)? {
        match piece? {
            Piece::Open => inside = true,
            Piece::Close => inside = false,
            Piece::Text(text) if !inside => {
                count += text.bytes().filter(|b| b"+-*/%^(<>=![@".contains(b)).count();
                let words = text.split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':');
                count += words
                    .filter(|w| ["and", "or", "unless", "atan2", "offset"].iter().any(|o| w.eq_ignore_ascii_case(o)))
                    .count();
            }
            _ => {}
        }
    }
    Ok(count)
}

/// A query, and what narrows it.
struct Narrowing<'l> {
    masked: Masked,
    labels: &'l Labels,
    /// The labels as the parser may see them.
    matchers: Vec<Matcher>,
}

impl<'l> Narrowing<'l> {
    fn of(query: &str, labels: &'l Labels) -> Result<Self, Refused> {
        if operators(query)? > MAX_OPERATORS {
            return Err(Refused::TooLarge);
        }
        let masked = Masked::of(query, labels)?;
        let mut regexes = 0..;
        let matchers = labels.0.iter().map(|label| {
            let operand = match label.operator() {
                "=" => label.operand(),
                _ => masked.stand_in(regexes.next().unwrap_or_default()),
            };
            Matcher::new(MatchOp::Equal, &label.name, &operand)
        });
        let matchers = matchers.collect();
        Ok(Self { masked, labels, matchers })
    }

    /// Adds the labels to every selector below `expr` and counts them. Every kind of expression is named: a new one is an error at
    /// compile time, not a hole.
    fn add(&self, expr: &mut Expr, added: &mut usize) -> Result<(), Refused> {
        match expr {
            Expr::VectorSelector(selector) => self.narrow(selector, added),
            Expr::MatrixSelector(matrix) => self.narrow(&mut matrix.vs, added),
            Expr::Aggregate(AggregateExpr { expr, param, modifier, .. }) => {
                if matches!(modifier, Some(LabelModifier::Include(labels)) if labels.is_empty()) {
                    // `sum by () (x)` is `sum(x)`, and is printed so.
                    *modifier = None;
                }
                param.as_deref_mut().map_or(Ok(()), |param| self.add(param, added))?;
                self.add(expr, added)
            }
            Expr::Binary(BinaryExpr { lhs, rhs, modifier, .. }) => {
                if let Some(modifier) = modifier
                    && matches!(&modifier.matching, Some(LabelModifier::Exclude(labels)) if labels.is_empty())
                {
                    modifier.matching = None;
                }
                self.add(lhs, added)?;
                self.add(rhs, added)
            }
            Expr::Unary(unary) => self.add(&mut unary.expr, added),
            Expr::Paren(paren) => self.add(&mut paren.expr, added),
            Expr::Subquery(subquery) => self.add(&mut subquery.expr, added),
            // It joins series that no selector names.
            Expr::Call(call) if call.func.name == "info" => Err(Refused::NotEnforceable),
            Expr::Call(call) => call.args.args.iter_mut().try_for_each(|argument| self.add(argument, added)),
            Expr::NumberLiteral(_) | Expr::StringLiteral(_) => Ok(()),
            Expr::Extension(_) => Err(Refused::NotEnforceable),
        }
    }

    fn narrow(&self, selector: &mut VectorSelector, added: &mut usize) -> Result<(), Refused> {
        // `{a="1" or b="2"}`: a matcher at the end would narrow the last alternative alone.
        if !selector.matchers.or_matchers.is_empty() {
            return Err(Refused::NotEnforceable);
        }
        let matchers = &mut selector.matchers.matchers;
        for ours in &self.matchers {
            // Again and again narrowed is narrowed once.
            if !matchers.contains(ours) {
                matchers.push(ours.clone());
            }
        }
        // They are printed in this order, and what is printed must read back as what is here.
        matchers.sort_by_cached_key(ToString::to_string);
        *added += 1;
        Ok(())
    }

    /// The text of an expression, when it reads back as the same expression and has the labels in each of `selectors` pairs of
    /// braces.
    fn printed(&self, expr: &Expr, selectors: usize) -> Result<String, Refused> {
        let text = expr.to_string();
        if parse(&text)? != *expr {
            return Err(Refused::Malformed);
        }
        let text = self.masked.restored(&text)?;
        if narrowed_braces(&text, self.labels)? == selectors { Ok(text) } else { Err(Refused::Malformed) }
    }
}

/// Counts pairs of braces and finds the label in each, knowing nothing of the grammar.
fn narrowed_braces(text: &str, labels: &Labels) -> Result<usize, Refused> {
    let (mut pairs, mut inside): (usize, Option<String>) = (0, None);
    let matchers: Vec<_> = labels.0.iter().map(|label| format!(",{label},")).collect();
    for piece in Pieces::of(text, &['"'])? {
        match (piece?, &mut inside) {
            (Piece::Open, None) => inside = Some(",".to_owned()),
            (Piece::Close, Some(content)) => {
                content.push(',');
                if !matchers.iter().all(|matcher| content.contains(matcher)) {
                    return Err(Refused::Malformed);
                }
                pairs += 1;
                inside = None;
            }
            (Piece::Text(text) | Piece::String(text), Some(content)) => content.push_str(text),
            (Piece::Text(_) | Piece::String(_), None) => {}
            (Piece::Open | Piece::Close | Piece::Comment, _) => return Err(Refused::Malformed),
        }
    }
    Ok(pairs)
}
