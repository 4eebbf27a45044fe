//! PromQL: every vector selector gets the label, wherever it stands.

use std::panic::{AssertUnwindSafe, catch_unwind};

use promql_parser::label::Matcher;
use promql_parser::parser::token::{T_EQL, T_EQL_REGEX};
use promql_parser::parser::{self, AggregateExpr, BinaryExpr, Expr, LabelModifier, VectorSelector};

use super::text::{Piece, Pieces};
use super::{Labels, Refused};

/// Most operators and brackets of a query: each may be one level of its tree, and trees are walked by recursion.
const MAX_OPERATORS: usize = 256;
/// Quotation marks of PromQL.
const QUOTES: &[char] = &['"', '\'', '`'];

/// `query` with `label` in every selector.
///
/// # Errors
/// When the query can't be read whole, or reads more than its selectors say.
pub(super) fn query(query: &str, labels: &Labels) -> Result<String, Refused> {
    let mut expr = parse(query)?;
    let mut added = 0;
    add(&mut expr, labels, &mut added)?;
    printed(&expr, labels, added)
}

/// `selector`, which must be one series selector alone, with `label`.
///
/// # Errors
/// When it is something else.
pub(super) fn selector(selector: &str, labels: &Labels) -> Result<String, Refused> {
    let mut expr = parse(selector)?;
    let Expr::VectorSelector(VectorSelector { offset: None, at: None, .. }) = expr else { return Err(Refused::Malformed) };
    add(&mut expr, labels, &mut 0)?;
    printed(&expr, labels, 1)
}

fn parse(text: &str) -> Result<Expr, Refused> {
    if operators(text)? > MAX_OPERATORS {
        return Err(Refused::TooLarge);
    }
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

/// Adds `label` to every selector below `expr` and counts them. Every kind of expression is named: a new one is an error at
/// compile time, not a hole.
fn add(expr: &mut Expr, labels: &Labels, added: &mut usize) -> Result<(), Refused> {
    match expr {
        Expr::VectorSelector(selector) => narrow(selector, labels, added),
        Expr::MatrixSelector(matrix) => narrow(&mut matrix.vs, labels, added),
        Expr::Aggregate(AggregateExpr { expr, param, modifier, .. }) => {
            if matches!(modifier, Some(LabelModifier::Include(labels)) if labels.is_empty()) {
                // `sum by () (x)` is `sum(x)`, and is printed so.
                *modifier = None;
            }
            param.as_deref_mut().map_or(Ok(()), |param| add(param, labels, added))?;
            add(expr, labels, added)
        }
        Expr::Binary(BinaryExpr { lhs, rhs, modifier, .. }) => {
            if let Some(modifier) = modifier
                && matches!(&modifier.matching, Some(LabelModifier::Exclude(labels)) if labels.is_empty())
            {
                modifier.matching = None;
            }
            add(lhs, labels, added)?;
            add(rhs, labels, added)
        }
        Expr::Unary(unary) => add(&mut unary.expr, labels, added),
        Expr::Paren(paren) => add(&mut paren.expr, labels, added),
        Expr::Subquery(subquery) => add(&mut subquery.expr, labels, added),
        // It joins series that no selector names.
        Expr::Call(call) if call.func.name == "info" => Err(Refused::NotEnforceable),
        Expr::Call(call) => call.args.args.iter_mut().try_for_each(|argument| add(argument, labels, added)),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) => Ok(()),
        Expr::Extension(_) => Err(Refused::NotEnforceable),
    }
}

fn narrow(selector: &mut VectorSelector, labels: &Labels, added: &mut usize) -> Result<(), Refused> {
    // `{a="1" or b="2"}`: a matcher at the end would narrow the last alternative alone.
    if !selector.matchers.or_matchers.is_empty() {
        return Err(Refused::NotEnforceable);
    }
    let matchers = &mut selector.matchers.matchers;
    for label in &labels.0 {
        let operand = label.operand();
        let operator = if label.operator() == "=" { T_EQL } else { T_EQL_REGEX };
        let ours = Matcher::new_matcher(operator, label.name.clone(), operand).map_err(|_| Refused::TooLarge)?;
        // Again and again narrowed is narrowed once.
        if !matchers.contains(&ours) {
            matchers.push(ours);
        }
    }
    // They are printed in this order, and what is printed must read back as what is here.
    matchers.sort_by_cached_key(ToString::to_string);
    *added += 1;
    Ok(())
}

/// The text of an expression, when it reads back as the same expression and has the label in each of `selectors` pairs of braces.
fn printed(expr: &Expr, labels: &Labels, selectors: usize) -> Result<String, Refused> {
    let text = expr.to_string();
    match catch_unwind(AssertUnwindSafe(|| parser::parse(&text))) {
        Ok(Ok(again)) if again == *expr => {}
        _ => return Err(Refused::Malformed),
    }
    if narrowed_braces(&text, labels)? == selectors { Ok(text) } else { Err(Refused::Malformed) }
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
